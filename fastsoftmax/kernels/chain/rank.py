"""The order of a list: larger logit first, lower index first among equals.

Up to 96 logits are inserted one by one. More are dealt out by their bits, first the low 32 and then the high ones,
which keeps the order of equals: words of 64 bits, 32 of a key and 32 of a place. Keys are smaller the larger the logit.

Of the logits 1, 3, 2, 3 the places by rank are 1, 3, 2, 0.
"""

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.chain.memory import Memory
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRow, bits_of
from fastsoftmax.kernels.math.radix import deal_all

FEW = 96
_SIGN, _LOW = np.uint64(1 << 63), np.uint64(2**32 - 1)
_32, _63 = np.uint64(32), np.uint64(63)


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
