"""log_softmax and logsumexp of the rows of a matrix: the logarithm of the sum, and differences to the maximum.

logsumexp    one read: the maximum, weights and their sum, block by block, as for softmax.
log_softmax  that read, then one more: (z - max) / T - log(sum).

The sum is taken relative to the weight of the maximum. Its logarithm is log1p of what the others weigh, the tail, which
keeps all digits of a tiny one. Limited by the exponentials; short rows have kernels of their own in `short_logs`.

Of the logits 0 and 1 the tail is 0.3679 and the logarithm of the sum 0.3133: logsumexp is 1.3133, log_softmax -1.3133
and -0.3133.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_as, load_part, store, store_part
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, Rows, Vector, blend, fma, larger, like, splat
from fastsoftmax.kernels.lanes.rows import fill_row
from fastsoftmax.kernels.math.exp import log1p, power_of_two
from fastsoftmax.kernels.softmax.long_rows import Buffers, block_buffers, row_sum, row_weights
from fastsoftmax.kernels.softmax.weights import (
    BLOCK,
    Scale,
    block_maximum,
    block_memory,
    block_weights,
    format_of,
    scale_of,
    weight_of,
)


class Inverse(NamedTuple):
    """1 / temperature, as a power of two times a number in two parts."""

    s: Vector
    high: Vector
    low: Vector
    bottom: Vector  # least difference times s: what lies below is -inf once multiplied


@inline
def row_tail(logits: Row, row_largest: Number, scale: Scale, maxima: Row, sums: FloatRow, others: Row) -> float:
    """Return the sum of a row's weights over that of its maximum, less 1: all digits of a tiny tail.

    `others` is memory for the logits of a block.
    """
    _, weight = weight_of(row_largest, scale)
    tail = row_sum(row_largest, scale, maxima, sums) / weight - 1.0
    if not tail < 0.5:
        return tail
    # The subtraction has cost more than a bit. The maximum has no equal then, so its block is weighed without it.
    fill = like(row_largest, -math.inf)
    block = 0
    while maxima[block] != row_largest:
        block += 1
    start = block * BLOCK
    stop = min(start + BLOCK, logits.size)
    for i in range(start, stop, LANES):
        z = load_part(logits, i, stop, fill)
        store(others, i - start, blend(z == splat(row_largest), splat(fill), z))
    maxima[block] = block_maximum(others, 0, stop - start, fill)
    sums[block] = block_weights(others, 0, stop - start, maxima[block], scale, None, None)
    return row_sum(row_largest, scale, maxima, sums) / weight


@jit
def logsumexp(logits: Rows, temperature: FloatRow, number: Number, out: FloatRow) -> None:
    """Write log(sum(exp(logits / temperature))) of each row to the float64 vector `out`: -inf for an all -inf row."""
    logits, out = borrowed(logits), borrowed(out)
    buffers, others = block_buffers(logits.shape[1], number), block_memory(number)
    for row in range(logits.shape[0]):
        t = temperature[min(row, temperature.size - 1)]
        out[row] = logsumexp_row(logits[row], t, number, buffers, others)


@inline
def logsumexp_row(logits: Row, temperature: float, number: Number, buffers: Buffers, others: Row) -> float:
    """Return log(sum(exp(logits / temperature))) of one row."""
    maxima, sums = buffers
    scale = scale_of(temperature, number)
    row_largest = row_weights(logits, scale, number, None, maxima, sums)
    if not (row_largest > -math.inf and row_largest < math.inf):
        return np.float64(row_largest)
    scaled = np.float64(row_largest) / temperature if row_largest != 0.0 else 0.0
    return scaled + log1p(row_tail(logits, row_largest, scale, maxima, sums, others))


@jit
def log_sums(logits: Rows, temperature: FloatRow, number: Number, largest: FloatRow, out: FloatRow) -> None:
    """Write the largest logit of each row and log(sum(exp((logits - largest) / temperature))).

    The sum is NaN where a row has no distribution.
    """
    rows, size = logits.shape
    logits, largest, out = borrowed(logits), borrowed(largest), borrowed(out)
    maxima, sums = block_buffers(size, number)
    others = block_memory(number)
    for row in range(rows):
        scale = scale_of(temperature[min(row, temperature.size - 1)], number)
        row_largest = row_weights(logits[row], scale, number, None, maxima, sums)
        largest[row], out[row] = row_largest, math.nan
        if row_largest > -math.inf:
            out[row] = log1p(row_tail(logits[row], row_largest, scale, maxima, sums, others))


@jit
def log_softmax(logits: Rows, temperature: FloatRow, number: Number, out: Rows) -> None:
    """Write log(softmax(logits / temperature)) of each row to `out`."""
    logits, out = borrowed(logits), borrowed(out)
    buffers, others = block_buffers(logits.shape[1], number), block_memory(number)
    for row in range(logits.shape[0]):
        t = temperature[min(row, temperature.size - 1)]
        log_softmax_row(logits[row], t, number, buffers, others, out[row])


@inline
def log_softmax_row(logits: Row, temperature: float, number: Number, buffers: Buffers, others: Row, out: Row) -> None:
    """Write log(softmax(logits / temperature)) of one row to `out`."""
    maxima, sums = buffers
    scale = scale_of(temperature, number)
    row_largest = row_weights(logits, scale, number, None, maxima, sums)
    if not row_largest > -math.inf:
        fill_row(out, like(number, math.nan))
        return
    log_sum = log1p(row_tail(logits, row_largest, scale, maxima, sums, others))
    if row_largest == math.inf or math.isinf(scale.hi):
        log_ties(logits, row_largest, log_sum, out)
    else:
        log_weights(logits, temperature, row_largest, log_sum, out)


@inline
def log_ties(logits: Row, largest: Number, log_sum: float, out: Row) -> None:
    """Write -log_sum where a logit is the largest, else -inf."""
    top, tie, fill = splat(largest), splat(like(largest, -log_sum)), like(largest, -math.inf)
    for i in range(0, logits.size, 16):
        z = load_part(logits, i, logits.size, fill)
        store_part(out, i, out.size, blend(z == top, tie, splat(fill)))


@inline
def log_weights(logits: Row, temperature: float, largest: Number, log_sum: float, out: Row) -> None:
    """Write (z - largest) / temperature - log_sum."""
    s, high, low, bottom = inverse_of(temperature, largest)
    inverse = Inverse(splat(s), splat(high), splat(low), splat(bottom))
    base, offset = splat(-(largest * s)), splat(like(largest, -log_sum))
    whole = logits.size // LANES * LANES
    if temperature == 1.0:  # the same, without what is exact then
        for i in range(0, whole, LANES):
            store(out, i, (load_as(logits, i, largest) - splat(largest)) + offset)
    else:
        for i in range(0, whole, LANES):
            store(out, i, log_weight(load_as(logits, i, largest), inverse, base, offset))
    if whole < logits.size:
        z = load_part(logits, whole, logits.size, like(largest, -math.inf))
        store_part(out, whole, out.size, log_weight(z, inverse, base, offset))


@inline
def inverse_of(temperature: float, largest: Number) -> tuple[Number, Number, Number, Number]:
    """Return the numbers of an `Inverse` for differences to `largest`."""
    top = format_of(largest).top
    # A quarter of the power of two nearest to 1 / T leaves an inverse of at least 2, so what overflows in u is below
    # `bottom`, and that is beyond the largest number once multiplied.
    s = like(largest, 0.25) * scale_of(temperature, largest).s
    if temperature == math.inf or not abs(largest * s) < like(largest, power_of_two(top - 1)):
        s = like(largest, 0.25)  # no difference of two numbers overflows
    scaled = temperature * s
    inverse = min(1.0 / scaled, power_of_two(top))
    high = like(largest, inverse)
    low = (inverse - high) + fma(-inverse, scaled, 1.0) * inverse if scaled < math.inf else 0.0
    return s, high, like(largest, low), like(largest, -2.001 * (power_of_two(top) / inverse))


@inline
def log_weight(z: Vector, inverse: Inverse, base: Vector, offset: Vector) -> Vector:
    """Return z / temperature + offset, less the largest over the temperature: `base` is minus the largest times s."""
    s, high, low, bottom = inverse
    u = larger(fma(z, s, base), bottom)
    return blend(z > like(z, -math.inf), fma(u, high, fma(u, low, offset)), like(z, -math.inf))
