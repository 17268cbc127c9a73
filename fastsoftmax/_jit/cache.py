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
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.compiler import compile_result
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys
from numba.core.serialize import dumps

from fastsoftmax._jit import prebuilt
from fastsoftmax._jit.helpers import KernelLibrary
from fastsoftmax._jit.locks import alone

PACKAGE = Path(__file__).parents[1]
KEPT = 4  # entries of one kernel and signature: of so many sources, versions or CPUs that share a place
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
        self.kernel = f"{self._module.rpartition('.')[2]}.{function.__qualname__}"
        self._file = Path(function.__code__.co_filename)
        self.writable = True

    @property
    def cache_path(self) -> str:
        return str(cache_directories()[0])

    def enable(self) -> None:
        """Do nothing: it is always on."""

    def load_overload(self, signature: Any, target_context: Any) -> Any:
        """Return the kernel as it came with the package or is on disk, ready to be called, or None."""
        for entry in self._entries(signature, target_context.codegen()):
            if entry is None or hashlib.sha256(entry[32:]).digest() != entry[:32]:
                continue
            try:
                return _loaded(entry[32:], target_context)
            except Exception as error:  # of another numba, say: whatever it is, compiling does without
                prebuilt.logger.warning("the kernel %s cannot be loaded and is compiled: %s", self.kernel, error)
        return None

    def _entries(self, signature: Any, codegen: Any) -> Iterator[bytes | None]:
        for level in levels_for(codegen):
            yield prebuilt.entry(level, self.kernel, self.prebuilt_name(signature))
        for path in self._paths(signature, codegen):
            with suppress(OSError):
                yield path.read_bytes()

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a kernel that was compiled."""
        entry = entry_of(compiled)
        for path in self._paths(signature, compiled.codegen):
            try:
                _write_atomically(path, entry)
            except OSError:
                continue
            _remove_older(path)
            return
        self.writable = False

    def alone(self, signature: Any, codegen: Any) -> AbstractContextManager[None]:
        """Hold back whoever would compile the same, in any process, until this entry is there: they read it then."""
        paths = self._paths(signature, codegen)

        def is_there() -> bool:
            return self.origin(signature, codegen) != ""

        return nullcontext() if is_there() else alone(paths[0].with_suffix(".lock"), is_there)

    def _paths(self, signature: Any, codegen: Any) -> list[Path]:
        """Return where an entry is looked for and written; its name tells of all that it depends on."""
        checked = os.environ.get("NUMBA_BOUNDSCHECK")
        name = self._named(signature, _versions(), target_of(codegen), checked)
        return [directory / name for directory in cache_directories()]

    def origin(self, signature: Any, codegen: Any) -> str:
        """Return where an entry is: "prebuilt" with its level, "on disk", or "" for nowhere."""
        for level in levels_for(codegen):
            if prebuilt.has(level, self.kernel, self.prebuilt_name(signature)):
                return f"prebuilt ({level})"
        return "on disk" if any(path.exists() for path in self._paths(signature, codegen)) else ""

    def prebuilt_name(self, signature: Any) -> str:
        """Return the name of the entry that comes with the package."""
        return self._named(signature)

    def _named(self, signature: Any, *other: Any) -> str:
        """Return a name that tells of the sources, the kernel, the signature, and what else an entry depends on."""
        types = tuple(map(str, signature))
        key = repr((sources_digest(self._file), self._module, types, *other))
        return f"{self.kernel}-{_short(repr(types), 8)}-{_short(key, 16)}.pickle"


def _short(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def _remove_older(path: Path) -> None:
    """Remove all but the newest entries of one kernel and signature: they were made from other sources or versions.

    A process that has one open reads on; one that looks for it later compiles.
    """
    with suppress(OSError):
        others = path.parent.glob(f"{path.name.rpartition('-')[0]}-*.pickle")
        for old in sorted(others, key=lambda one: one.stat().st_mtime_ns, reverse=True)[KEPT:]:
            old.unlink(missing_ok=True)


def levels_for(codegen: Any) -> list[str]:
    """Return the levels of the entries that came with the package and may be used, the best first."""
    if prebuilt.why_unused():
        return []
    triple, _, features = target_of(codegen)
    return prebuilt.levels_of(triple.partition("-")[0], features)


def entry_of(compiled: Any) -> bytes:
    """Return what of a compiled kernel its calls need, after its hash: machine code, symbols, what errors refer to.

    numba saves its LLVM code and a listing of its types too: two thirds of an entry, which only other kernels read.
    """
    library, description = compiled.library, compiled.fndesc
    description.typemap = description.calltypes = None
    module = library._final_module
    names = *module.functions, *module.global_variables
    defined = [one.name for one in names if not one.is_declaration]
    needed = [one.name for one in names if one.is_declaration and not one.name.startswith("llvm.")]
    content: bytes = dumps(
        (
            (library.name, library._get_compiled_object(), defined, needed),
            (description, compiled.environment, compiled.signature),
            compiled._find_referenced_environments(),
        )
    )
    return hashlib.sha256(content).digest() + content


def _loaded(content: bytes, target_context: Any) -> Any:
    """Return a compiled kernel, ready to be called.

    numba first loads everything that it could compile (0.4 s); machine code needs only its runtime.
    """
    rtsys.initialize(target_context)
    (name, object_code, defined, needed), (description, environment, signature), environments = pickle.loads(content)
    if missing := prebuilt.unresolved(target_context.codegen(), needed):
        raise ImportError(f"nothing here defines {', '.join(missing)}")
    library = KernelLibrary.from_object(target_context.codegen(), name, object_code, defined)
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
def _versions() -> tuple[str, ...]:
    """Name the system, Python and the packages that compile."""
    suffix = sysconfig.get_config_var("EXT_SUFFIX")  # which tells a free-threaded Python from another
    return sysconfig.get_platform(), suffix, *map(importlib.metadata.version, ("numba", "llvmlite", "numpy"))


@cache
def sources_digest(file: Path) -> str:
    """Name the sources of all files of this package that a file reaches by its imports."""
    digest = hashlib.sha256()
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
