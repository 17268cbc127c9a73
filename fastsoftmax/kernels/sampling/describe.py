"""What there is to know of a draw and of the set it is drawn from, while the set is at hand.

One more read of the row with an exponential an element, for its mass at the temperature, before any filter. A kept set
that is not listed takes another one, and so does writing it out; a rank takes a read of the kept set.

A log-probability is z / T less that of the largest logit, less log(1 + tail), where the tail is the mass of all tokens
but one of the largest, over the mass of that one: it is never above 0, and a probability near to 1 keeps its digits.
With weights 1, 1 and 0.5 the tail is 1.5, and the log-probabilities are -log 2.5, -log 2.5 and log 0.5 - log 2.5.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_part
from fastsoftmax.kernels.lanes.numbers import (
    IntRow,
    Number,
    blend,
    count_lanes,
    if_given,
    lane_bits,
    like,
    lowest_bit,
    mask_of,
    splat,
    sum_lanes,
    widen,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, logit_at, read
from fastsoftmax.kernels.math.exp import log1p
from fastsoftmax.kernels.sampling.keep import Kept
from fastsoftmax.kernels.sampling.light import group_masses
from fastsoftmax.kernels.sampling.listing import prefix
from fastsoftmax.kernels.sampling.unlisted import cut_weights
from fastsoftmax.kernels.sampling.workspace import Workspace
from fastsoftmax.kernels.softmax.weights import Scale, weight_of


class Facts(NamedTuple):
    """What is told of each row, and of each of its draws, by the names that the public `Details` has."""

    kept: Any
    kept_mass: Any
    entropy: Any
    places: Any  # where among the tokens and masses a row's kept set is written; below 0: nowhere
    logprobs: Any  # of each draw, as are the ranks
    ranks: Any
    tokens: Any  # of all kept sets, as are the masses
    masses: Any


@if_given
def facts_at(details: Facts, row: int) -> Any:
    """Return a row's part of the details, the numbers of a row as vectors of one."""
    part = slice(row, row + 1)
    return Facts(
        details.kept[part],
        details.kept_mass[part],
        details.entropy[part],
        details.places[part],
        details.logprobs[row],
        details.ranks[row],
        details.tokens,
        details.masses,
    )


@inline
def kept_facts(
    kept: Kept, row: MaskedRow, row_largest: Number, scale: Scale, workspace: Workspace
) -> tuple[int, float, float]:
    """Return (count, tail, energy) of a kept set.

    How many tokens there are; the sum of all their weights but one of the largest; and the sum of the weights times the
    distance from the largest logit. Both in units of the largest weight.
    """
    values, weights = workspace.values, workspace.weights
    zero = like(row_largest, 0.0)
    top, none = splat(row_largest), splat(zero)
    bar = splat(kept.cut)
    above = equal = largest = 0
    lighter = energy = 0.0
    for group in range(groups_of(kept.size)):
        start = group * GROUP
        size = min(GROUP, kept.size - start)
        if not kept.listed:
            cut_weights(kept.cut, kept.ties, row, group, row_largest, scale, workspace)
        own = group_row(row, group)
        masses, energies = widen(none), widen(none)
        for i in range(0, size, LANES):
            if kept.listed:
                z = load_part(values, start + i, kept.size, like(row_largest, -math.inf))
                w = load_part(weights, start + i, kept.size, zero)
            else:
                z = read(own, start + i, row_largest)
                w = load_part(weights, i, size, zero)
            above += count_lanes(z > bar)
            equal += count_lanes(z == bar)
            largest += count_lanes((w > none) & (z == top))
            below = (w > none) & (z < top)
            masses = blend(below, masses + widen(w), masses)
            energies = blend(below, energies + widen(w) * (widen(top) - widen(z)), energies)
        lighter += sum_lanes(masses)
        energy += sum_lanes(energies)
    unit = np.float64(weight_of(row_largest, scale)[0])
    count = kept.size if kept.listed else above + min(equal, kept.ties)
    return count, lighter / unit + (largest - 1), energy / unit


@inline
def write_kept(
    details: Any, kept: Kept, row: MaskedRow, row_largest: Number, scale: Scale, workspace: Workspace
) -> None:
    """Write a kept set where the details have a place for it: its tokens in index order, and their probabilities."""
    tokens, weights = workspace.tokens, workspace.weights
    first = at = details.places[0]
    if first < 0:
        return
    if kept.listed:
        for i in range(kept.size):
            details.tokens[at + i] = tokens[i]
            details.masses[at + i] = weights[i]
        at += kept.size
    else:
        ties = kept.ties
        for group in range(groups_of(kept.size)):
            cut_weights(kept.cut, kept.ties, row, group, row_largest, scale, workspace)
            start, own = group * GROUP, group_row(row, group)
            for i in range(start, min(start + GROUP, kept.size), LANES):
                stay, ties = prefix(read(own, i, row_largest), splat(kept.cut), ties)
                bits = lane_bits(stay)
                while bits != 0:
                    lane = lowest_bit(bits)
                    bits &= bits - 1
                    details.tokens[at] = i + lane
                    details.masses[at] = weights[i - start + lane]
                    at += 1
    some = details.masses[first:at]
    some /= some.sum()


@inline
def rank_of(place: int, row: MaskedRow, number: Number) -> int:
    """Return how many logits come before the one at `place`: larger ones, and equal ones before it."""
    z = splat(logit_at(row, place, number))
    rank = 0
    for group in range(groups_of(row.logits.size)):
        own, start = group_row(row, group), group * GROUP
        for i in range(start, min(start + GROUP, row.logits.size), LANES):
            logits = read(own, i, number)
            rank += count_lanes(logits > z)
            if i < place:
                before = (1 << min(place - i, LANES)) - 1
                rank += count_lanes(mask_of(lane_bits(logits == z) & before))
    return rank


@if_given
def describe(
    details: Any,
    kept: Kept,
    places: IntRow,
    row: MaskedRow,
    temperature: float,
    scale: Scale,
    row_largest: Number,
    workspace: Workspace,
) -> None:
    """Fill in a row's part of the details; `places` are those of the tokens drawn, in the list or the row.

    This overwrites the workspace: it comes last.
    """
    maxima, sums, values = workspace.maxima, workspace.sums, workspace.values
    spare_values, spare_weights = workspace.spare_values, workspace.spare_weights
    write_kept(details, kept, row, row_largest, scale, workspace)
    details.kept[0], tail, energy = kept_facts(kept, row, row_largest, scale, workspace)
    log_mass = log1p(tail)
    details.entropy[0] = log_mass + (energy / ((1.0 + tail) * temperature) if energy > 0.0 else 0.0)
    for j in range(places.size):
        place = places[j]
        if kept.listed:
            z = values[place]
            details.ranks[j] = rank_of(place, MaskedRow(values[: kept.size], None, None), row_largest)
        else:
            z = logit_at(row, place, row_largest)
            details.ranks[j] = rank_of(place, row, row_largest)
        details.logprobs[j] = log_weight(z, row_largest, temperature) - log_mass
    _, total = group_masses(row, scale, row_largest, maxima, sums, (spare_values, spare_weights), None)
    details.kept_mass[0] = min((1.0 + tail) * np.float64(weight_of(row_largest, scale)[0]) / total, 1.0)


@inline
def log_weight(z: Number, largest: Number, temperature: float) -> float:
    """Return the logarithm of exp((z - largest) / temperature)."""
    if z == largest:
        return 0.0
    return (np.float64(z) - np.float64(largest)) / temperature
