"""From logits to weights, a block at a time: what softmax and sampling share.

A row is read in blocks that stay in the first-level cache. A block's largest logit is found first (one read, at the
speed of the load ports), then its weights exp((z - reference) / T) are computed, stored and summed (one exponential an
element, limited by the fma ports). Each block has a reference of its own, so no pass over the whole row comes before:
memory is read once, and a factor 2**d a block brings the blocks together.

Nothing is rounded before the exponential. With s the power of two nearest to 1/T, and log2(e) / (T s) in two parts
hi + lo, the exponent of z is (z s)(hi + lo) - N, where N is the integer nearest to the exponent of the block's largest
logit; each product enters an fma whose result is the fraction in [-1/2, 1/2]. Where the exponents are too large for
that (2**20), the largest logit itself is subtracted, which is then exact for every z whose weight is not 0 (Sterbenz).
The weights carry a factor 2**BIAS, so that none that matters is subnormal before the final scaling.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.exp import (
    LOG2E_HIGH,
    LOG2E_LOW,
    ROUND_DOUBLE,
    ROUND_SINGLE,
    exp2_slope,
    power_of_two,
)
from fastsoftmax.kernels.lanes import (
    Number,
    Row,
    Vector,
    bits_of,
    by_type,
    fma,
    lane_bits,
    larger,
    largest_lane,
    like,
    load,
    load_part,
    scale_by_bits,
    select,
    splat,
    store,
    store_part,
    sum_lanes,
    unordered,
)

Scale = tuple[Number, Number, Number]  # (s, hi, lo) of `scale_of`

BLOCK = 2048
LEAST_EXPONENT = -2000.0  # 2**-2000 of the largest weight underflows to 0 in any format


class Format(NamedTuple):
    """What the kernels know of float32 or float64."""

    rounding: float  # x + rounding holds the integer nearest to x in its low bits
    bias: int  # exponent of the weight of a logit at the reference
    smallest: int  # exponent of the smallest weight that is not flushed to 0: in float32 its rounding is still normal
    widest: int  # exponent of s, and of 1 / s, at most
    top: int  # exponent of the largest number
    limit: float  # beyond this exponent, two different logits differ so much that the larger takes all
    grid: float  # `rounding` times the spacing in which `add` sums a block of weights
    unscaled: int  # results times 2**unscaled are neither subnormal nor too large, and so are their smallest parts


SINGLE = Format(ROUND_SINGLE, 64, -76, 100, 127, 2.0**60, ROUND_SINGLE * 2.0 ** (64 - 14), 100)
DOUBLE = Format(ROUND_DOUBLE, 512, -1021, 900, 1023, 2.0**120, ROUND_DOUBLE * 2.0 ** (512 - 39), 900)
format_of = by_type(lambda number: SINGLE, lambda number: DOUBLE)


@inline
def scale_of(temperature: float, number: Number) -> Scale:
    """Return (s, hi, lo) in the type of `number`: exp(z / T) = 2**(z s (hi + lo)), s a power of two.

    hi is inf where T is 0, or too small to tell from 0 between two different numbers of that type.
    """
    widest = format_of(number).widest
    if temperature == math.inf:
        return like(number, 1.0), like(number, 0.0), like(number, 0.0)
    if temperature == 0.0 or (widest == 100 and temperature < 2.0**-160):
        return like(number, 1.0), like(number, math.inf), like(number, 0.0)
    exponent = (bits_of(temperature) >> 52) - 1023
    s = power_of_two(-min(max(exponent, -widest), widest))
    scaled = temperature * s
    hi64 = LOG2E_HIGH / scaled
    lo64 = (fma(-hi64, scaled, LOG2E_HIGH) + LOG2E_LOW) / scaled
    hi = like(number, hi64)
    lo = like(number, (hi64 - hi) + lo64)
    return like(number, s), hi, lo


@inline
def reference_of(largest: Number, scale: Scale) -> tuple[bool, Number, Number]:
    """Return (soft, anchor, n): weights are 2**((z s - anchor)(hi + lo) - n).

    Where `soft` is false the largest logit takes all the weight: T = 0, +inf, or differences beyond any exponent.
    """
    s, hi, _ = scale
    rounding, limit = format_of(largest).rounding, format_of(largest).limit
    u = largest * s
    t = u * hi
    soft = abs(t) < like(largest, limit)
    if abs(t) < like(largest, 2.0**20):
        shift = like(largest, rounding)
        return soft, like(largest, 0.0), (t + shift) - shift
    return soft, u, like(largest, 0.0)


@inline
def exponent_between(largest: Number, row_largest: Number, scale: Scale) -> tuple[float, float]:
    """Return d <= 0 in two parts: a block's weights times 2**d are relative to the reference of the row."""
    if largest == row_largest or largest == -math.inf:
        return 0.0, 0.0
    _, anchor, n = reference_of(largest, scale)
    row_soft, row_anchor, row_n = reference_of(row_largest, scale)
    _, hi, lo = scale
    distance = np.float64(anchor) - np.float64(row_anchor)
    high = distance * hi
    if not row_soft or not high > -(2.0**60):
        return LEAST_EXPONENT, 0.0
    low = fma(distance, np.float64(hi), -high) + distance * lo
    return max(high + (np.float64(n) - np.float64(row_n)), LEAST_EXPONENT), low


@inline
def block_maximum(logits: Row, start: int, stop: int, number: Number) -> Number:
    """Return the largest of logits[start:stop] in the type of `number`, or NaN where one is NaN."""
    lowest = splat(like(number, -math.inf))
    a, b, c, d = lowest, lowest, lowest, lowest
    nan = unordered(lowest, lowest)
    whole = start + (stop - start) // 64 * 64
    for i in range(start, whole, 64):
        p, q = load(logits, i, number), load(logits, i + 16, number)
        r, t = load(logits, i + 32, number), load(logits, i + 48, number)
        a, b, c, d = larger(p, a), larger(q, b), larger(r, c), larger(t, d)
        nan = nan | unordered(p, q) | unordered(r, t)
    for i in range(whole, stop, 16):
        p = load_part(logits, i, stop, like(number, -math.inf))
        a = larger(p, a)
        nan = nan | unordered(p, p)
    if lane_bits(nan) != 0:
        return like(number, math.nan)
    return largest_lane(larger(larger(a, b), larger(c, d)))


@inline
def lane_weights(
    z: Vector, s: Vector, hi: Vector, lo: Vector, base: Vector, shift: Vector, lowest: Vector
) -> tuple[Vector, Vector, Vector]:
    """Return w, rest and unit: w + rest * unit = 2**((z s + base)(hi + lo) + k0), where `shift` is ROUND + k0.

    w is that number rounded, `unit` its power of two. All are exactly 0 below `lowest`, and for -inf.
    """
    u = fma(z, s, base)
    r = fma(u, hi, shift)
    f = fma(u, hi, shift - r)
    f = fma(u, lo, f)
    inside = r >= lowest
    slope, one, zero = exp2_slope(f), like(z, 1.0), like(z, 0.0)
    p = fma(slope, f, one)
    rest = select(inside, fma(slope, f, one - p), zero)
    return select(inside, scale_by_bits(p, r), zero), rest, select(inside, scale_by_bits(one, r), zero)


@inline
def lane_ties(z: Vector, largest: Vector, weight: Vector) -> Vector:
    """Return `weight` where z is the largest, else 0."""
    return select(z == largest, weight, like(z, 0.0))


def _add_single(w: Vector, rest: Vector, unit: Vector, coarse: Vector, fine: Vector) -> tuple[Vector, Vector]:
    following = coarse + w
    return following, fine + fma(rest, unit, w - (following - coarse))


def _add_double(w: Vector, rest: Vector, unit: Vector, coarse: Vector, fine: Vector) -> tuple[Vector, Vector]:
    following = coarse + w
    return following, fine + (w - (following - coarse))


# Add w to a sum in two parts: `coarse`, which starts at the grid of the `Format`, and `fine`, what that rounds off.
#
# The grid is so large that all sums of a block have its exponent: each addition rounds w to a multiple of one spacing,
# which is exact from there on, and the rest is known exactly and tiny. For float32 what rounding took from the weight
# is added too: 2 ulp leave no room for it in the sum; 4 ulp do.
add = by_type(_add_single, _add_double)


@inline
def weight_of(largest: Number, scale: Scale) -> tuple[Number, float]:
    """Return the weight of the logit at the reference as `block_weights` writes it, and as it adds it up."""
    format_ = format_of(largest)
    soft, anchor, n = reference_of(largest, scale)
    if not soft:
        return like(largest, power_of_two(format_.bias)), power_of_two(format_.bias)
    shift = like(largest, format_.rounding + format_.bias) - n
    w, rest, unit = lane_weights(largest, *scale, -anchor, shift, like(largest, format_.rounding))
    none = like(largest, 0.0)
    coarse, fine = add(w, rest, unit, none, none)
    return w, np.float64(coarse) + np.float64(fine)


@inline
def block_weights(logits: Row, start: int, stop: int, largest: Number, scale: Scale, weights: Row | None) -> float:
    """Write the weights of logits[start:stop], at most a block, to weights[start:stop] (None: nowhere).

    `largest` is the reference: at least the largest of these logits, and not NaN. Returns the sum of the weights as a
    float64, without a rounding that matters (see `add`).
    """
    format_ = format_of(largest)
    soft, anchor, n = reference_of(largest, scale)
    if largest == -math.inf:
        if weights is not None:
            weights[start:stop] = like(largest, 0.0)
        return 0.0
    whole = start + (stop - start) // 64 * 64
    grid, fine = splat(like(largest, format_.grid)), splat(like(largest, 0.0))
    coarse = grid
    fill = like(largest, -math.inf)
    if soft:
        s, hi, lo = splat(scale[0]), splat(scale[1]), splat(scale[2])
        base = splat(-anchor)
        shift = splat(like(largest, format_.rounding + format_.bias) - n)
        lowest = splat(like(largest, format_.rounding + format_.smallest))
        for i in range(start, whole, 64):
            p, p_rest, p_unit = lane_weights(load(logits, i, largest), s, hi, lo, base, shift, lowest)
            q, q_rest, q_unit = lane_weights(load(logits, i + 16, largest), s, hi, lo, base, shift, lowest)
            r, r_rest, r_unit = lane_weights(load(logits, i + 32, largest), s, hi, lo, base, shift, lowest)
            t, t_rest, t_unit = lane_weights(load(logits, i + 48, largest), s, hi, lo, base, shift, lowest)
            if weights is not None:
                store(weights, i, p)
                store(weights, i + 16, q)
                store(weights, i + 32, r)
                store(weights, i + 48, t)
            coarse, fine = add(p, p_rest, p_unit, coarse, fine)
            coarse, fine = add(q, q_rest, q_unit, coarse, fine)
            coarse, fine = add(r, r_rest, r_unit, coarse, fine)
            coarse, fine = add(t, t_rest, t_unit, coarse, fine)
        for i in range(whole, stop, 16):
            p, p_rest, p_unit = lane_weights(load_part(logits, i, stop, fill), s, hi, lo, base, shift, lowest)
            if weights is not None:
                store_part(weights, i, stop, p)
            coarse, fine = add(p, p_rest, p_unit, coarse, fine)
    else:
        top, weight = splat(largest), splat(like(largest, power_of_two(format_.bias)))
        zero = splat(like(largest, 0.0))
        for i in range(start, stop, 16):
            p = lane_ties(load_part(logits, i, stop, fill), top, weight)
            if weights is not None:
                store_part(weights, i, stop, p)
            coarse, fine = add(p, zero, zero, coarse, fine)
    result: float = sum_lanes(coarse - grid) + sum_lanes(fine)
    return result
