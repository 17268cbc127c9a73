"""Where a list of logits is cut: the largest logit at and above which there is a given number, or mass, of tokens.

bisect    two logits of the list move towards each other: a sweep counts, or weighs, what is above the middle, and moves
          one of them to the nearest logit, so that n logits take about log2 n sweeps, and ties one.
find_cut  for a long list, a sample of it first: one sweep lists what lies between two of its quantiles, then `bisect`.

A list ends with two vectors of NaN (`pad`), which are neither above nor below anything. `weights` None is 1 each.

Of the logits 5, 3, 3, 1 three tokens are wanted: 3 is the cut, since one logit is above it and three are at and above
it. If two are wanted, 3 is the cut too, and its first tie is kept.
"""

import math

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import append, load, store
from fastsoftmax.kernels.lanes.numbers import (
    Number,
    Row,
    blend,
    count_lanes,
    lane_bits,
    larger,
    largest_lane,
    like,
    smaller,
    smallest_lane,
    splat,
    sum_lanes,
)
from fastsoftmax.kernels.math.floats import following, middle_of

PIECE = 128  # weights whose sum stays in the type they have: 8 to a lane
LONG = 4096  # shorter lists are bisected directly: a sample would not pay
SAMPLE = 2048  # logits of a long list in its sample, at least


@inline
def pad(values: Row, count: int, number: Number) -> None:
    """End a list with two vectors that are neither above nor below anything."""
    store(values, count, splat(like(number, math.nan)))
    store(values, count + LANES, splat(like(number, math.nan)))


@function
def sweep(values: Row, weights: Row | None, count: int, bar: Number) -> tuple[float, Number, Number]:
    """Return (mass, least, most) of a padded list.

    The mass of what is at least `bar`, the smallest logit of that, and the largest one below `bar`.
    """
    mass = 0.0
    bars, none = splat(bar), splat(like(bar, 0.0))
    least, most = splat(like(bar, math.inf)), splat(like(bar, -math.inf))
    other_least, other_most = least, most
    for start in range(0, count, PIECE):
        members = 0
        sums = other_sums = none
        stop = min(start + PIECE, count)
        for i in range(start, stop, 2 * LANES):  # two of everything: each waits for its last step
            z, y = load(values, i), load(values, i + LANES)
            inside, other = z >= bars, y >= bars
            least = blend(inside, smaller(z, least), least)
            other_least = blend(other, smaller(y, other_least), other_least)
            most = blend(inside, most, larger(z, most))
            other_most = blend(other, other_most, larger(y, other_most))
            if weights is None:
                members += count_lanes(inside) + count_lanes(other)
            else:
                sums = blend(inside, sums + load(weights, i), sums)
                other_sums = blend(other, other_sums + load(weights, i + LANES), other_sums)
        mass += members if weights is None else sum_lanes(sums + other_sums)
    return mass, smallest_lane(smaller(least, other_least)), largest_lane(larger(most, other_most))


@function
def bisect(
    values: Row, weights: Row | None, count: int, top: Number, target: float, enough: float
) -> tuple[Number, float]:
    """Return (cut, above): the largest logit at and above which the list's mass reaches `target`, and the mass above.

    `top` is the list's largest logit. The whole list reaches any target. A cut that leaves at most the mass `enough`
    will do; `above` is void then.
    """
    pad(values, count, top)
    total, low, _ = sweep(values, weights, count, like(top, -math.inf))
    target = min(target, total)
    above = 0.0
    while low < top:
        middle = middle_of(low, top)
        mass, least, most = sweep(values, weights, count, middle)
        if mass >= target:
            low = least
            if mass <= enough:
                break
        else:
            above = mass
            top = most
    return low, above


@inline
def stride_of(count: int) -> int:
    """Return how far apart in a long list are the vectors that make its sample."""
    return max(count // SAMPLE, 1) * LANES


@function
def find_cut(
    values: Row,
    weights: Row | None,
    count: int,
    top: Number,
    target: float,
    spare_values: Row,
    spare_weights: Row | None,
) -> tuple[Number, float]:
    """Return (cut, above) as `bisect` does, for lists of any length."""
    if count <= LONG or top == math.inf:
        return bisect(values, weights, count, top, target, 0.0)
    size = 0
    for i in range(0, count - LANES, stride_of(count)):
        store(spare_values, size, load(values, i))
        if weights is not None:
            store(spare_weights, size, load(weights, i))
        size += LANES
    pad(values, count, top)
    total, _, _ = sweep(values, weights, count, like(top, -math.inf))
    low, high = bracket(spare_values, spare_weights, size, target / total)
    found = 0
    above = 0.0
    for _ in range(2):  # the second time, on the side where the sample was wrong
        found, above, inside = between(values, weights, count, low, high, spare_values, spare_weights)
        if above >= target:
            low, high = high, like(top, math.inf)
        elif above + inside < target and found < count:
            low, high = like(top, -math.inf), low
        else:
            break  # pragma: no cover (numba tells no line of this jump)
    if found == 0:  # rounding: the list's mass is a little below the target
        return bisect(values, weights, count, top, target, 0.0)
    pad(spare_values, found, top)
    _, _, inner_top = sweep(spare_values, spare_weights, found, like(top, math.inf))
    cut, more = bisect(spare_values, spare_weights, found, inner_top, target - above, 0.0)
    return cut, above + more


@function
def bracket(values: Row, weights: Row | None, count: int, share: float) -> tuple[Number, Number]:
    """Return logits (low, high) for which the mass at and above them is most likely above and below `share` of all.

    The list is a sample of the one that is to be cut.
    """
    number = values[0]
    lowest, highest = like(number, -math.inf), like(number, math.inf)
    pad(values, count, number)
    total, _, _ = sweep(values, weights, count, lowest)
    _, _, top = sweep(values, weights, count, highest)
    size = total
    if weights is not None:
        squares, unit = splat(like(number, 0.0)), splat(like(number, 1.0 / total))
        for i in range(0, count, LANES):
            share_of_one = load(weights, i) * unit
            squares = squares + share_of_one * share_of_one
        size = 1.0 / sum_lanes(squares)
    margin = 2.0 / math.sqrt(size)  # four standard deviations of a quantile, at most, of so many equal weights
    slack = 0.25 * margin
    low, high = lowest, highest
    if share + margin < 1.0:
        low, _ = bisect(values, weights, count, top, (share + margin) * total, (share + margin + slack) * total)
    if share - margin - slack > 0.0:
        high, _ = bisect(values, weights, count, top, (share - margin - slack) * total, (share - margin) * total)
    return low, high if high > low else following(low)


@inline
def between(
    values: Row, weights: Row | None, count: int, low: Number, high: Number, out_values: Row, out_weights: Row | None
) -> tuple[int, float, float]:
    """List what is in [low, high); return how many there are, the mass at and above `high`, and the mass inside."""
    found = 0
    above = inside = 0.0
    for start in range(0, count, PIECE):
        members = higher = 0
        sums = higher_sums = splat(like(low, 0.0))
        for i in range(start, min(start + PIECE, count), LANES):
            z = load(values, i)
            over = z >= splat(high)
            within = (z >= splat(low)) & (z < splat(high))
            append(out_values, found, z, within)
            if weights is None:
                members += count_lanes(within)
                higher += count_lanes(over)
            else:
                w = load(weights, i)
                append(out_weights, found, w, within)
                sums = blend(within, sums + w, sums)
                higher_sums = blend(over, higher_sums + w, higher_sums)
            found += count_lanes(within)
        above += higher if weights is None else sum_lanes(higher_sums)
        inside += members if weights is None else sum_lanes(sums)
    return found, above, inside


@inline
def weight_at(cut: Number, values: Row, weights: Row) -> float:
    """Return the weight of the list's tokens with the logit `cut`."""
    i = 0
    while lane_bits(load(values, i) == splat(cut)) == 0:
        i += LANES
    while values[i] != cut:
        i += 1
    return np.float64(weights[i])
