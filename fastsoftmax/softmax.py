"""softmax, log_softmax and logsumexp with a temperature."""

from collections.abc import Callable
from typing import Any

import numpy as np

from fastsoftmax import _arrays, _checks, _threads
from fastsoftmax._arrays import Array, Axis
from fastsoftmax.kernels import softmax as kernels


def softmax(
    logits: Any,
    /,
    *,
    axis: Axis = -1,
    temperature: Any = 1.0,
    where: Any = None,
    out: Any = None,
    dtype: Any = None,
) -> Any:
    """Return exp(logits / temperature) scaled to sum to 1 along `axis`, which is the last one unless you say otherwise.

    Parameters
    ----------
    logits : array_like
        Numbers of any shape: float16, bfloat16, float32 or float64; integers and bool are read as float64. NumPy
        arrays, anything with ``__array__`` or ``__dlpack__`` on the CPU, torch CPU tensors, with any strides.
    axis : int, tuple of int or None, default -1
        What to normalise over; None is the whole array (SciPy's default).
    temperature : float or array_like, default 1.0
        T >= 0, a scalar or a shape that broadcasts to the batch shape (that of `logits` without `axis`). T = 0 shares
        the mass among the maxima, T = inf among all that is not -inf.
    where : array_like of bool, optional
        Entries to include, broadcast to `logits`; the others count as -inf and get 0.
    out : array, optional
        Where to write: the shape of `logits`, any of the float dtypes. May be `logits` itself.
    dtype : dtype, optional
        Float dtype of the result; by default that of `logits` (float32 for a torch bfloat16 tensor, since NumPy has no
        bfloat16 of its own).

    Returns
    -------
    ndarray
        Of the shape of `logits`; `out` if that is given. -inf gives exactly 0; entries of +inf share all the mass; a
        NaN makes its row NaN, and so does a row with nothing but -inf, which has no distribution.

    Raises
    ------
    TypeError
        For other dtypes, or an array that is not on the CPU.
    ValueError
        For a temperature that is negative or NaN, and for shapes that do not fit.

    Notes
    -----
    Every entry of the softmax (`log_softmax` has other bounds) is within 2 ulp (float32) or 4 ulp (float64) of the
    exact value where that is a normal number; one that would be subnormal is 0. The same bits come out for any number
    of threads. O(n) time; one read of the logits, two writes of the result.
    The method is the blocked online softmax of Milakov and Gimelshein, "Online normalizer calculation for softmax"
    (2018), with power-of-two references.

    Examples
    --------
    >>> softmax([1.0, 2.0], temperature=2.0)
    array([0.37754067, 0.62245933])
    """
    return _elementwise(_softmax_rows, logits, axis, temperature, where, out, dtype)


def log_softmax(
    logits: Any,
    /,
    *,
    axis: Axis = -1,
    temperature: Any = 1.0,
    where: Any = None,
    out: Any = None,
    dtype: Any = None,
) -> Any:
    """Return the natural logarithm of `softmax`, along the last axis unless you say otherwise.

    Parameters
    ----------
    logits, axis, temperature, where, out, dtype
        As in `softmax`.

    Returns
    -------
    ndarray
        Of the shape and dtype that `softmax` would return. What has probability 0 gives -inf.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    Notes
    -----
    Every entry is within 4 ulp (float32) or 8 ulp (float64) of the exact value where that is a normal number. The
    result for a maximum keeps the digits of a tiny tail: ``log_softmax([0., -50.])[0]`` is -1.9e-22, not 0.
    O(n) time.

    Examples
    --------
    >>> log_softmax([1.0, 2.0])
    array([-1.31326169, -0.31326169])
    """
    return _elementwise(_log_softmax_rows, logits, axis, temperature, where, out, dtype)


def logsumexp(
    logits: Any, /, *, axis: Axis = -1, temperature: Any = 1.0, where: Any = None, keepdims: bool = False
) -> Any:
    """Return log(sum(exp(logits / temperature))), natural logarithm, along the last axis unless you say otherwise.

    Parameters
    ----------
    logits, axis, temperature, where
        As in `softmax`.
    keepdims : bool, default False
        Keep the reduced axes with length 1.

    Returns
    -------
    ndarray or scalar
        In the float dtype that `softmax` would return. -inf for a row with nothing but -inf (or nothing at all), NaN
        for a row with a NaN. At temperature 0 the limit: inf or -inf by the sign of the maximum, and the logarithm of
        the number of zeros where that is 0.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    Notes
    -----
    O(n) time, one read of the logits.

    Examples
    --------
    >>> round(float(logsumexp([1.0, 2.0])), 12)
    2.313261687518
    """
    numbers, axes, rows, temperatures = _rows_and_temperatures(logits, axis, temperature, where)
    number = _arrays.compute_type(numbers)(0)
    sums = np.empty(rows.shape[0])
    _over_rows(lambda part, t: kernels.logsumexp(rows[part], t, number, sums[part]), rows.shape, temperatures)
    shape = numbers.carrier.shape
    kept = [n for i, n in enumerate(shape) if i not in axes]
    full = [1 if i in axes else n for i, n in enumerate(shape)]
    with np.errstate(over="ignore"):  # inf is the nearest number of the dtype
        result = sums.astype(numbers.dtype)
    return result.reshape(full if keepdims else kept)[()]


def _elementwise(
    kernel: Callable[..., None], logits: Any, axis: Axis, temperature: Any, where: Any, out: Any, dtype: Any
) -> Any:
    """Run a kernel that gives one number for each logit."""
    numbers, axes, rows, temperatures = _rows_and_temperatures(logits, axis, temperature, where)
    shape = numbers.carrier.shape
    if out is None:
        result, target = _arrays.empty(shape, numbers.dtype if dtype is None else _arrays.result_dtype(dtype))
    else:
        result, target = out, _arrays.as_out(out, shape)
        if dtype is not None and _arrays.result_dtype(dtype) != target.dtype:
            raise TypeError(
                f"dtype is {np.dtype(dtype)} but out has {target.dtype}, expected one of the two or equal ones"
            )
    out_rows = _arrays.to_rows(target.carrier, axes)
    in_place = np.may_share_memory(out_rows, target.carrier) and out_rows.flags.c_contiguous
    if not in_place:
        out_rows = np.empty(rows.shape, target.carrier.dtype)
    elif np.may_share_memory(rows, out_rows) and (
        rows.ctypes.data != out_rows.ctypes.data or rows.itemsize != out_rows.itemsize
    ):
        rows = _arrays.read_rows(rows.copy(), (1,))
    number = _arrays.compute_type(numbers, target)(0)
    _over_rows(lambda part, t: kernel(rows[part], t, number, out_rows[part]), rows.shape, temperatures)
    if not in_place:
        _arrays.from_rows(out_rows, target.carrier, axes)
    return result


def _rows_and_temperatures(
    logits: Any, axis: Axis, temperature: Any, where: Any
) -> tuple[_arrays.Numbers, tuple[int, ...], Array, _checks.FloatArray]:
    numbers = _arrays.as_logits(logits)
    axes = _arrays.reduced_axes(axis, numbers.carrier.ndim)
    batch_shape = tuple(n for i, n in enumerate(numbers.carrier.shape) if i not in axes)
    temperatures = _checks.temperature_per_row(temperature, batch_shape)
    carrier = numbers.carrier if where is None else _arrays.masked(numbers.carrier, where)
    return numbers, axes, _arrays.read_rows(carrier, axes), temperatures


def _over_rows(
    kernel: Callable[[slice, _checks.FloatArray], None], shape: tuple[int, ...], temperatures: _checks.FloatArray
) -> None:
    """Call kernel(rows, their temperatures) on the pieces of a batch."""

    def piece(start: int, stop: int) -> None:
        part = slice(start, stop)
        kernel(part, temperatures if temperatures.size == 1 else temperatures[part])

    _threads.run(piece, shape[0], shape[1])


def _softmax_rows(rows: Array, temperatures: _checks.FloatArray, number: Any, out: Array) -> None:
    work = out if out.dtype == number.dtype else np.empty((1, rows.shape[1]), number.dtype)
    kernels.softmax(rows, temperatures, number, work, out)


def _log_softmax_rows(rows: Array, temperatures: _checks.FloatArray, number: Any, out: Array) -> None:
    kernels.log_softmax(rows, temperatures, number, out)
