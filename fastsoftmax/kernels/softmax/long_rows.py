"""softmax, log_softmax and logsumexp of the rows of a matrix.

softmax      reads each row once (maximum, weights and their sum, block by block) and scales what it wrote: for a row in
             cache about the time of its exponentials. Results beyond any cache are streamed: a read and one write.
logsumexp    the same read without a store.
log_softmax  that read, then one more: (z - max) / T - log(sum).

A row without a distribution (NaN in it, or all -inf) becomes NaN. Rows are independent and the blocks of a row are
fixed, so every split of the rows among threads gives the same bits.

Of the logits 0 and 1 logsumexp is 1.3133, softmax 0.2689 and 0.7311, log_softmax -1.3133 and -0.3133.
"""

import math

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.loads import borrowed, element, finish_streams, load_part, prefetch_to_write, store_part
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, Rows, blend, fma, lane_bits, larger, like, splat
from fastsoftmax.kernels.lanes.rows import fill_row
from fastsoftmax.kernels.math.exp import exp2, log1p, power_of_two
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
def row_tail(logits: Row, row_largest: Number, scale: Scale, maxima: Row, sums: FloatRow) -> float:
    """Return the sum of a row's weights over that of its first maximum, less 1: all digits of a tiny tail."""
    fill = like(row_largest, -math.inf)
    block = 0
    while maxima[block] != row_largest:
        block += 1
    start = block * BLOCK
    stop = min(start + BLOCK, logits.size)
    first = start
    while element(logits, first, row_largest) != row_largest:
        first += 1
    _, weight = weight_of(row_largest, scale)
    tail = row_sum(row_largest, scale, maxima, sums) / weight - 1.0
    if tail < 0.5:  # the subtraction has cost more than a bit
        alone = np.full(BLOCK, fill)
        for i in range(stop - start):
            alone[i] = element(logits, start + i, fill)
        alone[first - start] = fill
        maxima[block] = block_maximum(alone, 0, stop - start, fill)
        sums[block] = block_weights(alone, 0, stop - start, maxima[block], scale, None, None)
        tail = row_sum(row_largest, scale, maxima, sums) / weight
    return tail


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


@jit
def logsumexp(logits: Rows, temperature: FloatRow, number: Number, out: FloatRow) -> None:
    """Write log(sum(exp(logits / temperature))) of each row to the float64 vector `out`: -inf for an all -inf row."""
    rows, size = logits.shape
    logits, out = borrowed(logits), borrowed(out)
    maxima, sums = block_buffers(size, number)
    for row in range(rows):
        t = temperature[min(row, temperature.size - 1)]
        scale = scale_of(t, number)
        row_largest = row_weights(logits[row], scale, number, None, maxima, sums)
        out[row] = row_largest
        if row_largest > -math.inf and row_largest < math.inf:
            scaled = np.float64(row_largest) / t if row_largest != 0.0 else 0.0
            out[row] = scaled + log1p(row_tail(logits[row], row_largest, scale, maxima, sums))


@jit
def log_sums(logits: Rows, number: Number, largest: FloatRow, out: FloatRow) -> None:
    """Write the largest logit of each row and log(sum(exp(logits - largest))), NaN where it has no distribution."""
    rows, size = logits.shape
    logits, largest, out = borrowed(logits), borrowed(largest), borrowed(out)
    maxima, sums = block_buffers(size, number)
    scale = scale_of(1.0, number)
    for row in range(rows):
        row_largest = row_weights(logits[row], scale, number, None, maxima, sums)
        largest[row], out[row] = row_largest, math.nan
        if row_largest > -math.inf:
            out[row] = log1p(row_tail(logits[row], row_largest, scale, maxima, sums))


@jit
def log_softmax(logits: Rows, temperature: FloatRow, number: Number, out: Rows) -> None:
    """Write log(softmax(logits / temperature)) of each row to `out`."""
    rows, size = logits.shape
    logits, out = borrowed(logits), borrowed(out)
    maxima, sums = block_buffers(size, number)
    for row in range(rows):
        t = temperature[min(row, temperature.size - 1)]
        scale = scale_of(t, number)
        row_largest = row_weights(logits[row], scale, number, None, maxima, sums)
        if not row_largest > -math.inf:
            fill_row(out[row], like(number, math.nan))
            continue
        log_sum = log1p(row_tail(logits[row], row_largest, scale, maxima, sums))
        if row_largest == math.inf or math.isinf(scale[1]):
            log_ties(logits[row], row_largest, log_sum, out[row])
        else:
            log_weights(logits[row], t, row_largest, log_sum, out[row])


@inline
def log_ties(logits: Row, largest: Number, log_sum: float, out: Row) -> None:
    """Write -log_sum where a logit is the largest, else -inf."""
    top, tie, fill = splat(largest), splat(like(largest, -log_sum)), like(largest, -math.inf)
    for i in range(0, logits.size, 16):
        z = load_part(logits, i, logits.size, fill)
        store_part(out, i, out.size, blend(z == top, tie, splat(fill)))


@inline
def log_weights(logits: Row, temperature: float, largest: Number, log_sum: float, out: Row) -> None:
    """Write (z - largest) / temperature - log_sum; 1 / temperature is a power of two times a number in two parts."""
    fill = like(largest, -math.inf)
    top = format_of(largest).top
    # A quarter of the power of two nearest to 1 / T leaves an inverse of at least 2, so what overflows in u is below
    # `bottom`, and that is beyond the largest number once multiplied.
    s = like(largest, 0.25) * scale_of(temperature, largest)[0]
    if temperature == math.inf or not abs(largest * s) < like(largest, power_of_two(top - 1)):
        s = like(largest, 0.25)  # no difference of two numbers overflows
    scaled = temperature * s
    inverse = min(1.0 / scaled, power_of_two(top))
    high = like(largest, inverse)
    low = (inverse - high) + fma(-inverse, scaled, 1.0) * inverse if scaled < math.inf else 0.0
    a, b, c = splat(high), splat(like(largest, low)), splat(s)
    base, offset = splat(-(largest * s)), splat(like(largest, -log_sum))
    bottom = splat(like(largest, -2.001 * (power_of_two(top) / inverse)))
    for i in range(0, logits.size, 16):
        z = load_part(logits, i, logits.size, fill)
        u = larger(fma(z, c, base), bottom)
        store_part(out, i, out.size, blend(z > splat(fill), fma(u, a, fma(u, b, offset)), splat(fill)))
