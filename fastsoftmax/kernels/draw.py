"""Draws from masses by the inverse of their running sum: one uniform a draw, the token in index order."""

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes import FloatRow, Row

PIECE = 512


@inline
def running_sums(masses: Row, count: int, sums: FloatRow) -> float:
    """Fill in the float64 running sums of the first `count` masses; return the last one.

    Each is a sum within its piece and one of the pieces before it, so that 2**20 equal masses lose less than 2**-43.
    """
    before = 0.0
    for start in range(0, count, PIECE):
        within = 0.0
        for i in range(start, min(start + PIECE, count)):
            within += np.float64(masses[i])
            sums[i] = before + within
        before += within
    return before


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
