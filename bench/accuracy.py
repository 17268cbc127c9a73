"""How exact: errors in units in the last place against mpmath, and how far the sum is from 1.

An ulp is that of the result's own dtype at the exact value; only values that are normal numbers in it count.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import mpmath
import numpy as np
from scipy import special

import fastsoftmax
from bench.data import SEED, Array
from bench.results import OURS

SIZE = 2_000
SCALES = (1, 10, 100, 1_000, 10_000)  # largest |z| / T
TEMPERATURES = (1.0, 0.75)  # exact in every dtype
FUNCTIONS = ("softmax", "log_softmax")
DTYPES = ("float32", "float64", "float16", "bfloat16")
DIGITS = 60

Compute = Callable[[Array, float], Any]


def measure() -> list[dict[str, Any]]:
    """Return a record for every function, dtype, temperature, scale and library."""
    records = []
    for dtype in _dtypes():
        for temperature in TEMPERATURES:
            for scale in SCALES:
                logits = rows(scale * temperature, dtype)
                for function in FUNCTIONS:
                    truth = exact(function, logits, temperature)
                    for who, compute in _libraries(function, dtype):
                        result = np.asarray(compute(logits, temperature))
                        facts = {"function": function, "dtype": dtype, "temperature": temperature, "scale": scale}
                        records.append({**facts, "who": who, **_errors(function, result, truth)})
    return records


def rows(largest: float, dtype: str) -> Array:
    """Return logits between -largest and largest, most of them near the top, where softmax is not 0."""
    rng = np.random.default_rng((SEED, int(largest)))
    spread = np.where(rng.random(SIZE) < 0.8, min(largest, 80.0), 2 * largest)
    logits = largest - spread * rng.random(SIZE)
    logits[rng.integers(SIZE)] = largest
    return logits.astype(_dtype(dtype))


def exact(function: str, logits: Array, temperature: float) -> tuple[Array, Array]:
    """Return the value as an unevaluated sum of two float64: the exact one to twice their precision."""
    with mpmath.workdps(DIGITS):
        t = mpmath.mpf(temperature)
        scaled = [mpmath.mpf(float(z)) / t for z in logits.astype(np.float64)]
        maximum = max(scaled)
        weights = [mpmath.exp(z - maximum) for z in scaled]
        total = mpmath.fsum(weights)
        if function == "softmax":
            values = [weight / total for weight in weights]
        else:
            values = [z - maximum - mpmath.log(total) for z in scaled]
        high = [float(value) for value in values]
        low = [float(value - float(value)) for value in values]
    return np.array(high), np.array(low)


def ulps(result: Array, truth: tuple[Array, Array]) -> Array:
    """Return the distance from the exact values in units in the last place, where those are normal numbers."""
    high, low = truth
    info = importlib.import_module("ml_dtypes").finfo(result.dtype) if result.itemsize == 2 else np.finfo(result.dtype)
    normal = np.abs(high) >= float(info.tiny)
    high, low = high[normal], low[normal]
    exponents = np.frexp(high)[1] - 1 - info.nmant
    error: Array = np.abs(np.ldexp(result[normal].astype(np.float64) - high, -exponents) - np.ldexp(low, -exponents))
    return error


def _errors(function: str, result: Array, truth: tuple[Array, Array]) -> dict[str, float]:
    error = ulps(result, truth)
    record = {"largest": float(error.max()), "mean": float(error.mean())}
    if function == "softmax":
        record["sum"] = abs(float(np.sum(result.astype(np.longdouble))) - 1)
    return record


def _libraries(function: str, dtype: str) -> Iterator[tuple[str, Compute]]:
    ours = getattr(fastsoftmax, function)
    yield OURS, lambda z, t: ours(z, temperature=t)
    if dtype != "bfloat16":
        scipys = getattr(special, function)
        yield "SciPy", lambda z, t: scipys(z / z.dtype.type(t))
    try:
        torch = importlib.import_module("torch")
        tensor = importlib.import_module("bench.peers.torch_").tensor
    except ImportError:
        return
    torchs = getattr(torch, function)
    yield "torch", lambda z, t: _array(torchs(tensor(z) / t, -1), z)


def _array(tensor: Any, like: Array) -> Array:
    """Return a tensor as an array; bfloat16 by its bits."""
    if like.dtype.name == "bfloat16":
        import torch

        bits: Array = tensor.view(torch.int16).numpy().view(like.dtype)
        return bits
    array: Array = tensor.numpy()
    return array


def _dtypes() -> Iterator[str]:
    for dtype in DTYPES:
        try:
            _dtype(dtype)
        except ImportError:
            continue
        yield dtype


def _dtype(name: str) -> Any:
    return importlib.import_module("ml_dtypes").bfloat16 if name == "bfloat16" else np.dtype(name)
