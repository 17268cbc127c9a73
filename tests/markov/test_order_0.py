"""Chains of order 0: tokens drawn independently, each by how often it came, the end among them."""

import contextlib
import copy
import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import reference
from fastsoftmax import MarkovChain, MarkovText, Reason, _threads
from fastsoftmax.markov.counts import counting, storage
from tests.cases import examples
from tests.markov.chains import INF, assert_same, tokens

WORDS = [["a", "b", "a"], ["b"], ["c", "a", "a"]]
SENTENCES = ["The cat sat on the mat.", "The dog sat.", "The cat ran to the dog."]
TEXT = " ".join(SENTENCES)
CUTS = [{}, {"temperature": 0.5}, {"temperature": 3, "top_k": 3}, {"top_p": 0.6}, {"min_p": 0.4}, {"temperature": 0.0}]


def law(sequences):
    """Return how likely each token is, None for the end, by a Counter."""
    counts = Counter(token for sequence in sequences for token in [*sequence, None])
    return {token: count / counts.total() for token, count in counts.items()}


# Counts


def test_counts_by_hand():
    table = MarkovChain(0).fit(WORDS).transitions
    assert (table.contexts.shape, table.order, table.offsets.tolist()) == ((1, 0), 0, [0, 4])
    assert (table.tokens.tolist(), table.counts.tolist()) == ([0, -1, 1, 2], [4, 3, 2, 1])
    assert table.targets.tolist() == [0, -1, 0, 0]
    assert repr(MarkovChain(0)) == "MarkovChain(order=0), empty"
    assert repr(MarkovChain(0).fit(WORDS)) == "MarkovChain(order=0), 1 states, 4 transitions"
    assert ">transitions</td>" in MarkovChain(0).fit(WORDS)._repr_html_()


@given(tokens)
def test_counts_are_those_of_a_counter(sequences):
    chain = MarkovChain(0).fit(sequences)
    found = dict(zip(*chain.next_tokens(None), strict=True))
    assert found == pytest.approx(law(sequences))
    assert int(chain.transitions.counts.sum()) == sum(len(sequence) + 1 for sequence in sequences)


def test_counts_are_those_of_nltk():
    lm = pytest.importorskip("nltk.lm", reason="nltk counts n-grams of one token")
    theirs = lm.MLE(1)
    theirs.fit([[(token,) for token in [*sequence, "</s>"]] for sequence in WORDS], [*"abc", "</s>"])
    names, likely = MarkovChain(0).fit(WORDS).next_tokens(None)
    assert likely.tolist() == pytest.approx([theirs.score("</s>" if name is None else name) for name in names])


@given(tokens, st.integers(1, 5))
def test_parts_are_the_whole(sequences, weight):
    parts = MarkovChain(0)
    for sequence in sequences:
        parts.partial_fit([sequence], weight)
    whole = MarkovChain(0).merge(MarkovChain(0).fit(sequences), weight)
    assert_same(parts, whole)
    assert_same(
        MarkovChain(0).fit(sequences).merge(whole, 0.5),
        MarkovChain(0).merge(MarkovChain(0).fit(sequences * 2).merge(whole)),
    )
    if parts.vocabulary is not None:
        new = MarkovChain(0).fit([["new", *map(str, sequences[-1])]])
        plain = reference.MarkovChain(0).fit(sequences).merge(reference.MarkovChain(0).fit([["new", *sequences[-1]]]))
        merged = MarkovChain(0).fit(sequences).merge(new)
        assert dict(zip(*merged.next_tokens(None), strict=True)) == pytest.approx(
            dict(zip(*plain.next_tokens(None), strict=True))
        )


def test_a_stream_that_is_counted_in_parts(monkeypatch):
    whole = MarkovChain(0).fit(np.arange(1000) % 7)
    monkeypatch.setattr(counting, "PART", 13)
    assert_same(MarkovChain(0).fit(np.arange(1000) % 7), whole)


def test_the_largest_token():
    chain = MarkovChain(0).fit([[2**31 - 2, 0, 2**31 - 2]])
    assert chain.next_tokens(None)[0] == [2**31 - 2, None, 0]
    assert set(chain.walk(1, 200, on_dead_end="restart", seed=1)[0]) == {0, 2**31 - 2}


def test_transitions_by_hand():
    chain = MarkovChain.from_transitions({(): {"a": 2, "b": 1, None: 0}})
    assert (chain.order, chain.next_tokens(None)[0]) == (0, ["a", "b"])
    plain = reference.MarkovChain.from_transitions({(): {"a": 2, "b": 1, None: 0}})
    assert list(chain.walk(5, 40, seed=1)) == plain.walk(5, 40, seed=1)
    assert chain.stationary().array.tolist() == [1.0]
    weighted = MarkovChain.from_transitions({(): {"a": 0.25, "b": 0.5, None: 0.25}}, start={(): 3})
    assert weighted.next_tokens("a")[1].tolist() == [0.5, 0.25, 0.25]
    assert_same(MarkovChain.from_transitions({(): {"a": 4, "b": 2, "c": 1, None: 3}}), MarkovChain(0).fit(WORDS))
    with pytest.raises(ValueError, match=r"transitions key 'a' has 1 token\(s\), expected 0 as the first key has"):
        MarkovChain.from_transitions({(): {"a": 2}, "a": {"b": 1}})
    with pytest.raises(ValueError, match=r"start key 'a' has 1 token\(s\), expected 0"):
        MarkovChain.from_transitions({(): {"a": 2}}, start={"a": 1})


def test_other_orders_are_others():
    with pytest.raises(ValueError, match="other has order 1, expected 0"):
        MarkovChain(0).fit(WORDS).merge(MarkovChain(1).fit(WORDS))
    with pytest.raises(ValueError, match=r"order is -1, expected an integer in \[0, 1024\]"):
        MarkovChain(-1)
    with pytest.raises(ValueError, match="order is -1, expected an integer >= 0"):
        reference.MarkovChain(-1)


# Walks


@given(
    tokens,
    st.sampled_from([0, 0.05, 0.5, 1, 2.5, INF]),
    st.sampled_from([0, 1, 2, 5]),
    st.sampled_from([1.0, 0.7, 0.0]),
    st.sampled_from([0.0, 0.4]),
    st.sampled_from(["stop", "restart", "raise"]),
    st.integers(0, 2**64 - 1),
    st.integers(0, 70),
)
@examples(150)
def test_walks_are_those_of_the_reference(sequences, temperature, top_k, top_p, min_p, end, seed, length):
    chain, plain = MarkovChain(0).fit(sequences), reference.MarkovChain(0).fit(sequences)
    words = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p, "seed": seed}
    try:
        expected = plain.walk(7, length, on_dead_end=end, **words)
    except ValueError:
        with pytest.raises(ValueError, match="expected a start that goes on"):
            chain.walk(7, length, on_dead_end=end, **words)
        return
    found = chain.walk(7, length, on_dead_end=end, **words)
    assert list(found) == expected
    assert (found.ids[np.arange(length) >= found.lengths[:, None]] == -1).all()
    start = sequences[0][:length]
    assert list(chain.walk(3, length, start=start, on_dead_end=end, **words)) == plain.walk(
        3, length, start=start, on_dead_end=end, **words
    )


def test_walks_depend_on_nothing_else():
    chain = MarkovChain(0).fit(WORDS)
    many = chain.walk(500, 50, seed=7).ids
    np.testing.assert_array_equal(chain.walk(3, 50, seed=7).ids, many[:3])
    np.testing.assert_array_equal(chain.walk(500, 20, seed=7).ids, many[:, :20])
    endless = chain.walk(300, 5000, seed=1, on_dead_end="restart").ids
    np.testing.assert_array_equal(copy.deepcopy(chain).walk(2, 5000, seed=1, on_dead_end="restart").ids, endless[:2])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_threads, "get_num_threads", lambda: 4)
        np.testing.assert_array_equal(chain.walk(300, 5000, seed=1, on_dead_end="restart").ids, endless)
    counts = np.bincount(endless.ravel()) / endless.size
    np.testing.assert_allclose(counts, [4 / 7, 2 / 7, 1 / 7], atol=0.002)


def test_long_walks_of_many_tokens():
    """More tokens than a vector of steps, rows of repeated slots and of runs, and a walk in spans."""
    rng = np.random.default_rng(0)
    sequence = (rng.zipf(1.3, 3000) % 1000).tolist()
    chain, plain = MarkovChain(0).fit([sequence]), reference.MarkovChain(0).fit([sequence])
    for temperature in (1, 0.7):
        expected = plain.walk(2, 300, temperature=temperature, seed=5, on_dead_end="restart")
        long = chain.walk(2, 5000, temperature=temperature, seed=5, on_dead_end="restart")
        assert [walk[:300] for walk in long] == expected


def test_starts():
    chain = MarkovChain(0).fit(WORDS)
    assert chain.walk(1, 9, start=["c", "c", "b"], seed=1)[0][:3] == ["c", "c", "b"]
    assert chain.next_tokens(["c", "b"])[0] == chain.next_tokens("a")[0] == chain.next_tokens(None)[0]
    with pytest.raises(KeyError, match="token 'cc' was never seen"):
        chain.walk(start="cc")
    with pytest.raises(ValueError, match="start has 2 tokens, expected at most length, 1"):
        chain.walk(1, 1, start=["a", "b"])
    with pytest.raises(ValueError, match="the chain has order 0, expected 1 to walk from states"):
        chain.walk_from(["a"])


def test_a_chain_that_was_pruned():
    chain = MarkovChain(0).fit(WORDS).prune(2)
    assert chain.next_tokens(None)[0] == ["a", None, "b"]
    chain.prune(100)
    assert repr(chain) == "MarkovChain(order=0), 0 states, 0 transitions"
    assert list(chain.walk(2, 5, seed=1)) == [[], []]
    for call in (lambda: chain.next_tokens(None), lambda: chain.next_tokens("a"), lambda: chain.walk(start="a")):
        with pytest.raises(KeyError, match="seen"):
            call()
    for wish, message in (({"on_dead_end": "restart"}, "a chain with a start"), ({"on_dead_end": "raise"}, "dead end")):
        with pytest.raises(ValueError, match=message):
            chain.walk(**wish)
    with pytest.raises(ValueError, match="expected a chain that has transitions"):
        chain.perplexity(WORDS, smoothing="add-k")
    assert chain.log_likelihood(["a"]) == -INF
    assert chain.states == []
    with pytest.raises((ValueError, KeyError)):
        chain.stationary()
    assert MarkovText(0).fit(TEXT).prune(100).generate(2, seed=1) == [Reason.CUT_OFF] * 2


@pytest.mark.parametrize("samplers", ["top_k=2 temperature=0.5", "typical=0.6", "xtc"])
def test_samplers(samplers):
    chain, plain = MarkovChain(0).fit(WORDS), reference.MarkovChain(0).fit(WORDS)
    if samplers == "xtc":
        assert chain.walk(2, 9, seed=1, samplers="xtc(0.1, 0.5)").ids.shape == (2, 9)
        return
    names, likely = chain.next_tokens(None, samplers=samplers)
    expected = plain.next_tokens(None, samplers=samplers)
    assert (names, likely.tolist()) == (expected[0], pytest.approx(expected[1]))
    assert list(chain.walk(9, 20, seed=1, samplers=samplers)) == plain.walk(9, 20, seed=1, samplers=samplers)


@pytest.mark.parametrize("smoothing", ["add-k", "stupid-backoff", "kneser-ney"])
def test_walks_with_smoothing(smoothing):
    chain = MarkovChain(0).fit(WORDS)
    ids = chain.walk(400, 9, seed=1, smoothing=smoothing).ids
    _, likely = chain.next_tokens(None, smoothing=smoothing)
    first = np.bincount(ids[:, 0] + 1, minlength=4) / 400
    np.testing.assert_allclose(np.sort(first)[::-1], likely, atol=0.08)
    assert chain.walk(1, 300, seed=1, smoothing=smoothing, on_dead_end="restart", start=["c", "b"]).lengths[0] == 300


# Scores


@given(tokens)
def test_scores_are_those_of_the_reference(sequences):
    chain, plain = MarkovChain(0).fit(sequences), reference.MarkovChain(0).fit(sequences)
    held = [*sequences[0], *sequences[-1]]
    assert chain.scores(held).log_probabilities.tolist() == pytest.approx(plain.scores(held))
    assert chain.log_likelihood(held, end=False) == pytest.approx(plain.log_likelihood(held, end=False))
    assert chain.perplexity(sequences) == pytest.approx(plain.perplexity(sequences))
    expected = law(sequences)
    assert chain.log_likelihood(held) == pytest.approx(sum(math.log(expected[token]) for token in [*held, None]))


def test_unknown_tokens_are_left_out_alone():
    chain = MarkovChain(0).fit(WORDS)
    assert chain.log_likelihood(["a", "x", "b"]) == -INF
    found = chain.scores(["a", "x", "b"], unseen="skip")
    np.testing.assert_allclose(found.log_probabilities, np.log([0.4, np.nan, 0.2, 0.3]))
    expected = reference.MarkovChain(0).fit(WORDS).scores(["a", "x", "b"], unseen="skip")
    np.testing.assert_allclose(found.log_probabilities, expected)


# Sentences


def test_sentences_have_the_law_of_those_that_fit():
    text = MarkovText(0, sequences="lines").fit("a b\na")  # a 2/5, b 1/5, the end 2/5
    found = Counter(text.generate(4000, seed=1, max_words=2))
    weights = {"a": 2 / 5, "b": 1 / 5, "a a": 4 / 25, "a b": 2 / 25, "b a": 2 / 25, "b b": 1 / 25}
    for sentence, weight in weights.items():
        assert found[sentence] / 4000 == pytest.approx(weight / sum(weights.values()), abs=0.03)
    assert set(found) == set(weights)


def test_sentences_are_not_empty():
    """The end may be drawn first: walks are conditioned on a word, since no sentence is without."""
    text = MarkovText(0).fit(TEXT)
    found = text.generate(200, seed=3)
    assert all(found)
    assert text.generate(3, seed=3) == found[:3]
    assert Counter(sentence.split()[0] for sentence in text.generate(3000, seed=2))["sat."] == pytest.approx(
        3000 / 14, rel=0.3
    )
    assert text.generate(2, temperature=0) == [Reason.LENGTH] * 2  # "The" and the end came three times each
    assert [s.split()[:2] for s in text.generate(3, start="cat The", seed=1)] == [["cat", "The"]] * 3
    for wish in ({"min_words": 3, "max_words": 3}, {"max_chars": 9}, {"min_words": 70}):
        for sentence in text.generate(5, seed=1, **wish):
            assert wish.get("min_words", 0) <= len(sentence.split()) <= wish.get("max_words", 10_000)
            assert len(sentence) <= wish.get("max_chars", 10_000)
    kept = MarkovText(0, keep_text=True).fit(TEXT)
    assert all(kept.generate(20, seed=1, max_copied=2))


def test_sentences_of_markovify_are_not_empty():
    text = MarkovText.import_markovify('[[["___BEGIN__"], {"a": 1, "___END__": 3}], [["a"], {"___END__": 1}]]')
    assert text.generate(20, seed=1) == ["a"] * 20


def test_text():
    text, lists = MarkovText(0).fit(TEXT), [sentence.split() for sentence in SENTENCES]
    assert_same(text.chain, MarkovChain(0).fit(lists))
    assert text.next_tokens("The dog")[0][:2] == [None, "The"]
    assert text.perplexity(TEXT) == pytest.approx(text.chain.perplexity(lists))


# Files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("mmap", [True, False])
def test_files(path, monkeypatch, at_once, mmap):
    monkeypatch.setattr(storage, "_SMALL", 2**25 if at_once else -1)
    for chain in (MarkovChain(0).fit(WORDS), MarkovChain(0).fit([[5, 7], [5]]), MarkovChain(0).fit(WORDS).prune(99)):
        chain.save(path)
        loaded = MarkovChain.load(path, mmap=mmap)
        assert loaded.order == 0
        np.testing.assert_array_equal(loaded.walk(9, 20, seed=1).ids, chain.walk(9, 20, seed=1).ids)
        assert_same(loaded, chain)
        for other in (pickle.loads(pickle.dumps(loaded)), copy.copy(loaded), copy.deepcopy(loaded)):
            assert_same(other, chain)
    text = MarkovText(0, keep_text=True).fit(TEXT)
    text.save(path)
    assert MarkovText.load(path, mmap=mmap).generate(5, seed=1, novelty=0.1) == text.generate(5, seed=1, novelty=0.1)


def test_truncated_and_flipped(path):
    chain = MarkovChain(0).fit(WORDS)
    chain.save(path)
    whole = bytearray(path.read_bytes())
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"model\.safetensors is not a model of this library"):
            MarkovChain.load(path)
    for position in range(len(whole)):
        changed = whole.copy()
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            loaded = MarkovChain.load(path, mmap=False)
        except ValueError:
            continue
        assert_same(loaded, chain)  # a space of the header


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"contexts": np.empty((2, 0), np.int32)}, "its contexts have another shape"),
        ({"contexts": np.empty((2, 0), np.int32), "offsets": np.array([0, 2, 4])}, "its states are not in order"),
        ({"contexts": np.zeros((1, 1), np.int32)}, "its order is another"),
        ({"tokens": np.array([0, 9, 1, 2], np.int32)}, "a token is out of range"),
        ({"targets": np.array([0, 1, 0, 0], np.int32)}, "a target is out of range"),
        ({"targets": np.array([0, 0, 0, 0], np.int32)}, "a target is the state of another token"),
        ({"targets": np.array([0, -1, -1, 0], np.int32)}, "a target is the state of another token"),
        ({"offsets": np.array([0, 5])}, "its offsets are wrong"),
    ],
)
def test_forged(path, monkeypatch, later, changes, message):
    MarkovChain(0).fit(WORDS).save(path)
    arrays = {name: array.copy() for name, array in load_file(path).items()} | changes
    save_file(arrays, path, storage.sealed({"format": storage.FORMAT, "kind": "chain", "order": 0}, arrays))
    if later:
        monkeypatch.setattr(storage, "_SMALL", -1)
    with pytest.raises(ValueError, match=rf"model\.safetensors is not .*{message}"):
        _ = MarkovChain.load(path).transitions


def test_targets_that_lead_nowhere(path, monkeypatch):
    """A file that is not read yet may hold anything: walks and distributions are results or errors."""
    monkeypatch.setattr(storage, "_SMALL", -1)
    chain = MarkovChain(0).fit(WORDS)
    for name in ("targets", "tokens", "offsets", "counts"):
        for value in (-(2**31), -2, 1, 5, 2**31 - 1):
            chain.save(path)
            arrays = {key: array.copy() for key, array in load_file(path).items()}
            arrays[name][-1] = value
            save_file(arrays, path, storage.sealed({"format": storage.FORMAT, "kind": "chain", "order": 0}, arrays))
            loaded = MarkovChain.load(path)
            for call in (
                lambda loaded=loaded: list(loaded.walk(1, 9, seed=1, temperature=0.5)),
                lambda loaded=loaded: loaded.next_tokens("a"),
            ):
                with contextlib.suppress(ValueError, KeyError):
                    call()


# The long run


@pytest.mark.parametrize("cut", CUTS[:-1])
def test_the_long_run(cut):
    pytest.importorskip("scipy", reason="the analysis needs SciPy")
    chain = MarkovChain(0).fit(WORDS)
    names, likely = chain.next_tokens(None, **cut)
    ends = dict(zip(names, likely.tolist(), strict=True)).get(None, 0.0)
    assert chain.states == [()]
    assert dict(chain.stationary(**cut)) == {(): pytest.approx(1.0)}
    assert [dict(one) for one in chain.stationary_distributions(**cut)] == [{(): 1.0}]
    assert ">()</td>" in chain.stationary(**cut)._repr_html_()
    bits = -sum(p * math.log2(p) for p in likely.tolist())
    assert chain.entropy_rate(**cut) == pytest.approx(bits / (1 - ends))
    (only,) = chain.communicating_classes(**cut)
    assert (only.states, only.recurrent) == ([()], True)
    assert chain.period(**cut) == 1
    assert chain.cyclic_classes(**cut) == [[()]]
    assert dict(chain.distribution(0, **cut)) == {(): 0.0}  # before the first token: the start is no state
    assert dict(chain.distribution(3, **cut)) == {(): pytest.approx(1.0)}
    assert dict(chain.distribution(0, start=(), **cut)) == {(): 1.0}
    assert dict(chain.hitting_probabilities((), **cut)) == {(): 1.0}
    assert dict(chain.hitting_times((), **cut)) == {(): 0.0}
    assert dict(chain.recurrence_times(**cut)) == {(): pytest.approx(1.0)}
    assert chain.mean_first_passage_times(**cut)[(), ()] == pytest.approx(0.0)
    assert chain.to_sparse(**cut).toarray().tolist() == [[pytest.approx(1 - ends)]]
    assert chain.is_reversible(**cut)
    with pytest.raises(ValueError, match="the chain has order 0, expected 1 to read it backwards"):
        chain.reversed(**cut)
    with pytest.raises(ValueError, match=r"targets has 'a', expected states of up to 0 token\(s\)"):
        chain.hitting_times("a", **cut)


def test_the_long_run_without_ends():
    pytest.importorskip("scipy", reason="the analysis needs SciPy")
    chain = MarkovChain.from_transitions({(): {"a": 3, "b": 1}})
    assert chain.entropy_rate() == pytest.approx(2 - 0.75 * math.log2(3))
    assert dict(chain.stationary()) == {(): 1.0}
    assert chain.mixing_time() in (0, 1)
    assert chain.kemeny_constant() == pytest.approx(0.0)


def test_the_chain_elsewhere():
    chain = MarkovChain(0).fit(WORDS)
    pytest.importorskip("scipy", reason="matrices need SciPy")
    pandas = pytest.importorskip("pandas", reason="frames need pandas")
    frame = chain.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.loc[[()], [()]].to_numpy().tolist() == [[pytest.approx(0.7)]]


def test_the_chain_as_a_graph():
    pytest.importorskip("scipy", reason="matrices need SciPy")
    pytest.importorskip("networkx", reason="graphs need networkx")
    assert list(MarkovChain(0).fit(WORDS).to_networkx().edges(data="weight")) == [((), (), pytest.approx(0.7))]


def test_the_chain_as_a_table():
    pytest.importorskip("pyarrow", reason="tables need pyarrow")
    table = MarkovChain(0).fit(WORDS).to_arrow().to_pydict()
    assert table == {
        "next": ["a", None, "b", "c"],
        "count": [4, 3, 2, 1],
        "probability": pytest.approx([0.4, 0.3, 0.2, 0.1]),
    }


def test_the_chain_as_a_figure():
    pytest.importorskip("matplotlib", reason="figures need matplotlib")
    pytest.importorskip("networkx", reason="figures need networkx")
    from fastsoftmax import plot

    axes = plot.transitions(MarkovChain(0).fit(WORDS))
    assert axes.texts
    assert plot.evolution(MarkovChain(0).fit(WORDS)) is not None
