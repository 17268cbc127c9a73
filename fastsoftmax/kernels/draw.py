"""Draws from masses by the inverse of their running sum: one uniform a draw, the token in index order."""

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes import FloatRow, Row


@inline
def running_sums(masses: Row, count: int, before: float, sums: FloatRow) -> float:
    """Fill in the float64 running sums of the first `count` masses, from `before` on; return the last one."""
    total = before
    for i in range(count):
        total += np.float64(masses[i])
        sums[i] = total
    return total


@inline
def draw(sums: FloatRow, start: int, stop: int, target: float) -> int:
    """Return the first index in [start, stop) whose running sum exceeds `target`.

    If rounding leaves none, it is the first that reaches the last sum: the last one with a mass. An entry of mass 0 has
    the sum of the one before it, so it is never the first.
    """
    if not sums[stop - 1] > target:
        last = stop - 1
        while last > start and sums[last - 1] == sums[last]:
            last -= 1
        return last
    low, high = start, stop - 1
    while low < high:
        middle = (low + high) >> 1
        if sums[middle] > target:
            high = middle
        else:
            low = middle + 1
    return low
