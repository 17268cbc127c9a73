"""Markov walks against markovify, QuantEcon, the reference, and walks from cache line to cache line."""

import itertools
from typing import Any

import numpy as np
import pytest

from bench import limits, peers
from bench.cases import ALL, ONE, listed
from bench.cases import threads as number
from bench.chains import EDGE, ZIPF, Corpus, fitted
from bench.conftest import Race
from bench.data import Missing
from bench.results import Case

PARAMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "T=0.7": {"temperature": 0.7},
    "top_k": {"top_k": 10},
    "top_p": {"top_p": 0.9},
}
TEXTS = [Corpus("text", order) for order in (1, 2, 3)]
CACHED, LARGE, HUGE = map(Corpus, ZIPF)
MANY, SINGLE, SENTENCES = (1_000, 1_000), (1, 100_000), (10_000, 100)  # walks, and the length of each
NAMES = {MANY: "", SINGLE: " (one walk)", SENTENCES: " (sentences)"}

CASES = listed(
    quick=(
        *itertools.product(["plain"], [Corpus("text-small"), *TEXTS, CACHED, LARGE], [MANY], [ONE]),
        *itertools.product(["plain"], [TEXTS[1], LARGE], [MANY], [ALL]),
        *itertools.product(PARAMS, [LARGE], [MANY], [ONE]),
        *itertools.product(["plain"], [Corpus("text-small"), CACHED, LARGE], [SINGLE], [ONE]),
        ("plain", TEXTS[1], SENTENCES, ONE),
    ),
    full=(
        *itertools.product(PARAMS, [*TEXTS, CACHED], [MANY], [ONE]),
        *itertools.product(["plain"], [HUGE], [MANY], [ONE, ALL]),
        ("T=0.7", HUGE, MANY, ONE),
    ),
)


@pytest.mark.parametrize(("name", "corpus", "walks", "threads"), CASES)
def test_walk(race: Race, name: str, corpus: Corpus, walks: tuple[int, int], threads: str) -> None:
    n, length = walks
    try:
        chain = fitted(corpus)
    except Missing as reason:
        pytest.skip(str(reason))
    params = {**PARAMS[name], "on_dead_end": "stop" if walks == SENTENCES else "restart"}
    edges = len(chain.transitions.tokens)
    limit = limits.CHASE if walks == SINGLE else limits.OVERLAPPED
    facts = {"n": n, "length": length, "edges": edges, "threads": number(threads), "limit": limit, **params}
    case = Case("walk", name + NAMES[walks], f"{corpus}-{threads}", facts, "steps")

    def ours() -> Any:
        return chain.walk(n, length, seed=0, **params)

    others = limits.chases(edges * EDGE)
    if not PARAMS[name]:  # the peers have no temperature and no cut-offs
        others = itertools.chain(others, peers.contestants("walk", corpus, n, length))
    steps = float(np.minimum(ours().lengths + 1, length).sum())  # an end is a step too
    race(case, steps, ours, others)
