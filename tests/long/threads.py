"""Many Python threads at once, under every threading layer of numba, in every kind of pool.

A process of its own for each layer: threads compare all that they get with results made before by one thread, while one
more runs a parallel kernel of numba's, as a user's program may. A deadlock ends in a traceback of every thread.
"""

import asyncio
import faulthandler
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np

import fastsoftmax
from tests.calls import CALLS, things, told
from tests.long import Check, Progress

ROOT = Path(__file__).parent.parent.parent
LAYERS = ("default", "workqueue", "omp", "tbb")
THREADS = 16
SECONDS = 60
PATIENCE = 600  # seconds after which threads that are still at work are stuck

Job = tuple[Callable[[], Any], bytes]


def run(progress: Progress) -> str:
    """Hammer under each layer and call from each kind of pool."""
    seen = []
    for done, layer in enumerate(LAYERS):
        seen.append(f"{layer}: {in_a_process(layer, SECONDS)}")
        progress((done + 1) / (len(LAYERS) + 1))
    pools = [f"{name} {'right' if call() else 'not installed'}" for name, call in POOLS.items()]
    return f"{THREADS} threads for {SECONDS} s under each layer ({'; '.join(seen)}); {', '.join(pools)}"


def in_a_process(layer: str, seconds: float) -> str:
    """Hammer in a process of its own, and return what it says."""
    libraries = f"{sys.prefix}/lib"  # where pip puts those of tbb, and no loader looks
    environment = {**os.environ, "NUMBA_THREADING_LAYER": layer, "LD_LIBRARY_PATH": libraries}
    command = [sys.executable, "-W", "error", "-m", __name__, str(seconds)]
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, f"under {layer}: status {done.returncode}: {done.stderr[-3000:]}"
    return done.stdout.strip()


def hammer(seconds: float, threads: int = THREADS) -> int:
    """Call everything from many threads for some time, and return how many calls gave right results."""
    with tempfile.TemporaryDirectory() as folder:
        return _hammered(_jobs(Path(folder)), seconds, threads)


def _hammered(jobs: list[Job], seconds: float, threads: int) -> int:
    sampler = fastsoftmax.Sampler(top_p=0.9, seed=1)
    row = np.random.default_rng(1).standard_normal(1000)
    end = time.monotonic() + seconds

    def work(number: int) -> tuple[int, Counter[int]]:
        order, drawn, calls = np.random.default_rng(number), Counter[int](), 0
        while time.monotonic() < end:
            for job in order.permutation(len(jobs)).tolist():
                call, expected = jobs[job]
                assert told(call()) == expected, f"job {job} gave another result in thread {number}"
            drawn[int(sampler(row))] += 1
            calls += len(jobs) + 1
        return calls, drawn

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(work, range(threads)))
    drawn = sum((drawn for _, drawn in results), Counter[int]())
    again = fastsoftmax.Sampler(top_p=0.9, seed=1)
    assert drawn == Counter(int(again(row)) for _ in range(sampler.step)), "the sampler lost a step or took it twice"
    return sum(calls for calls, _ in results)


def _jobs(folder: Path) -> list[Job]:
    """Return all public calls, and ones that are split among threads or make a new table; and their results."""
    tiny = things(folder)
    large = np.random.default_rng(0).standard_normal((40, 20_000)).astype(np.float32)
    chain = fastsoftmax.MarkovChain(2).fit(np.random.default_rng(2).integers(0, 50, 20_000))
    chain.save(folder / "mapped")
    mapped = fastsoftmax.MarkovChain.load(folder / "mapped")
    temperatures = iter(np.linspace(0.5, 2.0, 1000).tolist() * 1000)  # a new one is a new table
    calls: list[Callable[[], Any]] = [
        *(functools.partial(call, tiny) for call in CALLS.values()),
        lambda: fastsoftmax.softmax(large, temperature=0.7),
        lambda: fastsoftmax.log_softmax(large, axis=0),
        lambda: fastsoftmax.sample(large, top_p=0.9, rng=4),
        lambda: fastsoftmax.sample(large, min_p=0.1, rng=5, details=True),
        lambda: chain.walk(2000, 200, seed=2, on_dead_end="restart").ids,
        lambda: mapped.walk(50, 30, temperature=0.9, top_k=3, seed=1).ids,
        lambda: chain.walk(1, 5, temperature=next(temperatures), seed=1).ids[:, :2],
    ]
    return [(call, told(call())) for call in calls]


def _in_asyncio() -> bool:
    async def many() -> list[bytes]:
        return [told(one) for one in await asyncio.gather(*(asyncio.to_thread(call) for call, _ in jobs))]

    with tempfile.TemporaryDirectory() as folder:
        jobs = _jobs(Path(folder))
        return asyncio.run(many()) == [expected for _, expected in jobs] or _refuse("asyncio.to_thread")


def _in_joblib() -> bool:
    try:
        from joblib import Parallel, delayed
    except ImportError:
        return False
    batch = np.random.default_rng(0).standard_normal((40, 20_000)).astype(np.float32)
    found = Parallel(n_jobs=4, backend="loky")(delayed(fastsoftmax.softmax)(batch) for _ in range(8))
    expected = told(fastsoftmax.softmax(batch))
    return all(told(one) == expected for one in found) or _refuse("a loky pool of joblib")


def _refuse(place: str) -> bool:
    raise AssertionError(f"another result in {place}")


POOLS = {"asyncio.to_thread": _in_asyncio, "joblib": _in_joblib}


def main() -> None:
    """Hammer beside a parallel kernel of numba's, and print what was seen."""
    seconds = float(sys.argv[1])
    faulthandler.dump_traceback_later(seconds + PATIENCE, exit=True)
    try:
        parallel = numba.njit(parallel=True)(_total)
        parallel(np.ones(10))
    except ValueError as error:  # this layer is not here
        print(f"not here ({str(error).splitlines()[0]})")
        return
    with ThreadPoolExecutor(1) as user:
        beside = user.submit(_repeat, parallel, time.monotonic() + seconds)
        calls = hammer(seconds)
        assert beside.result() > 0
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(f"{numba.threading_layer()}{'' if gil else ' without GIL'} {calls:,} calls")


def _repeat(parallel: Callable[[Any], float], end: float) -> int:
    ones, calls = np.ones(100_000), 0
    while time.monotonic() < end:
        assert parallel(ones) == ones.size
        calls += 1
    return calls


def _total(array: Any) -> Any:
    total = 0.0
    for index in numba.prange(array.size):
        total += array[index]
    return total


CHECK = Check(
    name="threads",
    promise="Any number of threads may call anything at the same time, under any threading layer, in any pool: the "
    "results are those of one thread, and nothing aborts or waits for ever.",
    quick="tests/everywhere/test_threads.py",
    run=run,
)

if __name__ == "__main__":
    main()
