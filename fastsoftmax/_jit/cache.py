"""Machine code on disk: one file for each kernel, signature and CPU, named by what it was made from, whole or absent.

numba's own cache sees no change in a helper of another file, and numbers its files in an index, so that two processes
that start on an empty cache can write each other's entries. Here an entry's name says what it holds: the sources that
the kernel reaches, and no others, so that an edit of one file compiles what uses that file again and nothing else. An
entry appears by an atomic rename. Installed packages and clones share one place, and entries where they are alike.
"""

import hashlib
import importlib.metadata
import os
import pickle
import re
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.compiler import compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from fastsoftmax._jit.helpers import KernelLibrary
from fastsoftmax._jit.locks import alone

PACKAGE = Path(__file__).parents[1]
_IMPORT = re.compile(rf"^\s*from ({PACKAGE.name}[.\w]*) import (\([^)]*\)|.*)", re.MULTILINE)


def cache_directories() -> list[Path]:
    """Where compiled kernels are looked for, in this order; they are written to the first that can be written."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return [Path(chosen) / "fastsoftmax"]
    places = [_user_cache() / "fastsoftmax", PACKAGE / "__pycache__" / "kernels"]
    return [place for place in places if place.is_absolute()]  # "~" stays where a user has no home


def _user_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir()))
    if sys.platform == "darwin":
        return Path(os.path.expanduser("~/Library/Caches"))
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


class DiskCache:
    """The entries of one kernel; it stands in for `numba.core.caching.FunctionCache` in a dispatcher."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._module = function.__module__  # which an entry refers to: it is another one where a file was moved
        self._name = f"{self._module.rpartition('.')[2]}.{function.__qualname__}"
        self._file = Path(function.__code__.co_filename)
        self.writable = True

    @property
    def cache_path(self) -> str:
        return str(cache_directories()[0])

    def enable(self) -> None:
        """Do nothing: it is always on."""

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        for path in self._paths(signature, target_context.codegen()):
            try:
                entry = path.read_bytes()
            except OSError:
                continue
            checksum, content = entry[:32], entry[32:]
            if hashlib.sha256(content).digest() == checksum:
                return _loaded(content, target_context)
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        content = _saved(compiled)
        for path in self._paths(signature, compiled.codegen):
            try:
                _write_atomically(path, hashlib.sha256(content).digest() + content)
            except OSError:
                continue
            return
        self.writable = False

    def alone(self, signature: Any, codegen: Any) -> AbstractContextManager[None]:
        """Hold back whoever would compile the same, in any process, until this entry is there: they read it then."""
        paths = self._paths(signature, codegen)

        def is_there() -> bool:
            return any(path.exists() for path in paths)

        return nullcontext() if is_there() else alone(paths[0].with_suffix(".lock"), is_there)

    def _paths(self, signature: Any, codegen: Any) -> list[Path]:
        """Return where an entry is looked for and written; its name tells of all that it depends on."""
        checked = os.environ.get("NUMBA_BOUNDSCHECK")
        key = repr((sources_digest(self._file), self._module, signature, target_of(codegen), checked))
        name = f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.pickle"
        return [directory / name for directory in cache_directories()]


def _saved(compiled: Any) -> bytes:
    """Return what of a compiled kernel its calls need: machine code, its symbols, and what Python errors refer to.

    numba saves its LLVM code and a listing of its types too: two thirds of an entry, which only other kernels read.
    """
    library, description = compiled.library, compiled.fndesc
    description.typemap = description.calltypes = None
    module = library._final_module
    symbols = [one.name for one in (*module.functions, *module.global_variables) if not one.is_declaration]
    return dumps(  # type: ignore[no-any-return]
        (
            (library.name, library._get_compiled_object(), symbols),
            (description, compiled.environment, compiled.signature),
            compiled._find_referenced_environments(),
        )
    )


def _loaded(content: bytes, target_context: Any) -> Any:
    """Return a compiled kernel, ready to be called.

    numba first loads everything that it could compile (0.4 s); machine code needs only its runtime.
    """
    rtsys.initialize(target_context)
    (name, object_code, symbols), (description, environment, signature), environments = pickle.loads(content)
    library = KernelLibrary.from_object(target_context.codegen(), name, object_code, symbols)
    entry_point = target_context.get_executable(library, description, environment)
    for referenced in environments:
        library.codegen.set_env(referenced.env_name, referenced)
    return compile_result(
        target_context=target_context,
        typing_context=target_context.typing_context,
        library=library,
        environment=environment,
        entry_point=entry_point,
        fndesc=description,
        signature=signature,
        objectmode=False,
        lifted=(),
        typing_error=None,
        metadata={"environments": environments},  # an environment lives as long as somebody refers to it
    )


@cache
def target_of(codegen: Any) -> tuple[str, ...]:
    """Return the CPU and the features that code is made for.

    LLVM is asked, under a lock of its own, which a child that is forked meanwhile would find held for ever; under
    numba's too, since a fork waits for that one.
    """
    with global_compiler_lock:
        return tuple(codegen.magic_tuple())


@cache
def sources_digest(file: Path) -> str:
    """Name the versions, and the sources of all files of this package that a file reaches by its imports."""
    digest = hashlib.sha256()
    for part in (
        sysconfig.get_platform(),
        sysconfig.get_config_var("EXT_SUFFIX"),  # unlike the cache tag, it tells a free-threaded Python from another
        *map(importlib.metadata.version, ("numba", "llvmlite", "numpy")),
    ):
        digest.update(str(part).encode() + b"\0")
    for name, content in sorted((_named(source), source.read_bytes()) for source in reached(file)):
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()


def _named(source: Path) -> str:
    """Return the name of a source within the package: rooms may hold files of one name."""
    return source.relative_to(PACKAGE).as_posix() if source.is_relative_to(PACKAGE) else source.name


def reached(file: Path) -> set[Path]:
    """Return the file and all files of this package that it imports, and that these import."""
    found, coming = {file}, [file]
    while coming:
        new = _imported(coming.pop()) - found
        found |= new
        coming.extend(new)
    return found


@cache
def _imported(file: Path) -> frozenset[Path]:
    """Return the files of this package that a file names in its imports: modules, and what modules they may hold."""
    modules = set[Path]()
    for package, names in _IMPORT.findall(file.read_text(encoding="utf-8")):
        place = PACKAGE.parent.joinpath(*package.split("."))
        modules |= {place, *(place / name for name in re.findall(r"\w+", names))}
    files = {path for module in modules for path in (module.with_suffix(".py"), module / "__init__.py")}
    return frozenset(path for path in files if path.is_file() and path != PACKAGE / "__init__.py")


def _write_atomically(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
