"""The ways in which a filter narrows a sorted list: each reads on from where the band begins until its rule ends it.

A band is the tokens of rank `first` to `last`. A search for a logit takes log2 n steps, a nucleus as many as it keeps.

Each function tells whether it is `near`: whether what it was told of the row, which is right to `slack` only, may have
decided otherwise than the truth. Where the slack is 0, the facts are exact and nothing is near.

Of the weights 1, 0.5, 0.25 and 0.25 a nucleus of 0.7 is the first two: 1 before the second is below 1.4, 1.5 is not.
"""

import math

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.chain.rules import look_of
from fastsoftmax.kernels.lanes.numbers import FloatRow
from fastsoftmax.kernels.sampling.exact import NEAR as LIGHT_ERROR  # of a mass; of a logit that facts give the slack
from fastsoftmax.samplers.step import GO_ON, Facts, Seen

CLOSE = 2.0**-40  # a mass that is this near to a share of another, relative to it, is the same


@inline
def first_below(logs: FloatRow, first: int, last: int, bound: float) -> int:
    """Return the first rank whose logit is below the bound."""
    low, high = first, last
    while low < high:
        middle = (low + high) >> 1
        if logs[middle] < bound:
            high = middle
        else:
            low = middle + 1
    return low


@inline
def with_equals(logs: FloatRow, last: int, end: int) -> int:
    """Return where the equals of the last token end."""
    while last < end and logs[last] == logs[last - 1]:
        last += 1
    return last


@inline
def add(mass: float, lost: float, weight: float) -> tuple[float, float]:
    """Return a sum and what its additions have lost (Neumaier 1974)."""
    total = mass + weight
    lost += weight - (total - mass) if mass >= weight else mass - (total - weight)
    return total, lost


@inline
def is_kept(before: float, weight: float, target: float, equal: bool, crossing: bool) -> bool:
    """Return whether a nucleus keeps a token, of the mass before it."""
    if not crossing:
        return before + weight <= target * (1.0 + CLOSE)
    return before <= target * (1.0 + CLOSE) if equal else before < target * (1.0 - CLOSE)


@function
def least(
    logs: FloatRow, first: int, last: int, bound: float, min_keep: int, ties: bool, slack: float
) -> tuple[int, bool]:
    """Return where what reaches the bound ends; at least one token does."""
    end = first_below(logs, first, last, bound)
    near = slack > 0.0 and first_below(logs, first, last, bound - slack) != first_below(
        logs, first, last, bound + slack
    )
    end = min(max(end, first + min_keep), last)
    return (with_equals(logs, end, last) if ties else end), near


@function
def nucleus(
    logs: FloatRow,
    weights: FloatRow,
    first: int,
    last: int,
    target: float,
    min_keep: int,
    ties: bool,
    equal: bool,
    crossing: bool,
    slack: float,
) -> tuple[int, bool]:
    """Return where the nucleus ends that has the mass `target`."""
    mass = lost = 0.0
    end = first
    near = False
    while end < last:
        before = mass + lost
        edge = before if crossing else before + weights[end]
        near = near or abs(edge - target) <= min(slack, LIGHT_ERROR) * target
        if not is_kept(before, weights[end], target, equal, crossing):
            break
        mass, lost = add(mass, lost, weights[end])
        end += 1
    end = min(max(end, first + min_keep), last)
    return (with_equals(logs, end, last) if ties else end), near and slack > 0.0


@function
def nearest(
    logs: FloatRow,
    weights: FloatRow,
    first: int,
    last: int,
    centre: float,
    target: float,
    min_keep: int,
    ties: bool,
    equal: bool,
    slack: float,
) -> tuple[int, int, bool]:
    """Return the band of what is nearest to the centre, until it has the mass `target`."""
    low = high = first_below(logs, first, last, centre + CLOSE)  # from `high` down to `low` - 1: what is kept
    mass = lost = 0.0
    distance = distance_above = distance_below = 0.0
    kept = 0
    near = reached = False  # whether the target is
    while high > first or low < last:
        above = logs[high - 1] - centre if high > first else math.inf
        below = abs(centre - logs[low]) if low < last else math.inf
        before = mass + lost
        near = near or abs(before - target) <= min(slack, LIGHT_ERROR) * target
        reached = reached or not is_kept(before, 0.0, target, equal, True)
        if reached and kept >= min_keep and not (ties and min(above, below) == distance):
            near = near or above - distance_below <= 2.0 * slack or below - distance_above <= 2.0 * slack
            break
        if not reached:  # equals of the token that reaches it stay, not those that `min_keep` adds
            distance = min(above, below)
        if above <= below:
            high -= 1
            distance_above = above
            mass, lost = add(mass, lost, weights[high])
        else:
            distance_below = below
            mass, lost = add(mass, lost, weights[low])
            low += 1
        kept += 1
    return high, low, near and slack > 0.0


@function
def after(
    logs: FloatRow, first: int, last: int, bound: float, min_keep: int, ties: bool, equal: bool, slack: float
) -> tuple[int, bool]:
    """Return where the band begins once all but the last of what reaches the bound is dropped."""
    end = first_below(logs, first, last, bound - CLOSE if equal else bound + CLOSE)
    near = slack > 0.0 and first_below(logs, first, last, bound - slack) != first_below(
        logs, first, last, bound + slack
    )
    begin = max(end - 1, first)
    while ties and begin > first and logs[begin - 1] == logs[begin]:
        begin -= 1
    return (begin if last - begin >= min_keep else first), near


@function
def look(
    code: float,
    facts: Facts,
    logs: FloatRow,
    weights: FloatRow,
    first: int,
    last: int,
    a: float,
    c: float,
    min_keep: int,
    crossing: bool,
) -> int:
    """Return where the band ends by a rule that looks at one token after the other."""
    one = two = 0.0
    for rank in range(first, last):
        before = logs[rank - 1] if rank > first else 0.0
        following = weights[rank + 1] if rank + 1 < last else 0.0
        later = weights[rank + 2] if rank + 2 < last else 0.0
        seen = Seen(rank - first, logs[rank], before, weights[rank], following, later, one, two)
        one, two, kept = look_of(code, facts, seen, a, c)
        if kept != GO_ON:
            end = first + int(kept) + (1 if crossing else 0)
            return min(max(end, first + min_keep), last)
    return last
