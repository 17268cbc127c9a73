"""SciPy: scipy.special and scipy.sparse."""

from collections.abc import Iterator

import numpy as np
from scipy import sparse, special
from scipy.sparse import linalg

from bench.data import Array
from bench.graphs import Graph
from bench.race import Contestant

NAME = "SciPy"
DISTRIBUTIONS = ("scipy",)

LARGEST_FACTORED = 2_000  # states


def softmax(function: str, logits: Array, temperature: float, axis: int = -1) -> Iterator[Contestant]:
    """scipy.special.softmax, log_softmax and logsumexp. SciPy has no bfloat16."""
    if logits.dtype.kind != "f":
        return
    one = getattr(special, function)
    t = logits.dtype.type(temperature)
    yield Contestant(NAME, "peer", lambda: one(logits if temperature == 1 else logits / t, axis=axis))


def from_edges(graph: Graph, kind: str) -> Iterator[Contestant]:
    """Make a matrix of rows, in which what stands twice is added up."""
    own, shape = np.array(np.broadcast_to(graph.weights(kind), graph.edges)), (graph.states, graph.states)

    def count() -> None:
        sparse.coo_array((own, graph.ends), shape=shape).tocsr().sum_duplicates()

    yield Contestant(NAME, "peer", count)


def stationary(matrix: sparse.csr_array) -> Iterator[Contestant]:
    """Find the left eigenvector of the largest eigenvalue, by ARPACK."""
    columns = matrix.T.tocsr().astype(np.float64)
    start = np.full(columns.shape[0], 1.0 / columns.shape[0])
    yield Contestant(NAME, "peer", lambda: linalg.eigs(columns, k=1, which="LM", v0=start))


def hitting_times(matrix: sparse.csr_array) -> Iterator[Contestant]:
    """Solve (I - Q) t = 1 over all states but the first, by factors, which take too long of a large matrix."""
    if matrix.shape[0] > LARGEST_FACTORED:
        return
    rest = matrix.tocsr()[1:, 1:]
    system = (sparse.eye_array(rest.shape[0]) - rest).tocsc()
    yield Contestant(NAME, "peer", lambda: linalg.spsolve(system, np.ones(rest.shape[0])))
