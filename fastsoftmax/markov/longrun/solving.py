"""x = Q x + b for a matrix Q that walks leave sooner or later, and b that is nowhere negative. Needs SciPy.

    up to 1,000 states   elimination without subtractions, as that of Grassmann, Taksar and Heyman: each entry right to
                         some n roundings, however small (Alfa, Xue and Ye, "Accurate computation of the smallest
                         eigenvalue of a diagonally dominant M-matrix", Mathematics of Computation 71, 2002)
    more                 GMRES (Saad and Schultz, 1986), refined; where it stalls, sparse factors

What is found is checked: I - Q has an inverse without negative entries, so that a remainder r = b + Q x - x of at most
e b anywhere means that x is right to a share of e / (1 - e).

A walk that leaves with probability 1/4 a step takes x = 3/4 x + 1 = 4 steps.
"""

from typing import Any

import numpy as np

from fastsoftmax._types import Floats
from fastsoftmax.markov.longrun.balance import WIDEST, Sparse, scipy_part

_DENSE = 1000
_BLOCK = 64
_INNER, _LONGER, _ROUNDS = 40, 50, 8  # steps of GMRES before it begins anew; how often it does in a long round; rounds
_TOLERANCE = 1e-9  # of the remainder, of the largest entry of b
_ROUNDING = 1e-13  # and of x, which a remainder cannot be told from


def solved(inside: Sparse, leaving: Floats, right: Floats) -> Floats:
    """Return x = Q x + b.

    Parameters
    ----------
    inside : (n, n) sparse
        Q: probabilities, not below 0.
    leaving : (n,) float64
        What is missing of 1 in each row of Q, added up from what leads out.
    right : (n,) float64
        b, not below 0.

    Raises
    ------
    RuntimeError
        If no way comes to a remainder of at most 1e-9.
    """
    if len(right) > _DENSE:
        return _iterated(inside, right)
    return np.asarray(eliminated(inside, leaving, right[:, np.newaxis])[:, 0])


def eliminated(inside: Sparse, leaving: Floats, right: Floats) -> Floats:
    """Return x, of the shape (n, k) of b, by elimination from the last state on: O(n**2 (n + k))."""
    rates, right = np.hstack([leaving[:, np.newaxis], inside.toarray()]), right.copy()
    size = len(rates)
    sums = np.empty(size)
    for stop in range(size, 0, -_BLOCK):
        low = max(stop - _BLOCK, 0)
        for k in range(stop - 1, low - 1, -1):
            sums[k] = rates[k, : k + 1].sum()
            rates[:k, k + 1] /= sums[k]
            rates[low:k, : k + 1] += np.outer(rates[low:k, k + 1], rates[k, : k + 1])
            right[low:k] += np.outer(rates[low:k, k + 1], right[k])
        rates[:low, : low + 1] += rates[:low, low + 1 : stop + 1] @ rates[low:stop, : low + 1]
        right[:low] += rates[:low, low + 1 : stop + 1] @ right[low:stop]
    found = np.empty_like(right)
    for k in range(size):
        found[k] = (right[k] + rates[k, 1 : k + 1] @ found[:k]) / sums[k]
    return found


def _iterated(inside: Sparse, right: Floats) -> Floats:
    """Return x by rounds of corrections: GMRES as long as a round gains two digits, then factors, or longer rounds."""
    linear = scipy_part("sparse.linalg")
    remaining = (scipy_part("sparse").eye_array(len(right), format="csr") - inside).tocsr()
    found, factors, restarts = np.zeros(len(right)), None, 1
    remainder, before = right, np.inf
    for _ in range(_ROUNDS):
        if factors is None:
            step, _ = linear.gmres(remaining, remainder, rtol=1e-8, restart=_INNER, maxiter=restarts)
        else:
            step = factors.solve(remainder)
        found = np.maximum(found + step, 0.0)
        remainder = right - remaining @ found
        left = float(np.abs(remainder).max())
        if left <= _ROUNDING * max(found.max(), right.max()):
            return np.asarray(found)
        if not left < before / 100:
            if factors is not None or restarts > 1:
                break
            factors = _factors(remaining, linear)
            restarts = _LONGER
        before = left
    if left <= _TOLERANCE * right.max():
        return np.asarray(found)
    raise RuntimeError(f"{len(right)} states are too slow to leave: the equations have a remainder of {left:.3g}")


def _factors(remaining: Sparse, linear: Any) -> Any:
    """Return sparse factors, or None where the graph is so wide that they would fill gigabytes."""
    size = remaining.shape[0]
    place = np.argsort(scipy_part("sparse.csgraph").reverse_cuthill_mckee(remaining))
    sources, targets = remaining.tocoo().coords
    if size * int(np.abs(place[sources] - place[targets]).max()) > WIDEST:
        return None
    return linear.splu(
        remaining.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
