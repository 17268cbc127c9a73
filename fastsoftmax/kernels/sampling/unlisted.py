"""Kept sets too long to list: the cut of a whole row, and the mass that it leaves in each group.

cut_masses  one sweep with an exponential an element: what is at and above a logit.
cut_row     the nucleus: a sample of the row gives two logits that bracket the cut; one sweep weighs what is above the
            bracket and lists what is inside it.

Of 100,000 equal logits top-p = 0.5 keeps the first 50,000: the cut is that logit, with 50,000 ties.

The kept set is all tokens above `cut` and the first `ties` that equal it.
"""

import math

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import append, load, load_part, store
from fastsoftmax.kernels.lanes.numbers import (
    IntRow,
    Number,
    Row,
    Vector,
    blend,
    count_lanes,
    lane_bits,
    like,
    splat,
    sum_lanes,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, read, read_whole
from fastsoftmax.kernels.math.exp import log
from fastsoftmax.kernels.math.filters import Filters, nucleus_mass
from fastsoftmax.kernels.math.floats import following, preceding
from fastsoftmax.kernels.sampling.bisect import bracket, find_cut, pad, stride_of, sweep
from fastsoftmax.kernels.sampling.exact import cut_at, decided
from fastsoftmax.kernels.sampling.groups import group_weights, list_weights
from fastsoftmax.kernels.sampling.light import light_scale, sweep_weights
from fastsoftmax.kernels.sampling.listing import prefix
from fastsoftmax.kernels.sampling.threshold import below
from fastsoftmax.kernels.sampling.workspace import Workspace
from fastsoftmax.kernels.softmax.weights import Scale, weight_of


@inline
def cut_masses(row: MaskedRow, scale: Scale, cut: Number, row_largest: Number, workspace: Workspace) -> None:
    """Fill in the running masses of what each group has at and above the cut."""
    sums, values, weights = workspace.sums, workspace.values, workspace.weights
    total, bar = 0.0, splat(cut)
    light = light_scale(row_largest, scale)
    for group in range(groups_of(row.logits.size)):
        sweep_weights(row, group, row_largest, scale, light, (values, weights))
        start, own = group * GROUP, group_row(row, group)
        a = b = c = d = splat(like(cut, 0.0))  # four sums: each waits for its last addition
        for i in range(0, min(GROUP, row.logits.size - start), 4 * LANES):
            a = add_from(read(own, start + i, cut), bar, weights, i, a)
            b = add_from(read(own, start + i + 16, cut), bar, weights, i + 16, b)
            c = add_from(read(own, start + i + 32, cut), bar, weights, i + 32, c)
            d = add_from(read(own, start + i + 48, cut), bar, weights, i + 48, d)
        total += sum_lanes((a + b) + (c + d))
        sums[group] = total


@inline
def add_from(z: Vector, bar: Vector, weights: Row, i: int, mass: Vector) -> Vector:
    """Return the mass with the weights from i on of the logits that reach the bar."""
    return blend(z >= bar, mass + load(weights, i), mass)


@inline
def weigh_bracket(
    row: MaskedRow, scale: Scale, low: Number, high: Number, row_largest: Number, workspace: Workspace
) -> tuple[int, float, float, int]:
    """Fill in the mass of each group at and above `high`, and list what is between `low` and `high` in the spare rows.

    Logits that equal `low` are only counted: they are the ties. At 2 g, `tokens` gets the number of logits listed up to
    the end of group g, and at 2 g + 1 the number of ties. Returns (listed, above, inside, ties) of the row: two numbers
    of logits, and between them the masses above and inside the bracket.
    """
    sums, ends = workspace.sums, workspace.tokens
    values, weights = workspace.values, workspace.weights
    spare_values, spare_weights = workspace.spare_values, workspace.spare_weights
    found = ties = 0
    above = inside = 0.0
    none = splat(like(low, 0.0))
    bottom, top = splat(low), splat(high)
    light = light_scale(row_largest, scale)
    for group in range(groups_of(row.logits.size)):
        sweep_weights(row, group, row_largest, scale, light, (values, weights))
        start, own = group * GROUP, group_row(row, group)
        over = other_over = between = none
        for i in range(0, min(GROUP, row.logits.size - start), 2 * LANES):
            z, y = read(own, start + i, low), read(own, start + i + LANES, low)
            over = add_from(z, top, weights, i, over)
            other_over = add_from(y, top, weights, i + LANES, other_over)
            if lane_bits(((z >= bottom) & (z < top)) | ((y >= bottom) & (y < top))) == 0:
                continue
            for j in range(i, i + 2 * LANES, LANES):
                x, w = read(own, start + j, low), load(weights, j)
                ties += count_lanes(x == bottom)
                within = (x > bottom) & (x < top)
                if lane_bits(within) == 0:  # ties alone, as in a row of equal logits
                    continue
                append(spare_values, found, x, within)
                append(spare_weights, found, w, within)
                found += count_lanes(within)
                between = blend(within, between + w, between)
        sums[group] = sum_lanes(over + other_over)
        above += sums[group]
        inside += sum_lanes(between)
        ends[2 * group], ends[2 * group + 1] = found, ties
    return found, above, inside, ties


@inline
def cut_row(
    row: MaskedRow, scale: Scale, filters: Filters, row_largest: Number, total: float, workspace: Workspace
) -> tuple[Number, int]:
    """Return (cut, ties) of the nucleus, and fill in the running masses that it leaves in the groups."""
    values, weights = workspace.values, workspace.weights
    spare_values, spare_weights = workspace.spare_values, workspace.spare_weights
    temperature, top_p = filters.temperature, filters.top_p
    infinity = like(row_largest, math.inf)
    lowest = following(-infinity)
    # A sample of the row brackets the cut.
    size = 0
    for i in range(0, row.logits.size - LANES, stride_of(row.logits.size)):
        store(spare_values, size, read_whole(group_row(row, i // GROUP), i, row_largest))
        size += LANES
    list_weights(spare_values, size, row_largest, scale, spare_weights)
    low, high = bracket(spare_values, spare_weights, size, top_p)
    low = max(low, lowest)
    if temperature < math.inf:
        # All the logits below a bound weigh at most V times its weight. Where that is less than (1 - p) of the mass,
        # none of them is in the nucleus; half of it leaves room for rounding.
        share = 0.5 * (1.0 - top_p) * total / weight_of(row_largest, scale)[1] / row.logits.size
        low = max(low, below(row_largest, -temperature * log(share)))
    target = nucleus_mass(top_p, total)
    found = ties = 0
    above = inside = 0.0
    for attempt in range(2):
        found, above, inside, ties = weigh_bracket(row, scale, low, high, row_largest, workspace)
        whole = above + inside + ties * weight_alone(low, row_largest, scale, workspace)
        if attempt > 0 or above < target <= whole:
            break
        low, high = (preceding(high), infinity) if above >= target else (lowest, low)  # where the sample was wrong
    # The cut is inside the bracket, or it is the logit at its lower end, where only ties are counted.
    cut = low
    if above + inside >= target and found > 0:
        pad(spare_values, found, row_largest)
        _, _, top = sweep(spare_values, spare_weights, found, infinity)
        cut, more = find_cut(spare_values, spare_weights, found, top, target - above, values, weights)
        above += more
        ties = found
    else:
        above += inside
    tie_weight = weight_alone(cut, row_largest, scale, workspace)
    found_cut = cut_at(cut, tie_weight, above, target, ties)
    exact = decided(row_largest, row, row, True, filters, found_cut)
    if exact.logit != cut or exact.ties != found_cut.ties:  # another cut than the one found needs its own masses
        cut = low = exact.logit
        weigh_bracket(row, scale, cut, following(cut), row_largest, workspace)
        tie_weight = weight_alone(cut, row_largest, scale, workspace)
    add_bracket(cut, exact.ties, tie_weight, cut == low, groups_of(row.logits.size), workspace)
    return cut, exact.ties


@inline
def weight_alone(z: Number, row_largest: Number, scale: Scale, workspace: Workspace) -> float:
    """Return the weight of a logit."""
    values, weights = workspace.values, workspace.weights
    values[0] = z
    list_weights(values, 1, row_largest, scale, weights)
    return np.float64(weights[0])


@inline
def add_bracket(cut: Number, ties: int, tie_weight: float, counted: bool, groups: int, workspace: Workspace) -> None:
    """Add to each group what it keeps of the bracket, and sum the groups up.

    At 2 g + 1, `tokens` gets the number of logits that equal the cut up to the end of group g; where this was `counted`
    before, it is there already.
    """
    sums, ends = workspace.sums, workspace.tokens
    spare_values, spare_weights = workspace.spare_values, workspace.spare_weights
    bar = splat(cut)
    running = 0.0
    first = seen = counted_before = 0
    for group in range(groups):
        last = ends[2 * group]
        mass = splat(like(cut, 0.0))
        equal = 0
        for i in range(first, last, LANES):
            z = load_part(spare_values, i, last, like(cut, math.nan))
            mass = blend(z > bar, mass + load(spare_weights, i), mass)
            equal += count_lanes(z == bar)
        if counted:
            equal = ends[2 * group + 1] - counted_before
            counted_before = ends[2 * group + 1]
        running += sums[group] + sum_lanes(mass) + (min(seen + equal, ties) - min(seen, ties)) * tie_weight
        seen += equal
        first = last
        sums[group] = running
        ends[2 * group + 1] = seen


@inline
def cut_weights(
    cut: Number, ties: int, row: MaskedRow, group: int, row_largest: Number, scale: Scale, workspace: Workspace
) -> None:
    """Write the weights of a group of a row that is cut so, 0 for what is not kept."""
    values, weights = workspace.values, workspace.weights
    group_weights(row, group, row_largest, scale, (values, weights))
    if cut > following(like(row_largest, -math.inf)):
        drop_below(cut, ties, row, group, weights, workspace.tokens)


@inline
def drop_below(cut: Number, ties: int, row: MaskedRow, group: int, weights: Row, ends: IntRow) -> None:
    """Write 0 for the weights of a group that a cut does not keep; the types of the cut and the weights are the same.

    At 2 g + 1, `ends` has the number of logits that equal the cut up to the end of group g.
    """
    bar, none = splat(cut), splat(like(cut, 0.0))
    left = ties
    if ties < row.logits.size and group > 0:
        left = max(ties - ends[2 * group - 1], 0)
    own = group_row(row, group)
    for i in range(0, min(GROUP, row.logits.size - group * GROUP), LANES):
        stay, left = prefix(read(own, group * GROUP + i, cut), bar, left)
        store(weights, i, blend(stay, load(weights, i), none))
