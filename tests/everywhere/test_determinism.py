"""The same bits under a lesser CPU target: lanes and fma are part of the program, not the compiler's choice."""

import os
import platform
import subprocess
import sys

import pytest
from llvmlite.binding import get_host_cpu_features

from tests.bits import PARTS, bits_of
from tests.cases import DTYPES

pytestmark = pytest.mark.slow
QUICK = [("sampling", "float32"), ("chains", "-")]  # powers in registers, compressed lists, whole numbers of lanes
if not get_host_cpu_features().get("avx512f"):  # such a CPU has about the features of the lesser target
    QUICK = []
EVERY = [(part, dtype.name) for dtype in DTYPES for part in PARTS if part != "chains"]
LONG = [pytest.param(*case, marks=pytest.mark.long) for case in EVERY if case not in QUICK]


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="haswell is an x86-64 target")
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
@pytest.mark.parametrize(("part", "dtype"), [*QUICK, *LONG])
def test_the_same_bits_under_a_lesser_target(part, dtype):
    features = "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt"
    environment = {**os.environ, "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": features}
    command = [sys.executable, "-m", "tests.bits", part, dtype]
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE) as other:
        here = bits_of(part, dtype)  # both compile much, at the same time
        there, _ = other.communicate()
    assert other.returncode == 0
    assert there.strip() == here
