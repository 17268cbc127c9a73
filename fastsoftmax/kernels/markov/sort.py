"""Sorting: n-grams as 64-bit keys, and the edges of every row by their counts.

    sort_keys   a sweep for each ten bits, 2 to 3 ns a key each; np.sort takes 7 to 12 ns a key with AVX-512, 17 to 20
                with AVX2 (Zen 3), and 40 to 60 on Zen 4
    sort_along  a sweep through memory, and one through the cache for each eight bits more: 13 to 15 ns a key of 40 bits
    rank        one sweep over sorted keys that know their places
    sort_rows   three sweeps of rows, which fit into the cache; most are short

The keys 0x801, 0x402, 0x001 sorted by their lowest ten bits are 0x801, 0x001, 0x402; then by the bits above them
0x001, 0x402, 0x801.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax._jit import inline, jit
from fastsoftmax._types import Counts, Ids, Positions
from fastsoftmax.kernels.lanes.arrays import add_before, borrowed, on_stack

Keys = npt.NDArray[np.uint64]

_DIGIT, _BYTE = 10, 8  # bits
_a_byte = on_stack(1 << _BYTE)
_SHORT = 16
_SMALL = 64
_small_counts = on_stack(_SMALL)


@jit
def sort_keys(keys: Keys, spare: Keys, bits: int) -> bool:
    """Sort keys of so many bits; return whether they ended in the spare array.

    A radix sort from the lowest digit on (Knuth, "The art of computer programming", volume 3, section 5.2.5): each
    sweep moves the keys from one array to the other, each behind those before it with its digit. Digits have 10 bits:
    a first-level cache and its table of pages hold 1,024 places to write to.
    """
    one, other = borrowed(keys), borrowed(spare)
    digits = (bits + _DIGIT - 1) // _DIGIT
    mask = np.uint64((1 << _DIGIT) - 1)
    occurs = np.zeros((digits, 1 << _DIGIT), np.int64)
    for i in range(one.size):
        for digit in range(digits):
            occurs[digit, (one[i] >> np.uint64(_DIGIT * digit)) & mask] += 1
    swapped = False
    for digit in range(digits):
        drop, ends = np.uint64(_DIGIT * digit), occurs[digit]
        if ends[(one[0] >> drop) & mask] == one.size:  # no sweep for a digit that all share
            continue
        add_before(ends)
        for i in range(one.size):
            key = one[i]
            end = np.uint64(ends[(key >> drop) & mask])
            other[end] = key
            ends[(key >> drop) & mask] += 1
        one, other = other, one
        swapped = not swapped
    return swapped


@jit
def sort_along(keys: Keys, spare: Keys, along: npt.NDArray[Any], spare_along: npt.NDArray[Any], bits: int) -> None:
    """Sort keys of so many bits into the spare array, and another array along with them; equal keys keep their order.

    The highest digit first, so that what has the same one fits into a second-level cache, and then from the lowest on:
    two arrays that are written to in a thousand places each take three times as long where they are in memory.
    """
    one, other = borrowed(keys), borrowed(spare)
    moving, moved = borrowed(along), borrowed(spare_along)
    lower = max(bits - _BYTE, 0)
    drop = np.uint64(lower)
    ends = _a_byte(np.int64(0))
    for i in range(one.size):
        ends[one[i] >> drop] += 1
    add_before(ends)
    for i in range(one.size):
        key = one[i]
        end = np.uint64(ends[key >> drop])
        other[end], moved[end] = key, moving[i]
        ends[key >> drop] += 1
    start = 0
    for high in range(ends.size):
        stop = ends[high]
        _sort_part(start, stop, lower, other, one, moved, moving)
        start = stop


@inline
def _sort_part(
    start: int,
    stop: int,
    bits: int,
    keys: Keys,
    spare: Keys,
    along: npt.NDArray[Any],
    spare_along: npt.NDArray[Any],
) -> None:
    """Sort a part of keys by so many bits, where it is."""
    if stop - start <= _SHORT:
        for i in range(start + 1, stop):
            key, own = keys[i], along[i]
            j = i
            while j > start and keys[j - 1] > key:
                keys[j], along[j] = keys[j - 1], along[j - 1]
                j -= 1
            keys[j], along[j] = key, own
        return
    mask = np.uint64((1 << _BYTE) - 1)
    ends = _a_byte(np.int64(0))
    for low in range(0, bits, _BYTE):
        drop = np.uint64(low)
        ends[:] = 0
        for i in range(start, stop):
            ends[(keys[i] >> drop) & mask] += 1
        add_before(ends)
        for i in range(start, stop):
            key = keys[i]
            end = np.uint64(start + ends[(key >> drop) & mask])
            spare[end], spare_along[end] = key, along[i]
            ends[(key >> drop) & mask] += 1
        keys, spare = spare, keys
        along, spare_along = spare_along, along
    if (bits + _BYTE - 1) // _BYTE % 2 == 1:
        for i in range(start, stop):
            spare[i], spare_along[i] = keys[i], along[i]


@jit
def rank(keys: Keys, places: Ids, ranks: Ids) -> int:
    """Move the different values of sorted keys to the front; write the rank at every key's place; return how many."""
    out, origins, found = borrowed(keys), borrowed(places), borrowed(ranks)
    run = np.uint64(0)
    last = out[0]
    for i in range(out.size):
        key = out[i]
        run += np.uint64(key != last)
        last = key
        out[run] = key
        found[np.uint64(origins[i])] = np.int32(run)
    return int(run) + 1


@jit
def sort_rows(offsets: Positions, counts: Counts, tokens: npt.NDArray[Any]) -> None:
    """Sort the edges of every row by count, larger first; ties keep their order.

    Small whole counts, which most are, are put in order by counting them; a merge sort, in place, does the rest.
    """
    longest = 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    spare_counts = np.empty(longest, counts.dtype)
    spare_tokens = np.empty(longest, tokens.dtype)
    ends = _small_counts(np.int64(0))
    for row in range(offsets.size - 1):
        start, stop = offsets[row], offsets[row + 1]
        if stop - start <= _SHORT:
            _insertion_sort(start, stop, counts, tokens)
            continue
        _sort_small(start, stop, counts, tokens, spare_counts, spare_tokens, ends)
        for low in range(start, stop, _SHORT):
            _insertion_sort(low, min(low + _SHORT, stop), counts, tokens)
        width = _SHORT
        while width < stop - start:
            for low in range(start, stop - width, 2 * width):
                _merge(low, low + width, min(low + 2 * width, stop), counts, tokens, spare_counts, spare_tokens)
            width *= 2


@inline
def _sort_small(
    start: int,
    stop: int,
    counts: Counts,
    tokens: Ids,
    spare_counts: Counts,
    spare_tokens: Ids,
    ends: Positions,
) -> None:
    """Sort edges by the whole part of their counts, as far as these are small; ties keep their order."""
    ends[:] = 0
    for i in range(start, stop):
        ends[_small(counts[i])] += 1
    add_before(ends)
    for i in range(start, stop):
        end = ends[_small(counts[i])]
        ends[_small(counts[i])] += 1
        spare_counts[end], spare_tokens[end] = counts[i], tokens[i]
    for i in range(stop - start):
        counts[start + i], tokens[start + i] = spare_counts[i], spare_tokens[i]


@inline
def _small(count: Any) -> int:
    """Return 0 for counts that are not small, then the less the larger: the order of `sort_rows`."""
    return 0 if count >= _SMALL else _SMALL - 1 - max(int(count), 0)


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
    for i in range(waiting):
        spare_counts[i], spare_tokens[i] = counts[start + i], tokens[start + i]
    left, right, out = 0, middle, start
    while left < waiting:
        if right < stop and counts[right] > spare_counts[left]:
            counts[out], tokens[out] = counts[right], tokens[right]
            right += 1
        else:
            counts[out], tokens[out] = spare_counts[left], spare_tokens[left]
            left += 1
        out += 1
