"""Exponentials and logarithms from a table, polynomials and fma alone, the same bits on every CPU.

One exponential serves lanes and scalars, float32 and float64: 2**(j / 16 + f / 16), j an integer and f in [-1/2, 1/2]
(5/8 at exponents near 2**17), is `exp2_16(r)` times 1 + `expm1(f)`, where the low bits of r hold j. `exp2_16` takes one
of 16 numbers (a CPU with AVX-512 keeps them in a register) and adds to its exponent; `expm1` has degree 3 (float32,
0.03 units of 2**-24) or 6 (float64, 0.07 units of 2**-53), near-minimax. A library's exp would be one scalar call an
element, and another result on another machine. The method is Tang's, "Table-driven implementation of the exponential
function in IEEE floating-point arithmetic" (1989).

Of exp(1) the exponent is 16 log2(e) = 23.083: j = 23 and f = 0.083, so the result is 2**(23 / 16), which is 2.7085,
times 2**(0.083 / 16), which is 1.0036.
"""

import math
from decimal import Decimal, localcontext

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.numbers import Vector, bits_of, by_type, float_of, fma, like
from fastsoftmax.kernels.math.exp2_table import powers

LOG2E_HIGH = 1.4426950408889634
LOG2E_LOW = 2.0355273740931033e-17
LN2_HIGH = 0.6931471805599453
LN2_LOW = 2.3190468138462996e-17

# r = x + ROUND holds the integer nearest to x in its low bits, and r - ROUND is that integer.
ROUND_SINGLE = 1.5 * 2.0**23
ROUND_DOUBLE = 1.5 * 2.0**52


# `exp2_16` is a factor too large, which cancels in every quotient: with these, all 16 entries of the table lie near to
# numbers of the type (within 0.29 units of 2**-24 and 0.23 of 2**-53, where 1 would be the worst).
LIFT_SINGLE = float.fromhex("0x1.067aa2p+0")
LIFT_DOUBLE = float.fromhex("0x1.0028ec24e4019p+0")


def _table(mantissa: int) -> list[int]:
    """Return the bits of 2**(k / 16), lifted, rounded to float32 or float64, for k in range(16)."""
    lift, float_type, bits_type = (
        (LIFT_SINGLE, np.float32, np.uint32) if mantissa == 23 else (LIFT_DOUBLE, np.float64, np.uint64)
    )
    with localcontext(prec=40):
        entries = [float(Decimal(lift) * Decimal(2) ** (Decimal(k) / 16)) for k in range(16)]
    return [int(float_type(entry).view(bits_type)) for entry in entries]


exp2_16 = powers(_table)


def _expm1_single(f: Vector) -> Vector:
    p = like(f, 1.3550326328419643e-05)
    p = fma(p, f, like(f, 0.0009384151875432055))
    p = fma(p, f, like(f, 0.04332169891665588))
    return p * f


def _expm1_double(f: Vector) -> Vector:
    p = like(f, 9.181111016391997e-12)
    p = fma(p, f, like(f, 1.2716120268195907e-09))
    p = fma(p, f, like(f, 1.467610032988337e-07))
    p = fma(p, f, like(f, 1.35508077763998e-05))
    p = fma(p, f, like(f, 0.0009383847928089807))
    p = fma(p, f, like(f, 0.04332169878499668))
    return p * f


expm1 = by_type(_expm1_single, _expm1_double)


@inline
def exp2(high: float, low: float) -> float:
    """Return 2**(high + low) as a float64, |low| far below 1; 0 below the smallest subnormal, inf above the largest."""
    bounded = min(max(high, -2000.0), 2000.0) * 16.0
    n = (bounded + ROUND_DOUBLE) - ROUND_DOUBLE
    j = int(n)
    unit = exp2_16(ROUND_DOUBLE + (j & 15))
    p = fma(unit, expm1(fma(low, 16.0, bounded - n)), unit) / LIFT_DOUBLE
    exponent = j >> 4
    half = exponent >> 1  # half of it is the exponent of a normal number
    result: float = p * power_of_two(half) * power_of_two(exponent - half)
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
