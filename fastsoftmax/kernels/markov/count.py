"""Counting n-grams: windows of ids packed into 64-bit keys, sorted, run-length counted, turned into rows.

    push_windows          one sweep: a shift and an or a token
    count_runs, compress  two sweeps over the sorted keys without a branch; the first only to size the result
    sum_runs              the same with weights
    split_rows            the same over the different keys
    link                  a hash table, asked in batches, so that cache misses overlap
    merge_rows            one sweep over two sorted tables

An id is packed as id + 1, so that the boundary, -1, is 0, and keys compare as the windows do, column by column. What
does not fit into 64 bits is replaced by its rank among all (`sort.rank`), which keeps the order (prefix doubling:
Manber and Myers, "Suffix arrays", SIAM Journal on Computing 22, 1993).

With four bits a token the window (boundary, 0, 2) is the key 0x013. The keys 0x013, 0x031, 0x013 sorted are two edges,
with the counts 2 and 1.
"""

import secrets
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax._jit import inline, jit
from fastsoftmax._types import Counts, Ids, Positions
from fastsoftmax.kernels.lanes.arrays import borrowed, on_stack
from fastsoftmax.kernels.lanes.loads import prefetch

Keys = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_32 = np.uint64(32)
_BATCH = 32  # questions to a hash table, whose cache misses overlap
_batch = on_stack(_BATCH)


class Slots(NamedTuple):
    """The space of an open-addressing hash table."""

    places: Ids  # as many as a power of two above that of the entries, filled with -1
    salt: np.uint64  # what hashes begin with: random, so that nobody can write a text whose states all want one slot


def hash_slots(entries: int) -> Slots:
    """Return the space of a hash table of so many entries, at most two thirds full."""
    places = np.full(1 << (3 * entries // 2).bit_length(), -1, np.int32)
    return Slots(places, np.uint64(secrets.randbits(64)))


@jit
def push_windows(stream: Ids, bits: np.uint64, mask: np.uint64, with_token: bool, keys: Keys) -> None:
    """Write the window of ids before every token as a key, as wide as the mask; with the token after it, if wanted.

    The stream holds sequences, each followed by -1. Before the start of a sequence a window holds boundaries.
    """
    ids, out = borrowed(stream), borrowed(keys)
    window = np.uint64(0)
    for i in range(ids.size):
        entering = np.uint64(ids[i] + np.int64(1))
        following = (window << bits) | entering
        out[i] = following if with_token else window
        window = np.uint64(0) if entering == np.uint64(0) else following & mask


@jit
def push_pairs(stream: Ids, ranks: Ids, delay: int, keys: Keys) -> None:
    """Write the key of two windows for every token: the one `delay` tokens earlier, and the one before it.

    Rank 0 is the window of boundaries alone, which is before the start of a sequence.
    """
    ids, windows, out = borrowed(stream), borrowed(ranks), borrowed(keys)
    depth = 0
    for i in range(ids.size):
        earlier = np.uint64(windows[i - delay]) if depth >= delay else np.uint64(0)
        out[i] = (earlier << _32) | np.uint64(windows[i])
        depth = 0 if ids[i] < 0 else depth + 1


@jit
def push_tokens(stream: Ids, ranks: Ids, keys: Keys) -> None:
    """Write the key of the window before every token, by its rank, and of the token."""
    for i in range(stream.size):
        keys[i] = (np.uint64(ranks[i]) << _32) | np.uint64(stream[i] + np.int64(1))


@jit
def count_runs(keys: Keys, drop: np.uint64) -> int:
    """Return the number of different values of keys >> drop, the keys being sorted."""
    runs = min(keys.size, 1)
    for i in range(1, keys.size):
        runs += (keys[i] >> drop) != (keys[i - 1] >> drop)
    return runs


@jit
def compress(keys: Keys, counts: Positions) -> None:
    """Move the different values of sorted keys to the front, and write how often each occurs."""
    out, ends = borrowed(keys), borrowed(counts)
    run = np.uint64(0)
    last = out[0]
    for i in range(out.size):
        key = out[i]
        run += np.uint64(key != last)
        last = key
        out[run] = key
        ends[run] = i + 1  # the last one stands
    for run_back in range(ends.size - 1, 0, -1):
        ends[run_back] -= ends[run_back - 1]


@jit
def sum_runs(keys: Keys, weights: Counts, sums: Counts) -> None:
    """Move the different values of sorted keys to the front, and write the sum of the weights of each."""
    out, own, added = borrowed(keys), borrowed(weights), borrowed(sums)
    run = np.uint64(0)
    last, total = out[0], own[0]
    added[0] = total
    for i in range(1, out.size):
        key, weight = out[i], own[i]
        total = weight if key != last else total + weight
        run += np.uint64(key != last)
        last = key
        out[run] = key
        added[run] = total


@jit
def split_rows(keys: Keys, bits: np.uint64, tokens: Ids, contexts: Keys, offsets: Positions) -> None:
    """Split sorted keys into rows: the last id of each, the different keys without it, and where each begins."""
    edges, ids = borrowed(keys), borrowed(tokens)
    rows, starts = borrowed(contexts), borrowed(offsets)
    mask = (np.uint64(1) << bits) - np.uint64(1)
    row = np.uint64(0)
    last = edges[0] >> bits
    starts[0] = 0
    for i in range(edges.size):
        context = edges[i] >> bits
        row += np.uint64(context != last)
        last = context
        rows[row] = context
        starts[row + np.uint64(1)] = i + 1
        ids[i] = np.int32(np.int64(edges[i] & mask) - 1)


@jit
def pop_columns(keys: Keys, bits: np.uint64, windows: Ids) -> None:
    """Write the ids that the keys were pushed from, a window a row."""
    mask = (np.uint64(1) << bits) - np.uint64(1)
    columns = windows.shape[1]
    for i in range(keys.size):
        key = keys[i]
        for column in range(columns - 1, -1, -1):
            windows[i, column] = np.int32(np.int64(key & mask) - 1)
            key = key >> bits


@inline
def _insert(entry: int, place: np.uint64, table: Ids) -> None:
    """Write an entry to the first free slot from its place on."""
    last_slot = np.uint64(table.size - 1)
    while table[place] >= 0:
        place = (place + np.uint64(1)) & last_slot
    table[place] = entry


@inline
def _hash_step(state: np.uint64, token: int) -> np.uint64:
    product = (state ^ np.uint64(token + np.int64(1))) * _GOLDEN
    return product ^ (product >> _32)


@jit
def link(contexts: Ids, offsets: Positions, tokens: Ids, slots: Slots, targets: Ids) -> None:
    """Write for every edge the row of the state it leads to, (context[1:], token), or -1 where there is none."""
    columns, starts, ids = borrowed(contexts), borrowed(offsets), borrowed(tokens)
    table, out = borrowed(slots.places), borrowed(targets)
    rows, order = contexts.shape
    last_slot = np.uint64(table.size - 1)
    places, sources = _batch(np.uint64(0)), _batch(np.int64(0))
    for first in range(0, rows, _BATCH):
        count = min(_BATCH, rows - first)
        for i in range(count):
            state = slots.salt
            for column in range(order):
                state = _hash_step(state, columns[first + i, column])
            places[i] = state & last_slot
            prefetch(table, np.int64(places[i]))
        for i in range(count):
            _insert(first + i, places[i], table)
    row, prefix, prefixed = 0, slots.salt, -1
    for first in range(0, ids.size, _BATCH):
        count = min(_BATCH, ids.size - first)
        for i in range(count):
            while starts[row + 1] <= first + i:
                row += 1
            if prefixed < row:
                prefix, prefixed = slots.salt, row
                for column in range(1, order):
                    prefix = _hash_step(prefix, columns[row, column])
            sources[i] = row
            places[i] = _hash_step(prefix, ids[first + i]) & last_slot
            prefetch(table, np.int64(places[i]))
        for i in range(count):
            prefetch(columns, order * np.int64(table[places[i]]))
        for i in range(count):
            token, place, source = ids[first + i], places[i], sources[i]
            found = np.int64(-1) if token < 0 else np.int64(table[place])
            while found >= 0:
                same = columns[found, order - 1] == token
                for column in range(1, order):
                    same &= columns[found, column - 1] == columns[source, column]
                if same:
                    break
                place = (place + np.uint64(1)) & last_slot
                found = np.int64(table[place])
            out[first + i] = found


@inline
def _compare(one: Ids, i: int, two: Ids, j: int) -> int:
    """Return which context comes first: below 0 for the first, above 0 for the second, 0 for equal ones."""
    for column in range(one.shape[1]):
        if one[i, column] != two[j, column]:
            return -1 if one[i, column] < two[j, column] else 1
    return 0


@jit
def merge_rows(
    contexts_1: Ids,
    offsets_1: Positions,
    tokens_1: Ids,
    counts_1: Counts,
    contexts_2: Ids,
    offsets_2: Positions,
    tokens_2: Ids,
    counts_2: Counts,
    contexts: Ids,
    offsets: Positions,
    tokens: Ids,
    counts: Counts,
) -> tuple[int, int]:
    """Merge two tables, both sorted by context and token, adding equal edges up; return the rows and edges written."""
    ids_1, ids_2, ids = borrowed(tokens_1), borrowed(tokens_2), borrowed(tokens)
    sums_1, sums_2, sums = borrowed(counts_1), borrowed(counts_2), borrowed(counts)
    i = j = row = edge = 0
    rows_1, rows_2 = contexts_1.shape[0], contexts_2.shape[0]
    nothing = sums.dtype.type(0)
    offsets[0] = 0
    while i < rows_1 or j < rows_2:
        side = 1 if i == rows_1 else -1 if j == rows_2 else _compare(contexts_1, i, contexts_2, j)
        a, a_stop, b, b_stop = 0, 0, 0, 0
        if side <= 0:
            a, a_stop = offsets_1[i], offsets_1[i + 1]
            contexts[row] = contexts_1[i]
            i += 1
        if side >= 0:
            b, b_stop = offsets_2[j], offsets_2[j + 1]
            contexts[row] = contexts_2[j]
            j += 1
        while a < a_stop and b < b_stop:  # without a branch on which is next: nobody could foretell it
            one, two = ids_1[a], ids_2[b]
            ids[edge] = min(one, two)
            sums[edge] = (sums_1[a] if one <= two else nothing) + (sums_2[b] if two <= one else nothing)
            a += one <= two
            b += two <= one
            edge += 1
        for rest in range(a, a_stop):
            ids[edge], sums[edge] = ids_1[rest], sums_1[rest]
            edge += 1
        for rest in range(b, b_stop):
            ids[edge], sums[edge] = ids_2[rest], sums_2[rest]
            edge += 1
        row += 1
        offsets[row] = edge
    return row, edge


@inline
def row_of(contexts: Ids, context: Ids) -> np.int64:
    """Return the row of `contexts`, sorted column by column, that is equal to `context`, or -1: a binary search.

    A context of no token has the one row that there can be.
    """
    if context.size == 0:
        return np.int64(min(contexts.shape[0], 1) - 1)
    low, high = 0, contexts.shape[0]
    while low < high:
        middle = (low + high) >> 1
        column = 0
        while column < context.size - 1 and contexts[middle, column] == context[column]:
            column += 1
        if contexts[middle, column] == context[column]:
            return np.int64(middle)
        if contexts[middle, column] < context[column]:
            low = middle + 1
        else:
            high = middle
    return np.int64(-1)


@jit
def find(contexts: Ids, context: Ids) -> np.int64:
    """As `row_of`."""
    return row_of(contexts, context)
