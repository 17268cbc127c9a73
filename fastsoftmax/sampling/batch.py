"""The rows that sampling reads: contiguous, a part at a time, with biases added and the bits of the tokens allowed."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _arrays, _checks, _threads
from fastsoftmax._arrays import Array
from fastsoftmax.kernels.sampling.sample import first_nan
from fastsoftmax.sampling.scratch import Scratch

if TYPE_CHECKING:  # the samplers are imported when a chain is first asked for
    from fastsoftmax.sampling.edits import Edits

WORD = 32  # tokens in an integer of a packed mask
BITS = 16  # tokens in an integer as kernels read it

Part = tuple[Array, Array | None, Any]  # rows, the bits of what is allowed in them, and what edits they have
Work = Callable[[slice, int, Part, Array], int]
Memory = Callable[[int, int], int]


class Batch:
    """Logits of shape (..., V) as a matrix, in the batch that they, `parameters` and `allowed` broadcast to.

    Rows that lie contiguous in memory are not copied; others are, and those with a bias, a part at a time. With edits
    16-bit rows are widened so. `origin` is the place of the first row where this is a chunk of a larger batch.
    """

    __slots__ = (
        "_allowed",
        "_bias",
        "_carrier",
        "_edits",
        "_matrix",
        "_origin",
        "_wide",
        "batch",
        "count",
        "dtype",
        "number",
        "size",
    )

    def __init__(
        self,
        logits: Any,
        allowed: Any = None,
        bias: Any = None,
        parameters: Mapping[str, Any] = MappingProxyType({}),
        batch: tuple[int, ...] = (),
        edits: "Edits | None" = None,
        origin: tuple[int, ...] = (),
    ) -> None:
        carrier, self.dtype = _arrays.as_logits(logits)
        shape = carrier.shape
        if not shape or shape[-1] == 0:
            raise ValueError(f"logits has shape {shape}, expected (..., V) with V >= 1")
        if shape[-1] >= 2**31:
            raise ValueError(f"logits has V = {shape[-1]}, expected below 2**31")
        self.batch, self.size = batch or shape[:-1], shape[-1]
        if allowed is not None or not {*map(type, parameters.values())} <= _checks.PLAIN:
            self.batch = _batch_of(self.batch, allowed, parameters)
        if self.batch != shape[:-1]:
            carrier = np.broadcast_to(carrier, (*self.batch, self.size))
        self.count, self._origin = math.prod(self.batch), origin or (0,) * len(self.batch)
        self.number = _arrays.number_for(carrier)
        self._wide = self.number.dtype  # of sums with a bias
        self._allowed = None if allowed is None else _bits(allowed, self.batch, self.size)
        self._bias = None if bias is None else _entries(bias, self.count, self.size)
        self._edits: Edits | None = None
        self._carrier, self._matrix = carrier, None
        if carrier.flags.c_contiguous and self._bias is None:
            self._matrix = carrier.reshape(self.count, self.size)
            self._matrix.setflags(write=False)  # so that a kernel compiles once for all arrays
        if edits is not None:
            edits.fit(self.batch, self.size)
            self.edit(edits)

    def edit(self, edits: "Edits") -> None:
        """Let rows be read with edits, those of 16-bit numbers widened."""
        self._edits = edits
        if self._carrier.itemsize == 2:
            self._matrix = None

    def compute_for(self, target: Array) -> None:
        """Compute in the type that an array of results asks for, if it is the wider one."""
        self.number = _arrays.number_for(self._carrier, target)

    def part(self, first: int, last: int) -> tuple[Array, Array | None]:
        """Return rows [first, last), and the bits of what is allowed in them."""
        allowed = self._allowed
        if allowed is not None and len(allowed) > 1:
            allowed = allowed[first:last]
        if self._matrix is not None:
            return self._matrix[first:last], allowed
        if self.batch:
            rows = self._carrier[np.unravel_index(np.arange(first, last), self.batch)]
        else:
            rows = np.ascontiguousarray(self._carrier)[np.newaxis]
        if self._bias is not None or self._edits is not None:
            rows = _arrays.widened(rows).astype(self._wide)
        if self._bias is not None:
            with np.errstate(over="ignore"):  # a sum too large for float32 is inf, as a logit may be
                rows = _biased(rows, self._bias, first)
        rows.setflags(write=False)
        return rows, allowed

    def with_memory(self, start: int, stop: int, memory: Memory, pool: Scratch) -> tuple[Part, Array]:
        """Return what kernels read of rows [start, stop), and scratch memory (see `each`)."""
        needed, edits = memory(self.size, self.number.itemsize), None
        if self._edits is not None:
            edits, needed = self._edits.plan(start, stop, needed, self.number.itemsize)
        return (*self.part(start, stop), edits), pool.take(needed)

    def each(self, work: Work, pool: Scratch, memory: Memory, cost: int | None = None, spans: int = 1) -> None:
        """Do work on all rows, some on each thread; raise for the first row that it refuses.

        `work` takes a slice of the rows, the number of a span, what kernels read of these rows, and scratch memory, as
        many bytes as `memory` says of the length of a row and the bytes of a number (and what edits need). It returns
        the first of these rows that has no distribution, or -1. With several spans, which divide the draws of a row,
        `work` gets each row by itself, once for each span. `cost` is how long a row and span take, in the unit of
        `_threads`.
        """
        refused = list[int]()

        def piece(start: int, stop: int, span: int = 0) -> None:
            part, scratch = self.with_memory(start, stop, memory, pool)
            row = work(slice(start, stop), span, part, scratch)
            pool.give_back(scratch)
            if row >= 0:
                refused.append(start + row)

        def one_by_one(start: int, stop: int) -> None:
            for item in range(start, stop):
                row, span = divmod(item, spans)
                piece(row, row + 1, span)

        _threads.run(piece if spans == 1 else one_by_one, self.count * spans, self.size if cost is None else cost)
        if refused:
            self.refuse(min(refused))

    def refuse(self, row: int) -> None:
        """Raise for a row without a distribution."""
        logits, allowed = self.part(row, row + 1)
        index = first_nan(logits[0], None if allowed is None else allowed[0], self.number)
        if index >= 0:
            raise ValueError(f"logits{self.place(row)} is NaN at index {index}, expected no NaN")
        nothing = "all -inf" if allowed is None else "-inf wherever it is allowed"
        nothing += " after the edits of samplers" if self._edits is not None else ""
        raise ValueError(f"logits{self.place(row)} is {nothing}, expected at least one token above -inf")

    def place(self, row: int) -> str:
        """Return " row 3, 1" for a message, or "" where there is a single row."""
        places = [first + i for first, i in zip(self._origin, np.unravel_index(row, self.batch), strict=True)]
        return f" row {', '.join(map(str, places))}" if places else ""


def _batch_of(batch: tuple[int, ...], allowed: Any, parameters: Mapping[str, Any]) -> tuple[int, ...]:
    """Return the batch that logits, parameters and a mask broadcast to."""
    values = dict(parameters)
    if allowed is not None:
        mask = _checks.as_array("allowed", allowed)
        values |= {"allowed": mask[..., 0]} if mask.ndim and mask.shape[-1] else {}
    return _checks.batch_of(batch, **values)


def _bits(allowed: Any, batch: tuple[int, ...], size: int) -> npt.NDArray[np.uint16]:
    """Return a mask as a matrix of bits, 16 tokens an integer, the lowest first: a row for all rows, or one a row.

    A mask may be as wide as a tokenizer where logits are padded: what it does not reach is not allowed.
    """
    mask = _checks.as_array("allowed", allowed)
    words = -(-size // WORD)
    if mask.dtype == np.bool_:
        width, what = size, "bool"
    elif mask.dtype.newbyteorder("=") in (np.uint32, np.int32):
        width, what = words, "packed, 32 tokens an integer"
    else:
        raise TypeError(f"allowed has dtype {mask.dtype}, expected bool, or uint32 or int32 with 32 tokens an integer")
    if mask.ndim == 0 or not 0 < mask.shape[-1] <= width:
        raise ValueError(f"allowed has shape {mask.shape} ({what}), expected (..., 1 to {width}) for V = {size}")
    if mask.dtype == np.bool_:
        some = np.packbits(mask, axis=-1, bitorder="little")
    else:
        some = np.ascontiguousarray(mask.astype(mask.dtype.newbyteorder("<"), copy=False)).view(np.uint8)
    packed = some
    if some.shape[-1] < words * WORD // 8:
        packed = np.zeros((*mask.shape[:-1], words * WORD // 8), np.uint8)
        packed[..., : some.shape[-1]] = some
    bits = packed.view(np.dtype(np.uint16).newbyteorder("<")).astype(np.uint16, copy=False)
    try:
        bits = bits if bits.ndim == 1 else np.broadcast_to(bits, (*batch, bits.shape[-1]))
    except ValueError:
        raise ValueError(f"allowed has shape {mask.shape}, expected one that broadcasts to the batch {batch}") from None
    matrix = np.ascontiguousarray(bits).reshape(-1, words * WORD // BITS)
    matrix.setflags(write=False)
    return matrix


def _entries(bias: Any, count: int, size: int) -> tuple[Array | None, Array, Array]:
    """Return (starts, tokens, values): where each row's entries start, or None where all rows share all of them."""
    if isinstance(bias, Mapping):
        tokens = np.array([_checks.integer("a token of bias", token, 0, size - 1) for token in bias], np.int64)
        values = _checks.bias_values(list(bias.values()), tokens)
        return None, tokens, values
    if not hasattr(bias, "tocsr"):
        raise TypeError(
            f"bias is {_checks.described(bias)}, expected a mapping from tokens to numbers, or a sparse array"
        )
    matrix = bias.reshape(1, -1).tocsr() if bias.ndim == 1 else bias.tocsr()
    if not matrix.has_canonical_format:
        matrix = matrix.copy()  # the user's own
        matrix.sum_duplicates()
    rows = (1,) if count == 1 else (1, count)
    if matrix.shape[1] != size or matrix.shape[0] not in rows:
        raise ValueError(f"bias has shape {bias.shape}, expected ({' or '.join(map(str, rows))}, {size})")
    tokens = matrix.indices.astype(np.int64)
    values = _checks.bias_values(matrix.data, tokens)
    return None if matrix.shape[0] == 1 else matrix.indptr.astype(np.int64), tokens, values


def _biased(rows: Array, bias: tuple[Array | None, Array, Array], first: int) -> Array:
    """Add to a part of the rows, from `first` on, what the bias has for them; each sum is rounded once."""
    starts, tokens, values = bias
    if starts is None:
        rows[:, tokens] = rows[:, tokens].astype(np.float64) + values
        return rows
    here = slice(starts[first], starts[first + len(rows)])
    row = np.repeat(np.arange(len(rows)), np.diff(starts[first : first + len(rows) + 1]))
    rows[row, tokens[here]] = rows[row, tokens[here]].astype(np.float64) + values[here]
    return rows
