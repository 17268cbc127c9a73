"""What rules know of a row and of what is left of it.

facts_of    of a sorted list: one read of its weights, with at most four operations an element.
row_facts   of a whole row, exactly: a read with an exponential of float64 an element.
row_spread  of a whole row: how many logits are above -inf, and their deviation; two reads without an exponential.
light_spread  the same by one read, in float32.

Of the logits 0 and -1 the weights are 1 and 0.368, so `log_mass` is 0.313, the probabilities 0.731 and 0.269, the
entropy 0.582 and the sum of the squares 0.607.
"""

import math

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_part
from fastsoftmax.kernels.lanes.numbers import (
    FloatRow,
    Number,
    blend,
    by_type,
    count_lanes,
    fma,
    larger,
    like,
    splat,
    sum_lanes,
    widen,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, read, read_part, read_whole
from fastsoftmax.kernels.math.exp import log
from fastsoftmax.kernels.sampling.exact import read_block, weights_of
from fastsoftmax.kernels.sampling.groups import group_sum
from fastsoftmax.kernels.softmax.weights import BLOCK, block_memory, scale_of, weight_of
from fastsoftmax.samplers.step import ENTROPY, MOMENTS, SHAPE, SQUARES, Facts

LOWEST = -1e150  # a logit below it counts as this: its square is finite, and its weight is 0


@inline
def entropy_of(mass: float, energy: float) -> float:
    """Return the entropy of weights, of their sum and that of the weights times the logits."""
    return max(log(mass) - energy / mass, 0.0)


@function
def sums_of(logs: FloatRow, weights: FloatRow, first: int, last: int) -> tuple[float, float]:
    """Return (energy, squares): the sums of the weights times the logits, and of the squared weights."""
    energies = squares = splat(0.0)
    for i in range(first, last, LANES):
        w = load_part(weights, i, last, 0.0)
        y = larger(load_part(logs, i, last, 0.0), splat(LOWEST))
        energies = energies + w * y
        squares = squares + w * w
    return sum_lanes(energies), sum_lanes(squares)


@function
def mass_of_list(weights: FloatRow, first: int, last: int) -> float:
    """Return the sum of weights[first:last]."""
    total = 0.0
    for start in range(first, last, GROUP):
        total += group_sum(weights, start, min(start + GROUP, last), 0.0)
    return total


@function
def deviation_of(logs: FloatRow, first: int, last: int) -> float:
    """Return the standard deviation of logs[first:last]: the mean first, then the squares of what is beside it."""
    count = float(last - first)
    total = 0.0
    for i in range(first, last):
        total += max(logs[i], LOWEST)
    mean = total / count
    squares = 0.0
    for i in range(first, last):
        distance = max(logs[i], LOWEST) - mean
        squares += distance * distance
    return math.sqrt(squares / count)


@function
def shape_of(logs: FloatRow, weights: FloatRow, first: int, last: int) -> tuple[float, float]:
    """Return (bends, steepest) of sorted weights, as `Facts` says."""
    bends = splat(0.0)
    for i in range(first, last - 2, LANES):
        w, v = load_part(weights, i, last - 2, 0.0), load_part(weights, i + 1, last - 1, 0.0)
        bend = (w - v) - (v - load_part(weights, i + 2, last, 0.0))
        bends = bends + larger(bend, splat(0.0) - bend)
    fall, steepest = -1.0, 1.0
    for i in range(first, last - 1):
        place = float(i - first + 1)
        if (logs[i] - logs[i + 1]) * steepest > fall * place:  # steeper, for their places, than any before
            fall, steepest = logs[i] - logs[i + 1], place
    return sum_lanes(bends), steepest


@function
def facts_of(needs: int, logs: FloatRow, weights: FloatRow, first: int, last: int) -> Facts:
    """Return what a rule needs to know of what is left, the tokens of rank first to last."""
    mass = mass_of_list(weights, first, last)
    energy = squares = 1.0
    if needs & (ENTROPY | SQUARES):
        energy, squares = sums_of(logs, weights, first, last)
    bends = steepest = deviation = 0.0
    if needs & MOMENTS:
        deviation = deviation_of(logs, first, last)
    if needs & SHAPE:
        bends, steepest = shape_of(logs, weights, first, last)
    log_squares = log(squares) - 2.0 * log(mass)
    count, lowest = float(last - first), logs[last - 1]
    return Facts(count, log(mass), entropy_of(mass, energy), log_squares, deviation, lowest, bends, steepest)


@function
def row_facts(row: MaskedRow, row_largest: float, slope: float) -> Facts:
    """Return the mass, entropy and squares of a row exactly; the largest logit is finite."""
    scale = scale_of(1.0 / slope if slope > 0.0 else math.inf, 0.0)
    values, weights = block_memory(0.0), block_memory(0.0)
    unit, unit_sum = weight_of(row_largest, scale)
    mass = energy = squares = 0.0
    for start in range(0, row.logits.size, BLOCK):
        size = read_block(row, start, values)
        mass += weights_of(values, size, row_largest, scale, weights)
        energies = sums = splat(0.0)
        for i in range(0, size, LANES):
            w = load_part(weights, i, size, 0.0) * splat(1.0 / unit)
            y = (load_part(values, i, size, 0.0) - splat(row_largest)) * splat(slope)
            energies = energies + w * larger(y, splat(LOWEST))
            sums = sums + w * w
        energy += sum_lanes(energies)
        squares += sum_lanes(sums)
    mass /= unit_sum
    return Facts(0.0, log(mass), entropy_of(mass, energy), log(squares) - 2.0 * log(mass), 0.0, 0.0, 0.0, 0.0)


def _light_spread(row_largest: Number, row: MaskedRow) -> tuple[float, float]:
    """Return (count, deviation) as `row_spread` does, right to 1e-6, by sums of float32; NaN where they will not do."""
    size = row.logits.size
    none, base = splat(like(row_largest, 0.0)), splat(row_largest)
    total = squares = 0.0
    count = size
    for start in range(0, size, GROUP):
        stop, own = min(start + GROUP, size), group_row(row, start // GROUP)
        a, b, c, d = none, none, none, none
        for i in range(start, stop - 31, 32):
            z, y = read_whole(own, i, row_largest) - base, read_whole(own, i + 16, row_largest) - base
            a, b = a + z, b + y
            c, d = fma(z, z, c), fma(y, y, d)
        for i in range(stop - (stop - start) % 32, stop, 16):
            z = read_part(own, i, stop, row_largest) - base
            a, c = a + z, fma(z, z, c)
        sums, group_squares = sum_lanes(a + b), sum_lanes(c + d)
        if not group_squares < math.inf:  # some are -inf
            a, c = none, none
            for i in range(start, stop, 16):
                z = read_part(own, i, stop, like(row_largest, -math.inf))
                there = z > splat(like(row_largest, -math.inf))
                count -= LANES - count_lanes(there)
                z = blend(there, z - base, none)
                a, c = a + z, fma(z, z, c)
            count += (LANES - (stop - start) % LANES) % LANES  # lanes after the end were not there
            sums, group_squares = sum_lanes(a), sum_lanes(c)
        total += sums
        squares += group_squares
    mean, mean_square = total / count, squares / count
    variance = mean_square - mean * mean
    return float(count), math.sqrt(variance) if mean_square < 64.0 * variance else math.nan


def _no_light_spread(row_largest: Number, row: MaskedRow) -> tuple[float, float]:
    return 0.0, math.nan


light_spread = by_type(_light_spread, _no_light_spread)


@function
def row_spread(row: MaskedRow, row_largest: Number, slope: float) -> tuple[float, float]:
    """Return (count, deviation) of a row's logits above -inf, after a temperature; the largest is finite."""
    size = row.logits.size
    none, least = splat(0.0), splat(like(row_largest, -math.inf))
    largest = splat(np.float64(row_largest))
    count = 0
    totals = none
    for group in range(groups_of(size)):
        own, start = group_row(row, group), group * GROUP
        for i in range(start, min(start + GROUP, size), LANES):
            z = read(own, i, row_largest)
            there = z > least
            count += count_lanes(there)
            totals = blend(there, totals + (widen(z) - largest), totals)
    mean = splat(sum_lanes(totals) / count)
    squares = none
    for group in range(groups_of(size)):
        own, start = group_row(row, group), group * GROUP
        for i in range(start, min(start + GROUP, size), LANES):
            z = read(own, i, row_largest)
            distance = (widen(z) - largest) - mean
            squares = blend(z > least, squares + distance * distance, squares)
    return float(count), math.sqrt(sum_lanes(squares) / count) * slope
