"""From a row of logits to the sorted list that the steps of a chain narrow.

1. One read for the largest logits, with an exponential an element where the first filter asks for the row's mass; then
   what else it asks for: a read for the entropy and the squares, two for the deviation.
2. A logit that all that the first filter keeps reaches, which the maxima of the groups tell; what reaches it is listed,
   widened to float64, sorted and weighed. A temperature before the first filter is in the weights.
3. The steps. Where light masses come too near to a decision the row is weighed exactly, and where the list was too
   short all of it is listed: each once at most, and seldom.

Where nothing narrows first, as in a chain of scales, all of the row is listed; a filter that comes later sorts it,
which takes five times as long (docs/performance.md).

Of the logits 1, 3, 2 and -9 "temperature=0.5 min_p=0.1" lists tokens 1 and 2, which are at least 3 + 0.5 log 0.1.
"""

import math

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.chain.cut import cut_at
from fastsoftmax.kernels.chain.facts import light_spread, mass_of_list, row_facts, row_spread
from fastsoftmax.kernels.chain.memory import Memory
from fastsoftmax.kernels.chain.narrow import CLOSE
from fastsoftmax.kernels.chain.rules import limit_of, scale_of_step
from fastsoftmax.kernels.chain.steps import CUT, NEAR, SHORT, Band, Known, is_filter, run, weigh
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, Rows, by_type, like
from fastsoftmax.kernels.lanes.rows import MaskedRow
from fastsoftmax.kernels.math.exp import exp, log
from fastsoftmax.kernels.math.floats import following
from fastsoftmax.kernels.sampling.bisect import find_cut
from fastsoftmax.kernels.sampling.exact import NEAR as LIGHT_ERROR
from fastsoftmax.kernels.sampling.groups import group_maxima
from fastsoftmax.kernels.sampling.keep import first_at
from fastsoftmax.kernels.sampling.light import group_masses
from fastsoftmax.kernels.sampling.listing import keep_prefix, list_tokens
from fastsoftmax.kernels.sampling.threshold import MANY, below, is_long, kth_maximum, nucleus_maximum
from fastsoftmax.kernels.softmax.weights import Scale, scale_of, weight_of
from fastsoftmax.samplers.step import (
    AFTER,
    COUNT,
    ENTROPY,
    LEAST,
    LOG_MASS,
    LOOK,
    MASS,
    MOMENTS,
    NEAREST,
    OFF,
    SCALE,
    SHAPE,
    SQUARES,
    TOKENS,
    Facts,
)

SPREAD = 64.0  # deviations that a rule takes at most, while the light one is right enough for it
is_double = by_type(lambda number: False, lambda number: True)
HEAD = 100  # tokens in the first list for a rule that looks at one after the other; sixteen times as many in the next


@inline
def no_facts() -> Facts:
    """Return void facts."""
    return Facts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@inline
def nothing_known() -> Known:
    """Return what is known of a row whose first filter is told of its list alone."""
    return Known(False, no_facts(), 0.0, 0.0, -math.inf)


@function
def leading(steps: Rows) -> tuple[int, float]:
    """Return the first step that is no temperature, and 1 / T of those before it; what is off is passed over."""
    slope = 1.0
    for index in range(len(steps)):
        step = steps[index]
        way = int(step[1])
        if way == SCALE and int(step[2]) == 0:
            own, square, cube = scale_of_step(step[0], no_facts(), step[3], step[4], step[5])
            if square != 0.0 or cube != 0.0:
                return index, slope
            slope = own * slope if own < math.inf else own
        elif way != OFF:
            return index, slope
    return len(steps), slope


@function
def list_row(
    row: MaskedRow, threshold: Number, most: int, equals: bool, row_largest: Number, slope: float, memory: Memory
) -> int:
    """List what reaches the threshold, with its logits after a temperature; return how many there are.

    Where there are far more than `most`, only so many stay: the largest, and with `equals` all that equal the last one.
    """
    tokens, listed, values, logs = memory.row.tokens, memory.row.values, memory.values, memory.logs
    count = list_tokens(row, threshold, row.logits.size, memory.row.maxima, tokens, listed)
    if count > 2 * most:  # fewer are sorted in less time than a cut takes
        cut, above = find_cut(listed, None, count, row_largest, float(most), memory.row.spare_values, None)
        count = keep_prefix(tokens, listed, None, count, cut, count if equals else most - int(above))
    largest = np.float64(row_largest)
    for i in range(count):
        values[i] = np.float64(listed[i])
        distance = values[i] - largest
        logs[i] = distance * slope if slope > 0.0 and distance < 0.0 else 0.0
    weigh(logs, memory.weights, 0, count)
    return count


@inline
def most_of(step: Row, size: int) -> int:
    """Return how many tokens a step that counts keeps of a row."""
    number = limit_of(step[0], no_facts(), step[3], step[4], step[5])
    return int(max(min(number, float(size)), 1.0))


@inline
def bound_for(
    step: Row, known: Known, row_largest: Number, slope: float, scale: Scale, size: int, head: int, memory: Memory
) -> Number:
    """Return a logit that everything reaches that the first filter keeps, or as good as surely reaches."""
    bound = bound_of_way(step, known, row_largest, slope, scale, size, head, memory)
    if step[6] > 1.0:
        bound = min(bound, kth_maximum(int(min(step[6], float(size))), row_largest, size, memory.row))
    return max(bound, following(like(row_largest, -math.inf)))


@inline
def bound_of_way(
    step: Row, known: Known, row_largest: Number, slope: float, scale: Scale, size: int, head: int, memory: Memory
) -> Number:
    """Return what `bound_for` does, but for `min_keep`; -inf where there is none."""
    way, facts = int(step[1]), known.facts
    if way == LOOK:
        return kth_maximum(min(head, size), row_largest, size, memory.row)
    number = limit_of(step[0], facts, step[3], step[4], step[5])
    if way == COUNT:
        return kth_maximum(most_of(step, size), row_largest, size, memory.row)
    if way == LEAST and slope > 0.0:
        return below(row_largest, (2.0 * known.slack - min(number, 0.0)) / slope)
    if way in (MASS, NEAREST):
        share = step[3] if way == MASS else 1.0 - 0.5 * (1.0 - step[3])
        unit = weight_of(row_largest, scale)[1]
        mass = max(share, 2.0**-1000) * exp(known.log_whole) * unit * (1.0 + 4.0 * known.slack)
        bound = nucleus_maximum(mass, row_largest, size, scale, memory.row)
        if bound > -math.inf or size < 16 * HEAD:
            return bound
        return kth_maximum(16 * HEAD, row_largest, size, memory.row)  # the maxima do not tell: the list may
    return like(row_largest, -math.inf)


@function
def know(
    row: MaskedRow,
    needs: int,
    row_largest: Number,
    total: float,
    powers: FloatRow,
    scale: Scale,
    slope: float,
    exact: bool,
) -> Known:
    """Return what the first filter needs to know of a row, relative to the largest logit.

    Light sums, `total` and `powers` (see `group_masses`), will do unless `exact` ones are asked for.
    """
    facts, slack = no_facts(), 0.0
    mean, squares, distance = powers[0] * slope, powers[1], powers[2] * slope
    more = needs & (ENTROPY | SQUARES) != 0
    if (more or needs & LOG_MASS) and (exact or (more and not (squares < math.inf and mean > -math.inf))):
        facts = row_facts(row, np.float64(row_largest), slope)
    elif more:
        log_mass = log(total / weight_of(row_largest, scale)[1])
        slack = LIGHT_ERROR * (2.0 + 2.0 * distance - 2.0 * mean)
        facts = Facts(0.0, log_mass, max(log_mass - mean, 0.0), log(squares), 0.0, 0.0, 0.0, 0.0)
    elif needs & LOG_MASS:
        slack = LIGHT_ERROR
        facts = Facts(0.0, log(total / weight_of(row_largest, scale)[1]), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    count = deviation = 0.0
    if needs & (MOMENTS | TOKENS):
        count, deviation = light_spread(row_largest, row)
        deviation *= slope
        if needs & MOMENTS:
            slack = max(slack, LIGHT_ERROR * SPREAD * deviation)
        if exact or not deviation < math.inf:
            count, deviation = row_spread(row, row_largest, slope)
            slack = 0.0 if exact else slack
    facts = Facts(count, facts.log_mass, facts.entropy, facts.log_squares, deviation, 0.0, 0.0, 0.0)
    return Known(True, facts, slack, facts.log_mass, -math.inf)


@inline
def floor_of(threshold: Number, row_largest: Number, slope: float, known: Known, needs: int, rest: float) -> float:
    """Return a logit that none is above of those below the threshold; `rest` is their mass, if the row's is known."""
    floor = (np.float64(threshold) - np.float64(row_largest)) * slope
    return min(floor, log(max(rest, 0.0) + 2.0 * known.slack * exp(known.log_whole))) if needs & LOG_MASS else floor


@function
def keep_chain(
    row: MaskedRow, steps: Rows, outcome: int, number: Number, memory: Memory, left: FloatRow | None, cut: bool | None
) -> tuple[Number, Band]:
    """Return the row's largest logit and the band of its list that a chain leaves, or where it may be a cut of the row.

    Where the largest logit is NaN or -inf, there is no distribution, and the band is void.
    """
    begin, slope = leading(steps)
    size = row.logits.size
    temperature = 1.0 / slope if slope > 0.0 else math.inf
    scale = scale_of(temperature if slope < math.inf else 0.0, number)
    needs = way = 0
    if begin < len(steps):
        needs, way = int(steps[begin, 2]), int(steps[begin, 1])
    whole_asked = False  # a later step may ask for a share of the whole row
    for index in range(begin, len(steps)):
        whole_asked = whole_asked or (int(steps[index, 1]) == MASS and steps[index, 10] != 0.0)
    if left is not None or whole_asked:
        needs |= LOG_MASS
    maxima, sums = memory.row.maxima, memory.row.sums
    total = 0.0
    soft = slope < math.inf
    if needs & (LOG_MASS | ENTROPY | SQUARES) and soft:
        buffers = memory.row.values, memory.row.weights
        if needs & (ENTROPY | SQUARES):
            row_largest, total = group_masses(row, scale, number, maxima, sums, buffers, memory.row.pieces)
        else:
            row_largest, total = group_masses(row, scale, number, maxima, sums, buffers, None)
    else:
        row_largest = group_maxima(row, number, maxima)  # no mass is asked for
    nothing = nothing_known()
    if not row_largest > -math.inf:
        return row_largest, Band(0, 0, 0, 0, 0.0, 0.0)
    if left is not None:  # details: temperatures before the first filter leave all of the row
        tokens = row_spread(row, row_largest, 1.0)[0] if row_largest < math.inf and soft else 1.0
        for index in range(begin):
            left[index] = tokens
    if not soft:  # T = 0: the first of the largest, whatever the chain says later
        memory.row.tokens[0] = first_at(row, maxima, row_largest)
        memory.values[0] = np.float64(row_largest)
        memory.logs[0], memory.weights[0] = 0.0, 1.0
        return row_largest, run(steps, begin, outcome, nothing, 1, memory, left)
    lowest = following(like(number, -math.inf))
    if row_largest == math.inf:  # these alone, as equals
        count = list_row(row, row_largest, size, False, row_largest, 0.0, memory)
        return row_largest, run(steps, begin, outcome, nothing, count, memory, left)
    exact = left is not None or is_double(number)
    # A bound that is all of the filters may cut the row instead of a long list.
    cuts = way == LEAST and begin + 1 == len(steps) and steps[begin, 6] <= 1.0 and size > MANY
    summed = needs & (LOG_MASS | ENTROPY | SQUARES) != 0
    everything = not is_filter(way) or way == AFTER or needs & SHAPE != 0
    head, deeper = HEAD, 0.0
    while True:
        known, threshold, floor, most = nothing, lowest, -math.inf, size
        if not everything:
            known = know(row, needs, row_largest, total, memory.row.pieces, scale, slope, exact)
            threshold = bound_for(steps[begin], known, row_largest, slope, scale, size, head, memory)
            if deeper < 0.0:
                threshold = max(min(threshold, below(row_largest, (known.slack - deeper) / slope)), lowest)
            if way == COUNT:
                most = most_of(steps[begin], size)
            # Where `cut` is None, this is not compiled.
            if cut is not None and cuts and is_long(threshold, row_largest, size, memory.row):
                step = steps[begin]
                bound = limit_of(step[0], known.facts, step[3], step[4], step[5]) - CLOSE
                # No logit reaches a larger bound, and the first of the largest stays alone, in a list.
                cuts = bound <= known.slack
                if cuts:
                    whole = exp(known.log_whole) if summed else 0.0
                    logit, mass = cut_at(row, bound, known.slack, row_largest, slope, whole, memory)
                    if mass > 0.0:
                        return row_largest, Band(0, 0, CUT, 0, np.float64(logit), mass)
                    exact = True
                    continue
        count = list_row(row, threshold, most, way == COUNT and steps[begin, 7] != 0.0, row_largest, slope, memory)
        if threshold > lowest:
            rest = exp(known.log_whole) - mass_of_list(memory.weights, 0, count)
            floor = floor_of(threshold, row_largest, slope, known, needs, rest)
        known = Known(not everything, known.facts, known.slack, known.log_whole, floor)
        band = run(steps, begin, outcome, known, count, memory, left)
        if band.state == NEAR and not exact:
            exact = True
        elif band.state == SHORT and not everything:
            head *= 16
            everything = head >= size if way == LOOK else not band.needed < deeper
            deeper = band.needed
        else:
            return row_largest, band
