"""From logits to weights, a block at a time: what softmax and sampling share.

A row is read in blocks that stay in the first-level cache. A block's largest logit is found first (one read, at the
speed of the load ports), then its weights exp((z - reference) / T) are computed, stored and summed (one exponential an
element, limited by the fma ports). Each block has a reference of its own, so no pass over the whole row comes before:
memory is read once, and a factor 2**d a block brings the blocks together.

Nothing is rounded before the exponential. Exponents are counted in 16ths of an octave. With 16 log2(e) / T in two parts
hi + lo, the exponent of z is z (hi + lo) - N, where N is the integer nearest to the exponent of the block's largest
logit; each product enters an fma whose result is the fraction in [-1/2, 1/2]. Where the exponents are too large for
that (2**17 octaves), the largest logit itself is subtracted first, which is then exact for every z whose weight is not
0 (Sterbenz). The weights carry a factor 2**BIAS, so that none that matters is subnormal before the final scaling.

A vector of 16 takes 17 operations besides the maximum: 4 for the fraction, 7 for the exponential, 1 for what would
underflow, 5 for a sum in which no rounding matters. Softmax raises a logit to a bound for that, and the last scaling
flushes its weight; sampling must not draw it, and masks it to an exact 0, which takes AVX2 two operations more. NaN
stays NaN below a bound, so that the sum tells of it, and the maximum need not.

Of the logits 1 and 2 at T = 1 the largest exponent is 2 * 23.083 = 46.17, so N = 46, and the weights are 0.3705 and
1.0072 before the factor: they have the ratio e, and a sum of 1.3778.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.arrays import on_stack
from fastsoftmax.kernels.lanes.loads import load_as, load_part, prefetch, prefetch_far, store, store_part
from fastsoftmax.kernels.lanes.numbers import (
    Number,
    Row,
    Vector,
    bits_of,
    blend,
    by_type,
    fma,
    larger,
    largest_lane,
    like,
    splat,
    sum_lanes,
    unordered,
)
from fastsoftmax.kernels.lanes.rows import MaskedRow, read_part, read_whole
from fastsoftmax.kernels.math.exp import LOG2E_HIGH, LOG2E_LOW, ROUND_DOUBLE, ROUND_SINGLE, exp2_16, expm1, power_of_two

BLOCK = 2048
block_memory = on_stack(BLOCK)
LEAST_EXPONENT = -2000.0  # 2**-2000 of the largest weight underflows to 0 in any format


class Scale(NamedTuple):
    """The temperature as the exponential takes it: exp(z / T) = 2**(z s (hi + lo) / 16)."""

    s: Number  # a power of two, 1 but for extreme temperatures
    hi: Number  # inf where T is 0, or too small to tell from 0
    lo: Number


class LaneWeights(NamedTuple):
    """Sixteen weights: w is unit (1 + excess), rounded."""

    w: Vector
    unit: Vector
    excess: Vector


class Format(NamedTuple):
    """What the kernels know of float32 or float64; exponents in octaves."""

    rounding: float  # x + rounding holds the integer nearest to x in its low bits
    bias: int  # exponent of the weight of a logit at the reference
    smallest: int  # exponent of the smallest weight that is not flushed to 0: in float32 its rounding is still normal
    normal: int  # exponent of the smallest weight that is itself a normal number after rounding
    plain: int  # exponent of T, and of 1 / T, up to which hi and lo are far from the ends of the type
    widest: int  # exponent of s, and of 1 / s, at most
    top: int  # exponent of the largest number
    largest: float  # that number
    limit: float  # from this exponent on, the largest logit has the probability 1
    grid: float  # `rounding` times the spacing in which `add` sums a block of weights
    unscaled: int  # results times 2**unscaled are neither subnormal nor too large, and so are their smallest parts
    whole: float  # how far from a whole number of maxima a mass may be to count as that (see `scaling.near_whole`)


LARGEST_SINGLE, LARGEST_DOUBLE = float(np.finfo(np.float32).max), float(np.finfo(np.float64).max)
GRID_SINGLE, GRID_DOUBLE = ROUND_SINGLE * 2.0 ** (64 - 14), ROUND_DOUBLE * 2.0 ** (512 - 39)
SINGLE = Format(ROUND_SINGLE, 64, -76, -125, 60, 100, 127, LARGEST_SINGLE, 2.0**60, GRID_SINGLE, 100, 2.0**-28)
DOUBLE = Format(ROUND_DOUBLE, 512, -1021, -1021, 400, 900, 1023, LARGEST_DOUBLE, 2.0**120, GRID_DOUBLE, 900, 1.0)
format_of = by_type(lambda number: SINGLE, lambda number: DOUBLE)


@inline
def scale_of(temperature: float, number: Number) -> Scale:
    """Return the scale of a temperature in the type of `number`."""
    format_ = format_of(number)
    if temperature == math.inf:
        return Scale(like(number, 1.0), like(number, 0.0), like(number, 0.0))
    if temperature == 0.0 or (format_.widest == 100 and temperature < 2.0**-160):
        return Scale(like(number, 1.0), like(number, math.inf), like(number, 0.0))
    exponent = (bits_of(temperature) >> 52) - 1023
    s = 1.0
    if abs(exponent) > format_.plain:
        s = power_of_two(-min(max(exponent, -format_.widest), format_.widest))
    scaled = temperature * s
    hi64 = 16.0 * LOG2E_HIGH / scaled
    lo64 = (fma(-hi64, scaled, 16.0 * LOG2E_HIGH) + 16.0 * LOG2E_LOW) / scaled
    hi = like(number, hi64)
    lo = like(number, (hi64 - hi) + lo64)
    return Scale(like(number, s), hi, lo)


@inline
def reference_of(largest: Number, scale: Scale) -> tuple[bool, Number, Number]:
    """Return (soft, anchor, n): weights are 2**(((z s - anchor)(hi + lo) - n) / 16).

    Where `soft` is false the largest logit takes all the weight: T = 0, +inf, or differences beyond any exponent.
    """
    s, hi, _ = scale
    rounding, limit = format_of(largest).rounding, format_of(largest).limit
    u = largest * s
    t = u * hi
    soft = abs(t) < like(largest, limit)
    if abs(t) < like(largest, 2.0**21):
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
    return max((high + (np.float64(n) - np.float64(row_n))) / 16.0, LEAST_EXPONENT), low / 16.0


@inline
def lane_maxima(row: MaskedRow, start: int, stop: int, number: Number, checked: bool = True) -> Vector:
    """Return the largest of every sixteenth of row[start:stop] in each lane, or NaN where one of them is NaN.

    Unless `checked`, NaN may be overlooked.
    """
    lowest = splat(like(number, -math.inf))
    a, b, c, d = lowest, lowest, lowest, lowest
    nan = unordered(lowest, lowest)
    whole = start + (stop - start) // 64 * 64
    for i in range(start, whole, 64):
        p = read_whole(row, i, number)
        q = read_whole(row, i + 16, number)
        r = read_whole(row, i + 32, number)
        t = read_whole(row, i + 48, number)
        a, b, c, d = larger(p, a), larger(q, b), larger(r, c), larger(t, d)
        if checked:
            nan = nan | unordered(p, q) | unordered(r, t)
    for i in range(whole, stop, 16):
        p = read_part(row, i, stop, like(number, -math.inf))
        a = larger(p, a)
        if checked:
            nan = nan | unordered(p, p)
    return blend(nan, splat(like(number, math.nan)), larger(larger(a, b), larger(c, d)))


@inline
def block_maximum(logits: Row, start: int, stop: int, number: Number) -> Number:
    """Return the largest of logits[start:stop] in the type of `number`; NaN may be overlooked."""
    return largest_lane(lane_maxima(MaskedRow(logits, None, None), start, stop, number, False))


@inline
def lane_weights(z: Vector, hi: Vector, lo: Vector, shift: Vector, lowest: Vector | None) -> LaneWeights:
    """Return (w, unit, excess): w is unit (1 + excess) = 2**(z (hi + lo) / 16 + k0), rounded.

    `shift` is ROUND + 16 k0. Below `lowest`, and for -inf and NaN, all three are exactly 0. Where `lowest` is None, z
    is at least the bound of `bound_of`, or NaN.
    """
    r = fma(z, hi, shift)
    f = fma(z, lo, fma(z, hi, shift - r))
    unit, excess = exp2_16(r), expm1(f)
    if lowest is not None:
        unit, excess = blend(r >= lowest, unit, like(z, 0.0)), blend(r >= lowest, excess, like(z, 0.0))
    return LaneWeights(fma(unit, excess, unit), unit, excess)


@inline
def bound_of(hi: Vector, n: Vector, octaves: int) -> Vector:
    """Return the logits that weigh so many octaves less than the reference; `n` as in `reference_of`."""
    return (n - like(hi, 16.0 * octaves)) / hi


@inline
def add(weights: LaneWeights, coarse: Vector, fine: Vector) -> tuple[Vector, Vector]:
    """Add unit (1 + excess) to a sum in two parts: `coarse`, from the grid of the `Format` on, and what that loses.

    The grid is so large that all sums of a block have its exponent: each addition rounds w to a multiple of one
    spacing, exactly, and what is left is far below the sum. With w itself its rounding would be in the sum: 2 ulp leave
    no room for that where many weights are equal.
    """
    following = coarse + weights.w
    lost = fma(weights.unit, weights.excess, weights.unit - (following - coarse))
    return following, fine + lost


@inline
def weight_of(largest: Number, scale: Scale) -> tuple[Number, float]:
    """Return the weight of the logit at the reference as `block_weights` writes it, and as it adds it up."""
    format_ = format_of(largest)
    soft, anchor, n = reference_of(largest, scale)
    s, hi, lo = scale
    if not soft or hi == 0.0:
        return like(largest, power_of_two(format_.bias)), power_of_two(format_.bias)
    shift = like(largest, format_.rounding + 16.0 * format_.bias) - n
    weights = lane_weights(fma(largest, s, -anchor), hi, lo, shift, None)
    none = like(largest, 0.0)
    coarse, fine = add(weights, none, none)
    return weights.w, np.float64(coarse) + np.float64(fine)


@inline
def block_weights(
    logits: Row,
    start: int,
    stop: int,
    largest: Number,
    scale: Scale,
    weights: Row | None,
    exact_zeros: bool | None,
) -> float:
    """Write the weights of logits[start:stop], at most a block, to weights[start:stop] (None: nowhere).

    `largest` is the reference: at least the largest of these logits, and not NaN. Returns the sum of the weights as a
    float64, without a rounding that matters (see `add`). What is too small to matter weighs 0 with `exact_zeros`, and
    so does NaN. With None for them it weighs at most 2**smallest, the next scaling flushes it, and the sum is NaN where
    a logit is.
    """
    soft, anchor, n = reference_of(largest, scale)
    part = logits[start:stop]
    s, hi, lo = scale
    if not soft or hi == 0.0:
        least = like(largest, -format_of(largest).largest)
        return equal_weights(part, least if soft else max(largest, least), weights, start)
    if anchor == 0.0 and s == 1.0:
        return soft_weights(part, hi, lo, n, weights, start, exact_zeros)
    near = np.full(stop - start, largest)
    subtract_anchor(part, s, anchor, near)
    return soft_weights(near, hi, lo, n, weights, start, exact_zeros)


@function
def soft_weights(
    logits: Row, hi: Number, lo: Number, n: Number, weights: Row | None, start: int, exact_zeros: bool | None
) -> float:
    """Write 2**((z (hi + lo) - n) / 16 + BIAS) of at most a block of logits from weights[start] on; return the sum."""
    octaves = format_of(n).bias - format_of(n).smallest
    bound = bound_of(splat(hi), splat(n), octaves) if exact_zeros is None else None
    coarse, fine = lane_sums(logits, splat(hi), splat(lo), splat(n), bound, hi, weights, start)
    result: float = sum_lanes(coarse) + sum_lanes(fine)
    return result


@inline
def lane_sums(
    logits: Row,
    hi: Vector,
    lo: Vector,
    n: Vector,
    bound: Vector | None,
    number: Number,
    weights: Row | None,
    start: int,
) -> tuple[Vector, Vector]:
    """Write the weights of at most a block of logits from weights[start] on; return their sums in two parts.

    Logits are raised to the `bound`; where it is None, what is too small weighs exactly 0. The logits that come a block
    and four blocks later are asked for meanwhile: the loop would hide no wait for memory.
    """
    format_ = format_of(n)
    size = logits.size
    whole = size // 64 * 64
    grid, fine = like(n, format_.grid), like(n, 0.0)
    coarse = grid
    shift = like(n, format_.rounding + 16.0 * format_.bias) - n
    for i in range(0, whole, 64):
        for j in range(i, i + 64, 16):
            prefetch(logits, j + BLOCK)
            prefetch_far(logits, j + 4 * BLOCK)
        p = weigh(load_as(logits, i, number), hi, lo, shift, bound)
        q = weigh(load_as(logits, i + 16, number), hi, lo, shift, bound)
        r = weigh(load_as(logits, i + 32, number), hi, lo, shift, bound)
        t = weigh(load_as(logits, i + 48, number), hi, lo, shift, bound)
        if weights is not None:
            store(weights, start + i, p.w)
            store(weights, start + i + 16, q.w)
            store(weights, start + i + 32, r.w)
            store(weights, start + i + 48, t.w)
        coarse, fine = add(p, coarse, fine)
        coarse, fine = add(q, coarse, fine)
        coarse, fine = add(r, coarse, fine)
        coarse, fine = add(t, coarse, fine)
    for i in range(whole, size, 16):
        p = weigh(load_part(logits, i, size, like(number, -math.inf)), hi, lo, shift, bound)
        if weights is not None:
            store_part(weights, start + i, start + size, p.w)
        coarse, fine = add(p, coarse, fine)
    return coarse - grid, fine


@inline
def weigh(z: Vector, hi: Vector, lo: Vector, shift: Vector, bound: Vector | None) -> LaneWeights:
    """Return the weights of logits, which are raised to the `bound`; where it is None, below the range they are 0."""
    if bound is not None:
        return lane_weights(larger(bound, z), hi, lo, shift, None)
    format_ = format_of(shift)
    return lane_weights(z, hi, lo, shift, like(z, format_.rounding + 16.0 * format_.smallest))


@function
def equal_weights(logits: Row, least: Number, weights: Row | None, start: int) -> float:
    """Write 2**BIAS where a logit is at least `least`, else 0, from weights[start] on; return the sum, or NaN."""
    bar, one = splat(least), splat(like(least, power_of_two(format_of(least).bias)))
    fill, none, total = like(least, -math.inf), splat(like(least, 0.0)), 0.0
    for i in range(0, logits.size, 16):
        z = load_part(logits, i, logits.size, fill)
        p = blend(z >= bar, one, none)
        if weights is not None:
            store_part(weights, start + i, start + logits.size, p)
        total += sum_lanes(blend(unordered(z, z), z, p))
    return total


@inline
def subtract_anchor(logits: Row, s: Number, anchor: Number, out: Row) -> None:
    """Write z s - anchor, exact where it matters."""
    ss, base, fill = splat(s), splat(-anchor), like(s, -math.inf)
    for i in range(0, logits.size, 16):
        store_part(out, i, out.size, fma(load_part(logits, i, logits.size, fill), ss, base))
