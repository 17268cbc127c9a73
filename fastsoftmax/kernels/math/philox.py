"""Uniform numbers as a pure function of (seed, step, draw, stream): the counter-based generator Philox-4x32-10.

No state, so any thread may compute any draw in any order: 10 rounds of two 32 x 32 -> 64 bit products. One number takes
about 15 ns; sixteen at once, in lanes, 1.2 ns each: two products, two shifts and two exclusive ors a round.
Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

Seed, step, draw and stream 0 give the words 0x6627E8D5 and 0xE169C58D, and u = 0.39904647.
"""

from typing import Any

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.numbers import Vector, counting, larger, like, numbers, splat

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)

# Uses of random numbers beside the draw itself, each with keys of its own: numbers that two uses share bias what comes.
COIN, GUMBEL_NOISE, ACCEPTANCE, RESIDUAL, BONUS, RESTART = 1, 3, 4, 5, 6, 7


@inline
def philox4x32(
    c0: Vector, c1: Vector, c2: Vector, c3: Vector, k0: Vector, k1: Vector
) -> tuple[Vector, Vector, Vector, Vector]:
    """Ten rounds over four counter words and two key words, in the low halves of uint64: numbers or lanes.

    The high halves of the results hold rubbish, as they do from round to round.
    """
    low, half = like(c0, _LOW), like(c0, _32)
    multiplier_0, multiplier_1 = like(c0, _MULTIPLIER_0), like(c0, _MULTIPLIER_1)
    weyl_0, weyl_1 = like(c0, _WEYL_0), like(c0, _WEYL_1)
    for _ in range(10):
        product_0 = multiplier_0 * (c0 & low)
        product_1 = multiplier_1 * (c2 & low)
        c0, c1, c2, c3 = (product_1 >> half) ^ c1 ^ k0, product_1, (product_0 >> half) ^ c3 ^ k1, product_0
        k0 = k0 + weyl_0
        k1 = k1 + weyl_1
    return c0, c1, c2, c3


@inline
def uniform(seed: np.uint64, step: np.uint64, draw: np.uint64, stream: np.uint64) -> float:
    """Return a number strictly inside (0, 1), a multiple of 2**-53 (2**-54 in the place of 0).

    `seed` and `step` use all 64 bits; `draw` and `stream` are below 2**32.
    """
    x0, x1, _, _ = philox4x32(step, step >> _32, draw, stream, seed, seed >> _32)
    bits = ((x0 << _32) | (x1 & _LOW)) >> _11
    return max(float(bits), 0.5) * 2.0**-53


@inline
def key_of(seed: np.uint64, use: int, index: Any) -> np.uint64:
    """Return a seed for a use of random numbers other than the draw: for its coin number `index`, say."""
    x0, x1, _, _ = philox4x32(np.uint64(use), np.uint64(index), _LOW, _LOW, seed, seed >> _32)
    key: np.uint64 = (x0 << _32) | (x1 & _LOW)
    return key


@inline
def uniforms(seed: np.uint64, step: np.uint64, draw: np.uint64, stream: np.uint64) -> Vector:
    """Return the uniform numbers of sixteen steps, from `step` on."""
    steps = counting(step, np.uint64(1))
    half = like(steps, _32)
    x0, x1, _, _ = philox4x32(
        steps, steps >> half, splat(draw), splat(stream), like(steps, seed), like(steps, seed >> _32)
    )
    bits = ((x0 << half) | (x1 & like(steps, _LOW))) >> like(steps, _11)
    return larger(numbers(bits), splat(0.5)) * splat(2.0**-53)
