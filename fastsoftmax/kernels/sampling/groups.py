"""Groups of 512 logits, in which a row is searched and drawn from: their maxima, their weights and their masses.

group_maxima   one read, at the speed of the load ports: the largest of every sixteenth of each group.
group_weights  the weights of one group, those of softmax.
list_masses    the running masses of the groups of a list, added by pieces of 64.

A row of 1,300 logits has three groups, of 512, 512 and 276. If their masses are 2, 5 and 1, the running masses are 2, 7
and 8, and a draw of u = 0.5 looks for the mass 4 in the second group.
"""

import math

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_part, store, until_line
from fastsoftmax.kernels.lanes.numbers import (
    FloatRow,
    Number,
    Row,
    lane_bits,
    larger,
    largest_lane,
    like,
    splat,
    sum_lanes,
    unordered,
    widen,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, read
from fastsoftmax.kernels.softmax.weights import BLOCK, Scale, block_weights, lane_maxima

Buffers = tuple[Row, Row]  # the logits of a group, and their weights


@inline
def before_line(row: MaskedRow, start: int, stop: int) -> int:
    """Return after how many logits of a group vectors lie within cache lines: a load across two takes twice as long."""
    return min(until_line(row.logits, start) % LANES, stop - start) if row.allowed is None else 0


@function
def group_maxima(row: MaskedRow, number: Number, maxima: Row) -> Number:
    """Fill in the largest of every sixteenth of each group; return that of the row, or NaN where one is NaN."""
    top = splat(like(number, -math.inf))
    nan = unordered(top, top)
    for group in range(groups_of(row.logits.size)):
        start = group * GROUP
        stop = min(start + GROUP, row.logits.size)
        own = group_row(row, group)
        head = before_line(own, start, stop)
        lanes = lane_maxima(own, start + head, stop, number)
        if head > 0:
            z = load_part(own.logits, start, start + head, like(number, -math.inf))
            nan = nan | unordered(z, z)
            lanes = larger(z, lanes)
        store(maxima, group * LANES, lanes)
        nan = nan | unordered(lanes, lanes)
        top = larger(lanes, top)
    return like(number, math.nan) if lane_bits(nan) != 0 else largest_lane(top)


@function
def group_weights(row: MaskedRow, group: int, row_largest: Number, scale: Scale, buffers: Buffers) -> float:
    """Write the weights of a group, those of softmax, to the second buffer; return the sum."""
    values, weights = buffers
    start = group * GROUP
    stop = min(start + GROUP, row.logits.size)
    row = group_row(row, group)
    if row.allowed is None:
        return block_weights(row.logits[start:stop], 0, stop - start, row_largest, scale, weights, True)
    for i in range(start, stop, LANES):
        store(values, i - start, read(row, i, row_largest))
    return block_weights(values, 0, stop - start, row_largest, scale, weights, True)


@function
def list_weights(values: Row, count: int, row_largest: Number, scale: Scale, weights: Row) -> float:
    """Write the weights of a list, those of softmax; return their sum."""
    total = 0.0
    for start in range(0, count, BLOCK):
        total += block_weights(values, start, min(start + BLOCK, count), row_largest, scale, weights, True)
    return total


PIECE = 64


@inline
def piece_sum(masses: Row, start: int, stop: int, number: Number) -> float:
    """Return the sum of masses[start:stop], at most a piece."""
    total = widen(splat(like(number, 0.0)))
    for i in range(start, stop, LANES):
        total = total + widen(load_part(masses, i, stop, like(number, 0.0)))
    result: float = sum_lanes(total)
    return result


@inline
def group_sum(masses: Row, start: int, stop: int, number: Number) -> float:
    """Return the sum of masses[start:stop], at most a group."""
    total = 0.0
    for piece in range(start, stop, PIECE):
        total += piece_sum(masses, piece, min(piece + PIECE, stop), number)
    return total


@inline
def list_masses(masses: Row, count: int, number: Number, sums: FloatRow) -> float:
    """Fill in the running masses of the groups of a list; return the last one."""
    total = 0.0
    for start in range(0, count, GROUP):
        total += group_sum(masses, start, min(start + GROUP, count), number)
        sums[start // GROUP] = total
    return total
