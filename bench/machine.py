"""Where a run was made: what a reader needs to compare it with another, without names of hosts, users or folders."""

import datetime
import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba

from bench import chains, peers
from fastsoftmax import get_num_threads

ROOT = Path(__file__).parents[1]
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe() -> dict[str, Any]:
    """Return the machine, the versions and the commit."""
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": _cpu(),
        "kernels": kernels(),
        "threads": get_num_threads(),
        "caches": _caches(),
        "memory_gib": round(chains.memory() / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short=12", "HEAD") or "unknown",
        "changed": bool(_git("status", "--porcelain", "--", "fastsoftmax", "bench", "reference")),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "versions": {
            "fastsoftmax": version("fastsoftmax"),
            **{name: version(name) for name in ("numba", "llvmlite")},
            **peers.versions(),
        },
    }


def environment(tree: Path, cache: Path | None = None) -> dict[str, str]:
    """Return environment variables with which Python imports from `tree`, and keeps what it compiles in `cache`."""
    path = os.pathsep.join(filter(None, (str(tree), os.environ.get("PYTHONPATH"))))
    caching = {} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}
    return {**os.environ, "PYTHONPATH": path, **caching}


def name(machine: dict[str, Any]) -> str:
    """Return the name of the file and of the page of a machine: its CPU, and what kernels were compiled for."""
    words = re.sub(r"\([^)]*\)|,.*|processor", "", machine["cpu"], flags=re.IGNORECASE)
    return "-".join(re.findall(r"[a-z0-9]+", f"{words} {machine['kernels']}".lower()))


def kernels() -> str:
    """Return the CPU that kernels are compiled for, in LLVM's words, and the widest vectors that they use."""
    cpu = numba.config.CPU_NAME or llvmlite.binding.get_host_cpu_name()
    features = numba.config.CPU_FEATURES or llvmlite.binding.get_host_cpu_features().flatten()
    return f"{cpu}, {_widest({feature[1:] for feature in features.split(',') if feature.startswith('+')})}"


def _cpu() -> str:
    """Return the model, and the widest vectors that the processor knows."""
    import cpuinfo  # pytest-benchmark needs it, so it is here

    info = cpuinfo.get_cpu_info()
    model = f", family {info.get('family')} model {info['model']}" if "model" in info else ""
    return f"{info.get('brand_raw', platform.processor() or 'unknown')} ({_widest(set(info.get('flags', ())))}){model}"


def _widest(features: set[str]) -> str:
    return next((name for name, flag in _VECTORS if flag in features), "128 bits")


_VECTORS = (("AVX-512", "avx512f"), ("AVX2", "avx2"), ("SVE", "sve"), ("NEON", "asimd"), ("NEON", "neon"))


def _caches() -> list[str]:
    """Return the caches of a core as Linux tells them, such as "L2 2048K"."""
    found = []
    for cache in sorted(CACHES.glob("index*")):
        level, kind, size = ((cache / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size}")
    return found


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
