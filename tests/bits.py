"""Bits of everything that could depend on the CPU, for comparison with another CPU, or another target.

`python -m tests.bits PART DTYPE` prints a hash for each array of a part. It needs nothing but the library, so that it
runs where there is little else, as on an emulated machine.
"""

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

import fastsoftmax
from tests.filters import FILTERS


def softmax(dtype: str) -> Iterator[Any]:
    """Every way through softmax and its logarithms: rows of all kinds, alone and in batches, and other axes."""
    batch = _batch(dtype)
    for temperature in (1.0, 0.3):
        for size in (16, 100, 300, 2500):
            rows = np.ascontiguousarray(batch[:, :size])
            for function in (fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp):
                yield function(rows, temperature=temperature)
                yield function(rows[1], temperature=temperature)
        yield fastsoftmax.softmax(batch.T.copy(), axis=0, temperature=temperature)
        yield fastsoftmax.softmax(batch, axis=0, temperature=temperature)


def sampling(dtype: str) -> Iterator[Any]:
    """Tokens, with every filter and without."""
    batch = _batch(dtype)
    for words in FILTERS:
        yield fastsoftmax.sample(batch, n=50, rng=1, **words)


def distributions(dtype: str) -> Iterator[Any]:
    """What tokens are drawn from, and what is told of them."""
    batch = _batch(dtype)
    for words in FILTERS:
        yield fastsoftmax.probabilities(batch, **words)
    if dtype == "float32":
        found = fastsoftmax.sample(batch, rng=1, top_p=0.9, allowed=batch[0] > -2, kept_set=True)
        yield from (found.logprobs, found.entropy, *found.kept_set)


def chains(dtype: str) -> Iterator[Any]:
    """Counts of words and of integers, and walks."""
    chain = fastsoftmax.MarkovChain().fit([[*"abracadabra"], [*"alakazam"]])
    yield chain.walk(50, 40, temperature=0.7, top_p=0.9, seed=3, on_dead_end="restart").ids
    yield chain.walk(50, 40, seed=3).ids
    numbers = fastsoftmax.MarkovChain(2).fit(np.random.default_rng(3).integers(0, 40, 5000))
    yield from (numbers.transitions.counts, numbers.walk(20, 30, seed=5).ids)


PARTS = {"softmax": softmax, "sampling": sampling, "distributions": distributions, "chains": chains}


def bits_of(part: str, dtype: str) -> str:
    """Return the hashes of the arrays of a part."""
    return " ".join(hashlib.sha256(np.asarray(array).tobytes()).hexdigest()[:8] for array in PARTS[part](dtype))


def _batch(dtype: str) -> Any:
    if dtype == "bfloat16":
        import ml_dtypes  # noqa: F401 - NumPy knows the name then
    return (np.random.default_rng(7).standard_normal((3, 2500)) * 6).astype(dtype)


if __name__ == "__main__":
    print(bits_of(*sys.argv[1:]))
