"""Array-likes to contiguous rows that a kernel can read, and back: dtypes, devices, axes, out."""

import math
import operator
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks

Array = npt.NDArray[Any]
Axis = int | Sequence[int] | None

_FLOATS = "float16, bfloat16, float32 or float64"
_MINUS_INFINITY = {"u": 0xFC00, "i": -0x80, "f": -math.inf}  # by kind of carrier: float16 bits, bfloat16 bits, itself


# An array as kernels see it, and the dtype that a result of its kind has. The array is float32 or float64, or holds the
# bits of 16-bit numbers: uint16 for float16, int16 for bfloat16.
Numbers = tuple[Array, np.dtype[Any]]

SINGLE, DOUBLE = np.float32(0), np.float64(0)  # numbers of the types to compute in


def as_logits(value: Any) -> Numbers:
    """Return any array-like on the CPU as numbers; integers and booleans as float64. 16-bit floats are not copied."""
    array = value if type(value) is np.ndarray else _as_array("logits", value)
    if isinstance(array, tuple):
        return array
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    return _as_numbers("logits", array)


def as_out(out: Any, shape: tuple[int, ...]) -> Numbers:
    """Return the array to write results to, checked: floats of the right shape, writable."""
    array = _memory_of(out, "an array")
    numbers = array if isinstance(array, tuple) else _as_numbers("out", array)
    _check_out(numbers[0], shape)
    if not isinstance(array, tuple) and not np.may_share_memory(numbers[0], array):
        raise TypeError(f"out has dtype {array.dtype} in foreign byte order, expected the machine's own")
    _tell_autograd(out)
    return numbers


def as_tokens_out(out: Any, shape: tuple[int, ...]) -> Array:
    """Return the array to write tokens to, checked: int64 of the right shape, writable."""
    array = _memory_of(out, "an int64 array")
    if isinstance(array, tuple) or array.dtype != np.int64:
        raise TypeError(f"out is {_checks.described(out)}, expected an int64 array")
    _check_out(array, shape)
    _tell_autograd(out)
    return array


def _memory_of(out: Any, expected: str) -> Array | Numbers:
    """Return an array over the memory of `out`, an array of any kind that can be written to."""
    is_array = hasattr(out, "__array__") or hasattr(out, "__dlpack__")
    if not is_array or isinstance(out, (np.ma.MaskedArray, np.generic)):
        raise TypeError(f"out is {_checks.described(out)}, expected {expected}")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(out, torch.Tensor):
        if out.requires_grad and torch.is_grad_enabled():
            raise TypeError("out requires gradients, expected a tensor that does not: what is written has none")
        if out.is_inference() and not torch.is_inference_mode_enabled():
            raise TypeError("out is an inference tensor, expected a plain one, or inference mode")
        if out.is_neg() or out.is_conj():
            raise TypeError("out is a view of a tensor with its sign changed, expected a plain tensor")
    return _as_array("out", out)


def _check_out(array: Array, shape: tuple[int, ...]) -> None:
    """Check the shape of `out`, and that each of its entries can be written."""
    if array.shape != shape:
        raise ValueError(f"out has shape {array.shape}, expected {shape}")
    if not array.flags.writeable:
        raise ValueError("out is read-only, expected a writable array")
    if any(stride == 0 and n > 1 for stride, n in zip(array.strides, array.shape, strict=True)):
        raise ValueError(f"out has strides {array.strides}, expected a place of its own for each entry")


def _tell_autograd(out: Any) -> None:
    """Count a change of a tensor, so that a backward pass that has saved it refuses to go on with other numbers."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(out, torch.Tensor) and not out.is_inference():
        torch.autograd.graph.increment_version(out)


def result_dtype(dtype: Any) -> np.dtype[Any]:
    """Return the dtype that a user asked results to have."""
    try:
        wanted: Any = np.dtype(dtype)
        known = _known_float(wanted)
    except Exception:  # NumPy parses strings as Python and raises whatever that raises, a warning made an error too
        wanted, known = _checks.described(dtype), None
    if known is None:
        raise TypeError(f"dtype is {wanted}, expected {_FLOATS}")
    return known[0]


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Array, Numbers]:
    """Return a new array and its numbers."""
    array = np.empty(shape, dtype)
    return array, _as_numbers("out", array)


def number_for(*arrays: Array) -> Any:
    """Return a number of the type to compute in: float64 if any array holds float64, else float32."""
    for array in arrays:
        if array.itemsize == 8:
            return DOUBLE
    return SINGLE


def masked(carrier: Array, where: Any) -> Array:
    """Return a copy with -inf where `where` is false."""
    keep = _checks.as_array("where", where)
    if keep.dtype != np.bool_:
        raise TypeError(f"where has dtype {keep.dtype}, expected bool")
    try:
        keep = np.broadcast_to(keep, carrier.shape)
    except ValueError:
        raise ValueError(
            f"where has shape {keep.shape}, expected one that broadcasts to the logits' {carrier.shape}"
        ) from None
    return np.where(keep, carrier, carrier.dtype.type(_MINUS_INFINITY[carrier.dtype.kind]))


def reduced_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return the axes to reduce, each in [0, ndim)."""
    if type(axis) is int and -ndim <= axis < ndim:
        return (axis % ndim,)
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    try:
        if any(isinstance(one, (bool, np.bool_)) for one in given):
            raise TypeError
        given = tuple(map(operator.index, given))
    except TypeError:
        raise TypeError(
            f"axis is {_checks.described(axis)}, expected an integer, a tuple of integers or None"
        ) from None
    if ndim == 0:  # as NumPy's reductions of a scalar
        if any(one not in (0, -1) for one in given):
            raise np.exceptions.AxisError(f"axis is {axis}, expected None, 0 or -1 for an array without dimensions")
        return ()
    axes = []
    for one in given:
        if not -ndim <= one < ndim:
            raise np.exceptions.AxisError(f"axis is {one}, expected an integer in [{-ndim}, {ndim - 1}]")
        axes.append(one % ndim)
    if len(set(axes)) != len(axes):
        raise ValueError(f"axis is {axis}, expected no axis twice")
    return tuple(sorted(axes))


def batch_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape without the axes."""
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def expanded(carrier: Array, axes: tuple[int, ...], batch: tuple[int, ...]) -> tuple[Array, tuple[int, ...]]:
    """Return a view with a larger batch, without the axes, that the array's own broadcasts to; and its axes."""
    sizes = iter(batch)
    more = len(batch) - (carrier.ndim - len(axes))
    leading = [next(sizes) for _ in range(more)]
    shape = [carrier.shape[i] if i in axes else next(sizes) for i in range(carrier.ndim)]
    return np.broadcast_to(carrier, (*leading, *shape)), tuple(axis + more for axis in axes)


def span_of(array: Array, axes: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Return the shape (outer, size, inner) of a contiguous array, with the axes in the middle, or None."""
    if not array.flags.c_contiguous:
        return None
    shape = array.shape
    if len(axes) == 1 == len(shape):
        return 1, shape[0], 1
    first, last = (axes[0], axes[-1] + 1) if axes else (len(shape), len(shape))
    if last - first != len(axes):
        return None
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def moved(array: Array, axes: tuple[int, ...]) -> Array:
    """Return a view with the axes last, one of length 1 where there are none, and at least one axis before them."""
    view = np.moveaxis(array, axes, range(array.ndim - len(axes), array.ndim)) if axes else array[..., np.newaxis]
    return view if view.ndim > len(axes) else view[np.newaxis]


def widened(carrier: Array) -> Array:
    """Return 16-bit numbers as float32, others as they are."""
    if carrier.dtype == np.uint16:
        return carrier.view(np.float16).astype(np.float32)
    if carrier.dtype == np.int16:
        return (carrier.astype(np.int32) << 16).view(np.float32)
    return carrier


def apart(array: Array, out: Array) -> Array:
    """Return the array, or a copy if writing to `out` would change entries that are not read yet."""
    if not np.may_share_memory(array, out):
        return array
    same = array.ctypes.data == out.ctypes.data and array.strides == out.strides and array.dtype == out.dtype
    return array if same else array.copy()


def _as_array(name: str, value: Any) -> Array | Numbers:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16:
        value = value.detach()
        if value.layout == torch.strided and not value.is_neg():  # read the bits, give float32
            return _checks.as_array(name, value.view(torch.int16)), np.dtype(np.float32)
    return _checks.as_array(name, value)


def _as_numbers(name: str, array: Array) -> Numbers:
    """View 16-bit floats as their carriers, and bring numbers in foreign byte order into the machine's own."""
    known = _known_float(array.dtype)
    if known is None:
        others = ", integers or bool" if name == "logits" else ""
        raise TypeError(f"{name} has dtype {array.dtype}, expected {_FLOATS}{others}")
    dtype, carrier = known
    if array.dtype is not dtype:
        array = array.astype(dtype, copy=False)
    return array if carrier is None else array.view(carrier), dtype


@lru_cache
def _known_float(dtype: np.dtype[Any]) -> tuple[np.dtype[Any], type | None] | None:
    """Return a float dtype in the machine's byte order and the type of its carrier if it has one; None for others."""
    carriers = {"float16": np.uint16, "bfloat16": np.int16, "float32": None, "float64": None}
    if dtype.name not in carriers:
        return None
    return dtype if dtype.isnative else dtype.newbyteorder("="), carriers[dtype.name]
