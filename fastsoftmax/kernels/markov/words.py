"""Words of UTF-8 text to ids: one sweep over the bytes, eight at a time.

    split_words   finds the next white space in eight bytes at once, hashes words by eight bytes at once and looks
                  them up in a table: 20 ns a word, limited by branches that depend on the text
    rehash        a larger table of the same words

A table is open addressing over the bytes of the known words, which stand one after the other in a pool. It begins its
hashes with a random number: nobody can write a text whose words all want the same slot, which takes quadratic time.

The text `the cat the` becomes the ids 0, 1, 0.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types

from fastsoftmax._jit import inline, intrinsic, jit
from fastsoftmax._types import Ids, Positions
from fastsoftmax.kernels.lanes.arrays import borrowed

Bytes = npt.NDArray[np.uint8]

PADDING = 8  # bytes after the text and after the pool, which are read and do not matter
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_SPACES = np.uint64(0x2121212121212121)
_TOPS = np.uint64(0x8080808080808080)
_32 = np.uint64(32)


class Words(NamedTuple):
    """Known words: word i is pool[starts[i] : starts[i + 1]]."""

    pool: Bytes
    starts: Positions
    slots: Ids
    known: Positions  # (1,): how many
    salt: np.uint64  # what hashes begin with


@intrinsic
def _eight(typing_context: Any, array: Any, index: Any) -> Any:
    """Return the eight bytes from array[index] on, the first one lowest."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        data = context.make_array(array)(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(array, types.int64), codegen


@intrinsic
def _trailing_zeros(typing_context: Any, bits: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.uint64), codegen


@inline
def _is_space(byte: np.uint8) -> bool:
    return bool(byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31)


@inline
def _word_end(text: Bytes, start: int, stop: int) -> int:
    """Return where the white space begins that is next."""
    while start < stop:
        eight = _eight(text, start)
        low = (eight - _SPACES) & ~eight & _TOPS  # marks the bytes from 0 to 32; only the first mark is sure
        skipped = _trailing_zeros(low) >> 3
        start += skipped
        if skipped < 8:
            if start >= stop or _is_space(text[start]):
                break
            start += 1  # a control character
    return min(start, stop)


@inline
def _hashed(text: Bytes, start: int, stop: int, salt: np.uint64) -> np.uint64:
    state = salt ^ np.uint64(stop - start)
    while start < stop:
        eight = _eight(text, start)
        if stop - start < 8:
            eight &= (np.uint64(1) << np.uint64(8 * (stop - start))) - np.uint64(1)
        state = (state ^ eight) * _GOLDEN
        state ^= state >> _32
        start += 8
    return state


@inline
def _is_word(text: Bytes, start: int, stop: int, pool: Bytes, first: int, last: int) -> bool:
    if stop - start != last - first:
        return False
    while start < stop:
        different = _eight(text, start) ^ _eight(pool, first)
        if stop - start < 8:
            different &= (np.uint64(1) << np.uint64(8 * (stop - start))) - np.uint64(1)
        if different != np.uint64(0):
            return False
        start += 8
        first += 8
    return True


@jit
def rehash(words: Words) -> None:
    """Enter all known words into empty slots, a power of two, filled with -1."""
    slots = words.slots
    last = np.uint64(slots.size - 1)
    for word in range(words.known[0]):
        place = _hashed(words.pool, words.starts[word], words.starts[word + 1], words.salt) & last
        while slots[place] >= 0:
            place = (place + np.uint64(1)) & last
        slots[place] = word


@jit
def split_words(
    text: Bytes, start: int, stop: int, breaks: int, newlines: int, words: Words, out: Ids
) -> tuple[int, int, int]:
    """Write the ids of the words of text[start:stop], and -1 where `breaks` or more line feeds stand between two.

    `newlines` is how many line feeds stand before the text; -1 before the first word. Returns where it stopped, which
    is before `stop` if the table of words has no room for another or `out` is full, how many ids it wrote, and how many
    line feeds it passed since the last word.
    """
    data, ids = borrowed(text), borrowed(out)
    pool, starts, slots, known = (
        borrowed(words.pool),
        borrowed(words.starts),
        borrowed(words.slots),
        borrowed(words.known),
    )
    last = np.uint64(slots.size - 1)
    count = 0
    while True:
        while start < stop and _is_space(data[start]):
            newlines += newlines >= 0 and data[start] == 10
            start += 1
        if start >= stop or count + 2 > ids.size:
            return start, count, newlines
        end = _word_end(data, start, stop)
        place = _hashed(data, start, end, words.salt) & last
        word = np.int64(slots[place])
        while word >= 0 and not _is_word(data, start, end, pool, starts[word], starts[word + 1]):
            place = (place + np.uint64(1)) & last
            word = np.int64(slots[place])
        if word < 0:
            word = known[0]
            first = starts[word]
            if 2 * word + 2 > slots.size or word + 2 > starts.size or first + end - start + PADDING > pool.size:
                return start, count, newlines
            for i in range(end - start):
                pool[first + i] = data[start + i]
            starts[word + 1] = first + end - start
            slots[place] = word
            known[0] = word + 1
        if newlines >= breaks:
            ids[count] = -1
            count += 1
        ids[count] = word
        count += 1
        newlines = 0
        start = end
