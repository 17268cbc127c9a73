"""Whether and when walks come to states: against dense algebra at 50 digits, PyDTMC, QuantEcon, and walks."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsoftmax import MarkovChain
from fastsoftmax.markov.longrun import passage, solving, spectrum
from tests.markov.chains import DAYS, SQUARES, P, exact

scipy_sparse = pytest.importorskip("scipy.sparse", reason="the analysis needs SciPy")

RUIN = [[1, 0, 0, 0, 0], [2, 0, 1, 0, 0], [0, 2, 0, 1, 0], [0, 0, 2, 0, 1], [0, 0, 0, 0, 1]]


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


def exact_chances(p, goal):
    """Return the least solution of h = P h, h = 1 at the goal, by linear algebra over what may miss or reach it."""
    n = len(p)
    reach = set(goal)
    while more := {i for i in range(n) if any(p[i][j] > 0 and j in reach for j in range(n))} - reach:
        reach |= more
    inner = sorted(reach - set(goal))
    found = [mpmath.mpf(i in goal) for i in range(n)]
    if inner:
        a = mpmath.matrix([[mpmath.mpf(i == j) - p[i][j] for j in inner] for i in inner])
        b = mpmath.matrix([sum(p[i][j] for j in goal) for i in inner])
        for i, h in zip(inner, mpmath.lu_solve(a, b), strict=True):
            found[i] = h
    return found


def exact_times(p, goal):
    """Return the mean times to the goal, inf where it may be missed."""
    chances = exact_chances(p, goal)
    sure = [i for i in range(len(p)) if i not in goal and abs(chances[i] - 1) < mpmath.mpf(10) ** -40]
    found = [mpmath.mpf(0) if i in goal else mpmath.inf for i in range(len(p))]
    if sure:
        a = mpmath.matrix([[mpmath.mpf(i == j) - p[i][j] for j in sure] for i in sure])
        for i, t in zip(sure, mpmath.lu_solve(a, mpmath.matrix([1] * len(sure))), strict=True):
            found[i] = t
    return found


@given(SQUARES, st.data())
def test_chances_and_times_are_those_of_fifty_digits(matrix, data):
    if not any(map(any, matrix)):
        return
    chain, p = MarkovChain.from_matrix(matrix), exact(matrix)
    states = chain.hitting_times(next(i for i, row in enumerate(matrix) if any(row))).states
    goal = data.draw(st.sets(st.sampled_from(states), min_size=1, max_size=2))
    for found, expected in (
        (chain.hitting_probabilities(goal), exact_chances(p, goal)),
        (chain.hitting_times(goal), exact_times(p, goal)),
    ):
        np.testing.assert_allclose(found, [float(expected[i]) for i in states], rtol=1e-13)


@given(SQUARES)
def test_classes_absorb(matrix):
    if not any(map(any, matrix)):
        return
    chain, p = MarkovChain.from_matrix(matrix), exact(matrix)
    classes = [c for c in chain.communicating_classes() if c.recurrent]
    found = chain.absorption_probabilities()
    assert len(found) == len(classes) == len(chain.stationary_distributions())
    np.testing.assert_allclose(np.sum(found, axis=0), 1, rtol=1e-13)
    for one, chances, shares in zip(classes, found, chain.stationary_distributions(), strict=True):
        expected = exact_chances(p, set(one.states))
        np.testing.assert_allclose(chances, [float(expected[i]) for i in chances], rtol=1e-13)
        inside = [[float(p[i][j]) for j in shares] for i in shares]
        np.testing.assert_allclose(shares.array @ inside, shares, atol=1e-14)
        assert sum(shares[state] for state in one.states) == pytest.approx(1)
    everywhere = set().union(*[c.states for c in classes])
    times = chain.absorption_times()
    np.testing.assert_allclose(times, [float(exact_times(p, everywhere)[i]) for i in times], rtol=1e-13)
    if len(everywhere) < len(times):
        visits = chain.fundamental_matrix()
        np.testing.assert_allclose(visits.array.sum(axis=1), [times[state] for state in visits.states], rtol=1e-13)


def test_the_gambler_is_ruined():
    """With chances p = 1/3 and q = 2/3 a gambler with i of n gets there with (2**i - 1) / (2**n - 1)."""
    chain = MarkovChain.from_matrix(RUIN)
    np.testing.assert_allclose(chain.hitting_probabilities(4), [(2**i - 1) / 15 for i in range(5)], rtol=1e-15)
    assert chain.hitting_times([0, 4])[2] == pytest.approx(3 * (2 - 4 * 3 / 15))
    assert math.isinf(chain.hitting_times(4)[2])
    assert chain.absorption_times()[2] == chain.hitting_times([0, 4])[2]
    visits = chain.fundamental_matrix()
    assert visits.states == [1, 2, 3]
    assert len(visits) == 3
    assert visits[2, 2] == pytest.approx(1.8)
    assert "3 states" in repr(visits)
    assert "<td" in visits._repr_html_()


@given(st.lists(st.lists(st.integers(1, 9), min_size=4, max_size=4), min_size=4, max_size=4))
def test_passage_times_of_all_pairs(matrix):
    chain, p = MarkovChain.from_matrix(matrix), exact(matrix)
    found = chain.mean_first_passage_times()
    for j in range(4):
        np.testing.assert_allclose(found.array[:, j], chain.hitting_times(j), rtol=1e-12)
    shares = chain.stationary()
    np.testing.assert_allclose(chain.recurrence_times(), 1 / shares.array, rtol=1e-13)
    for i in range(4):
        back = 1 + sum(float(p[i][j]) * found[j, i] for j in range(4))
        assert chain.recurrence_times()[i] == pytest.approx(back, rel=1e-12)
        assert found.array[i] @ shares.array == pytest.approx(chain.kemeny_constant(), rel=1e-12)
    values = np.sort(np.abs(np.linalg.eigvals(np.array(p, float))))
    assert chain.spectral_gap() == pytest.approx(1 - values[-2], abs=1e-6)


def test_labels_and_arrays():
    found = MarkovChain.from_matrix(P, DAYS).hitting_times("snow")
    assert found.states == DAYS
    assert list(found) == DAYS
    assert found["snow"] == 0.0
    assert "rain" in found
    assert "fog" not in found
    assert repr(found) == "{'sun': 35, 'rain': 25, 'snow': 0}"
    assert "<td" in found._repr_html_()
    np.testing.assert_array_equal(np.asarray(found), found.array)
    assert not found.array.flags.writeable
    with pytest.raises(KeyError, match="'fog' is no state of the chain"):
        found["fog"]
    many = MarkovChain.from_matrix(np.eye(20)).hitting_probabilities(3)
    assert repr(many).endswith(", … 20 states}")
    twos = MarkovChain(2).fit([list("abcab"), list("ab")]).stationary()
    assert set(twos) == {("a",), ("a", "b"), ("b", "c"), ("c", "a")}


def test_temperature_and_samplers():
    chain = MarkovChain.from_matrix(P, DAYS)
    cold = MarkovChain.from_matrix([[81, 1, 0], [16, 16, 4], [1, 1, 64]], DAYS)
    for name in ("hitting_times", "hitting_probabilities"):
        found = getattr(chain, name)("snow", temperature=0.5)
        np.testing.assert_allclose(found, getattr(cold, name)("snow"), rtol=1e-12)
        np.testing.assert_allclose(getattr(chain, name)("snow", samplers="temperature=0.5"), found, rtol=1e-12)
    np.testing.assert_allclose(chain.stationary(samplers="temperature=0.5"), cold.stationary(), rtol=1e-12)
    assert math.isinf(chain.hitting_times("snow", temperature=0)["sun"])
    assert chain.hitting_times("sun", top_k=1)["rain"] == 1
    assert len(chain.stationary_distributions(samplers="top_k=1")) == 2  # sun and snow stay
    without = MarkovChain.from_matrix([[0.9, 0.1, 0], [0, 2 / 3, 1 / 3], [0.1, 0.1, 0.8]])  # rain loses the sun
    np.testing.assert_allclose(chain.stationary(samplers="xtc(1.0, 0.3)"), without.stationary(), rtol=1e-12)


def test_distribution_after_steps():
    chain, dense = MarkovChain.from_matrix(P, DAYS), np.array(P)
    for steps in (0, 1, 2, 7):
        power = np.linalg.matrix_power(dense, steps)
        for i, day in enumerate(DAYS):
            np.testing.assert_allclose(chain.distribution(steps, day), power[i], rtol=1e-14)
        np.testing.assert_allclose(chain.distribution(steps), power.mean(axis=0), rtol=1e-14)
        np.testing.assert_allclose(chain.distribution(steps, {"sun": 1, "snow": 3}), [1 / 4, 0, 3 / 4] @ power)
    np.testing.assert_allclose(chain.distribution(200, "snow"), chain.stationary(), rtol=1e-12)
    stopping = MarkovChain.from_matrix([[0.5, 0.5], [0, 0]])
    assert dict(stopping.distribution(2, 0)) == {0: 0.25, 1: 0.75}
    with pytest.raises(KeyError, match="'fog' was never seen"):
        chain.distribution(1, "fog")
    with pytest.raises(ValueError, match="steps is -1"):
        chain.distribution(-1)


@pytest.mark.parametrize("order", [1, 2])
def test_distributions_and_times_of_sequences_are_those_of_walks(order):
    """Where a sequence ends the next one begins, without a token between them."""
    chain = MarkovChain(order).fit([list("abcab"), list("b"), list("acb")])
    walks = [*chain.walk(40_000, 60, seed=1, on_dead_end="restart")]
    for steps in (1, 2, 5):
        found = chain.distribution(steps)
        assert sum(found.values()) == pytest.approx(1)
        for token in "abc":
            share = sum(found[state] for state in found if (state if order == 1 else state[-1]) == token)
            assert np.mean([walk[steps - 1] == token for walk in walks]) == pytest.approx(share, abs=0.01)
    if order == 1:
        times = chain.hitting_times("c")
        for token in "ab":
            seen = [w[1:].index("c") + 1 for w in walks if w[0] == token and "c" in w[1:]]
            assert np.mean(seen) == pytest.approx(times[token], rel=0.03)
        back = [w[1:].index("b") + 1 for w in walks if w[0] == "b" and "b" in w[1:]]
        assert np.mean(back) == pytest.approx(chain.recurrence_times()["b"], rel=0.03)
        between = chain.mean_first_passage_times()
        assert between["a", "c"] == pytest.approx(times["a"])
        assert [between[state, "b"] for state in "abc"] @ np.ones(3) == pytest.approx(
            sum(chain.hitting_times("b").values())
        )


def test_an_end_without_a_start_is_where_walks_stay():
    chain = MarkovChain.from_transitions({"a": {"b": 1, None: 1}, "b": {"a": 1}}, start={"a": 1})
    assert chain.hitting_times("b")["a"] == 2  # restarts
    bare = MarkovChain.from_transitions({"a": {"b": 2, None: 2}, "b": {"a": 2}}).prune(2)
    assert bare.hitting_probabilities("b")["a"] == 0.5
    assert math.isinf(bare.hitting_times("b")["a"])
    assert sum(bare.distribution(2, "a").values()) == pytest.approx(0.5)
    assert bare.absorption_times()["a"] == 2
    assert bare.absorption_probabilities() == []


def test_labels_of_an_order_are_targets():
    chain = MarkovChain(2).fit([list("abcab"), list("ab")])
    for state in chain.states:
        assert chain.hitting_times(state)[state] == 0
    assert chain.hitting_times(chain.states).array.max() == 0
    # After a b comes c, or the end and a b again: t = 1/3 + 2/3 (2 + t).
    assert chain.hitting_times(("b", "c"))["a", "b"] == pytest.approx(5)


def test_a_chain_that_only_ends_has_no_recurrent_class():
    chain = MarkovChain.from_transitions({"a": {None: 2, "b": 2}, "b": {None: 2}}).prune(2)
    for name in ("reversed", "kemeny_constant", "spectral_gap", "mixing_time", "is_reversible"):
        with pytest.raises(ValueError, match=f"all walks come to an end, expected .* for {name}"):
            getattr(chain, name)()


def test_mixing():
    chain = MarkovChain.from_matrix(P, DAYS)
    dense, shares = np.array(P), chain.stationary().array
    for distance in (0.25, 0.01, 1e-6):
        time = chain.mixing_time(distance)
        for steps, near in ((time, True), (time - 1, False)):
            power = np.linalg.matrix_power(dense, steps)
            assert (np.abs(power - shares).sum(axis=1).max() / 2 <= distance) == near
    assert chain.mixing_time(0.9) == 0
    with pytest.raises(ValueError, match="periodic"):
        MarkovChain.from_matrix([[0, 1], [1, 0]]).mixing_time()
    assert MarkovChain.from_matrix([[0, 1], [1, 0]]).spectral_gap() == pytest.approx(0)
    assert MarkovChain.from_matrix([[0.5, 0.5], [0.5, 0.5]]).spectral_gap() == pytest.approx(1)
    with pytest.raises(ValueError, match=r"distance is 1.0, expected a number in \[1e-9, 1\)"):
        chain.mixing_time(1)


def test_backwards():
    chain = MarkovChain.from_matrix([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]], DAYS)
    assert not chain.is_reversible()
    assert chain.reversed().next_tokens("rain") == (["sun", "rain"], pytest.approx([0.5, 0.5]))
    np.testing.assert_allclose(chain.reversed().stationary(), chain.stationary(), rtol=1e-14)
    rng = np.random.default_rng(0)
    weights = rng.random((30, 30))
    graph = MarkovChain.from_edges(*np.nonzero(weights), (weights + weights.T).ravel())
    assert graph.is_reversible()
    both = graph.reversed().reversed()
    np.testing.assert_allclose(both.next_tokens(3)[1], graph.next_tokens(3)[1], rtol=1e-12)
    with pytest.raises(ValueError, match="the chain has order 2, expected 1 to read it backwards"):
        MarkovChain(2).fit([list("abab")]).reversed()


def test_refuses():
    two = MarkovChain.from_matrix(np.eye(2))
    for name in ("kemeny_constant", "spectral_gap", "mixing_time", "is_reversible", "mean_first_passage_times"):
        with pytest.raises(ValueError, match=f"the chain has 2 recurrent classes, expected one for {name}"):
            getattr(two, name)()
    with pytest.raises(ValueError, match="the chain has 1 transient states, expected none for mean_first"):
        MarkovChain.from_matrix([[0, 1], [0, 1]]).mean_first_passage_times()
    for targets, error, message in (
        ([], ValueError, "targets is empty, expected at least one state"),
        (7, KeyError, "targets: 7 was never seen"),
        ((0, 1), ValueError, r"targets has \(0, 1\), expected states of up to 1 token\(s\)"),
        ("a", TypeError, "targets holds 'a', expected tokens of type int"),
    ):
        with pytest.raises(error, match=message):
            two.hitting_times(targets)


def test_many_states_are_iterated_or_factored(monkeypatch):
    """The ways of large classes, on small ones: GMRES on what mixes fast, factors on a long line."""
    rng = np.random.default_rng(1)
    dense = rng.random((60, 60)) * (rng.random((60, 60)) < 0.2) + np.eye(60, k=1) + np.eye(60, k=-59)
    fast = MarkovChain.from_edges(*np.nonzero(dense), dense[dense > 0])
    line = np.eye(400, k=1) + np.eye(400, k=-1)
    slow = MarkovChain.from_matrix(line)
    expected = fast.hitting_times(5), slow.hitting_times(399), slow.hitting_probabilities([0, 399])
    monkeypatch.setattr(solving, "_DENSE", 0)
    found = fast.hitting_times(5), slow.hitting_times(399), slow.hitting_probabilities([0, 399])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    np.testing.assert_allclose(found[1], [399**2 - i**2 for i in range(400)], rtol=1e-10)
    gap = fast.spectral_gap()
    monkeypatch.setattr(spectrum, "_DENSE", 0)
    assert fast.spectral_gap() == pytest.approx(gap, rel=1e-9)
    monkeypatch.setattr(solving, "_ROUNDS", 1)
    with pytest.raises(RuntimeError, match="399 states are too slow to leave"):
        slow.hitting_times(399)
    monkeypatch.setattr(passage, "MOST_DENSE", 10)
    with pytest.raises(ValueError, match="59 states make a matrix too large, expected at most 10"):
        fast.mean_first_passage_times()
    monkeypatch.setattr(spectrum, "_MOST_DENSE", 10)
    with pytest.raises(ValueError, match="60 states make a matrix too large"):
        fast.mixing_time()


def test_rare_ways_are_right():
    chain = MarkovChain.from_matrix([[1 - 1e-12, 1e-12, 0], [0.5, 0, 0.5], [0, 0, 1]])
    p = [[1 - mpmath.mpf(1e-12), mpmath.mpf(1e-12), 0], [mpmath.mpf(0.5), 0, mpmath.mpf(0.5)], [0, 0, 1]]
    np.testing.assert_allclose(chain.hitting_times(2), [float(t) for t in exact_times(p, {2})], rtol=1e-4)
    weights = MarkovChain.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 2, 2], [1.0, 1e-13, 1.0, 1e-13, 1.0])
    assert weights.hitting_times(2)[0] == pytest.approx(1e26, rel=1e-12)


def test_against_pydtmc():
    pydtmc = pytest.importorskip("pydtmc", reason="needs PyDTMC")
    rng = np.random.default_rng(3)
    for size in (3, 6, 12):
        dense = rng.random((size, size))
        dense /= dense.sum(axis=1, keepdims=True)
        peer, chain = pydtmc.MarkovChain(dense), MarkovChain.from_matrix(dense)
        np.testing.assert_allclose(chain.mean_first_passage_times(), peer.mean_first_passage_times_to(), rtol=1e-9)
        np.testing.assert_allclose(chain.recurrence_times(), peer.mean_recurrence_times(), rtol=1e-9)
        np.testing.assert_allclose(chain.hitting_times(1), peer.hitting_times([1]), rtol=1e-9)
        assert chain.entropy_rate(base=math.e) == pytest.approx(peer.entropy_rate, rel=1e-9)
        assert 1 - chain.spectral_gap() == pytest.approx(1 - peer.spectral_gap, abs=1e-9)
        np.testing.assert_allclose(chain.stationary(), peer.pi[0], rtol=1e-9)
    peer, chain = (
        pydtmc.MarkovChain(np.array(RUIN) / np.sum(RUIN, axis=1, keepdims=True)),
        MarkovChain.from_matrix(RUIN),
    )
    np.testing.assert_allclose(chain.fundamental_matrix(), peer.fundamental_matrix, rtol=1e-9)
    np.testing.assert_allclose(chain.hitting_probabilities(4), peer.hitting_probabilities([4]), rtol=1e-9)
    absorbed = np.array(chain.absorption_probabilities())[:, 1:4]
    np.testing.assert_allclose(absorbed, peer.absorption_probabilities(), rtol=1e-9)


@pytest.mark.slow
def test_quantecons_own_examples():
    """The two-state wage chain, Kandori-Mailath-Rob, and 50,000 sparse states, as in QuantEcon's lectures and docs."""
    wages = MarkovChain.from_matrix([[0.9, 0.1], [0.4, 0.6]], ["employed", "unemployed"])
    assert wages.stationary()["employed"] == pytest.approx(0.8, rel=1e-15)
    for simultaneous in (True, False):
        dense = kandori_mailath_rob(10, 0.01, 1 / 3, simultaneous)
        chain = MarkovChain.from_matrix(dense)
        expected = fifty_digits_stationary(dense)
        np.testing.assert_allclose(chain.stationary(), expected, rtol=1e-12)
    size = 50_000
    rng = np.random.default_rng(5)
    sources = np.repeat(np.arange(size), 5)
    targets = np.concatenate([(np.arange(size) + 1) % size, rng.integers(0, size, 4 * size)])
    sparse = scipy_sparse.coo_array((np.ones(5 * size), (np.sort(sources), targets)), shape=(size, size)).tocsr()
    sparse = scipy_sparse.diags_array(1 / sparse.sum(axis=1)) @ sparse
    chain = MarkovChain.from_matrix(sparse)
    shares = chain.stationary()
    assert len(shares) == size
    np.testing.assert_allclose(shares.array @ sparse, shares, atol=1e-12 / size)
    times = chain.hitting_times(7)
    left = 1 + sparse @ times.array - times.array
    assert np.abs(np.delete(left, 7)).max() < 1e-9 * times.array.max()


def kandori_mailath_rob(players, epsilon, p, simultaneous):
    """Return the chain of Kandori, Mailath and Rob ("Learning, mutation, and long run equilibria", 1993).

    States are how many of the players take action 1; each, or one of them, changes to the best answer, but with
    probability epsilon to any of two actions.
    """
    n = np.arange(players + 1)
    dense = np.zeros((players + 1, players + 1))
    if simultaneous:
        for x in n:
            share = x / players
            up = epsilon / 2 if share < p else 1 / 2 if share == p else 1 - epsilon / 2
            dense[x] = [math.comb(players, y) * up**y * (1 - up) ** (players - y) for y in n]
        return dense
    for x in n:
        if x > 0:
            down = (x - 1) / (players - 1)
            dense[x, x - 1] = (x / players) * (epsilon / 2 + (1 - epsilon) * ((down < p) + (down == p) / 2))
        if x < players:
            up = x / (players - 1)
            dense[x, x + 1] = ((players - x) / players) * (epsilon / 2 + (1 - epsilon) * ((up > p) + (up == p) / 2))
        dense[x, x] = 1 - dense[x].sum()
    return dense


def fifty_digits_stationary(dense):
    p = exact(dense.tolist())
    n = len(p)
    a = mpmath.matrix([[p[j][i] - mpmath.mpf(i == j) for j in range(n)] for i in range(n - 1)] + [[1] * n])
    return [float(x) for x in mpmath.lu_solve(a, mpmath.matrix([0] * (n - 1) + [1]))]
