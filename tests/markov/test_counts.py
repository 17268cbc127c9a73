"""Counts of a chain against a dictionary, parts against the whole, and transitions written by hand."""

import enum
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from fastsoftmax.markov import MarkovChain
from tests.cases import examples
from tests.markov.chains import CATS, INF, assert_same, counted, orders, tokens


@given(tokens, orders)
@examples(150)
def test_counts_against_dictionaries(sequences, order):
    chain = MarkovChain(order).fit(sequences)
    rows = counted(sequences, order, chain.vocabulary)
    table = chain.transitions
    states = sorted(rows)
    assert table.contexts.tolist() == [list(state) for state in states]
    assert (table.contexts.dtype, table.offsets.dtype, table.tokens.dtype) == (np.int32, np.int64, np.int32)
    assert (table.counts.dtype, table.targets.dtype) == (np.int64, np.int32)
    for s, state in enumerate(states):
        edges = slice(table.offsets[s], table.offsets[s + 1])
        expected = sorted(rows[state].items(), key=lambda edge: (-edge[1], edge[0]))
        assert list(zip(table.tokens[edges].tolist(), table.counts[edges].tolist(), strict=True)) == expected
        for token, target in zip(table.tokens[edges].tolist(), table.targets[edges].tolist(), strict=True):
            after = (*state, token)[1:]
            assert target == (states.index(after) if token >= 0 and after in rows else -1)


@pytest.mark.parametrize("order", [9, 25])
@pytest.mark.parametrize("largest", [2, 1000, 2**31 - 2])
def test_ngrams_wider_than_a_key(order, largest):
    rng = np.random.default_rng(1)
    sequences = rng.integers(0, largest, (30, 12), endpoint=True)
    chain = MarkovChain(order).fit(sequences)
    rows = counted(sequences.tolist(), order, None)
    assert sorted(rows) == [tuple(context) for context in chain.transitions.contexts.tolist()]
    assert sum(map(len, rows.values())) == chain.transitions.tokens.size


def test_long_rows_are_sorted():
    """Rows long enough for every pass of the merge sort; ties keep the smaller token first."""
    rng = np.random.default_rng(2)
    nexts = rng.integers(10, 5000, 40_000)
    chain = MarkovChain().fit([[7, int(token)] for token in nexts])
    counts = Counter(nexts.tolist())
    assert chain.next_tokens(7)[0] == sorted(counts, key=lambda token: (-counts[token], token))


@given(tokens, orders, st.lists(st.integers(0, 12), max_size=4))
@examples(100)
def test_merge_of_parts_is_fit_of_the_whole(sequences, order, cuts):
    whole = MarkovChain(order).fit(sequences)
    bounds = [0, *sorted(min(cut, len(sequences)) for cut in cuts), len(sequences)]
    parts = [sequences[a:b] for a, b in pairwise(bounds) if a < b]
    merged, grown = MarkovChain(order), MarkovChain(order)
    for part in parts:
        merged.merge(MarkovChain(order).fit(part))
        grown.partial_fit(part)
    assert_same(merged, whole)
    assert_same(grown, whole)


@given(tokens, orders, st.integers(1, 1000))
@examples(40)
def test_weights_are_repetitions(sequences, order, weight):
    once = MarkovChain(order).fit(sequences)
    for chain in (MarkovChain(order).partial_fit(sequences, weight), MarkovChain(order).merge(once, weight)):
        np.testing.assert_array_equal(chain.transitions.counts, once.transitions.counts * weight)
        np.testing.assert_array_equal(chain.transitions.tokens, once.transitions.tokens)
    assert_same(MarkovChain(order).partial_fit(sequences, 2), MarkovChain(order).fit([*sequences, *sequences]))


@given(tokens, orders, st.integers(0, 4))
@examples(60)
def test_prune(sequences, order, least):
    chain = MarkovChain(order).fit(sequences)
    rows = counted(sequences, order, chain.vocabulary)
    vocabulary = chain.vocabulary
    assert chain.prune(least) is chain
    kept = {s: {t: c for t, c in row.items() if c >= least} for s, row in rows.items()}
    kept = {state: row for state, row in kept.items() if row}
    assert [tuple(context) for context in chain.transitions.contexts.tolist()] == sorted(kept)
    assert chain.transitions.tokens.size == sum(map(len, kept.values()))
    assert chain.vocabulary == vocabulary


Color = enum.Enum("Color", {"RED": "red", "BLUE": "blue"}, type=str)  # str() of these is not their value


class Folded(str):
    """A str that is equal to others, and has another hash than they."""

    __slots__ = ()

    def __eq__(self, other):
        return self.lower() == other.lower()

    def __hash__(self):
        return 5


@pytest.mark.parametrize("kind", [Color, Folded, np.str_])
def test_tokens_of_other_kinds_of_str(kind, tmp_path):
    red, blue = kind("red"), kind("blue")
    chain = MarkovChain().fit([[red, blue], [red, "red", blue], ["blue", red]])
    assert_same(chain, MarkovChain().fit([["red", "blue"], ["red", "red", "blue"], ["blue", "red"]]))
    assert [type(token) for token in chain.vocabulary] == [str, str]
    chain.save(tmp_path / "m")
    for one in (chain, MarkovChain.load(tmp_path / "m")):
        assert one.next_tokens(red)[0] == one.next_tokens("red")[0]
        assert one.log_likelihood([red, blue]) == one.log_likelihood(["red", "blue"]) > -INF
    made = MarkovChain.from_transitions({red: {blue: 1, red: 1}, blue: {red: 1}})
    assert made.vocabulary == ["red", "blue"]
    assert {type(token) for token in made.walk(length=9, seed=1)[0]} == {str}


def test_prune_everything():
    chain = MarkovChain(2).fit(CATS).prune(100)
    assert chain.walk(3, 5, seed=0).lengths.tolist() == [0, 0, 0]
    assert chain.log_likelihood(CATS[0]) == -INF
    with pytest.raises(ValueError, match="no transition leaves the beginning"):
        chain.walk(on_dead_end="restart")
    with pytest.raises(ValueError, match="walk 0 came to a dead end at position 0"):
        chain.walk(on_dead_end="raise")
    assert_same(chain.partial_fit(CATS), MarkovChain(2).fit(CATS))
    more = MarkovChain(2).fit(CATS).merge(MarkovChain(2).fit([["a", "z"]]).prune(9))
    assert more.vocabulary == [*MarkovChain(2).fit(CATS).vocabulary, "z"]
    assert more.transitions.tokens.size == MarkovChain(2).fit(CATS).transitions.tokens.size


def test_ways_to_give_sequences():
    lists = [[1, 2, 3], [4, 5, 6]]
    expected = MarkovChain(2).fit(lists)
    array = np.array(lists)
    backwards = np.array([[3, 2, 1], [6, 5, 4]], np.uint8)[:, ::-1]
    read_only = array.copy()
    read_only.flags.writeable = False
    for given_ in (
        tuple(map(tuple, lists)),
        iter(lists),
        (iter(sequence) for sequence in lists),
        array,
        array.astype(np.int16),
        array.astype(np.uint64),
        np.asfortranarray(array),
        backwards,
        read_only,
        [np.array(sequence) for sequence in lists],
        [range(1, 4), range(4, 7)],
        [[np.int64(1), 2, np.uint8(3)], lists[1]],
    ):
        assert_same(MarkovChain(2).fit(given_), expected)
    assert_same(MarkovChain().fit(np.array([1, 2, 3])), MarkovChain().fit([[1, 2, 3]]))
    words = np.array([["a", "b"], ["b", "c"]])
    for given_ in (words, words.astype(object), [("a", "b"), iter("bc")], [words[0], words[1].tolist()]):
        assert_same(MarkovChain().fit(given_), MarkovChain().fit([["a", "b"], ["b", "c"]]))
    assert type(MarkovChain().fit(words).vocabulary[0]) is str


def test_fit_forgets():
    chain = MarkovChain().fit(CATS)
    assert chain.fit([[1, 2]]) is chain
    assert_same(chain, MarkovChain().fit([[1, 2]]))
    assert repr(chain) == "MarkovChain(order=1), 3 states, 3 transitions"
    assert repr(MarkovChain(3)) == "MarkovChain(order=3), empty"
    assert (chain.order, chain.vocabulary, MarkovChain().vocabulary) == (1, None, None)


def test_from_transitions():
    chain = MarkovChain.from_transitions({"the": {"cat": 2.0, "dog": 1}, "cat": {None: 1, "the": 4}})
    assert chain.vocabulary == ["the", "cat", "dog"]
    assert chain.order == 1
    assert chain.transitions.counts.dtype == np.int64
    assert chain.next_tokens("the")[0] == ["cat", "dog"]
    np.testing.assert_allclose(chain.next_tokens("the")[1], [2 / 3, 1 / 3], rtol=1e-15)
    assert chain.next_tokens("cat")[0] == ["the", None]
    assert chain.next_tokens(None)[0] == ["the", "cat"]
    np.testing.assert_array_equal(chain.next_tokens(None)[1], [0.5, 0.5])


def test_from_fractions_tuples_and_ints():
    chain = MarkovChain.from_transitions({(1, 2): {3: 0.5, 7: 0.25}, (1, 3): {None: 2}})
    assert chain.order == 2
    assert chain.vocabulary is None
    assert chain.transitions.counts.dtype == np.float64
    np.testing.assert_allclose(chain.next_tokens((1, 2))[1], [2 / 3, 1 / 3], rtol=1e-15)
    assert chain.next_tokens(1)[0] == [2, 3]
    np.testing.assert_array_equal(chain.next_tokens(1)[1], [0.5, 0.5])
    assert chain.next_tokens(None)[0] == [1]
    assert list(chain.walk(1, 5, start=(1, 3))) == [[1, 3]]
    assert MarkovChain.from_transitions({"a": {"b": 1e300, "a": 1e300}}).transitions.counts.dtype == np.float64


def test_from_transitions_then_fit_and_merge():
    chain = MarkovChain.from_transitions({"a": {"b": 0.5}}).partial_fit([["a", "b"]])
    assert chain.transitions.counts.dtype == np.float64
    assert chain.next_tokens("b")[0] == [None]
    assert dict(zip(chain.transitions.tokens, chain.transitions.counts, strict=True))[1] == 1.5


@pytest.mark.parametrize(
    ("transitions", "error", "message"),
    [
        ([], TypeError, r"transitions is \[\], expected a dict of dicts"),
        ({}, ValueError, "transitions is empty"),
        ({"a": {}}, ValueError, r"transitions\['a'\] is empty"),
        ({"a": ["b"]}, TypeError, r"transitions\['a'\] is \['b'\], expected a dict"),
        ({"a": {"b": 0}}, ValueError, r"transitions\['a'\] has weights of 0 alone, expected at least one above 0"),
        ({"a": {"b": -1.5}}, ValueError, r"transitions\['a'\]\['b'\] is -1.5, expected a finite number >= 0"),
        ({"a": {"b": math.nan}}, ValueError, r"transitions\['a'\]\['b'\] is nan"),
        ({"a": {"b": INF}}, ValueError, r"transitions\['a'\]\['b'\] is inf"),
        ({"a": {"b": 10**400}}, ValueError, r"expected a finite number >= 0"),
        ({"a": {"b": True}}, TypeError, r"transitions\['a'\]\['b'\] is True"),
        ({"a": {"b": "1"}}, TypeError, r"transitions\['a'\]\['b'\] is '1'"),
        ({"a": {1: 1}}, TypeError, r"token 1, expected a token of type str"),
        ({1: {"a": 1}}, TypeError, r"token 'a', expected a token of type int"),
        ({1: {2**31 - 1: 1}}, ValueError, r"expected an integer in \[0, 2\*\*31 - 1\)"),
        ({-1: {1: 1}}, ValueError, r"token -1, expected an integer in"),
        ({True: {1: 1}}, TypeError, "token True"),
        ({("a", "b"): {"c": 1}, "a": {"b": 1}}, ValueError, r"'a' has 1 token\(s\), expected 2"),
        ({(): {"c": 1}, "a": {"b": 1}}, ValueError, r"'a' has 1 token\(s\), expected 0"),
        ({"a": {"b": 1}, ("a",): {"c": 1}}, ValueError, "one state twice"),
        ({"a": {"b": 1.7e308, "c": 1.7e308}}, ValueError, "the weights add up to inf"),
    ],
)
def test_from_transitions_refuses(transitions, error, message):
    with pytest.raises(error, match=message):
        MarkovChain.from_transitions(transitions)


def test_an_edge_of_weight_0_is_no_edge():
    """A contingency table has a number for every pair: pandas.crosstab(...).to_dict("index")."""
    table = {"sun": {"sun": 3, "rain": 1, "snow": 0}, "rain": {"sun": 2, "rain": 0, "snow": 0}}
    chain = MarkovChain.from_transitions(table)
    sparse = MarkovChain.from_transitions({"sun": {"sun": 3, "rain": 1}, "rain": {"sun": 2}})
    assert chain.walk(50, 30, seed=1).ids.tolist() == sparse.walk(50, 30, seed=1).ids.tolist()
    assert chain.next_tokens(["rain"])[0] == ["sun"]
    assert [*chain.walk(9, 9, seed=2)] == reference.MarkovChain.from_transitions(table).walk(9, 9, seed=2)


def test_start_weights():
    table = {"a": {"b": 1}, "b": {"a": 1}, "c": {"a": 1}}
    chain = MarkovChain.from_transitions(table, start={"a": 3, "b": 1, "c": 0})
    firsts = [walk[0] for walk in chain.walk(4000, 1, seed=1)]
    assert set(firsts) == {"a", "b"}
    assert 2800 < firsts.count("a") < 3200
    plain = reference.MarkovChain.from_transitions(table, start={"a": 3, "b": 1, "c": 0})
    assert [*chain.walk(50, 3, seed=4)] == plain.walk(50, 3, seed=4)
    twos = MarkovChain.from_transitions({("a", "b"): {"a": 1}, ("b", "a"): {"b": 1}}, start={("b", "a"): 2.5})
    assert {tuple(walk[:2]) for walk in twos.walk(20, 5, seed=1)} == {("b", "a")}
    for start, error, message in (
        ([], TypeError, r"start is \[\], expected a dict \{state: weight\}"),
        ({}, ValueError, "start is empty, expected at least one state"),
        ({"a": 0}, ValueError, "start has weights of 0 alone, expected at least one above 0"),
        ({"a": -1}, ValueError, r"start\['a'\] is -1, expected a finite number >= 0"),
        ({("a", "b"): 1}, ValueError, r"start key \('a', 'b'\) has 2 token\(s\), expected 1"),
        ({1: 1}, TypeError, "start key 1: token 1, expected a token of type str"),
    ):
        with pytest.raises(error, match=message):
            MarkovChain.from_transitions(table, start=start)
