"""The text that a model was counted from, where it is kept: ids of sequences, each followed by the boundary.

Of "a b. a c." as the words a, b., c. the text is 0 1 -1 0 2 -1.
"""

import numpy as np

from fastsoftmax._types import Ids
from fastsoftmax.markov.counts.transitions import BOUNDARY


class KeptText:
    """Streams of sequences, 4 bytes a token. It is never changed: threads may share it.

    That of a file is read where the file's table has passed its `check`.
    """

    def __init__(self, streams: tuple[Ids, ...]) -> None:
        self._streams = streams

    def joined(self) -> Ids:
        """Return all of it as one stream, which is copied only if there are several."""
        if len(self._streams) == 1:
            return self._streams[0]
        return np.concatenate([np.empty(0, np.int32), *self._streams])

    def count(self) -> int:
        """Return how many tokens there are, without ends."""
        return sum(int(np.count_nonzero(stream != BOUNDARY)) for stream in self._streams)

    def followed_by(self, other: "KeptText", ids: Ids | None) -> "KeptText":
        """Return this text and after it another one, whose token t is ids[t] here, or t if all are numbered alike."""
        added = other._streams if ids is None else tuple(ids[stream] for stream in other._streams)
        return KeptText((*self._streams, *added))
