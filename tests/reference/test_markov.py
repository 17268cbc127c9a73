"""The reference's chains, worked by hand."""

import math
from fractions import Fraction

import pytest

from reference import MarkovChain, softmax, uniform
from reference.markov import law, tempered
from reference.sampling import (
    draw,
)

INF, NAN = math.inf, math.nan


CATS = [["the", "cat", "sat"], ["the", "dog", "sat"], ["the", "cat"]]


def test_counts_by_hand():
    chain = MarkovChain().fit(CATS)
    assert chain.ids == {None: -1, "the": 0, "cat": 1, "sat": 2, "dog": 3}
    assert chain.rows == {(-1,): {0: 3}, (0,): {1: 2, 3: 1}, (1,): {2: 1, -1: 1}, (2,): {-1: 2}, (3,): {2: 1}}


def test_counts_of_order_2():
    chain = MarkovChain(order=2).fit([[5, 7, 5, 7], [5]])
    assert chain.ids == {None: -1, 5: 5, 7: 7}
    assert chain.rows == {(-1, -1): {5: 2}, (-1, 5): {7: 1, -1: 1}, (5, 7): {5: 1, -1: 1}, (7, 5): {7: 1}}


def test_order_0_by_hand():
    chain = MarkovChain(order=0).fit(CATS)
    assert chain.rows == {(): {0: 3, 1: 2, 2: 2, 3: 1, -1: 3}}
    assert chain.next_tokens("dog") == chain.next_tokens(None)
    assert chain.next_tokens(None) == ([None, "the", "cat", "sat", "dog"], [3 / 11, 3 / 11, 2 / 11, 2 / 11, 1 / 11])
    assert chain.scores(["dog", "bird"]) == pytest.approx([math.log(1 / 11), -INF, math.log(3 / 11)])
    (walk,) = chain.walk(1, 6, start=["dog"], seed=3, on_dead_end="restart")
    assert (walk[0], len(walk)) == ("dog", 6)
    assert set(walk) <= {"the", "cat", "sat", "dog"}
    assert chain.merge(MarkovChain(0).fit([["dog"]]), 2).rows[()][3] == 3
    assert MarkovChain.from_transitions({(): {"a": 2, None: 1}}).rows == {(): {0: 2, -1: 1}}


def test_rows_are_ordered_by_count_then_id():
    assert law({4: 1, -1: 1, 2: 3, 0: 1}, 1, 0, 1, 0) == ([2, -1, 0, 4], [3, 1, 1, 1])
    assert law({4: 1, -1: 1, 2: 3, 0: 1}, 1, 2, 1, 0) == ([2, -1], [3, 1])
    assert law({4: 1, 2: 3, 0: 3}, 0, 0, 1, 0) == ([0], [1])


def test_tempered_counts():
    assert tempered([4, 1], 1) == [4, 1]
    assert tempered([4, 1], 2) == [1, 0.5]
    assert tempered([4, 1], INF) == [1, 1]
    assert tempered([1.5, 0.25], 1) == [1.5, 0.25]
    assert tempered([10**300, 10**299], 1e-3) == [1, 0]
    counts = [907, 906, 31, 2, 1]
    masses = tempered(counts, 0.3)
    expected = softmax([math.log(c) for c in counts], 0.3)
    assert [m / math.fsum(masses) for m in masses] == pytest.approx(expected, rel=1e-12)


def test_next_tokens():
    chain = MarkovChain().fit(CATS)
    assert chain.next_tokens("the") == (["cat", "dog"], [2 / 3, 1 / 3])
    assert chain.next_tokens("cat") == ([None, "sat"], [0.5, 0.5])  # the boundary first among equals
    assert chain.next_tokens("the", temperature=0.5) == (["cat", "dog"], [0.8, 0.2])
    assert chain.next_tokens("the", top_k=1) == chain.next_tokens("the", temperature=0) == (["cat"], [1])
    assert chain.next_tokens("the", temperature=1e-4) == (["cat"], [1])  # the other's mass underflows
    assert chain.next_tokens(None) == chain.next_tokens([]) == (["the"], [1])
    assert chain.next_tokens(["dog", "cat"]) == chain.next_tokens("cat")
    with pytest.raises(KeyError, match="bird"):
        chain.next_tokens("bird")
    with pytest.raises(KeyError, match="None"):
        chain.next_tokens([None])
    with pytest.raises(KeyError, match="context 'cat' has never been followed by anything"):
        chain.prune(2).next_tokens("cat")


def test_likelihood_by_hand():
    chain = MarkovChain().fit(CATS)
    assert chain.log_likelihood(["the", "cat"]) == pytest.approx(math.log(2 / 3 / 2))
    assert chain.log_likelihood(["the", "dog"]) == chain.log_likelihood(["a", "cat"]) == -INF
    assert chain.perplexity([["the", "cat"], ["the", "cat", "sat"]]) == pytest.approx(9 ** (1 / 7))
    assert chain.perplexity([["dog"]]) == INF
    assert chain.prune(2).log_likelihood(["the", "cat"]) == -INF  # it has no row any more


def test_scores_by_hand():
    chain = MarkovChain().fit(CATS)
    assert chain.scores(["the", "cat"]) == pytest.approx([0, math.log(2 / 3), math.log(1 / 2)])
    assert chain.scores(["the", "cat"], end=False) == pytest.approx([0, math.log(2 / 3)])
    assert chain.scores(["a", "cat"]) == pytest.approx([-INF, -INF, math.log(1 / 2)])
    skipped = [NAN, NAN, math.log(1 / 2)]
    assert chain.scores(["a", "cat"], unseen="skip") == pytest.approx(skipped, nan_ok=True)
    assert chain.scores(["dog", "cat"], unseen="skip")[:2] == [-INF, -INF]  # tokens that were seen, but not so
    assert chain.log_likelihood(["the", "cat"], end=False) == pytest.approx(math.log(2 / 3))
    assert chain.log_likelihood(["a", "cat"], unseen="skip") == pytest.approx(math.log(1 / 2))
    with pytest.raises(ValueError, match="unseen is 'maybe', expected 'impossible' or 'skip'"):
        chain.scores(["the"], unseen="maybe")


def test_merge_of_parts_is_fit_of_the_whole():
    whole = MarkovChain(2).fit(CATS)
    parts = [MarkovChain(2).fit([sequence]) for sequence in CATS]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert (merged.ids, merged.rows) == (whole.ids, whole.rows)
    assert list(merged.ids) == list(whole.ids)
    grown = MarkovChain(2).partial_fit(CATS[:1]).partial_fit(CATS[1:])
    assert (grown.ids, grown.rows) == (whole.ids, whole.rows)
    twice = MarkovChain(2).partial_fit(CATS, weight=2)
    assert (twice.ids, twice.rows) == (merged.ids, whole.merge(whole).rows)
    assert whole.fit([[1]]).ids == {None: -1, 1: 1}


@pytest.mark.parametrize(
    ("weight", "here", "there"),
    [(3, 1, 3), (0.3, 10, 3), (Fraction(1, 997), 997, 1), (Fraction(1, 1_500_003), 10**6, 1)],  # to six digits
)
def test_merge_by_a_ratio(weight, here, there):
    chain = MarkovChain().fit([["a"]]).merge(MarkovChain().fit([["b"], ["b", "a"]]), weight)
    assert chain.rows == {(-1,): {0: here, 1: 2 * there}, (0,): {-1: here + there}, (1,): {-1: there, 0: there}}


def test_prune():
    chain = MarkovChain().fit(CATS).prune(2)
    assert chain.rows == {(-1,): {0: 3}, (0,): {1: 2}, (2,): {-1: 2}}
    assert chain.walk(seed=0) == [["the", "cat"]]  # a dead end
    with pytest.raises(ValueError, match=r"\['cat'\] of walk 0 at 2 is a dead end"):
        chain.walk(seed=0, on_dead_end="raise")
    assert chain.walk(length=5, seed=0, on_dead_end="restart") == [["the", "cat", "the", "cat", "the"]]


def test_walk_draws_by_hand():
    """The token at t of walk w is the draw of uniform(seed, t, restarts, w) over the ordered row."""
    chain = MarkovChain().fit([list("abab"), list("ba"), list("aab")])
    for w, walk in enumerate(chain.walk(20, 6, seed=11, temperature=1.3, on_dead_end="restart")):
        assert len(walk) == 6
        state, restarts, t = None, 0, 0
        while t < 6:
            tokens, masses = chain.next_tokens(state, temperature=1.3)
            state = tokens[draw(masses, uniform(11, t, restarts, w))]
            if state is None:
                restarts += 1
            else:
                assert walk[t] == state
                t, restarts = t + 1, 0


def test_walks():
    chain = MarkovChain().fit(CATS)
    walks = chain.walk(40, 3, seed=5)
    assert {tuple(walk) for walk in walks} == {tuple(sequence) for sequence in CATS}
    assert chain.walk(3, 3, seed=5) == walks[:3]
    assert {len(walk) for walk in chain.walk(40, 2, seed=5)} == {2}
    assert all(walk[:2] == ["sat", "cat"] for walk in chain.walk(4, 3, start=["sat", "cat"], seed=1))
    assert chain.walk(1, 1, start="cat", seed=1) == [["cat"]]
    assert chain.walk(0, seed=1) == []
    assert chain.walk(1, 0, seed=1) == [[]]
    assert chain.walk(40, seed=5) == chain.walk(40, 100, temperature=1, seed=5)
    assert chain.walk(2, 9, start="the", temperature=0, seed=1) == [["the", "cat"]] * 2


def test_start_of_order_2():
    chain = MarkovChain(2).fit([[1, 2, 3], [2, 9]])
    assert chain.walk(start=2, seed=0) == [[2, 9]]  # one token: the beginning of a sequence
    assert chain.walk(start=[1, 2], seed=0) == [[1, 2, 3]]
    assert chain.walk(start=[9, 1, 2], seed=0) == [[9, 1, 2, 3]]
    assert chain.walk(start=[9, 9], seed=0) == [[9, 9]]  # known tokens, but a state without a row
    assert MarkovChain(2).fit([[1, 2, 3, 4]]).walk(seed=0) == [[1, 2, 3, 4]]


def test_start_in_the_middle():
    """Where no sequence begins so: at the states that do, each by how often it was followed by anything."""
    chain = MarkovChain(2).fit([[1, 2, 3], [1, 2, 4], [1, 2, 3], [5, 2, 6, 7]])
    states, counts = [[2, 3], [2, 4], [2, 6]], [2, 1, 1]
    for w, walk in enumerate(chain.walk(30, start=2, seed=4)):
        assert walk[:2] == states[draw(counts, uniform(4, 1, 0, w))]
        assert walk[2:] == ([7] if walk[1] == 6 else [])
    assert chain.walk(3, 1, start=2, seed=4) == [[2]] * 3
    for words in ({"temperature": 0}, {"top_k": 1}, {"top_p": 0.1}, {"min_p": 1}):
        assert chain.walk(9, start=2, seed=4, **words) == [[2, 3]] * 9
    third = MarkovChain(3).fit([[1, 2, 3, 4], [1, 2, 3, 5], [9, 2, 3, 4]])
    for w, walk in enumerate(third.walk(30, start=[2, 3], seed=4)):
        assert walk == [[2, 3, 4], [2, 3, 5]][draw([2, 1], uniform(4, 2, 0, w))]


def test_a_start_that_was_pruned_is_a_dead_end():
    """Sequences begin so, though what follows was seen too seldom: no walk begins in the middle instead."""
    chain = MarkovChain(3).fit([[2, 1], [2, 3], [7, 2, 4, 5], [7, 2, 4, 5]]).prune(2)
    assert chain.walk(3, start=2, seed=0) == [[2]] * 3
    nowhere = MarkovChain(2).fit([[1, 9, 9], [2, 9, 9]]).prune(2)
    assert list(nowhere.rows) == [(9, 9)]
    assert nowhere.walk(3, length=4, seed=0) == [[9, 9]] * 3  # where no sequence begins, walks begin anywhere


def test_a_walk_is_of_100_tokens():
    assert MarkovChain.from_transitions({"a": {"a": 1}}).walk(seed=0) == [["a"] * 100]


def test_the_smallest_and_the_largest_id():
    assert MarkovChain().fit([[0, 2**31 - 2]]).walk(seed=0) == [[0, 2**31 - 2]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"start": "bird"}, KeyError, "bird"),
        ({"start": ["the", "cat"], "length": 1}, ValueError, "length is 1"),
        ({"on_dead_end": "jump"}, ValueError, "on_dead_end is 'jump'"),
        ({"temperature": -1}, ValueError, "temperature is -1"),
        ({"n": -1}, ValueError, "n is -1"),
    ],
)
def test_walk_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        MarkovChain().fit(CATS).walk(**arguments, seed=0)


def test_restart_needs_a_start():
    chain = MarkovChain().fit([["a"], ["b"]]).prune(2)
    with pytest.raises(ValueError, match="a sequence can start"):
        chain.walk(start="a", seed=0, on_dead_end="restart")


def test_from_transitions():
    chain = MarkovChain.from_transitions({"the": {"cat": 2.0, "dog": 1.0}, "cat": {None: 1, "the": 0.5}})
    assert chain.ids == {None: -1, "the": 0, "cat": 1, "dog": 2}
    assert chain.rows == {(-1,): {0: 1, 1: 1}, (0,): {1: 2, 2: 1}, (1,): {-1: 1, 0: 0.5}}
    assert chain.walk(1, 9, start="dog", seed=0) == [["dog"]]
    assert chain.next_tokens("cat")[0] == [None, "the"]


def test_from_transitions_of_order_2():
    chain = MarkovChain.from_transitions({(1, 2): {3: 0.5}, (1, 3): {None: 2}})
    assert chain.rows == {(-1, -1): {1: 2}, (-1, 1): {2: 1, 3: 1}, (1, 2): {3: 0.5}, (1, 3): {-1: 2}}


def test_weights_of_0_are_no_edges():
    chain = MarkovChain.from_transitions({"a": {"b": 0, "c": 1}})
    assert (chain.ids, chain.rows[0,]) == ({None: -1, "a": 0, "c": 1}, {1: 1})


def test_from_transitions_with_a_start():
    words = {"a": {"b": 1}, "b": {"a": 1}, "c": {"a": 1}}
    chain = MarkovChain.from_transitions(words, start={"a": 0.25, "b": 0, "c": 0.75})
    assert chain.rows[-1,] == {chain.ids["a"]: 0.25, chain.ids["c"]: 0.75}


@pytest.mark.parametrize(
    ("transitions", "error", "message"),
    [
        ({}, ValueError, "transitions is empty"),
        ({"a": {}}, ValueError, "'a'"),
        ({"a": {"b": 0}}, ValueError, "state .*'a'.* has no next token, expected at least one"),
        ({"a": {"b": NAN}}, ValueError, "weight of 'b'"),
        ({"a": {"b": INF}}, ValueError, "weight of 'b'"),
        ({"a": {"b": True}}, ValueError, "weight of 'b'"),
        ({("a", "b"): {"c": 1}, ("a",): {"c": 1}}, ValueError, "expected 2"),
        ({"a": {1: 1}}, TypeError, "token 1"),
        ({None: {"a": 1}}, TypeError, "token None"),
        ({-1: {1: 1}}, ValueError, "token is -1"),
    ],
)
def test_from_transitions_errors(transitions, error, message):
    with pytest.raises(error, match=message):
        MarkovChain.from_transitions(transitions)


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ("text", TypeError, "sequences is a str"),
        ([["a"], "text"], TypeError, r"sequences\[1\] is 'text'"),
        ([1, 2], TypeError, r"sequences\[0\] is 1"),
        ([], ValueError, "sequences is empty"),
        ([["a"], []], ValueError, r"sequences\[1\] is empty"),
        ([["a", 1]], TypeError, "token 1 is of <class 'int'>, expected tokens of one type"),
        ([[True]], TypeError, "bool"),
        ([[1.5]], TypeError, "float"),
        ([[1]], TypeError, "one type"),  # the chain has words
        ([[-1]], ValueError, "token is -1"),
        ([[2**31 - 1]], ValueError, "token is 2147483647"),
    ],
)
def test_fit_errors_leave_the_chain_alone(sequences, error, message):
    chain, same = MarkovChain().fit(CATS), MarkovChain().fit(CATS)
    with pytest.raises(error, match=message):
        chain.partial_fit(sequences)
    assert (chain.ids, chain.rows) == (same.ids, same.rows)


def test_a_bool_is_no_integer():
    with pytest.raises(TypeError, match="token True is of <class 'bool'>, expected str or int"):
        MarkovChain().fit([[True]])


def test_order_and_weight_errors():
    with pytest.raises(ValueError, match="order is -1"):
        MarkovChain(-1)
    with pytest.raises(ValueError, match="weight is 0"):
        MarkovChain().partial_fit(CATS, weight=0)
    with pytest.raises(ValueError, match="other has order 2, expected 1"):
        MarkovChain().merge(MarkovChain(2))
