"""Chains that several tests need, how to compare two, and a count by dictionaries."""

import math
from collections import Counter, defaultdict

import mpmath
import numpy as np
from hypothesis import strategies as st

from fastsoftmax.markov import MarkovChain

INF = math.inf


ARRAYS = ("contexts", "offsets", "tokens", "counts", "targets")


CATS = [["the", "cat", "sat"], ["the", "dog", "sat", "down"], ["a", "cat", "ran"]]


WEATHER = {"sun": {"sun": 8, "rain": 2}, "rain": {"rain": 3, "sun": 3, "snow": 1}, "snow": {"snow": 1, "rain": 4}}


P = [[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.1, 0.8]]
DAYS = ["sun", "rain", "snow"]


SQUARES = st.integers(1, 6).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 3), min_size=n, max_size=n), min_size=n, max_size=n)
)


tokens = st.one_of(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=12),
    st.lists(st.lists(st.sampled_from("abcdé中"), min_size=1, max_size=8), min_size=1, max_size=12),
    st.lists(st.lists(st.integers(0, 2**31 - 2), min_size=1, max_size=5), min_size=1, max_size=6),
)


orders = st.integers(0, 5)


def assert_same(one, two):
    assert one.vocabulary == two.vocabulary
    for name in ARRAYS:
        a, b = getattr(one.transitions, name), getattr(two.transitions, name)
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def counted(sequences, order, vocabulary):
    """Count with dictionaries: {context: {next: count}} in ids."""
    rows = defaultdict(Counter)
    for sequence in sequences:
        ids = sequence if vocabulary is None else [vocabulary.index(token) for token in sequence]
        padded = [-1] * order + list(ids) + [-1]
        for t in range(order, len(padded)):
            rows[tuple(padded[t - order : t])][padded[t]] += 1
    return rows


def long_chain(order=1, size=300, tokens=40, seed=0):
    """Return a chain with rows of every length, from 1 to dozens, and counts with and without ties."""
    rng = np.random.default_rng(seed)
    return MarkovChain(order).fit([(rng.zipf(1.4, rng.integers(1, 60)) % tokens).tolist() for _ in range(size)])


def exact(matrix):
    """Return the rows divided by their sums, at 50 digits; a row of zeros stays where it is."""
    rows = [[mpmath.mpf(entry) for entry in row] for row in matrix]
    return [
        [entry / sum(row) if any(row) else mpmath.mpf(i == j) for j, entry in enumerate(row)]
        for i, row in enumerate(rows)
    ]
