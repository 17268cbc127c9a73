"""Chains made of chains: groups, lazy, reversible: against dense algebra, 50 digits, PyDTMC, and counted sequences."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fastsoftmax import MarkovChain
from fastsoftmax.markov.longrun.lumping import difference
from tests.markov.chains import DAYS, SQUARES, P, exact

scipy_sparse = pytest.importorskip("scipy.sparse", reason="the analysis needs SciPy")

WET = {"sun": "dry", "rain": "wet", "snow": "wet"}


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


def dense(chain, **words):
    return chain.to_sparse(**words).toarray()


# --- groups ---------------------------------------------------------------------------------------------


@st.composite
def lumpable(draw):
    """Return counts of a chain, the group of each state, and the probabilities of the chain of groups."""
    number = draw(st.integers(1, 3))
    sizes = draw(st.lists(st.integers(1, 3), min_size=number, max_size=number))
    weights = [draw(st.lists(st.integers(0, 3), min_size=number, max_size=number)) for _ in range(number)]
    assume(all(map(any, weights)))
    group = [g for g, size in enumerate(sizes) for _ in range(size)]
    rows = []
    for own in group:
        row = []
        for goal, size in enumerate(sizes):
            parts = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
            parts = parts if any(parts) else [1] * size
            row += [mpmath.mpf(weights[own][goal] * part) / sum(parts) for part in parts]
        rows.append(row)
    whole = math.lcm(*range(1, 7))  # each sum of parts divides it
    return [[int(entry * whole) for entry in row] for row in rows], group, exact(weights)


@given(lumpable())
def test_groups_of_counts_are_exact(drawn):
    matrix, group, expected = drawn
    chain = MarkovChain.from_matrix(matrix)
    lumped = chain.lumped({state: f"g{group[state]}" for state in chain.states})
    assert lumped.transitions.counts.dtype == np.int64
    assert lumped.transitions.counts.sum() == np.sum(matrix)
    for one in range(len(expected)):
        names, chances = lumped.next_tokens(f"g{one}")
        found = dict(zip(names, chances, strict=True))
        for other in range(len(expected)):
            assert found.get(f"g{other}", 0.0) == pytest.approx(float(expected[one][other]), rel=1e-15)
    listed = chain.lumped([[s for s in chain.states if group[s] == g] for g in range(len(expected))])
    assert listed.states == list(range(len(expected)))
    np.testing.assert_array_equal(listed.transitions.counts.sum(), lumped.transitions.counts.sum())


@given(lumpable(), st.sampled_from([1.0, 0.5, 0.0, np.inf]))
def test_groups_are_where_their_states_are(drawn, temperature):
    """The share of a group, at any time, is that of its states: wherever the groups are a chain at a temperature."""
    matrix, group, _ = drawn
    chain = MarkovChain.from_matrix(matrix)
    member = np.eye(max(group) + 1)[group]
    try:
        lumped = chain.lumped(dict(enumerate(group)), temperature=temperature)
    except ValueError:
        assert temperature != 1.0
        sums = dense(chain, temperature=temperature) @ member
        assert max(np.ptp(sums[member[:, g] > 0], axis=0).max() for g in range(max(group) + 1)) > 1e-9
        return
    for state in chain.states:
        for steps in (1, 4):
            found = lumped.distribution(steps, group[state])
            expected = chain.distribution(steps, state, temperature=temperature).array @ member
            np.testing.assert_allclose([found[g] for g in range(max(group) + 1)], expected, atol=1e-14)


@given(SQUARES, st.data())
def test_the_largest_difference_is_found(matrix, data):
    size = len(matrix)
    group = np.array(data.draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)))
    group = np.unique(group, return_inverse=True)[1]
    array = np.array(matrix, float)
    ends = data.draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
    array = np.column_stack([array, ends])
    assume(array.any())
    array /= np.maximum(array.sum(axis=1, keepdims=True), 1)
    rows, columns = np.nonzero(array)
    to = np.append(group, group.max() + 1)
    gap, one, other, goal, most, least = difference(rows, to[columns], array[rows, columns], group)
    sums = array @ np.eye(to.max() + 1)[to]
    assert group[one] == group[other]
    assert (sums[one, goal], sums[other, goal]) == pytest.approx((most, least), abs=1e-15)
    assert gap == pytest.approx(most - least, abs=1e-15)
    gaps = [np.ptp(sums[group == g], axis=0).max() for g in range(group.max() + 1)]
    assert gap == pytest.approx(max(gaps), abs=1e-15)


@given(st.lists(st.lists(st.sampled_from("ab"), min_size=3, max_size=3), min_size=1, max_size=6), st.data())
def test_groups_of_sequences_are_counted(sequences, data):
    """Whatever words stand for the letters: those of one letter end alike, and are followed alike."""
    twice = [[f"{letter}{n}" for letter in sequence] for sequence in sequences for n in (1, 2)]
    chain = MarkovChain().fit(twice)
    groups = {state: state[0] for state in chain.states}
    lumped, expected = chain.lumped(groups), MarkovChain().fit([list("".join(s)) for s in sequences * 2])
    for context in [None, *expected.states]:
        one, other = lumped.next_tokens(context), expected.next_tokens(context)
        assert dict(zip(*one, strict=True)) == dict(zip(*other, strict=True))
    assert lumped.transitions.counts.sum() == expected.transitions.counts.sum()


def test_groups_keep_the_start_and_dead_ends():
    chain = MarkovChain.from_matrix([[0, 1, 1, 0], [0, 0, 0, 2], [0, 0, 0, 1], [0, 0, 0, 0]], start={0: 1, 2: 3})
    lumped = chain.lumped({0: "a", 1: "b", 2: "b", 3: "c"})
    assert lumped.next_tokens(None) == (["b", "a"], pytest.approx([0.75, 0.25]))
    assert lumped.states == ["a", "b", "c"]
    assert lumped.walk(start="b")[0] == ["b", "c"]
    with pytest.raises(ValueError, match="groups has 2 and 3 in group 1, but the former is followed by group 1 with"):
        chain.lumped([[0], [3, 2], [1]])
    ends = MarkovChain().fit([["a"], ["b", "c"], ["b", "d"]])
    with pytest.raises(
        ValueError, match="groups has 'a' and 'b' in group 'x', but the former ends with probability 1, "
    ):
        ends.lumped({"a": "x", "b": "x", "c": "c", "d": "d"})


def test_groups_within_a_tolerance():
    chain = MarkovChain.from_matrix([[0.5, 0.25, 0.25], [0.5, 0.5, 0.0], [0.6, 0.4, 0.0]], DAYS)
    with pytest.raises(
        ValueError,
        match=(
            r"^groups has 'snow' and 'rain' in group 'wet', but the former is followed by group 'dry' with probability "
            "0.6, the latter with 0.5; expected the same within 1e-09$"
        ),
    ):
        chain.lumped(WET)
    assert chain.lumped(WET, tolerance=0.11).next_tokens("wet")[1] == pytest.approx([0.55, 0.45])
    third = MarkovChain.from_matrix([[0.1, 0.2, 0.7], [0.3, 0.35, 0.35], [0.3, 0.1, 0.6]], DAYS)
    assert third.lumped(WET, tolerance=0).next_tokens("wet")[1] == pytest.approx([0.7, 0.3])


def test_series_go_by_their_labels():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    chain = MarkovChain.from_matrix([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], DAYS)
    turned = DAYS[::-1]
    lumped = chain.lumped(pandas.Series([WET[day] for day in turned], turned))
    np.testing.assert_array_equal(dense(lumped), dense(chain.lumped([["rain", "snow"], ["sun"]])))
    stays = pandas.Series([0.75, 0.5, 0.25], turned)
    np.testing.assert_array_equal(dense(chain.lazy(stays)), dense(chain.lazy([0.25, 0.5, 0.75])))
    np.testing.assert_array_equal(chain.expected_values(stays, 3), chain.expected_values([0.25, 0.5, 0.75], 3))
    with pytest.raises(KeyError, match="values: 0 is no state of the chain"):
        chain.expected_values(pandas.Series([1, 2, 3]), 3)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ({"sun": "dry"}, ValueError, "groups has no group for 'rain', expected each state once"),
        ([["sun", "rain"], ["snow", "sun"]], ValueError, "groups has the state 'sun' twice, expected each state once"),
        ({**WET, "fog": "wet"}, KeyError, "groups: 'fog' is no state of the chain"),
        ([["sun", ["rain"]]], KeyError, "groups: .'rain'. is no state of the chain"),
        ({**WET, "sun": 1}, TypeError, r"groups\['rain'\]: token 'wet', expected a token of type int"),
        ("wet", TypeError, "groups is 'wet', expected a dict {state: group} or a list of lists of states"),
        (["sun", "rain"], TypeError, "groups is .*, expected a dict {state: group} or a list of lists"),
    ],
)
def test_refuses_groups(groups, error, message):
    if isinstance(groups, dict) and groups.get("sun") == 1:
        groups = {"sun": 1, "rain": "wet", "snow": "wet"}
    with pytest.raises(error, match=message):
        MarkovChain.from_matrix(P, DAYS).lumped(groups)


def test_refuses_what_is_out_of_range():
    chain = MarkovChain.from_matrix(P, DAYS)
    with pytest.raises(ValueError, match=r"tolerance is -1.0, expected a number in \[0, 1\]"):
        chain.lumped([DAYS], tolerance=-1)
    with pytest.raises(ValueError, match=r"stay is 1.5, expected a number in \[0, 1\]"):
        chain.lazy(1.5)
    with pytest.raises(ValueError, match=r"stay\['sun'\] is -0.1, expected a number in \[0, 1\]"):
        chain.lazy({"sun": -0.1})
    with pytest.raises(KeyError, match="stay: 'fog' is no state of the chain"):
        chain.lazy({"fog": 0.5})
    with pytest.raises(ValueError, match=r"stay has shape \(2,\), expected one number or 3, one for each state"):
        chain.lazy([0.5, 0.5])
    twos, purposes = MarkovChain(2).fit([list("abab")]), {"lumped": "lump its states", "lazy": "make it lazy"}
    for name, purpose in purposes.items():
        with pytest.raises(ValueError, match=f"the chain has order 2, expected 1 to {purpose}"):
            getattr(twos, name)(*[[twos.states]] * (name == "lumped"))
    with pytest.raises(ValueError, match="the chain has order 2, expected 1 to make it reversible"):
        twos.reversibilized()
    with pytest.raises(ValueError, match="the chain has 2 recurrent classes, expected one for reversibilized"):
        MarkovChain.from_matrix(np.eye(2)).reversibilized()


# --- lazy -----------------------------------------------------------------------------------------------


@given(SQUARES, st.sampled_from([0.5, 0.25, 0.1, 1 / 3, math.sqrt(0.1), 0.0, 1.0]), st.booleans())
def test_lazy_is_a_mixture(matrix, stay, each):
    assume(np.any(matrix))
    chain, p = MarkovChain.from_matrix(matrix), exact(matrix)
    states = chain.states
    stays = [stay if place % 2 else 0.25 for place in range(len(states))] if each else [stay] * len(states)
    lazy = chain.lazy(stays if each else stay)
    if stay != math.sqrt(0.1):
        assert lazy.transitions.counts.dtype == np.int64
    assert set(lazy.states) <= set(states)
    for place, state in enumerate(states):
        if not any(matrix[state]):  # a dead end
            assert state not in lazy.states or not lazy.to_sparse()[[lazy.states.index(state)]].nnz
            continue
        names, chances = lazy.next_tokens(state)
        found = dict(zip(names, chances, strict=True))
        part = mpmath.mpf(stays[place])
        for goal in states:
            expected = part * (goal == state) + (1 - part) * p[state][goal]
            assert found.get(goal, 0.0) == pytest.approx(float(expected), rel=1e-14, abs=0)


def test_lazy_at_temperatures_and_samplers():
    chain = MarkovChain.from_matrix(P, DAYS)
    for words in (
        {"temperature": 0.5},
        {"temperature": 0},
        {"temperature": np.inf},
        {"top_k": 1},
        {"samplers": "top_k=2"},
    ):
        expected = 0.75 * dense(chain, **words) + 0.25 * np.eye(3)
        np.testing.assert_allclose(dense(chain.lazy(0.25, **words)), expected, rtol=1e-14)
    assert chain.lazy(0.25, top_k=2).transitions.counts.dtype == np.int64
    ring = MarkovChain.from_matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert (ring.period(), ring.lazy(0.01).period()) == (3, 1)
    np.testing.assert_allclose(
        chain.lazy({"snow": 0.9}).stationary().array @ dense(chain.lazy({"snow": 0.9})),
        [*chain.lazy({"snow": 0.9}).stationary().array],
    )
    np.testing.assert_allclose(chain.lazy(0.3).stationary(), chain.stationary(), rtol=1e-13)


def test_lazy_sequences_begin_and_end():
    chain = MarkovChain().fit([list("ab"), list("b")])
    lazy = chain.lazy({"b": 0.5})
    assert lazy.next_tokens(None) == (["a", "b"], pytest.approx([0.5, 0.5]))
    assert lazy.next_tokens("b") == ([None, "b"], pytest.approx([0.5, 0.5]))
    assert lazy.next_tokens("a") == (["b"], pytest.approx([1.0]))
    halves = MarkovChain.from_edges([0, 0, 1], [0, 1, 0], [0.5, 0.25, math.pi]).lazy([0.5, 0.1])
    assert halves.next_tokens(0) == ([0, 1], pytest.approx([5 / 6, 1 / 6]))
    heavy = MarkovChain.from_edges([0, 1], [1, 0], [2**51, 1]).lazy(0.1)  # ten times as much is above 2**53
    assert heavy.next_tokens(0) == ([1, 0], pytest.approx([0.9, 0.1]))


# --- reversible -----------------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=4, max_size=4), min_size=4, max_size=4), st.sampled_from([1.0, 2.0])
)
def test_the_nearest_reversible_chain(matrix, temperature):
    chain = MarkovChain.from_matrix(
        (np.array(matrix) + np.eye(4, k=1, dtype=int) + np.eye(4, k=-3, dtype=int)).tolist()
    )
    shares, p = chain.stationary(temperature=temperature).array, dense(chain, temperature=temperature)
    found = chain.reversibilized(temperature=temperature)
    assert found.is_reversible()
    np.testing.assert_allclose(found.stationary(), shares, rtol=1e-12)
    backwards = (p.T * shares) / shares[:, np.newaxis]
    np.testing.assert_allclose(dense(found), (p + backwards) / 2, rtol=1e-12)

    def distance(q):
        return np.linalg.norm(np.sqrt(shares)[:, np.newaxis] * (p - q) / np.sqrt(shares))

    rng = np.random.default_rng(0)
    for size in (1.0, 1e-3):  # no reversible chain with these shares is nearer
        flow = rng.random((4, 4)) * np.minimum.outer(shares, shares) / 4
        flow = np.triu(flow, 1) + np.triu(flow, 1).T
        other = flow / shares[:, np.newaxis]
        other += np.diag(1 - other.sum(axis=1))
        other = size * other + (1 - size) * dense(found)
        assert distance(dense(found)) <= distance(other) + 1e-12


def test_reversible_at_fifty_digits():
    matrix = [[9, 1, 0], [4, 4, 2], [1, 1, 8]]
    p = exact(matrix)
    a = mpmath.matrix([[p[j][i] - (i == j) for j in range(3)] for i in range(2)] + [[1] * 3])
    shares = mpmath.lu_solve(a, mpmath.matrix([0, 0, 1]))
    expected = [[float((p[i][j] + shares[j] * p[j][i] / shares[i]) / 2) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(dense(MarkovChain.from_matrix(matrix).reversibilized()), expected, rtol=1e-14)


def test_only_the_recurrent_class_is_made_reversible():
    chain = MarkovChain.from_matrix([[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]])
    found = chain.reversibilized()
    assert found.states == [1, 2, 3]
    assert found.next_tokens(1) == ([2, 3], pytest.approx([0.5, 0.5]))
    sequences = MarkovChain().fit([list("abc"), list("ab")])
    assert sequences.reversibilized().is_reversible()


def test_against_pydtmc():
    pydtmc = pytest.importorskip("pydtmc", reason="needs PyDTMC")
    rng = np.random.default_rng(3)
    for size in (3, 5):
        matrix = rng.random((size, size))
        matrix /= matrix.sum(axis=1, keepdims=True)
        peer, chain = pydtmc.MarkovChain(matrix), MarkovChain.from_matrix(matrix)
        np.testing.assert_allclose(dense(chain.lazy(0.3)), peer.to_lazy_chain(0.3).p, rtol=1e-12)
        weights = rng.random(size)
        np.testing.assert_allclose(dense(chain.lazy(weights)), peer.to_lazy_chain(weights).p, rtol=1e-12)
        nearest = peer.closest_reversible(chain.stationary().array, weighted=True)  # by an iteration
        np.testing.assert_allclose(dense(chain.reversibilized()), nearest.p, atol=2e-3)
    matrix = np.array([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]])
    lumped = MarkovChain.from_matrix(matrix, DAYS).lumped([["sun"], ["rain", "snow"]])
    peer = pydtmc.MarkovChain(matrix, DAYS).lump([["sun"], ["rain", "snow"]])
    np.testing.assert_array_equal(dense(lumped), peer.p)


@pytest.mark.slow
def test_many_states():
    """A ring of 200,000 states with a million edges, in groups of ten neighbours that are alike."""
    size = 200_000
    sources = np.repeat(np.arange(size), 5)
    hops = np.tile(np.arange(5), size) * 10
    chain = MarkovChain.from_edges(sources, (sources + hops) % size, np.tile([5, 4, 3, 2, 1], size))
    lumped = chain.lumped(dict(enumerate((np.arange(size) // 10).tolist())))
    assert lumped.next_tokens(7)[0] == [7, 8, 9, 10, 11]
    lazy = chain.lazy()
    assert lazy.transitions.counts.size == 5 * size
    assert lazy.next_tokens(3) == ([3, 13, 23, 33, 43], pytest.approx(np.array([20, 4, 3, 2, 1]) / 30))
    with pytest.raises(ValueError, match=r"groups has (0|99999) and (0|99999) in group 0, but"):
        chain.lumped({state: 0 if state in (0, 99_999) else 1 + state // 10 for state in chain.states})


def test_a_lazy_chain_without_a_start():
    """Its ends are a node of their own, at which walks stay."""
    chain = MarkovChain().fit([["a", "x", "x"], ["b", "x", "x"], ["c", "x", "x"]]).prune(2)
    tokens, chances = chain.lazy(0.25).next_tokens("x")
    assert dict(zip(tokens, chances.tolist(), strict=True)) == pytest.approx({"x": 0.625, None: 0.375})
