"""Rows as lanes: the one reader of logits and of what is allowed of them, and writes of single numbers."""

import math

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import allow, load_as, load_part, store_part
from fastsoftmax.kernels.lanes.numbers import Number, Row, Vector, like, splat


@inline
def read(logits: Row, allowed: Row | None, i: int, number: Number) -> Vector:
    """Return the logits from i on, -inf where they are not allowed; NaN follows the last one."""
    if i + LANES <= logits.size:
        return allow(load_as(logits, i, number), allowed, i)
    z = load_part(logits, i, logits.size, like(number, math.nan))
    return allow(z, allowed, i) if i < logits.size else z  # there are no bits beyond the end


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
