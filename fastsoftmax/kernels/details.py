"""What there is to know of a draw and of the set it is drawn from, while the set is at hand.

Two more reads of the row with an exponential an element: its mass at the temperature, before any filter, and that of
the untouched logits at T = 1. A kept set that is not listed takes another one; a rank takes a read of the kept set.
"""

import math
from typing import Any

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.exp import log
from fastsoftmax.kernels.inputs import bits_at, parameters_at
from fastsoftmax.kernels.kept import Kept, keep
from fastsoftmax.kernels.lanes import (
    FloatRow,
    IntRow,
    Number,
    Row,
    Rows,
    count_lanes,
    if_given,
    lane_bits,
    like,
    lowest_bit,
    mask_of,
    select,
    splat,
    sum_lanes,
)
from fastsoftmax.kernels.llvm import LANES
from fastsoftmax.kernels.masses import GROUP, group_masses, groups_of, read
from fastsoftmax.kernels.memory import borrowed, element, load_part
from fastsoftmax.kernels.select import prefix
from fastsoftmax.kernels.weights import Scale, scale_of, weight_of
from fastsoftmax.kernels.whole import cut_weights
from fastsoftmax.kernels.workspace import Workspace, workspace_of

Details = tuple[Any, ...]
"""The untouched logits; of each row: how many are kept, their share of the mass, the entropy; of each draw: its
log-probability, that of the untouched softmax, the rank."""


@if_given
def row_of(details: Details, row: int) -> Any:
    """Return a row's part of the details, the numbers of a row as vectors of one."""
    raw, kept, masses, entropies, log_masses, raw_log_masses, ranks = details
    part = slice(row, row + 1)
    return raw[row], kept[part], masses[part], entropies[part], log_masses[row], raw_log_masses[row], ranks[row]


@inline
def kept_facts(
    kept: Kept, logits: Row, allowed: Row | None, row_largest: Number, scale: Scale, workspace: Workspace
) -> tuple[int, float, float]:
    """Return (count, mass, energy) of a kept set.

    How many tokens there are, the sum of their weights, and that of the weights times the distance from the largest
    logit.
    """
    _, _, _, values, weights, _, _ = workspace
    zero = like(row_largest, 0.0)
    top, none = splat(row_largest), splat(zero)
    bar = splat(kept.cut)
    above = equal = 0
    mass = energy = 0.0
    for group in range(groups_of(kept.size)):
        start = group * GROUP
        size = min(GROUP, kept.size - start)
        if not kept.listed:
            cut_weights(kept.cut, kept.ties, logits, allowed, group, row_largest, scale, workspace)
        masses, energies = none, none
        for i in range(0, size, LANES):
            if kept.listed:
                z = load_part(values, start + i, kept.size, like(row_largest, -math.inf))
                w = load_part(weights, start + i, kept.size, zero)
            else:
                z = read(logits, allowed, start + i, row_largest)
                w = load_part(weights, i, size, zero)
            above += count_lanes(z > bar)
            equal += count_lanes(z == bar)
            masses = masses + w
            energies = select((w > none) & (z < top), energies + w * (top - z), energies)
        mass += sum_lanes(masses)
        energy += sum_lanes(energies)
    return kept.size if kept.listed else above + min(equal, kept.ties), mass, energy


@inline
def rank_of(place: int, logits: Row, allowed: Row | None, number: Number) -> int:
    """Return how many logits come before the one at `place`: larger ones, and equal ones before it."""
    z = splat(element(logits, place, number))
    rank = 0
    for i in range(0, logits.size, LANES):
        rank += count_lanes(read(logits, allowed, i, number) > z)
    for i in range(0, place, LANES):
        before = (1 << min(place - i, LANES)) - 1
        rank += count_lanes(mask_of(lane_bits(read(logits, allowed, i, number) == z) & before))
    return rank


@if_given
def describe(
    details: Any,
    kept: Kept,
    places: IntRow,
    logits: Row,
    allowed: Row | None,
    temperature: float,
    scale: Scale,
    row_largest: Number,
    workspace: Workspace,
) -> None:
    """Fill in a row's part of the details; `places` are those of the tokens drawn, in the list or the row.

    The workspace is void then.
    """
    raw, counts, shares, entropies, log_masses, raw_log_masses, ranks = details
    maxima, sums, tokens, values, _, spare_values, spare_weights = workspace
    count, mass, energy = kept_facts(kept, logits, allowed, row_largest, scale, workspace)
    counts[0] = count
    log_mass = log(mass / weight_of(row_largest, scale)[0])
    entropies[0] = log_mass + (energy / (mass * temperature) if energy > 0.0 else 0.0)
    for j in range(places.size):
        place = places[j]
        if kept.listed:
            z = values[place]
            ranks[j] = rank_of(place, values[: kept.size], None, row_largest)
            token = np.int64(tokens[place])
        else:
            z = element(logits, place, row_largest)
            ranks[j] = rank_of(place, logits, allowed, row_largest)
            token = place
        log_masses[j] = log_weight(z, row_largest, temperature) - log_mass
        raw_log_masses[j] = element(raw, token, row_largest)
    buffers = spare_values, spare_weights
    _, total = group_masses(logits, allowed, scale, row_largest, maxima, sums, buffers)
    shares[0] = min(mass / total, 1.0)
    raw_scale = scale_of(1.0, row_largest)
    raw_largest, total = group_masses(raw, None, raw_scale, row_largest, maxima, sums, buffers)
    log_mass = log(total / weight_of(raw_largest, raw_scale)[0])
    for j in range(places.size):
        raw_log_masses[j] = log_weight(like(row_largest, raw_log_masses[j]), raw_largest, 1.0) - log_mass


@inline
def log_weight(z: Number, largest: Number, temperature: float) -> float:
    """Return the logarithm of exp((z - largest) / temperature)."""
    if z == largest:
        return 0.0
    return (np.float64(z) - np.float64(largest)) / temperature


@jit
def write_kept(
    logits: Rows,
    allowed: Rows | None,
    parameters: Rows,
    number: Number,
    memory: Row,
    offsets: IntRow,
    out_tokens: IntRow,
    out_masses: FloatRow,
) -> None:
    """Write the kept set of each row, its tokens in index order and their probabilities, from the row's offset on.

    Rows with no room, since they have no distribution, are passed over.
    """
    size = logits.shape[1]
    logits, allowed, parameters = borrowed(logits), borrowed(allowed), borrowed(parameters)
    workspace = workspace_of(borrowed(memory), size, number)
    _, _, tokens, _, weights, _, _ = workspace
    for row in range(logits.shape[0]):
        if offsets[row] == offsets[row + 1]:
            continue
        row_logits, row_allowed = logits[row], bits_at(allowed, row)
        temperature, top_k, top_p, min_p = parameters_at(parameters, row)
        scale = scale_of(temperature, number)
        row_largest, kept = keep(row_logits, row_allowed, scale, temperature, top_k, top_p, min_p, number, workspace)
        at = offsets[row]
        if kept.listed:
            for i in range(kept.size):
                out_tokens[at + i] = tokens[i]
                out_masses[at + i] = weights[i]
        else:
            left = kept.ties
            for group in range(groups_of(size)):
                cut_weights(kept.cut, kept.ties, row_logits, row_allowed, group, row_largest, scale, workspace)
                start = group * GROUP
                for i in range(start, min(start + GROUP, size), LANES):
                    stay, left = prefix(read(row_logits, row_allowed, i, number), splat(kept.cut), left)
                    bits = lane_bits(stay)
                    while bits != 0:
                        lane = lowest_bit(bits)
                        bits &= bits - 1
                        out_tokens[at] = i + lane
                        out_masses[at] = weights[i - start + lane]
                        at += 1
        some = out_masses[offsets[row] : offsets[row + 1]]
        some /= some.sum()
