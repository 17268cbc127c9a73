"""How much of a sentence stands in the text that a model was fitted to, word for word.

In the text `the cat sat` the longest run of `the cat ran off` is two words of four, so half of the sentence is copied.
"""

import numpy as np

from fastsoftmax._types import Ids
from fastsoftmax.kernels.markov import suffix
from fastsoftmax.markov.counts.counting import ranked

_KEY = 64  # bits
_MOST = 2**31 - 1  # places that an index of int32 can hold


class Overlap:
    """An index of a stream of sequences, each followed by the boundary.

    Made once, by sorting: about half a microsecond and 4 bytes a token on top of the 4 of the stream. A question takes
    a binary search a token.
    """

    def __init__(self, stream: Ids) -> None:
        if stream.size > _MOST:
            raise ValueError(f"the text has {stream.size:,} words and ends, expected fewer than 2**31 for novelty")
        self._stream = stream.view()
        self._stream.flags.writeable = False  # as a stream of a file is: one kind of array, one compiled kernel
        self._index = _sorted_places(self._stream) if stream.size else np.empty(0, np.int32)

    def longest_run(self, tokens: Ids) -> int:
        """Return how many tokens the longest part has that stands in the stream."""
        return int(suffix.longest_run(self._stream, self._index, tokens))


def _sorted_places(stream: Ids) -> Ids:
    """Return the places of tokens, sorted by the tokens from there on."""
    bits = max((int(stream.max()) + 1).bit_length(), 1)
    depth = _KEY // bits
    keys = np.empty(stream.size, np.uint64)
    suffix.push_following(stream, np.uint64(bits), np.uint64(depth), keys)
    different, ranks = ranked(keys)
    before = 0
    while before < different.size:  # twice as deep, until that tells no more apart: they are equal to their ends
        before = different.size
        suffix.push_later(stream, ranks, depth, keys)
        different, ranks = ranked(keys)
        depth *= 2
    places = ranks.argsort(kind="stable").astype(np.int32)
    return places[stream[places] >= 0]
