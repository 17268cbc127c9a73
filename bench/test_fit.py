"""Counting transitions against markovify, NumPy, the reference, and one copy of the tokens."""

import itertools

import numpy as np
import pytest

import fastsoftmax
from bench import limits, peers
from bench.cases import ALL, listed
from bench.cases import threads as number
from bench.chains import ZIPF, Corpus
from bench.conftest import Race
from bench.data import Missing
from bench.results import Case

CACHED, LARGE, HUGE = map(Corpus, ZIPF)

CASES = listed(
    quick=[(c, ALL) for c in (Corpus("text-small"), *(Corpus("text", order) for order in (1, 2, 3)), CACHED, LARGE)],
    full=[(HUGE, ALL)],
)


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
