"""The long run of a chain: against dense algebra, QuantEcon, and walks."""

import math
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsoftmax import MarkovChain
from fastsoftmax.kernels.markov.table import Filters
from fastsoftmax.markov.counts.model import next_of
from fastsoftmax.markov.longrun.graph import graph_of

pytest.importorskip("scipy", reason="the analysis needs SciPy")

WEATHER = {"sun": {"sun": 8, "rain": 2}, "rain": {"rain": 3, "sun": 3, "snow": 1}, "snow": {"snow": 1, "rain": 4}}
CUTS = [
    {},
    {"temperature": 0.5},
    {"temperature": 3.0},
    {"temperature": math.inf},
    {"temperature": 0.0},
    {"top_k": 2},
    {"temperature": 0.7, "top_p": 0.8},
    {"min_p": 0.4},
]


def endless(chain, **cut):
    """Return the matrix of an endless walk of order 1 over the tokens: an end or a dead end goes on from the start."""
    known = chain.vocabulary
    start = np.zeros(len(known))
    for token, p in zip(*chain.next_tokens(None, **cut), strict=True):
        if token is not None:
            start[known.index(token)] = p
    start /= start.sum()
    matrix = np.zeros((len(known), len(known)))
    for i, state in enumerate(known):
        try:
            row = zip(*chain.next_tokens(state, **cut), strict=True)
        except KeyError:
            row = [(None, 1.0)]
        for token, p in row:
            matrix[i] += p * start if token is None else p * (np.arange(len(known)) == known.index(token))
    return matrix, start


def limit(matrix, start):
    """Return the average over time of where a walk from the start is."""
    lazy = (matrix + np.eye(len(matrix))) / 2
    for _ in range(60):
        lazy = lazy @ lazy
        lazy /= lazy.sum(axis=1, keepdims=True)
    return start @ lazy


def shares(chain, found):
    """Return the shares of states of order 1 by token."""
    return np.array([found.get(token, 0.0) for token in chain.vocabulary])


letters = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=7), min_size=1, max_size=8)


@given(letters, st.sampled_from(CUTS), st.sampled_from([0, 2]))
def test_stationary_is_that_of_the_dense_matrix(sequences, cut, least):
    chain = MarkovChain().fit(sequences).prune(least)
    try:
        begins = any(token is not None for token in chain.next_tokens(None, **cut)[0])
    except KeyError:
        begins = False
    if not begins:
        return
    found = chain.stationary(**cut)
    expected = limit(*endless(chain, **cut))
    np.testing.assert_allclose(shares(chain, found), expected, atol=1e-9)
    assert sum(found.values()) == pytest.approx(1)


@pytest.mark.parametrize("cut", CUTS)
def test_entropy_rate(cut):
    chain = MarkovChain.from_transitions(WEATHER)
    matrix, start = endless(chain, **cut)
    pi = limit(matrix, start)
    logarithms = np.log2(matrix, out=np.zeros_like(matrix), where=matrix > 0)
    expected = -(pi @ (matrix * logarithms).sum(axis=1))
    assert chain.entropy_rate(**cut) == pytest.approx(expected, abs=1e-9)
    assert chain.entropy_rate(**cut, base=math.e) == pytest.approx(expected * math.log(2), abs=1e-9)


def test_walks_are_where_it_says():
    chain = MarkovChain(2).fit([list("abracadabra"), list("banana"), list("cab")])
    found = chain.stationary(temperature=2.0)
    ids = chain.walk(300, 2000, temperature=2.0, seed=1, on_dead_end="restart").ids
    seen = Counter(ids[:, 200:].reshape(-1).tolist())
    for token, count in seen.items():
        share = sum(found[state] for state in found if state[-1] == chain.vocabulary[token])
        assert count / (300 * 1800) == pytest.approx(share, abs=0.004)


def test_classes_and_periods():
    cycle = MarkovChain.from_transitions({0: {1: 1}, 1: {2: 1}, 2: {0: 1}})
    (own,) = [c for c in cycle.communicating_classes() if c.recurrent]
    assert own.states == [0, 1, 2]
    assert cycle.period() == 3
    assert len(cycle.communicating_classes()) == 1  # the start is no state
    np.testing.assert_allclose(cycle.stationary(), 1 / 3)
    two = MarkovChain.from_transitions({0: {1: 1}, 1: {0: 1}, 2: {2: 1}, 3: {0: 1, 2: 3}})
    closed = [c.states for c in two.communicating_classes() if c.recurrent]
    assert closed == [[0, 1], [2]]
    assert (two.period(0), two.period(2)) == (2, 1)
    with pytest.raises(ValueError, match="state is None, expected a state: the chain has 2 recurrent classes"):
        two.period()
    by_state = two.stationary()  # walks start in each state alike
    assert by_state[2] == pytest.approx(1 / 4 + 3 / 16)
    assert by_state[0] == by_state[1] == pytest.approx((1 / 2 + 1 / 16) / 2)
    lazy = MarkovChain.from_transitions(WEATHER)
    assert lazy.period() == 1
    assert lazy.period("sun", temperature=0) == 1
    assert [c.states for c in lazy.communicating_classes(temperature=0) if c.recurrent] == [["sun"]]


def test_cyclic_classes():
    chain = MarkovChain.from_matrix([[0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0], [1, 0, 0, 0]], list("abcd"))
    assert chain.cyclic_classes() == [["a"], ["b"], ["c", "d"]]
    assert chain.cyclic_classes("c") == [["c", "d"], ["a"], ["b"]]
    assert MarkovChain.from_transitions(WEATHER).cyclic_classes("sun") == [["sun", "rain", "snow"]]
    ending = MarkovChain(1).fit([list("ab")])  # a b a b ..., over the start, which takes no time
    assert ending.cyclic_classes() == [["a"], ["b"]]
    with pytest.raises(ValueError, match="no walk comes back to"):
        MarkovChain.from_matrix([[0, 1], [0, 1]]).cyclic_classes(0)


def test_rare_transitions_are_right():
    chain = MarkovChain.from_transitions({"a": {"a": 1.0, "b": 1e-12}, "b": {"b": 1.0, "a": 3e-12}})
    np.testing.assert_allclose(shares(chain, chain.stationary()), [0.75, 0.25], rtol=1e-9)


def test_against_quantecon():
    quantecon = pytest.importorskip("quantecon", reason="needs quantecon: the extra bench")
    rng = np.random.default_rng(2)
    for size in (3, 8, 30):
        weights = {i: {int(j): float(rng.random()) + 0.01 for j in rng.choice(size, 3)} for i in range(size)}
        chain = MarkovChain.from_transitions(weights)
        matrix = np.zeros((size, size))
        for i, row in weights.items():
            for j, weight in row.items():
                matrix[i, j] = weight / sum(row.values())
        peer = quantecon.MarkovChain(matrix)
        ours = [c.states for c in chain.communicating_classes()]
        assert sorted(ours) == sorted(sorted(c.tolist()) for c in peer.communication_classes)
        closed = [c.states for c in chain.communicating_classes() if c.recurrent]
        assert sorted(closed) == sorted(sorted(c.tolist()) for c in peer.recurrent_classes)
        if peer.num_recurrent_classes == 1:
            np.testing.assert_allclose(chain.stationary(), peer.stationary_distributions[0], atol=1e-12)
            if peer.is_irreducible:
                assert chain.period() == peer.period
                assert sorted(map(sorted, chain.cyclic_classes())) == sorted(map(sorted, peer.cyclic_classes))


@pytest.mark.slow
def test_a_million_transitions():
    tokens = (np.random.default_rng(3).random(2_000_000) ** 3 * 20_000).astype(np.int64)
    chain = MarkovChain().fit(tokens)
    assert len(chain.transitions.tokens) > 10**6
    for temperature in (1.0, 0.5):
        found = chain.stationary(temperature=temperature)
        assert found.array.sum() == pytest.approx(1, abs=1e-6)
    seen = np.bincount(tokens, minlength=20_000)[found.states] / tokens.size
    np.testing.assert_allclose(chain.stationary(), seen, atol=1e-6)
    assert 7 < chain.entropy_rate() < 8


def test_refuses():
    chain = MarkovChain.from_transitions(WEATHER)
    with pytest.raises(ValueError, match="temperature is -1"):
        chain.stationary(temperature=-1)
    with pytest.raises(ValueError, match="base is 1"):
        chain.entropy_rate(base=1)
    with pytest.raises(KeyError, match="'fog' was never seen"):
        chain.period("fog")
    with pytest.raises(ValueError, match="the chain is empty"):
        MarkovChain().stationary()
    nowhere = MarkovChain.from_transitions({0: {1: 5, None: 5}, 1: {0: 5}}).prune(2)
    with pytest.raises(ValueError, match="walks come to an end or a dead end, expected a chain with a start"):
        nowhere.stationary()
    with pytest.raises(TypeError, match="'temprature' is no argument, expected some of temperature, top_k"):
        chain.stationary(temprature=2)


@given(
    letters,
    st.integers(0, 3),
    st.sampled_from([0, 0.05, 0.5, 1, 3, math.inf]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 2 / 3, 1.0]),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
)
def test_the_graph_has_the_probabilities_of_next_tokens(sequences, order, temperature, top_k, top_p, min_p):
    model = MarkovChain(order).fit(sequences)._held.fitted()
    cut = Filters(float(temperature), top_k, top_p, min_p)
    try:
        graph = graph_of(model, cut)
    except ValueError:
        return
    for state in range(len(model.transitions.contexts)):
        _, probabilities = next_of(model.transitions, state, cut)
        np.testing.assert_allclose(graph.probabilities[graph.sources == state], probabilities, rtol=1e-12)


def test_ends_and_dead_ends():
    chain = MarkovChain.from_transitions({"a": {"b": 1}, "c": {"b": 1}})
    assert dict(chain.stationary()) == pytest.approx({"a": 0.25, "c": 0.25, "b": 0.5})  # b is a dead end
    assert chain.period() == 2
    assert chain.entropy_rate() == pytest.approx(0.5, rel=1e-15)
    ending = MarkovChain.from_transitions({"a": {None: 1}})
    assert dict(ending.stationary()) == {"a": 1}
    assert ending.entropy_rate() == 0


@pytest.mark.parametrize("name", ["stationary", "entropy_rate", "communicating_classes", "period"])
def test_without_scipy(monkeypatch, name):
    chain = MarkovChain.from_transitions(WEATHER)
    for part in ("scipy.sparse", "scipy.sparse.csgraph", "scipy.special", "scipy.sparse.linalg"):
        monkeypatch.setitem(sys.modules, part, None)
    with pytest.raises(ImportError, match=r"fastsoftmax\[analysis\]"):
        getattr(chain, name)()
