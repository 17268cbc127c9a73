"""One row without a batch around it: what a call costs matters more here than what a number does.

A row gets what it would get in a batch, bit by bit. One of up to 128 numbers is added up one after the other, as a lane
of `softmax_short` is; up to 512 in lanes, which are added one after the other, as `softmax_group` does; longer ones by
the kernels for any row (`softmax_any` and its like), as what is not plain. They stand apart, so that the first call on
a short plain row does not compile them. A row of 16 takes 0.1 us besides the call.

Of the logits 1 and 2 the weights are added as 0.3705 + 1.0072, and the results are 0.2689 and 0.7311.
"""

import math

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.loads import element
from fastsoftmax.kernels.lanes.numbers import Number, Row, largest_lane, like, splat, sum_in_order
from fastsoftmax.kernels.lanes.rows import MaskedRow
from fastsoftmax.kernels.math.exp import log1p, power_of_two
from fastsoftmax.kernels.softmax.columns import SHORT, plain_references
from fastsoftmax.kernels.softmax.logs import log_softmax_row, log_weights, logsumexp_row
from fastsoftmax.kernels.softmax.long_rows import block_buffers, softmax_row
from fastsoftmax.kernels.softmax.middle_logs import tail_along
from fastsoftmax.kernels.softmax.scaling import factors_of, scale_row, top_of
from fastsoftmax.kernels.softmax.short_logs import add_to_tail, in_units_of_the_largest, no_tail
from fastsoftmax.kernels.softmax.weights import (
    Scale,
    add,
    block_memory,
    bound_of,
    format_of,
    lane_maxima,
    lane_sums,
    scale_of,
    weigh,
)


@jit
def softmax_one(logits: Row, temperature: float, out: Row) -> bool:
    """Write softmax(logits / temperature) of a row of 1 to MIDDLE numbers to `out`, another array of its dtype.

    Returns whether the row was plain: if not, `out` is to be written anew.
    """
    logits, out = borrowed(logits), borrowed(out)
    number, size = element(logits, 0, out[0]), logits.size
    scale = scale_of(temperature, number)
    if scale.s != 1.0 or not scale.hi > 0.0:
        return False
    largest = splat(largest_lane(lane_maxima(MaskedRow(logits, None, None), 0, size, number, False)))
    hi, lo = splat(scale.hi), splat(scale.lo)
    n, plain = plain_references(largest, hi, number)
    octaves = format_of(number).bias - format_of(number).smallest
    total = math.nan
    if plain != 0 and size <= SHORT:
        total = sum_one_by_one(logits, scale, largest_lane(n), out)
    elif plain != 0:
        coarse, fine = lane_sums(logits, hi, lo, n, bound_of(hi, n, octaves), number, out, 0)
        total = sum_in_order(coarse) + sum_in_order(fine)
    if math.isnan(total):
        return False
    unscaled = power_of_two(format_of(number).unscaled)
    factors = factors_of(splat(unscaled / total), splat(total / unscaled), number)
    scale_row(out, 0, size, factors, top_of(largest, hi, lo, n, splat(total), number), True, False, number, out)
    return True


@jit
def softmax_any(logits: Row, temperature: float, out: Row) -> None:
    """Write softmax(logits / temperature) of any row that is not empty to `out`, another array of its dtype."""
    logits, out = borrowed(logits), borrowed(out)
    number = element(logits, 0, out[0])
    scale = scale_of(temperature, number)
    softmax_row(logits, scale, number, out, block_buffers(logits.size, number), False, out)


@jit
def log_softmax_one(logits: Row, temperature: float, out: Row) -> bool:
    """Write log(softmax(logits / temperature)) of a row, as `softmax_one`."""
    logits, out = borrowed(logits), borrowed(out)
    largest, tail = short_tail(logits, temperature, element(logits, 0, out[0]))
    if math.isnan(tail):
        return False
    log_weights(logits, temperature, largest, log1p(tail), out)
    return True


@jit
def log_softmax_any(logits: Row, temperature: float, out: Row) -> None:
    """Write log(softmax(logits / temperature)) of any row, as `softmax_any`."""
    logits, out = borrowed(logits), borrowed(out)
    number = element(logits, 0, out[0])
    buffers, others = block_buffers(logits.size, number), block_memory(number)
    log_softmax_row(logits, temperature, number, buffers, others, out)


@jit
def logsumexp_one(logits: Row, temperature: float) -> float:
    """Return log(sum(exp(logits / temperature))) of a row of 1 to MIDDLE numbers, or NaN where it is not plain."""
    logits = borrowed(logits)
    largest, tail = short_tail(logits, temperature, logits[0])
    if math.isnan(tail):
        return tail
    return np.float64(largest) / temperature + log1p(tail)


@jit
def logsumexp_any(logits: Row, temperature: float) -> float:
    """Return log(sum(exp(logits / temperature))) of any row that is not empty."""
    logits = borrowed(logits)
    number = logits[0]
    buffers, others = block_buffers(logits.size, number), block_memory(number)
    return logsumexp_row(logits, temperature, number, buffers, others)


@inline
def short_tail(logits: Row, temperature: float, number: Number) -> tuple[Number, float]:
    """Return the maximum of a row and its tail, as a batch has it; NaN where the row is not plain."""
    scale = scale_of(temperature, number)
    if scale.s != 1.0 or not scale.hi > 0.0:
        return number, math.nan
    largest = largest_lane(lane_maxima(MaskedRow(logits, None, None), 0, logits.size, number, False))
    lanes, plain = plain_references(splat(largest), splat(scale.hi), number)
    if plain == 0:
        return number, math.nan
    n = largest_lane(lanes)
    if logits.size > SHORT:
        return largest, tail_along(logits, largest, scale.hi, scale.lo, n)
    tail = no_tail(n)
    for i in range(logits.size):
        tail = add_to_tail(element(logits, i, number), largest, scale.hi, scale.lo, n, tail)
    return largest, in_units_of_the_largest(tail, largest, scale.hi, scale.lo, n)


@inline
def sum_one_by_one(logits: Row, scale: Scale, n: Number, weights: Row) -> float:
    """Write the weights of a row; return their sum, added as a lane of `softmax_strip` adds them."""
    _, hi, lo = scale
    format_ = format_of(n)
    grid, fine = like(n, format_.grid), like(n, 0.0)
    coarse = grid
    shift, bound = like(n, format_.rounding + 16.0 * format_.bias) - n, bound_of(hi, n, format_.bias - format_.smallest)
    for i in range(logits.size):
        w = weigh(element(logits, i, n), hi, lo, shift, bound)
        weights[i] = w.w
        coarse, fine = add(w, coarse, fine)
    return np.float64(coarse - grid) + np.float64(fine)
