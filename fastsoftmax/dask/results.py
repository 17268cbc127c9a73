"""What is lazy of the results: the fields of `Details`, as dask arrays, and the state after a draw."""

import math
from typing import Any

import dask.array as da
import numpy as np
import numpy.typing as npt
from dask.base import tokenize
from dask.highlevelgraph import HighLevelGraph

import fastsoftmax as fs
from fastsoftmax.dask.chunks import meta_of
from fastsoftmax.dask.drawing import Drawn
from fastsoftmax.sampling.functions import Wanted


def part_of(results: da.Array, name: str, dtype: Any, size: int | None = None) -> da.Array:
    """Return a part of what was drawn from each chunk, with an axis of a size after the batch, or without one."""
    rows = tuple(range(results.ndim))
    labels = rows if size is None else (*rows, results.ndim)
    return da.blockwise(
        _part,
        labels,
        results,
        rows,
        token=name.rpartition(".")[2],
        path=name,
        new_axes={} if size is None else {results.ndim: size},
        dtype=dtype,
        meta=meta_of(len(labels), dtype),
    )


def details_of(results: da.Array, wanted: Wanted, steps: int) -> fs.Details:
    """Return the details of draws, by a chain of so many steps or by words."""
    draws, top = wanted.n, wanted.top_logprobs
    of_draws = {"tokens": np.int64, **dict.fromkeys(("logprobs", "raw_logprobs", "tempered_logprobs"), np.float64)}
    of_draws["ranks"] = np.int64
    of_rows = {"kept": np.int64, "kept_mass": np.float64, "entropy": np.float64}
    fields: dict[str, Any] = {name: part_of(results, name, dtype, draws) for name, dtype in of_draws.items()}
    fields |= {name: part_of(results, name, dtype) for name, dtype in of_rows.items()}
    if wanted.kept_set:
        fields["kept_set"] = _kept_set(results)
    if top > 0:
        pair = ("tokens", np.int64), ("logprobs", np.float64)
        parts: Any = (part_of(results, f"top_logprobs.{name}", dtype, top) for name, dtype in pair)
        fields["top_logprobs"] = fs.TopLogprobs(*parts)
    if wanted.details and steps > 0:
        fields["kept_after"] = part_of(results, "kept_after", np.int64, steps)
    return fs.Details(**fields)


def state_of(results: da.Array, batch: tuple[int, ...]) -> da.Array:
    """Return the state of the whole batch, of which the chunks have parts along the first axis.

    It is an array, though of one object, since Dask draws once for arrays that are computed together.
    """
    name = f"state-{tokenize(results.name)}"
    task = _joined, _keys(results), batch
    graph = HighLevelGraph.from_collections(name, {(name,): task}, dependencies=[results])
    return da.Array(graph, name, (), meta=meta_of(0, object))


def _kept_set(results: da.Array) -> fs.KeptSet:
    """Return the kept sets of rows that chunks have along the first axis of the batch."""
    keys = _keys(results)

    def all_of(name: str, dtype: Any) -> Any:
        token = f"{name}-{tokenize(results.name, name)}"
        tasks = {(token, i): (_part, key, f"kept_set.{name}") for i, key in enumerate(keys)}
        graph = HighLevelGraph.from_collections(token, tasks, dependencies=[results])
        return da.Array(graph, token, ((np.nan,) * len(keys),), meta=meta_of(1, dtype))

    token = f"offsets-{tokenize(results.name)}"
    graph = HighLevelGraph.from_collections(token, {(token, 0): (_offsets, keys)}, dependencies=[results])
    offsets: Any = da.Array(graph, token, ((math.prod(results.shape) + 1,),), meta=meta_of(1, np.int64))
    return fs.KeptSet(offsets, all_of("tokens", np.int64), all_of("probabilities", np.float64))


def _keys(results: da.Array) -> list[Any]:
    """Return the keys of chunks that split the first axis of the batch alone."""
    later = (0,) * (results.ndim - 1)
    return [(results.name, i, *later) for i in range(results.numblocks[0])] if results.ndim else [(results.name,)]


def _part(chunk: Drawn, path: str) -> Any:
    found = chunk.found
    if isinstance(found, fs.Details):
        for name in path.split("."):
            found = getattr(found, name)
    return found


def _offsets(chunks: list[Drawn]) -> npt.NDArray[np.int64]:
    return np.cumsum(np.concatenate([[0], *(np.ravel(chunk.found.kept) for chunk in chunks)]), dtype=np.int64)


def _joined(chunks: list[Drawn], batch: tuple[int, ...]) -> fs.State:
    states = [chunk.state for chunk in chunks if chunk.state is not None]
    if not batch or len(states) == 1:
        return states[0]
    return fs.State.join(states)[np.arange(math.prod(batch)).reshape(batch)]
