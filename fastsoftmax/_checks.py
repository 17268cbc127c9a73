"""Argument checks and their messages, one style: name[place] is value, expected what."""

import math
import numbers
import operator
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from numbers import Real
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax._values import equal

Array = npt.NDArray[Any]
FloatArray = npt.NDArray[np.float64]
Check = Callable[[Array], Any]

PLAIN = frozenset({int, float, NoneType})
_OFF = {"top_p": 1.0, "min_p": 0.0}
_CPU_DEVICES = (1, 3, 11)  # DLPack: CPU, and host memory pinned for CUDA or ROCm


def as_array(name: str, value: Any) -> Array:
    """Return any array-like on the CPU as a NumPy array, without a copy where memory can be shared."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, expected a plain one: softmax takes where=, sample allowed=")
    if isinstance(value, np.ndarray):
        return value
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_torch(name, value)
    if isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping, expected an array: take its values, or see `fastsoftmax table`")
    if hasattr(value, "__dlpack_device__"):
        kind, number = value.__dlpack_device__()
        if kind not in _CPU_DEVICES:
            raise TypeError(f"{name} is on DLPack device ({int(kind)}, {number}), expected an array on the CPU")
        if not hasattr(value, "__array__"):
            try:
                return np.from_dlpack(value)
            except (BufferError, RuntimeError, TypeError, ValueError) as error:
                raise TypeError(f"{name} cannot be read by DLPack: {error}") from None
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        if torch is not None and isinstance(value, (list, tuple)) and _holds(value, torch.Tensor):
            return as_array(name, [as_array(name, one) for one in value])  # NumPy reads fewer tensors than we do
        if isinstance(error, ValueError) and not hasattr(value, "__array__"):
            raise ValueError(f"{name} is ragged, expected rows of one length") from None
        raise TypeError(f"{name} is {described(value)}, expected an array of numbers: {error}") from None


def _holds(values: Any, kind: type) -> bool:
    """Return whether something of a kind is in a list, or in a list in it."""
    return any(isinstance(x, kind) or (isinstance(x, (list, tuple)) and _holds(x, kind)) for x in values)


def _from_torch(name: str, tensor: Any) -> Array:
    if not tensor.is_cpu:
        raise TypeError(f"{name} is on {tensor.device}, expected a CPU tensor: move it with .cpu()")
    if tensor.requires_grad:
        tensor = tensor.detach()
    try:
        return np.asarray(tensor.numpy())
    except (TypeError, RuntimeError):  # a dtype or a view that NumPy does not have
        pass
    try:
        if str(tensor.dtype) == "torch.bfloat16":
            tensor = tensor.float()
        return np.asarray(tensor.resolve_conj().resolve_neg().numpy())
    except (TypeError, RuntimeError):
        raise TypeError(
            f"{name} is a tensor of {tensor.dtype} and {tensor.layout}, expected a dense one of a dtype that NumPy has"
        ) from None


def per_row(
    name: str, value: Any, batch_shape: tuple[int, ...] | None, dtype: type, accepted: Check, expected: str
) -> Array:
    """Return a parameter as a vector: one entry for a scalar, else one a row of the batch (None: of any batch).

    `accepted` takes the array and returns which entries are fine. Integers above the dtype are its largest.
    """
    array = _numbers(as_array(name, value), value, dtype)
    if array is None:
        raise TypeError(f"{name} is {described(value)} ({as_array(name, value).dtype}), expected {expected}")
    fine = np.asarray(accepted(array), np.bool_)
    if not fine.all():
        place = tuple(np.argwhere(~fine)[0])
        index = f"[{', '.join(map(str, place))}]" if array.ndim else ""
        raise ValueError(f"{name}{index} is {array[place]}, expected {expected}")
    try:
        array = np.broadcast_to(array, batch_shape) if array.ndim and batch_shape is not None else array
    except ValueError:
        raise ValueError(
            f"{name} has shape {array.shape}, expected a scalar or a shape that broadcasts to the batch {batch_shape}"
        ) from None
    if array.dtype in (np.object_, np.uint64):
        array = np.minimum(array, np.iinfo(dtype).max)
    rows: Array = np.asarray(array, dtype).reshape(-1) + dtype(0)  # -0.0 is 0.0
    rows.setflags(write=False)  # as `_vector` is: a kernel compiles once for both
    return rows


def _numbers(array: Array, value: Any, dtype: type) -> Array | None:
    """Return the numbers of `array`, made from `value`, or None if they are of another kind than `dtype`.

    Integers that NumPy has no dtype for stay what they are, in an array of objects.
    """
    kind = array.dtype.kind
    if dtype is np.float64:
        real = kind == "V" and "float" in array.dtype.name  # small floats of ml_dtypes
        real = real or (kind == "O" and all(isinstance(x, Real) and not isinstance(x, bool) for x in array.flat))
        try:
            return array.astype(np.float64) if real or kind in "iuf" else None
        except OverflowError:
            return None
    if kind in "iu":
        return array
    if kind in "fO":  # NumPy reads [2**63, 1] as floats
        integers = np.array(value if isinstance(value, Sequence) else array, np.object_)
        if all(isinstance(x, (int, np.integer)) and not isinstance(x, bool) for x in integers.flat):
            return integers
    return None


def plain(value: Any) -> Any:
    """Return a NumPy number as the Python number of its value, anything else as it is."""
    return value.item() if isinstance(value, np.generic) and value.dtype.kind in "iuf" else value


def kept(name: str, value: Any, rows: Array) -> Any:
    """Return a parameter that was checked, as `rows`, to be kept: a number, or an array that nobody can change."""
    value = plain(value)
    if value is None or type(value) in (int, float):
        return value
    shape = as_array(name, value).shape
    return rows.reshape(shape) if shape else rows[0].item()


def batch_of(batch: tuple[int, ...], /, **values: Any) -> tuple[int, ...]:
    """Return the shape that a batch and arrays of parameters broadcast to; the batch where they do not."""
    shapes = [as_array(name, value).shape for name, value in values.items() if type(value) not in PLAIN]
    try:
        return np.broadcast_shapes(batch, *shapes) if any(shapes) else batch
    except ValueError:  # which the check of each parameter says better
        return batch


@lru_cache
def _vector(value: Any, dtype: type) -> Array:
    """Return a vector of one number, the same for every call, which is why nobody may write to it."""
    vector: Array = np.array([value], dtype)
    vector.setflags(write=False)
    return vector


def temperature_per_row(value: Any, batch_shape: tuple[int, ...] | None = ()) -> FloatArray:
    """Check temperatures: numbers >= 0, inf allowed; None is 1."""
    value = 1.0 if value is None else value
    if (type(value) is float and value >= 0.0) or (type(value) is int and 0 <= value < 2**53):
        return _vector(float(value) + 0.0, np.float64)  # -0.0 is 0.0
    return per_row("temperature", value, batch_shape, np.float64, lambda t: t >= 0, "a number >= 0")


def fraction_per_row(name: str, value: Any, batch_shape: tuple[int, ...] | None = ()) -> FloatArray:
    """Check numbers in [0, 1]; None is what turns a filter off."""
    value = _OFF.get(name) if value is None else value
    if type(value) in (float, int) and 0 <= value <= 1:
        return _vector(float(value), np.float64)
    return per_row(name, value, batch_shape, np.float64, lambda p: (p >= 0) & (p <= 1), "a number in [0, 1]")


def top_k_per_row(value: Any, batch_shape: tuple[int, ...] | None = ()) -> npt.NDArray[np.int64]:
    """Check top_k: integers >= 0; 0, -1 and None are off."""
    if type(value) is int and 0 <= value < 2**63:
        return _vector(value, np.int64)
    value = 0 if value is None else value
    counts = per_row("top_k", value, batch_shape, np.int64, lambda k: k >= -1, "an integer >= 0 (0, -1, None are off)")
    counts = np.maximum(counts, 0)
    counts.setflags(write=False)
    return counts


def word_per_row(name: str, value: Any, batch_shape: tuple[int, ...] | None = ()) -> npt.NDArray[np.uint64]:
    """Check a seed or a step: integers in [0, 2**64)."""
    expected = "an integer in [0, 2**64)"
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value < 2**64:
            raise ValueError(f"{name} is {value}, expected {expected}")
        return _vector(value, np.uint64)
    return per_row(name, value, batch_shape, np.uint64, lambda word: (word >= 0) & (word < 2**64), expected)


def bias_values(values: Any, tokens: npt.NDArray[np.int64]) -> FloatArray:
    """Check the values of a bias: numbers below inf, one for each token."""
    array = _numbers(as_array("bias", values), values, np.float64)
    if array is None or array.shape != tokens.shape:
        raise TypeError(f"bias has values {described(values)}, expected one number for each token")
    wrong = np.flatnonzero(~(array < math.inf))
    if wrong.size:
        place = wrong[0]
        raise ValueError(f"bias[{tokens[place]}] is {array[place]}, expected a number below inf")
    return np.asarray(array, np.float64)


def integer(name: str, value: Any, least: int, most: float = math.inf) -> int:
    """Check one integer argument."""
    expected = f"an integer >= {least}" if most == math.inf else f"an integer in [{least}, {_short(int(most))}]"
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} is {described(value)}, expected {expected}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {described(value)}, expected {expected}") from None
    if not least <= number <= most:
        raise ValueError(f"{name} is {number}, expected {expected}")
    return number


def ratio(name: str, value: Any, most: int) -> Fraction:
    """Check an argument that is an integer or a ratio of integers: a float is the simplest one that it stands for."""
    expected = f"a number in (0, {_short(most)}] that is a ratio of integers up to 10**6, as 2, 0.3 or Fraction(1, 3)"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (numbers.Rational, numbers.Real, np.number)):
        raise TypeError(f"{name} is {described(value)}, expected {expected}")
    try:
        given = Fraction(value if isinstance(value, numbers.Rational) else float(value))
    except (ValueError, OverflowError):
        raise ValueError(f"{name} is {value}, expected {expected}") from None
    simplest = given.limit_denominator(10**6)
    if not 0 < simplest <= most or float(simplest) != float(given):
        raise ValueError(f"{name} is {value}, expected {expected}")
    return simplest


def flag(name: str, value: Any) -> bool:
    """Check an argument that is true or false."""
    if value is True or value is False:
        return value
    if isinstance(value, np.bool_) or (type(value) is int and value in (0, 1)):
        return bool(value)
    raise TypeError(f"{name} is {described(value)}, expected True or False")


def _short(bound: int) -> str:
    """Return a bound as a message shows it: as a power of two where that is easier to read."""
    is_power = bound & (bound - 1) == 0
    return f"2**{bound.bit_length() - 1}" if is_power and bound > 2**16 else str(bound)


def choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """Check an argument that takes one of a few words."""
    if not isinstance(value, str) or value not in allowed:
        error = ValueError if isinstance(value, str) else TypeError
        raise error(f"{name} is {described(value)}, expected one of {', '.join(map(repr, allowed))}")
    return value


@contextmanager
def key_of(rng: Any, seed: Any) -> Iterator[int | None]:
    """Give a 64-bit key drawn from `rng` (SPEC 7: None, an int or a Generator), or None where `seed` is given.

    If what is done with it fails, a user's generator is put back, unless someone else has drawn from it meanwhile.

    Raises
    ------
    TypeError, ValueError
        If both are given, or NumPy makes no generator of `rng`.
    """
    if seed is not None:
        if rng is not None:
            raise ValueError("rng and seed are both given, expected one: rng draws a key, seed is one")
        yield None
        return
    expected = "None, an integer >= 0 or a numpy Generator"
    if isinstance(rng, (bool, np.bool_)):
        raise TypeError(f"rng is {rng}, expected {expected}")
    try:
        generator = np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(f"rng is {described(rng)}, expected {expected}") from None
    bits = generator.bit_generator
    before = bits.state
    key = int(generator.integers(0, 2**64, dtype=np.uint64))
    after = bits.state
    try:
        yield key
    except BaseException:
        if equal(dict(bits.state), dict(after)):
            bits.state = before
        raise


def described(value: Any) -> str:
    """Return a value as a message shows it, in one line; of a buffer or an array what it is, not what it holds."""
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    if isinstance(value, (bytes, bytearray, array)):
        return f"{kind} of length {len(value)}"
    if isinstance(shape, tuple) and not isinstance(value, np.generic):
        return f"{kind} of shape {tuple(shape)} and dtype {getattr(value, 'dtype', getattr(value, 'format', None))}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def refuse_keyed(name: str, value: Any) -> None:
    """Raise an error for what gives its keys when it is iterated over: a mapping, a data frame."""
    if isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping, whose keys would be learned: take its values()")
    if hasattr(type(value), "columns"):  # not of the value: polars may have to work that out
        raise TypeError(f"{name} is a data frame, whose column names would be learned: take one of its columns")
