"""Machine code that comes with a wheel: for each CPU level a folder of packs, one a kernel, and a manifest.

A level is a set of features that all its CPUs have. The entries of a pack are what the disk cache would keep, but made
for the level instead of one CPU, and named without the versions of Python, NumPy and numba, on which machine code does
not depend within the versions of numba that were tried. Where anything is not as it was when they were made, the
kernel is looked for in the cache, and compiled at last: the results are the same.

A CPU with AVX-512 takes `sample` from the pack x86-64-v4/sample.sample, one with AVX2 from x86-64-v3/sample.sample.
"""

import hashlib
import itertools
import json
import logging
import os
import re
import sysconfig
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite.binding
import numba

FOLDER = Path(__file__).with_name("prebuilt")  # there is none in a clone
MANIFEST = "manifest.json"
TRIED = (0, 61), (0, 68)  # the oldest and the newest numba that entries were loaded in

logger = logging.getLogger("fastsoftmax")


class Level(NamedTuple):
    """What code is made for: features, and the CPU that it is scheduled for."""

    architecture: str
    cpu: str
    features: tuple[str, ...]


_V2 = ("cx16", "popcnt", "sse3", "sse4.1", "sse4.2", "ssse3")
_V3 = (*_V2, "avx", "avx2", "bmi", "bmi2", "f16c", "fma", "lzcnt", "movbe")
_V4 = (*_V3, "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
LEVELS = {  # the best first
    "x86-64-v4": Level("x86_64", "skylake-avx512", _V4),
    "x86-64-v3": Level("x86_64", "znver3", _V3),
    "aarch64": Level("aarch64", "neoverse-n1", ("neon",)),
}


def why_unused() -> str:
    """Return why prebuilt entries are not looked at in this process, or ""."""
    if os.environ.get("FASTSOFTMAX_PREBUILT") == "0":
        return "FASTSOFTMAX_PREBUILT is 0"
    if os.environ.get("NUMBA_BOUNDSCHECK"):
        return "NUMBA_BOUNDSCHECK is set"
    if not FOLDER.is_dir():
        return "this installation has none"
    try:
        import_module("lzma")  # Python can be built without it, and its library can be missing
    except ImportError:
        return "this Python has no lzma"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "they are for a Python with a GIL"
    version = tuple(map(int, re.findall(r"\d+", numba.__version__)[:2]))
    if not TRIED[0] <= version <= TRIED[1]:
        oldest, newest = (".".join(map(str, one)) for one in TRIED)
        return f"numba is {numba.__version__}, and they were tried with {oldest} to {newest}"
    return ""


@cache
def levels_of(architecture: str, features: str) -> list[str]:
    """Return the levels for an architecture and the features of a target, such as "+avx2,-sse4a", the best first."""
    present = {feature[1:] for feature in features.split(",") if feature.startswith("+")}
    return [
        name
        for name, level in LEVELS.items()
        if level.architecture == architecture and present.issuperset(level.features)
    ]


class Pack(NamedTuple):
    """The entries of one kernel, compressed as one: they differ little from one signature to the next."""

    sha256: str
    entries: dict[str, tuple[int, int]]  # where each begins and ends


@cache
def _manifest(folder: Path) -> dict[str, Pack]:
    """Return the packs by their paths within the folder."""
    try:
        packs = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {path: Pack(**pack) for path, pack in packs.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("prebuilt kernels are not used, their manifest cannot be read: %s", error)
        return {}


def has(level: str, kernel: str, name: str) -> bool:
    """Whether the manifest has an entry of a kernel."""
    pack = _manifest(FOLDER).get(f"{level}/{kernel}")
    return pack is not None and name in pack.entries


def entry(level: str, kernel: str, name: str) -> bytes | None:
    """Return the entry that the manifest has, or None; log why a pack is not as it was."""
    if not has(level, kernel, name):
        return None
    import lzma

    path, pack = FOLDER / level / kernel, _manifest(FOLDER)[f"{level}/{kernel}"]
    try:
        compressed = path.read_bytes()
        if hashlib.sha256(compressed).hexdigest() != pack.sha256:
            raise ValueError("it is damaged")
        start, stop = pack.entries[name]
        return lzma.LZMADecompressor().decompress(compressed, stop)[start:]
    except (OSError, ValueError, lzma.LZMAError) as error:
        logger.warning("the prebuilt kernel %s is not used: %s", path, error)
        return None


def write_packs(entries: dict[str, dict[str, bytes]], folder: Path) -> None:
    """Write a pack for each kernel, by its level and name, and the manifest."""
    import lzma

    packs = {}
    for path, some in entries.items():
        compressed = lzma.compress(b"".join(some.values()), preset=9)
        ends = [*itertools.accumulate(map(len, some.values()))]
        places = dict(zip(some, itertools.pairwise([0, *ends]), strict=True))
        packs[path] = Pack(hashlib.sha256(compressed).hexdigest(), places)._asdict()
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(compressed)
    (folder / MANIFEST).write_text(json.dumps(packs), encoding="utf-8")


def unresolved(codegen: Any, symbols: Iterable[str]) -> list[str]:
    """Return the symbols that neither this process nor what numba has made in it defines: LLVM would abort on one."""
    defined = codegen._engine.is_symbol_defined
    return [name for name in symbols if not defined(name) and not llvmlite.binding.address_of_symbol(name)]
