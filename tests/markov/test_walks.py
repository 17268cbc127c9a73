"""Walks against the reference and their law; how they begin, end, and do not depend on what must not matter."""

import copy
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import reference
from fastsoftmax import _threads
from fastsoftmax.kernels.markov import table as kernels
from fastsoftmax.kernels.markov.walk import FEW
from fastsoftmax.markov import MarkovChain, Walks
from fastsoftmax.markov.walking import walks as walks_module
from tests.cases import examples
from tests.markov.chains import CATS, INF, WEATHER, long_chain, tokens

temperatures = st.sampled_from([0, 0.05, 0.5, 1, 1.0, 2.5, 1e6, INF])


@given(
    tokens,
    st.integers(0, 3),
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
    for n in (1, 2, FEW, FEW + 1, 63, 64, 65, 129, 300):
        for used in (chain, copy.deepcopy(chain)):
            part = used.walk(n, 70, seed=9, temperature=0.8, on_dead_end=end)
            np.testing.assert_array_equal(part.ids, whole.ids[:n])
            np.testing.assert_array_equal(part.lengths, whole.lengths[:n])
    for length in (0, 1, 15, 16, 17, 48):
        np.testing.assert_array_equal(
            chain.walk(20, length, seed=9, temperature=0.8, on_dead_end=end).ids, whole.ids[:20, :length]
        )


@pytest.mark.parametrize(
    "words", [{}, {"on_dead_end": "restart"}, {"temperature": 0.5}, {"start": "cat"}, {"smoothing": "add-k"}]
)
def test_some_walks_are_those_of_all(words):
    chain = MarkovChain(2).fit(CATS * 3)
    every = chain.walk(150, 12, seed=7, **words)
    for some in (range(150), range(3, 5), range(64, 150), range(20, 20)):
        found = chain.walk(some, 12, seed=7, **words)
        assert found.ids.tolist() == every.ids[some.start : some.stop].tolist()
        assert found.lengths.tolist() == every.lengths[some.start : some.stop].tolist()
    late = range(2**32 - 2, 2**32)
    assert (
        chain.walk(late, 12, seed=7, **words).ids[1:].tolist() == chain.walk(late[1:], 12, seed=7, **words).ids.tolist()
    )
    for wrong in (range(0, 9, 2), range(-1, 3), range(5, 4), range(2**32, 2**32 + 1)):
        with pytest.raises(ValueError, match=r"n is range\(.*expected a range of numbers in \[0, 2\*\*32\)"):
            chain.walk(wrong)


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
