"""Counting transitions against markovify, NumPy, the reference, and one copy of the tokens."""

import itertools

import numpy as np
import pytest

import fastsoftmax
from bench import limits, peers
from bench.cases import ALL, listed
from bench.cases import threads as number
from bench.chains import ZIPF, Corpus, book
from bench.conftest import Race
from bench.data import Missing
from bench.results import Case

CACHED, LARGE, HUGE = map(Corpus, ZIPF)

WIDE = [Corpus(corpus.name, order) for corpus in (CACHED, LARGE) for order in (2, 3, 5)]
BOOKS = {"book-4MB": 4_000_000, "book-40MB": 40_000_000}

CASES = listed(
    quick=[(c, ALL) for c in (Corpus("text-small"), *(Corpus("text", order) for order in (1, 2, 3)), CACHED, LARGE)],
    full=[(c, ALL) for c in (*WIDE, HUGE)],
)
FILES = listed(quick=[("book-4MB", ALL)], full=[("book-40MB", ALL)])


@pytest.mark.parametrize(("corpus", "threads"), CASES)
def test_fit(race: Race, corpus: Corpus, threads: str) -> None:
    try:
        sequences = corpus.sequences
    except Missing as reason:
        pytest.skip(str(reason))
    facts = {"order": corpus.order, "tokens": corpus.tokens, "threads": number(threads)}
    case = Case("fit", "fit", f"{corpus}-{threads}", facts, "tokens")
    ids = sequences if isinstance(sequences, np.ndarray) else np.zeros(corpus.tokens, np.int32)
    others = itertools.chain(limits.copy(ids), peers.contestants("fit", corpus))
    chain = fastsoftmax.MarkovChain(corpus.order)
    race(case, corpus.tokens, lambda: chain.fit(sequences), others)


@pytest.mark.parametrize(("name", "threads"), FILES)
def test_text(race: Race, name: str, threads: str) -> None:
    path, text = book(BOOKS[name]), fastsoftmax.MarkovText(2)
    words = int(text.fit(path).chain.transitions.counts.sum())  # and ends
    facts = {"order": 2, "bytes": BOOKS[name], "words": words, "threads": number(threads)}
    case = Case("fit", "text file", f"{name}-{threads}", facts, "words")
    others = itertools.chain(limits.copy(np.fromfile(path, np.uint8)), peers.contestants("fit_text", path))
    race(case, words, lambda: text.fit(path), others)
