"""Memory: calls keep nothing, and take no more than the docstrings say.

Each group of calls runs in a process of its own, and so does each peak: what one leaves to the allocator does not hide
what the next takes. Only Linux tells the numbers that are looked at here.
"""

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from numba.core.runtime import rtsys

from tests.long import Check, Progress, SkipError
from tests.long.memory_growing import GROUPS, Grows
from tests.long.memory_peaks import PEAKS, Takes

CALLS = 100_000
QUARTERS = 4
MIB = 2**20
MOST = {"rss": MIB, "numba": 0, "objects": 100, "files": 0, "threads": 0, "maps": 8}
TRACED = 16  # bytes a call that Python's memory may grow by, less than any object
SLACK = 4 * MIB  # stacks of threads, huge pages, Python's own


class Seen(NamedTuple):
    """What a case has come to: figures and what they may be."""

    name: str
    what: str
    figure: float
    bound: float
    calls: int = 1

    @property
    def after(self) -> str:
        return f"more after {self.calls:,} calls" if self.calls > 1 else "at the peak of a call"


def status(name: str) -> int:
    """Return bytes that the system tells of this process."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def state() -> dict[str, int]:
    """Return all that could grow."""
    gc.collect()
    numba = rtsys.get_allocation_stats()
    return {
        "rss": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "numba": numba.alloc - numba.free,
        "objects": len(gc.get_objects()),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
        "maps": Path("/proc/self/maps").read_text().count("\n"),
    }


def repeat(call: Callable[[int], object], first: int, last: int) -> None:
    for number in range(first, last):
        call(number)


def traced(call: Callable[[int], object], first: int, calls: int) -> tuple[int, int]:
    """Return by how many bytes Python's memory grows, and how many objects wait in cycles for a garbage collection."""
    tracemalloc.start()
    try:
        repeat(call, first, first + calls)
        gc.collect()
        gc.disable()
        before, _ = tracemalloc.get_traced_memory()
        repeat(call, first + calls, first + 2 * calls)
        cycles = gc.collect()
        return tracemalloc.get_traced_memory()[0] - before, cycles
    finally:
        tracemalloc.stop()
        gc.enable()


def grown(case: Grows, calls: int) -> Iterator[Seen]:
    """Yield by how much everything has grown over the calls, after a quarter of them to warm up."""
    calls = max(QUARTERS, int(calls * case.share)) // QUARTERS * QUARTERS
    quarter = calls // QUARTERS
    repeat(case.call, 0, quarter)
    states = [state()]
    for first in range(quarter, quarter + calls, quarter):
        repeat(case.call, first, first + quarter)
        states.append(state())
    for what, most in MOST.items():
        steps = [after[what] - before[what] for before, after in pairwise(states)]
        yield Seen(case.name, what, max(0, QUARTERS * min(steps)), most, calls)  # a leak is one in every quarter
    some = max(2, min(1000, quarter))
    more, cycles = traced(case.call, quarter + calls, some)
    yield Seen(case.name, "traced bytes", max(0, more), 2**17 + TRACED * some, some)
    yield Seen(case.name, "objects in cycles", cycles, some // 2, some)


def peak(name: str, case: Takes) -> Seen:
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    before = status("VmRSS")
    result = case.call()
    figure = status("VmHWM") - before
    del result
    return Seen(name, "bytes", figure, case.bound + SLACK)


def run_here(kind: str, names: list[str], calls: int, scale: float) -> None:
    """Run some cases in this process, and print what is seen, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            if kind == "grows":
                cases = GROUPS[name](Path(folder))
                gc.collect()
                gc.freeze()  # what is there already need not be looked at again
                for case in cases:
                    for seen in grown(case, calls):
                        print(json.dumps(seen), flush=True)
            else:
                print(json.dumps(peak(name, PEAKS[name](scale, Path(folder)))), flush=True)


def elsewhere(kind: str, names: list[str], calls: int = CALLS, scale: float = 1.0) -> list[Seen]:
    """Run some cases in a process of their own, in which freed memory goes back to the system at once."""
    environment = os.environ | {"NUMBA_NRT_STATS": "1", "MALLOC_MMAP_THRESHOLD_": str(MIB), "MALLOC_ARENA_MAX": "2"}
    command = [
        sys.executable,
        "-m",
        "tests.long.memory",
        kind,
        *names,
        "--calls",
        str(calls),
        "--scale",
        str(scale),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{kind} {' '.join(names)}: {done.stderr.strip()[-2000:]}")
    return [Seen(*json.loads(line)) for line in done.stdout.splitlines()]


def checked(found: list[Seen]) -> list[Seen]:
    """Return what was seen if all of it is within its bounds."""
    broken = [
        f"{seen.name}: {seen.figure:,.0f} {seen.what} {seen.after}, expected at most {seen.bound:,.0f}"
        for seen in found
        if seen.figure > seen.bound
    ]
    assert not broken, "\n".join(broken)
    return found


def run(progress: Progress) -> str:
    """Return how much came to stay, and how near to their bounds the peaks were."""
    if sys.platform != "linux":
        raise SkipError("only Linux tells how much memory is in use")
    groups = [name for name in GROUPS if name != "quick"]
    stayed, taken = list[Seen](), list[Seen]()
    for done, name in enumerate(groups, 1):
        stayed += checked(elsewhere("grows", [name]))
        progress(done / len(groups) / 2)
    for done, name in enumerate(PEAKS, 1):
        taken += checked(elsewhere("takes", [name]))
        progress(0.5 + done / len(PEAKS) / 2)
    grew = [seen for seen in stayed if seen.what == "rss"]
    fewer = [seen.calls for seen in grew if seen.calls < CALLS]
    most, nearest = max(seen.figure for seen in grew), max(taken, key=lambda seen: seen.figure / seen.bound)
    return (
        f"{len(grew)} calls, {CALLS:,} times each ({len(fewer)} with large arrays and files {min(fewer):,} to "
        f"{max(fewer):,} times): at most {most / 1024:.0f} KiB more; {len(taken)} peaks, the nearest to its bound at "
        f"{nearest.figure / nearest.bound:.2f} ({nearest.name})"
    )


CHECK = Check(
    name="memory",
    promise="Memory does not grow with calls, and no call takes more than its docstring says.",
    quick="tests/everywhere/test_memory.py",
    run=run,
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["grows", "takes"])
    parser.add_argument("names", nargs="+")
    parser.add_argument("--calls", type=int)
    parser.add_argument("--scale", type=float)
    run_here(**vars(parser.parse_args()))
