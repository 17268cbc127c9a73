"""The command `doctor`: what the library runs on, and whether known results come out."""

import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np

import fastsoftmax
from fastsoftmax._jit import cache_directories
from fastsoftmax.cli import output

REQUIRED = ("fastsoftmax", "numpy", "numba", "llvmlite", "safetensors")
OPTIONAL = ("typer", "rich", "regex", "scipy", "torch", "ml_dtypes")
FEATURES = ("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "neon", "sve", "fullfp16")


def run(as_json: bool) -> bool:
    """Print the findings and return whether all is well."""
    directory, writable = _cache()
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    checks["kernel cache"] = "ok" if writable else "no place to write it: kernels compile anew in every process"
    ok = all(outcome == "ok" for outcome in checks.values())
    findings: dict[str, Any] = {
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.platform()})",
        **{name: _version(name) for name in (*REQUIRED, *OPTIONAL)},
        "cpu": llvmlite.binding.get_host_cpu_name(),
        "cpu features": _features(),
        "threads": fastsoftmax.get_num_threads(),
        "kernels": "interpreted (NUMBA_DISABLE_JIT)" if numba.config.DISABLE_JIT else "compiled",
        "cache": str(directory),
        "cache writable": writable,
        "checks": checks,
        "ok": ok,
    }
    if as_json:
        output.write_json(findings)
    else:
        output.write("\n".join(_lines(findings)))
    return ok


def _softmax() -> None:
    for temperature, expected in (
        (1.0, [0.26894142, 0.73105858]),
        (2.0, [0.37754067, 0.62245933]),
        (5.0, [0.450166, 0.549834]),
    ):
        found = fastsoftmax.softmax([1.0, 2.0], temperature=temperature)
        if not np.allclose(found, expected, rtol=0, atol=5e-9):
            raise ArithmeticError(f"softmax([1, 2]) at T={temperature:g} is {found.tolist()}, expected {expected}")


def _sample() -> None:
    found = fastsoftmax.sample(np.zeros(1000), n=3, seed=2026, step=7).tolist()
    if found != DRAWN:
        raise ArithmeticError(f"the tokens of seed 2026 are {found}, expected {DRAWN}")


def _walk() -> None:
    chain = fastsoftmax.MarkovChain.from_transitions({"a": {"a": 1, "b": 2}, "b": {"a": 2, "b": 1}})
    found = "".join(chain.walk(length=12, start="a", seed=2026)[0])
    if found != WALKED:
        raise ArithmeticError(f"the walk of seed 2026 is {found}, expected {WALKED}")


CHECKS: dict[str, Callable[[], None]] = {"softmax": _softmax, "sample": _sample, "walk": _walk}
# Made by the plain-Python reference.
DRAWN = [806, 886, 497]
WALKED = "aaaabaaabbab"


def _outcome(check: Callable[[], None]) -> str:
    """Return "ok" or what went wrong: a broken installation may raise anything."""
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "ok"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _features() -> list[str]:
    """Return the features of this CPU that matter to the kernels."""
    found = llvmlite.binding.get_host_cpu_features()
    return [name for name in FEATURES if found.get(name)]


def _cache() -> tuple[Path, bool]:
    """Return where compiled kernels are written, and whether that is possible."""
    directories = cache_directories()
    for directory in directories:
        existing = next(place for place in (directory, *directory.parents) if place.exists())
        if os.access(existing, os.W_OK | os.X_OK):
            return directory, True
    return directories[0], False


def _lines(findings: dict[str, Any]) -> list[str]:
    """Return the findings as text, a line each."""
    lines = {**findings, "cache": findings["cache"] + ("" if findings["cache writable"] else " (not writable)")}
    del lines["cache writable"], lines["checks"], lines["ok"]
    lines |= {f"check: {name}": outcome for name, outcome in findings["checks"].items()}
    lines["cpu features"] = " ".join(findings["cpu features"]) or "none of " + " ".join(FEATURES)
    width = max(map(len, lines)) + 2
    return [f"{name:<{width}}{value}" for name, value in lines.items()]
