"""What rules know of a row and of what is left of it.

facts_of    of a sorted list: one read of its weights, with at most four operations an element.
row_facts   of a whole row, exactly: a read with an exponential of float64 an element, 1 to 2 ns each.
row_spread  of a whole row: how many logits are above -inf, and their deviation; two reads without an exponential.

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
    count_lanes,
    larger,
    like,
    splat,
    sum_lanes,
    widen,
)
from fastsoftmax.kernels.lanes.rows import MaskedRow, read
from fastsoftmax.kernels.math.exp import log
from fastsoftmax.kernels.sampling.exact import read_block, weights_of
from fastsoftmax.kernels.sampling.groups import GROUP, group_sum
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
    bends = 0.0
    for i in range(first, last - 2):
        bends += abs((weights[i] - weights[i + 1]) - (weights[i + 1] - weights[i + 2]))
    breadth = logs[first] - logs[last - 1] + 1e-8
    best, steepest = -1.0, 1.0
    for i in range(first, last - 1):
        place = float(i - first + 1)
        fall = (logs[i] - logs[i + 1]) / (place * breadth)
        if fall > best:
            best, steepest = fall, place
    return bends, steepest


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


@function
def row_spread(row: MaskedRow, row_largest: Number, slope: float) -> tuple[float, float]:
    """Return (count, deviation) of a row's logits above -inf, after a temperature; the largest is finite."""
    size = row.logits.size
    none, least = splat(0.0), splat(like(row_largest, -math.inf))
    largest = splat(np.float64(row_largest))
    count = 0
    totals = none
    for i in range(0, size, LANES):
        z = read(row, i, row_largest)
        there = z > least
        count += count_lanes(there)
        totals = blend(there, totals + (widen(z) - largest), totals)
    mean = splat(sum_lanes(totals) / count)
    squares = none
    for i in range(0, size, LANES):
        z = read(row, i, row_largest)
        distance = (widen(z) - largest) - mean
        squares = blend(z > least, squares + distance * distance, squares)
    return float(count), math.sqrt(sum_lanes(squares) / count) * slope
