"""From streams of ids to sorted edges: counted a part at a time, and added up as numbers are in a binary counter.

A part is counted by sorting: windows of order + 1 ids become 64-bit keys, equal ones are counted, and the keys are cut
into rows. Counted parts are merged two by two, the small ones first, so that n tokens in m parts take O(n log m) on
top of O(n log n), and memory for one part and for the different edges.

Of five equal parts the second is added to the first, the fourth to the third, their sums to one another, and the fifth
to what these four are in the end.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import llvmlite.binding
import numpy as np
import numpy.typing as npt

from fastsoftmax._types import Counts, Ids, Positions
from fastsoftmax.kernels.markov import count as kernels
from fastsoftmax.kernels.markov import sort
from fastsoftmax.markov.counts.transitions import Edges

Keys = npt.NDArray[np.uint64]

PART = 2**28  # tokens counted at once: 8 bytes each for keys, 16 during a sort, and 8 to 12 for what is different
_KEY = 64  # bits
_RANK = 32
_NARROW = 30  # bits of keys that three sweeps sort: 6 ns a key (Zen 4), where NumPy's sort takes 7 at least


class Sum:
    """Sorted edges that are added up, few merges and of similar sizes."""

    def __init__(self) -> None:
        self._parts: list[Edges] = []

    def add(self, edges: Edges) -> None:
        """Add sorted edges."""
        while self._parts and self._parts[-1].tokens.size <= edges.tokens.size:
            edges = merged(self._parts.pop(), edges)
        self._parts.append(edges)

    def total(self) -> Edges:
        """Return the sum of all that was added, at least one part."""
        while len(self._parts) > 1:
            last = self._parts.pop()
            self._parts[-1] = merged(self._parts[-1], last)
        return self._parts[0]


def merged(one: Edges, two: Edges) -> Edges:
    """Return the sum of sorted edges, sorted: O(E)."""
    rows, edges = len(one.contexts) + len(two.contexts), one.tokens.size + two.tokens.size
    kind = np.result_type(one.counts, two.counts)
    contexts, tokens = np.empty((rows, one.contexts.shape[1]), np.int32), np.empty(edges, np.int32)
    offsets, counts = np.empty(rows + 1, np.int64), np.empty(edges, kind)
    first, second = (part._replace(counts=part.counts.astype(kind, copy=False)) for part in (one, two))
    rows, edges = kernels.merge_rows(*first, *second, contexts, offsets, tokens, counts)
    return Edges(contexts[:rows], offsets[: rows + 1], tokens[:edges], counts[:edges])


def ordered(edges: Edges) -> Edges:
    """Return any edges sorted, equal ones added up: O(E log E)."""
    if edges.tokens.size == 0:
        return edges
    columns = edges.contexts.T[::-1]
    order = np.lexsort(columns) if len(columns) else np.arange(len(edges.contexts))  # order 0: no column to sort by
    contexts = edges.contexts[order]
    new = np.append(True, (contexts[1:] != contexts[:-1]).any(axis=1))
    ranks = np.empty(len(order), np.uint64)
    ranks[order] = np.cumsum(new) - 1
    packed = (edges.tokens + 1).astype(np.uint64)
    keys = np.bitwise_or(np.repeat(ranks << np.uint64(_RANK), np.diff(edges.offsets)), packed)
    sorting = keys.argsort(kind="stable")
    keys = keys[sorting]
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    ids, tokens, offsets = _rows(keys[starts], _RANK)
    return Edges(contexts[new][ids.astype(np.int64)], offsets, tokens, np.add.reduceat(edges.counts[sorting], starts))


def count(streams: Iterable[Ids], order: int, weight: int) -> Edges:
    """Return the sorted edges of streams of sequences of ids, each followed by -1, each edge `weight` times."""
    total = Sum()
    for stream in streams:
        for start in range(0, stream.size, PART):
            first = max(start - order, 0)  # what stands before the part, for its first windows
            total.add(_counted(stream[first : start + PART], start - first, order, weight))
    return total.total()


def _counted(stream: Ids, skipped: int, order: int, weight: int) -> Edges:
    """Count one part. The first tokens are skipped: their windows are not whole."""
    bits = max((int(stream.max()) + 1).bit_length(), 1)
    if (order + 1) * bits <= _KEY:
        keys = _windows(stream, order, bits, with_token=True)
        columns = None
    else:
        columns, ranks = _ranked_windows(stream, order, bits)
        keys, bits = np.empty(stream.size, np.uint64), _RANK
        kernels.push_tokens(stream, ranks, keys)
        del ranks
    keys = _sorted(keys[skipped:])
    counts = _run_lengths(keys)
    ids, tokens, offsets = _rows(keys[: counts.size], bits)
    del keys
    contexts = columns[ids] if columns is not None else _unpacked(ids, order, bits)
    if weight != 1:
        counts *= weight
    return Edges(contexts, offsets, tokens, counts)


def counted_pairs(sources: Positions, targets: Positions, weights: Counts | None) -> Edges:
    """Return the sorted edges from one token to another, or from -1, with their weights added up; None: one each.

    The weights are used up.
    """
    bits = max(int(max(sources.max(), targets.max())) + 1, 1).bit_length()
    keys = (sources + 1).view(np.uint64)
    keys <<= np.uint64(bits)
    keys |= (targets + 1).view(np.uint64)
    if weights is None:
        keys = _sorted(keys)
        counts: Counts = _run_lengths(keys)
    else:
        keys, moved = _sorted_with(keys, weights.view(np.int64))
        counts = np.empty(kernels.count_runs(keys, np.uint64(0)), weights.dtype)
        kernels.sum_runs(keys, moved.view(weights.dtype), counts)
    ids, tokens, offsets = _rows(keys[: counts.size], bits)
    return Edges(_unpacked(ids, 1, bits), offsets, tokens, counts)


def _run_lengths(keys: Keys) -> Positions:
    """Move the different values of sorted keys to the front, and return how often each occurs."""
    counts = np.empty(kernels.count_runs(keys, np.uint64(0)), np.int64)
    kernels.compress(keys, counts)
    return counts


def _sorted_with(keys: Keys, along: npt.NDArray[Any]) -> tuple[Keys, npt.NDArray[Any]]:
    """Return keys sorted, and another array along with them; both are used up."""
    spare, moved = np.empty_like(keys), np.empty_like(along)
    sort.sort_along(keys, spare, along, moved, int(keys.max()).bit_length())
    return spare, moved


def _sorted(keys: Keys) -> Keys:
    """Return keys sorted; their own array is used up."""
    bits = int(keys.max()).bit_length()
    if bits > _NARROW and not _sorts_slowly():
        keys.sort()
        return keys
    spare = np.empty_like(keys)
    return spare if sort.sort_keys(keys, spare, bits) else keys


@cache
def _sorts_slowly() -> bool:
    """Return whether NumPy's sort is slow on this CPU: 41 to 60 ns a key on a Zen 4, 17 to 20 without AVX-512."""
    has_avx512 = llvmlite.binding.get_host_cpu_features().get("avx512f", False)
    return not has_avx512 or str(llvmlite.binding.get_host_cpu_name()) == "znver4"


def _rows(keys: Keys, bits: int) -> tuple[Keys, Ids, Positions]:
    """Return the contexts of different sorted keys, the tokens, and where each row begins."""
    rows = kernels.count_runs(keys, np.uint64(bits))
    contexts, offsets, tokens = np.empty(rows, np.uint64), np.empty(rows + 1, np.int64), np.empty(keys.size, np.int32)
    kernels.split_rows(keys, np.uint64(bits), tokens, contexts, offsets)
    return contexts, tokens, offsets


def _windows(stream: Ids, width: int, bits: int, with_token: bool) -> Keys:
    keys = np.empty(stream.size, np.uint64)
    mask = np.uint64((1 << width * bits) - 1)
    kernels.push_windows(stream, np.uint64(bits), mask, with_token, keys)
    return keys


def _unpacked(keys: Keys, width: int, bits: int) -> Ids:
    columns = np.empty((keys.size, width), np.int32)
    kernels.pop_columns(keys, np.uint64(bits), columns)
    return columns


def ranked(keys: Keys) -> tuple[Keys, Ids]:
    """Return the different keys, sorted, and the rank of every key among them; the keys are used up."""
    keys, places = _sorted_with(keys, np.arange(keys.size, dtype=np.int32))
    ranks = np.empty_like(places)
    return keys[: sort.rank(keys, places, ranks)], ranks


def _ranked_windows(stream: Ids, width: int, bits: int) -> tuple[Ids, Ids]:
    """Return the different windows of that width, sorted, and the rank among them of the one before every token.

    Windows too wide for a key are pairs of windows of half their width, by their ranks.
    """
    half = (width + 1) // 2
    if width * bits <= _KEY:
        keys = _windows(stream, width, bits, with_token=False)
    else:
        halves, ranks = _ranked_windows(stream, half, bits)
        keys = np.empty(stream.size, np.uint64)
        kernels.push_pairs(stream, ranks, width - half, keys)
        del ranks
    different, ranks = ranked(keys)
    if width * bits <= _KEY:
        return _unpacked(different, width, bits), ranks
    earlier, later = (
        (different >> np.uint64(_RANK)).astype(np.int64),
        (different & np.uint64(2**_RANK - 1)).astype(np.int64),
    )
    return np.hstack([halves[earlier][:, : width - half], halves[later]]), ranks
