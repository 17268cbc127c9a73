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
    by_type,
    count_lanes,
    larger,
    largest_lane,
    like,
    select,
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
    whole = 0.0 if row is None else mass_of(row, row_allowed, scale, row_largest)
    raised = False
    while True:
        mass, above, weight, ties = weigh(logits, allowed, scale, row_largest, cut)
        target = nucleus_mass(top_p, mass if row is None else whole)
        if above >= target:
            cut = next_logit(logits, allowed, cut, True)
            raised = True
            continue
        if above + ties * weight < target and not raised:
            lower = next_logit(logits, allowed, cut, False)
            if lower > -math.inf:
                cut = lower
                continue
        ties = ties_within(weight, above, target, ties)
        return cut, ties, distance_to(target, above, weight, ties)


@inline
def weigh_block(
    logits: Row, allowed: Row | None, start: int, scale: Scale, row_largest: Number, values: Row, weights: Row | None
) -> float:
    """Write the weights of a block of logits to `weights`, if it is given; return their sum."""
    size = min(BLOCK, logits.size - start)
    if allowed is None:
        return block_weights(logits[start : start + size], 0, size, row_largest, scale, weights)
    for i in range(0, size, LANES):
        store_part(values, i, size, read(logits, allowed, start + i, row_largest))
    return block_weights(values, 0, size, row_largest, scale, weights)


@function
def mass_of(logits: Row, allowed: Row | None, scale: Scale, row_largest: Number) -> float:
    """Return the mass of the logits."""
    values = np.empty(BLOCK, type(row_largest))
    mass = 0.0
    for start in range(0, logits.size, BLOCK):
        mass += weigh_block(logits, allowed, start, scale, row_largest, values, None)
    return mass


@function
def weigh(
    logits: Row, allowed: Row | None, scale: Scale, row_largest: Number, cut: Number
) -> tuple[float, float, float, int]:
    """Return (mass, above, weight, ties): the mass of the logits, and of those above the cut.

    The weight of a token at the cut, and how many there are.
    """
    values, weights = np.empty(BLOCK, type(row_largest)), np.empty(BLOCK, type(row_largest))
    bar, zero = splat(cut), like(cut, 0.0)
    weight, none = splat(zero), splat(zero)
    mass = above = 0.0
    ties = 0
    for start in range(0, logits.size, BLOCK):
        mass += weigh_block(logits, allowed, start, scale, row_largest, values, weights)
        over = widen(none)
        size = min(BLOCK, logits.size - start)
        for i in range(0, size, LANES):
            z, w = read(logits, allowed, start + i, cut), load_part(weights, i, size, zero)
            over = select(z > bar, over + widen(w), over)
            equal = z == bar
            weight = select(equal, w, weight)
            ties += count_lanes(equal)
        above += sum_lanes(over)
    return mass, above, np.float64(largest_lane(weight)), ties


@inline
def next_logit(logits: Row, allowed: Row | None, cut: Number, up: bool) -> Number:
    """Return the smallest of the logits above the cut, or the largest below it; an infinity where there is none."""
    bar = splat(cut)
    lowest, highest = splat(like(cut, -math.inf)), splat(like(cut, math.inf))
    above, below = highest, lowest
    for i in range(0, logits.size, LANES):
        z = read(logits, allowed, i, cut)
        above = smaller(select(z > bar, z, highest), above)
        below = larger(select(z < bar, z, lowest), below)
    return smallest_lane(above) if up else largest_lane(below)
