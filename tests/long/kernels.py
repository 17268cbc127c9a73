"""The tests with bounds checks in every kernel, and which lines of the kernels the tests compile.

`NUMBA_BOUNDSCHECK=1` checks what is indexed, array[i]. Lanes are moved by intrinsics (`kernels/lanes/loads.py`), loads,
stores and gathers at raw addresses, which no such check reaches: for them there are the tests of all sizes and layouts.

Numba tells which lines it compiles, after it has pruned the branches that a signature cannot take; bodies of intrinsics
run as Python. A line that is compiled need not have run: mutants tell what tests see of it. Kernels that come from a
cache are not compiled, so that none may.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from llvmlite.binding import get_host_cpu_features

from tests.long import Check, Progress

ROOT = Path(__file__).parents[2]
KERNELS = ROOT / "fastsoftmax" / "kernels"
ELSEWHERE = ("architecture", "bench", "cli", "cli_markov", "determinism", "jit", "package", "readme", "threads")
"""Tests whose work is done in other processes, or which look at the cache."""
REPEATED = ("equivalence", "reference")
"""Tests that compile every kernel for every dtype once more."""
LESSER = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt"}
LESSER_TESTS = ("tests/sampling/test_sampling.py::test_cut_offs", "tests/softmax/test_softmax.py::test_limits")


class Lines(NamedTuple):
    """How many statements the kernels have and exclude, and which lines of each file were missed."""

    lines: int
    excluded: int
    missing: dict[str, list[int]]


def tests_with(folder: str, *command: str, **words: str) -> str:
    """Run Python on the tests with an empty cache in a folder, and return the last line of the output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"NUMBA_CACHE_DIR": folder, "PYTHONPATH": str(ROOT), **words}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def bounds() -> str:
    """Run all tests with bounds checks."""
    with tempfile.TemporaryDirectory() as folder:
        line = tests_with(folder, "pytest", "-q", "-p", "no:cacheprovider", NUMBA_BOUNDSCHECK="1")
    passed = re.search(r"(\d+) passed", line)
    assert passed, line
    return f"{int(passed[1]):,} passed with bounds checks"


def coverage() -> str:
    """Measure which lines of the kernels the tests compile, for this CPU and for a lesser one."""
    if find_spec("coverage") is None:
        return "lines not measured, for want of coverage"
    if not get_host_cpu_features().get("avx512f"):
        return "lines not measured, since some are for AVX-512, which this CPU has not"
    with tempfile.TemporaryDirectory() as folder:
        ignored = [f"--ignore-glob=tests/*/test_{name}.py" for name in (*ELSEWHERE, *REPEATED)]
        here = measured_in(folder, "-k", "not float16 and not float64", *ignored)
        there = measured_in(folder, "-k", "float32 or float64", *LESSER_TESTS, **LESSER)
    missing = {name: sorted({*here.missing[name]} & {*there.missing[name]}) for name in here.missing}
    assert not any(missing.values()), f"lines that no test compiles: {missing}"
    return f"{here.lines:,} lines of kernels, 100% of the reachable ones compiled, {here.excluded} excluded"


def measured_in(folder: str, *arguments: str, **words: str) -> Lines:
    """Run `measure` in a process of its own."""
    return Lines(*json.loads(tests_with(folder, "tests.long.kernels", *arguments, **words)))


def measure(arguments: list[str]) -> Lines:
    """Run pytest here, and return which lines of the kernels it left out."""
    import pytest
    from coverage import Coverage
    from numba.core import config
    from numba.misc import coverage_support

    seen = defaultdict(set)

    class Notified:  # numba's own writes to a data base at every instruction
        def notify(self, loc: Any) -> None:
            seen[os.path.abspath(loc.filename)].add(loc.line)

        def close(self) -> None:
            pass

    notified = Notified()
    coverage_support._the_registry[:] = [lambda: notified]
    config.JIT_COVERAGE = 1
    measured = Coverage(data_file=None, include=[f"{KERNELS}/*"])
    measured.start()
    from fastsoftmax._jit.cache import DiskCache

    with mock.patch.object(DiskCache, "load_overload", return_value=None):
        code = pytest.main(["-n", "0", "-q", "-p", "no:cacheprovider", *arguments])
    measured.stop()
    assert code == 0, code
    measured.get_data().add_lines({name: found for name, found in seen.items() if KERNELS in Path(name).parents})
    files = {
        path.relative_to(KERNELS).as_posix(): measured.analysis2(str(path)) for path in sorted(KERNELS.glob("*/*.py"))
    }
    return Lines(
        sum(len(statements) for _, statements, _, _, _ in files.values()),
        sum(len(excluded) for _, _, excluded, _, _ in files.values()),
        {name: missing for name, (_, _, _, missing, _) in files.items()},
    )


def run(progress: Progress) -> str:
    """Run the tests twice."""
    with_bounds = bounds()
    progress(0.5)
    return f"{with_bounds}; {coverage()}"


CHECK = Check(
    name="kernels",
    promise="No kernel reads or writes outside of its arrays, and every line of them is tested.",
    quick="NUMBA_BOUNDSCHECK=1 python -m pytest",
    run=run,
)

if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1:])))
