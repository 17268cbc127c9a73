"""The transition table of a Markov chain: sorted rows of counts, and how they are counted, combined and pruned.

Every table is made by one path: edges (context, token, count) become 64-bit keys that sort as the edges do, equal keys
are added up, and the sorted keys are cut into rows. A table is never changed, only replaced.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax.kernels import count as kernels
from fastsoftmax.kernels.table import Rows

BOUNDARY = -1
MAX_ID = 2**31 - 2
MAX_TOTAL = 2**53

Ids = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64 | np.float64]


class Edges(NamedTuple):
    """Transitions in any order: the edges [offsets[i], offsets[i + 1]) leave contexts[i]."""

    contexts: Ids  # (rows, order)
    offsets: npt.NDArray[np.int64]  # (rows + 1,)
    tokens: Ids  # (edges,)
    counts: Counts  # (edges,)


@dataclass(frozen=True, eq=False)
class Transitions:
    """Counted transitions in canonical order: one table for one content, whatever the way it was made."""

    contexts: Ids
    """(S, order): the last tokens of every state, sorted column by column; the boundary, -1, is before the start."""
    offsets: npt.NDArray[np.int64]
    """(S + 1,): the edges [offsets[s], offsets[s + 1]) leave state s; no row is empty."""
    tokens: Ids
    """(E,): the next token, -1 for the end; in a row larger counts come first, then smaller tokens."""
    counts: Counts
    """(E,): how often it came next, positive: int64, or float64 for weights that are not whole."""
    targets: Ids
    """(E,): the state that the edge leads to, -1 for the end and for states without a row."""

    def __post_init__(self) -> None:
        for array in (self.contexts, self.offsets, self.tokens, self.counts, self.targets):
            array.flags.writeable = False

    def __reduce__(self) -> tuple[Any, ...]:  # by way of __init__: copies too are read-only
        return Transitions, (self.contexts, self.offsets, self.tokens, self.counts, self.targets)

    @property
    def order(self) -> int:
        """How many tokens make a state."""
        return int(self.contexts.shape[1])

    @cached_property
    def totals(self) -> Counts:
        """The sum of the counts of every row."""
        return np.add.reduceat(self.counts, self.offsets[:-1]) if len(self.contexts) else self.counts

    @property
    def rows(self) -> Rows:
        """What the kernels of walks read."""
        return Rows(self.offsets, self.tokens, self.counts, self.targets, self.contexts[:, -1])

    def weighted(self, weight: int) -> Edges:
        """Return all edges, their counts times `weight`."""
        total = int(self.counts.sum()) * weight
        if total > MAX_TOTAL and self.counts.dtype == np.int64:
            raise ValueError(f"weight is {weight}: the counts would add up to {total:.6g}, expected at most 2**53")
        with np.errstate(over="ignore"):  # weights that become inf are refused with the table
            return Edges(self.contexts, self.offsets, self.tokens, self.counts * weight)

    def find(self, context: Ids) -> int:
        """Return the state with that context, or -1."""
        return int(kernels.find(self.contexts, context))

    def leads_to(self, context: Ids) -> bool:
        """Whether an edge leads to that context, which may have no row (a dead end). Reads all edges."""
        arrivals = np.flatnonzero(self.tokens == context[-1])
        rows = self.offsets.searchsorted(arrivals, side="right") - 1
        return bool((self.contexts[rows, 1:] == context[:-1]).all(axis=1).any())

    def pruned(self, min_count: float) -> "Transitions":
        """Return the table of the edges with a count of at least `min_count`."""
        kept = self.counts >= min_count
        before = np.concatenate(([0], np.cumsum(kept)))[self.offsets]
        rows = np.flatnonzero(np.diff(before))
        offsets = np.append(before[rows], before[-1])
        return combine(self.order, Edges(self.contexts[rows], offsets, self.tokens[kept], self.counts[kept]))


def count(stream: Ids, order: int, weight: int) -> Transitions:
    """Count the transitions of sequences of ids, each followed by -1 in the stream: O(n log n).

    Sequences are padded with the boundary before their start. An n-gram wider than 64 bits is packed in parts: each
    time the keys are full, they are replaced by their ranks.
    """

    def push(first: int, last: int, bits: int, keys: Keys) -> None:
        kernels.push_windows(stream, order + 1 - last, np.uint64(bits), np.uint64((last - first) * bits), keys)

    packed = _pack(stream.size, order + 1, int(stream.max()), push)
    packed.keys.sort()
    distinct = np.empty(kernels.count_runs(packed.keys, np.uint64(0)), np.uint64)
    counts = np.empty(distinct.size, np.int64)
    kernels.count_keys(packed.keys, weight, distinct, counts)
    return _table(packed._replace(keys=distinct), counts)


def combine(order: int, *parts: Edges) -> Transitions:
    """Return the table of all edges of the parts, equal ones added up: O(E log E)."""
    counts: Counts = np.concatenate([part.counts for part in parts])
    ends = np.cumsum([part.tokens.size for part in parts])

    def push(first: int, last: int, bits: int, keys: Keys) -> None:
        for part, piece in zip(parts, np.split(keys, ends[:-1]), strict=True):
            kernels.push_edges(part.contexts, part.offsets, part.tokens, first, last, np.uint64(bits), piece)

    largest = max(int(ids.max(initial=BOUNDARY)) for part in parts for ids in (part.contexts, part.tokens))
    packed = _pack(counts.size, order + 1, largest, push)
    sorting = packed.keys.argsort()
    keys = packed.keys[sorting]
    distinct = np.empty(kernels.count_runs(keys, np.uint64(0)), np.uint64)
    sums = np.empty(distinct.size, counts.dtype)
    kernels.sum_keys(keys, counts[sorting], distinct, sums)
    return _table(packed._replace(keys=distinct), sums)


class _Packed(NamedTuple):
    """Rows of ids as keys. `folds` are the places where keys became ranks: (columns so far, the keys by rank)."""

    keys: Keys
    columns: int
    bits: int
    folds: list[tuple[int, Keys]]


def _pack(size: int, columns: int, largest: int, push: Callable[[int, int, int, Keys], None]) -> _Packed:
    """Pack `columns` ids up to `largest` into each key: push(first, last, bits, keys) shifts some of them in."""
    bits = max((largest + 1).bit_length(), 1)
    keys = np.zeros(size, np.uint64)
    folds: list[tuple[int, Keys]] = []
    first = width = 0
    while True:
        last = min(columns, first + (64 - width) // bits)
        push(first, last, bits, keys)
        if last == columns:
            return _Packed(keys, columns, bits, folds)
        ranked, ranks = np.unique(keys, return_inverse=True)
        folds.append((last, ranked))
        keys = ranks.astype(np.uint64)
        first, width = last, (len(ranked) - 1).bit_length()


def _unpack(packed: _Packed) -> Ids:
    """Return the ids again, (len(keys), columns)."""
    keys, last, bits, folds = packed
    rows = np.empty((keys.size, last), np.int32)
    keys = keys.copy()
    for first, ranked in reversed(folds):
        kernels.pop_columns(keys, first, last, np.uint64(bits), rows)
        keys = ranked[keys.astype(np.int64)]
        last = first
    kernels.pop_columns(keys, 0, last, np.uint64(bits), rows)
    return rows


def _table(packed: _Packed, counts: Counts) -> Transitions:
    """Return the table of sorted, distinct keys of (context, token)."""
    check_total(counts)
    bits = np.uint64(packed.bits)
    contexts = np.empty(kernels.count_runs(packed.keys, bits), np.uint64)
    offsets = np.zeros(contexts.size + 1, np.int64)
    tokens = np.empty(counts.size, np.int32)
    kernels.split_rows(packed.keys, bits, tokens, contexts, offsets)
    kernels.sort_rows(offsets, counts, tokens)
    return _linked(_unpack(packed._replace(keys=contexts, columns=packed.columns - 1)), offsets, tokens, counts)


def _linked(contexts: Ids, offsets: npt.NDArray[np.int64], tokens: Ids, counts: Counts) -> Transitions:
    targets = np.empty(tokens.size, np.int32)
    slots = np.full(2 << len(contexts).bit_length(), -1, np.int64)
    kernels.link(contexts, offsets, tokens, slots, targets)
    return Transitions(contexts, offsets, tokens, counts, targets)


def check_total(counts: Counts) -> None:
    """Refuse counts that a float64 cannot add up exactly, and weights that add up to inf."""
    with np.errstate(over="ignore"):
        total = counts.sum(dtype=np.float64)
    if counts.dtype == np.float64:
        if not total < np.inf:
            raise ValueError(f"the weights add up to {total}, expected a finite sum")
    elif total > MAX_TOTAL:
        raise ValueError(f"the counts add up to {total:.6g}, expected at most 2**53")
