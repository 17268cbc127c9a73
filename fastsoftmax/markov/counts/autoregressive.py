"""Chains for y' = mu + rho y + e, where e is normal with the deviation sigma: grids of values, and their matrices.

With rho = 0 and three values one deviation apart, each row is 0.309, 0.383 and 0.309: what of a normal distribution
lies below -1/2, from there to 1/2, and above.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Floats

_MOST = 2000  # values: a matrix of 32 MB
_LARGEST = 1e100  # parameter: products of two are finite


class Process(NamedTuple):
    """What is to be made a chain of, checked."""

    n: int
    rho: float
    sigma: float
    mu: float

    def values(self, reach: float) -> Floats:
        """Return values in equal distances: the mean, and this many deviations of y on each side."""
        width = reach * self.sigma / math.sqrt((1.0 - self.rho) * (1.0 + self.rho))
        return np.linspace(-width, width, self.n) + self.mu / (1.0 - self.rho)


def checked(n: Any, rho: Any, sigma: Any, mu: Any) -> Process:
    """Check the parameters of the process."""
    return Process(
        _checks.integer("n", n, 2, _MOST),
        _number("rho", rho, lambda r: np.abs(r) < 1, "a number in (-1, 1)"),
        above_0("sigma", sigma),
        _number("mu", mu, lambda m: np.abs(m) <= _LARGEST, f"a number in [-{_LARGEST:g}, {_LARGEST:g}]"),
    )


def above_0(name: str, value: Any) -> float:
    """Check a number above 0."""
    return _number(name, value, lambda x: (x > 0) & (x <= _LARGEST), f"a number in (0, {_LARGEST:g}]")


def _number(name: str, value: Any, accepted: _checks.Check, expected: str) -> float:
    return float(_checks.per_row(name, value, (), np.float64, accepted, expected)[0])


def tauchen_matrix(process: Process, n_std: float) -> Floats:
    """Return how likely each value comes after each: what of the normal distribution is nearest to it."""
    values = process._replace(mu=0.0, sigma=1.0).values(n_std)
    edges = (values[1:] + values[:-1]) / 2
    scaled = (edges - process.rho * values[:, np.newaxis]) / math.sqrt(2.0)
    above = np.array([[math.erfc(edge) for edge in row] for row in scaled.tolist()]) / 2
    below = np.array([[math.erfc(-edge) for edge in row] for row in scaled.tolist()]) / 2
    matrix = np.empty((process.n, process.n))
    matrix[:, 0], matrix[:, -1] = below[:, 0], above[:, -1]
    middle = scaled[:, 1:] + scaled[:, :-1] > 0.0  # differences of the smaller tails keep their digits
    matrix[:, 1:-1] = np.where(middle, above[:, :-1] - above[:, 1:], below[:, 1:] - below[:, :-1])
    return matrix


def rouwenhorst_matrix(process: Process) -> Floats:
    """Return how likely k' of n - 1 coins show heads after k did, if each stays with probability (1 + rho) / 2."""
    stays, turns = (1.0 + process.rho) / 2, (1.0 - process.rho) / 2
    up, down = [np.ones(1)], [np.ones(1)]  # of so many coins with heads, and with tails: the law of those with heads
    for _ in range(process.n - 1):
        up.append(np.convolve(up[-1], [turns, stays]))
        down.append(np.convolve(down[-1], [stays, turns]))
    return np.array([np.convolve(up[k], down[process.n - 1 - k]) for k in range(process.n)])
