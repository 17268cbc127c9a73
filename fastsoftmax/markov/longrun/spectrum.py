"""How fast a chain forgets where it began: eigenvalues, distances, and whether it runs backwards alike. Needs SciPy.

Where sun stays with 0.9 and rain with 0.5, what a walk remembers shrinks by 0.4 a token: the gap is 0.6.
"""

import numpy as np

from fastsoftmax._types import Floats, Positions
from fastsoftmax.markov.longrun.balance import Sparse, scipy_part
from fastsoftmax.markov.longrun.graph import Graph, shares_in

_DENSE = 1000  # states whose eigenvalues are all computed
_MOST_DENSE = 2000  # states whose powers are
_SAME = 1e-12


def tokens_matrix(graph: Graph, nodes: Positions) -> Sparse:
    """Return the steps among the nodes of a closed class by tokens: without the start, which takes no time."""
    matrix = graph.matrix()[nodes][:, nodes]
    if graph.start not in nodes:
        return matrix
    begin = matrix[[0], 1:]  # the start is the first node of all
    return (matrix[1:, 1:] + matrix[1:, [0]] @ (begin / begin.sum())).tocsr()


def second_eigenvalue(matrix: Sparse) -> float:
    """Return the modulus of the second largest eigenvalue of a stochastic matrix."""
    size = matrix.shape[0]
    if size <= _DENSE:
        moduli = np.sort(np.abs(np.linalg.eigvals(matrix.toarray())))
        return float(min(moduli[-2], 1.0)) if size > 1 else 0.0
    linear = scipy_part("sparse.linalg")
    try:
        values = linear.eigs(
            matrix, k=2, which="LM", v0=np.random.default_rng(0).random(size), return_eigenvectors=False, tol=1e-12
        )
    except linear.ArpackError as error:
        raise RuntimeError(f"the eigenvalues of {size} states do not converge: {error}") from None
    return float(min(np.sort(np.abs(values))[0], 1.0))


def steps_to_mix(matrix: Sparse, shares: Floats, distance: float) -> int:
    """Return the first number of steps after which walks from any state are that near to their shares of time.

    Powers are doubled until one is near enough, and the steps between are found by halves: the distance never grows.
    """
    if matrix.shape[0] > _MOST_DENSE:
        raise ValueError(f"{matrix.shape[0]} states make a matrix too large, expected at most {_MOST_DENSE}")

    def mixed(power: Floats) -> bool:
        return bool(np.abs(power - shares).sum(axis=1).max() / 2 <= distance)

    if mixed(np.eye(len(shares))):
        return 0
    powers = [matrix.toarray()]
    while not mixed(powers[-1]):
        power = powers[-1] @ powers[-1]
        powers.append(power / power.sum(axis=1, keepdims=True))
        if len(powers) > 60:
            raise RuntimeError("walks take more than 2**60 tokens to mix")
    last, steps = np.eye(len(shares)), 0  # not mixed yet
    for place in range(len(powers) - 2, -1, -1):
        tried = last @ powers[place]
        if not mixed(tried):
            last, steps = tried, steps + 2**place
    return steps + 1


def flows(graph: Graph, nodes: Positions) -> tuple[Sparse, Floats]:
    """Return how often each step is taken, of all steps, and the shares of a closed class, both by tokens."""
    shares = shares_in(graph, nodes)
    shares = shares[1:] / shares[1:].sum() if graph.start in nodes else shares
    matrix = tokens_matrix(graph, nodes).copy()
    matrix.data *= np.repeat(shares, np.diff(matrix.indptr))
    return matrix, shares


def runs_both_ways(flow: Sparse) -> bool:
    """Whether each step is taken as often as the one back, within a share of 1e-12."""
    back = flow.T.tocsr()
    return bool((abs(flow - back) > _SAME * flow.maximum(back)).nnz == 0)
