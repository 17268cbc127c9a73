"""log_softmax and logsumexp of rows of up to 128 numbers, sixteen at once: a row is a lane.

Tiles of 16 rows are turned in registers, as for `softmax_short`. Then come the maxima, what the others weigh (the
tails), one logarithm for each row, and the differences, which are turned back. Limited by the exponentials and the
turning. What a row gets does not depend on its neighbours. Those that are not plain (T = 0 or inf, infinities, NaN,
exponents beyond 2**17) go one by one through the kernels for long rows.

Of the rows (0, 1) and (1, 1) the tails are 0.3679 and 1, and logsumexp 1.3133 and 1.6931.
"""

from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load, prefetch_far, prefetch_to_write, store
from fastsoftmax.kernels.lanes.numbers import (
    FloatRow,
    Number,
    Row,
    Rows,
    Vector,
    blend,
    by_type,
    lane_bits,
    like,
    lowest_bit,
    narrow,
    splat,
    unordered,
    widen,
)
from fastsoftmax.kernels.lanes.transpose import turn
from fastsoftmax.kernels.math.exp import log1p
from fastsoftmax.kernels.softmax.columns import Strip, column_maxima, plain_references, scales_to
from fastsoftmax.kernels.softmax.logs import Inverse, inverse_of, log_softmax_row, log_weight, logsumexp_row
from fastsoftmax.kernels.softmax.long_rows import block_buffers
from fastsoftmax.kernels.softmax.weights import block_memory, bound_of, format_of, lane_weights

HIGH, LOW, BOTTOM = range(2, 5)  # what is kept of each lane, after hi and lo


@jit
def log_softmax_short(logits: Rows, temperature: FloatRow, number: Number, out: Rows) -> None:
    """Write log(softmax(logits / temperature)) of each row of at most SHORT numbers to `out`."""
    rows, size = logits.shape
    source, target = borrowed(logits).reshape(-1), borrowed(out).reshape(-1)
    kept, work, log_sums = np.zeros((5, LANES), type(number)), tile_for(size, number), np.empty(LANES)
    buffers, others = block_buffers(size, number), block_memory(number)
    for first in range(0, rows, LANES):
        count = min(LANES, rows - first)
        if first == 0 or temperature.size > 1:
            scales_to(temperature, first, count, number, kept)
            inverses_to(temperature, first, count, number, kept)
        turn_in(source, first * size, size, count, work, number)
        largest, tails, plain = tails_of(work, size, kept, number, source, target, (first + 2 * LANES) * size)
        store(log_sums, 0, tails)
        for lane in range(count):
            log_sums[lane] = log1p(log_sums[lane])
        s = like(largest, 0.25)
        inverse = Inverse(s, load(kept[HIGH], 0), load(kept[LOW], 0), load(kept[BOTTOM], 0))
        base, offset = like(largest, 0.0) - largest * s, narrow(splat(0.0) - load(log_sums, 0), number)
        for i in range(0, size * LANES, LANES):
            store(work, i, log_weight(load(work, i), inverse, base, offset))
        for j in range(0, size, LANES):
            turn(work, j * LANES, LANES, min(LANES, size - j), count, target, first * size + j, size, number)
        odd = ~plain & ((1 << count) - 1)
        while odd != 0:
            row = first + lowest_bit(odd)
            t = temperature[min(row, temperature.size - 1)]
            log_softmax_row(logits[row], t, number, buffers, others, out[row])
            odd &= odd - 1


@jit
def logsumexp_short(logits: Rows, temperature: FloatRow, number: Number, out: FloatRow) -> None:
    """Write log(sum(exp(logits / temperature))) of each row of at most SHORT numbers to the float64 vector `out`."""
    rows, size = logits.shape
    source, out = borrowed(logits).reshape(-1), borrowed(out)
    kept, work, tails = np.zeros((2, LANES), type(number)), tile_for(size, number), np.empty((2, LANES))
    buffers, others = block_buffers(size, number), block_memory(number)
    for first in range(0, rows, LANES):
        count = min(LANES, rows - first)
        if first == 0 or temperature.size > 1:
            scales_to(temperature, first, count, number, kept)
        turn_in(source, first * size, size, count, work, number)
        largest, tail, plain = tails_of(work, size, kept, number, source, None, (first + 2 * LANES) * size)
        store(tails[0], 0, tail)
        store(tails[1], 0, widen(largest))
        for lane in range(count):
            t = temperature[min(first + lane, temperature.size - 1)]
            if plain >> lane & 1 == 1:
                out[first + lane] = tails[1, lane] / t + log1p(tails[0, lane])
            else:
                out[first + lane] = logsumexp_row(logits[first + lane], t, number, buffers, others)


@inline
def tile_for(size: int, number: Number) -> Row:
    """Return memory for 16 rows of `size` numbers, turned."""
    return np.zeros((size + LANES - 1) // LANES * LANES * LANES, type(number))


@inline
def turn_in(source: Row, start: int, size: int, count: int, work: Row, number: Number) -> None:
    """Write `count` rows of `size` numbers to `work`, a row a lane."""
    for j in range(0, size, LANES):
        turn(source, start + j, size, count, min(LANES, size - j), work, j * LANES, LANES, number)


@inline
def inverses_to(temperature: FloatRow, first: int, count: int, number: Number, kept: Rows) -> None:
    """Fill in the numbers of an `Inverse` of each lane; its s is 0.25 where a lane is plain."""
    for lane in range(count):
        t = temperature[min(first + lane, temperature.size - 1)]
        _, kept[HIGH, lane], kept[LOW, lane], kept[BOTTOM, lane] = inverse_of(t, like(number, 0.0))


class Tail(NamedTuple):
    """What the others of a row weigh, in lanes or alone: a sum in float64, what rounding took from it, and equals."""

    total: Vector
    lost: Vector
    equal: Vector  # how many equal the maximum, besides itself


@inline
def tails_of(
    work: Row, size: int, kept: Rows, number: Number, source: Row, target: Row | None, ahead: int
) -> tuple[Vector, Vector, int]:
    """Return the maximum of each lane, the tail in float64, and the bits of the lanes that are plain.

    What is read of `source` and written to `target` from `ahead` on is asked for meanwhile, a line for each vector: all
    at once would be more than a CPU remembers.
    """
    hi, lo = load(kept[0], 0), load(kept[1], 0)
    largest = column_maxima(Strip(work, 0, LANES), LANES, size, number)
    n, plain = plain_references(largest, hi, number)
    tail = no_tail(n)
    for i in range(0, size * LANES, LANES):
        prefetch_far(source, ahead + i)
        if target is not None:
            prefetch_to_write(target, ahead + i)
        tail = add_to_tail(load(work, i), largest, hi, lo, n, tail)
    tails = in_units_of_the_largest(tail, largest, hi, lo, n)
    return largest, tails, plain & ~lane_bits(unordered(tails, tails))


@inline
def no_tail(n: Vector) -> Tail:
    """Return the tail of no numbers; the maximum will be counted."""
    none = widen(like(n, 0.0))
    return Tail(none, none, like(n, -1.0))


@inline
def add_to_tail(z: Vector, largest: Vector, hi: Vector, lo: Vector, n: Vector, tail: Tail) -> Tail:
    """Return the tail with a logit added; n as in `reference_of`.

    Of n weights that equal the maximum n - 1 are in the tail. Weights are exact down to 2**-189 of it in float32, so
    that the smallest tail that is a number has all its digits.
    """
    format_ = format_of(n)
    none = like(n, 0.0)
    shift, bound = like(n, format_.rounding + 16.0 * format_.bias) - n, bound_of(hi, n, format_.bias - format_.normal)
    w = blend(z < bound, none, lane_weights(z, hi, lo, shift, None).w)
    total, lost = added(blend(z >= largest, none, w), tail.total, tail.lost)  # NaN is not below, and goes in
    return Tail(total, lost, blend(z >= largest, tail.equal + like(n, 1.0), tail.equal))


@inline
def in_units_of_the_largest(tail: Tail, largest: Vector, hi: Vector, lo: Vector, n: Vector) -> Vector:
    """Return the tail over the weight of the maximum."""
    return (tail.total + tail.lost) / weight_of_largest(largest, hi, lo, n) + widen(tail.equal)


@inline
def weight_of_largest(largest: Vector, hi: Vector, lo: Vector, n: Vector) -> Vector:
    """Return the weight of the maximum as tails have it, in float64."""
    shift = like(n, format_of(n).rounding + 16.0 * format_of(n).bias) - n
    return widen(lane_weights(largest, hi, lo, shift, None).w)


def _added_single(w: Vector, total: Vector, lost: Vector) -> tuple[Vector, Vector]:
    return total + widen(w), lost


def _added_double(w: Vector, total: Vector, lost: Vector) -> tuple[Vector, Vector]:
    following = total + w
    new = following - total
    return following, lost + ((total - (following - new)) + (w - new))


added = by_type(_added_single, _added_double)
"""A sum in float64 with a weight added, and what rounding took from it: Knuth's two-sum, for float64 weights alone."""
