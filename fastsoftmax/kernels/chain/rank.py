"""The order of a list: larger logit first, lower index first among equals.

Up to 96 logits are inserted one by one. More are dealt out by eleven bits at a time, from the lowest ones up, which
keeps the order of equals: words of 64 bits, 32 of a key and 32 of a place. Bits that all keys share, as the low ones of
what was float32, take no pass: four of six are left. Keys are smaller the larger the logit.

Of the logits 1, 3, 2, 3 the places by rank are 1, 3, 2, 0.
"""

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.chain.memory import Memory
from fastsoftmax.kernels.lanes.arrays import add_before, on_stack
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRow, WordRow, bits_of

FEW = 96
BITS = 11
counts_memory = on_stack(1 << BITS)
_SIGN, _LOW = np.uint64(1 << 63), np.uint64(2**32 - 1)
_32, _63 = np.uint64(32), np.uint64(63)
_DIGIT = np.uint64((1 << BITS) - 1)


@inline
def key_of(value: float) -> np.uint64:
    """Return 64 bits that are the smaller the larger the logit; -0.0 counts as 0.0."""
    bits = np.uint64(bits_of(value + 0.0))
    falling: np.uint64 = bits if bits >> _63 else ~(bits | _SIGN)
    return falling


@function
def rank(memory: Memory, count: int) -> None:
    """Write the places of a list by rank."""
    values, places, words, others = memory.values, memory.places, memory.words, memory.other_words
    if count <= FEW:
        insert(values, places, count)
        return
    for i in range(count):
        words[i] = (key_of(values[i]) << _32) | np.uint64(i)
    deal_all(words, others, count)
    for i in range(count):
        place = words[i] & _LOW
        words[i] = (key_of(values[np.int64(place)]) & ~_LOW) | place
    deal_all(words, others, count)
    for i in range(count):  # the places are in the memory of the words: each is written after it was read
        places[i] = np.int64(words[i] & _LOW)


@inline
def insert(values: FloatRow, places: IntRow, count: int) -> None:
    """Put few places in order."""
    for i in range(count):
        j = i
        while j > 0 and values[places[j - 1]] < values[i]:
            places[j] = places[j - 1]
            j -= 1
        places[j] = i


@function
def deal_all(words: WordRow, others: WordRow, count: int) -> None:
    """Sort words by their high 32 bits, in their order where those are the same."""
    differing = np.uint64(0)
    for i in range(count):
        differing |= words[i] ^ words[0]
    counts = counts_memory(np.int32(0))
    dealt = False
    for place in range(32, 64, BITS):
        shift = np.uint64(place)
        if (differing >> shift) & _DIGIT == 0:
            continue
        if dealt:
            deal(others, words, count, shift, counts)
        else:
            deal(words, others, count, shift, counts)
        dealt = not dealt
    if dealt:
        for i in range(count):
            words[i] = others[i]


@function
def deal(words: WordRow, out: WordRow, count: int, shift: np.uint64, counts: IntRow) -> None:
    """Sort words by one digit, in their order where it is the same."""
    for digit in range(counts.size):
        counts[digit] = 0
    for i in range(count):
        counts[np.int64((words[i] >> shift) & _DIGIT)] += 1
    add_before(counts)
    for i in range(count):
        own = np.int64((words[i] >> shift) & _DIGIT)
        at = counts[own]
        counts[own] = at + 1
        out[at] = words[i]
