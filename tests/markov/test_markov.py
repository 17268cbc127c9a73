"""MarkovChain: counts against a dictionary, walks against their law and the reference, and what is refused."""

import copy
import enum
import math
import pickle
import sys
import threading
from collections import Counter, defaultdict
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import reference
from fastsoftmax import _threads
from fastsoftmax.kernels.markov import table as kernels
from fastsoftmax.markov import MarkovChain, Walks
from fastsoftmax.markov.walking import walks as walks_module
from tests.cases import examples

INF = math.inf
ARRAYS = ("contexts", "offsets", "tokens", "counts", "targets")

CATS = [["the", "cat", "sat"], ["the", "dog", "sat", "down"], ["a", "cat", "ran"]]
WEATHER = {"sun": {"sun": 8, "rain": 2}, "rain": {"rain": 3, "sun": 3, "snow": 1}, "snow": {"snow": 1, "rain": 4}}

tokens = st.one_of(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=12),
    st.lists(st.lists(st.sampled_from("abcdé中"), min_size=1, max_size=8), min_size=1, max_size=12),
    st.lists(st.lists(st.integers(0, 2**31 - 2), min_size=1, max_size=5), min_size=1, max_size=6),
)
orders = st.integers(1, 5)


def assert_same(one: MarkovChain, two: MarkovChain) -> None:
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


# --- counts ---------------------------------------------------------------------------------------


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
            after = (*state[1:], token)
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


# --- transitions by hand ---------------------------------------------------------------------------


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
        ({(): {"c": 1}}, ValueError, r"the key \(\)"),
        ({"a": {"b": 1}, ("a",): {"c": 1}}, ValueError, "one state twice"),
        ({"a": {"b": 1.7e308, "c": 1.7e308}}, ValueError, "the weights add up to inf"),
    ],
)
def test_from_transitions_refuses(transitions, error, message):
    with pytest.raises(error, match=message):
        MarkovChain.from_transitions(transitions)


# --- walks ----------------------------------------------------------------------------------------

temperatures = st.sampled_from([0, 0.05, 0.5, 1, 1.0, 2.5, 1e6, INF])


@given(
    tokens,
    st.integers(1, 3),
    temperatures,
    st.sampled_from([0, 1, 2, 5]),
    st.sampled_from([1.0, 0.9, 0.5, 0.0]),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.integers(0, 2**64 - 1),
    st.sampled_from(["stop", "restart", "raise"]),
    st.integers(0, 3),
)
@examples(250)
def test_walks_are_those_of_the_reference(sequences, order, temperature, top_k, top_p, min_p, seed, end, least):
    chain, plain = MarkovChain(order).fit(sequences).prune(least), reference.MarkovChain(order).fit(sequences)
    plain.prune(least)
    cut = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    try:
        expected = plain.walk(7, 12, seed=seed, on_dead_end=end, **cut)
    except ValueError:
        with pytest.raises(ValueError, match=r"on_dead_end|dead end"):
            chain.walk(7, 12, seed=seed, on_dead_end=end, **cut)
        return
    assert list(chain.walk(7, 12, seed=seed, on_dead_end=end, **cut)) == expected
    start = sequences[0][0]
    if not least:
        expected = plain.walk(3, 5, start=start, seed=seed, **cut)
        assert list(chain.walk(3, 5, start=start, seed=seed, **cut)) == expected
        names, masses = plain.next_tokens(start, **cut)
        found, probabilities = chain.next_tokens(start, **cut)
        assert found == names
        np.testing.assert_allclose(probabilities, masses, rtol=1e-12)


@given(
    tokens,
    st.integers(2, 4),
    st.sampled_from([0.0, 0.5, 1.0, INF]),
    st.sampled_from([0, 1, 2]),
    st.sampled_from([1.0, 0.7]),
    st.integers(0, 2**64 - 1),
    st.data(),
)
@examples(100)
def test_walks_start_in_the_middle_where_no_sequence_begins_so(sequences, order, temperature, top_k, top_p, seed, data):
    chain, plain = MarkovChain(order).fit(sequences), reference.MarkovChain(order).fit(sequences)
    states = [[token for token in state if token is not None] for state in map(plain._tokens, plain.rows)]
    state = data.draw(st.sampled_from([state for state in states if state]))
    start = state[: data.draw(st.integers(1, len(state)))]
    cut = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    for length in (len(start), len(start) + 1, 9):
        expected = plain.walk(5, length, start=start, seed=seed, **cut)
        if plain._state(plain._known(start)) in plain.rows or plain._middle(plain._known(start)):
            assert list(chain.walk(5, length, start=start, seed=seed, **cut)) == expected
            assert all(walk[: len(start)] == start for walk in expected)


def test_starts_in_the_middle_have_the_law_of_their_states():
    sequences = [["x", "a", "b"]] * 3 + [["y", "a", "c", "d"]] * 5 + [["x", "a", "e"]] * 2
    chain = MarkovChain(2).fit(sequences)
    walks = chain.walk(4000, 9, start="a", seed=1)
    counts = Counter(" ".join(walk) for walk in walks)
    assert set(counts) == {"a b", "a c d", "a e"}
    assert stats.chisquare([counts["a b"], counts["a c d"], counts["a e"]], [1200, 2000, 800]).pvalue > 1e-4
    assert list(chain.walk(3, 9, start="a", temperature=0)) == [["a", "c", "d"]] * 3
    assert set(map(tuple, chain.walk(200, 9, start="a", top_k=2, seed=1))) == {("a", "b"), ("a", "c", "d")}
    assert chain.walk(1, 9, start="a", seed=4, on_dead_end="restart").lengths.tolist() == [9]
    np.testing.assert_array_equal(walks.ids[:50], chain.walk(50, 9, start="a", seed=1).ids)


@pytest.mark.parametrize("temperature", [1.0, 0.7, 0.02])
@pytest.mark.parametrize("weights", ["ties", "steep", "tiny", "subnormal"])
def test_guides_find_what_a_search_finds(temperature, weights):
    """Rows of up to 200 edges, among them some of almost no mass, and far from 1."""
    rng = np.random.default_rng(3)
    draw = {
        "ties": lambda k: rng.integers(1, 3, k).astype(float),
        "steep": lambda k: 0.8 ** np.arange(k) * rng.uniform(1, 2, k),
        "tiny": lambda k: 1e-300 * rng.random(k) ** 8 + 1e-308,
        "subnormal": lambda k: rng.integers(1, 9, k) * 5e-324,
    }[weights]
    sizes = [1, 2, 4, 5, 6, 16, 17, 18, 60, 200]
    table = {
        i: dict(zip(range(size), draw(size).tolist(), strict=True))
        for i, size in zip(range(200), sizes * 20, strict=True)
    }
    chain = MarkovChain.from_transitions(table)
    plain = reference.MarkovChain.from_transitions(table)
    expected = plain.walk(20, 100, temperature=temperature, seed=5)
    assert list(chain.walk(20, 100, temperature=temperature, seed=5)) == expected
    assert list(chain.walk(1, 100, temperature=temperature, seed=5)) == expected[:1]


@pytest.mark.parametrize("end", ["stop", "restart"])
def test_walks_do_not_depend_on_how_many(end):
    """Across the widths where the kernel changes its ways, in one table and in a new one."""
    chain = long_chain()
    whole = chain.walk(300, 70, seed=9, temperature=0.8, on_dead_end=end)
    for n in (1, 2, 7, 8, 63, 64, 65, 129, 300):
        for used in (chain, copy.deepcopy(chain)):
            part = used.walk(n, 70, seed=9, temperature=0.8, on_dead_end=end)
            np.testing.assert_array_equal(part.ids, whole.ids[:n])
            np.testing.assert_array_equal(part.lengths, whole.lengths[:n])
    for length in (0, 1, 15, 16, 17, 48):
        np.testing.assert_array_equal(
            chain.walk(20, length, seed=9, temperature=0.8, on_dead_end=end).ids, whole.ids[:20, :length]
        )


@pytest.mark.parametrize("steps", [16, 32])
def test_walks_do_not_depend_on_pieces(monkeypatch, steps):
    chain = long_chain()
    whole = chain.walk(100, 200, seed=4, on_dead_end="restart")
    monkeypatch.setattr(walks_module, "_SPAN", steps)
    monkeypatch.setattr(walks_module, "_LONGEST", steps)
    for used in (chain, copy.deepcopy(chain)):
        np.testing.assert_array_equal(used.walk(100, 200, seed=4, on_dead_end="restart").ids, whole.ids)
    stopped = chain.walk(5, 200, seed=4)
    monkeypatch.undo()
    np.testing.assert_array_equal(stopped.ids, chain.walk(5, 200, seed=4).ids)


@pytest.mark.parametrize("end", ["stop", "restart"])
def test_walks_do_not_depend_on_threads(end):
    chain = long_chain()
    before = _threads.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 5):
            _threads.set_num_threads(threads)
            fresh = copy.deepcopy(chain)  # its table is built by those threads too
            found.append(fresh.walk(3000, 100, seed=6, temperature=0.9, on_dead_end=end).ids)
    finally:
        _threads.set_num_threads(before)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_chi_square():
    """Pairs of neighbours in walks against P, at T = 1 and T = 2."""
    names = list(WEATHER)
    for temperature in (1.0, 2.0):
        chain = MarkovChain.from_transitions(WEATHER)
        ids = chain.walk(400, 500, temperature=temperature, seed=11).ids
        assert (ids >= 0).all()
        for i, name in enumerate(names):
            nexts, probabilities = chain.next_tokens(name, temperature=temperature)
            weights = np.array([WEATHER[name][token] for token in nexts], float) ** (1 / temperature)
            np.testing.assert_allclose(probabilities, weights / weights.sum(), rtol=1e-13)
            after = ids[:, 1:][ids[:, :-1] == i]
            observed = [np.count_nonzero(after == names.index(token)) for token in nexts]
            assert sum(observed) == after.size > 1000
            assert stats.chisquare(observed, probabilities * after.size).pvalue > 1e-3


def test_walks_begin_and_end_as_sequences_did():
    chain = MarkovChain(2).fit(CATS)
    for walk in chain.walk(200, 10, seed=0):
        assert walk[0] in ("the", "a")
        assert walk[-1] in ("sat", "down", "ran")
        assert len(walk) < 10


def test_greedy_repeats_the_likeliest():
    chain = long_chain()
    walks = chain.walk(5, 50, temperature=0)
    assert len({tuple(walk) for walk in walks}) == 1
    walk = walks[0]
    for token, following in pairwise(walk):
        nexts, probabilities = chain.next_tokens(token, temperature=0)
        assert nexts == [following]
        assert probabilities.tolist() == [1.0]
        assert chain.next_tokens(token)[0][0] == following


def test_infinite_temperature_is_uniform():
    chain = long_chain()
    for token in range(10):
        nexts, probabilities = chain.next_tokens(token, temperature=INF)
        assert set(nexts) == set(chain.next_tokens(token)[0])
        np.testing.assert_allclose(probabilities, 1 / len(nexts), rtol=1e-15)
    assert MarkovChain.from_transitions(WEATHER).next_tokens("rain", temperature=1e9)[1] == pytest.approx([1 / 3] * 3)


def test_cut_offs_keep_a_prefix():
    chain = MarkovChain.from_transitions({"a": {"b": 6, "c": 3, "d": 1}})

    def kept(**cut):
        names, probabilities = chain.next_tokens("a", **cut)
        assert probabilities.sum() == pytest.approx(1, rel=1e-15)
        return "".join(names), probabilities.round(6).tolist()

    assert kept() == ("bcd", [0.6, 0.3, 0.1])
    assert kept(top_k=2) == ("bc", [0.666667, 0.333333])
    assert kept(top_k=3) == kept(top_k=99) == kept()
    assert kept(top_p=0.6) == ("b", [1])
    assert kept(top_p=0.61) == ("bc", [0.666667, 0.333333])
    assert kept(top_p=0.9) == ("bc", [0.666667, 0.333333])
    assert kept(top_p=0.0) == ("b", [1])
    assert kept(min_p=0.5) == ("bc", [0.666667, 0.333333])
    assert kept(min_p=0.51) == ("b", [1])
    assert kept(top_k=2, top_p=0.66) == ("b", [1])  # of the survivors of top_k
    assert kept(temperature=0.5, top_p=0.9) == ("bc", [0.8, 0.2])  # 36, 9, 1: the temperature first
    assert kept(temperature=1e-6) == ("b", [1])  # what underflows is gone
    walks = chain.walk(500, 2, start="a", top_k=2, seed=1)
    assert {walk[1] for walk in walks} == {"b", "c"}


def test_rng_and_seed():
    chain = long_chain()
    assert (chain.walk(5, rng=3).ids == chain.walk(5, rng=np.random.default_rng(3)).ids).all()
    key = int(np.random.default_rng(3).integers(0, 2**64, dtype=np.uint64))
    assert (chain.walk(5, rng=3).ids == chain.walk(5, seed=key).ids).all()
    assert (chain.walk(5, 60).ids != chain.walk(5, 60).ids).any()
    rng = np.random.default_rng(3)
    assert (chain.walk(5, 60, rng=rng).ids != chain.walk(5, 60, rng=rng).ids).any()


def test_starts():
    chain = MarkovChain(2).fit(CATS)
    for start, expected in (
        (None, []),
        ([], []),
        ("the", ["the"]),
        (["the"], ["the"]),
        (("the", "cat"), ["the", "cat"]),
        (np.array(["the", "cat"]), ["the", "cat"]),
        (["down", "a", "the", "cat"], ["down", "a", "the", "cat"]),  # the last two are the state
    ):
        walk = chain.walk(1, 10, start=start, seed=1)[0]
        assert walk[: len(expected)] == expected
        assert len(walk) > len(expected)
    assert list(chain.walk(2, 2, start=["the", "cat"])) == [["the", "cat"]] * 2
    numbers = MarkovChain().fit([[5, 6, 7]])
    for start in (5, np.int64(5), [5], np.array([5]), np.array([9, 5])):
        assert numbers.walk(1, 9, start=start)[0][-2:] == [6, 7]


def test_dead_ends():
    chain = MarkovChain.from_transitions({"a": {"b": 1}, "c": {"b": 1}})
    walks = chain.walk(20, 5, seed=3)
    assert walks.lengths.tolist() == [2] * 20
    assert (walks.ids[:, 2:] == -1).all()
    assert chain.walk(1, 5, start="b")[0] == ["b"]
    restarted = chain.walk(20, 9, seed=3, on_dead_end="restart")
    assert restarted.lengths.tolist() == [9] * 20
    assert all(walk[i] == "b" for walk in restarted for i in range(1, 9, 2))
    assert {walk[0] for walk in restarted} == {"a", "c"}
    assert chain.walk(1, 2, seed=3, on_dead_end="raise").lengths.tolist() == [2]
    with pytest.raises(ValueError, match="walk 0 came to a dead end at position 2: nothing was seen after 'b'"):
        chain.walk(20, 3, seed=3, on_dead_end="raise")
    ended = MarkovChain().fit(CATS).walk(50, 30, seed=1, on_dead_end="raise")  # an end is no dead end
    assert (ended.lengths < 30).all()


def test_restart_needs_a_beginning():
    chain = MarkovChain().fit([["a"], ["b"]]).prune(2)
    with pytest.raises(ValueError, match="expected a chain with a start"):
        chain.walk(on_dead_end="restart")
    ending = MarkovChain()
    ending.partial_fit([["a"]]).merge(MarkovChain.from_transitions({"a": {None: 1}}))
    assert ending.walk(1, 4, on_dead_end="restart")[0] == ["a"] * 4


def test_restart_that_would_never_begin():
    """A start that ends at once almost surely is refused, rather than tried for ever."""
    contexts = np.array([[-1], [0]], np.int32)
    chain = MarkovChain.from_transitions({0: {0: 1e17, None: 1}})
    table = chain.transitions
    np.testing.assert_array_equal(table.contexts, contexts)
    start = type(table)(
        contexts,
        np.array([0, 2, 3]),
        np.array([-1, 0, 0], np.int32),
        np.array([1e17, 1, 1]),
        np.array([-1, 1, 1], np.int32),
    )
    chain._held.put(chain._held.model._replace(transitions=start))
    with pytest.raises(ValueError, match="it ends at once but for a mass of"):
        chain.walk(on_dead_end="restart", seed=1)


def test_walks_object():
    walks = MarkovChain().fit(CATS).walk(3, 6, seed=2)
    assert isinstance(walks, Walks)
    assert len(walks) == 3
    assert walks.ids.shape == (3, 6)
    assert (walks.ids.dtype, walks.lengths.dtype) == (np.int32, np.int64)
    assert [walks[i] for i in range(3)] == list(walks)
    assert walks[-1] == walks[2]
    assert walks[::-2] == [walks[2], walks[0]]
    assert isinstance(walks.vocabulary, tuple)  # the chain's own, which nobody can change
    assert "sat" not in repr(walks)
    with pytest.raises(IndexError):
        walks[3]
    for walk, row, length in zip(walks, walks.ids, walks.lengths, strict=True):
        assert len(walk) == length
        assert (row[length:] == -1).all()
        assert (row[:length] >= 0).all()
    with pytest.raises(AttributeError):
        walks.ids = None
    many = long_chain().walk(3000, 20, seed=1)
    assert list(many) == [many[i] for i in range(3000)]
    assert all(type(token) is int for token in many[0])
    empty = long_chain().walk(0, 5)
    assert (len(empty), list(empty), empty.ids.shape) == (0, [], (0, 5))


def test_table_is_built_row_by_row_or_whole(monkeypatch):
    """A short walk builds the rows it meets; a long one all; both draw the same."""
    chain = long_chain()
    built = []
    monkeypatch.setattr(walks_module.WalkTable, "build_all", lambda self: built.append(self))
    short = chain.walk(2, 20, seed=1, temperature=0.9)
    assert not built
    monkeypatch.undo()
    long = chain.walk(500, 20, seed=1, temperature=0.9)
    np.testing.assert_array_equal(long.ids[:2], short.ids)
    (table,) = chain._held.tables._tables
    assert table.complete
    chain.partial_fit([[1, 2]])
    assert not chain._held.tables._tables


# --- likelihood -----------------------------------------------------------------------------------


@given(tokens, orders)
@examples(60)
def test_likelihood_is_that_of_the_reference(sequences, order):
    chain, plain = MarkovChain(order).fit(sequences), reference.MarkovChain(order).fit(sequences)
    for sequence in sequences:
        assert chain.log_likelihood(sequence) == pytest.approx(plain.log_likelihood(sequence), rel=1e-12, abs=1e-12)
    assert chain.perplexity(sequences) == pytest.approx(plain.perplexity(sequences), rel=1e-12)
    held = [sequence[::-1] for sequence in sequences]
    assert chain.perplexity(held) == pytest.approx(plain.perplexity(held), rel=1e-12)


def test_likelihood_by_hand():
    chain = MarkovChain().fit(CATS)
    assert chain.log_likelihood(["the", "cat", "sat"]) == pytest.approx(math.log(2 / 3 * 1 / 2 * 1 / 2 * 1 / 2))
    assert chain.log_likelihood(["cat"]) == -INF
    assert chain.log_likelihood(["the", "cow", "sat"]) == -INF
    assert chain.log_likelihood(["the", "cow"]) == -INF
    assert chain.perplexity([["a", "cat", "ran"], ["moo"]]) == INF
    assert MarkovChain(3).fit([[1, 2], [1, 2]]).perplexity([[1, 2]]) == 1.0
    assert MarkovChain().fit([[1, 2]]).log_likelihood(np.array([1, 2])) == 0.0
    assert MarkovChain().fit([[1, 2]]).log_likelihood([1, 77]) == -INF


# --- what is refused ------------------------------------------------------------------------------


class Unreadable:
    """An array of a library that does not hand out its values, as one on another device."""

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise ValueError("not to be read")


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ("abc", TypeError, r"sequences is a str, .*list\(text\).*\[text.split\(\)\].*MarkovText"),
        (["abc"], TypeError, r"sequences\[0\] is a str \('abc'\), .*list\(text\)"),
        ([["a"], "abc"], TypeError, r"sequences\[1\] is a str"),
        (np.array(["ab", "cd"]), TypeError, r"sequences\[0\] is a str"),
        ([], ValueError, "sequences is empty"),
        (iter([]), ValueError, "sequences is empty"),
        ([["a"], []], ValueError, r"sequences\[1\] is empty, expected at least one token"),
        ([["a"], iter([])], ValueError, r"sequences\[1\] is empty"),
        ([np.array([], int)], ValueError, r"sequences\[0\] has shape"),
        (np.empty((0, 3), int), ValueError, r"sequences has shape \(0, 3\)"),
        (np.empty((2, 0), int), ValueError, r"sequences has shape \(2, 0\)"),
        (np.zeros((2, 2, 2), int), ValueError, r"sequences has shape \(2, 2, 2\)"),
        ([np.zeros((2, 2), int)], ValueError, r"sequences\[0\] has shape \(2, 2\)"),
        (np.ma.masked_array([1, 2]), TypeError, "sequences is a masked array, expected a plain one"),
        ([np.ma.masked_array([1, 2])], TypeError, r"sequences\[0\] is a masked array, expected a plain one"),
        ([Unreadable()], TypeError, r"sequences\[0\] is .*, expected an array of numbers: not to be read"),
        (3, TypeError, "sequences is 3, expected an iterable"),
        ([1, 2], TypeError, r"sequences\[0\] is 1, expected a sequence"),
        ([["a", 1]], TypeError, r"sequences\[0\]\[1\] is 1, expected str"),
        ([["a"], [1]], TypeError, r"sequences\[1\]\[0\] is 1, expected str"),
        ([["a"], np.array([1])], TypeError, r"sequences\[1\] has dtype int64, expected str"),
        ([[1, "a"]], TypeError, r"sequences\[0\]\[1\] is 'a', expected int"),
        ([[1], ["a"]], TypeError, r"sequences\[1\]\[0\] is 'a', expected int"),
        ([[1, True]], TypeError, r"sequences\[0\]\[1\] is True, expected int"),
        ([[True]], TypeError, r"sequences\[0\]\[0\] is True"),
        ([[1.0]], TypeError, r"sequences\[0\]\[0\] is 1.0"),
        ([[1, 2.5]], TypeError, r"sequences\[0\]\[1\] is 2.5, expected int"),
        (np.array([1.0, 2.0]), TypeError, r"sequences\[0\]"),
        ([[b"a"]], TypeError, r"sequences\[0\]\[0\] is bytes of length 1"),
        ([["a", ["b"]]], TypeError, r"sequences\[0\]\[1\] is \['b'\]"),
        ([["a", None]], TypeError, r"sequences\[0\]\[1\] is None"),
        ([[1, -1]], ValueError, r"sequences\[0\]\[1\] is -1, expected an integer in \[0, 2\*\*31 - 1\)"),
        ([[2**31 - 1]], ValueError, r"sequences\[0\]\[0\] is 2147483647"),
        ([[2**70]], ValueError, r"sequences\[0\]\[0\] is 1180591620717411303424"),
        (np.array([[1, 2], [3, -4]]), ValueError, r"sequences holds -4"),
        (np.array([2**63], np.uint64), ValueError, "sequences holds 9223372036854775808"),
        ([np.array([1, 2**31])], ValueError, r"sequences\[0\] holds 2147483648"),
    ],
)
def test_fit_refuses(sequences, error, message):
    chain = MarkovChain(2).fit(CATS)
    before = chain._held.model
    for method in (chain.fit, MarkovChain().fit):
        with pytest.raises(error, match=message):
            method(sequences)
    assert chain._held.model is before
    with pytest.raises((TypeError, ValueError)):
        chain.partial_fit(sequences)
    assert chain._held.model is before
    assert_same(chain, MarkovChain(2).fit(CATS))


def test_kinds_do_not_mix():
    chain = MarkovChain().fit(CATS)
    before = chain._held.model
    for sequences in ([[1]], np.array([1, 2])):
        with pytest.raises(TypeError, match="tokens are all str or all int"):
            chain.partial_fit(sequences)
        with pytest.raises(TypeError, match="tokens are all str or all int"):
            chain.perplexity(sequences)
    with pytest.raises(TypeError, match="tokens to add are of type int, expected str"):
        chain.merge(MarkovChain().fit([[1]]))
    with pytest.raises(TypeError, match=r"sequence\[1\] is 2, expected str"):
        chain.log_likelihood(["the", 2])
    with pytest.raises(TypeError, match="sequence is a str"):
        chain.log_likelihood("the cat")
    with pytest.raises(ValueError, match="sequence is empty"):
        chain.log_likelihood([])
    assert chain._held.model is before


def test_interrupted_fit_leaves_the_chain_alone():
    chain = MarkovChain().fit(CATS)
    before = chain._held.model

    def interrupted():
        yield ["new", "words"]
        raise KeyboardInterrupt

    for method in (chain.fit, chain.partial_fit):
        with pytest.raises(KeyboardInterrupt):
            method(interrupted())
    assert chain._held.model is before
    assert "new" not in chain.vocabulary


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "n is -1, expected an integer"),
        ({"n": 1.5}, TypeError, "n is 1.5, expected an integer"),
        ({"n": True}, TypeError, "n is True"),
        ({"length": -1}, ValueError, r"length is -1, expected an integer in \[0, 2\*\*40\]"),
        ({"temperature": -0.5}, ValueError, "temperature is -0.5, expected a number >= 0"),
        ({"temperature": math.nan}, ValueError, "temperature is nan, expected a number >= 0"),
        ({"temperature": True}, TypeError, "temperature is True"),
        ({"temperature": "1"}, TypeError, "temperature is '1'"),
        ({"temperature": [1.0, 2.0]}, ValueError, "temperature has shape"),
        ({"top_p": 1.5}, ValueError, r"top_p is 1.5, expected a number in \[0, 1\]"),
        ({"top_p": math.nan}, ValueError, "top_p is nan"),
        ({"min_p": -0.1}, ValueError, r"min_p is -0.1, expected a number in \[0, 1\]"),
        ({"top_k": -2}, ValueError, "top_k is -2, expected an integer >= 0"),
        ({"top_k": 1.5}, TypeError, "top_k is 1.5"),
        ({"seed": -1}, ValueError, r"seed is -1, expected an integer in \[0, 2\*\*64\)"),
        ({"seed": 2**64}, ValueError, "seed is 18446744073709551616"),
        ({"seed": 1, "rng": 1}, ValueError, "rng and seed are both given"),
        ({"on_dead_end": "loop"}, ValueError, "on_dead_end is 'loop', expected one of 'stop', 'restart', 'raise'"),
        ({"start": ["the"] * 3, "length": 2}, ValueError, "start has 3 tokens, expected at most length, 2"),
        ({"start": 3}, TypeError, "start holds 3, expected tokens of type str"),
        ({"start": True}, TypeError, "start is True"),
        ({"start": ["the", None]}, TypeError, "start holds None"),
        ({"start": "teh"}, KeyError, "start: token 'teh' was never seen, near matches: 'the'"),
        ({"start": "zzzzzz"}, KeyError, "token 'zzzzzz' was never seen, and nothing like it"),
    ],
)
def test_walk_refuses(arguments, error, message):
    chain = MarkovChain().fit(CATS)
    with pytest.raises(error, match=message):
        chain.walk(**arguments)


def test_unknown_states():
    chain = MarkovChain(2).fit(CATS)
    with pytest.raises(KeyError, match=r"\('dog', 'cat'\) was never seen, near matches: .*\('the', 'cat'\)"):
        chain.walk(start=["dog", "cat"])
    with pytest.raises(KeyError, match=r"'down' never begins a sequence, nor a state of 2 tokens"):
        chain.walk(start="down")
    with pytest.raises(KeyError, match="context: 'cat' never begins a sequence"):
        chain.next_tokens("cat")
    with pytest.raises(KeyError, match=r"token 'the cat' was never seen, expected a list of tokens: \['the', 'cat'\]"):
        chain.walk(start="the cat")
    with pytest.raises(KeyError, match="token 'The cow' was never seen, and nothing like it"):
        chain.walk(start="The cow")
    with pytest.raises(KeyError, match="token 'CAT' was never seen, near matches: 'cat'"):
        chain.walk(start="CAT")
    with pytest.raises(KeyError, match=r"context: nothing was seen after \('dog', 'cat'\)"):
        chain.next_tokens(["dog", "cat"])
    numbers = MarkovChain().fit([[5, 90], [7, 8]])
    with pytest.raises(KeyError, match="start: 6 was never seen, near matches: 5, 7, 8"):
        numbers.walk(start=6)
    for start in (-1, 2**31, 2**40, [-1, 5]):
        with pytest.raises(KeyError, match="was never seen, tokens are integers in"):
            numbers.walk(start=start)
    dead = MarkovChain.from_transitions({"a": {"b": 1}})
    with pytest.raises(KeyError, match="context: nothing was seen after 'b'"):
        dead.next_tokens("b")


@pytest.mark.parametrize("weight", [0.3, Fraction(1, 3), np.float32(0.5), 2.0, 7 / 3, np.int8(3)])
def test_merge_takes_ratios(weight):
    chain, plain = MarkovChain(2).fit(CATS), reference.MarkovChain(2).fit(CATS)
    other, part = [["the", "cat", "ran"], ["a", "mouse"]], reference.MarkovChain(2)
    chain.merge(MarkovChain(2).fit(other), weight)
    plain.merge(part.fit(other), float(weight))
    ratio = Fraction(float(weight)).limit_denominator(10**6)
    assert chain.transitions.counts.dtype == np.int64
    nexts = dict(zip(*chain.next_tokens(["the", "cat"]), strict=True))
    assert nexts["ran"] == pytest.approx(ratio / (1 + ratio))
    assert list(chain.walk(20, 9, seed=1)) == plain.walk(20, 9, seed=1)


@pytest.mark.parametrize(
    ("weight", "error"),
    [
        *((wrong, ValueError) for wrong in (0, -0.5, math.nan, INF, math.pi, 2**53 + 1)),
        *((wrong, TypeError) for wrong in (True, "1", None, 1j)),
    ],
)
def test_merge_refuses_other_weights(weight, error):
    with pytest.raises(error, match=r"^weight is .*, expected a number in \(0, 2\*\*53\] that is a ratio of integers"):
        MarkovChain(2).fit(CATS).merge(MarkovChain(2).fit(CATS), weight)


@pytest.mark.parametrize(
    "name", ["walk", "save", "prune", "next_tokens", "log_likelihood", "perplexity", "transitions"]
)
def test_empty_chain(name, tmp_path):
    arguments = {
        "save": [tmp_path / "m"],
        "prune": [1],
        "next_tokens": ["a"],
        "log_likelihood": ["a"],
        "perplexity": ["a"],
    }
    with pytest.raises(ValueError, match="the chain is empty, expected a call of fit first"):
        getattr(MarkovChain(), name)(*arguments.get(name, []))


def test_merge_of_an_empty_chain_adds_nothing():
    chain = MarkovChain().fit(CATS)
    assert_same(chain.merge(MarkovChain()), MarkovChain().fit(CATS))
    assert MarkovChain().merge(MarkovChain())._held.model is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda chain: MarkovChain(0), ValueError, r"order is 0, expected an integer in \[1, 1024\]"),
        (lambda chain: MarkovChain(1.0), TypeError, "order is 1.0"),
        (lambda chain: chain.partial_fit(CATS, 0), ValueError, "weight is 0, expected an integer"),
        (lambda chain: chain.partial_fit(CATS, 0.5), TypeError, "weight is 0.5"),
        (lambda chain: chain.partial_fit(CATS, 2**53), ValueError, r"weight is \d+, expected counts that add up to at"),
        (lambda chain: chain.merge(chain, 2**52), ValueError, r"weight is \d+: the counts would add up to"),
        (lambda chain: chain.merge(chain, -1), ValueError, "weight is -1"),
        (lambda chain: chain.merge(MarkovChain(2)), ValueError, "other has order 2, expected 1"),
        (lambda chain: chain.merge([1]), TypeError, r"other is \[1\], expected a MarkovChain"),
        (lambda chain: chain.prune(-1), ValueError, "min_count is -1.*expected a number >= 0"),
        (lambda chain: chain.prune("2"), TypeError, "min_count is '2'"),
    ],
)
def test_methods_refuse(call, error, message):
    chain = MarkovChain().fit(CATS)
    before = chain._held.model
    with pytest.raises(error, match=message):
        call(chain)
    assert chain._held.model is before


def test_counts_that_would_not_be_exact():
    chain = MarkovChain().partial_fit([[1, 2]], 2**51)
    assert chain.transitions.counts.tolist() == [2**51] * 3
    with pytest.raises(ValueError, match=r"add up to .*, expected at most 2\*\*53"):
        chain.merge(chain)
    assert chain.transitions.counts.tolist() == [2**51] * 3
    with pytest.raises(ValueError, match="the weights add up to inf"):
        MarkovChain.from_transitions({1: {1: 1.5e308}}).merge(MarkovChain.from_transitions({1: {1: 1.5e308}}))


def test_the_table_is_read_only():
    chain = MarkovChain().fit(CATS)
    for table in (chain.transitions, pickle.loads(pickle.dumps(chain)).transitions, copy.deepcopy(chain.transitions)):
        for name in ARRAYS:
            with pytest.raises(ValueError, match="read-only"):
                getattr(table, name)[...] = 0


def test_bytes_are_no_sequence():
    with pytest.raises(TypeError, match=r"sequences\[0\] is bytes of length 3, expected a sequence of tokens"):
        MarkovChain().fit([b"abc"])
    with pytest.raises(TypeError, match="sequences is a bytes, expected an iterable of sequences"):
        MarkovChain().fit(b"abc")


def test_on_dead_end_of_another_type():
    with pytest.raises(TypeError, match=r"on_dead_end is ndarray of shape .*, expected one of 'stop'"):
        MarkovChain().fit(CATS).walk(on_dead_end=np.array(["stop", "raise"]))


# --- threads, processes, progress ------------------------------------------------------------------


def test_many_threads_use_one_chain():
    chain = long_chain()
    temperatures = [0.5, 0.9, 1.0, 1.5]
    expected = {t: copy.deepcopy(chain).walk(200, 30, temperature=t, seed=1).ids for t in temperatures}
    wrong = []

    def walk(i):
        for j in range(20):
            temperature = temperatures[(i + j) % 4]
            n = (1, 5, 200)[j % 3]
            if (chain.walk(n, 30, temperature=temperature, seed=1).ids != expected[temperature][:n]).any():
                wrong.append((i, j))

    threads = [threading.Thread(target=walk, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_no_update_is_lost():
    chain = MarkovChain().fit([[0, 1]])

    def add(i):
        for j in range(25):
            chain.partial_fit([[i, j]])

    threads = [threading.Thread(target=add, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert chain.transitions.counts.sum() == 3 + 4 * 25 * 3


def test_copies():
    chain = long_chain(2)
    chain.walk(3, seed=1)
    for other in (pickle.loads(pickle.dumps(chain)), copy.copy(chain), copy.deepcopy(chain)):
        assert_same(other, chain)
        np.testing.assert_array_equal(other.walk(30, seed=1).ids, chain.walk(30, seed=1).ids)
        other.partial_fit([[1, 2, 3]])
    assert_same(chain, long_chain(2))
    words = pickle.loads(pickle.dumps(MarkovChain().fit(CATS)))
    assert words.walk(1, start="the", temperature=0)[0][0] == "the"


def test_progress(capsys):
    pytest.importorskip("rich")
    chain = long_chain()
    shown = chain.walk(300, 50, seed=1, progress=True)
    np.testing.assert_array_equal(shown.ids, chain.walk(300, 50, seed=1).ids)
    captured = capsys.readouterr()
    assert "walking" in captured.err
    assert "100%" in captured.err
    assert not captured.out


def test_progress_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(ImportError, match=r"pip install 'fastsoftmax\[cli\]'"):
        long_chain().walk(progress=True)


def test_row_weights():
    def weights(counts, *cut):
        out = np.empty(len(counts))
        kept = kernels.row_weights(np.array(counts), kernels.Filters(*cut), out)
        return out[:kept].tolist()

    assert weights([5, 3, 3, 1], 1.0, 0, 1.0, 0.0) == [5, 3, 3, 1]
    assert weights([5, 3, 3, 1], 0.0, 0, 1.0, 0.0) in ([1], [5])
    assert weights([5, 3, 3, 1], INF, 0, 1.0, 0.0) == [1, 1, 1, 1]
    assert weights([5, 3, 3, 1], INF, 0, 0.5, 0.0) == [1, 1]
    assert weights([8, 4, 4, 1], 0.5, 0, 1.0, 0.0) == pytest.approx([1, 1 / 4, 1 / 4, 1 / 64], rel=1e-15)
    assert weights([2**53, 2**53 - 1], 1e-15, 0, 1.0, 0.0) == pytest.approx([1, math.exp(-(2.0**-53) * 1e15)], rel=1e-9)
    assert weights([1.0, 1e-320], 1e6, 0, 1.0, 0.0) == pytest.approx([1, math.exp(math.log(1e-320) / 1e6)], rel=1e-9)


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
