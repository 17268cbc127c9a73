"""Walks from given states: node2vec's, with restarts, and plain ones."""

import sys
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from fastsoftmax import MarkovChain, get_num_threads, set_num_threads
from reference.biased import bias_of

EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=25)
BIASES = [
    (1, 1, 0),
    (4, 0.5, 0),
    (0.25, 2, 0),
    (0.5, 0.5, 0),
    (1, 1, 0.3),
    (2, 0.25, 0.2),
    (3, 1, 0),
    (1, 3, 0),
    (1, 1, 1),
]


@given(EDGES, st.sampled_from(BIASES), st.sampled_from([1.0, 0.5, np.inf]), st.booleans(), st.booleans())
def test_walks_are_those_of_the_reference(edges, bias, temperature, named, extend):
    sources, targets, weights = (list(column) for column in zip(*edges, strict=True))
    if named:
        sources, targets = [f"n{i}" for i in sources], [f"n{i}" for i in targets]
    chain, plain = (kind.from_edges(sources, targets, weights) for kind in (MarkovChain, reference.MarkovChain))
    starts = [*sources, *targets] * 3
    words = {"p": bias[0], "q": bias[1], "restart": bias[2], "temperature": temperature, "extend": extend, "seed": 5}
    assert [*chain.walk_from(starts, 9, **words)] == plain.walk_from(starts, 9, **words)
    found = chain.walk_from(starts, 9, samplers="top_k=2", p=2.0, extend=extend, seed=1)
    assert [*found] == plain.walk_from(starts, 9, samplers="top_k=2", p=2.0, extend=extend, seed=1)


def test_steps_have_the_law_of_node2vec():
    """From t to v, then: back to t, to a neighbour of both, or away."""
    chain = MarkovChain.from_edges(
        ["t", "t", "v", "v", "v", "c", "a"], ["v", "c", "t", "c", "a", "t", "v"], [1, 1e-9, 1, 2, 3, 1, 1]
    )
    p, q = 4.0, 0.5
    walks = [walk for walk in chain.walk_from(["t"] * 60_000, 3, p=p, q=q, seed=1) if walk[1] == "v"]
    mass = {"t": 1 / p, "c": 2.0, "a": 3 / q}
    for node, weight in mass.items():
        share = np.mean([walk[2] == node for walk in walks])
        assert share == pytest.approx(weight / sum(mass.values()), abs=0.008)


WEIGHED = [  # of an undirected graph: strong and weak edges between neighbours of each other, and leaves
    *((0, 1, 5.0), (0, 2, 4.0), (0, 3, 0.5), (1, 2, 0.25), (1, 3, 3.0)),
    *((1, 4, 0.75), (2, 3, 1.0), (2, 5, 6.0), (3, 4, 2.0), (4, 5, 0.125), (5, 6, 2.5)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("p", "q"), [(4.0, 0.5), (0.25, 2.0), (1.0, 4.0), (2.0, 1.0)])
def test_the_bias_of_node2vec_plus_is_that_of_pecanpy(monkeypatch, p, q):
    for name in ("nptyping", "gensim", "gensim.models"):  # annotations, which fail with NumPy 2, and embeddings
        monkeypatch.setitem(sys.modules, name, MagicMock())
    rw = pytest.importorskip("pecanpy.rw", reason="needs PecanPy")
    dense = np.zeros((7, 7), np.float32)
    for one, other, weight in WEIGHED:
        dense[one, other] = dense[other, one] = weight
    sources, targets = np.nonzero(dense)
    chain = reference.MarkovChain.from_edges(sources.tolist(), targets.tolist(), dense[dense > 0].tolist())
    rows, means = chain.rows, dense.sum(axis=1) / (dense > 0).sum(axis=1)
    for last, here in np.argwhere(dense):
        peer = rw.DenseRWGraph.get_extended_normalized_probs(dense, dense > 0, p, q, here, last, means)
        nexts = sorted(rows[here,])
        masses = [rows[here,][x] * bias_of(rows, int(last), int(here), x, p, q, True) for x in nexts]
        np.testing.assert_allclose(peer, np.array(masses) / sum(masses), rtol=2e-6)


def test_steps_have_the_law_of_node2vec_plus():
    """From 0 to 1, then to 0, 2, 3 or 4: 0 leads to 2 wholly, to 3 by half, and not to 4."""
    p, q = 4.0, 0.5
    chain = MarkovChain.from_edges(
        [0, 0, 0, 1, 1, 1, 1, 2, 3, 4], [1, 2, 3, 0, 2, 3, 4, 1, 1, 1], [4, 3, 1, 2, 1, 3, 2, 3, 2, 1]
    )
    walks = [walk for walk in chain.walk_from([0] * 60_000, 3, p=p, q=q, extend=True, seed=1) if walk[1] == 1]
    mass = {0: 2 / p, 2: 1.0, 3: 3 * (1 / q + (1 - 1 / q) / 2), 4: 2 / q}
    for node, weight in mass.items():
        share = np.mean([walk[2] == node for walk in walks])
        assert share == pytest.approx(weight / sum(mass.values()), abs=0.008)
    weak = MarkovChain.from_edges([0, 0, 1, 1, 1, 3], [1, 2, 0, 2, 3, 1], [1, 1, 2, 5, 1, 1])
    walks = [walk for walk in weak.walk_from([0] * 60_000, 3, p=p, q=q, extend=True, seed=2) if walk[1] == 1]
    mass = {0: 2 / p, 2: 5.0, 3: 1.0}  # the edge from 1 to 3 is below the mean of 1: it is no way out
    for node, weight in mass.items():
        assert np.mean([walk[2] == node for walk in walks]) == pytest.approx(weight / sum(mass.values()), abs=0.008)


def test_equal_weights_are_no_weights():
    """Where all edges weigh the same, also as a sum that is rounded, node2vec+ is node2vec."""
    rng = np.random.default_rng(0)
    edges = np.unique(rng.integers(0, 30, (200, 2)), axis=0)
    edges = np.unique(np.vstack([edges, edges[:, ::-1]]), axis=0)
    chain = MarkovChain.from_edges(edges[:, 0], edges[:, 1], np.full(len(edges), 0.1))
    one, other = (
        chain.walk_from(chain.states * 5, 40, p=0.3, q=3, extend=extend, seed=1).ids for extend in (False, True)
    )
    np.testing.assert_array_equal(one, other)


def test_restarts_go_to_the_own_start():
    ring = MarkovChain.from_edges(np.arange(50), (np.arange(50) + 1) % 50)
    found = ring.walk_from([3, 40], 4000, restart=0.25, seed=2).ids
    for start, walk in zip((3, 40), found, strict=True):
        moved = (walk[:-1] + 1) % 50 == walk[1:]
        assert (walk[1:][~moved] == start).all()
        assert np.mean(~moved) == pytest.approx(0.25, abs=0.03)


def test_a_single_edge_is_taken_at_once():
    """A leaf leads back alone: without that it would take p attempts a step."""
    star = MarkovChain.from_edges([0] * 50 + [*range(1, 51)], [*range(1, 51)] + [0] * 50)
    found = star.walk_from([0] * 200, 200, p=1000, q=0.001, seed=1).ids
    assert (found[:, ::2] == 0).all()
    assert [*star.walk_from([3], 9, p=1000, seed=2)] == reference.MarkovChain.from_edges(
        [0] * 50 + [*range(1, 51)], [*range(1, 51)] + [0] * 50
    ).walk_from([3], 9, p=1000, seed=2)


def test_plain_walks_are_those_of_walk():
    rng = np.random.default_rng(0)
    chain = MarkovChain.from_edges(rng.integers(0, 300, 5000), rng.integers(0, 300, 5000), rng.random(5000))
    np.testing.assert_array_equal(
        chain.walk_from([7] * 90, 20, seed=3, temperature=0.5).ids,
        chain.walk(90, 20, start=7, seed=3, temperature=0.5).ids,
    )
    whole = chain.walk_from(chain.states * 3, 30, p=0.5, q=2, restart=0.1, seed=4).ids
    assert whole.dtype == np.int32
    before = get_num_threads()
    try:
        for threads in (1, 3):
            set_num_threads(threads)
            again = chain.walk_from(chain.states * 3, 30, p=0.5, q=2, restart=0.1, seed=4).ids
            np.testing.assert_array_equal(again, whole)
    finally:
        set_num_threads(before)
    assert len(chain.walk_from([], 30, p=2)) == 0
    assert [*chain.walk_from([7], 0, p=2)] == [[]]
    assert [*chain.walk_from([7], 1, p=2)] == [[7]]
    line = MarkovChain.from_edges(["a"], ["b"])
    assert [*line.walk_from(["b", "a"], 5, q=2)] == [["b"], ["a", "b"]]
    assert [*line.walk_from(["b", "a"], 5)] == [["b"], ["a", "b"]]
    ends = MarkovChain(1).fit([list("ab"), list("b")])
    assert {len(walk) for walk in ends.walk_from(["a"] * 9, 5, p=2)} == {2}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"starts": ["x"]}, KeyError, "starts: token 'x' was never seen"),
        ({"starts": [1]}, TypeError, r"starts\[0\]: token 1, expected a token of type str"),
        ({"starts": np.array([1, 0])}, TypeError, r"starts\[0\]: token 1, expected a token of type str"),
        ({"starts": "a"}, TypeError, "starts is 'a', expected a list"),
        ({"p": 0}, ValueError, r"p is 0.0, expected a number in \[0.001, 1000\]"),
        ({"p": 1e-320}, ValueError, r"p is .*, expected a number in \[0.001, 1000\]"),
        ({"q": np.inf}, ValueError, r"q is inf, expected a number in \[0.001, 1000\]"),
        ({"restart": 1.5}, ValueError, r"restart is 1.5, expected a number in \[0, 1\]"),
        ({"length": -1}, ValueError, "length is -1"),
        ({"extend": 2}, TypeError, "extend is 2, expected True or False"),
    ],
)
def test_refuses(arguments, error, message):
    chain = MarkovChain.from_edges(["a", "b"], ["b", "a"])
    with pytest.raises(error, match=message):
        chain.walk_from(**{"starts": ["a"], **arguments})


def test_refuses_other_orders_and_states():
    with pytest.raises(ValueError, match="the chain has order 2, expected 1 to walk from states"):
        MarkovChain(2).fit([list("ab")]).walk_from(["a"])
    with pytest.raises(TypeError, match=r"starts\[0\]: token 1.5, expected a token of type int"):
        MarkovChain.from_edges([1], [2]).walk_from([1.5])
    with pytest.raises(KeyError, match=r"starts\[1\]: state 9 has no transition"):
        MarkovChain.from_edges([1], [2]).walk_from([1, 9])
