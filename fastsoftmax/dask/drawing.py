"""What a task does: it draws from a chunk of rows, as rows of the whole batch are drawn from."""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import fastsoftmax as fs
from fastsoftmax import _threads
from fastsoftmax._arrays import Array
from fastsoftmax.dask.chunks import only
from fastsoftmax.sampling import functions
from fastsoftmax.sampling.asked import NAMES, Asked, edits_of
from fastsoftmax.sampling.functions import Chunk, Wanted
from fastsoftmax.sampling.scratch import Scratch

if TYPE_CHECKING:  # edits are imported with the first chain that has any
    from fastsoftmax.sampling.edits import Edits

_scratch = Scratch()  # of all tasks of a process


class Fixed(NamedTuple):
    """What is the same for all chunks."""

    batch: tuple[int, ...]
    names: tuple[str, ...]  # of the arrays that a task takes after the logits; numbers of rows, an axis each, follow
    plain: dict[str, Any]  # parameters that are one number, and a bias that is a mapping
    chain: fs.SamplerChain | None


class Drawn(NamedTuple):
    """What was drawn from a chunk: tokens or Details, and the state after them where there was one before."""

    found: Any
    state: fs.State | None


def draw(
    logits: Any, *arrays: Any, fixed: Fixed, key: int | None, wanted: Wanted, state: Any = None, bias: Any = None
) -> Drawn:
    """Draw from a chunk."""
    part = _part_of(arrays, fixed, state, bias)
    seed, step = (part.given.get(name) for name in ("seed", "step"))
    with _threads.alone():
        found = functions.draw(
            only(logits), part.allowed, part.bias, part.asked, part.edits, key, seed, step, wanted, _scratch, part.chunk
        )
    return Drawn(found, None) if part.edits is None else Drawn(*found)


def distribution(logits: Any, *arrays: Any, fixed: Fixed, state: Any = None, bias: Any = None) -> Any:
    """Return the distributions of a chunk."""
    part = _part_of(arrays, fixed, state, bias)
    with _threads.alone():
        return functions.distribution(
            only(logits), part.allowed, part.bias, part.asked, part.edits, None, _scratch, part.chunk
        )


def refuse_other_batch(state: fs.State, batch: tuple[int, ...]) -> None:
    """Raise if a state is not that of a batch."""
    if state.batch != batch:
        raise ValueError(f"state is of the batch {state.batch}, expected {batch}, as the logits")


class _Part(NamedTuple):
    """The arguments of a call as they are for a chunk of it."""

    chunk: Chunk
    given: dict[str, Any]
    asked: Asked
    edits: "Edits | None"
    allowed: Array | None
    bias: Any


def _part_of(arrays: tuple[Any, ...], fixed: Fixed, state: Any, bias: Any) -> _Part:
    batch, names, plain, chain = fixed
    given = plain | dict(zip(names, map(only, arrays), strict=False))
    numbers = arrays[len(names) :]
    chunk = Chunk(batch, tuple(int(one[0]) if one.size else 0 for one in numbers))
    asked: Asked = tuple(given[name] for name in NAMES) if chain is None else chain.at(_rows(numbers, batch), batch)
    if isinstance(state, fs.State):
        refuse_other_batch(state, batch)
        some = zip(chunk.origin, numbers, strict=True)
        state = state[tuple(slice(first, first + one.size) for first, one in some)] if batch else state
    bias = given.get("bias", bias)
    if hasattr(bias, "tocsr") and bias.ndim == 2 and bias.shape[0] > 1:
        bias = bias.tocsr()[_rows(numbers, batch).reshape(-1)]
    return _Part(chunk, given, asked, edits_of(asked, state), given.get("allowed"), bias)


def _rows(numbers: tuple[Any, ...], batch: tuple[int, ...]) -> Any:
    """Return the numbers of a chunk's rows in the flattened batch, in the shape of the chunk."""
    strides = np.cumprod((1, *batch[:0:-1]), dtype=np.int64)[::-1]
    return sum((one * stride for one, stride in zip(np.ix_(*numbers), strides, strict=False)), start=np.int64(0))
