"""The whole test suite with nothing left out: what is marked long too, and ten times the examples of each property."""

import re
import subprocess
import sys
from pathlib import Path

from tests.long import Check, Progress

ROOT = Path(__file__).parents[2]


def run(progress: Progress) -> str:
    """Run all tests."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", "--hypothesis-profile=long", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found = re.search(r"(\d+) passed(?:, (\d+) skipped)?", done.stdout.splitlines()[-1])
    assert found, done.stdout[-2000:]
    return f"{int(found[1]):,} passed, {int(found[2] or 0):,} skipped"


CHECK = Check(
    name="suite",
    promise="The same bits under a lesser CPU target, an empty cache and every property, in full: all dtypes, the "
    "library's own kernels, ten times the examples.",
    quick="tests/everywhere/test_determinism.py, tests/everywhere/test_jit.py",
    run=run,
)
