"""Sentences with smoothing: whole walks of every known word, within bounds by attempts."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from fastsoftmax import MarkovText, Reason
from fastsoftmax.markov.walking import sentences, smoothed, smoothed_sentences
from reference import smoothing as definitions
from tests.cases import examples

LINES = ["a b c d", "a b d", "b c d a", "c d", "a b c", "d d d a b", "b a"]
RULES = [
    ({"smoothing": "add-k"}, definitions.add_k()),
    ({"smoothing": "add-k", "k": 0.05}, definitions.add_k(0.05)),
    ({"smoothing": "stupid-backoff", "alpha": 0.2}, definitions.stupid_backoff(0.2)),
    ({"smoothing": "kneser-ney"}, definitions.kneser_ney()),
    ({"smoothing": "kneser-ney", "discount": 0.3}, definitions.kneser_ney(0.3)),
]


def fitted(order=1, **words):
    return MarkovText(order, sequences="lines", **words).fit("\n".join(LINES))


def spoken(plain, rule, seed, number, *, start=(), least=1, most=60, attempts=100, **words):
    """Return a sentence as the definitions say: walks of a language model, until one has so many words."""
    known = definitions.known(plain)
    names = {i: token for token, i in plain.ids.items()}
    for attempt in range(attempts):
        ids = [plain.ids[word] for word in start]
        while len(ids) <= most:
            law = definitions.distribution(plain, plain._state(ids), rule)
            logits = [math.log(law[token]) if law[token] > 0 else -math.inf for token in known]
            step = (attempt << 40) + len(ids)
            token = known[reference.sample(logits, seed=(seed + number) % 2**64, step=step, **words)]
            if token < 0:
                break
            ids.append(token)
        if least <= len(ids) <= most:
            return " ".join(names[i] for i in ids)
    return Reason.MEMORY


@given(
    st.integers(0, 3),
    st.sampled_from(RULES),
    st.integers(0, 2**64 - 1),
    st.sampled_from([{}, {"temperature": 0.5}, {"top_k": 2}, {"top_p": 0.7, "temperature": 2}, {"min_p": 0.3}]),
    st.sampled_from([(1, 60), (3, 4), (2, 2)]),
    st.sampled_from([[], ["d"], ["d", "c"]]),
)
@examples(60)
def test_sentences_are_those_of_the_definitions(order, rule, seed, words, bounds, start):
    text, plain = fitted(order), reference.MarkovChain(order).fit([line.split() for line in LINES])
    least, most = bounds
    found = text.generate(
        3, start=" ".join(start) or None, min_words=least, max_words=most, seed=seed, **rule[0], **words
    )
    wish = {"start": start, "least": least, "most": most, **words}
    assert found == [spoken(plain, rule[1], seed, number, **wish) for number in range(3)]


@pytest.mark.parametrize("rule", [words for words, _ in RULES])
def test_the_first_attempt_is_the_walk(rule):
    text = fitted(2)
    walks = [" ".join(walk) for walk in text.chain.walk(40, 500, seed=9, **rule)]
    found = text.generate(40, seed=9, **rule)
    assert all(found)
    assert [one for one, walk in zip(found, walks, strict=True) if walk] == [walk for walk in walks if walk]


def test_a_sentence_depends_on_its_number_alone(monkeypatch):
    text = fitted(1, keep_text=True)
    wishes = [{}, {"min_words": 3, "max_words": 4}, {"max_chars": 8}, {"novelty": 0.3}, {"start": "c a c"}]
    for wish in wishes:
        wish = {"smoothing": "kneser-ney", **wish}
        many = text.generate(60, seed=5, **wish)
        assert text.generate(7, seed=5, **wish) == many[:7]
        with monkeypatch.context() as patch:
            patch.setattr(smoothed, "_AT_ONCE", 11)
            assert text.generate(60, seed=5, **wish) == many
    assert text.generate(3, seed=2**64 - 1, smoothing="add-k")[1:] == text.generate(3, seed=0, smoothing="add-k")[:2]


@pytest.mark.slow
def test_bounds():
    text = fitted(1, keep_text=True)
    for rule, _ in RULES:
        for sentence in text.generate(20, seed=1, min_words=2, max_words=5, min_chars=5, max_chars=7, **rule):
            assert 5 <= len(sentence) <= 7
        copied = [sentence.split() for sentence in text.generate(20, seed=1, min_words=4, max_copied=2, **rule)]
        texts = [line.split() for line in LINES]
        runs = {tuple(line[i : i + 3]) for line in texts for i in range(len(line) - 2)}
        assert not any(tuple(words[i : i + 3]) in runs for words in copied for i in range(len(words) - 2))


@pytest.mark.slow
def test_what_was_never_seen_can_come():
    text = fitted(2)
    with pytest.raises(KeyError, match="was never seen"):
        text.generate(start="c c")
    assert all(s.startswith("c c") for s in text.generate(5, start="c c", smoothing="add-k", seed=1))
    with pytest.raises(KeyError, match="token 'x' was never seen"):
        text.generate(start="c x", smoothing="add-k")
    seen = Counter(s.split()[0] for s in text.generate(4000, smoothing="add-k", seed=1, max_words=9))
    names, likely = text.next_tokens(None, smoothing="add-k")
    assert set(seen) == {*"abcd"}
    begins = dict(zip(names, likely, strict=True))
    whole = sum(likely for name, likely in begins.items() if name is not None)
    for name in "abcd":
        assert seen[name] / 4000 == pytest.approx(begins[name] / whole, abs=0.05)


def test_samplers():
    text = fitted()
    same = text.generate(9, seed=1, smoothing="add-k", temperature=0.5, top_k=3)
    assert text.generate(9, seed=1, smoothing="add-k", samplers="temperature=0.5 top_k=3") == same
    assert len(text.generate(9, seed=1, smoothing="add-k", samplers="typical=0.9")) == 9
    with pytest.raises(ValueError, match="repetition"):
        text.generate(samplers="repetition_penalty=1.2", smoothing="add-k")


@pytest.mark.slow
def test_reasons():
    loop = MarkovText(1, sequences="lines").fit("a b a b a b a b a b c")
    assert loop.generate(2, temperature=0, smoothing="add-k", k=0.01) == [Reason.ENDLESS] * 2
    assert loop.generate(temperature=0, max_words=5, smoothing="add-k", k=0.01) == [Reason.MEMORY]
    assert loop.generate(temperature=1, min_words=900, smoothing="add-k", seed=1) == [Reason.MEMORY]
    assert loop.generate(max_chars=0, smoothing="add-k", seed=1) == [Reason.CHARACTERS]
    text = fitted(1, keep_text=True)
    assert text.generate(2, max_copied=0, smoothing="add-k", seed=1) == [Reason.COPIED] * 2
    assert text.generate(0, smoothing="add-k") == []
    with pytest.raises(ValueError, match="start has 3 words, expected at most max_words, 2"):
        text.generate(start="c c c", max_words=2, smoothing="add-k")
    assert text.generate(2, start="c c c", max_words=3, smoothing="add-k", seed=1) == ["c c c"] * 2
    for words, error, message in (
        ({"smoothing": "x"}, ValueError, "smoothing is 'x', expected one of 'none', 'add-k'"),
        ({"smoothing": "add-k", "k": 0}, ValueError, "k is 0.0, expected a number > 0"),
        ({"smoothing": "none", "alpha": 2}, ValueError, "alpha is 2.0, expected a number in"),
        ({"smoothing": "kneser-ney", "discount": [1]}, ValueError, "discount has shape"),
    ):
        with pytest.raises(error, match=message):
            text.generate(**words)
    with pytest.raises(ValueError, match="expected a chain that has transitions"):
        fitted().prune(100).generate(smoothing="add-k")


def test_pruned_models_end():
    """Where the model knows no more a sentence goes on by less context, so that none is cut off."""
    text = MarkovText(1, sequences="lines").fit("a b\na c\na d").prune(2)
    assert text.generate(2, seed=1) == [Reason.CUT_OFF] * 2
    assert all(text.generate(50, seed=1, smoothing="kneser-ney"))


def test_a_generator_is_put_back():
    text, rng = fitted(), np.random.default_rng(1)
    before = rng.bit_generator.state
    with pytest.raises(ValueError, match="expected a chain that has transitions"):
        fitted().prune(100).generate(smoothing="add-k", rng=rng)
    assert rng.bit_generator.state == before
    assert text.generate(3, smoothing="add-k", rng=rng) != text.generate(3, smoothing="add-k", rng=rng)


def test_progress(capsys):
    pytest.importorskip("rich")
    assert fitted().generate(5, smoothing="add-k", seed=1, progress=True) == fitted().generate(
        5, smoothing="add-k", seed=1
    )
    assert "speaking" in capsys.readouterr().err


def test_the_limit_is_that_of_other_sentences(monkeypatch):
    loop = MarkovText(1, sequences="lines").fit("a b a b a b a b a b c")
    monkeypatch.setattr(smoothed_sentences, "LONGEST", 6)
    words = {"smoothing": "add-k", "k": 1e-9}
    found, walks = loop.generate(200, seed=1, **words), loop.chain.walk(200, 9, seed=1, **words)
    assert max(len(sentence.split()) for sentence in found if sentence) <= 7
    for sentence, length in zip(found, walks.lengths, strict=True):  # such a sentence is not tried again
        assert (sentence == Reason.ENDLESS) == (length > 7)
    assert sentences.LONGEST == 10_000
