"""Words by order of first appearance, as ids."""

import secrets
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from fastsoftmax._types import Ids
from fastsoftmax.kernels.markov import words as kernels


class WordTable:
    """Words by order of first appearance, found in clean text by a kernel."""

    def __init__(self) -> None:
        self._words = _space(2**16, 2**12, np.uint64(secrets.randbits(64)))
        self._newlines = -1

    def __len__(self) -> int:
        return int(self._words.known[0])

    def words(self, first: int = 0) -> list[str]:
        """Return the words from that one on."""
        starts = self._words.starts[first : len(self) + 1]
        pool = self._words.pool[starts[0] : starts[-1]].tobytes()
        bounds = (starts - starts[0]).tolist()
        return [pool[start:stop].decode("utf-8", "surrogatepass") for start, stop in pairwise(bounds)]

    def ids(self, piece: bytes, breaks: int) -> Iterator[Ids]:
        """Yield the ids of the words of a piece, with the boundary where at least `breaks` line feeds are between."""
        text = np.frombuffer(piece + bytes(kernels.PADDING), np.uint8)
        start, stop = 0, len(piece)
        while start < stop:
            out = np.empty((stop - start) // 2 + 4, np.int32)
            start, count, self._newlines = kernels.split_words(
                text, start, stop, breaks, self._newlines, self._words, out
            )
            yield out[:count]
            if start < stop:
                self._grow(stop - start)

    def end_document(self) -> None:
        """Let the next word begin a document."""
        self._newlines = -1

    def _grow(self, wanted: int) -> None:
        """Double the table, and make room for a word as long as all that is left."""
        old, known = self._words, len(self)
        used = int(old.starts[known])
        self._words = _space(2 * old.pool.size + wanted, 2 * old.starts.size, old.salt)
        self._words.pool[:used] = old.pool[:used]
        self._words.starts[: known + 1] = old.starts[: known + 1]
        self._words.known[0] = known
        kernels.rehash(self._words)


def _space(size: int, words: int, salt: np.uint64) -> kernels.Words:
    slots = np.full(4 * words, -1, np.int32)
    return kernels.Words(np.zeros(size, np.uint8), np.zeros(words, np.int64), slots, np.zeros(1, np.int64), salt)
