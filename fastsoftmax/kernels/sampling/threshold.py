"""A lower bound for the cut: from the maxima of the groups alone it finds a logit that every kept token reaches.

Only groups with a logit at or above the bound are read again. It comes from a bisection over a small sample of the
maxima, each the maximum of several groups: 8 k of them suffice for top-k, 1,024 for top-p. With top-k = 2 and maxima
9, 7, 4, 1 the bound is 7, since two logits reach it.
"""

import math

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load, store
from fastsoftmax.kernels.lanes.numbers import Number, Row, count_lanes, larger, like, splat
from fastsoftmax.kernels.lanes.rows import groups_of
from fastsoftmax.kernels.math.floats import following, preceding
from fastsoftmax.kernels.sampling.bisect import bisect
from fastsoftmax.kernels.sampling.groups import list_weights
from fastsoftmax.kernels.sampling.workspace import Workspace
from fastsoftmax.kernels.softmax.weights import Scale

MANY = 1024  # maxima that are enough to find a threshold by


@inline
def merged_maxima(maxima: Row, groups: int, enough: int, number: Number, out: Row) -> int:
    """Write about `enough` maxima, each that of several groups, to `out`; return how many."""
    vectors = min(groups, (enough + LANES - 1) // LANES)
    for i in range(vectors):
        top = load(maxima, i * LANES)
        for group in range(i + vectors, groups, vectors):
            top = larger(load(maxima, group * LANES), top)
        store(out, i * LANES, top)
    return vectors * LANES


@inline
def kth_maximum(top_k: int, row_largest: Number, size: int, workspace: Workspace) -> Number:
    """Return a logit that at least `top_k` of the row's reach: -inf, if the maxima tell none."""
    maxima, values = workspace.maxima, workspace.values
    groups = groups_of(size)
    if top_k > groups * LANES:
        return like(row_largest, -math.inf)
    # Of eight times as many maxima, the k-th largest is below 1.07 k logits, if these come in no order.
    count = merged_maxima(maxima, groups, 8 * top_k, row_largest, values)
    return bisect(values, None, count, row_largest, float(top_k), top_k * 1.125)[0]


@inline
def nucleus_maximum(mass: float, row_largest: Number, size: int, scale: Scale, workspace: Workspace) -> Number:
    """Return a logit at and above which there is `mass`: -inf, if the maxima tell none."""
    maxima, values, weights = workspace.maxima, workspace.values, workspace.weights
    groups = groups_of(size)
    mass *= 1.0 + 2.0**-16  # more than rounding makes of it
    for enough in (MANY, groups * LANES):
        count = merged_maxima(maxima, groups, enough, row_largest, values)
        if list_weights(values, count, row_largest, scale, weights) >= mass:
            return bisect(values, weights, count, row_largest, mass, 1.03 * mass)[0]
        if count == groups * LANES:
            break
    return like(row_largest, -math.inf)


@inline
def least_near(largest: Number, distance: float) -> Number:
    """Return the smallest logit that is at most `distance` below `largest`, and above -inf.

    The difference of two logits that are near is exact, where `largest` less `distance` would be rounded.
    """
    least = like(largest, np.float64(largest) - distance)
    while np.float64(largest) - np.float64(least) <= distance and least > -math.inf:
        least = preceding(least)
    while not np.float64(largest) - np.float64(least) <= distance or least == -math.inf:
        least = following(least)
    return least


@inline
def below(row_largest: Number, distance: float) -> Number:
    """Return a logit at or a little below row_largest - distance, for a bound that may let too much pass."""
    largest = np.float64(row_largest)
    return like(row_largest, largest - distance - 2.0**-20 * (abs(largest) + distance))


@inline
def is_long(threshold: Number, row_largest: Number, size: int, workspace: Workspace) -> bool:
    """Return whether what reaches the threshold makes a long list: every second of the maxima does."""
    maxima, values = workspace.maxima, workspace.values
    count = merged_maxima(maxima, groups_of(size), MANY, row_largest, values)
    reached = 0
    for i in range(0, count, LANES):
        reached += count_lanes(load(values, i) >= splat(threshold))
    return 2 * reached > count
