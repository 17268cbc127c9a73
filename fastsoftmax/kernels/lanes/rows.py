"""Rows as lanes: logits, what stands for some of them, and the mask over them, read as one; writes of single numbers.

A row is read by groups of 512 logits: `group_row` gives the row to read a group in.

Of a row of 20 logits `read` at 16 gives logits 16 to 19 and twelve NaN; where the bits of these four are 0b0111, lowest
first, the last one is -inf.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.arrays import moved
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import allow, element, load_as, load_part, store_part
from fastsoftmax.kernels.lanes.numbers import IntRow, Number, Row, Vector, given_or, like, splat

GROUP = 512


@inline
def groups_of(size: int) -> int:
    """Return how many groups a row has."""
    return (size + GROUP - 1) // GROUP


class Overlay(NamedTuple):
    """Copies of groups of a row, in which some logits are others."""

    slots: IntRow  # for each group the place of its copy, -1 where there is none; and one more -1
    copies: Row


class MaskedRow(NamedTuple):
    """A row of logits, what stands for some of them, and the bits of those that are allowed (see `allow`)."""

    logits: Row
    allowed: Row | None  # None for all
    overlay: Overlay | None  # None for nothing


def _laid_over(overlay: Overlay, logits: Row, group: int) -> Row:
    slot = np.int64(overlay.slots[group])
    found: Row = moved(logits, overlay.copies, (slot - group) * GROUP, slot >= 0)
    return found


laid_over = given_or(lambda: _laid_over, lambda overlay, logits, group: logits)
"""Of an overlay, the logits of a row, and a group: the logits, or the copy of the group, by the same indices."""


@inline
def group_row(row: MaskedRow, group: int) -> MaskedRow:
    """Return a row to read a group in, by the indices of the row itself."""
    return MaskedRow(laid_over(row.overlay, row.logits, group), row.allowed, row.overlay)


@inline
def read(row: MaskedRow, i: int, number: Number) -> Vector:
    """Return the logits from i on, -inf where they are not allowed; NaN follows the last one."""
    if i + LANES <= row.logits.size:
        return read_whole(row, i, number)
    fill = like(number, math.nan)  # there are no bits beyond the end
    return read_part(row, i, row.logits.size, fill) if i < row.logits.size else splat(fill)


@inline
def read_whole(row: MaskedRow, i: int, number: Number) -> Vector:
    """Return the sixteen logits from i on, which are all there, -inf where they are not allowed."""
    return allow(load_as(row.logits, i, number), row.allowed, i)


@inline
def read_part(row: MaskedRow, i: int, stop: int, fill: Number) -> Vector:
    """Return the logits from i to stop, -inf where they are not allowed, and the fill after them."""
    return allow(load_part(row.logits, i, stop, fill), row.allowed, i)


@inline
def logit_at(row: MaskedRow, i: int, number: Number) -> Number:
    """Return one logit, whether it is allowed or not."""
    found: Number = element(laid_over(row.overlay, row.logits, i // GROUP), i, number)
    return found


@inline
def fill_row(out: Row, value: Number) -> None:
    """Write one value to the whole row."""
    for i in range(0, out.size, 16):
        store_part(out, i, out.size, splat(value))


@inline
def write(out: Row, index: int, value: Number) -> None:
    """Write one number, rounded to the array's type."""
    start = np.int64(index)
    store_part(out, start, start + 1, splat(value))
