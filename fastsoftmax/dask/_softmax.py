"""softmax, log_softmax and logsumexp over dask arrays."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import dask.array as da
import numpy as np

import fastsoftmax as fs
from fastsoftmax import _arrays, _checks, _threads
from fastsoftmax._arrays import Array, Axis
from fastsoftmax._softmax import NARROW
from fastsoftmax.dask.chunks import (
    Labelled,
    Labels,
    as_dask,
    as_parameter,
    batch_of,
    joined,
    labels_of,
    meta_of,
    only,
    refuse_unknown,
    unified,
)


def softmax(
    logits: Any, /, *, axis: Axis = -1, temperature: Any = 1.0, where: Any = None, dtype: Any = None
) -> da.Array:
    """Return `fastsoftmax.softmax` of a dask array, chunk by chunk, when it is asked for.

    Parameters
    ----------
    logits : dask.array.Array
        Numbers of any shape and of the dtypes of `fastsoftmax.softmax`, in any chunks.
    axis : int, tuple of int or None, default -1
        What to normalise over.
    temperature : float, array_like or dask.array.Array, default 1.0
        As in `fastsoftmax.softmax`: it and the batch broadcast to each other. An array is split as the rows are.
    where : array_like or dask.array.Array of bool, optional
        Entries to include, broadcast to `logits`.
    dtype : dtype, optional
        Float dtype of the result; by default that of `logits`.

    Returns
    -------
    dask.array.Array
        Of the shape and dtype that `fastsoftmax.softmax` returns, in the chunks of `logits`, which `axis` does not
        split. Bit for bit what it returns of the computed array, a contiguous one.

    Raises
    ------
    TypeError, ValueError
        As `fastsoftmax.softmax`, when the graph is built; for what chunks hold, as a negative temperature in a dask
        array of them, when it is computed: the place is then that in the chunk. For chunks of unknown sizes along
        `axis`, or along the rows where `temperature` is an array.

    Notes
    -----
    Chunks that split `axis` are joined first, and none is combined from its parts, since a row rounds as it does in one
    piece; joined chunks that pass Dask's ``array.chunk-size`` have fewer rows. Each chunk is computed on the thread of
    its task alone. Memory: of each task, its chunk and its result.

    Examples
    --------
    >>> import dask.array as da
    >>> softmax(da.from_array([[1.0, 2.0], [3.0, 3.0]], chunks=(1, 1)), temperature=2.0).compute()
    array([[0.37754067, 0.62245933],
           [0.5       , 0.5       ]])
    """
    return _elementwise(_softmax_chunk, logits, axis, temperature, where, dtype)


def log_softmax(
    logits: Any, /, *, axis: Axis = -1, temperature: Any = 1.0, where: Any = None, dtype: Any = None
) -> da.Array:
    """Return `fastsoftmax.log_softmax` of a dask array, chunk by chunk, when it is asked for.

    Parameters
    ----------
    logits, axis, temperature, where, dtype
        As in `softmax`.

    Returns
    -------
    dask.array.Array
        As `softmax` returns it.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    Notes
    -----
    As in `softmax`.

    Examples
    --------
    >>> import dask.array as da
    >>> log_softmax(da.from_array([1.0, 2.0], chunks=1)).compute()
    array([-1.31326169, -0.31326169])
    """
    return _elementwise(_log_softmax_chunk, logits, axis, temperature, where, dtype)


def logsumexp(
    logits: Any, /, *, axis: Axis = -1, temperature: Any = 1.0, where: Any = None, keepdims: bool = False
) -> da.Array:
    """Return `fastsoftmax.logsumexp` of a dask array, chunk by chunk, when it is asked for.

    Parameters
    ----------
    logits, axis, temperature, where
        As in `softmax`.
    keepdims : bool, default False
        Keep the reduced axes with length 1.

    Returns
    -------
    dask.array.Array
        As `softmax` returns it, without `axis`.

    Raises
    ------
    TypeError, ValueError
        As in `softmax`.

    Notes
    -----
    As in `softmax`.

    Examples
    --------
    >>> import dask.array as da
    >>> logsumexp(da.zeros((2, 4), chunks=(1, 2))).compute()
    array([1.38629436, 1.38629436])
    """
    kept = _checks.flag("keepdims", keepdims)
    asked = _asked_of(logits, axis, temperature, where)
    reduced = [asked.labels[one] for one in asked.axes]
    labels = tuple(label for label in asked.result if kept or label not in reduced)
    ones = dict.fromkeys(reduced, 1) if kept else {}
    return _mapped(partial(_logsumexp_chunk, keepdims=kept), asked, labels, asked.dtype, ones)


class _Asked(NamedTuple):
    """The arguments of a call, checked; axes of the batch are labelled from 0 on, the others after them."""

    logits: da.Array
    labels: Labels
    axes: tuple[int, ...]
    dtype: np.dtype[Any]
    result: Labels  # of a result with a number for each logit
    temperature: Any  # where it is one number
    arrays: dict[str, Labelled]
    inner: float  # how many columns lie side by side; 0 where the batch grows, and they do not


def _asked_of(logits: Any, axis: Axis, temperature: Any, where: Any) -> _Asked:
    logits = as_dask(logits)
    dtype = _arrays.as_logits(np.empty(0, logits.dtype))[1]
    axes = _arrays.reduced_axes(axis, logits.ndim)
    beside = range(axes[0], logits.ndim) if axes else ()
    refuse_unknown("logits", logits, beside, "a row is one piece, and rounds by how many columns lie beside it")
    logits, arrays = joined(logits, axes), dict[str, Labelled]()
    if not isinstance(temperature, da.Array):
        temperature = _checks.kept("temperature", temperature, _checks.temperature_per_row(temperature, None))
    temperature = as_parameter("temperature", temperature)
    own = batch = _arrays.batch_shape(logits.shape, axes)
    if isinstance(temperature, da.Array):
        rows_of = set(range(logits.ndim if temperature.ndim else 0)) - set(axes)
        refuse_unknown("logits", logits, rows_of, "temperature is one a row")
        refuse_unknown("temperature", temperature, range(temperature.ndim), "temperature is one a row")
        batch = batch_of(own, {"temperature": temperature.shape})
        arrays["temperature"] = temperature, labels_of(temperature.ndim, len(batch))
    rows, others = iter(range(len(batch) - len(own), len(batch))), iter(range(len(batch), len(batch) + len(axes)))
    labels = tuple(next(others if one in axes else rows) for one in range(logits.ndim))
    if where is not None:
        arrays["where"] = _mask(where, logits, labels, axes)
    return _Asked(
        logits,
        labels,
        axes,
        dtype,
        (*range(len(batch) - len(own)), *labels),
        temperature,
        arrays,
        _inner(logits.shape, axes, math.prod(own) == math.prod(batch)),
    )


def _mask(where: Any, logits: da.Array, labels: Labels, axes: tuple[int, ...]) -> Labelled:
    mask = (
        where if isinstance(where, da.Array) else da.from_array(np.array(_checks.as_array("where", where)), chunks=-1)
    )
    if mask.dtype != np.bool_:
        raise TypeError(f"where has dtype {mask.dtype}, expected bool")
    more = logits.ndim - mask.ndim
    sizes = zip(mask.shape, logits.shape[max(more, 0) :], strict=more >= 0)
    if more < 0 or not all(n in (1, size) or (math.isnan(n) and math.isnan(size)) for n, size in sizes):
        raise ValueError(f"where has shape {mask.shape}, expected one that broadcasts to the logits' {logits.shape}")
    return joined(mask, [one - more for one in axes if one >= more]), labels[more:]


def _inner(shape: tuple[float, ...], axes: tuple[int, ...], alike: bool) -> float:
    """Return how many columns the library finds side by side in a contiguous array of the shape, 0 where none do."""
    if not axes or axes[-1] == len(shape) - 1:
        return 1
    adjacent = axes[-1] - axes[0] == len(axes) - 1
    return math.prod(shape[axes[-1] + 1 :]) if alike and adjacent else 0


def _elementwise(
    task: Callable[..., Any], logits: Any, axis: Axis, temperature: Any, where: Any, dtype: Any
) -> da.Array:
    asked = _asked_of(logits, axis, temperature, where)
    wanted = asked.dtype if dtype is None else _arrays.result_dtype(dtype)
    return _mapped(partial(task, dtype=wanted, inner=asked.inner), asked, asked.result, wanted, {})


def _mapped(task: "partial[Any]", asked: _Asked, labels: Labels, dtype: Any, ones: dict[int, int]) -> da.Array:
    """Return an array with these labels, of which `task` makes each chunk; those in `ones` are of length 1."""
    chunks, pairs = unified((asked.logits, asked.labels), *asked.arrays.values())
    sizes = {label: chunks[label] for label in labels if label in chunks}  # Dask goes by the first array
    plain = {} if "temperature" in asked.arrays else {"temperature": asked.temperature}
    return da.blockwise(
        partial(_run, task=partial(task, axis=asked.axes, **plain), names=tuple(asked.arrays)),
        labels,
        *pairs,
        token=task.func.__name__.strip("_").removesuffix("_chunk"),
        dtype=dtype,
        meta=meta_of(len(labels), dtype),
        adjust_chunks=sizes | ones,
        align_arrays=False,
    )


def _run(logits: Any, *arrays: Any, task: Callable[..., Any], names: tuple[str, ...]) -> Any:
    with _threads.alone():
        return task(only(logits), **dict(zip(names, map(only, arrays), strict=True)))


def _log_softmax_chunk(logits: Array, *, inner: float, **words: Any) -> Any:
    return fs.log_softmax(logits, **words)  # which rounds rows and columns alike


def _logsumexp_chunk(logits: Array, **words: Any) -> Any:
    return fs.logsumexp(logits, **words)


def _softmax_chunk(
    logits: Array, *, axis: tuple[int, ...], inner: float, temperature: Any, dtype: Any, where: Any = None
) -> Any:
    """Return the softmax of a chunk, rounded as that of the whole.

    The library takes `NARROW` columns or more at once, and fewer as rows, whose last bits may differ.
    """
    if inner == 1:
        return fs.softmax(logits, axis=axis, temperature=temperature, where=where, dtype=dtype)
    if where is not None:
        where = np.broadcast_to(where, logits.shape)
    if inner == 0:  # the whole is not contiguous, and its rows are copied: so they are moved here
        last = tuple(range(-len(axis), 0))
        rows = np.moveaxis(logits, axis, last)
        mask = None if where is None else np.moveaxis(where, axis, last)
        moved = fs.softmax(rows, axis=last, temperature=temperature, where=mask, dtype=dtype)
        return np.moveaxis(moved, last, [one - logits.ndim for one in axis])
    own = math.prod(logits.shape[axis[-1] + 1 :])
    if inner < NARROW or own >= NARROW or own == 0:
        return fs.softmax(np.ascontiguousarray(logits), axis=axis, temperature=temperature, where=where, dtype=dtype)
    # A chunk of few of many columns: each is repeated until there are enough.
    wide = np.repeat(logits[..., np.newaxis], -(-NARROW // own), axis=-1)
    mask = None if where is None else where[..., np.newaxis]
    warm = temperature[..., np.newaxis] if np.ndim(temperature) else temperature
    return fs.softmax(wide, axis=axis, temperature=warm, where=mask, dtype=dtype)[..., 0]
