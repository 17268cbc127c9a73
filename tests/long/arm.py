"""The same bits on 64-bit ARM as here: softmax of every path, tokens with every filter, distributions, counts, walks.

FASTSOFTMAX_ARM is the command of a Python on such a machine, or on an emulated one, with NumPy, numba and safetensors.
It sees this folder and these environment variables; under qemu a kernel takes minutes to compile.
"""

import os
import platform
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.bits import PARTS, bits_of
from tests.long import Check, Progress, SkipError

ROOT = Path(__file__).parents[2]
LOGITS = [(part, dtype) for dtype in ("float32", "float64", "float16") for part in PARTS if part != "chains"]
JOBS = [*LOGITS, ("chains", "-")]


def there(command: list[str], *arguments: str) -> str:
    """Return what the other Python prints."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.strip()


def run(progress: Progress) -> str:
    """Compare all parts, as many at once as there are cores."""
    command = shlex.split(os.environ.get("FASTSOFTMAX_ARM", ""))
    if not command:
        raise SkipError("FASTSOFTMAX_ARM names no Python")
    machine = there(command, "-c", "import platform; print(platform.machine())")
    assert machine in ("aarch64", "arm64"), machine
    arrays = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = {pool.submit(there, command, "-m", "tests.bits", *job): job for job in JOBS}
        for done, future in enumerate(as_completed(jobs), 1):
            part, dtype = jobs[future]
            here = bits_of(part, dtype)
            assert future.result() == here, f"{part} of {dtype}: {future.result()}, here {here}"
            arrays += len(here.split())
            progress(done / len(jobs))
    dtypes = ", ".join(dict.fromkeys(dtype for _, dtype in LOGITS))
    return f"{arrays} arrays of {', '.join(PARTS)}, {dtypes}: equal on {machine} and on {platform.machine()}"


CHECK = Check(
    name="arm",
    promise="The same bits on ARM as on x86-64: softmax of every path, tokens with and without filters, walks, counts.",
    quick="tests/everywhere/test_determinism.py",
    run=run,
)
