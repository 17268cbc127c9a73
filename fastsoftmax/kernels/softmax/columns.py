"""softmax down the columns of a matrix, sixteen at a time: a column is a lane, with a reference of its own.

softmax_columns  along an axis that is not the last: three sweeps down a strip of 16 columns (maximum; weights and sums;
                 scaling), the first from memory, the others from cache where the strip fits.
softmax_short    rows too short to fill vectors: tiles of 16 rows are turned in registers, and back.

Limited by the exponentials, as rows are, and by the turning (four shuffles a vector each way). What a column gets does
not depend on its neighbours. The few that need more than a plain reference (T = 0, infinities, NaN, exponents beyond
2**17) go one by one through the kernel for rows.

Of the rows (0, 1) and (1, 1) along axis 0 the columns become (0.2689, 0.7311) and (0.5, 0.5).
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import (
    element,
    load,
    load_part,
    prefetch_far,
    prefetch_to_write,
    store,
    store_part,
    until_line,
)
from fastsoftmax.kernels.lanes.numbers import (
    FloatRow,
    Number,
    Row,
    Rows,
    Vector,
    lane_bits,
    larger,
    like,
    lowest_bit,
    splat,
    unordered,
    widen,
)
from fastsoftmax.kernels.lanes.transpose import turn
from fastsoftmax.kernels.math.exp import power_of_two
from fastsoftmax.kernels.softmax.long_rows import block_buffers, softmax_row
from fastsoftmax.kernels.softmax.scaling import exactly, factors_of, top_of
from fastsoftmax.kernels.softmax.weights import BLOCK, add, bound_of, format_of, scale_of, weigh

PANEL = 8  # strips whose lines are asked for row by row: memory likes neighbours
SHORT = 128  # rows up to this length are turned
ADDED = BLOCK // LANES  # weights that a lane adds up before its sum leaves the grid


class Strip(NamedTuple):
    """Sixteen columns of an array: where the first one starts, and how far apart the rows are."""

    array: Row
    start: int
    stride: int


class Ahead(NamedTuple):
    """What is read and written next, to be asked for meanwhile: its first line, rows apart, and lines done."""

    source: Row
    target: Row
    first: int
    apart: int
    done: int


@inline
def scales_to(temperature: FloatRow, first: int, count: int, number: Number, scales: Rows) -> None:
    """Fill in hi and lo of `count` lanes; one that is not plain has hi = inf, which leaves its column out."""
    for lane in range(count):
        s, hi, lo = scale_of(temperature[min(first + lane, temperature.size - 1)], number)
        scales[0, lane] = hi if s == 1.0 and hi > 0.0 else like(number, math.inf)
        scales[1, lane] = lo


@inline
def plain_references(largest: Vector, hi: Vector, number: Number) -> tuple[Vector, int]:
    """Return the n of `reference_of` for each lane, and the bits of the lanes that need nothing else."""
    t = largest * hi
    rounding, far = splat(like(number, format_of(number).rounding)), splat(like(number, 2.0**21))
    return (t + rounding) - rounding, lane_bits((t < far) & (like(far, 0.0) - far < t))


@inline
def softmax_strip(
    logits: Strip, width: int, size: int, scales: Rows, number: Number, weights: Row, out: Strip, ahead: Ahead
) -> int:
    """Write the softmax of `width` columns to `out`, by way of `weights`, 16 numbers a row.

    Returns the bits of the columns that are not plain, 0 for none. If there are any, the results of the others are left
    in `weights`, and `out` is untouched. Asks for one line of what comes `ahead` per row.
    """
    source, start, stride = logits
    target, to, step = out
    coming, coming_out, lines, apart, done = ahead
    format_ = format_of(number)
    none, fill = splat(like(number, 0.0)), like(number, 0.0)
    hi, lo = load(scales[0], 0), load(scales[1], 0)
    largest = column_maxima(logits, width, size, number)
    n, plain = plain_references(largest, hi, number)
    shift = splat(like(number, format_.rounding + 16.0 * format_.bias)) - n
    bound = bound_of(hi, n, format_.bias - format_.smallest)
    grid = splat(like(number, format_.grid))
    total = lost = widen(none)
    for begin in range(0, size, ADDED):
        coarse, fine = grid, none
        for j in range(begin, min(begin + ADDED, size)):
            line = lines + (done + j) // PANEL * apart + (done + j) % PANEL * LANES
            prefetch_far(coming, line)
            prefetch_to_write(coming_out, line)
            i = start + j * stride
            w = weigh(load_part(source, i, i + width, fill), hi, lo, shift, bound)
            store(weights, j * LANES, w.w)
            coarse, fine = add(w, coarse, fine)
        term = widen(coarse - grid) + widen(fine)
        following = total + term
        added = following - total
        lost = lost + ((total - (following - added)) + (term - added))  # Knuth's two-sum: many blocks lose nothing
        total = following
    total = total + lost
    odd: int = (~plain | lane_bits(unordered(total, total))) & ((1 << width) - 1)
    up, down = splat(power_of_two(format_.unscaled)), splat(power_of_two(-format_.unscaled))
    factors = factors_of(up / total, total * down, number)
    top = top_of(largest, hi, lo, n, total, number)
    if odd == 0:
        for j in range(size):
            i = to + j * step
            store_part(target, i, i + width, exactly(load(weights, j * LANES), factors, top))
    else:
        for i in range(0, size * LANES, LANES):
            store(weights, i, exactly(load(weights, i), factors, top))
    return odd


@inline
def softmax_odd(
    odd: int, logits: Strip, step: int, size: int, temperature: FloatRow, first: int, number: Number, weights: Row
) -> None:
    """Write the softmax of those columns whose bits are set to `weights`, through the kernel for rows, one by one."""
    source, start, stride = logits
    buffers = block_buffers(size, number)
    row = np.empty(size, type(number))
    while odd != 0:
        lane = lowest_bit(odd)
        for j in range(size):
            row[j] = element(source, start + j * stride + lane * step, number)
        scale = scale_of(temperature[min(first + lane, temperature.size - 1)], number)
        softmax_row(row, scale, number, row, buffers, False, row)
        for j in range(size):
            weights[j * LANES + lane] = row[j]
        odd &= odd - 1


@inline
def column_maxima(logits: Strip, width: int, size: int, number: Number) -> Vector:
    """Return the largest of each column; NaN is overlooked."""
    source, start, stride = logits
    result = splat(like(number, -math.inf))
    for i in range(start, start + size * stride, stride):
        result = larger(load_part(source, i, i + width, like(number, 0.0)), result)
    return result


@jit
def softmax_short(logits: Rows, temperature: FloatRow, number: Number, out: Rows) -> None:
    """Write softmax(logits / temperature) of each row of at most SHORT numbers to `out`.

    `temperature` has one entry, or one a row. `number` is any scalar of the type to compute in.
    """
    rows, size = logits.shape
    source, target = borrowed(logits).reshape(-1), borrowed(out).reshape(-1)
    scales = np.zeros((2 + (size + LANES - 1) // LANES * LANES, LANES), type(number))
    work = scales[2:].reshape(-1)
    scales_to(temperature, 0, LANES, number, scales)
    for first in range(0, rows, LANES):
        count = min(LANES, rows - first)
        if temperature.size > 1:
            scales_to(temperature, first, count, number, scales)
        for j in range(0, size, LANES):
            turn(source, first * size + j, size, count, min(LANES, size - j), work, j * LANES, LANES, number)
        ahead = Ahead(source, target, (first + 2 * LANES) * size, PANEL * LANES, 0)
        strip = Strip(work, 0, LANES)
        odd = softmax_strip(strip, LANES, size, scales, number, work, strip, ahead) & ((1 << count) - 1)
        if odd != 0:
            softmax_odd(odd, Strip(source, first * size, 1), size, size, temperature, first, number, work)
        for j in range(0, size, LANES):
            turn(work, j * LANES, LANES, min(LANES, size - j), count, target, first * size + j, size, number)


@jit
def softmax_columns(
    logits: Row,
    temperature: FloatRow,
    number: Number,
    size: int,
    inner: int,
    strips: int,
    start: int,
    stop: int,
    out: Row,
) -> None:
    """Write softmax(logits / temperature) along the middle axis of a contiguous (outer, size, inner) array to `out`.

    Each of the outer matrices has `strips` strips, enough wherever the first cache line starts; those from number
    `start` to `stop` are done. `temperature` has one entry, or one a column.
    """
    logits, out = borrowed(logits), borrowed(out)
    scales = np.zeros((2, LANES), type(number))
    work = np.zeros(size * LANES, type(number))
    scales_to(temperature, 0, LANES, number, scales)
    back = (LANES - until_line(out, 0)) % LANES if inner % LANES == 0 else 0  # so that strips start at cache lines
    for strip in range(start, stop):
        outer, number_of_strip = strip // strips, strip % strips
        within = max(number_of_strip * LANES - back, 0)
        width = min((number_of_strip + 1) * LANES - back, inner) - within
        if width <= 0:
            continue
        at = outer * size * inner + within
        if temperature.size > 1:
            scales_to(temperature, outer * inner + within, width, number, scales)
        in_panel = number_of_strip % PANEL
        ahead = Ahead(logits, out, at + (PANEL - in_panel) * LANES, inner, in_panel * size)
        source, target = Strip(logits, at, inner), Strip(out, at, inner)
        if width == LANES:
            odd = softmax_strip(source, LANES, size, scales, number, work, target, ahead)
        else:
            odd = softmax_strip(source, width, size, scales, number, work, target, ahead)
        if odd != 0:
            softmax_odd(odd, source, 1, size, temperature, outer * inner + within, number, work)
            for j in range(size):
                i = at + j * inner
                store_part(out, i, i + width, load(work, j * LANES))
