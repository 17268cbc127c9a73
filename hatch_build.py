"""Compile kernels ahead, for a wheel that brings their machine code: FASTSOFTMAX_PREBUILD=1 python -m build --wheel.

Without that variable, and from an sdist, the wheel is pure; where it names a level, it brings that one alone. Two
processes call every public function on tiny inputs, compiled for the least level of the platform, which this machine
must have; then they compile the same kernels with the same signatures for the other levels, without a call.
"""

import importlib
import os
import pickle
import platform
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
PLATFORMS = {  # by machine: the tag of the wheel, and its levels, the least first
    "x86_64": ("manylinux_2_28_x86_64", ("x86-64-v3", "x86-64-v4")),
    "aarch64": ("manylinux_2_28_aarch64", ("aarch64",)),
}
PARTS: list[dict[str, Any]] = [
    {"dtypes": ["float32", "float16"], "markov": False},
    {"dtypes": ["float64", "bfloat16"], "markov": True},
]


class PrebuiltKernels(BuildHookInterface[Any]):  # type: ignore[misc]
    """What hatchling asks before it builds a wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the kernels are compiled with."""
        if not os.environ.get("FASTSOFTMAX_PREBUILD"):
            return []
        return ["numba>=0.61", "numpy>=2.0", "safetensors>=0.4.3", "ml_dtypes>=0.5"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the entries into the wheel."""
        wanted = os.environ.get("FASTSOFTMAX_PREBUILD")
        if not wanted or version == "editable":
            return
        tag, levels = PLATFORMS[platform.machine()]
        if wanted != "1":
            levels = (levels[levels.index(wanted)],)
        self._folder = tempfile.TemporaryDirectory()
        prebuild(Path(self._folder.name), levels)
        build_data["force_include"][self._folder.name] = "fastsoftmax/_jit/prebuilt"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{tag}"


def prebuild(folder: Path, levels: tuple[str, ...]) -> None:
    """Fill a folder with the packs of all levels, and the manifest."""
    sys.path.insert(0, str(ROOT))
    from fastsoftmax._jit.prebuilt import write_packs

    entries: dict[str, dict[str, bytes]] = {}
    with ThreadPoolExecutor() as pool:
        for part in pool.map(lambda number: _part(number, levels), range(len(PARTS))):
            for path, some in part.items():
                entries[path] = entries.get(path, {}) | some
    write_packs(entries, folder)


def _part(number: int, levels: tuple[str, ...]) -> dict[str, dict[str, bytes]]:
    """Make one part of the entries, in a process for each level: the first finds out what the others compile."""
    from fastsoftmax._jit.prebuilt import LEVELS

    entries: dict[str, dict[str, bytes]] = {}
    with tempfile.TemporaryDirectory() as place:
        for name in levels:
            level = LEVELS[name]
            target = {"NUMBA_CPU_NAME": level.cpu, "NUMBA_CPU_FEATURES": ",".join(f"+{one}" for one in level.features)}
            environment = {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": f"{place}/{name}", "FASTSOFTMAX_PREBUILT": "0"}
            command = [sys.executable, __file__, str(number), f"{place}/signatures", f"{place}/entries"]
            subprocess.run(command, env=os.environ | target | environment, check=True)
            some = pickle.loads(Path(place, "entries").read_bytes())
            entries |= {f"{name}/{kernel}": made for kernel, made in some.items()}
    return entries


def _compile(number: int, signatures: Path, entries: Path) -> None:
    """Write the entries of one part for the level that numba's variables say, by kernel and name."""
    from numba.core.serialize import dumps

    from fastsoftmax import _warmup
    from fastsoftmax._jit import cache, decorators

    if not signatures.exists():
        for job in _warmup.jobs(**PARTS[number], details=True, allowed=True):
            job.call()
        found = {kernel: [one.args for one in kernel.nopython_signatures] for kernel in decorators.KERNELS}
        named = {(kernel.py_func.__module__, kernel.py_func.__name__): some for kernel, some in found.items() if some}
        signatures.write_bytes(dumps(named))
    made: dict[str, dict[str, bytes]] = {}
    for (module, name), wanted in pickle.loads(signatures.read_bytes()).items():
        kernel = getattr(importlib.import_module(module), name)
        for signature in wanted:
            kernel.compile(signature)
            some = made.setdefault(kernel._cache.kernel, {})
            some[kernel._cache.prebuilt_name(signature)] = cache.entry_of(kernel.overloads[signature])
    entries.write_bytes(pickle.dumps(made))


if __name__ == "__main__":
    _compile(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
