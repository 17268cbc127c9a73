"""Sentences that hold given words, or end with them: their law, and what is said where there are none."""

import math
from collections import Counter
from pydoc_data.topics import topics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import reference
from fastsoftmax import MarkovText, Reason
from fastsoftmax.markov.counts.states import start_of
from fastsoftmax.markov.walking.arguments import checked_law
from fastsoftmax.markov.walking.phrases import Phrases
from fastsoftmax.markov.walking.sentences import Condition, ConditionedWalks
from reference.sentences import fits, sentences
from tests.cases import examples

LINES = ["a b c d", "a b d", "b c d a", "c d", "a b c", "d d d a b", "b a"]


def speaker_of(text, wish):
    """Return what draws the sentences of a wish, and what they begin with."""
    law = checked_law(*(wish.get(word, default) for word, default in LAW.items()))
    model = text._held.conditioned(text._held.fitted(), law.chain)
    ids = model.vocabulary.tokens.index
    containing = tuple(tuple(map(ids, phrase.split())) for phrase in wish.get("containing", ()))
    phrases = Phrases(containing, tuple(map(ids, wish.get("ending", "").split())))
    start = start_of([*map(ids, wish.get("start", "").split())], model.transitions, model.vocabulary)
    condition = Condition(wish.get("min_words", 1), wish.get("max_words"), phrases)
    return ConditionedWalks(model.transitions, law.filters, condition, start if phrases else None), start


LAW = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "samplers": None}


def probability(speaker, start, ids):
    """Return how likely the speaker is to say these tokens, step by step as the kernel draws them."""
    rows, masses, chances, scales = speaker._rows, speaker._masses, speaker._chances, speaker._scales
    row, last, found = start.state - speaker._offset, len(chances) - 1, 1.0
    for said, token in enumerate([*ids[len(start.given) :], -1], len(start.given)):
        edges = np.arange(rows.offsets[row], rows.offsets[row + 1])
        edge = edges[rows.tokens[edges] == token]
        if not edge.size:
            return 0.0
        here, target = min(said, last), rows.targets[edge[0]]
        after = float(said >= speaker._least) if token < 0 else chances[min(said + 1, last), target]
        found *= masses[edge[0]] * after / (chances[here, row] * scales[here])
        row = target
    return found


def compared(order, lines, wish, most):
    """Compare the probabilities of all sentences of up to so many words with those of the reference; return theirs."""
    text = MarkovText(order, sequences="lines").fit("\n".join(lines))
    speaker, start = speaker_of(text, wish)
    split = {name: value.split() for name, value in wish.items() if name in ("start", "ending")}
    split |= {"containing": [phrase.split() for phrase in wish.get("containing", ())]}
    words = {name: value for name, value in wish.items() if name in LAW or name == "min_words"}
    chain = reference.MarkovChain(order).fit([line.split() for line in lines])
    expected = sentences(chain, most, **split, **words)
    total = math.fsum(expected.values())
    if "max_words" not in wish:  # longer ones have the rest
        taken = min(len(start.given), len(speaker._chances) - 1)
        total = speaker._chances[taken, start.state - speaker._offset] * speaker._scales[taken]
        assert math.fsum(expected.values()) <= total * (1 + 1e-12)
    for sentence, p in expected.items():
        ids = [*map(text.chain.vocabulary.index, sentence)]
        assert probability(speaker, start, ids) == pytest.approx(p / total, rel=1e-11)
    return {" ".join(sentence): p / total for sentence, p in expected.items()}


WISHES = [
    {"containing": ["b c"]},
    {"containing": ["d d"], "ending": "a b"},
    {"containing": ["c", "b", "a"]},
    {"ending": "d"},
    {"ending": "a", "temperature": 0.5},
    {"containing": ["b"], "temperature": 2.0, "top_k": 2},
    {"containing": ["c d"], "top_p": 0.8},
    {"containing": ["c d"], "min_p": 0.3, "min_words": 4},
    {"containing": ["c"], "samplers": "temperature=0.7 typical=0.8"},
    {"containing": ["b c"], "start": "a b"},
    {"containing": ["a b"], "start": "a b"},
    {"containing": ["a b d a"], "start": "a b"},
    {"ending": "b a", "start": "b", "min_words": 3, "max_words": 8},
    {"containing": ["a", "d"], "ending": "d", "min_words": 3, "max_words": 7},
    {"containing": ["d"], "max_words": 5, "temperature": 0.3},
    {"containing": ["b"], "min_words": 5},
]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("wish", WISHES)
def test_probabilities_are_those_of_all_sentences_that_fit(order, wish):
    text = MarkovText(order, sequences="lines").fit("\n".join(LINES))
    phrases = {name: wish[name] for name in ("containing", "ending") if name in wish}
    drawn = text.generate(300, seed=3, **wish)
    expected = compared(order, LINES, wish, wish.get("max_words", 9))
    if "max_words" in wish:
        assert set(drawn) <= (set(expected) or {Reason.WORDS, Reason.LENGTH})
    for sentence in filter(None, drawn):
        containing = [phrase.split() for phrase in phrases.get("containing", ())]
        assert fits(tuple(sentence.split()), containing, phrases.get("ending", "").split())
        assert len(sentence.split()) >= wish.get("min_words", 1)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("wish", [wish for wish in WISHES if "max_words" not in wish])
def test_chances_without_a_bound_are_those_of_a_very_large_one(order, wish):
    text = MarkovText(order, sequences="lines").fit("\n".join(LINES))
    free, start = speaker_of(text, wish)
    bounded, _ = speaker_of(text, {**wish, "max_words": 2000})
    taken = len(start.given)
    found = free._chances[min(taken, len(free._chances) - 1)]
    np.testing.assert_allclose(found, bounded._chances[taken], rtol=2e-12, atol=0)
    assert (bounded._scales == 1.0).all()


words = st.lists(st.sampled_from("abc"), min_size=1, max_size=6).map(" ".join)
phrases = st.lists(st.sampled_from("abc"), min_size=1, max_size=4).map(" ".join)


@examples(150)
@given(
    st.lists(words, min_size=1, max_size=6),
    st.lists(phrases, max_size=3, unique=True),
    st.one_of(st.just(""), phrases),
    st.integers(1, 3),
    st.sampled_from([{}, {"max_words": 5}, {"min_words": 3}, {"min_words": 2, "max_words": 6}, {"temperature": 0.5}]),
)
def test_any_phrases(lines, containing, ending, order, wish):
    """Also phrases that overlap with themselves and each other, and those that no sentence has."""
    said = {letter for phrase in [*containing, ending] for letter in phrase.split()}
    if not said or not said <= {*"".join(lines)}:
        return
    compared(order, lines, {"containing": containing, "ending": ending, **wish}, wish.get("max_words", 7))


@pytest.mark.parametrize(
    ("wish", "law"),
    [
        ({"containing": "c"}, {"a c d": 1}),
        ({"containing": "a", "ending": "b"}, {"a b": 1}),
        ({"ending": "d"}, {"a c d": 5, "a d": 4}),
        ({"ending": "d", "max_words": 2}, {"a d": 1}),
        ({"containing": ["a c"], "min_words": 3}, {"a c d": 1}),
    ],
)
def test_sentences_that_start_in_the_middle(wish, law):
    """A state of two words counts as what was said."""
    text = MarkovText(2, sequences="lines").fit("\n".join(["x a b"] * 3 + ["y a c d"] * 5 + ["x a d"] * 4))
    drawn = Counter(text.generate(2000, start="a", seed=1, **wish))
    assert set(drawn) == set(law)
    if len(law) > 1:
        expected = np.array([*law.values()]) / sum(law.values()) * 2000
        assert stats.chisquare([drawn[sentence] for sentence in law], expected).pvalue > 1e-4


def test_a_start_in_the_middle_that_the_temperature_leaves_no_choice():
    text = MarkovText(2, sequences="lines").fit("\n".join(["x a b"] * 3 + ["y a c d"] * 5))
    assert text.generate(start="a", temperature=0, containing="c") == ["a c d"]
    assert text.generate(start="a", temperature=0, containing="b") == [Reason.WORDS]
    assert text.generate(start="a", top_k=1, ending="b", max_words=9) == [Reason.WORDS]
    assert text.generate(start="a", top_k=1, ending="d", max_words=2) == [Reason.LENGTH]
    assert text.generate(start="a", top_k=1, max_words=2) == [Reason.LENGTH]


@pytest.mark.slow
@pytest.mark.parametrize(
    "wish",
    [
        {"containing": "is"},
        {"containing": ["of", "is"]},
        {"ending": "object.", "containing": "the"},
        {"containing": "of the", "max_words": 14},
        {"containing": "is", "min_words": 12, "temperature": 1.5},
    ],
)
def test_the_law_is_that_of_attempts(wish):
    """Of free sentences those that fit have as many words, and begin and end with the same words, as often."""
    text = MarkovText(2).fit("\n\n".join(topics.values()))
    containing = wish.get("containing", ())
    held = [phrase.split() for phrase in ([containing] if isinstance(containing, str) else containing)]
    free = {name: value for name, value in wish.items() if name not in ("containing", "ending")}
    attempts = [tuple(sentence.split()) for sentence in text.generate(100_000, seed=1, **free) if sentence]
    attempts = [sentence for sentence in attempts if fits(sentence, held, wish.get("ending", "").split())]
    drawn = [tuple(sentence.split()) for sentence in text.generate(len(attempts), seed=2, **wish)]
    assert len(attempts) > 300
    for what in (len, lambda sentence: sentence[0], lambda sentence: sentence[-1], lambda sentence: sentence[1:3]):
        one, other = Counter(map(what, attempts)), Counter(map(what, drawn))
        often = [kind for kind in one | other if one[kind] + other[kind] >= 20]
        table = np.array([[counts[kind] for kind in often] for counts in (one, other)])
        rest = len(attempts) - table.sum(axis=1, keepdims=True)
        table = np.hstack([table, rest]) if rest.sum() >= 20 else table
        if table.shape[1] > 1:
            assert stats.chi2_contingency(table).pvalue > 1e-5


def test_a_rare_word_is_found_at_once():
    text = MarkovText(2, sequences="lines").fit("a rose is red\na rose is rare")
    text.partial_fit("a rose is a rose\na rose is red", weight=10**9)
    for wish in ({"containing": "rare"}, {"ending": "is rare"}, {"containing": ["rare"], "max_words": 5}):
        assert {sentence[-12:] for sentence in text.generate(50, seed=1, **wish)} == {"rose is rare"}
    assert "rare" not in " ".join(text.generate(10_000, seed=1))


def test_a_sentence_depends_on_its_number_alone(monkeypatch):
    text = MarkovText(1, sequences="lines", keep_text=True).fit("\n".join(LINES))
    wish = {"containing": ["b c"], "ending": "d"}
    for more in ({}, {"max_words": 7}, {"min_words": 5}, {"max_chars": 9}, {"novelty": 0.3}):
        many = text.generate(60, seed=5, **wish, **more)
        assert text.generate(7, seed=5, **wish, **more) == many[:7]
        with monkeypatch.context() as patch:
            patch.setattr("fastsoftmax.markov.walking.sentences._AT_ONCE", 1)
            assert text.generate(60, seed=5, **wish, **more) == many
    again = MarkovText(1, sequences="lines").fit("\n".join(LINES))
    assert again.generate(60, seed=5, **wish) == text.generate(60, seed=5, **wish)
    assert text.generate(60, seed=6, **wish) != text.generate(60, seed=5, **wish)


@pytest.mark.parametrize("wish", [{"max_words": 6}, {"min_words": 4}, {"min_words": 4, "max_words": 5}])
def test_where_chances_would_take_too_much_memory(monkeypatch, wish):
    text = MarkovText(1, sequences="lines").fit("\n".join(LINES))
    usual = Counter(text.generate(4000, containing="b c", seed=1, **wish))
    monkeypatch.setattr("fastsoftmax.markov.walking.sentences._SPACE", 0)
    other = Counter(MarkovText(1, sequences="lines").fit("\n".join(LINES)).generate(4000, containing="b c", **wish))
    often = [sentence for sentence, count in usual.items() if count + other[sentence] >= 20]
    table = [[counts[sentence] for sentence in often] for counts in (usual, other)]
    assert stats.chi2_contingency(table).pvalue > 1e-5
    assert all(wish.get("min_words", 1) <= len(sentence.split()) <= wish.get("max_words", 99) for sentence in other)


def test_chances_of_a_walk_that_goes_round():
    """The example of the kernel: 1, 1 and 1/2 for b a, of a walk at a."""
    text = MarkovText(1, sequences="lines").fit("a b a")
    speaker, start = speaker_of(text, {"start": "a", "ending": "b a"})
    assert sorted(speaker._chances[-1]) == pytest.approx([0.5, 1.0, 1.0], rel=1e-13)
    assert len(start.given) == 1


def test_reasons(monkeypatch):
    text = MarkovText(2, sequences="lines").fit("a b c\nb a\nc a")
    assert text.generate(2, containing="c b") == [Reason.WORDS] * 2
    assert text.generate(ending="b") == [Reason.WORDS]
    assert text.generate(containing=["c", "b a"]) == [Reason.WORDS]
    assert text.generate(start="b", containing="c", max_words=9) == [Reason.WORDS]
    assert text.generate(containing="b c", max_words=2) == [Reason.LENGTH]
    assert text.generate(containing="b c", min_words=4) == [Reason.LENGTH]
    assert text.generate(containing="c", top_k=1) == ["a b c"]
    assert text.generate(containing="c", ending="a", temperature=0, start="c") == ["c a"]
    assert text.generate(containing="c", ending="a", temperature=0) == [Reason.WORDS]
    assert text.generate(containing="b c", max_chars=2) == [Reason.CHARACTERS]
    loop = MarkovText(1, sequences="lines").fit("a b a b a b a b a b c")
    assert loop.generate(containing="a", temperature=0) == [Reason.WORDS]  # none ends
    assert loop.generate(containing="b", ending="c") != [Reason.UNSETTLED]
    monkeypatch.setattr("fastsoftmax.markov.walking.phrases._MOST_SWEEPS", 64)
    assert loop.generate(containing="b", ending="c", temperature=0.2, seed=1) == [Reason.UNSETTLED]
    (sentence,) = loop.generate(containing="b", ending="c", temperature=0.2, seed=1, max_words=9)
    assert len(sentence.split()) <= 9  # which needs no such chances


def test_what_was_pruned_is_no_end():
    text = MarkovText(1).fit("A cat sat. A cat sat. A dog ran. A dog barked. A bird flew. A bird sang.").prune(2)
    assert text.generate(5, containing="A") == ["A cat sat."] * 5
    assert text.generate(containing="dog") == [Reason.WORDS]
    assert text.generate(containing="barked.") == [Reason.WORDS]
    assert text.generate(start="A dog", containing="A") == [Reason.CUT_OFF]


def test_characters_and_own_tokens():
    pytest.importorskip("regex", reason="characters need regex")
    names = MarkovText(2, tokens="characters", sequences="lines").fit("anna\nhanna\njohann\nan hanna")
    assert {name[-2:] for name in names.generate(50, ending="nn", seed=1)} == {"nn"}
    assert all("n h" in name for name in names.generate(50, containing="n h", seed=1))
    assert all(" " in name for name in names.generate(50, containing=" ", seed=1))
    own = MarkovText(2, tokens=list, sequences="lines", join="".join).fit("anna\nhanna\njohann")
    assert all("hann" in name for name in own.generate(50, containing="hann", seed=1))


def test_a_model_from_a_file(tmp_path):
    text = MarkovText(2, sequences="lines").fit("\n".join(LINES))
    text.save(tmp_path / "model")
    for wish in ({"containing": "b c"}, {"ending": "d", "max_words": 5}, {"containing": "c", "samplers": "top_k=2"}):
        mapped = MarkovText.load(tmp_path / "model")
        assert mapped.generate(20, seed=1, **wish) == text.generate(20, seed=1, **wish)
        assert mapped.merge(text).generate(20, seed=1, **wish) == text.generate(20, seed=1, **wish)


def test_what_was_made_for_other_words_is_not_used():
    text = MarkovText(1, sequences="lines").fit("\n".join(LINES))
    for wish in (
        {"containing": "b"},
        {"ending": "b"},
        {},
        {"ending": "a", "start": "b"},
        {"ending": "a", "start": "a"},
    ):
        fresh = MarkovText(1, sequences="lines").fit("\n".join(LINES))
        assert text.generate(20, seed=1, **wish) == fresh.generate(20, seed=1, **wish)
    text.partial_fit("b x")
    assert text.generate(ending="x") != [Reason.WORDS]


def test_refuses(monkeypatch):
    text = MarkovText(1, sequences="lines").fit("the cat sat\nthe dog sat")
    with pytest.raises(KeyError, match="containing: token 'catt' was never seen, near matches: 'cat'"):
        text.generate(containing="the catt")
    with pytest.raises(KeyError, match=r"containing\[1\]: token 'x' was never seen"):
        text.generate(containing=["the", "x"])
    with pytest.raises(KeyError, match="ending: token 'mat' was never seen"):
        text.generate(ending="mat")
    with pytest.raises(ValueError, match="containing is '', expected a str of one or more words"):
        text.generate(containing="")
    with pytest.raises(ValueError, match=r"containing\[1\] is ' ', expected a str of one or more words"):
        text.generate(containing=["cat", " "])
    with pytest.raises(ValueError, match="ending is '', expected a str of one or more words"):
        text.generate(ending="")
    with pytest.raises(TypeError, match="containing is 3, expected a str of one or more words, or several"):
        text.generate(containing=3)
    with pytest.raises(TypeError, match=r"containing\[0\] is 3, expected a str of one or more words"):
        text.generate(containing=[3])
    with pytest.raises(TypeError, match="ending is 3, expected a str of one or more words"):
        text.generate(ending=3)
    with pytest.raises(ValueError, match="smoothing is 'add-k', expected 'none' with containing or ending"):
        text.generate(ending="sat", smoothing="add-k")
    assert len(text.generate(3, containing=[])) == 3
    with pytest.raises(ValueError, match="make more than 1,024 kinds of progress"):
        text.generate(containing="cat sat " * 100_000)
    many = MarkovText(1, sequences="lines").fit(" ".join(f"w{i}" for i in range(40)))
    with pytest.raises(ValueError, match="make more than 1,024 kinds of progress of this model, expected fewer or"):
        many.generate(containing=[f"w{i}" for i in range(0, 40, 2)])
    monkeypatch.setattr("fastsoftmax.markov.walking.phrases._MOST_EDGES", 3)
    with pytest.raises(
        ValueError, match=r"make more than 2\*\*28 transitions of this model, expected fewer or shorter"
    ):
        many.generate(containing="w3")
    monkeypatch.setattr("fastsoftmax.markov.walking.phrases._MOST_PAIRS", 3)
    with pytest.raises(ValueError, match=r"make more than 2\*\*30 pairs of a state and a progress of this model"):
        many.generate(containing="w3")
