"""How much of a sentence stands in the text that a model was fitted to, word for word.

In the text `the cat sat` the longest run of `the cat ran off` is two words of four, so half of the sentence is copied.
"""

import numpy as np

from fastsoftmax._types import Ids
from fastsoftmax.kernels.markov import suffix
from fastsoftmax.markov.counts.counting import ranked

_KEY = 64  # bits


class Overlap:
    """An index of a stream of sequences, each followed by the boundary.

    Made once, by sorting: about half a microsecond and 4 bytes a token on top of the 4 of the stream. A question takes
    a binary search a token.
    """

    def __init__(self, stream: Ids) -> None:
        self._stream = stream
        self._index = _sorted_places(stream)

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


class KeptText:
    """The text that a model was fitted to, as streams of ids, and its index, made when it is first asked for."""

    def __init__(self) -> None:
        self._streams: list[Ids] = []
        self._overlap: Overlap | None = None

    @property
    def streams(self) -> list[Ids]:
        """What is kept."""
        return self._streams

    def put(self, streams: list[Ids]) -> None:
        """Replace the text."""
        self._streams, self._overlap = streams, None

    def add(self, streams: list[Ids]) -> None:
        """Add to the text."""
        self.put([*self._streams, *streams])

    def overlap(self) -> Overlap:
        """Return the index of the text."""
        if not self._streams:
            raise ValueError("novelty or max_copied is given, expected a model that was fitted with keep_text=True")
        overlap = self._overlap
        if overlap is None:
            self._overlap = overlap = Overlap(np.concatenate(self._streams))
        return overlap
