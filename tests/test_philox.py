"""The generator in the kernels is the reference's, and its numbers stay strictly inside (0, 1)."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import reference
from fastsoftmax._jit import jit
from fastsoftmax.kernels.memory import store
from fastsoftmax.kernels.philox import philox4x32, uniform, uniforms
from reference.philox import MULTIPLIERS, WEYL

WORDS = st.integers(0, 2**64 - 1)
HALF_WORDS = st.integers(0, 2**32 - 1)


@jit
def _uniform(seed: np.uint64, step: np.uint64, draw: np.uint64, stream: np.uint64) -> float:
    return uniform(seed, step, draw, stream)


@jit
def _philox(counter: np.ndarray, key: np.ndarray) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    return philox4x32(counter[0], counter[1], counter[2], counter[3], key[0], key[1])


@jit
def _uniforms(seed: np.uint64, step: np.uint64, draw: np.uint64, stream: np.uint64, out: np.ndarray) -> None:
    store(out, 0, uniforms(seed, step, draw, stream))


@settings(deadline=None)  # compiles at the first example
@given(WORDS, WORDS, HALF_WORDS, HALF_WORDS)
def test_uniform_is_the_references(seed: int, step: int, draw: int, stream: int) -> None:
    ours = _uniform(np.uint64(seed), np.uint64(step), np.uint64(draw), np.uint64(stream))
    assert ours == reference.uniform(seed, step, draw, stream)
    assert 0.0 < ours < 1.0


@settings(deadline=None)  # compiles at the first example
@given(WORDS, WORDS, HALF_WORDS, HALF_WORDS)
@example(1, 2**32 - 5, 2, 3)  # the low word of the step carries
@example(1, 2**64 - 5, 2, 3)
def test_lanes_are_sixteen_steps(seed: int, step: int, draw: int, stream: int) -> None:
    out = np.empty(16)
    _uniforms(np.uint64(seed), np.uint64(step), np.uint64(draw), np.uint64(stream), out)
    assert out.tolist() == [reference.uniform(seed, (step + i) % 2**64, draw, stream) for i in range(16)]


def test_published_vectors() -> None:
    """The known answers of the Random123 distribution for philox4x32-10."""
    for counter, key, answer in [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ]:
        words = _philox(np.array(counter, np.uint64), np.array(key, np.uint64))
        assert [int(word) & 0xFFFFFFFF for word in words] == answer


def counter_of(words: list[int], seed: int) -> tuple[int, int, int]:
    """Return (step, draw, stream) of the four words that come out: the ten rounds, backwards."""
    c0, c1, c2, c3 = words
    inverses = [pow(multiplier, -1, 2**32) for multiplier in MULTIPLIERS]
    for turn in range(9, -1, -1):
        k0, k1 = ((key + turn * weyl) % 2**32 for key, weyl in zip((seed % 2**32, seed >> 32), WEYL, strict=True))
        b0, b2 = c3 * inverses[0] % 2**32, c1 * inverses[1] % 2**32
        c0, c1, c2, c3 = b0, c0 ^ (MULTIPLIERS[1] * b2 >> 32) ^ k0, b2, c2 ^ (MULTIPLIERS[0] * b0 >> 32) ^ k1
    return c0 | c1 << 32, c2, c3


@pytest.mark.parametrize(
    ("high", "low", "number"),
    [
        (0, 0, 2.0**-54),
        (0, 2047, 2.0**-54),
        (0, 2048, 2.0**-53),
        (0, 4096, 2.0**-52),
        (2**32 - 1, 2**32 - 1, 1 - 2.0**-53),
        (2**31, 2047, 0.5),
    ],
)
def test_the_ends_of_the_interval(high: int, low: int, number: float) -> None:
    seed = 2**63 + 99
    step, draw, stream = counter_of([high, low, 12, 34], seed)
    arguments = np.uint64(seed), np.uint64(step), np.uint64(draw), np.uint64(stream)
    assert reference.uniform(seed, step, draw, stream) == _uniform(*arguments) == number
    out = np.empty(16)
    _uniforms(*arguments, out)
    assert out[0] == number
