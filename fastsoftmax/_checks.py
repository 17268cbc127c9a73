"""Argument checks and their messages, one style: name[place] is value, expected what."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Check = Callable[[Any], bool]


def per_row(
    name: str, value: Any, batch_shape: tuple[int, ...], dtype: type, accepted: Check, expected: str
) -> npt.NDArray[Any]:
    """Return a parameter as a vector: one entry for a scalar, else one a row of the batch.

    `accepted` takes the array and returns which entries are fine.
    """
    array = np.asarray(value)
    if array.dtype.kind not in ("iu" if dtype in (np.int64, np.uint64) else "iuf"):
        raise TypeError(f"{name} is {described(value)} ({array.dtype}), expected {expected}")
    try:
        array = np.broadcast_to(array, batch_shape) if array.ndim else array
    except ValueError:
        raise ValueError(
            f"{name} has shape {array.shape}, expected a scalar or a shape that broadcasts to the batch {batch_shape}"
        ) from None
    fine = accepted(array)
    if not np.all(fine):
        place = np.argwhere(~np.asarray(fine))[0]
        index = f"[{', '.join(map(str, place))}]" if array.ndim else ""
        raise ValueError(f"{name}{index} is {array[tuple(place)]}, expected {expected}")
    return np.ascontiguousarray(array, dtype=dtype).reshape(-1)


def temperature_per_row(value: Any, batch_shape: tuple[int, ...] = ()) -> FloatArray:
    """Check temperatures: numbers >= 0, inf allowed."""
    if type(value) is float and value >= 0.0:
        return np.array([value])
    return per_row("temperature", value, batch_shape, np.float64, lambda t: t >= 0, "a number >= 0")


def fraction_per_row(name: str, value: Any, batch_shape: tuple[int, ...] = ()) -> FloatArray:
    """Check top_p or min_p: numbers in [0, 1]."""
    if type(value) is float and 0.0 <= value <= 1.0:
        return np.array([value])
    return per_row(name, value, batch_shape, np.float64, lambda p: (p >= 0) & (p <= 1), "a number in [0, 1]")


def top_k_per_row(value: Any, batch_shape: tuple[int, ...] = ()) -> npt.NDArray[np.int64]:
    """Check top_k: integers >= 0, where 0 is off."""
    if type(value) is int and 0 <= value < 2**63:
        return np.array([value])
    return per_row("top_k", value, batch_shape, np.int64, lambda k: k >= 0, "an integer >= 0 (0 is off)")


def word_per_row(name: str, value: Any, batch_shape: tuple[int, ...] = ()) -> npt.NDArray[np.uint64]:
    """Check a seed or a step: integers in [0, 2**64)."""
    expected = "an integer in [0, 2**64)"
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} is {value}, expected {expected}")
        return np.array([value], dtype=np.uint64)
    return per_row(name, value, batch_shape, np.uint64, lambda word: word >= 0, expected)


def integer(name: str, value: Any, least: int, most: float = math.inf) -> int:
    """Check one integer argument."""
    expected = f"an integer >= {least}" if most == math.inf else f"an integer in [{least}, {most}]"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {value!r}, expected {expected}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {described(value)}, expected {expected}") from None
    if not least <= number <= most:
        raise ValueError(f"{name} is {number}, expected {expected}")
    return number


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Check an argument that takes one of a few words."""
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(map(repr, allowed))}")
    return str(value)


def key_of(rng: Any, seed: Any) -> int | None:
    """Return a 64-bit key drawn from `rng` (SPEC 7: None, an int or a Generator), or None where `seed` is given.

    Raises
    ------
    ValueError
        If both are given.
    """
    if seed is None:
        return int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    if rng is not None:
        raise ValueError("rng and seed are both given, expected one: rng draws a key, seed is one")
    return None


def described(value: Any) -> str:
    """Return a value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
