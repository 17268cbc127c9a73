"""Uniform numbers as a pure function of (seed, step, draw, stream): the counter-based generator Philox-4x32-10.

No state, so any thread may compute any draw in any order: 10 rounds of two 32 x 32 -> 64 bit products, about 15 ns.
Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

import numpy as np

from fastsoftmax._jit import inline

_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)
_11 = np.uint64(11)


@inline
def philox4x32(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, k0: np.uint64, k1: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Ten rounds over four counter words and two key words, each 32 bits held in a uint64."""
    for _ in range(10):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0, c1, c2, c3 = (
            (product_1 >> _32) ^ c1 ^ k0,
            product_1 & _LOW,
            (product_0 >> _32) ^ c3 ^ k1,
            product_0 & _LOW,
        )
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@inline
def uniform(seed: np.uint64, step: np.uint64, draw: np.uint64, stream: np.uint64) -> float:
    """Return a number strictly inside (0, 1), a multiple of 2**-53 (2**-54 in the place of 0).

    `seed` and `step` use all 64 bits; `draw` and `stream` are below 2**32.
    """
    x0, x1, _, _ = philox4x32(step & _LOW, step >> _32, draw, stream, seed & _LOW, seed >> _32)
    bits = ((x0 << _32) | x1) >> _11
    return max(float(bits), 0.5) * 2.0**-53
