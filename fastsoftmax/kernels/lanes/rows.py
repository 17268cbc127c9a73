"""Rows as lanes: logits and the mask over them, read as one, and writes of single numbers.

Of a row of 20 logits `read` at 16 gives logits 16 to 19 and twelve NaN; where the bits of these four are 0b0111, lowest
first, the last one is -inf.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import allow, load_as, load_part, store_part
from fastsoftmax.kernels.lanes.numbers import Number, Row, Vector, like, splat


class MaskedRow(NamedTuple):
    """A row of logits, and the bits of those that are allowed (see `allow`), None for all."""

    logits: Row
    allowed: Row | None


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
def fill_row(out: Row, value: Number) -> None:
    """Write one value to the whole row."""
    for i in range(0, out.size, 16):
        store_part(out, i, out.size, splat(value))


@inline
def write(out: Row, index: int, value: Number) -> None:
    """Write one number, rounded to the array's type."""
    start = np.int64(index)
    store_part(out, start, start + 1, splat(value))
