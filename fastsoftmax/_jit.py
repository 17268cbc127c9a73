"""The one place that knows numba's options: how kernels are compiled, cached and inlined.

Kernels release the GIL and never use numba's threading layers: rows are split among Python threads (see `_threads`),
so nothing depends on which layer is installed, no concurrent call or forked child can abort the process, and a
kernel compiles once for any number of threads.

No fastmath flag is set anywhere: sums have a fixed order of lanes, so that every CPU gives the same bits.
"""

import hashlib
import importlib.metadata
import os
import pickle
import re
import sys
import sysconfig
import tempfile
import threading
import uuid
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
import numba.extending
from numba.core.caching import CompileResultCacheImpl
from numba.core.compiler import CompileResult
from numba.core.compiler_lock import global_compiler_lock
from numba.core.serialize import dumps

if hasattr(os, "register_at_fork"):
    # A fork waits for a kernel that another thread compiles: the child would wait for that thread for ever.
    os.register_at_fork(
        before=global_compiler_lock.acquire,
        after_in_parent=global_compiler_lock.release,
        after_in_child=global_compiler_lock.release,
    )

Function = TypeVar("Function", bound=Callable[..., Any])

OLDEST_NUMBA = 0, 61
_OPTIONS = {"nogil": True, "error_model": "numpy"}


def jit(function: Function) -> Function:
    """Compile a kernel that Python calls: lazily, once a signature, kept on disk."""
    kernel = numba.njit(**_OPTIONS)(function)
    if isinstance(kernel, numba.core.dispatcher.Dispatcher):  # a plain function under NUMBA_DISABLE_JIT
        kernel._cache = _DiskCache(function)
        kernel.compile = _watched(kernel.compile, kernel._cache)
    return kernel  # type: ignore[no-any-return]


def inline(function: Function) -> Function:
    """Compile a helper into every kernel that calls it."""
    return numba.njit(forceinline=True, **_OPTIONS)(function)  # type: ignore[no-any-return]


def function(function: Function) -> Function:
    """Compile a helper on its own, once a signature, where it is long and a call of it costs next to nothing."""
    compiled: Function = numba.njit(**_OPTIONS)(function)
    return compiled


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make an operation from the LLVM instructions that `function` emits; its first argument is numba's own."""
    return numba.extending.intrinsic(function)  # type: ignore[no-any-return]


def _watched(compile: Callable[[Any], Any], cache: "_DiskCache") -> Callable[[Any], Any]:
    """Return a dispatcher's `compile` that no interrupt reaches; it warns its caller of what is not kept on disk."""

    def compile_watched(signature: Any) -> Any:
        _refuse_old_numba()
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


def cache_directories() -> list[Path]:
    """Where compiled kernels are looked for, in this order; they are written to the first that can be written."""
    digest = _source_digest()
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen) / "fastsoftmax" / digest]
    places = [Path(__file__).parent / "__pycache__" / "kernels", _user_cache() / "fastsoftmax"]
    return [place / digest for place in places if place.is_absolute()]  # "~" stays where a user has no home


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir()))
    if sys.platform == "darwin":
        return Path(os.path.expanduser("~/Library/Caches"))
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


@cache
def _source_digest() -> str:
    """Name what the machine code was made from: numba sees no change in a helper of another file, this does."""
    digest = hashlib.sha256()
    for part in (
        sysconfig.get_platform(),
        sysconfig.get_config_var("EXT_SUFFIX"),  # unlike the cache tag, it tells a free-threaded Python from another
        *map(_version, ("numba", "llvmlite", "numpy")),
    ):
        digest.update(str(part).encode() + b"\0")
    package = Path(__file__).parent
    for source in sorted([Path(__file__), *package.glob("kernels/*.py")]):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    return digest.hexdigest()[:16]


def _version(distribution: str) -> str:
    return importlib.metadata.version(distribution)


class _DiskCache:
    """One file for each kernel, signature and CPU, whole or absent.

    numba's own cache numbers its files in an index, so that two processes that start on an empty cache can write each
    other's entries; here an entry's name says what it holds, and it appears by an atomic rename. It stands in for
    `numba.core.caching.FunctionCache`, of whose methods a dispatcher calls the five below.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self.writable = True

    @property
    def cache_path(self) -> str:
        return str(cache_directories()[0])

    def enable(self) -> None:
        """Do nothing: it is always on."""

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        target_context.refresh()
        name = self._file_name(signature, target_context.codegen())
        for directory in cache_directories():
            try:
                entry = (directory / name).read_bytes()
            except OSError:
                continue
            checksum, content = entry[:32], entry[32:]
            if hashlib.sha256(content).digest() == checksum:
                return CompileResult._rebuild(target_context, *pickle.loads(content))
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        content = dumps(CompileResultCacheImpl.reduce(self, compiled))
        name = self._file_name(signature, compiled.codegen)
        for directory in cache_directories():
            try:
                _write_atomically(directory / name, hashlib.sha256(content).digest() + content)
            except OSError:
                continue
            return
        self.writable = False

    def _file_name(self, signature: Any, codegen: Any) -> str:
        key = repr((signature, codegen.magic_tuple(), os.environ.get("NUMBA_BOUNDSCHECK")))
        return f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pickle"


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
    inside = tuple(f"{Path(file).parent}{os.sep}" for file in (__file__, numba.__file__))
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(inside):
        frame, level = frame.f_back, level + 1
    return level
