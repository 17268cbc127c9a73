"""Means over walks, and how shares depend on steps: against 50 digits, PyDTMC, and walks."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fastsoftmax import MarkovChain
from fastsoftmax.markov.longrun import mixing, solving
from tests.markov.chains import DAYS, SQUARES, P

scipy_sparse = pytest.importorskip("scipy.sparse", reason="the analysis needs SciPy")

NUMBERS = st.lists(st.sampled_from([0, 1, -1, 2.5, -0.125, 1e6]), min_size=6, max_size=6)
STEPS = (0, 1, 2, 7)


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


def rows_of(matrix, states):
    """Return the rows of the states as a matrix of 50 digits: a dead end has a row of zeros."""
    sums = [sum(row) or 1 for row in matrix]
    return mpmath.matrix([[mpmath.mpf(matrix[i][j]) / sums[i] for j in states] for i in states])


def column(numbers):
    return mpmath.matrix([mpmath.mpf(number) for number in numbers])


def floats(numbers):
    return [float(number) for number in numbers]


def near(found, expected, scale):
    """Assert that numbers are right to some roundings of the largest of them all."""
    np.testing.assert_allclose(found, floats(expected), rtol=1e-12, atol=1e-14 * scale)


@given(SQUARES, NUMBERS, NUMBERS)
def test_means_are_those_of_fifty_digits(matrix, values, others):
    assume(np.any(matrix))
    chain = MarkovChain.from_matrix(matrix)
    states = chain.states
    p, f, g = rows_of(matrix, states), column(values[: len(states)]), column(others[: len(states)])
    scale = max(map(abs, values)) * max(1, *map(abs, others))
    stays = p + mpmath.diag([0 if any(matrix[state]) else 1 for state in states])  # a walk that has stopped is there
    for start in range(len(states)):
        first, later, products = mpmath.matrix(1, len(states)), [], []
        first[start] = 1
        arrived = first
        for _ in range(8):
            later.append((arrived * f)[0])
            products.append(f[start] * (arrived * g)[0])
            arrived = arrived * stays
        near(chain.expected_values(values[: len(states)], 7, states[start]), later, scale)
        found = chain.time_correlations(values[: len(states)], 7, others[: len(states)], start=states[start])
        near(found, products, scale)
    sums, power = mpmath.matrix(f), p
    for steps in range(8):
        if steps in STEPS:
            near(chain.expected_rewards(values[: len(states)], steps), sums, 8 * scale)
        sums, power = sums + power * f, power * p
    weights = {state: 1 + place for place, state in enumerate(states)}
    visits = mpmath.matrix([[mpmath.mpf(weights[state]) / sum(weights.values()) for state in states]])
    total = mpmath.matrix(1, len(states))
    for _ in range(5):
        total, visits = total + visits, visits * p
    expected = [[float(total[i] * p[i, j]) for j in range(len(states))] for i in range(len(states))]
    np.testing.assert_allclose(chain.expected_transitions(5, weights).toarray(), expected, rtol=1e-13, atol=1e-300)


@given(SQUARES, NUMBERS, st.sampled_from([0.0, 0.5, 0.99, 1 - 1e-9]))
def test_rewards_for_ever_are_those_of_fifty_digits(matrix, values, discount):
    assume(np.any(matrix))
    chain = MarkovChain.from_matrix(matrix)
    states = chain.states
    p, values = rows_of(matrix, states), values[: len(states)]
    kept = mpmath.eye(len(states)) - mpmath.mpf(discount) * p
    gains, losses = (mpmath.lu_solve(kept, column([max(sign * v, 0) for v in values])) for sign in (1, -1))
    found = chain.expected_rewards(values, discount=discount).array
    expected, scale = np.array(floats(gains - losses)), np.array(floats(gains + losses))
    # of 1 - discount ten digits at most are lost where it is near to 1: rows are rounded before they are discounted
    assert (np.abs(found - expected) <= 1e-13 * scale).all()


def test_rewards_by_hand():
    chain = MarkovChain.from_matrix(P, DAYS)
    dense = np.array(P)
    for steps, discount in ((0, 1.0), (1, 0.5), (5, 1.0), (5, 0.9), (9, 0.0)):
        expected = sum(discount**t * np.linalg.matrix_power(dense, t) @ [1, -2, 0.5] for t in range(steps + 1))
        np.testing.assert_allclose(chain.expected_rewards([1, -2, 0.5], steps, discount=discount), expected, rtol=1e-14)
    assert chain.expected_rewards({"snow": 2}, 0) == {"sun": 0, "rain": 0, "snow": 2}
    np.testing.assert_allclose(chain.expected_rewards(1, discount=0.75), [4, 4, 4], rtol=1e-14)
    stopping = MarkovChain.from_matrix([[0, 1], [0, 0]])
    assert chain.expected_rewards(0, discount=0.5)["sun"] == 0
    assert dict(stopping.expected_rewards(1, 9)) == {0: 2, 1: 1}  # nothing after the dead end
    assert dict(stopping.expected_rewards(1, discount=0.5)) == {0: 1.5, 1: 1}
    assert dict(stopping.expected_rewards([0, 3], discount=0.5)) == {0: 1.5, 1: 3}
    ends = MarkovChain.from_transitions({"a": {"b": 2, None: 2}, "b": {"a": 2}}).prune(2)
    assert dict(ends.expected_rewards(1, 2)) == pytest.approx({"a": 2, "b": 2.5})
    assert dict(ends.expected_rewards(1, discount=0.5)) == pytest.approx({"a": 10 / 7, "b": 12 / 7})


@pytest.mark.parametrize(
    "words", [{"temperature": 0.5}, {"temperature": 0}, {"temperature": np.inf}, {"samplers": "top_k=2"}]
)
def test_temperature_and_samplers(words):
    chain = MarkovChain.from_matrix(P, DAYS)
    other = MarkovChain.from_matrix(chain.to_sparse(**words), DAYS)
    for name, arguments in (
        ("expected_values", ([1, 2, 3], 4)),
        ("expected_rewards", ([1, 2, 3], 4)),
        ("first_passage_probabilities", ("snow", 4)),
    ):
        found = getattr(chain, name)(*arguments, **words)
        np.testing.assert_allclose(found, getattr(other, name)(*arguments), rtol=1e-12)
    discounted = chain.expected_rewards([1, -2, 3], discount=0.9, **words)
    np.testing.assert_allclose(discounted, other.expected_rewards([1, -2, 3], discount=0.9), rtol=1e-12)
    np.testing.assert_allclose(
        chain.expected_transitions(4, "rain", **words).toarray(),
        other.expected_transitions(4, "rain").toarray(),
        rtol=1e-12,
    )
    if words != {"temperature": 0}:  # where there are two classes
        for name, arguments in (("time_correlations", ([1, 2, 3], 4)), ("sensitivity", ("snow",))):
            if words != {"samplers": "top_k=2"}:
                np.testing.assert_allclose(
                    getattr(chain, name)(*arguments, **words), getattr(other, name)(*arguments), rtol=1e-12, atol=1e-14
                )


def test_correlations_in_the_long_run():
    """Of what forgets by 0.4 a token the correlations are powers of 0.4."""
    chain = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
    values = np.array([3.0, 8.0])
    centred = values - values @ chain.stationary().array
    found = chain.time_correlations(centred, 20)
    np.testing.assert_allclose(found / found[0], 0.4 ** np.arange(21), rtol=1e-12)
    moments = chain.time_correlations(values, 20)
    np.testing.assert_allclose(moments, found + (values @ chain.stationary().array) ** 2, rtol=1e-14)
    both = chain.time_correlations({"sun": 1}, 3, {"rain": 1})
    np.testing.assert_allclose(both / chain.stationary()["sun"], chain.expected_values({"rain": 1}, 3, "sun"))
    reversible = chain.time_correlations({"rain": 1}, 3, {"sun": 1})
    np.testing.assert_allclose(both, reversible, rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2])
def test_means_of_sequences_are_those_of_walks(order):
    chain = MarkovChain(order).fit([list("abcab"), list("b"), list("acb")])
    walks = [*chain.walk(40_000, 12, seed=1, on_dead_end="restart")]

    if order == 1:
        values = {"a": 1.0, "b": -2.0, "c": 4.0}
        seen = np.array([[values[token] for token in walk] for walk in walks])
        np.testing.assert_allclose(chain.expected_values(values, 12)[1:], seen.mean(axis=0), atol=0.04)
        begun = seen[[walk[0] == "a" for walk in walks]]
        assert chain.expected_rewards(values, 8)["a"] == pytest.approx(begun[:, :9].sum(axis=1).mean(), abs=0.12)
        worth = (begun * 0.5 ** np.arange(12)).sum(axis=1).mean()
        assert chain.expected_rewards(values, discount=0.5)["a"] == pytest.approx(worth, abs=0.05)
        found = chain.time_correlations(values, 4, start="a")
        np.testing.assert_allclose(found, (begun[:, :1] * begun[:, :5]).mean(axis=0), atol=0.05)
        came = [[*walk[1:], "b"].index("b") for walk in walks if walk[0] == "b"]
        chances = chain.first_passage_probabilities("b", 6, start="b")
        np.testing.assert_allclose(chances, np.bincount(came, minlength=12)[:6] / len(came), atol=0.012)
    values = {state: float(ord(state if order == 1 else state[-1])) for state in chain.states}
    means = [np.mean([ord(walk[t]) for walk in walks]) for t in range(5)]
    np.testing.assert_allclose(chain.expected_values(values, 5)[1:], means, atol=0.03)
    assert chain.expected_values(values, 5)[0] == 0  # the beginning is no state
    shares = chain.stationary().array
    flat = chain.time_correlations(1, 3)
    np.testing.assert_allclose(flat, 1, rtol=1e-12)
    moves = chain.expected_transitions(5)
    inside = sum(chain.distribution(t).array @ chain.to_sparse().sum(axis=1) for t in range(5))
    assert moves.sum() == pytest.approx(inside)
    assert moves.shape == (shares.size, shares.size)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("words", [{}, {"temperature": 0.5}, {"samplers": "top_k=2"}])
def test_sequences_are_a_chain_of_their_states(order, words):
    """Ends that lead to the next sequence, as a matrix of one token after the other."""
    chain = MarkovChain(order).fit([list("abcab"), list("b"), list("acb"), list("aabb")])
    states, numbers = chain.states, np.arange(len(chain.states)) - 2.0
    plain = MarkovChain.from_matrix([chain.distribution(1, list(state), **words).array for state in states])
    found = chain.first_passage_probabilities([states[0], states[-1]], 6, list(states[1]), **words)
    expected = plain.first_passage_probabilities([0, len(states) - 1], 6, 1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    found = chain.expected_rewards(numbers, 5, **words)
    np.testing.assert_allclose(found, plain.expected_rewards(numbers, 5), rtol=1e-12, atol=1e-14)
    found = chain.expected_rewards(numbers, discount=0.9, **words)
    np.testing.assert_allclose(found, plain.expected_rewards(numbers, discount=0.9), rtol=1e-11, atol=1e-12)
    later = chain.time_correlations(numbers, 5, numbers**2, **words)
    np.testing.assert_allclose(later, plain.time_correlations(numbers, 5, numbers**2), rtol=1e-11)
    for place in (0, len(states) - 1):
        found = chain.sensitivity(states[place], **words)
        np.testing.assert_allclose(found, plain.sensitivity(place), rtol=1e-10, atol=1e-12)


@given(SQUARES, st.data())
def test_first_passages_add_up_to_chances_and_times(matrix, data):
    assume(np.any(matrix))
    chain = MarkovChain.from_matrix(matrix)
    start = data.draw(st.sampled_from(chain.states))
    goal = data.draw(st.sets(st.sampled_from(chain.states), min_size=1, max_size=2))
    p = rows_of(matrix, chain.states)
    found = chain.first_passage_probabilities(goal, 7, start)
    now, expected = mpmath.matrix(1, len(chain.states)), []
    now[chain.states.index(start)] = 1
    for _ in range(7):
        now = now * p
        expected.append(sum(now[chain.states.index(state)] for state in goal))
        for state in goal:
            now[chain.states.index(state)] = 0
    np.testing.assert_allclose(found, floats(expected), rtol=1e-13, atol=1e-300)
    if start not in goal:
        whole = chain.first_passage_probabilities(goal, 3000, start)
        chance = chain.hitting_probabilities(goal)[start]
        assert whole.sum() == pytest.approx(chance, abs=1e-9)
        if chance == 1:
            assert whole @ np.arange(1, 3001) == pytest.approx(chain.hitting_times(goal)[start], rel=1e-9)


# --- sensitivity ----------------------------------------------------------------------------------------


def group_inverse(p):
    n = p.rows
    a = mpmath.matrix([[p[j, i] - (i == j) for j in range(n)] for i in range(n - 1)] + [[1] * n])
    shares = mpmath.lu_solve(a, mpmath.matrix([0] * (n - 1) + [1]))
    everywhere = mpmath.matrix([[shares[j] for j in range(n)] for _ in range(n)])
    return shares, mpmath.inverse(mpmath.eye(n) - p + everywhere) - everywhere


@given(SQUARES, st.data())
def test_sensitivity_is_that_of_the_group_inverse(matrix, data):
    assume(all(map(any, matrix)))
    chain = MarkovChain.from_matrix(matrix)
    p = rows_of(matrix, range(len(matrix)))
    assume(len(chain.stationary_distributions()) == 1)  # transient states may be there
    state = data.draw(st.sampled_from(chain.states))
    shares, inverse = group_inverse(p)
    found = chain.sensitivity(state)
    expected = [[float(shares[i] * inverse[k, state]) for k in range(len(matrix))] for i in range(len(matrix))]
    scale = max(1, np.abs(expected).max())
    np.testing.assert_allclose(found.array, expected, rtol=1e-12, atol=1e-13 * scale)


def test_sensitivity_is_a_derivative():
    """Between two shares at fifty digits, of matrices that are as near as 1e-20."""
    p = mpmath.matrix([[mpmath.mpf(str(x)) for x in row] for row in P])
    change = mpmath.matrix([[-3, 1, 2], [1, -1, 0], [0.5, 0.25, -0.75]])
    step = mpmath.mpf(10) ** -20
    more, less = group_inverse(p + step * change)[0], group_inverse(p - step * change)[0]
    chain = MarkovChain.from_matrix(P, DAYS)
    for place, state in enumerate(DAYS):
        expected = float((more[place] - less[place]) / (2 * step))
        found = chain.sensitivity(state)
        by_hand = sum(found.array[i, k] * float(change[i, k]) for i in range(3) for k in range(3))
        assert by_hand == pytest.approx(expected, rel=1e-12)
    ends = MarkovChain().fit([list("aab"), list("ba"), list("b")])
    found = ends.sensitivity("a")  # of the steps by tokens, those over an end too
    tokens = MarkovChain.from_matrix(steps_by_tokens(ends), ends.states)
    np.testing.assert_allclose(found, tokens.sensitivity("a"), rtol=1e-12)


def steps_by_tokens(chain):
    """Return how likely the next token is, whether or not a sequence ends before it: of the states a and b."""
    begins = dict(zip(*chain.next_tokens(None), strict=True))
    rows = []
    for state in chain.states:
        row = dict(zip(*chain.next_tokens(state), strict=True))
        rows.append([row.get(goal, 0) + row.get(None, 0) * begins[goal] for goal in chain.states])
    return rows


# --- peers, sizes, refusals -----------------------------------------------------------------------------


@pytest.mark.slow
def test_against_pydtmc():
    pydtmc = pytest.importorskip("pydtmc", reason="needs PyDTMC")
    rng = np.random.default_rng(3)
    for size in (3, 6, 12):
        dense = rng.random((size, size))
        dense /= dense.sum(axis=1, keepdims=True)
        peer, chain, values = pydtmc.MarkovChain(dense), MarkovChain.from_matrix(dense), rng.standard_normal(size)
        np.testing.assert_allclose(chain.expected_rewards(values, 9), peer.expected_rewards(9, values), rtol=1e-11)
        # PyDTMC 8.7 is wrong about more steps than states where eigenvalues are complex, and counts transitions of
        # fewer steps wrongly, too.
        both = MarkovChain.from_edges(*np.nonzero(dense), (dense + dense.T).ravel())
        moves = pydtmc.MarkovChain(both.to_sparse().toarray()).expected_transitions(30)
        np.testing.assert_allclose(both.expected_transitions(30).toarray(), moves, rtol=1e-9, atol=1e-12)
        for state in range(size):
            np.testing.assert_allclose(chain.sensitivity(state), peer.sensitivity(state), rtol=1e-8, atol=1e-12)
        seen, others = rng.integers(0, size, 9).tolist(), rng.integers(0, size, 9).tolist()
        often, other = np.bincount(seen, minlength=size), np.bincount(others, minlength=size)
        times = [*range(size + 1)]
        found = chain.time_correlations(often, size, other)
        np.testing.assert_allclose(found, peer.time_correlations(seen, others, times), rtol=1e-9)
        found = chain.expected_values(often, size)
        np.testing.assert_allclose(found, peer.time_relaxations(seen, None, times), rtol=1e-9)
        np.testing.assert_allclose(
            chain.first_passage_probabilities(1, 9, 0), peer.first_passage_probabilities(9, 0, [1]), rtol=1e-9
        )


@pytest.mark.slow
def test_the_value_of_a_policy_is_that_of_quantecon():
    quantecon = pytest.importorskip("quantecon", reason="needs QuantEcon")
    rng = np.random.default_rng(4)
    rewards, steps = rng.standard_normal((6, 3)), rng.dirichlet(np.ones(6), (6, 3))
    problem = quantecon.markov.DiscreteDP(rewards, steps, 0.95)
    policy = problem.solve().sigma
    chain = MarkovChain.from_matrix(problem.controlled_mc(policy).P)
    found = chain.expected_rewards(rewards[range(6), policy], discount=0.95)
    np.testing.assert_allclose(found, problem.evaluate_policy(policy), rtol=1e-10)


@pytest.mark.slow
def test_a_million_edges():
    """Rewards of 200,000 states solve their equation, and no matrix is made dense."""
    size = 200_000
    rng = np.random.default_rng(5)
    targets = np.concatenate([(np.arange(size) + 1) % size, rng.integers(0, size, 4 * size)])
    chain = MarkovChain.from_edges(np.tile(np.arange(size), 5), targets)
    p, rewards = chain.to_sparse(), rng.standard_normal(size)
    found = chain.expected_rewards(rewards, discount=0.9).array
    assert np.abs(rewards + 0.9 * (p @ found) - found).max() < 1e-9 * np.abs(rewards).max()
    np.testing.assert_allclose(chain.expected_rewards(rewards, 2), rewards + p @ (rewards + p @ rewards), atol=1e-12)
    assert chain.expected_transitions(9).sum() == pytest.approx(9)
    assert chain.time_correlations(rewards, 3).shape == (4,)
    assert chain.first_passage_probabilities(3, 50).sum() < 1
    with pytest.raises(ValueError, match="200000 states make a matrix too large, expected at most 5000"):
        chain.sensitivity(3)


def test_many_states_are_iterated(monkeypatch):
    chain = MarkovChain.from_matrix(P, DAYS)
    expected = chain.expected_rewards([1, -2, 0.5], discount=0.99)
    monkeypatch.setattr(solving, "_DENSE", 0)
    np.testing.assert_allclose(chain.expected_rewards([1, -2, 0.5], discount=0.99), expected, rtol=1e-9)
    monkeypatch.setattr(mixing, "MOST_DENSE", 2)
    with pytest.raises(ValueError, match="3 states make a matrix too large, expected at most 2"):
        chain.sensitivity("sun")


@pytest.mark.parametrize(
    ("name", "arguments", "error", "message"),
    [
        (
            "expected_values",
            ([1, 2], 3),
            ValueError,
            r"values has shape \(2,\), expected one number or 3, one for each",
        ),
        ("expected_values", ({"fog": 1}, 3), KeyError, "values: 'fog' is no state of the chain"),
        ("expected_values", ({"sun": math.nan}, 3), ValueError, r"values\['sun'\] is nan, expected a finite number"),
        ("expected_values", ([1, math.inf, 0], 3), ValueError, r"values\[1\] is inf, expected a finite number"),
        ("expected_values", ("sun", 3), TypeError, "values is 'sun' .*, expected a finite number"),
        ("expected_values", (1, -1), ValueError, r"steps is -1, expected an integer in \[0, 2\*\*40\]"),
        ("expected_values", (1, 2**70), ValueError, r"steps is \d+, expected an integer in \[0, 2\*\*40\]"),
        ("expected_values", (1, 3, "fog"), KeyError, "start: token 'fog' was never seen"),
        ("time_correlations", (1, 3, [1, 2]), ValueError, r"other has shape \(2,\), expected one number or 3"),
        ("time_correlations", (1, 0.5), TypeError, "steps is 0.5, expected an integer in"),
        (
            "expected_rewards",
            (1,),
            ValueError,
            r"discount is 1, expected a number in \[0, 1\) for a walk without an end",
        ),
        ("expected_rewards", ({"sun": None}, 1), TypeError, r"rewards\['sun'\] is None"),
        ("expected_transitions", (-1,), ValueError, "steps is -1, expected an integer >= 0"),
        ("first_passage_probabilities", ([], 3), ValueError, "targets is empty, expected at least one state"),
        ("first_passage_probabilities", ("fog", 3), KeyError, "targets: token 'fog' was never seen"),
        ("sensitivity", ("fog",), KeyError, "state: token 'fog' was never seen"),
        ("sensitivity", (3,), TypeError, "state holds 3, expected tokens of type str"),
    ],
)
def test_refuses(name, arguments, error, message):
    with pytest.raises(error, match=message):
        getattr(MarkovChain.from_matrix(P, DAYS), name)(*arguments)


def test_refuses_a_discount_and_two_classes():
    with pytest.raises(ValueError, match=r"discount is 1.5, expected a number in \[0, 1\]"):
        MarkovChain.from_matrix(P).expected_rewards(1, 3, discount=1.5)
    two = MarkovChain.from_matrix(np.eye(2))
    with pytest.raises(ValueError, match="the chain has 2 recurrent classes, expected one for sensitivity"):
        two.sensitivity(0)
    with pytest.raises(ValueError, match="the chain has no start and 2 recurrent classes, expected one class"):
        two.time_correlations(1, 3)
    np.testing.assert_array_equal(two.time_correlations([2, 3], 1, start=1), [9, 9])
