"""The generator in the kernels is the reference's, and its numbers stay strictly inside (0, 1)."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import reference
from fastsoftmax._jit import jit
from fastsoftmax.kernels.lanes.loads import store
from fastsoftmax.kernels.math.philox import uniform, uniforms
from reference.philox import MULTIPLIERS, WEYL
from tests.long import draws

WORDS = st.integers(0, 2**64 - 1)
HALF_WORDS = st.integers(0, 2**32 - 1)


@jit
def _uniform(seed, step, draw, stream):
    return uniform(seed, step, draw, stream)


@jit
def _uniforms(seed, step, draw, stream, out):
    store(out, 0, uniforms(seed, step, draw, stream))


@given(WORDS, WORDS, HALF_WORDS, HALF_WORDS)
def test_uniform_is_the_references(seed, step, draw, stream):
    ours = _uniform(np.uint64(seed), np.uint64(step), np.uint64(draw), np.uint64(stream))
    assert ours == reference.uniform(seed, step, draw, stream)
    assert 0.0 < ours < 1.0


@given(WORDS, WORDS, HALF_WORDS, HALF_WORDS)
@example(1, 2**32 - 5, 2, 3)  # the low word of the step carries
@example(1, 2**64 - 5, 2, 3)
def test_lanes_are_sixteen_steps(seed, step, draw, stream):
    out = np.empty(16)
    _uniforms(np.uint64(seed), np.uint64(step), np.uint64(draw), np.uint64(stream), out)
    assert out.tolist() == [reference.uniform(seed, (step + i) % 2**64, draw, stream) for i in range(16)]


def test_published_answers():
    assert draws.known_answers()


def counter_of(words, seed):
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
def test_the_ends_of_the_interval(high, low, number):
    seed = 2**63 + 99
    step, draw, stream = counter_of([high, low, 12, 34], seed)
    arguments = np.uint64(seed), np.uint64(step), np.uint64(draw), np.uint64(stream)
    assert reference.uniform(seed, step, draw, stream) == _uniform(*arguments) == number
    out = np.empty(16)
    _uniforms(*arguments, out)
    assert out[0] == number
