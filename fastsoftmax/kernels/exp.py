"""Exponentials and logarithms from polynomials and fma alone, the same bits on every CPU.

`exp2_slope` is the one exponential of the library: (2**f - 1) / f on [-1/2, 1/2], for lanes and scalars, so that 2**f
is 1 + slope * f, in float32 (degree 6 in all, 0.15 units of 2**-24) and float64 (degree 11, 0.18 units of 2**-53). The
coefficients are those of a near-minimax (Chebyshev) fit; 2**0 is exactly 1. A library's exp would be one scalar call an
element, and another result on another machine.
"""

import math

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes import Vector, bits_of, by_type, float_of, fma, like

LOG2E_HIGH = 1.4426950408889634
LOG2E_LOW = 2.0355273740931033e-17
LN2_HIGH = 0.6931471805599453
LN2_LOW = 2.3190468138462996e-17

# r = x + ROUND holds the integer nearest to x in its low bits, and r - ROUND is that integer.
ROUND_SINGLE = 1.5 * 2.0**23
ROUND_DOUBLE = 1.5 * 2.0**52


def _exp2_slope_single(f: Vector) -> Vector:
    p = like(f, 0.00015453163359779865)
    p = fma(p, f, like(f, 0.0013390863314270973))
    p = fma(p, f, like(f, 0.009618083015084267))
    p = fma(p, f, like(f, 0.055503569543361664))
    p = fma(p, f, like(f, 0.24022650718688965))
    return fma(p, f, like(f, 0.6931471824645996))


def _exp2_slope_double(f: Vector) -> Vector:
    p = like(f, 4.4549605981865186e-10)
    p = fma(p, f, like(f, 7.072585949269223e-09))
    p = fma(p, f, like(f, 1.0178062445845774e-07))
    p = fma(p, f, like(f, 1.321544258792169e-06))
    p = fma(p, f, like(f, 1.525273382983612e-05))
    p = fma(p, f, like(f, 0.0001540353044173605))
    p = fma(p, f, like(f, 0.0013333558146416936))
    p = fma(p, f, like(f, 0.009618129107606888))
    p = fma(p, f, like(f, 0.0555041086648216))
    p = fma(p, f, like(f, 0.24022650695910097))
    return fma(p, f, like(f, 0.6931471805599453))


exp2_slope = by_type(_exp2_slope_single, _exp2_slope_double)


@inline
def exp2(high: float, low: float) -> float:
    """Return 2**(high + low) as a float64, |low| far below 1; 0 below the smallest subnormal, inf above the largest."""
    bounded = min(max(high, -2000.0), 2000.0)  # half of it is the exponent of a normal number
    r = bounded + ROUND_DOUBLE
    n = r - ROUND_DOUBLE
    f = (bounded - n) + low
    p = fma(exp2_slope(f), f, 1.0)
    half = int(n) >> 1
    result: float = p * power_of_two(half) * power_of_two(int(n) - half)
    return result


@inline
def power_of_two(exponent: int) -> float:
    """Return 2.0**exponent for -1022 <= exponent <= 1023."""
    result: float = float_of((exponent + 1023) << 52)
    return result


@inline
def exp(x: float) -> float:
    """Return e**x as a float64, within 2 ulp."""
    high = x * LOG2E_HIGH
    low = fma(x, LOG2E_HIGH, -high) + x * LOG2E_LOW
    return exp2(high, low if abs(high) < 2000.0 else 0.0)


@inline
def log(x: float) -> float:
    """Return the natural logarithm of x >= 0 as a float64, within 2 ulp: x = 2**e m, log m = 2 artanh((m-1)/(m+1))."""
    if x == 0.0:
        return -math.inf
    if not x < math.inf:
        return x
    e = 0
    if x < 2.0**-1022:
        x *= 2.0**54
        e = -54
    bits = bits_of(x)
    e += (bits >> 52) - 1023
    m = float_of((bits & 0xFFFFFFFFFFFFF) | (1023 << 52))
    if m > 1.4142135623730951:
        m *= 0.5
        e += 1
    f = (m - 1.0) / (m + 1.0)
    q = f * f  # at most 0.0295, so the terms left out are below 2**-56
    series = 1.0 / 21.0
    series = fma(series, q, 1.0 / 19.0)
    series = fma(series, q, 1.0 / 17.0)
    series = fma(series, q, 1.0 / 15.0)
    series = fma(series, q, 1.0 / 13.0)
    series = fma(series, q, 1.0 / 11.0)
    series = fma(series, q, 1.0 / 9.0)
    series = fma(series, q, 1.0 / 7.0)
    series = fma(series, q, 1.0 / 5.0)
    series = fma(series, q, 1.0 / 3.0)
    tail = fma(2.0 * f * q, series, e * LN2_LOW)
    result: float = fma(float(e), LN2_HIGH, 2.0 * f + tail)
    return result


@inline
def log1p(x: float) -> float:
    """Return log(1 + x) for x >= 0, keeping the digits of a small x."""
    y = 1.0 + x
    if y == 1.0 or not y < math.inf:
        return x
    return log(y) + (x - (y - 1.0)) / y
