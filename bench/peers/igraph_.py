"""igraph: Graph.random_walk over a graph with weights, one walk after the other. One thread."""

from collections.abc import Iterator

import igraph
import numpy as np

from bench.chains import Corpus
from bench.graphs import Graph, Numbers
from bench.peers.matrix import transition_matrix
from bench.race import Contestant

NAME = "igraph"
DISTRIBUTIONS = ("igraph",)

LARGEST = 20_000_000  # edges: a graph takes some 100 bytes for each
STEPS = 20_000  # a step adds up all weights of a node: enough for a figure


def walk(corpus: Corpus, n: int, length: int) -> Iterator[Contestant]:
    """Walk from the boundary, which is a vertex here; igraph returns a list of Python integers."""
    matrix = transition_matrix(corpus)
    if matrix.nnz > LARGEST:
        return
    sources = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    graph = igraph.Graph(
        n=matrix.shape[0],
        edges=np.column_stack((sources, matrix.indices)),
        directed=True,
        edge_attrs={"weight": matrix.data},
    )
    walks = max(1, min(n, STEPS // length))

    def draw() -> list[list[int]]:
        return [graph.random_walk(0, length, mode="out", weights="weight") for _ in range(walks)]

    yield Contestant(NAME, "peer", draw, units=walks * length)


def walk_from(graph: Graph, starts: Numbers, length: int) -> Iterator[Contestant]:
    """Walk from each of some nodes, over edges without weights."""
    made = igraph.Graph(n=graph.states, edges=np.column_stack(graph.ends), directed=True)
    some = starts[: max(1, STEPS // length)].tolist()

    def draw() -> list[list[int]]:
        return [made.random_walk(start, length - 1, mode="out") for start in some]

    yield Contestant(NAME, "peer", draw, units=len(some) * length)
