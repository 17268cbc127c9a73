"""Philox: random numbers as a pure function of a key and a counter.

J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11 (2011).
Philox4x32-10 enciphers a counter of four 32-bit words under a key of two: there is no state, so any number of
the sequence can be had at any time.
"""

Counter = tuple[int, int, int, int]
Key = tuple[int, int]

WORD = 0xFFFFFFFF
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
# The key's steps from round to round: the golden ratio and sqrt(3) - 1, in units of 2**-32.
WEYL = (0x9E3779B9, 0xBB67AE85)
# What random numbers are for. 0 is the draw of a token, which takes the seed as it is; each other has seeds of its own.
COIN, GUMBEL, ACCEPTANCE, RESIDUAL, BONUS, RESTART = 1, 3, 4, 5, 6, 7


def philox4x32(counter: Counter, key: Key, rounds: int = 10) -> Counter:
    """Return the four random 32-bit words that belong to a counter and a key."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        high0, low0 = divmod(MULTIPLIERS[0] * c0, 1 << 32)
        high1, low1 = divmod(MULTIPLIERS[1] * c2, 1 << 32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + WEYL[0]) & WORD, (k1 + WEYL[1]) & WORD
    return c0, c1, c2, c3


def uniform(seed: int, step: int = 0, draw: int = 0, stream: int = 0) -> float:
    """Return the uniform number of a seed, step, draw and stream, a multiple of 2**-53 inside (0, 1).

    `seed` and `step` are below 2**64, `draw` and `stream` below 2**32. Neither end is ever reached: in place
    of 0 comes 2**-54.
    """
    check_words(("seed", seed, 64), ("step", step, 64), ("draw", draw, 32), ("stream", stream, 32))
    x0, x1, _, _ = philox4x32((step & WORD, step >> 32, draw, stream), (seed & WORD, seed >> 32))
    k = (x0 << 32 | x1) >> 11
    return k * 2.0**-53 if k else 2.0**-54


def key(seed: int, domain: int, index: int = 0) -> int:
    """Return the seed for one use of random numbers, as COIN, and the number of that use.

    Numbers that are shared between two uses would tie them together.
    """
    check_words(("seed", seed, 64), ("domain", domain, 32), ("index", index, 32))
    x0, x1, _, _ = philox4x32((domain, index, WORD, WORD), (seed & WORD, seed >> 32))
    return x0 << 32 | x1


def check_words(*words: tuple[str, int, int]) -> None:
    """Raise ValueError for the first of (name, value, bits) that has more bits than that."""
    for name, value, bits in words:
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name} is {value}, expected an integer in [0, 2**{bits})")
