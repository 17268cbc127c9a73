"""How rows are split among threads.

Python threads over kernels that release the GIL, rather than numba's threading layers: a concurrent call, a forked
child or a missing OpenMP cannot abort the process. Handing out work costs about 50 us, so small work stays on the
calling thread. Pieces are small enough that Ctrl-C is answered within tens of milliseconds.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import SupportsIndex

from fastsoftmax import _checks

SMALL = 2**18  # elements (about 80 us of softmax) below which another thread costs more than it brings
SHARE = 2**16  # elements of the smallest pieces: what a thread that comes late has not begun, others do
PIECE = 2**22  # elements between two looks at signals

_num_threads: int | None = None
_calling = threading.local()  # of a thread that does all by itself, for the time being: alone


def get_num_threads() -> int:
    """Return how many threads a call may use: what `set_num_threads` set, or the number of CPUs of this process."""
    if _num_threads is not None:
        return _num_threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_num_threads(n: SupportsIndex, /) -> None:
    """Set how many threads a call may use, in the whole process. The results do not depend on it.

    Parameters
    ----------
    n : int
        At least 1.

    Raises
    ------
    TypeError
        If `n` is not an integer.
    ValueError
        If it is below 1.
    """
    global _num_threads
    _num_threads = _checks.integer("n", n, 1)


def run(function: Callable[[int, int], None], count: int, cost: int) -> None:
    """Call function(start, stop) on pieces that cover range(count), in any order, on one or more threads.

    `cost` is the size of one of the `count` items in elements. The first exception stops the rest and is raised.
    """
    cost = max(cost, 1)
    if count * cost <= SMALL:
        function(0, count)
        return
    alone = getattr(_calling, "alone", False)
    threads = 1 if alone else max(1, min(get_num_threads(), count, count * cost // SMALL))
    size = max(1, min(max(count * cost // (8 * threads), SHARE), PIECE) // cost)
    pieces = _Pieces(function, count, size)
    try:
        with suppress(RuntimeError):  # no more threads can be had, or Python is shutting down: fewer do it all
            for _ in range(threads - 1):
                _pool(get_num_threads()).submit(pieces.help)
        pieces.work()
    finally:  # after an interrupt too, nobody writes any more
        pieces.join()
    if pieces.error is not None:
        try:
            raise pieces.error
        finally:  # or the error would hold this frame, and the frame the error
            pieces.error = None


@contextmanager
def alone() -> Iterator[None]:
    """Let calls of this thread ask no other thread for help, where somebody else has split the work among threads."""
    before = getattr(_calling, "alone", False)
    _calling.alone = True
    try:
        yield
    finally:
        _calling.alone = before


class _Pieces:
    """The pieces of range(count), each done by one thread.

    The helpers at work are counted here: a future does not tell of one whose submission failed half-way.
    """

    def __init__(self, function: Callable[[int, int], None], count: int, size: int) -> None:
        self._function, self._count, self._size = function, count, size
        self._starts = iter(range(0, count, size))
        self._helpers = 0
        self._changed = threading.Condition()
        self.error: BaseException | None = None

    def work(self) -> None:
        """Do pieces until there are no more."""
        while True:
            with self._changed:
                start = next(self._starts, None)
            if start is None:
                return
            self._function(start, min(start + self._size, self._count))

    def help(self) -> None:
        """Work on a thread of the pool; an error stops all."""
        with self._changed:
            self._helpers += 1
        try:
            self.work()
        except BaseException as error:
            self._stop()
            self.error = error
        finally:
            with self._changed:
                self._helpers -= 1
                self._changed.notify_all()

    def join(self) -> None:
        """Hand out no more pieces, and wait for those that helpers are at."""
        self._stop()
        with self._changed:
            self._changed.wait_for(lambda: self._helpers == 0)
        del self._function  # the pool may come late to help, and holds this until then, not the arrays

    def _stop(self) -> None:
        with self._changed:
            self._starts = iter(range(0))


@lru_cache(maxsize=1)  # an executor that is forgotten ends its threads
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, threads - 1), thread_name_prefix="fastsoftmax")


def lock() -> threading.RLock:
    """Return a lock for a module to keep, which no forked child finds held, whatever its parent's threads did.

    A fork waits until no other thread holds it.
    """
    made = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=made.acquire, after_in_parent=made.release, after_in_child=made.release)
    return made


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
