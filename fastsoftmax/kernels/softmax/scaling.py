"""From weights to probabilities: the last sweep, which multiplies weights by 1 / their sum.

Limited by the caches or, where results are streamed past them, by the memory that takes them.

The weights 1 and 3 with the sum 4 become 0.25 and 0.75.
"""

import math
from typing import NamedTuple

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.loads import load, load_part, store, store_part, stream, until_line
from fastsoftmax.kernels.lanes.numbers import Number, Row, Vector, blend, fma, like, narrow, splat, widen
from fastsoftmax.kernels.math.exp import ROUND_DOUBLE
from fastsoftmax.kernels.softmax.weights import add, format_of, lane_weights


class Factors(NamedTuple):
    """A factor in two parts and a power of two, and the least weight that is multiplied."""

    high: Vector
    low: Vector
    down: Vector
    least: Vector


class Top(NamedTuple):
    """The weight of the maximum as it was stored, NaN where it is nothing special, and its probability."""

    weight: Vector
    probability: Vector


@inline
def factors_of(wanted: Vector, inverse: Vector, number: Number) -> Factors:
    """Return what `scaled` needs to multiply by wanted * 2**-unscaled: sixteen float64, given with their inverses.

    The factor is in two parts, so that it rounds once; then a power of two; then the least weight that is not flushed
    to 0. It lies 2**-20 below that of the smallest normal number, which no rounding may lose.
    """
    format_ = format_of(number)
    high = narrow(wanted, number)
    least = (1.0 - 2.0**-20) * 2.0 ** (format_.unscaled + 1 - format_.top)
    down = splat(like(number, 2.0**-format_.unscaled))
    return Factors(high, narrow(wanted - widen(high), number), down, narrow(splat(least) * inverse, number))


@inline
def scaled(w: Vector, factors: Factors) -> Vector:
    """Return w times the factor.

    Weights below the least one become 0 without a multiplication: one subnormal number slows a vector fifty-fold.
    """
    a, b, down, bar = factors
    return blend(w >= bar, fma(w, a, w * b) * down, like(w, 0.0))


@inline
def near_whole(ratio: Vector, number: Number) -> Vector:
    """Return where float64 ratios, the whole mass over that of the maximum, are next to a whole number: all ties.

    Only there the maximum gets its own probability (1 if it is alone) instead of its rounded weight's. Elsewhere a
    smaller logit may have the same rounded weight, and 2 ulp leave no room for the difference; 4 ulp do.
    """
    whole = (ratio + splat(ROUND_DOUBLE)) - splat(ROUND_DOUBLE)
    least = splat(format_of(number).whole)
    return (ratio - whole <= least) & (whole - ratio <= least)


@inline
def top_of(largest: Vector, hi: Vector, lo: Vector, n: Vector, total: Vector, number: Number) -> Top:
    """Return the weight of the maximum as it was stored, or NaN (see `near_whole`), and its probability."""
    format_ = format_of(number)
    shift = like(n, format_.rounding + 16.0 * format_.bias) - n
    none = like(n, 0.0)
    weights = lane_weights(largest, hi, lo, shift, None)
    coarse, fine = add(weights, none, none)
    mass = widen(coarse) + widen(fine)
    weight = blend(near_whole(total / mass, number), weights.w, splat(like(number, math.nan)))
    return Top(weight, narrow(mass / total, number))


@inline
def exactly(w: Vector, factors: Factors, top: Top) -> Vector:
    """Return w times the factor, and for the weight of the maximum its probability."""
    return blend(w == top.weight, top.probability, scaled(w, factors))


@inline
def scale_row(
    weights: Row,
    start: int,
    stop: int,
    factors: Factors,
    top: Top,
    has_top: bool,
    streamed: bool,
    number: Number,
    out: Row,
) -> None:
    """Write the probabilities of weights[start:stop] to out[start:stop]; `has_top` says if the maximum is there."""
    zero = like(number, 0.0)
    if not has_top:  # another weight may be the same number
        top = Top(splat(like(number, math.nan)), top.probability)
    lead = start
    if streamed:
        lead = min(start + until_line(out, start), stop)
        if start < lead:
            store_part(out, start, lead, exactly(load_part(weights, start, lead, zero), factors, top))
    whole = lead + (stop - lead) // 16 * 16
    if streamed:
        for i in range(lead, whole, 16):
            stream(out, i, exactly(load(weights, i), factors, top))
    elif has_top:
        for i in range(lead, whole, 16):
            store(out, i, exactly(load(weights, i), factors, top))
    else:
        for i in range(lead, whole, 16):
            store(out, i, scaled(load(weights, i), factors))
    if whole < stop:
        store_part(out, whole, stop, exactly(load_part(weights, whole, stop, zero), factors, top))
