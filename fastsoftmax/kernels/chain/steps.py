"""The interpreter of a chain: what each step makes of a sorted list.

The list is in the memory: logits less the largest and their weights by rank. A band of it is left, the tokens of rank
`first` to `last`; a filter moves its ends, a scale rewrites the logits and weights in it.

Of the logits 3, 2 and 1 "top_k=2 temperature=0.5" leaves ranks 0 and 1 with the logits 0 and -2.
"""

import math
from typing import NamedTuple

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.chain.facts import facts_of, mass_of_list
from fastsoftmax.kernels.chain.memory import Memory
from fastsoftmax.kernels.chain.narrow import CLOSE, after, least, look, nearest, nucleus, with_equals
from fastsoftmax.kernels.chain.rank import rank
from fastsoftmax.kernels.chain.rules import limit_of, scale_of_step, weigh_of
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_part, store_part
from fastsoftmax.kernels.lanes.numbers import FloatRow, Row, Rows, splat
from fastsoftmax.kernels.math.exp import exp
from fastsoftmax.kernels.sampling.groups import list_weights
from fastsoftmax.kernels.softmax.weights import scale_of, weight_of
from fastsoftmax.samplers.step import AFTER, COUNT, LEAST, LOOK, MASS, NEAREST, OFF, REWEIGH, SCALE, Facts

DONE, NEAR, SHORT, CUT = 0, 1, 2, 3
DEEPER = 4.0  # by so much the next list goes down where nothing says how far it should


class Band(NamedTuple):
    """What is left: the tokens of rank `first` to `last`; `state` is NEAR or SHORT where it must be done again.

    CUT says that there is no list: what reaches the logit `needed` is left.
    """

    first: int
    last: int
    state: int
    listed: int  # how many tokens the list has
    needed: float  # where it is SHORT: what the next list should reach down to; of a CUT: the logit
    mass: float  # of a CUT: relative to the weight of the largest logit


class Known(NamedTuple):
    """What is known of the whole row when its first filter is asked."""

    given: bool  # whether anything is
    facts: Facts
    slack: float  # how far they may be off
    log_whole: float  # of the row's mass
    floor: float  # no logit that is not listed is above it; -inf where all are listed


@function
def weigh(logs: FloatRow, weights: FloatRow, first: int, last: int) -> None:
    """Fill in the weights of a band: exp of its logits, none of which is above 0."""
    scale = scale_of(1.0, 0.0)
    list_weights(logs[first:last], last - first, 0.0, scale, weights[first:last])
    unit = splat(1.0 / weight_of(0.0, scale)[0])
    for i in range(first, last, LANES):
        store_part(weights, i, last, load_part(weights, i, last, 0.0) * unit)


@function
def rescale(logs: FloatRow, weights: FloatRow, first: int, last: int, slope: float, square: float, cube: float) -> int:
    """Bend the logits of a band; return where it ends: after its first token, where the slope is infinite."""
    if slope == math.inf:
        last = first + 1
        slope = 0.0
    flat = slope == 0.0 and square == 0.0 and cube == 0.0
    for i in range(first, last):
        y = logs[i]
        if flat:
            logs[i] = 0.0
        elif y > -math.inf:
            logs[i] = ((cube * y + square) * y + slope) * y
    weigh(logs, weights, first, last)
    return last


@function
def restart(logs: FloatRow, weights: FloatRow, first: int, last: int) -> None:
    """Make the logits of a band relative to its own largest, since the front of the list is gone."""
    top = logs[first]
    if top < 0.0:
        for i in range(first, last):
            logs[i] -= top
        weigh(logs, weights, first, last)


@function
def reweigh(step: Row, first: int, last: int, memory: Memory) -> None:
    """Replace the logits of a band by what a rule makes of its probabilities, and then its weights."""
    logs, weights, shares = memory.logs, memory.weights, memory.shares
    mass = mass_of_list(weights, first, last)
    top = -math.inf
    for i in range(first, last):
        shares[i] = weights[i] / mass
        logs[i] = weigh_of(step[0], shares[i], step[3], step[5])
        top = max(top, logs[i])
    for i in range(first, last):
        logs[i] -= top
    weigh(logs, weights, first, last)


@inline
def shifted(facts: Facts, by: float) -> Facts:
    """Return the logarithms and the entropy that a rule is told of, moved by as much as they may be off."""
    tokens, log_mass, entropy, log_squares, deviation, lowest, bends, steepest = facts
    return Facts(tokens, log_mass + by, max(entropy + by, 0.0), log_squares + by, deviation, lowest, bends, steepest)


@function
def narrow(step: Row, known: Known, first: int, last: int, memory: Memory) -> Band:
    """Return what a filter leaves of a band."""
    logs, weights, facts, slack = memory.logs, memory.weights, known.facts, known.slack
    code, way, a, b, c = step[0], int(step[1]), step[3], step[4], step[5]
    min_keep = int(min(step[6], 2.0**31))
    ties, equal, crossing, whole = step[7] != 0.0, step[8] != 0.0, step[9] != 0.0, step[10] != 0.0
    if way == LOOK:
        end = look(code, shifted(facts, -slack), logs, weights, first, last, a, c, min_keep, crossing)
        if slack > 0.0 and end != look(
            code, shifted(facts, slack), logs, weights, first, last, a, c, min_keep, crossing
        ):
            return Band(first, end, NEAR, 0, 0.0, 0.0)
        return Band(first, max(end, first + 1), SHORT if known.floor > -math.inf and end == last else DONE, 0, 0.0, 0.0)
    number = limit_of(code, facts, a, b, c)
    distance = 0.0
    start, end, near, short, needed = first, last, False, False, known.floor - DEEPER
    if way == COUNT:
        end = first + int(min(max(number, 1.0), float(last - first)))
        end = with_equals(logs, end, last) if ties else end
    elif way == LEAST:
        end, near = least(logs, first, last, number - CLOSE, min_keep, ties, slack)
    elif way == AFTER:
        start, near = after(logs, first, last, number, min_keep, ties, equal, slack)
    else:
        target = max(a, 2.0**-1022) * exp(known.log_whole if whole else facts.log_mass)
        if way == MASS:
            end, near = nucleus(logs, weights, first, last, target, min_keep, ties, equal, crossing, slack)
        else:
            start, end, near = nearest(logs, weights, first, last, number, target, min_keep, ties, equal, slack)
            distance = max(logs[start] - number, number - logs[end - 1])
            short = distance >= number - known.floor
        if known.floor > -math.inf:
            reached = end < last or mass_of_list(weights, start, end) >= target * (1.0 + 2.0**-20)
            if way == NEAREST and reached:  # with more tokens below, what is kept is nearer
                needed = number - distance
            short = short or not reached
        else:
            short = False
    if near:
        return Band(start, end, NEAR, 0, 0.0, 0.0)
    return Band(start, max(end, start + 1), SHORT if short else DONE, 0, needed, 0.0)


@inline
def is_filter(way: int) -> bool:
    """Return whether a step narrows."""
    return way in (COUNT, MASS, LEAST, NEAREST, AFTER, LOOK)


@function
def order(memory: Memory, count: int) -> None:
    """Sort a list whose logits and weights are by place: they are by rank then."""
    logs, weights = memory.logs, memory.weights
    rank(memory, count)
    for i in range(count):
        weights[i] = logs[memory.places[i]]
    for i in range(count):
        logs[i] = weights[i]
    weigh(logs, weights, 0, count)


@function
def drop_below(memory: Memory, count: int, bound: float, slack: float) -> tuple[int, bool]:
    """Drop from a list by place what is below a bound; return how many stay, and whether one is too near to tell.

    Where none would stay, or one is near, the list is as it was.
    """
    tokens, values, logs, weights = memory.row.tokens, memory.values, memory.logs, memory.weights
    kept = surely = possibly = 0
    for i in range(count):
        kept += 1 if logs[i] >= bound else 0
        surely += 1 if logs[i] >= bound + slack else 0
        possibly += 1 if logs[i] >= bound - slack else 0
    if surely < possibly:
        return count, True
    if 0 < kept < count:
        to = 0
        for i in range(count):
            if logs[i] >= bound:
                tokens[to], values[to], logs[to], weights[to] = tokens[i], values[i], logs[i], weights[i]
                to += 1
    return kept, False


@function
def run(steps: Rows, begin: int, outcome: int, known: Known, count: int, memory: Memory, left: FloatRow | None) -> Band:
    """Do the steps from `begin` on; the first of them is told what is `known` of the row, if anything is.

    `outcome` has a bit for each filter that a coin is tossed for: whether it acts. `left` gets the number of tokens
    after each step, and then the share of the mass that the filters have left.
    """
    logs, weights = memory.logs, memory.weights
    first, last = 0, count
    share, asked, log_whole, ordered = 1.0, False, known.log_whole, False
    for index in range(begin, len(steps)):
        step = steps[index]
        way = int(step[1])
        if way == AFTER:
            way = AFTER if outcome & 1 else OFF
            outcome >>= 1
        # What is at least so likely is found without an order, unless details tell ranks or so many stay.
        by_place = not ordered and way == LEAST and step[6] <= 1.0 and left is None
        if not (ordered or by_place) and is_filter(way):
            order(memory, count)
            ordered = True
        if way == SCALE:
            facts = facts_of(int(step[2]), logs, weights, first, last)
            slope, square, cube = scale_of_step(step[0], facts, step[3], step[4], step[5])
            if slope == math.inf and not ordered:
                order(memory, count)
                ordered = True
            last = rescale(logs, weights, first, last, slope, square, cube)
        elif way == REWEIGH:
            if left is not None and not ordered:  # details tell ranks
                order(memory, count)
                ordered = True
            reweigh(step, first, last, memory)
        elif is_filter(way):
            told = known
            if asked or not known.given:
                facts = facts_of(int(step[2]), logs, weights, first, last)
                log_whole = log_whole if asked else facts.log_mass
                told = Known(True, facts, 0.0, log_whole, -math.inf)
            asked = True
            if by_place:
                number = limit_of(step[0], told.facts, step[3], step[4], step[5])
                kept, near = drop_below(memory, count, number - CLOSE, told.slack)
                if near:
                    return Band(first, last, NEAR, 0, 0.0, 0.0)
                if kept > 0:
                    last = count = kept
                    continue
                order(memory, count)  # the largest stays in any case
                ordered = True
            band = narrow(step, told, first, last, memory)
            if band.state != DONE:
                return band
            if left is not None:
                share *= mass_of_list(weights, band.first, band.last) / exp(told.facts.log_mass)
            if band.first > first:
                restart(logs, weights, band.first, band.last)
            first, last = band.first, band.last
        if left is not None:
            left[index] = float(last - first)
    if left is not None:
        left[len(steps)] = share
        if not ordered:  # details tell ranks
            order(memory, count)
            ordered = True
    if not ordered:
        for i in range(count):
            memory.places[i] = i
    return Band(first, last, DONE, count, 0.0, 0.0)
