"""The reference of this repository: plain Python, on small inputs only."""

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

import fastsoftmax
import reference
from bench.chains import Corpus
from bench.data import Array
from bench.race import Contestant

NAME = "reference"
DISTRIBUTIONS = ()

MOST_LOGITS = 2_000
MOST_TOKENS = 20_000
WALKS = 10


def softmax(function: str, logits: Array, temperature: float, axis: int = -1) -> Iterator[Contestant]:
    """Follow the definition, row by row."""
    if axis == -1 and logits.size <= MOST_LOGITS:
        one, rows = getattr(reference, function), logits.astype(float).tolist()
        yield Contestant(NAME, "reference", lambda: [one(row, temperature) for row in rows])


def sample(logits: Array, params: fastsoftmax.SamplingParams, n: int) -> Iterator[Contestant]:
    """Follow the definition, row by row."""
    if logits.size <= MOST_LOGITS:
        rows, fields = logits.astype(float).tolist(), asdict(params)
        yield Contestant(NAME, "reference", lambda: [reference.sample(row, n=n, seed=0, **fields) for row in rows])


def walk(corpus: Corpus, n: int, length: int) -> Iterator[Contestant]:
    """Walk a few times; each call works out every row of the chain first."""
    if corpus.tokens <= MOST_TOKENS:
        chain = reference.MarkovChain(corpus.order).fit(_lists(corpus))
        steps = sum(min(len(tokens) + 1, length) for tokens in chain.walk(min(n, WALKS), length, seed=0))
        yield Contestant(NAME, "reference", lambda: chain.walk(min(n, WALKS), length, seed=0), units=steps)


def fit(corpus: Corpus) -> Iterator[Contestant]:
    """Dictionaries of dictionaries."""
    if corpus.tokens <= MOST_TOKENS:
        sequences = _lists(corpus)
        yield Contestant(NAME, "reference", lambda: reference.MarkovChain(corpus.order).fit(sequences))


def _lists(corpus: Corpus) -> list[list[object]]:
    return [corpus.sequences.tolist()] if isinstance(corpus.sequences, np.ndarray) else corpus.sequences
