"""A cut of the row instead of a list, where a chain's only filter is a bound and most of the row reaches it.

1. One pass of comparisons counts what is below the bound, and what is so near that light facts may have it wrong.
2. Where anything is below it, a read with an exponential an element sums up the masses of what is not.
3. Draws are those of the four words: only the group that is drawn is weighed again.

A list of most of a row takes five times as long as all of this (AMD EPYC Zen 4). Of 100,000 logits from 0 to -10
"epsilon=1e-9" leaves all of them, since the least likely has the probability 4.5e-9: none is below the bound, and the
masses of the first read will do.
"""

import math

import numpy as np

from fastsoftmax._jit import function
from fastsoftmax.kernels.chain.memory import Memory
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.numbers import IntRow, Number, count_lanes, like, splat
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, logit_at, read
from fastsoftmax.kernels.math.exp import exp
from fastsoftmax.kernels.math.floats import following
from fastsoftmax.kernels.sampling.draw import Draws
from fastsoftmax.kernels.sampling.keep import Kept
from fastsoftmax.kernels.sampling.places import draw_places
from fastsoftmax.kernels.sampling.threshold import least_near
from fastsoftmax.kernels.sampling.unlisted import cut_masses
from fastsoftmax.kernels.softmax.weights import scale_of, weight_of


@function
def count_below(row: MaskedRow, low: Number, high: Number) -> tuple[int, int]:
    """Return how many logits above -inf are below `low`, and how many from there to below `high`."""
    none, bottom, top = splat(like(low, -math.inf)), splat(low), splat(high)
    under = between = 0
    for group in range(groups_of(row.logits.size)):
        own, start = group_row(row, group), group * GROUP
        for i in range(start, min(start + GROUP, row.logits.size), LANES):
            z = read(own, i, high)
            under += count_lanes((z > none) & (z < bottom))
            between += count_lanes((z >= bottom) & (z < top))
    return under, between


@function
def cut_at(
    row: MaskedRow, bound: float, slack: float, row_largest: Number, slope: float, whole: float, memory: Memory
) -> tuple[Number, float]:
    """Return the logit that what a bound leaves reaches, and its mass, 0 where a logit is too near to it to tell.

    Masses are relative to the weight of the largest logit. `sums` gets the running ones of the groups; those of the
    whole row are there already if its mass is given as `whole`.
    """
    low, high = least_near(row_largest, (slack - bound) / slope), least_near(row_largest, (-slack - bound) / slope)
    under, between = count_below(row, low, high)
    if between > 0:
        return low, 0.0
    if under == 0 and whole > 0.0:
        return following(like(row_largest, -math.inf)), whole
    cut, scale = least_near(row_largest, -bound / slope), scale_of(1.0 / slope, row_largest)
    cut_masses(row, scale, cut, row_largest, memory.row)
    return cut, memory.row.sums[groups_of(row.logits.size) - 1] / weight_of(row_largest, scale)[1]


@function
def draw_cut(
    row: MaskedRow, cut: Number, row_largest: Number, slope: float, draws: Draws, memory: Memory, out: IntRow
) -> float:
    """Write the tokens of some draws, one at least, from what reaches a cut; return the weight of the last one."""
    size, scale = row.logits.size, scale_of(1.0 / slope, row_largest)
    draw_places(draws, Kept(False, size, cut, size), row, 1.0 / slope, row_largest, scale, memory.row, out)
    z = np.float64(logit_at(row, out[out.size - 1], row_largest))
    weight: float = exp((z - np.float64(row_largest)) * slope)
    return weight
