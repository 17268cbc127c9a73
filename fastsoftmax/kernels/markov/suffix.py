"""A sorted index of a stream of sequences: what follows each of its tokens, in order.

    push_following, push_later   keys of the next tokens, as those of `count`, the first token highest
    longest_run                  the longest part of a sequence that is somewhere in the stream: a binary search a token

The index is a suffix array (Manber and Myers, "Suffix arrays", SIAM Journal on Computing 22, 1993), sorted by prefix
doubling as far as it is asked for.

The stream 1 2 | 1 3 |, where | is the boundary, has the index 0, 3, 1, 4: from there on it reads 1 2, 1 3, 2 and 3. The
longest run of 1 3 4 in it is 1 3.
"""

import numpy as np
import numpy.typing as npt

from fastsoftmax._jit import inline, jit
from fastsoftmax._types import Ids

Keys = npt.NDArray[np.uint64]

_32 = np.uint64(32)


@jit
def push_following(stream: Ids, bits: np.uint64, width: np.uint64, keys: Keys) -> None:
    """Write the tokens from each place on as a key, `width` of them; after the end of a sequence there are zeros."""
    top = bits * (width - np.uint64(1))
    window = np.uint64(0)
    for i in range(stream.size - 1, -1, -1):
        entering = np.uint64(stream[i] + np.int64(1))
        window = np.uint64(0) if entering == np.uint64(0) else (window >> bits) | (entering << top)
        keys[i] = window


@jit
def push_later(stream: Ids, ranks: Ids, distance: int, keys: Keys) -> None:
    """Write the key of each place's rank and of that `distance` tokens later, 0 after the end of the sequence."""
    left = 0
    for i in range(stream.size - 1, -1, -1):
        left = 0 if stream[i] < 0 else left + 1
        later = np.uint64(ranks[i + distance]) if left > distance else np.uint64(0)
        keys[i] = (np.uint64(ranks[i]) << _32) | later


@inline
def _common(stream: Ids, place: int, tokens: Ids, first: int) -> int:
    """Return how many tokens are the same, from stream[place] and from tokens[first] on."""
    count = 0
    while first + count < tokens.size and stream[place + count] == tokens[first + count]:
        count += 1
    return count


@jit
def longest_run(stream: Ids, index: Ids, tokens: Ids) -> int:
    """Return the length of the longest part of `tokens` that stands in the stream, which ends with -1."""
    longest = 0
    for first in range(tokens.size):
        if tokens.size - first <= longest:
            break
        low, high = 0, index.size
        while low < high:
            middle = (low + high) >> 1
            place = int(index[middle])
            count = _common(stream, place, tokens, first)
            longest = max(longest, count)
            if first + count == tokens.size:
                return longest
            if stream[place + count] < tokens[first + count]:
                low = middle + 1
            else:
                high = middle
    return longest
