"""The order of a list: larger logit first, lower index first among equals.

Up to 48 logits are inserted one by one; more are dealt out by eight bits at a time, from the lowest ones up, which
keeps the order of equals. Bits that all keys share, as the low ones of what was float32, take no pass: five passes of
2 ns a logit are left of eight. Both move keys, whose unsigned order is that of the logits, from the largest down.

Of the logits 1, 3, 2, 3 the places by rank are 1, 3, 2, 0.
"""

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.arrays import add_before, on_stack
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRow, WordRow, bits_of

FEW = 48
BITS = 8
counts_memory = on_stack(1 << BITS)
_SIGN = np.uint64(1 << 63)
_63 = np.uint64(63)
_DIGIT = np.uint64((1 << BITS) - 1)


@inline
def key_of(value: float) -> np.uint64:
    """Return a number that is the smaller the larger the logit; -0.0 counts as 0.0."""
    bits = np.uint64(bits_of(value + 0.0))
    falling = bits if bits >> _63 else ~(bits | _SIGN)
    return falling


@function
def rank(values: FloatRow, count: int, keys: WordRow, places: IntRow, other_keys: WordRow, others: IntRow) -> None:
    """Write the places of a list by rank; `keys`, `other_keys` and `others` are memory."""
    all_ones, any_ones = ~np.uint64(0), np.uint64(0)
    for i in range(count):
        key = key_of(values[i])
        keys[i] = key
        places[i] = i
        all_ones &= key
        any_ones |= key
    if count <= FEW:
        insert(keys, places, count)
        return
    counts = counts_memory(np.int32(0))
    swapped = False
    for shift in range(0, 64, BITS):
        digit = np.uint64(shift)
        if ((all_ones ^ any_ones) >> digit) & _DIGIT == 0:
            continue
        if swapped:
            deal(other_keys, others, keys, places, count, digit, counts)
        else:
            deal(keys, places, other_keys, others, count, digit, counts)
        swapped = not swapped
    if swapped:
        for i in range(count):
            places[i] = others[i]


@inline
def insert(keys: WordRow, places: IntRow, count: int) -> None:
    """Sort a few keys, and their places with them."""
    for i in range(1, count):
        key, place = keys[i], places[i]
        j = i
        while j > 0 and keys[j - 1] > key:
            keys[j], places[j] = keys[j - 1], places[j - 1]
            j -= 1
        keys[j], places[j] = key, place


@function
def deal(
    keys: WordRow, places: IntRow, out_keys: WordRow, out_places: IntRow, count: int, shift: np.uint64, counts: IntRow
) -> None:
    """Sort keys by one digit, in their order where it is the same."""
    for digit in range(counts.size):
        counts[digit] = 0
    for i in range(count):
        counts[np.int64((keys[i] >> shift) & _DIGIT)] += 1
    add_before(counts)
    for i in range(count):
        own = np.int64((keys[i] >> shift) & _DIGIT)
        at = counts[own]
        counts[own] = at + 1
        out_keys[at], out_places[at] = keys[i], places[i]
