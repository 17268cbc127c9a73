"""Counting n-grams: windows of ids packed into 64-bit keys, sorted, run-length counted, turned into rows.

    push_windows, push_edges   one sweep: as many columns of ids as fit are shifted into the keys; limited by memory
    np.sort                    between the two (vectorised, in NumPy); most of the time of a count
    count_runs, count_keys     two sweeps over the sorted keys, the first only to size the result
    sort_rows                  one sweep: most rows are short, or nearly in order because most counts are 1
    link                       one sweep over the edges, each looked up in a hash table of states: cache misses

An id is packed as id + 1, so that the boundary, -1, is 0, and keys compare as the windows do, column by column.
"""

import numpy as np
import numpy.typing as npt

from fastsoftmax._jit import inline, jit

Ids = npt.NDArray[np.int32]
Keys = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64 | np.float64]

_SHORT = 16
_GOLDEN = np.uint64(0x9E3779B1)


@inline
def _shifted(key: np.uint64, shift: np.uint64) -> np.uint64:
    """Return key << shift, also for a shift by all 64 bits, which machine code leaves undefined."""
    return np.uint64(0) if shift >= np.uint64(64) else key << shift


@jit
def push_windows(stream: Ids, delay: int, bits: np.uint64, shift: np.uint64, keys: Keys) -> None:
    """Shift into keys[i] the shift / bits ids that end `delay` places before stream[i], boundaries before the start.

    The stream holds sequences, each followed by -1.
    """
    mask = _shifted(np.uint64(1), shift) - np.uint64(1)
    window = np.uint64(0)
    depth = 0
    for i in range(stream.size):
        entering = np.uint64(stream[i - delay] + np.int64(1)) if delay <= depth else np.uint64(0)
        window = (_shifted(window, bits) | entering) & mask
        keys[i] = _shifted(keys[i], shift) | window
        depth += 1
        if stream[i] < 0:
            window = np.uint64(0)
            depth = 0


@jit
def push_edges(
    contexts: Ids, offsets: Positions, tokens: Ids, first: int, last: int, bits: np.uint64, keys: Keys
) -> None:
    """Shift into the keys of all edges the columns [first, last) of (context, token)."""
    order = contexts.shape[1]
    for row in range(contexts.shape[0]):
        prefix = np.uint64(0)
        for column in range(first, min(last, order)):
            prefix = _shifted(prefix, bits) | np.uint64(contexts[row, column] + np.int64(1))
        shift = np.uint64(last - first) * bits
        for edge in range(offsets[row], offsets[row + 1]):
            pushed = prefix
            if last > order:
                pushed = _shifted(prefix, bits) | np.uint64(tokens[edge] + np.int64(1))
            keys[edge] = _shifted(keys[edge], shift) | pushed


@jit
def pop_columns(keys: Keys, first: int, last: int, bits: np.uint64, windows: Ids) -> None:
    """Shift the columns [first, last) out of the keys again, into windows[:, first:last]."""
    mask = (np.uint64(1) << bits) - np.uint64(1)
    for i in range(keys.size):
        key = keys[i]
        for column in range(last - 1, first - 1, -1):
            windows[i, column] = np.int32(np.int64(key & mask) - 1)
            key = key >> bits
        keys[i] = key


@jit
def count_runs(keys: Keys, drop: np.uint64) -> int:
    """Return the number of different values of keys >> drop, the keys being sorted."""
    runs = min(keys.size, 1)
    for i in range(1, keys.size):
        runs += (keys[i] >> drop) != (keys[i - 1] >> drop)
    return runs


@jit
def count_keys(keys: Keys, weight: int, distinct: Keys, counts: Positions) -> None:
    """Write the different keys of a sorted array and how often each occurs, times `weight`."""
    run = -1
    for i in range(keys.size):
        if i == 0 or keys[i] != keys[i - 1]:
            run += 1
            distinct[run] = keys[i]
            counts[run] = 0
        counts[run] += weight


@jit
def sum_keys(keys: Keys, weights: Counts, distinct: Keys, counts: Counts) -> None:
    """Write the different keys of a sorted array and the sum of the weights of each."""
    run = -1
    for i in range(keys.size):
        if i == 0 or keys[i] != keys[i - 1]:
            run += 1
            distinct[run] = keys[i]
            counts[run] = weights[i]
        else:
            counts[run] += weights[i]


@jit
def split_rows(keys: Keys, bits: np.uint64, tokens: Ids, contexts: Keys, offsets: Positions) -> None:
    """Split sorted keys into rows: the last id of each, the different keys without it, and where each begins."""
    mask = (np.uint64(1) << bits) - np.uint64(1)
    row = -1
    for i in range(keys.size):
        context = keys[i] >> bits
        if row < 0 or context != contexts[row]:
            row += 1
            contexts[row] = context
            offsets[row] = i
        tokens[i] = np.int32(np.int64(keys[i] & mask) - 1)
    offsets[row + 1] = keys.size


@jit
def sort_rows(offsets: Positions, counts: Counts, tokens: Ids) -> None:
    """Sort the edges of every row by count, larger first; ties keep their order. A merge sort, in place."""
    longest = 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    spare_counts = np.empty(longest, counts.dtype)
    spare_tokens = np.empty(longest, tokens.dtype)
    for row in range(offsets.size - 1):
        start, stop = offsets[row], offsets[row + 1]
        for low in range(start, stop, _SHORT):
            _insertion_sort(low, min(low + _SHORT, stop), counts, tokens)
        width = _SHORT
        while width < stop - start:
            for low in range(start, stop - width, 2 * width):
                _merge(low, low + width, min(low + 2 * width, stop), counts, tokens, spare_counts, spare_tokens)
            width *= 2


@inline
def _insertion_sort(start: int, stop: int, counts: Counts, tokens: Ids) -> None:
    for i in range(start + 1, stop):
        count, token = counts[i], tokens[i]
        j = i
        while j > start and counts[j - 1] < count:
            counts[j], tokens[j] = counts[j - 1], tokens[j - 1]
            j -= 1
        counts[j], tokens[j] = count, token


@inline
def _merge(
    start: int, middle: int, stop: int, counts: Counts, tokens: Ids, spare_counts: Counts, spare_tokens: Ids
) -> None:
    """Merge two neighbouring sorted runs; the first waits in the spare arrays."""
    if counts[middle - 1] >= counts[middle]:
        return
    waiting = middle - start
    spare_counts[:waiting] = counts[start:middle]
    spare_tokens[:waiting] = tokens[start:middle]
    left, right, out = 0, middle, start
    while left < waiting:
        if right < stop and counts[right] > spare_counts[left]:
            counts[out], tokens[out] = counts[right], tokens[right]
            right += 1
        else:
            counts[out], tokens[out] = spare_counts[left], spare_tokens[left]
            left += 1
        out += 1


@inline
def _hashed(state: np.uint64, token: int) -> np.uint64:
    """Return a 32-bit hash of a 32-bit hash and one token more, without overflow."""
    product = (state ^ np.uint64(token + np.int64(1))) * _GOLDEN
    return (product ^ (product >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


@jit
def link(contexts: Ids, offsets: Positions, tokens: Ids, slots: Positions, targets: Ids) -> None:
    """Write for every edge the row of the state it leads to, (context[1:], token), or -1 where there is none.

    `slots` is the space of an open-addressing table, a power of two above the number of rows, filled with -1. A slot
    holds a row and 31 bits of its hash, so that few other rows are compared.
    """
    rows, order = contexts.shape
    last_slot = np.uint64(slots.size - 1)
    for row in range(rows):
        state = np.uint64(0)
        for column in range(order):
            state = _hashed(state, contexts[row, column])
        place = state & last_slot
        while slots[place] >= 0:
            place = (place + np.uint64(1)) & last_slot
        slots[place] = (np.int64(state >> np.uint64(1)) << 32) | row
    for row in range(rows):
        prefix = np.uint64(0)
        for column in range(1, order):
            prefix = _hashed(prefix, contexts[row, column])
        for edge in range(offsets[row], offsets[row + 1]):
            targets[edge] = -1
            if tokens[edge] < 0:
                continue
            state = _hashed(prefix, tokens[edge])
            mark = np.int64(state >> np.uint64(1))
            place = state & last_slot
            while slots[place] >= 0:
                if slots[place] >> 32 == mark:
                    found = slots[place] & 0xFFFFFFFF
                    same = contexts[found, order - 1] == tokens[edge]
                    for column in range(1, order):
                        same &= contexts[found, column - 1] == contexts[row, column]
                    if same:
                        targets[edge] = np.int32(found)
                        break
                place = (place + np.uint64(1)) & last_slot


@jit
def find(contexts: Ids, context: Ids) -> np.int64:
    """Return the row of `contexts`, sorted column by column, that is equal to `context`, or -1: a binary search."""
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
