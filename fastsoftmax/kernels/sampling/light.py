"""Light weights: a second, cheaper exponential for what only masses to a relative 1e-6 are needed of.

group_masses  the maxima and running masses of the groups of a row, in one read, limited by an exponential an element.
              float32 takes 12 operations for 16 logits, where softmax takes 17: a power of two and a polynomial of
              degree 5, without a table, which only AVX-512 looks up in one step. Weights are relative to a power of two
              near the largest logit so far, which is raised where a group comes far above it, so no pass over the row
              comes before. For float64, extreme temperatures and infinities there are no light weights: the maxima come
              first, then the weights of softmax.
sweep_weights the light weights of one group, in the unit of the exact ones.

Of the logits 0, 1 and 2 at T = 1 the light weights are 1, 2.7182819 and 7.389056, each wrong by up to 1.7e-7 of itself.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_part, prefetch_far, store
from fastsoftmax.kernels.lanes.numbers import (
    FloatRow,
    Number,
    Row,
    Vector,
    by_type,
    fma,
    lane_bits,
    larger,
    largest_lane,
    like,
    splat,
    sum_lanes,
    unordered,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, read, read_part, read_whole
from fastsoftmax.kernels.math.exp import ROUND_SINGLE, power_of_two
from fastsoftmax.kernels.math.exp2_table import EXPONENT_OF_1, octaves
from fastsoftmax.kernels.sampling.groups import Buffers, before_line, group_maxima, group_weights
from fastsoftmax.kernels.softmax.weights import Scale, lane_maxima, weight_of


class Light(NamedTuple):
    """Whether light weights are possible, and what `light_weight` takes for them; the unit of the exact ones."""

    possible: bool
    hi: Number
    shift: Number
    unit: Number


AHEAD = 4096  # logits between a read and what is asked for meanwhile
REACH = 60.0  # octaves above the reference that a logit may be; 512 of them do not overflow
WHOLE = ROUND_SINGLE + EXPONENT_OF_1  # added to a number of octaves: the bits of the nearest whole one are an exponent
WIDEST = 2.0**16  # octaves up to which the exponent of a logit is known well enough
FURTHEST = 900.0  # octaves between the references of one row
FLATTEST = 2.0**-100  # octaves that a logit of 1 is, at least: flatter rows have no logit 127 octaves below another


# 2**f = 1 + f (C1 + f (C2 + ... f C5)) within 9.2e-8 for |f| <= 1/2: minimax, in float32 within 1.7e-7.
C1, C2, C3, C4, C5 = 0.6931469776, 0.24022242085, 0.05550733744, 0.00967151269, 0.00132647272


@inline
def light_weight(z: Vector, hi: Vector, shift: Vector, bound: Vector, one: Vector) -> tuple[Vector, Vector]:
    """Return (octave, series): octave * series is one * 2**(z hi + k0) to a relative 1.7e-7, or 0 from `bound` down.

    `shift` is WHOLE + k0, and `bound` is `bound_of` it. NaN stays NaN.
    """
    bounded = larger(bound, z)
    r = fma(bounded, hi, shift)
    f = fma(bounded, hi, shift - r)
    series = fma(fma(f, like(f, C5) * one, like(f, C4) * one), f, like(f, C3) * one)
    series = fma(fma(fma(series, f, like(f, C2) * one), f, like(f, C1) * one), f, one)
    return octaves(r), series


@inline
def bound_of(hi: Number, shift: Number) -> Number:
    """Return the logit that is 127 octaves below the reference: of its weight no bit is left."""
    return (like(hi, ROUND_SINGLE) - shift) / hi


@inline
def add_light(z: Vector, hi: Vector, shift: Vector, bound: Vector, total: Vector) -> Vector:
    """Return total plus the light weights."""
    octave, series = light_weight(z, hi, shift, bound, like(z, 1.0))
    return fma(octave, series, total)


@inline
def light_sum(row: MaskedRow, start: int, stop: int, ahead: int, hi: Number, shift: Number) -> tuple[float, Vector]:
    """Return the sum of the light weights of logits[start:stop], a group, NaN where one of them is; and lane maxima.

    Those are of whole vectors from `ahead` on, as many as the group has: the loads for the maxima of the next group,
    which wait for memory, fill what the exponentials leave free.
    """
    own, next_row = group_row(row, start // GROUP), group_row(row, ahead // GROUP)
    number = hi
    hi_lanes, shift_lanes, bound = splat(hi), splat(shift), splat(bound_of(hi, shift))
    a, largest = splat(like(number, 0.0)), splat(like(number, -math.inf))
    b, c, d = a, a, a
    whole = start + (stop - start) // 64 * 64
    for i in range(start, whole, 64):
        following = ahead + (i - start)
        for j in range(0, 64, 16):
            prefetch_far(row.logits, i + j + AHEAD)
            largest = larger(read_whole(next_row, following + j, number), largest)
        a = add_light(read_whole(own, i, number), hi_lanes, shift_lanes, bound, a)
        b = add_light(read_whole(own, i + 16, number), hi_lanes, shift_lanes, bound, b)
        c = add_light(read_whole(own, i + 32, number), hi_lanes, shift_lanes, bound, c)
        d = add_light(read_whole(own, i + 48, number), hi_lanes, shift_lanes, bound, d)
    for i in range(whole, stop, 16):
        p = read_part(own, i, stop, like(number, -math.inf))
        a = add_light(p, hi_lanes, shift_lanes, bound, a)
    result: float = sum_lanes((a + b) + (c + d))
    return result, largest


@inline
def light_powers(
    row: MaskedRow, start: int, stop: int, hi: Number, shift: Number, reference: Number, powers: FloatRow
) -> float:
    """Return what `light_sum` does of a group, and put two more sums of its light weights in `powers`.

    These are the weights times the distance from the reference, and the squared weights.
    """
    own = group_row(row, start // GROUP)
    number = hi
    hi_lanes, shift_lanes, bound = splat(hi), splat(shift), splat(bound_of(hi, shift))
    base, one = splat(reference), splat(like(number, 1.0))
    a = splat(like(number, 0.0))
    b, energy, other_energy, square, other_square = a, a, a, a, a
    whole = start + (stop - start) // 32 * 32
    for i in range(start, whole, 32):
        prefetch_far(row.logits, i + AHEAD)
        prefetch_far(row.logits, i + 16 + AHEAD)
        z, y = larger(bound, read_whole(own, i, number)), larger(bound, read_whole(own, i + 16, number))
        octave, series = light_weight(z, hi_lanes, shift_lanes, bound, one)
        other_octave, other_series = light_weight(y, hi_lanes, shift_lanes, bound, one)
        w, v = octave * series, other_octave * other_series
        a, b = a + w, b + v
        energy, other_energy = fma(w, z - base, energy), fma(v, y - base, other_energy)
        square, other_square = fma(w, w, square), fma(v, v, other_square)
    for i in range(whole, stop, 16):
        z = larger(bound, read_part(own, i, stop, like(number, -math.inf)))
        octave, series = light_weight(z, hi_lanes, shift_lanes, bound, one)
        w = octave * series
        a, energy, square = a + w, fma(w, z - base, energy), fma(w, w, square)
    powers[0], powers[1] = sum_lanes(energy + other_energy), sum_lanes(square + other_square)
    result: float = sum_lanes(a + b)
    return result


@inline
def unit_of(row_largest: Number, scale: Scale, hi: Number, shift: Number) -> float:
    """Return the exact weight of the largest logit over its light one."""
    none, bound = splat(like(hi, 0.0)), splat(bound_of(hi, shift))
    light = largest_lane(add_light(splat(row_largest), splat(hi), splat(shift), bound, none))
    return weight_of(row_largest, scale)[1] / np.float64(light)


@inline
def maxima_of(row: MaskedRow, start: int, number: Number) -> Vector:
    """Return the largest of every sixteenth of the group that starts there, if any; the mass will tell of a NaN."""
    row = group_row(row, start // GROUP)
    stop = min(start + GROUP, row.logits.size)
    head = before_line(row, start, stop)
    lanes = lane_maxima(row, start + head, stop, number, False)
    if head > 0:
        lanes = larger(load_part(row.logits, start, start + head, like(number, -math.inf)), lanes)
    return lanes


def _light_masses(
    number: Number, row: MaskedRow, scale: Scale, maxima: Row, sums: FloatRow, powers: FloatRow | None
) -> tuple[Number, float]:
    unknown = like(number, math.nan), 0.0
    s, hi, _ = scale
    hi = hi / like(hi, 16.0)
    if s != 1.0 or not (hi > FLATTEST and hi < math.inf):
        return unknown
    top = splat(like(number, -math.inf))
    bar, shift = like(number, -math.inf), like(number, WHOLE)
    total = energy = squares = first = octave = 0.0
    lanes = maxima_of(row, 0, number)
    for group in range(groups_of(row.logits.size)):
        start = group * GROUP
        stop = min(start + GROUP, row.logits.size)
        store(maxima, group * LANES, lanes)
        top = larger(lanes, top)
        if lane_bits(lanes > splat(bar)) != 0:
            exponent = np.float64(largest_lane(lanes)) * np.float64(hi)
            octave = math.floor(exponent)
            if not abs(exponent) < WIDEST:
                return unknown
            if bar == -math.inf or octave - first > FURTHEST:  # all before is nothing beside this
                sums[:group] = 0.0
                total, first = 0.0 * total, octave  # still NaN if one was before
                energy = squares = 0.0
            bar = like(number, (octave + REACH) / hi)
            shift = like(number, WHOLE - octave)
        known = bar > -math.inf and stop + GROUP <= row.logits.size
        if bar > -math.inf:
            unit = power_of_two(int(octave - first))
            if powers is None:
                mass, lanes = light_sum(row, start, stop, stop if known else start, hi, shift)
            else:
                known = False
                base = like(number, octave / hi)  # rounded, by up to 3e-5 of a logit of 600
                mass = light_powers(row, start, stop, hi, shift, base, powers)
                energy += (powers[0] + mass * (np.float64(base) - first / np.float64(hi))) * unit
                squares += powers[1] * unit * unit
            total += mass * unit
        else:
            lanes = lane_maxima(group_row(row, group), start, stop, number)
            if lane_bits(unordered(lanes, lanes)) != 0:
                return unknown
        if not known:
            lanes = maxima_of(row, stop, number)
        sums[group] = total
    if math.isnan(total):
        return unknown
    row_largest = largest_lane(top)
    if row_largest > -math.inf:
        if powers is not None:
            powers[0] = energy / total + first / np.float64(hi) - np.float64(row_largest)
            powers[1] = squares / (total * total)
            powers[2] = abs(first / np.float64(hi) - np.float64(row_largest))
        total *= unit_of(row_largest, scale, hi, shift) * power_of_two(int(first - octave))
    return row_largest, total


def _no_light_masses(
    number: Number, row: MaskedRow, scale: Scale, maxima: Row, sums: FloatRow, powers: FloatRow | None
) -> tuple[Number, float]:
    return like(number, math.nan), 0.0


light_masses = by_type(_light_masses, _no_light_masses)


def _light_scale(row_largest: Number, scale: Scale) -> Light:
    s, hi, _ = scale
    hi = hi / like(hi, 16.0)
    exponent = np.float64(row_largest) * np.float64(hi)
    if s != 1.0 or not (hi > FLATTEST and hi < math.inf) or not abs(exponent) < WIDEST:
        return Light(False, hi, hi, hi)
    shift = like(hi, WHOLE - math.floor(exponent))
    return Light(True, hi, shift, like(hi, unit_of(row_largest, scale, hi, shift)))


def _no_light_scale(row_largest: Number, scale: Scale) -> Light:
    return Light(False, row_largest, row_largest, row_largest)


light_scale = by_type(_light_scale, _no_light_scale)
"""Of the largest logit and the scale: what `sweep_weights` takes to compute light weights, or that it cannot."""


@inline
def sweep_weights(
    row: MaskedRow, group: int, row_largest: Number, scale: Scale, light: Light, buffers: Buffers
) -> None:
    """Write the weights of a group to the second buffer: light ones, in the unit of the exact ones, if they can be."""
    _, weights = buffers
    possible, hi, shift, unit = light
    if not possible:
        group_weights(row, group, row_largest, scale, buffers)
        return
    light_weights(unit, row, group * GROUP, hi, shift, weights)


def _light_weights(unit: Number, row: MaskedRow, start: int, hi: Number, shift: Number, weights: Row) -> None:
    units, hi_lanes, shift_lanes, bound = splat(unit), splat(hi), splat(shift), splat(bound_of(hi, shift))
    row = group_row(row, start // GROUP)
    stop = min(start + GROUP, row.logits.size)
    whole = start + (stop - start) // LANES * LANES
    for i in range(start, whole, LANES):
        octave, series = light_weight(read_whole(row, i, hi), hi_lanes, shift_lanes, bound, units)
        store(weights, i - start, octave * series)
    if whole < stop:
        octave, series = light_weight(read(row, whole, hi), hi_lanes, shift_lanes, bound, units)
        store(weights, whole - start, octave * series)


def _no_light_weights(unit: Number, row: MaskedRow, start: int, hi: Number, shift: Number, weights: Row) -> None:
    return


light_weights = by_type(_light_weights, _no_light_weights)


@function
def group_masses(
    row: MaskedRow,
    scale: Scale,
    number: Number,
    maxima: Row,
    sums: FloatRow,
    buffers: Buffers,
    powers: FloatRow | None,
) -> tuple[Number, float]:
    """Fill in the maxima (see `group_maxima`) and the running masses of the groups, in any unit.

    Returns the row's largest logit (NaN where one is NaN), and the row's mass in the unit of `weight_of`. If they are
    wanted, `powers` get three numbers, or NaN where there are no light weights: the mean of the logits by probability,
    less the largest one; the sum of the squared probabilities; and the distance that the mean was added up from.
    """
    if powers is not None:
        powers[:3] = math.nan
    row_largest, total = light_masses(number, row, scale, maxima, sums, powers)
    if not math.isnan(row_largest):
        return row_largest, total
    row_largest = group_maxima(row, number, maxima)
    total = 0.0
    if row_largest > -math.inf:
        for group in range(groups_of(row.logits.size)):
            total += group_weights(row, group, row_largest, scale, buffers)
            sums[group] = total
    return row_largest, total
