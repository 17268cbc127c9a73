"""Any bytes are read or refused: a million inputs, found by coverage (atheris, which drives libFuzzer).

`python -m tests.long.fuzzing TARGET RUNS` runs one target; an input that fails stands in a file that it names.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from tests.long import Check, Progress, SkipError

RUNS = {"model-bytes": 250_000, "model-sealed": 60_000, "markovify": 300_000, "logits": 360_000, "arguments": 40_000}
CHECKED = "model-sealed"  # with kernels that check every index
MOST_MEMORY = 2048  # MiB: Python, NumPy and the compiler take a tenth of it
LONGEST = 60  # seconds for one input, on a busy machine
ROOT = Path(__file__).parents[2]

_STATUS = re.compile(r"#(\d+)\s.*rss: (\d+)Mb")


def run(progress: Progress) -> str:
    """Fuzz all targets, several at a time."""
    if find_spec("atheris") is None:
        raise SkipError("atheris is not installed")
    done = dict.fromkeys(RUNS, 0)

    def fuzz(target: str) -> tuple[int, int]:
        def tell(executions: int) -> None:
            done[target] = min(executions, RUNS[target])
            progress(sum(done.values()) / sum(RUNS.values()))

        return _fuzzed(target, RUNS[target], tell)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        seen = dict(zip(RUNS, pool.map(fuzz, RUNS), strict=True))
    counts = ", ".join(f"{target} {executions:,}" for target, (executions, _) in seen.items())
    total, peak = sum(executions for executions, _ in seen.values()), max(memory for _, memory in seen.values())
    return f"{total:,} inputs ({counts}), none but results and errors that say why; at most {peak:,} MiB"


def _fuzzed(target: str, runs: int, tell: Callable[[int], object]) -> tuple[int, int]:
    """Run one target in a process of its own, and return the executions and the peak memory that it reports."""
    executions, peak, lines = 0, 0, list[str]()
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        environment = {**os.environ, "TMPDIR": folder, "PYTHONPATH": str(ROOT)}
        if target == CHECKED:
            environment |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(Path(folder, "kernels"))}
        command = [sys.executable, "-m", "tests.long.fuzzing", target, str(runs)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace", env=environment) as process:
            for line in process.stderr or ():
                lines = [*lines[-60:], line]
                if status := _STATUS.search(line):
                    executions, peak = int(status[1]), max(peak, int(status[2]))
                    tell(executions)
        if process.returncode != 0 or executions < runs:
            raise AssertionError(f"{target}: {_input(Path(folder))}: status {process.returncode}\n{''.join(lines)}")
    return executions, peak


def _input(folder: Path) -> str:
    """Return the input that failed, in hexadecimal digits, as long as it can be read."""
    found = [path.read_bytes() for kind in ("crash", "timeout", "oom") for path in folder.rglob(f"{kind}-*")]
    return f"the input {found[0][:500].hex()} ({len(found[0])} bytes)" if found else "no input was kept"


def _memory() -> str | None:
    """Return a folder that no disk has to keep, None where there is none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _host(target: str, runs: str) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    # Kernels are compiled from bytecode, which has to stay as it is; atheris excludes modules, not packages.
    rooms = (path.parent.name for path in (ROOT / "fastsoftmax" / "kernels").glob("*/__init__.py"))
    kernels = [f"fastsoftmax.kernels.{room}" for room in rooms]
    with atheris.instrument_imports(include=["fastsoftmax"], exclude=["fastsoftmax._jit", *kernels]):
        from tests.long.fuzzing_targets import targets
    folder = Path(tempfile.mkdtemp(dir=None if "TMPDIR" in os.environ else _memory()))
    call, seeds = targets(folder)[target]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
        call(seed)  # compiles
    limits = f"-runs={runs}", f"-rss_limit_mb={MOST_MEMORY}", f"-timeout={LONGEST}", "-max_len=4096"
    atheris.Setup([sys.argv[0], str(corpus), *limits, f"-artifact_prefix={folder}/"], call)
    atheris.Fuzz()


CHECK = Check(
    name="fuzzing",
    promise="Any bytes as a file or as arguments are read or refused with a reason: no crash, no hang, no traceback.",
    quick="tests/everywhere/test_fuzz.py",
    run=run,
)

if __name__ == "__main__":
    _host(*sys.argv[1:])
