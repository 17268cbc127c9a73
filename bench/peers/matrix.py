"""Transition matrices of a corpus, made without the library under test: what peers that walk start from."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bench.chains import Corpus

STEPS = 200_000  # that a slow peer walks: enough for a figure


@lru_cache(maxsize=1)
def transition_matrix(corpus: Corpus) -> sparse.csr_matrix:
    """Return P over the states of the corpus, the boundary first."""
    before, after = _state_pairs(corpus)
    states = int(before.max()) + 1
    keys = before << 32 | after
    keys.sort()
    first = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    counts = np.diff(first, append=keys.size)
    keys = keys[first]
    before, after = keys >> 32, keys & (2**32 - 1)
    probabilities = counts / np.bincount(before, weights=counts)[before]
    starts = np.searchsorted(before, np.arange(states + 1))
    return sparse.csr_matrix((probabilities, after.astype(np.int32), starts), shape=(states, states))


def _state_pairs(corpus: Corpus) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the numbers of the states before and after each transition; 0 is the boundary."""
    if isinstance(corpus.sequences, np.ndarray):
        seen = np.bincount(corpus.sequences) > 0
        numbers = np.cumsum(seen)[corpus.sequences]
        return np.concatenate(([0], numbers)), np.concatenate((numbers, [0]))
    boundary = (None,) * corpus.order
    numbered: dict[tuple[str | None, ...], int] = {boundary: 0}
    before, after = [], []
    for sequence in corpus.sequences:
        state, number = boundary, 0
        for token in sequence:
            state = (*state[1:], token)
            before.append(number)
            number = numbered.setdefault(state, len(numbered))
            after.append(number)
        before.append(number)
        after.append(0)
    return np.array(before, np.int64), np.array(after, np.int64)
