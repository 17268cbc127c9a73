"""Threads: how work is split, concurrent callers, interrupts, locks."""

import functools
import gc
import os
import sysconfig
import threading
import time
import weakref

import numpy as np
import pytest

import fastsoftmax
from fastsoftmax import _threads
from tests.long import threads
from tests.long.processes import in_child


@pytest.mark.parametrize(("count", "cost"), [(0, 10), (1, 10**9), (7, 0), (100, 10**6), (1000, 2**22), (3, 2**30)])
def test_pieces_cover_the_range_once(count, cost):
    done: list[int] = []
    _threads.run(lambda start, stop: done.extend(range(start, stop)), count, cost)
    assert sorted(done) == list(range(count))


def test_small_work_stays_on_the_calling_thread():
    callers: set[int] = set()
    _threads.run(lambda start, stop: callers.add(threading.get_ident()), 100, 100)
    assert callers == {threading.get_ident()}


def test_the_first_error_stops_the_rest():
    calls: list[int] = []

    def fail(start, stop):
        calls.append(start)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _threads.run(fail, 10_000, 2**22)
    assert len(calls) <= fastsoftmax.get_num_threads()


def fail_on_a_helper(array):
    """Raise in a thread of the pool, with an array at hand."""
    caller = threading.get_ident()

    def fail(start, stop):
        if threading.get_ident() != caller:
            raise ValueError(len(array))
        time.sleep(0.001)

    for _ in range(100):  # the pool may be late
        _threads.run(fail, 1000, 2**22)


def test_nothing_holds_the_arrays_of_a_call_that_is_over(four_threads):
    array = np.zeros(10)
    alive = weakref.ref(array)
    gc.disable()
    try:
        with pytest.raises(ValueError, match="10"):
            fail_on_a_helper(array)
        del array
        if sysconfig.get_config_var("Py_GIL_DISABLED"):
            gc.collect()  # what an idle thread has made ends there with that thread's next work, or with a collection
        assert alive() is None
    finally:
        gc.enable()


def add_up(array, start, stop):
    array[start:stop].sum()


def test_a_pool_that_is_late_holds_no_arrays(four_threads):
    done = threading.Event()
    for _ in range(3):  # all of its threads are busy
        _threads._pool(4).submit(done.wait)
    array = np.zeros(10)
    alive = weakref.ref(array)
    try:
        _threads.run(functools.partial(add_up, array), 1000, 2**22)
        del array
        assert alive() is None
    finally:
        done.set()


@pytest.fixture
def four_threads():
    before = fastsoftmax.get_num_threads()
    fastsoftmax.set_num_threads(np.int64(4))
    yield
    fastsoftmax.set_num_threads(before)


@pytest.mark.parametrize(
    ("n", "error"),
    [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError), ("2", TypeError), (None, TypeError)],
)
def test_set_num_threads_checks(n, error):
    before = fastsoftmax.get_num_threads()
    with pytest.raises(error, match=r"n is .*, expected an integer >= 1"):
        fastsoftmax.set_num_threads(n)
    assert fastsoftmax.get_num_threads() == before


@pytest.mark.parametrize("started", [0, 1])
@pytest.mark.usefixtures("four_threads")
def test_without_new_threads_the_caller_does_the_rest(monkeypatch, started):
    pool = _threads._pool(4)
    submit, calls = pool.submit, iter(range(100))

    def refuse(function):
        if next(calls) >= started:
            raise RuntimeError("can't start new thread")
        submit(function)

    monkeypatch.setattr(pool, "submit", refuse)
    done: list[int] = []
    _threads.run(lambda start, stop: done.extend(range(start, stop)), 100, 10**6)
    assert sorted(done) == list(range(100))


@pytest.mark.usefixtures("four_threads")
def test_nobody_writes_after_an_interrupt():
    caller = threading.get_ident()
    helping, finished = threading.Event(), threading.Event()

    def work(start, stop):
        if threading.get_ident() == caller:
            helping.wait(10)
            raise KeyboardInterrupt
        helping.set()
        time.sleep(0.05)
        finished.set()

    with pytest.raises(KeyboardInterrupt):
        _threads.run(work, 2, 2**22)
    assert finished.is_set()


def test_an_error_of_a_helper_is_raised():
    caller = threading.get_ident()
    helping = threading.Event()

    def work(start, stop):
        if threading.get_ident() == caller:
            helping.wait(10)
        else:
            helping.set()
            raise ValueError("of a helper")

    before = fastsoftmax.get_num_threads()
    fastsoftmax.set_num_threads(2)
    try:
        with pytest.raises(ValueError, match="of a helper"):
            _threads.run(work, 2, 2**22)
    finally:
        fastsoftmax.set_num_threads(before)


def test_one_pool_is_kept():
    first = _threads._pool(2)
    assert _threads._pool(2) is first
    _threads._pool(3)
    assert _threads._pool(2) is not first


@pytest.mark.slow
def test_many_callers_at_once():
    assert threads.hammer(0.5, threads=8) > 0


@pytest.mark.slow
def test_many_callers_beside_the_layer_that_aborts_on_them():
    assert threads.in_a_process("workqueue", 0.5).startswith("workqueue")


@pytest.mark.parametrize("pool", threads.POOLS)
def test_pools(pool):
    if not threads.POOLS[pool]():
        pytest.skip(f"{pool} is not installed")


def test_a_lock_is_free_in_a_forked_child():
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this system")
    lock = _threads.lock()
    held, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            done.wait(0.2)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    assert in_child(lambda: lock.acquire(timeout=10) or os._exit(3)) == 0
    done.set()
    holder.join()


def test_alone_is_of_one_thread_and_ends():
    seen = []

    def look():
        seen.append(getattr(_threads._calling, "alone", False))

    with _threads.alone():
        other = threading.Thread(target=look)
        other.start()
        other.join()
        with _threads.alone():
            look()
        look()
    look()
    assert seen == [False, True, True, False]
