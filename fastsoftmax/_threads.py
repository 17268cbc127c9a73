"""How rows are split among threads.

Python threads over kernels that release the GIL, rather than numba's threading layers: a concurrent call, a forked
child or a missing OpenMP cannot abort the process. Handing out work costs about 50 us, so small work stays on the
calling thread. Pieces are small enough that Ctrl-C is answered within tens of milliseconds.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

SMALL = 2**17  # elements (about 50 us of softmax) below which another thread costs more than it brings
PIECE = 2**22  # elements between two looks at signals and progress

_num_threads: int | None = None


def get_num_threads() -> int:
    """Return how many threads a call may use: what `set_num_threads` set, or the number of CPUs of this process."""
    if _num_threads is not None:
        return _num_threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(n: int, /) -> None:
    """Set how many threads a call may use, in the whole process. The results do not depend on it.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    ValueError
        If `n` is not a positive integer.
    """
    global _num_threads
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise ValueError(f"n is {n!r}, expected an integer >= 1")
    _num_threads = n


def run(
    function: Callable[[int, int], None],
    count: int,
    cost: int,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Call function(start, stop) on pieces that cover range(count), in any order, on one or more threads.

    `cost` is the size of one of the `count` items in elements; `progress` is told how many items each finished piece
    held. The first exception stops the rest and is raised.
    """
    cost = max(cost, 1)
    if count * cost <= SMALL and progress is None:
        function(0, count)
        return
    threads = max(1, min(get_num_threads(), count, count * cost // SMALL))
    size = max(1, min(-(-count // threads), PIECE // cost))
    pieces = _Pieces(count, size)

    def work() -> None:
        try:
            for start, stop in pieces:
                function(start, stop)
                if progress is not None:
                    progress(stop - start)
        except BaseException:
            pieces.stop()
            raise

    helpers = [_pool(get_num_threads()).submit(work) for _ in range(threads - 1)]
    try:
        work()
    finally:
        errors = [helper.exception() for helper in helpers if not helper.cancel()]
    for error in errors:
        if error is not None:
            raise error


class _Pieces:
    """The pieces of range(count), each handed to one thread."""

    def __init__(self, count: int, size: int) -> None:
        self._starts = iter(range(0, count, size))
        self._count, self._size = count, size
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[tuple[int, int]]:
        while True:
            with self._lock:
                start = next(self._starts, None)
            if start is None:
                return
            yield start, min(start + self._size, self._count)

    def stop(self) -> None:
        with self._lock:
            self._starts = iter(range(0))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, threads - 1), thread_name_prefix="fastsoftmax")


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
