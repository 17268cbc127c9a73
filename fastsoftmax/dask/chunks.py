"""Which axes of a dask array are rows, which chunks go together, and what goes along with the rows.

Axes of the batch are labelled from 0 on, others after them, as `dask.array.blockwise` wants them labelled.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.utils import parse_bytes

from fastsoftmax import _checks

Labels = tuple[int, ...]
Labelled = tuple[da.Array, Labels]


def as_dask(logits: Any) -> da.Array:
    """Return logits, checked to be a dask array."""
    if not isinstance(logits, da.Array):
        raise TypeError(f"logits is {_checks.described(logits)}, expected a dask array: fastsoftmax takes others")
    return logits


def as_parameter(name: str, value: Any) -> Any:
    """Return a parameter that was checked, or is a dask array, as a dask array; as it is if it is one number."""
    if isinstance(value, da.Array) or value is None or not np.shape(value):
        return value
    array = _checks.as_array(name, value)
    return da.from_array(array, chunks=array.shape)


def refuse_unknown(name: str, array: da.Array, axes: Iterable[int], why: str) -> None:
    """Raise if the sizes of chunks along some axes are not known."""
    for axis in axes:
        if math.isnan(array.shape[axis]):
            raise ValueError(
                f"{name} has chunks of unknown sizes along axis {axis}, expected known ones, since {why}: "
                f"{name}.compute_chunk_sizes() finds them out"
            )


def batch_of(batch: tuple[int, ...], shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """Return the batch that rows of logits and what goes along with them broadcast to."""
    for name, shape in shapes.items():
        try:
            batch = np.broadcast_shapes(batch, shape)
        except ValueError:
            raise ValueError(
                f"{name} has shape {shape}, expected a scalar or a shape that broadcasts to the batch {batch}"
            ) from None
    return batch


def labels_of(ndim: int, batch: int) -> Labels:
    """Return the labels of what has so many axes and broadcasts to a batch of so many."""
    return tuple(range(batch - ndim, batch))


def joined(array: da.Array, axes: Collection[int]) -> da.Array:
    """Return an array that is not split along some axes.

    Where joined chunks are larger than Dask's own measure, ``array.chunk-size``, they have fewer rows.
    """
    if all(array.numblocks[axis] == 1 for axis in axes):
        return array
    others = [axis for axis in range(array.ndim) if axis not in axes]
    sizes = [array.shape[axis] if axis in axes else max(array.chunks[axis], default=1) for axis in range(array.ndim)]
    bytes_at_once = math.prod(sizes) * array.dtype.itemsize  # NaN where sizes are unknown, and chunks stay
    rows = "auto" if bytes_at_once > parse_bytes(dask.config.get("array.chunk-size")) else None
    return array.rechunk({axis: -1 for axis in axes} | dict.fromkeys(others, rows))


def unified(*arrays: Labelled) -> tuple[dict[int, tuple[int, ...]], list[Any]]:
    """Return the sizes of chunks for each label, and arrays that are split so, with their labels after each."""
    flat = [one for array, labels in arrays for one in (_short_joined(array), labels)]
    chunks, same = da.unify_chunks(*flat, warn=False)
    return chunks, [one for array, (_, labels) in zip(same, arrays, strict=True) for one in (array, labels)]


def _short_joined(array: da.Array) -> da.Array:
    """Return an array whose axes of length 1 are not split, by an empty chunk: Dask wants those that broadcast so."""
    return array.rechunk({axis: 1 for axis, n in enumerate(array.shape) if n == 1 and array.numblocks[axis] > 1})


def numbers_along(chunks: Mapping[int, tuple[int, ...]], batch: int) -> list[Any]:
    """Return the numbers of the rows along each axis of a batch, split as it is, with their labels."""
    pairs = [(da.arange(sum(chunks[axis]), chunks=(chunks[axis],)), (axis,)) for axis in range(batch)]
    return [one for pair in pairs for one in pair]


def only(chunk: Any) -> Any:
    """Return the one chunk that Dask gives in a list, and that in a list, for each axis that a task sums up."""
    while isinstance(chunk, list):
        (chunk,) = chunk
    return chunk


def meta_of(ndim: int, dtype: Any) -> Any:
    """Return what Dask takes for a chunk, to know its type by."""
    return np.empty((0,) * ndim, dtype)
