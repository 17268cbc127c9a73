"""The cut of a nucleus decided again, where the masses that found it come too near to p to tell.

Light weights and short sums of float32 are cheap, and wrong by up to NEAR. A cut nearer to p is decided by the weights
of softmax, and one nearer than CLOSE by those of float64, whose masses are exact as far as anybody can ask. Each is a
read of the row with an exponential an element, which limits it: 1.2 and 3 times as long as the light one. How often
they come depends on the mass of one token at the cut: with 200 tokens in the nucleus the first for one row in 5 and the
second for one in 60, with 10 tokens hardly ever.

Of the logits 1, 1, 1, 1 at p = 0.5 light weights have the masses 0.49999997 and 0.74999995 after two and three tokens:
three stay. In the end the mass of two is 2 of 4, which has reached p.
"""

import math

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
from fastsoftmax.kernels.lanes.rows import read
from fastsoftmax.kernels.math.nucleus import nucleus_mass, ties_within
from fastsoftmax.kernels.softmax.weights import BLOCK, Scale, block_weights, scale_of

NEAR = 2.25e-6  # of p: more than the error of a mass of light weights and that of a list, together
CLOSE = 2.0**-23  # more than that of two sums of the weights of softmax, as `weigh` adds them


def _decided(
    row_largest: Number,
    logits: Row,
    allowed: Row | None,
    row: Row | None,
    row_allowed: Row | None,
    temperature: float,
    top_p: float,
    cut: Number,
    ties: int,
    distance: float,
) -> tuple[Number, int]:
    if distance > NEAR:
        return cut, ties
    cut, ties, distance = settle(row_largest, logits, allowed, row, row_allowed, temperature, top_p, cut)
    if distance > CLOSE:
        return cut, ties
    largest, wide = np.float64(row_largest), np.float64(cut)
    wide, ties, _ = settle(largest, logits, allowed, row, row_allowed, temperature, top_p, wide)
    return like(row_largest, wide), ties


def _decided_already(
    row_largest: Number,
    logits: Row,
    allowed: Row | None,
    row: Row | None,
    row_allowed: Row | None,
    temperature: float,
    top_p: float,
    cut: Number,
    ties: int,
    distance: float,
) -> tuple[Number, int]:
    return cut, ties


decided = by_type(_decided, _decided_already)
"""Of logits, a cut of them and its `distance_to`: (cut, ties) of the nucleus.

Its mass is p of that of `row`, of which the logits are a part that holds the nucleus, or, where this is None, of their
own.
"""


@inline
def distance_to(target: float, above: float, weight: float, ties: int) -> float:
    """Return how far from the target, of it, a mass is that decides: that of all kept tokens, or of all but the last.

    The kept are those above the cut, with the mass `above`, and `ties` of one weight.
    """
    before = above + (ties - 1) * weight
    return min(target - before, before + weight - target) / target


@function
def settle(
    row_largest: Number,
    logits: Row,
    allowed: Row | None,
    row: Row | None,
    row_allowed: Row | None,
    temperature: float,
    top_p: float,
    cut: Number,
) -> tuple[Number, int, float]:
    """Return (cut, ties) as `decided`, given a cut near to it, in the type of `row_largest`; and its `distance_to`."""
    scale = scale_of(temperature, row_largest)
    values, weights = np.empty(BLOCK, type(row_largest)), np.empty(BLOCK, type(row_largest))
    whole = 0.0 if row is None else mass_of(row, row_allowed, scale, row_largest, values, weights)
    raised = False
    while True:
        mass, above, weight, ties = weigh(logits, allowed, scale, row_largest, cut, values, weights)
        target = nucleus_mass(top_p, mass if row is None else whole)
        short = above + ties * weight < target and not raised
        if above < target and not short:
            break
        below, higher = next_logits(logits, allowed, cut, values)
        if short and below == -math.inf:
            break
        raised = not short
        cut = below if short else higher
    ties = ties_within(weight, above, target, ties)
    return cut, ties, distance_to(target, above, weight, ties)


@inline
def read_block(logits: Row, allowed: Row | None, start: int, values: Row) -> int:
    """Copy a block of logits to `values`, in their type, -inf where they are not allowed; return how many there are.

    So all that follows compiles once a type, not once for each way in which logits may come.
    """
    size = min(BLOCK, logits.size - start)
    for i in range(0, size, LANES):
        store_part(values, i, size, read(logits, allowed, start + i, values[0]))
    return size


@function
def weights_of(values: Row, size: int, row_largest: Number, scale: Scale, weights: Row) -> float:
    """Write the weights of a block; return their sum."""
    return block_weights(values, 0, size, row_largest, scale, weights)


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
def mass_of(logits: Row, allowed: Row | None, scale: Scale, row_largest: Number, values: Row, weights: Row) -> float:
    """Return the mass of the logits."""
    mass = 0.0
    for start in range(0, logits.size, BLOCK):
        if allowed is None:  # no copy: this is most of the time that a cut near to p takes
            size = min(BLOCK, logits.size - start)
            mass += block_weights(logits[start : start + size], 0, size, row_largest, scale, weights)
        else:
            size = read_block(logits, allowed, start, values)
            mass += weights_of(values, size, row_largest, scale, weights)
    return mass


@inline
def weigh(
    logits: Row, allowed: Row | None, scale: Scale, row_largest: Number, cut: Number, values: Row, weights: Row
) -> tuple[float, float, float, int]:
    """Return (mass, above, weight, ties): the mass of the logits, and what `weigh_cut` tells of all of them."""
    mass = above = weight = 0.0
    ties = 0
    for start in range(0, logits.size, BLOCK):
        size = read_block(logits, allowed, start, values)
        mass += weights_of(values, size, row_largest, scale, weights)
        over, heaviest, equal = weigh_cut(values, weights, size, cut)
        above += over
        weight = max(weight, heaviest)
        ties += equal
    return mass, above, weight, ties


@inline
def next_logits(logits: Row, allowed: Row | None, cut: Number, values: Row) -> tuple[Number, Number]:
    """Return the logits next below the cut and next above it; an infinity where there is none."""
    below, above = like(cut, -math.inf), like(cut, math.inf)
    for start in range(0, logits.size, BLOCK):
        size = read_block(logits, allowed, start, values)
        lower, higher = next_in(values, size, cut)
        below, above = max(below, lower), min(above, higher)
    return below, above
