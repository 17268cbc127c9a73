"""softmax, log_softmax and logsumexp with a temperature."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastsoftmax import _arrays, _checks, _threads
from fastsoftmax._arrays import Array, Axis, Numbers
from fastsoftmax._checks import FloatArray
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.softmax import columns, logs, middle_logs, one_row, short_logs
from fastsoftmax.kernels.softmax import lockstep as groups
from fastsoftmax.kernels.softmax import long_rows as kernels
from fastsoftmax.kernels.softmax.lockstep import MIDDLE

STREAMED = 2**25  # bytes of results that no cache holds: they go past the caches
LONG = 2**14  # rows from this length on keep their weights apart from the results, where they stay in cache
NARROW = 8  # fewer columns leave too many lanes idle, and are copied to rows

_ALONE = STREAMED // 8  # numbers of a row that is not streamed, in either dtype
_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)

RowsKernel = Callable[[Array, FloatArray, Any, Array], None]  # rows, temperatures, number, out


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
        T >= 0, a scalar or an array: it and the batch (the shape of `logits` without `axis`) broadcast to each other,
        so that three temperatures of one row give three rows. T = 0 shares the mass among the maxima, T = inf among all
        that is not -inf.
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
        Of the shape of `logits`, with the batch that it and `temperature` broadcast to (a NumPy scalar if that is ());
        `out` if that is given. -inf gives exactly 0; entries of +inf share all the mass; a
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
    exact value where that is a normal number; below that it is 0 (in float32 for the 16-bit types). The same bits come
    out for any number of threads. O(n) time; the logits are read from memory once, and results larger than a cache
    written once.
    Memory: the result, and for each thread one row or 17 columns of float32 (float64 if logits or result are). Rows
    that lie otherwise are copied, and so are their results, 2**22 numbers or one row at a time for each thread. Logits
    are copied whole if they are integers, of foreign byte order, masked by `where`, or overlap `out` in another order;
    an array of temperatures takes 17 bytes a row.
    The method is the blocked online softmax of Milakov and Gimelshein, "Online normalizer calculation for softmax"
    (2018), with power-of-two references; the exponential is Tang's (see `kernels/exp.py`).

    Examples
    --------
    >>> softmax([1.0, 2.0], temperature=2.0)
    array([0.37754067, 0.62245933])
    """
    if where is out is dtype is None and _is_plain_row(logits, axis, temperature):
        size = logits.size
        result = np.empty(size, logits.dtype)
        if size > MIDDLE or not one_row.softmax_one(logits, temperature, result):
            one_row.softmax_any(logits, temperature, result)
        return result
    if where is dtype is None:
        result = _of_one_row(one_row.softmax_one, one_row.softmax_any, logits, axis, temperature, out)
        if result is not None:
            return result
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
    O(n) time. Memory: as `softmax`.

    Examples
    --------
    >>> log_softmax([1.0, 2.0])
    array([-1.31326169, -0.31326169])
    """
    if where is out is dtype is None and _is_plain_row(logits, axis, temperature):
        size = logits.size
        result = np.empty(size, logits.dtype)
        if size > MIDDLE or not one_row.log_softmax_one(logits, temperature, result):
            one_row.log_softmax_any(logits, temperature, result)
        return result
    if where is dtype is None:
        result = _of_one_row(one_row.log_softmax_one, one_row.log_softmax_any, logits, axis, temperature, out)
        if result is not None:
            return result
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
    O(n) time, one read of the logits. Memory: the result, 8 bytes a row, and copies as in `softmax`.

    Examples
    --------
    >>> round(float(logsumexp([1.0, 2.0])), 12)
    2.313261687518
    """
    if where is None and keepdims is False and _is_plain_row(logits, axis, temperature):
        total = one_row.logsumexp_one(logits, temperature) if logits.size <= MIDDLE else math.nan
        if math.isnan(total):
            total = one_row.logsumexp_any(logits, temperature)
        return _rounded(total, logits.dtype)
    (carrier, result_dtype), axes, temperatures = _arguments(logits, axis, temperature, where)
    kept = _arrays.batch_shape(carrier.shape, axes)
    shape = [1 if i in axes else n for i, n in enumerate(carrier.shape)] if _checks.flag("keepdims", keepdims) else kept
    sums = np.full(math.prod(kept), -math.inf)
    number = _arrays.number_for(carrier)
    span = _arrays.span_of(carrier, axes)
    kernel = _logsumexp_rows(math.prod(carrier.shape[i] for i in axes))
    if carrier.size > 0 and span is not None and span[2] == 1:
        _over_rows(kernel, carrier.reshape(span[:2]), temperatures, number, sums)
    elif carrier.size > 0:
        _over_copies(kernel, _arrays.moved(carrier, axes), len(axes) or 1, temperatures, number, sums)
    return _rounded(sums.reshape(shape), result_dtype)


def _rounded(sums: Any, dtype: np.dtype[Any]) -> Any:
    """Return float64 in another dtype; a scalar for what has no axes."""
    with np.errstate(over="ignore"):  # inf is the nearest number of the dtype
        return np.asarray(sums).astype(dtype, copy=False)[()]


def _is_plain_row(logits: Any, axis: Axis, temperature: Any) -> bool:
    """Return whether the kernels for one row take these as they are: a call then takes a quarter of the time."""
    if type(logits) is not np.ndarray:
        return False
    dtype = logits.dtype
    return (
        (dtype is _SINGLE or dtype is _DOUBLE)
        and type(temperature) is float
        and temperature >= 0.0
        and logits.ndim == 1
        and type(axis) is int
        and axis == -1
        and logits.flags.carray
        and 0 < logits.size < _ALONE
    )


def _of_one_row(
    short: Callable[[Array, float, Array], bool],
    any_size: Callable[[Array, float, Array], None],
    logits: Any,
    axis: Axis,
    temperature: Any,
    out: Any,
) -> Any:
    """Return what the kernels for one row make of what is nearly plain: a batch of one, an int, an `out`; or None."""
    row = logits
    if type(logits) is np.ndarray and logits.ndim == 2 and len(logits) == 1:
        row = logits.reshape(-1)
    if type(temperature) is int and temperature < 2**53:
        temperature = float(temperature)
    if not _is_plain_row(row, axis, temperature):
        return None
    if out is None:
        out = np.empty(logits.shape, logits.dtype)
    elif not _is_twin(out, logits):
        return None
    target = out if out.ndim == 1 else out.reshape(-1)
    if row.size > MIDDLE or not short(row, temperature, target):
        any_size(row, temperature, target)
    return out


def _is_twin(out: Any, logits: Array) -> bool:
    """Return whether results can be written to `out` as to a new array."""
    like = type(out) is np.ndarray and out.dtype is logits.dtype and out.shape == logits.shape and out.flags.carray
    if not like or out is logits:
        return False
    owners = out.flags.owndata and logits.flags.owndata  # each of its own memory
    return owners or not np.may_share_memory(out, logits)


def _elementwise(
    kernel_for: Callable[[Array, int], RowsKernel],
    logits: Any,
    axis: Axis,
    temperature: Any,
    where: Any,
    out: Any,
    dtype: Any,
) -> Any:
    """Run a kernel that gives a number for each logit; `kernel_for` takes the array of results and a row's size."""
    (carrier, result_dtype), axes, temperatures = _arguments(logits, axis, temperature, where)
    if dtype is not None:
        result_dtype = _arrays.result_dtype(dtype)
    if out is None:
        result, (target, _) = _arrays.empty(carrier.shape, result_dtype)
    else:
        result, (target, out_dtype) = out, _arrays.as_out(out, carrier.shape)
        if dtype is not None and result_dtype != out_dtype:
            raise TypeError(f"dtype is {result_dtype} but out has {out_dtype}, expected one of the two or equal ones")
        carrier = _arrays.apart(carrier, target)
    if carrier.size == 0:
        return result
    number = _arrays.number_for(carrier, target)
    span = _arrays.span_of(carrier, axes) if target.flags.c_contiguous else None
    if span is not None and span[2] == 1:
        shape = span[:2]
        kernel = kernel_for(target, span[1])
        _over_rows(kernel, carrier.reshape(shape), temperatures, number, target.reshape(shape))
    elif span is not None and span[2] >= NARROW and kernel_for is _softmax_rows:
        _over_columns(carrier.reshape(-1), span, temperatures, number, target.reshape(-1))
    else:
        kernel = kernel_for(target, math.prod(carrier.shape[i] for i in axes))
        moved = _arrays.moved(carrier, axes), len(axes) or 1
        _over_copies(kernel, *moved, temperatures, number, _arrays.moved(target, axes))
    return result if out is not None else result[()]


def _arguments(logits: Any, axis: Axis, temperature: Any, where: Any) -> tuple[Numbers, tuple[int, ...], FloatArray]:
    carrier, result_dtype = _arrays.as_logits(logits)
    if where is not None:
        carrier = _arrays.masked(carrier, where)
    axes = _arrays.reduced_axes(axis, carrier.ndim)
    if type(temperature) in (float, int):
        return (carrier, result_dtype), axes, _checks.temperature_per_row(temperature)
    batch = _arrays.batch_shape(carrier.shape, axes)
    whole = _checks.batch_of(batch, temperature=temperature)
    if whole != batch:
        carrier, axes = _arrays.expanded(carrier, axes, whole)
    return (carrier, result_dtype), axes, _checks.temperature_per_row(temperature, whole)


def _of(temperatures: FloatArray, first: int, last: int) -> FloatArray:
    """Return the temperatures of some rows; one entry is for all."""
    return temperatures if temperatures.size == 1 else temperatures[first:last]


def _over_rows(kernel: RowsKernel, rows: Array, temperatures: FloatArray, number: Any, out: Array) -> None:
    """Call a kernel on the rows of a contiguous matrix, pieces of it on several threads where that pays."""
    rows.setflags(write=False)  # a view of the user's array: so that a kernel compiles once for all arrays
    if rows.size <= _threads.SMALL:
        kernel(rows, temperatures, number, out)
        return

    def piece(first: int, last: int) -> None:
        kernel(rows[first:last], _of(temperatures, first, last), number, out[first:last])

    _threads.run(piece, *rows.shape)


def _over_copies(
    kernel: RowsKernel, moved: Array, axes: int, temperatures: FloatArray, number: Any, out: Array
) -> None:
    """Do the same where the rows do not lie so in memory: they are copied, a piece at a time, and so are results.

    `moved` has so many axes of rows last; `out` has one number a row, or is a view of the results that is moved so too.
    """
    size = math.prod(moved.shape[moved.ndim - axes :])
    each = moved[0].size // size
    if moved.ndim > axes + 1 and (len(moved) == 1 or moved[0].size > _threads.PIECE):
        for i, part in enumerate(moved):
            first, last = i * each, (i + 1) * each
            target = out[first:last] if out.ndim == 1 else out[i]
            _over_copies(kernel, part, axes, _of(temperatures, first, last), number, target)
        return

    def piece(start: int, stop: int) -> None:
        first, last = start * each, stop * each
        rows = np.ascontiguousarray(moved[start:stop]).reshape(-1, size)
        rows.setflags(write=False)
        if out.ndim == 1:
            kernel(rows, _of(temperatures, first, last), number, out[first:last])
            return
        results = np.empty(rows.shape, out.dtype)
        kernel(rows, _of(temperatures, first, last), number, results)
        np.copyto(out[start:stop], results.reshape(moved[start:stop].shape))

    _threads.run(piece, len(moved), each * size)


def _softmax_rows(target: Array, size: int) -> RowsKernel:
    if size <= columns.SHORT:
        return columns.softmax_short

    def group(rows: Array, temperatures: FloatArray, number: Any, out: Array) -> None:
        work = out if out.itemsize == number.itemsize else np.empty((LANES, size), number.dtype)
        groups.softmax_group(rows, temperatures, number, work, out)

    def row_by_row(rows: Array, temperatures: FloatArray, number: Any, out: Array) -> None:
        wide = out.itemsize == number.itemsize
        streamed = wide and size >= LONG and target.nbytes >= STREAMED and target.flags.aligned
        in_place = wide and (size < LONG or len(rows) == 1) and not streamed
        work = out if in_place else np.empty((1, size), number.dtype)
        kernels.softmax(rows, temperatures, number, work, streamed, out)

    return group if size <= MIDDLE else row_by_row


def _log_softmax_rows(target: Array, size: int) -> RowsKernel:
    if size <= columns.SHORT:
        return short_logs.log_softmax_short
    return middle_logs.log_softmax_middle if size <= MIDDLE else logs.log_softmax


def _logsumexp_rows(size: int) -> RowsKernel:
    if size <= columns.SHORT:
        return short_logs.logsumexp_short
    return middle_logs.logsumexp_middle if size <= MIDDLE else logs.logsumexp


def _over_columns(logits: Array, span: tuple[int, int, int], temperatures: FloatArray, number: Any, out: Array) -> None:
    """Write the softmax along the middle axis of contiguous arrays of the shape `span`."""
    outer, size, inner = span
    strips = (inner + 2 * LANES - 2) // LANES
    logits.setflags(write=False)

    def piece(start: int, stop: int) -> None:
        columns.softmax_columns(logits, temperatures, number, size, inner, strips, start, stop, out)

    _threads.run(piece, outer * strips, size * LANES)
