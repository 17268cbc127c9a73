"""When and where kernels compile: out of reach of Ctrl-C and of forks, and once for processes that start together."""

import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core.compiler_lock import global_compiler_lock

from fastsoftmax._jit.cache import DiskCache, cache_directories
from fastsoftmax._jit.prebuilt import logger

if hasattr(os, "register_at_fork"):
    # A fork waits for a kernel that another thread compiles: the child would wait for that thread for ever.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )

OLDEST_NUMBA = 0, 61

_looking: list[set[str]] = []


class NotCompiledError(Exception):
    """Raised instead of compiling, where somebody only looks for what there is."""


@contextmanager
def looking() -> Iterator[set[str]]:
    """Compile nothing meanwhile; return the origins of the kernels that are called for the first time.

    The origin "" is that of a kernel that would be compiled: `NotCompiledError` is raised where one is called.
    """
    found = set[str]()
    _looking.append(found)
    try:
        yield found
    finally:
        _looking.remove(found)


def watched(kernel: Any, cache: DiskCache) -> Callable[[Any], Any]:
    """Return a kernel's `compile` that no interrupt reaches; it warns its caller of what is not kept on disk."""
    compile = kernel.compile

    def compile_watched(signature: Any) -> Any:
        _refuse_old_numba()
        origin = cache.origin(signature, kernel.targetctx.codegen())
        for found in _looking:
            found.add(origin)
            if not origin:
                raise NotCompiledError(kernel.__qualname__)
        if not origin:
            logger.info("compiling %s(%s)", kernel.__qualname__, ", ".join(map(str, signature)))
        with cache.alone(signature, kernel.targetctx.codegen()):
            compiled = _aside(compile, signature)
        if not cache.writable:
            _warn_uncached()
        return compiled

    return compile_watched


def _refuse_old_numba() -> None:
    """Raise an error where numba is too old: later than import, so that `fastsoftmax doctor` can explain it."""
    numbers = tuple(map(int, re.findall(r"\d+", numba.__version__)[:2]))
    if numbers < OLDEST_NUMBA:
        oldest = ".".join(map(str, OLDEST_NUMBA))
        raise ImportError(f"numba is {numba.__version__}, expected {oldest} or later: pip install --upgrade numba")


def _aside(compile: Callable[[Any], Any], signature: Any) -> Any:
    """Compile on a thread of its own where this is the main thread.

    Ctrl-C, which the main thread alone is told of, can break numba and LLVM for the rest of the process where it comes
    amid their work. So it ends the wait, and what was begun is finished.
    """
    on_main_thread = threading.current_thread() is threading.main_thread()
    if not on_main_thread or global_compiler_lock.is_locked():  # by this thread: another would wait for it
        return compile(signature)
    pool = ThreadPoolExecutor(1, thread_name_prefix="fastsoftmax compiles")
    try:
        submitted = pool.submit(compile, signature)
    except RuntimeError:  # no more threads can be had, or Python is shutting down
        return compile(signature)
    compiled = submitted.result()
    pool.shutdown()  # waits for the thread's end: Python warns of a fork while another thread lives
    return compiled


@cache
def _warn_uncached() -> None:
    places = " or ".join(str(directory) for directory in cache_directories())
    chosen = "NUMBA_CACHE_DIR" in os.environ
    remedy = "NUMBA_CACHE_DIR is not writable" if chosen else "set NUMBA_CACHE_DIR to a place that is writable"
    warnings.warn(
        f"fastsoftmax cannot write to {places} and compiles anew in every process: {remedy}",
        RuntimeWarning,
        stacklevel=_callers_level(),
    )


def _callers_level() -> int:
    """Return the `stacklevel`, seen from the caller, of the first frame outside of this package and numba."""
    inside = tuple(f"{folder}{os.sep}" for folder in (Path(__file__).parents[1], Path(numba.__file__).parent))
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inside):
        frame, level = frame.f_back, level + 1
    return level
