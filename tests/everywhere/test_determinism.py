"""The same bits under a lesser CPU target: lanes and fma are part of the program, not the compiler's choice."""

import hashlib
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import fastsoftmax
from tests.cases import DTYPES, FILTERS

pytestmark = pytest.mark.slow


def digest(dtypes):
    """Return the hexadecimal bits of everything that could depend on the CPU."""
    rng = np.random.default_rng(7)
    parts: list[bytes] = []
    for dtype in map(np.dtype, dtypes):
        batch = (rng.standard_normal((3, 2500)) * 6).astype(dtype)
        for temperature in (1.0, 0.3):
            parts.extend(  # every way through softmax
                fastsoftmax.softmax(np.ascontiguousarray(batch[:, :size]), temperature=temperature).tobytes()
                for size in (16, 100, 300, 2500)
            )
            parts.append(fastsoftmax.softmax(batch.T.copy(), axis=0, temperature=temperature).tobytes())
            parts.append(fastsoftmax.softmax(batch, axis=0, temperature=temperature).tobytes())
            parts.append(fastsoftmax.log_softmax(batch, temperature=temperature).tobytes())
            parts.append(fastsoftmax.logsumexp(batch, temperature=temperature).tobytes())
        for words in FILTERS:
            parts.append(fastsoftmax.sample(batch, n=50, rng=1, **words).tobytes())
            parts.append(fastsoftmax.probabilities(batch, **words).tobytes())
        if dtype == np.float32:
            found = fastsoftmax.sample(batch, rng=1, top_p=0.9, allowed=batch[0] > -2, kept_set=True)
            parts.extend(facts.tobytes() for facts in (found.logprobs, found.entropy, *found.kept_set))
    return " ".join([*(hashlib.sha256(part).hexdigest()[:8] for part in parts), walks()])


def small_digest():
    """Return the bits of the kernels that hold what is written for one CPU: powers in registers, compressed lists."""
    batch = (np.random.default_rng(7).standard_normal((3, 2500)) * 6).astype(np.float32)
    parts = [fastsoftmax.softmax(batch[:, :size]).tobytes() for size in (16, 2500)]
    parts.extend(fastsoftmax.sample(batch, n=50, rng=1, **words).tobytes() for words in FILTERS)
    return " ".join([*(hashlib.sha256(part).hexdigest()[:8] for part in parts), walks()])


def walks():
    """Return the bits of some walks."""
    chain = fastsoftmax.MarkovChain().fit([[*"abracadabra"], [*"alakazam"]])
    ids = chain.walk(50, 40, temperature=0.7, top_p=0.9, seed=3, on_dead_end="restart").ids
    return hashlib.sha256(ids.tobytes()).hexdigest()[:8]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="haswell is an x86-64 target")
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize(
    "code",
    [
        "small_digest()",
        *(pytest.param(f"digest(['{dtype}'])", marks=pytest.mark.long, id=f"{dtype}") for dtype in DTYPES),
    ],
)
def test_the_same_bits_under_a_lesser_target(code):
    features = "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt"
    environment = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}
    command = [
        sys.executable,
        "-c",
        f"import ml_dtypes; from tests.everywhere.test_determinism import *; print({code})",
    ]
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as other:
        here = eval(code)  # both compile much, at the same time
        there, _ = other.communicate()
    assert other.returncode == 0
    assert there.strip() == here
