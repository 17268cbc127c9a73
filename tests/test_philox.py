"""The generator in the kernels is the reference's, and its numbers stay strictly inside (0, 1)."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import reference
from fastsoftmax._jit import jit
from fastsoftmax.kernels.memory import store
from fastsoftmax.kernels.philox import uniform, uniforms

WORDS = st.integers(0, 2**64 - 1)
HALF_WORDS = st.integers(0, 2**32 - 1)


@jit
def _uniform(seed: np.uint64, step: np.uint64, draw: np.uint64, stream: np.uint64) -> float:
    return uniform(seed, step, draw, stream)


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
def test_lanes_are_sixteen_steps(seed: int, step: int, draw: int, stream: int) -> None:
    out = np.empty(16)
    _uniforms(np.uint64(seed), np.uint64(step), np.uint64(draw), np.uint64(stream), out)
    assert out.tolist() == [reference.uniform(seed, (step + i) % 2**64, draw, stream) for i in range(16)]
