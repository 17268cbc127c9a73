"""Forked, spawned and many processes.

A child that is forked while its parent's threads draw, compile or read a file; servers that fork ahead of their
requests; pools of both kinds; and many processes that start at once on one empty cache.
"""

import faulthandler
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import fastsoftmax
from tests.calls import CALLS, things, told
from tests.long import Check, Progress, SkipError

ROOT = Path(__file__).parent.parent.parent
BATCH = np.random.default_rng(0).standard_normal((64, 5000)).astype(np.float32)  # split among threads
FORKS = 2000
PROCESSES = 16
STARTS = 5
PATIENCE = 300  # seconds after which a process that has not ended is stuck

# What each of many processes does that start on an empty cache, with the library or with kernels that compile quickly.
START = """
import warnings
warnings.simplefilter("error")
import {0}
print({0}.softmax([1.0, 2.0]).tolist())
"""
LIBRARY = "fastsoftmax"


def run(progress: Progress) -> str:
    """Fork, spawn and start together."""
    if not hasattr(os, "fork"):
        raise SkipError("no fork on this system")
    forks = fork_while_threads_work(FORKS, lambda done: progress(0.4 * done))
    fork_while_compiling()
    progress(0.5)
    served = pre_fork_server(workers=4, requests=2000)
    progress(0.6)
    pools = [map_in_pool(method) for method in ("fork", "spawn", "forkserver")]
    for start in range(STARTS):
        progress(0.7 + 0.3 * start / STARTS)
        with tempfile.TemporaryDirectory() as cache:
            start_together(Path(cache), PROCESSES)
    return (
        f"{forks:,} forks while threads worked; one while a kernel compiled; a pre-fork server of 4 answered "
        f"{served:,} requests; {sum(pools)} results from pools that fork and spawn; {STARTS} times {PROCESSES} "
        f"processes on an empty cache: all worked, no entry was half written"
    )


def answer() -> bytes:
    """Return what depends on all that a child may lack: threads, locks, compiled kernels, all that calls need."""
    large = fastsoftmax.softmax(BATCH), fastsoftmax.sample(BATCH, top_p=0.9, seed=1)
    with tempfile.TemporaryDirectory() as folder:
        tiny = things(Path(folder))
        return told([*large, *(call(tiny) for call in CALLS.values())])


def in_child(work: Callable[[], object]) -> int:
    """Return the status of a forked child that does some work: 0, 1 if it failed, or minus the signal that ended it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks in processes with threads
        child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # a handler in Python would wait as well
        faulthandler.register(signal.SIGALRM, chain=True)  # says where it is stuck
        signal.alarm(PATIENCE // 2)  # before its parent is given up: what it waits for is said
        try:
            work()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork_while_threads_work(forks: int, progress: Progress) -> int:
    """Fork again and again while threads take every lock there is."""
    expected = answer()
    sampler = fastsoftmax.Sampler(seed=1)
    chain = fastsoftmax.MarkovChain().fit([[1, 2, 1, 3]])

    def child() -> None:
        sampler(BATCH[0])
        assert chain.partial_fit([[1, 2]]).walk(seed=1)[0][0] == 1
        assert answer() == expected

    def busy() -> None:
        sampler(BATCH[0])
        fastsoftmax.softmax(BATCH)
        chain.partial_fit([[1, 2]])
        chain.walk(seed=1)

    with repeating(busy, 4):
        for done in range(forks):
            status = in_child(child)
            assert status == 0, f"child {done} ended with {status}"
            progress((done + 1) / forks)
    return forks


@contextmanager
def repeating(work: Callable[[], object], threads: int) -> Iterator[None]:
    """Do some work again and again in threads."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            work()

    crowd = [threading.Thread(target=repeat) for _ in range(threads)]
    for one in crowd:
        one.start()
    try:
        yield
    finally:
        stop.set()
        for one in crowd:
            one.join()


def fork_while_compiling(library: str = LIBRARY) -> None:
    """Fork while another thread compiles; parent and child then need the compiler themselves."""
    code = f"""
import threading, {library}
from tests.long.processes import in_child
from numba.core.compiler_lock import global_compiler_lock as lock
thread = threading.Thread(target={library}.log_softmax, args=([1.0, 2.0],))
compiling, release = threading.Event(), lock.release
lock.acquire()
thread.start()
release()
while thread.is_alive() and lock._lock.acquire(blocking=False):
    lock._lock.release()
assert in_child(lambda: {library}.softmax([1.0, 2.0])) == 0
thread.join()
assert abs({library}.logsumexp([0.0, 0.0]) - {np.log(2)}) < 1e-12
"""
    with tempfile.TemporaryDirectory() as cache:
        python(code, {"NUMBA_CACHE_DIR": cache})


def python(code: str, variables: dict[str, str]) -> str:
    """Return what Python prints that runs some code, which must go well."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-3000:]}"
    return done.stdout


def pre_fork_server(workers: int, requests: int) -> int:
    """Use the library, fork workers that share a listening socket, and ask them."""
    expected = fastsoftmax.sample(BATCH, top_k=50, seed=7).tobytes()

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(fastsoftmax.sample(BATCH, top_k=50, seed=7).tobytes())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        children = [_forked(serve) for _ in range(workers)]
        try:
            for _ in range(requests):
                with socket.create_connection(listener.getsockname(), timeout=PATIENCE) as client:
                    assert client.makefile("rb").read() == expected
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    return requests


def _forked(work: Callable[[], object]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    return child


def map_in_pool(method: str) -> int:
    """Return how many right results came from a pool of processes, after use in this one."""
    expected = answer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context(method)) as pool:
            results = list(pool.map(_answer, range(8), timeout=PATIENCE))
    assert results == [expected] * 8, f"other results from a pool that starts by {method}"
    return len(results)


def _answer(_: int) -> bytes:
    return answer()


def start_together(cache: Path, processes: int, library: str = LIBRARY) -> None:
    """Start processes on one empty cache, and see that what they left there is whole."""
    start = START.format(library)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    command = [sys.executable, "-c", start]
    crowd = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    said = [one.communicate(timeout=PATIENCE) for one in crowd]
    assert {output for output, _ in said} == {said[0][0]}, "the processes differ"
    assert all(one.returncode == 0 for one in crowd), [error for _, error in said if error]
    files = [file for file in cache.rglob("*") if file.is_file()]
    assert files
    assert all(file.suffix == ".pickle" for file in files), f"left over: {files}"
    before = {file: file.stat().st_mtime_ns for file in files}
    python(start, {"NUMBA_CACHE_DIR": str(cache)})
    assert {file: file.stat().st_mtime_ns for file in files} == before, "an entry could not be read"


CHECK = Check(
    name="processes",
    promise="Forked and spawned processes work, whatever the threads of the parent were at; processes that start at "
    "once on an empty cache never read half an entry.",
    quick="tests/everywhere/test_processes.py",
    run=run,
)
