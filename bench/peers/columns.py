"""Windows of a corpus as columns, for peers that know tables."""

import numpy as np

from bench.chains import Corpus
from bench.data import Array

LARGEST = 20_000_000  # tokens: a group-by of as many different windows takes some 100 bytes for each


def takes(corpus: Corpus) -> bool:
    """Return whether a corpus is one of integers, and one that a group-by has the memory for."""
    return isinstance(corpus.sequences, np.ndarray) and corpus.tokens <= LARGEST


def windows(corpus: Corpus) -> dict[str, Array]:
    """Return the order + 1 columns of a corpus of integers: each token with those before it."""
    ids = np.asarray(corpus.sequences)
    last = ids.size - corpus.order
    return {f"t{i}": ids[i : last + i] for i in range(corpus.order + 1)}
