"""softmax of rows of a few hundred numbers: sixteen in lockstep, what a row needs once in lanes.

Such a row takes fewer cycles than the scalar work around it waits for. Here the maxima and sums of 16 rows are tiles
that are turned, so that references, quotients and factors are found for all of them at once; the numbers themselves are
read along the rows. What a row gets does not depend on the others. Rows that are not plain (T = 0, infinities, NaN,
exponents beyond 2**17) go one by one through the kernel for any row. Limited by the exponentials.

Of 20 rows of 300 numbers sixteen go together, and then four.
"""

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load, store
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, Rows, Vector, lane_bits, splat, unordered, widen
from fastsoftmax.kernels.lanes.rows import MaskedRow
from fastsoftmax.kernels.lanes.transpose import turn
from fastsoftmax.kernels.math.exp import power_of_two
from fastsoftmax.kernels.softmax.columns import Strip, column_maxima, plain_references, scales_to
from fastsoftmax.kernels.softmax.long_rows import block_buffers, softmax_row
from fastsoftmax.kernels.softmax.scaling import Factors, Top, factors_of, scale_row, top_of
from fastsoftmax.kernels.softmax.weights import bound_of, format_of, lane_maxima, lane_sums, scale_of

MIDDLE = 512  # rows longer than this gain nothing
CACHED = 2**12  # logits of a group: they and their weights stay in the first-level cache

N, BOUND, A, B, BAR, TOP, MASS = range(2, 9)  # what is kept of each lane, after hi and lo


@inline
def turned_sum(tile: Row, turned: Row, number: Number) -> Vector:
    """Return the sum of each row of a tile in float64."""
    turn(tile, 0, LANES, LANES, LANES, turned, 0, LANES, number)
    total = widen(load(turned, 0))
    for i in range(LANES, LANES * LANES, LANES):
        total = total + widen(load(turned, i))
    return total


@jit
def softmax_group(logits: Rows, temperature: FloatRow, number: Number, work: Rows, out: Rows) -> None:
    """Write softmax(logits / temperature) of each row, at most a block of numbers, to `out`.

    `temperature` has one entry, or one a row. `number` is any scalar of the type to compute in; `work` is a matrix of
    that type that holds the weights between the sweeps: `out` itself, or 16 rows.
    """
    rows, size = logits.shape
    shared = work.shape[0] == rows
    logits, work, out = borrowed(logits), borrowed(work), borrowed(out)
    format_ = format_of(number)
    unscaled, octaves = power_of_two(format_.unscaled), format_.bias - format_.smallest
    group = max(1, min(LANES, CACHED // size))
    coarse = np.zeros(LANES * LANES, type(number))
    fine = np.zeros(LANES * LANES, type(number))
    turned = np.empty(LANES * LANES, type(number))
    kept = np.zeros((9, LANES), type(number))
    buffers = block_buffers(size, number)
    scales_to(temperature, 0, LANES, number, kept)
    for first in range(0, rows, group):
        count = min(group, rows - first)
        if temperature.size > 1:
            scales_to(temperature, first, count, number, kept)
        for row in range(count):
            store(coarse, row * LANES, lane_maxima(MaskedRow(logits[first + row], None, None), 0, size, number, False))
        turn(coarse, 0, LANES, LANES, LANES, turned, 0, LANES, number)
        largest = column_maxima(Strip(turned, 0, LANES), LANES, LANES, number)
        hi, lo = load(kept[0], 0), load(kept[1], 0)
        n, plain = plain_references(largest, hi, number)
        store(kept[N], 0, n)
        store(kept[BOUND], 0, bound_of(hi, n, octaves))
        for row in range(count):
            if plain >> row & 1 == 1:
                weights = work[first + row if shared else row]
                row_hi, row_lo, row_n = splat(kept[0, row]), splat(kept[1, row]), splat(kept[N, row])
                bound = splat(kept[BOUND, row])
                sums = lane_sums(logits[first + row], row_hi, row_lo, row_n, bound, number, weights, 0)
                store(coarse, row * LANES, sums[0])
                store(fine, row * LANES, sums[1])
        total = turned_sum(coarse, turned, number) + turned_sum(fine, turned, number)
        plain &= ~lane_bits(unordered(total, total))
        a, b, down, bar = factors_of(splat(unscaled) / total, total * splat(1.0 / unscaled), number)
        top, mass = top_of(largest, hi, lo, n, total, number)
        store(kept[A], 0, a)
        store(kept[B], 0, b)
        store(kept[BAR], 0, bar)
        store(kept[TOP], 0, top)
        store(kept[MASS], 0, mass)
        for row in range(count):
            weights = work[first + row if shared else row]
            if plain >> row & 1 == 1:
                factors = Factors(splat(kept[A, row]), splat(kept[B, row]), down, splat(kept[BAR, row]))
                row_top = Top(splat(kept[TOP, row]), splat(kept[MASS, row]))
                scale_row(weights, 0, size, factors, row_top, True, False, number, out[first + row])
            else:
                scale = scale_of(temperature[min(first + row, temperature.size - 1)], number)
                softmax_row(logits[first + row], scale, number, weights, buffers, False, out[first + row])
