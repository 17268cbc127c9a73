"""The command `warmup`: compile the usual signatures by calling the public functions on tiny inputs."""

import subprocess
import sys
import time
from importlib.util import find_spec

from fastsoftmax._jit import cache_directories
from fastsoftmax._warmup import DTYPES, Job, jobs
from fastsoftmax.cli import output

_OTHER = "import sys; from fastsoftmax._warmup import warmup; warmup(sys.argv[1:], markov=False)"


def run(processes: int) -> None:
    """Compile, and print the time of each function and dtype.

    A second process compiles half of the dtypes meanwhile; what both need is compiled once.
    """
    half = len(DTYPES) // 2
    ahead = [subprocess.Popen([sys.executable, "-c", _OTHER, *DTYPES[half:]])] if processes > 1 else []
    lines = _timed(jobs(DTYPES[:half], details=False, allowed=False, markov=True))
    for process in ahead:
        process.wait()
    lines += _timed(jobs(DTYPES[half:], details=False, allowed=False, markov=False))
    if find_spec("ml_dtypes") is None and find_spec("torch") is None:
        lines.append("bfloat16 skipped: neither ml_dtypes nor torch is installed")
    output.write("\n".join([*lines, f"kernels are kept in {cache_directories()[0]}"]))


def _timed(some: list[Job]) -> list[str]:
    """Call jobs; return a line for each."""
    lines = []
    with output.progress() as bar:
        task = bar.add_task("", total=len(some))
        for name, call in some:
            bar.update(task, description=name)
            started = time.perf_counter()
            call()
            lines.append(f"{name:<34}{time.perf_counter() - started:8.3f} s")
            bar.advance(task)
    return lines
