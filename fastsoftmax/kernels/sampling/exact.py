"""The cut of a nucleus decided again, where the masses that found it come too near to p to tell.

Light weights and sums of float32 are cheap, and wrong by up to NEAR. A cut that is nearer to p is decided again by the
weights of softmax, and one that is nearer than CLOSE by float64, which is exact as far as anybody can ask. Each of the
two reads the row once for its mass and once for every logit that it moves the cut by, which is hardly ever any; an
exponential an element limits them, so that they take 1.2 and 3 times as long as the light read. How often they come
depends on the mass of one token at the cut: with 200 tokens in the nucleus, the first for one row in 5 and the second
for one in 60; with 10 tokens, hardly ever. float64 rows are weighed exactly from the beginning.

Of 200,000 logits that are all 1, the first 100,000 reach p = 0.5. Light weights give the row and those tokens masses
that are wrong by 1e-7 of them, which is the mass of a hundredth of a token, and might say 100,001. The distance from p
is nothing, so float64 decides: 100,000 of 200,000 equal weights are half of their mass.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_part, store_part
from fastsoftmax.kernels.lanes.numbers import (
    Number,
    Row,
    blend,
    by_type,
    count_lanes,
    larger,
    largest_lane,
    like,
    smaller,
    smallest_lane,
    splat,
    sum_lanes,
    widen,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, read
from fastsoftmax.kernels.math.filters import Filters, nucleus_mass, ties_within
from fastsoftmax.kernels.softmax.weights import BLOCK, Scale, block_memory, block_weights, scale_of

NEAR = 2.25e-6  # of p: more than the error of a mass of light weights and that of a list, together
CLOSE = 2.0**-23  # more than that of two sums of the weights of softmax, as `weigh` adds them


class Cut(NamedTuple):
    """Where a nucleus ends: at a logit, of which the first `ties` are kept, and how far from p that was decided."""

    logit: Number
    ties: int
    distance: float


@inline
def cut_at(logit: Number, weight: float, above: float, target: float, count: int) -> Cut:
    """Return the cut of a nucleus that must reach a target: `count` tokens of one weight, and the mass above them.

    Its distance is that between the target and the nearer of two masses: that of all kept tokens, and of all but the
    last. It is relative to the target.
    """
    ties = ties_within(weight, above, target, count)
    before = above + (ties - 1) * weight
    return Cut(logit, ties, min(target - before, before + weight - target) / target)


def _decided(row_largest: Number, part: MaskedRow, row: MaskedRow, alone: bool, filters: Filters, cut: Cut) -> Cut:
    if cut.distance > NEAR:
        return cut
    again = settle(row_largest, part, row, alone, filters, cut.logit)
    if again.distance > CLOSE:
        return again
    wide = settle(np.float64(row_largest), part, row, alone, filters, np.float64(again.logit))
    return Cut(like(row_largest, wide.logit), wide.ties, wide.distance)


def _decided_already(
    row_largest: Number, part: MaskedRow, row: MaskedRow, alone: bool, filters: Filters, cut: Cut
) -> Cut:
    return cut  # float64 rows are weighed in float64 from the beginning


decided = by_type(_decided, _decided_already)
"""The cut of a nucleus, from one that cheaper masses found.

The mass of the nucleus is p of the mass of `row`, of which `part` holds the nucleus at least; with `alone`, p of the
mass of `part`.
"""


@function
def settle(row_largest: Number, part: MaskedRow, row: MaskedRow, alone: bool, filters: Filters, logit: Number) -> Cut:
    """Return the cut that masses in the type of `row_largest` find, beginning at a logit near to it."""
    scale = scale_of(filters.temperature, row_largest)
    values, weights = block_memory(row_largest), block_memory(row_largest)
    whole = 0.0 if alone else mass_of(row, scale, row_largest, values, weights)
    raised = False
    while True:
        mass, above, weight, count = weigh(part, scale, row_largest, logit, values, weights)
        target = nucleus_mass(filters.top_p, mass if alone else whole)
        short = above + count * weight < target and not raised
        if above < target and not short:
            break
        below, higher = next_logits(part, logit, values)
        if short and below == -math.inf:
            break
        raised = not short
        logit = below if short else higher
    return cut_at(logit, weight, above, target, count)


@inline
def read_block(source: MaskedRow, start: int, values: Row) -> int:
    """Copy a block of logits to `values`, in their type, -inf where they are not allowed; return how many there are.

    So all that follows compiles once a type, not once for each way in which logits may come.
    """
    size = min(BLOCK, source.logits.size - start)
    for i in range(0, size, GROUP):
        own = group_row(source, (start + i) // GROUP)
        for j in range(i, min(i + GROUP, size), LANES):
            store_part(values, j, size, read(own, start + j, values[0]))
    return size


@function
def weights_of(values: Row, size: int, row_largest: Number, scale: Scale, weights: Row) -> float:
    """Write the weights of a block; return their sum."""
    return block_weights(values, 0, size, row_largest, scale, weights, True)


@function
def weigh_cut(values: Row, weights: Row, size: int, cut: Number) -> tuple[float, float, int]:
    """Return (above, weight, ties) of a block: the mass above the cut, and the weight of the ties at it."""
    bar, zero = splat(cut), like(cut, 0.0)
    weight = splat(zero)
    above = widen(weight)
    ties = 0
    for i in range(0, size, LANES):
        z, w = load_part(values, i, size, like(cut, math.nan)), load_part(weights, i, size, zero)
        above = blend(z > bar, above + widen(w), above)
        weight = blend(z == bar, w, weight)
        ties += count_lanes(z == bar)
    return sum_lanes(above), np.float64(largest_lane(weight)), ties


@function
def next_in(values: Row, size: int, cut: Number) -> tuple[Number, Number]:
    """Return the largest logit of a block below the cut, and the smallest above it; an infinity where there is none."""
    bar = splat(cut)
    lowest, highest = splat(like(cut, -math.inf)), splat(like(cut, math.inf))
    below, above = lowest, highest
    for i in range(0, size, LANES):
        z = load_part(values, i, size, like(cut, math.nan))
        below = larger(blend(z < bar, z, lowest), below)
        above = smaller(blend(z > bar, z, highest), above)
    return largest_lane(below), smallest_lane(above)


@inline
def mass_of(source: MaskedRow, scale: Scale, row_largest: Number, values: Row, weights: Row) -> float:
    """Return the mass of the logits."""
    mass = 0.0
    for start in range(0, source.logits.size, BLOCK):
        if source.allowed is None and source.overlay is None:  # no copy, which takes most of the time of a cut near p
            size = min(BLOCK, source.logits.size - start)
            mass += block_weights(source.logits[start : start + size], 0, size, row_largest, scale, weights, True)
        else:
            size = read_block(source, start, values)
            mass += weights_of(values, size, row_largest, scale, weights)
    return mass


@inline
def weigh(
    source: MaskedRow, scale: Scale, row_largest: Number, cut: Number, values: Row, weights: Row
) -> tuple[float, float, float, int]:
    """Return (mass, above, weight, ties): the mass of the logits, and what `weigh_cut` tells of all of them."""
    mass = above = weight = 0.0
    ties = 0
    for start in range(0, source.logits.size, BLOCK):
        size = read_block(source, start, values)
        mass += weights_of(values, size, row_largest, scale, weights)
        over, heaviest, equal = weigh_cut(values, weights, size, cut)
        above += over
        weight = max(weight, heaviest)
        ties += equal
    return mass, above, weight, ties


@inline
def next_logits(source: MaskedRow, cut: Number, values: Row) -> tuple[Number, Number]:
    """Return the logits next below the cut and next above it; an infinity where there is none."""
    below, above = like(cut, -math.inf), like(cut, math.inf)
    for start in range(0, source.logits.size, BLOCK):
        size = read_block(source, start, values)
        lower, higher = next_in(values, size, cut)
        below, above = max(below, lower), min(above, higher)
    return below, above
