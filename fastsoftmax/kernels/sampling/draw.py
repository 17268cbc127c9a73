"""Draws from masses by the inverse of their running sum: one uniform a draw, the token in index order.

The masses of a group of 512 are added by pieces of 64, so a draw looks for its group among the running sums of the
groups, for its piece, then for its token: no running sum of all masses is ever made.

Of the masses 1, 2 and 1 the uniform number 0.6 asks for 2.4 of 4: the running sums are 1, 3, 4, so token 1 is drawn.
"""

from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, like
from fastsoftmax.kernels.sampling.groups import PIECE, piece_sum


class Draws(NamedTuple):
    """Which uniform numbers the draws of a row take: those of draw `first` and the following ones."""

    seed: np.uint64
    step: np.uint64
    first: np.uint64
    stream: np.uint64


@inline
def draw_group(sums: FloatRow, groups: int, target: float) -> int:
    """Return the first group, or piece, whose running mass exceeds `target`.

    If rounding leaves none, it is the last one with a mass. A group of mass 0 has the running mass of the one before
    it, so it is never the first.
    """
    high = groups - 1
    if not sums[high] > target:
        while high > 0 and sums[high - 1] == sums[high]:
            high -= 1
        return high
    low, left = 0, groups
    while left > 1:  # a binary search without a branch: nobody could foretell it
        half = left >> 1
        low += 0 if sums[low + half - 1] > target else half
        left -= half
    return low


@inline
def add_pieces(masses: Row, start: int, stop: int, number: Number, pieces: FloatRow) -> None:
    """Fill in the running masses of the pieces of masses[start:stop], at most a group, and 0 up to a multiple of 8."""
    running = 0.0
    for piece in range((stop - start + PIECE - 1) // PIECE):
        first = start + piece * PIECE
        running += piece_sum(masses, first, min(first + PIECE, stop), number)
        pieces[piece] = running
    for i in range(stop, (stop + 7) // 8 * 8):
        masses[i] = like(number, 0.0)


@inline
def draw_within(
    masses: Row, start: int, stop: int, share: float, pieces: FloatRow, number: Number
) -> tuple[int, float]:
    """Return the first index in [start, stop) whose running mass exceeds `share` of theirs, and how nearly.

    `pieces` are their running masses. If rounding leaves no such index, it is the last one with a mass; there is one.
    The distance is that of the share from the running masses on both sides of it, relative to the mass of all.
    """
    count = (stop - start + PIECE - 1) // PIECE
    target = share * pieces[count - 1]
    piece = draw_group(pieces, count, target)
    running = pieces[piece - 1] if piece > 0 else 0.0
    at = first = start + piece * PIECE
    stop = min(first + PIECE, stop)
    before = running
    for i in range(first, stop, 8):  # to the end without a branch: nobody could foretell where to stop
        eight = (masses[i] + np.float64(masses[i + 1])) + (masses[i + 2] + np.float64(masses[i + 3]))
        eight += (masses[i + 4] + np.float64(masses[i + 5])) + (masses[i + 6] + np.float64(masses[i + 7]))
        running += eight
        at, before = (at, before) if running > target else (i + 8, running)
    chosen, distance = at, abs(target - before)
    if at < stop:
        for i in range(8):
            before += masses[at + i]
            chosen += 0 if before > target else 1
            distance = min(distance, abs(target - before))
    chosen = min(chosen, stop - 1)  # where rounding leaves none, the last one with a mass
    while not masses[chosen] > like(number, 0.0):
        chosen -= 1
    return chosen, distance / pieces[count - 1]
