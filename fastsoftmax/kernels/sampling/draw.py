"""Draws from masses by the inverse of their running sum: one uniform a draw, the token in index order.

The masses of a group of 512 are added by pieces of 64, so a draw looks for its group among the running sums of the
groups, for its piece, then for its token: no running sum of all masses is ever made.

Of the masses 1, 2 and 1 the uniform number 0.6 asks for 2.4 of 4: the running sums are 1, 3, 4, so token 1 is drawn.
"""

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, like
from fastsoftmax.kernels.sampling.groups import PIECE, group_sum, piece_sum


@inline
def draw_group(sums: FloatRow, groups: int, target: float) -> int:
    """Return the first group whose running mass exceeds `target`.

    If rounding leaves none, it is the last one with a mass. A group of mass 0 has the running mass of the one before
    it, so it is never the first.
    """
    low, high = 0, groups - 1
    if not sums[high] > target:
        while high > 0 and sums[high - 1] == sums[high]:
            high -= 1
        return high
    while low < high:
        middle = (low + high) >> 1
        if sums[middle] > target:
            high = middle
        else:
            low = middle + 1
    return low


@inline
def draw_within(masses: Row, start: int, stop: int, share: float, number: Number) -> int:
    """Return the first index in [start, stop) whose running mass exceeds `share` of theirs, at most a group.

    If rounding leaves none, it is the last one with a mass; the group has one.
    """
    target = share * group_sum(masses, start, stop, number)
    running = before = 0.0
    last = start
    for piece in range(start, stop, PIECE):
        mass = piece_sum(masses, piece, min(piece + PIECE, stop), number)
        if mass > 0.0:
            last, before = piece, running
        running += mass
        if running > target:
            break
    chosen, running = last, before
    for i in range(last, min(last + PIECE, stop)):
        if masses[i] > like(number, 0.0):
            chosen = i
            running += masses[i]
            if running > target:
                break
    return chosen
