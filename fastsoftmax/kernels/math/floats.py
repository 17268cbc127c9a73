"""Floats in their order: the numbers next to one, and the one half-way between two.

Every float has a key, an integer in the order of the floats: that of 1.0f is 0x3F800000, that of 4.0f 0x40800000, and
half-way between these keys is 0x40000000, that of 2.0f.
"""

import math

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.numbers import Number, bits_of, float_of, like


@inline
def key_of(logit: Number) -> int:
    """Return an integer that orders as the logits do; 0.0 and -0.0 are one."""
    bits = bits_of(np.float64(logit) + 0.0)
    key: int = bits if bits >= 0 else bits ^ 0x7FFFFFFFFFFFFFFF
    return key


@inline
def logit_of(key: int) -> float:
    """Return the float64 with this key."""
    result: float = float_of(key if key >= 0 else key ^ 0x7FFFFFFFFFFFFFFF)
    return result


@inline
def following(logit: Number) -> Number:
    """Return the number of the type of `logit` that is next above it."""
    return like(logit, np.nextafter(logit, like(logit, math.inf)))


@inline
def preceding(logit: Number) -> Number:
    """Return the number of the type of `logit` that is next below it."""
    return like(logit, np.nextafter(logit, like(logit, -math.inf)))


@inline
def middle_of(low: Number, high: Number) -> Number:
    """Return a number in (low, high], about half-way in the order of all float64."""
    a, b = key_of(low), key_of(high)
    middle = like(low, logit_of((a >> 1) + (b >> 1) + ((a | b) & 1)))
    return min(max(middle, following(low)), high)
