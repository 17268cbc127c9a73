"""The command `doctor`: what the library runs on, whether known results come out, and what to do where they do not."""

import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import llvmlite.binding
import numba
import numpy as np

import fastsoftmax
from fastsoftmax._jit import cache_directories, looking, why_unused
from fastsoftmax._warmup import DTYPES, jobs
from fastsoftmax.cli import output

REQUIRED = ("fastsoftmax", "numpy", "numba", "llvmlite", "safetensors")
OPTIONAL = ("typer", "rich", "regex", "scipy", "torch", "ml_dtypes")
FEATURES = ("avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512vl", "neon", "sve", "fullfp16")


def run(as_json: bool) -> bool:
    """Print the findings and return whether all is well."""
    first_calls = _first_calls()  # before the checks make some
    checks = {name: _outcome(check) for name, check in CHECKS.items()}
    ok = all(outcome == "ok" for outcome in checks.values())
    findings: dict[str, Any] = {
        "python": f"{platform.python_version()} ({platform.python_implementation()}, {platform.platform()})",
        **{name: _version(name) for name in (*REQUIRED, *OPTIONAL)},
        "cpu": llvmlite.binding.get_host_cpu_name(),
        "cpu features": _features(),
        "threads": fastsoftmax.get_num_threads(),
        "kernels": "interpreted (NUMBA_DISABLE_JIT)" if numba.config.DISABLE_JIT else "compiled",
        "cache": str(cache_directories()[0]),
        "prebuilt kernels": why_unused() or "used",
        "first calls": first_calls,
        "checks": checks,
        "ok": ok,
    }
    if as_json:
        output.write_json(findings)
    else:
        output.write("\n".join(_lines(findings)))
    return ok


def _first_calls() -> dict[str, str]:
    """Return for each function and dtype where its kernels are; no kernel is compiled."""
    found = dict[str, str]()
    for job in jobs(DTYPES, details=True, allowed=True, markov=True):
        with looking() as origins, suppress(Exception):  # what is broken the checks tell
            job.call()
        if origins:
            found[job.name] = "to be compiled" if "" in origins else " and ".join(sorted(origins))
    return found


def _by_origin(first_calls: dict[str, str]) -> dict[str, str]:
    """Return the functions of each origin, a line each."""
    if len({*first_calls.values()}) == 1:
        return {f"first calls {origin}": f"all {len(first_calls)}" for origin in first_calls.values()}
    return {
        f"first calls {origin}": ", ".join(name for name, other in first_calls.items() if other == origin)
        for origin in dict.fromkeys(first_calls.values())
    }


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


def _threads() -> None:
    batch = np.random.default_rng(0).standard_normal((64, 20_000))
    threads = fastsoftmax.get_num_threads()
    try:
        results = []
        for number in (1, 2):
            fastsoftmax.set_num_threads(number)
            results.append(fastsoftmax.softmax(batch).tobytes())
    finally:
        fastsoftmax.set_num_threads(threads)
    if results[0] != results[1]:
        raise ArithmeticError("two threads give another result than one")


def _versions() -> None:
    for requirement in requires("fastsoftmax") or []:
        if needed := re.fullmatch(r"([\w.-]+?) *>= *([\d.]+)", requirement):
            name, oldest = needed.groups()
            if _release(version(name)) < _release(oldest):
                raise ImportError(
                    f"{name} {version(name)} is too old, {oldest} is needed: pip install --upgrade {name}"
                )


def _release(text: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with, no zeros at their end."""
    numbers = [int(number) for number in re.sub(r"[^\d.].*", "", text).split(".") if number]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _kernel_cache() -> None:
    """Write as much as a large kernel takes to where kernels are kept."""
    reasons = []
    for directory in cache_directories():
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=directory) as file:
                file.write(bytes(2**22))
                file.flush()
            return
        except OSError as error:
            reasons.append(f"{directory} ({error.strerror})")
    raise OSError(
        f"kernels cannot be kept in {' or '.join(reasons)} and compile anew in every process: "
        "set NUMBA_CACHE_DIR to a folder that can be written"
    )


def _numba_threads() -> None:
    """Try numba's threading layer in another process, which it may abort."""
    command = [sys.executable, "-c", _PARALLEL]
    done = subprocess.run(command, text=True, capture_output=True, timeout=_PATIENCE)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        layer = os.environ.get("NUMBA_THREADING_LAYER", "default")
        raise RuntimeError(
            f"numba's threading layer ({layer}) does not work: {said[-1] if said else f'status {done.returncode}'}; "
            "fastsoftmax needs none, functions of yours with parallel=True do: unset NUMBA_THREADING_LAYER or "
            "pip install tbb"
        )


CHECKS: dict[str, Callable[[], None]] = {
    "softmax": _softmax,
    "sample": _sample,
    "walk": _walk,
    "threads": _threads,
    "versions": _versions,
    "kernel cache": _kernel_cache,
    "numba's threads": _numba_threads,
}
_PATIENCE = 300  # seconds
_PARALLEL = """
import numba

def count():
    total = 0
    for i in numba.prange(100):
        total += 1
    return total

assert numba.njit(parallel=True)(count)() == 100
"""
# Made by the plain-Python reference.
DRAWN = [806, 886, 497]
WALKED = "aaaabaaabbab"


def _outcome(check: Callable[[], None]) -> str:
    """Return "ok" or what went wrong: a broken installation may raise anything."""
    try:
        check()
    except ArithmeticError as error:
        return f"wrong result: {error}; please report this, with all that doctor prints"
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


def _lines(findings: dict[str, Any]) -> list[str]:
    """Return the findings as text, a line each."""
    lines = dict(findings)
    del lines["checks"], lines["ok"], lines["first calls"]
    lines |= _by_origin(findings["first calls"])
    lines |= {f"check: {name}": outcome for name, outcome in findings["checks"].items()}
    lines["cpu features"] = " ".join(findings["cpu features"]) or "none of " + " ".join(FEATURES)
    width = max(map(len, lines)) + 2
    return [f"{name:<{width}}{value}" for name, value in lines.items()]
