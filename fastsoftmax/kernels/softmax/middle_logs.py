"""log_softmax and logsumexp of rows of 129 to 512 numbers, sixteen at a time, each along its row.

A row of a few hundred numbers takes fewer cycles than what follows its sum, one step after the other: a logarithm, two
divisions, sums of lanes. Here each step is made for all 16 rows before the next, so that their waits overlap. Limited
by the exponentials. What a row gets does not depend on the others; rows that are not plain go through `logs`.

Of 20 rows of 300 numbers sixteen go together, and then four.
"""

import math

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load, load_as, load_part, store
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, Rows, largest_lane, like, splat, sum_lanes
from fastsoftmax.kernels.lanes.rows import MaskedRow
from fastsoftmax.kernels.math.exp import log1p
from fastsoftmax.kernels.softmax.columns import plain_references, scales_to
from fastsoftmax.kernels.softmax.logs import log_softmax_row, log_weights, logsumexp_row
from fastsoftmax.kernels.softmax.long_rows import block_buffers
from fastsoftmax.kernels.softmax.short_logs import add_to_tail, no_tail, weight_of_largest
from fastsoftmax.kernels.softmax.weights import block_memory, lane_maxima

N, LARGEST = 2, 3  # what is kept of each row, after hi and lo


@jit
def log_softmax_middle(logits: Rows, temperature: FloatRow, number: Number, out: Rows) -> None:
    """Write log(softmax(logits / temperature)) of each row of at most MIDDLE numbers to `out`."""
    rows, size = logits.shape
    logits, out = borrowed(logits), borrowed(out)
    kept, log_sums = np.zeros((4, LANES), type(number)), np.empty(LANES)
    buffers, others = block_buffers(size, number), block_memory(number)
    for first in range(0, rows, LANES):
        count = min(LANES, rows - first)
        tails_along(logits, first, count, temperature, number, kept, log_sums)
        for row in range(count):
            log_sums[row] = log1p(log_sums[row])
        for row in range(count):
            t = temperature[min(first + row, temperature.size - 1)]
            if math.isnan(log_sums[row]):
                log_softmax_row(logits[first + row], t, number, buffers, others, out[first + row])
            else:
                log_weights(logits[first + row], t, kept[LARGEST, row], log_sums[row], out[first + row])


@jit
def logsumexp_middle(logits: Rows, temperature: FloatRow, number: Number, out: FloatRow) -> None:
    """Write log(sum(exp(logits / temperature))) of each row of at most MIDDLE numbers to the float64 vector `out`."""
    rows, size = logits.shape
    logits, out = borrowed(logits), borrowed(out)
    kept, tails = np.zeros((4, LANES), type(number)), np.empty(LANES)
    buffers, others = block_buffers(size, number), block_memory(number)
    for first in range(0, rows, LANES):
        count = min(LANES, rows - first)
        tails_along(logits, first, count, temperature, number, kept, tails)
        for row in range(count):
            t = temperature[min(first + row, temperature.size - 1)]
            if math.isnan(tails[row]):
                out[first + row] = logsumexp_row(logits[first + row], t, number, buffers, others)
            else:
                out[first + row] = np.float64(kept[LARGEST, row]) / t + log1p(tails[row])


@inline
def tails_along(
    logits: Rows, first: int, count: int, temperature: FloatRow, number: Number, kept: Rows, tails: FloatRow
) -> None:
    """Fill in the tails of some rows, NaN where one is not plain, and their maxima and references."""
    if first == 0 or temperature.size > 1:
        scales_to(temperature, first, count, number, kept)
    for row in range(count):
        maxima = lane_maxima(MaskedRow(logits[first + row], None, None), 0, logits.shape[1], number, False)
        kept[LARGEST, row] = largest_lane(maxima)
    n, plain = plain_references(load(kept[LARGEST], 0), load(kept[0], 0), number)
    store(kept[N], 0, n)
    for row in range(count):
        tails[row] = math.nan
        if plain >> row & 1 == 1:
            tails[row] = tail_along(logits[first + row], kept[LARGEST, row], kept[0, row], kept[1, row], kept[N, row])


@inline
def tail_along(logits: Row, largest: Number, hi: Number, lo: Number, n: Number) -> float:
    """Return the tail of a row, added in lanes; n as in `reference_of`."""
    tops, his, los, ns = splat(largest), splat(hi), splat(lo), splat(n)
    tail = no_tail(ns)
    whole = logits.size // LANES * LANES
    for i in range(0, whole, LANES):
        tail = add_to_tail(load_as(logits, i, n), tops, his, los, ns, tail)
    if whole < logits.size:
        tail = add_to_tail(load_part(logits, whole, logits.size, like(n, -math.inf)), tops, his, los, ns, tail)
    equal = sum_lanes(tail.equal) + (LANES - 1)  # each lane has left one out, and the row has one maximum
    result: float = (sum_lanes(tail.total) + sum_lanes(tail.lost)) / weight_of_largest(largest, hi, lo, n) + equal
    return result
