"""softmax of the rows of a matrix.

Each row is read once (maximum, weights and their sum, block by block), and what was written is scaled: for a row in
cache about the time of its exponentials. Results beyond any cache are streamed: a read and one write.

A row without a distribution (NaN in it, or all -inf) becomes NaN. Rows are independent and the blocks of a row are
fixed, so every split of the rows among threads gives the same bits.

Of the logits 0 and 1 the weights are 0.3679 and 1 times that of the maximum, and softmax 0.2689 and 0.7311.
"""

import math

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.loads import finish_streams, prefetch_to_write
from fastsoftmax.kernels.lanes.numbers import (
    FloatRow,
    Number,
    Row,
    Rows,
    lane_bits,
    like,
    splat,
)
from fastsoftmax.kernels.lanes.rows import fill_row
from fastsoftmax.kernels.math.exp import exp2, power_of_two
from fastsoftmax.kernels.softmax.scaling import Top, factors_of, near_whole, scale_row
from fastsoftmax.kernels.softmax.weights import (
    BLOCK,
    Scale,
    block_maximum,
    block_weights,
    exponent_between,
    format_of,
    scale_of,
    weight_of,
)

Buffers = tuple[Row, FloatRow]  # the maximum and the sum of each block


@inline
def row_weights(logits: Row, scale: Scale, number: Number, weights: Row | None, maxima: Row, sums: FloatRow) -> Number:
    """Fill in a row's weights, and the maximum and the sum of each block; return the row's maximum (NaN if any is)."""
    row_largest = like(number, -math.inf)
    for block in range(maxima.size):
        start = block * BLOCK
        stop = min(start + BLOCK, logits.size)
        largest = block_maximum(logits, start, stop, number)
        maxima[block] = largest
        sums[block] = block_weights(logits, start, stop, largest, scale, weights, None)
        if math.isnan(sums[block]):
            return like(number, math.nan)
        row_largest = max(row_largest, largest)
    return row_largest


@inline
def row_sum(row_largest: Number, scale: Scale, maxima: Row, sums: FloatRow) -> float:
    """Return the sum of a row's weights relative to its reference (compensated: a row may have a million blocks)."""
    total = 0.0
    lost = 0.0
    for block in range(maxima.size):
        term = sums[block]
        if maxima[block] != row_largest:
            high, low = exponent_between(maxima[block], row_largest, scale)
            term *= exp2(high, low)
        next_total = total + term
        lost += (total - next_total) + term if total >= term else (term - next_total) + total
        total = next_total
    return total + lost


@inline
def block_buffers(size: int, number: Number) -> Buffers:
    """Return the arrays that hold the maximum and the sum of each block of a row."""
    blocks = (size + BLOCK - 1) // BLOCK
    return np.full(blocks, number), np.empty(blocks, np.float64)


@inline
def softmax_row(
    logits: Row, scale: Scale, number: Number, weights: Row, buffers: Buffers, streamed: bool, out: Row
) -> None:
    """Write the softmax of one row to `out`, through `weights`, which may be `out` unless that is streamed."""
    maxima, sums = buffers
    size = logits.size
    unscaled = format_of(number).unscaled
    if streamed:  # lines that are not streamed whole: they are here when their first part is stored
        for edge in range(0, size + BLOCK, BLOCK):
            prefetch_to_write(out, min(edge, size - 1))
    row_largest = row_weights(logits, scale, number, weights, maxima, sums)
    if not row_largest > -math.inf:
        fill_row(out, like(number, math.nan))
        return
    total = row_sum(row_largest, scale, maxima, sums)
    top_weight, top_mass = weight_of(row_largest, scale)
    whole_number = lane_bits(near_whole(splat(total / top_mass), number)) != 0
    top = Top(splat(top_weight if whole_number else like(number, math.nan)), splat(like(number, top_mass / total)))
    for block in range(maxima.size):
        wanted = power_of_two(unscaled) / total
        has_top = maxima[block] == row_largest
        if not has_top:
            high, low = exponent_between(maxima[block], row_largest, scale)
            whole = math.floor(high)
            # What lies below the smallest number is 0 by far; the quotient is never subnormal.
            wanted = exp2(high - whole, low) / total * power_of_two(int(max(whole + unscaled, -1022.0)))
        if wanted < power_of_two(-unscaled):
            wanted = 0.0
        start = block * BLOCK
        stop = min(start + BLOCK, size)
        factors = factors_of(splat(wanted), splat(1.0 / wanted), number)
        scale_row(weights, start, stop, factors, top, has_top, streamed, number, out)


@jit
def softmax(logits: Rows, temperature: FloatRow, number: Number, work: Rows, streamed: bool, out: Rows) -> None:
    """Write softmax(logits / temperature) of each row to `out`.

    `temperature` has one entry, or one a row. `number` is any scalar of the type to compute in; `work` is a matrix of
    that type that holds the weights between the sweeps: `out` itself, or a single row.
    """
    logits, work, out = borrowed(logits), borrowed(work), borrowed(out)
    buffers = block_buffers(logits.shape[1], number)
    for row in range(logits.shape[0]):
        scale = scale_of(temperature[min(row, temperature.size - 1)], number)
        softmax_row(logits[row], scale, number, work[row % work.shape[0]], buffers, streamed, out[row])
    if streamed:
        finish_streams()
