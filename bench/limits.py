"""What the memory allows: one read of an array, a read and a write, and a walk from cache line to cache line.

Measured in the same run and on the same arrays as the case, with as many threads. For 16-bit types the same bytes are
read as integers: NumPy has no fast maximum of a float16.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

import fastsoftmax
from bench.race import Contestant

Array = npt.NDArray[Any]

READ = "np.max"
COPY = "np.copyto"
CHASE = "pointer chase"
CHASES = 64  # as many as walks in lockstep
OVERLAPPED = f"{CHASES} pointer chases"

LINE = 64  # bytes of a cache line
SMALL = 2**20  # bytes below which another thread does not pay
CHASE_STEPS = 2**18


def streams(logits: Array) -> Iterator[Contestant]:
    """Read the logits once; read and write them once."""
    plain = logits.view(np.int16) if logits.itemsize == 2 else logits
    out = np.empty_like(plain)
    yield Contestant(READ, "limit", lambda: _over_rows(lambda part: plain[part].max(), plain))
    yield Contestant(COPY, "limit", lambda: _over_rows(lambda part: np.copyto(out[part], plain[part]), plain))


def copy(array: Array) -> Iterator[Contestant]:
    """Read and write an array once."""
    out = np.empty_like(array)
    yield Contestant(COPY, "limit", lambda: np.copyto(out, array))


def chases(size: int) -> Iterator[Contestant]:
    """Walk a random cycle through `size` bytes, one line a step: each step waits for memory.

    Alone, or 64 at the same time on each thread, whose waits overlap.
    """
    table = cycle(max(size // LINE, CHASES))
    threads = fastsoftmax.get_num_threads()
    starts = np.linspace(0, len(table), threads * CHASES, endpoint=False).astype(np.int64).reshape(threads, CHASES)

    def overlapped() -> None:
        if threads == 1:
            _chase_many(table, starts[0], CHASE_STEPS)
        else:
            list(_pool(threads).map(lambda start: _chase_many(table, start, CHASE_STEPS), starts))

    yield Contestant(CHASE, "limit", lambda: _chase(table, CHASE_STEPS), units=CHASE_STEPS)
    yield Contestant(OVERLAPPED, "limit", overlapped, units=CHASE_STEPS * CHASES * threads)


def cycle(lines: int) -> npt.NDArray[np.int64]:
    """Return a table in which line i begins with the number of the next line, one random cycle through all."""
    table = np.zeros((lines, LINE // 8), np.int64)
    order = np.random.default_rng(lines).permutation(lines)
    table[order, 0] = np.roll(order, -1)
    return table


@numba.njit(nogil=True, cache=True)
def _chase(table: npt.NDArray[np.int64], steps: int) -> int:
    place = 0
    for _ in range(steps):
        place = table[place, 0]
    return place


@numba.njit(nogil=True, cache=True)
def _chase_many(table: npt.NDArray[np.int64], starts: npt.NDArray[np.int64], steps: int) -> int:
    places = starts.copy()
    for _ in range(steps):
        for i in range(places.size):
            places[i] = table[places[i], 0]
    return places[0]


def _over_rows(function: Callable[[slice], object], rows: Array) -> None:
    """Call function on as many parts of the rows as there are threads."""
    threads = min(fastsoftmax.get_num_threads(), len(rows))
    if threads == 1 or rows.nbytes < SMALL:
        function(slice(None))
        return
    bounds = [len(rows) * i // threads for i in range(threads + 1)]
    list(_pool(threads).map(function, map(slice, bounds[:-1], bounds[1:])))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)
