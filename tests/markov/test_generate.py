"""Sentences that fit: the law of conditioned walks, novelty, reasons; tokenisers, and text in pieces."""

import json
import math
import re
from collections import Counter
from pydoc_data.topics import topics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import reference
from fastsoftmax import MarkovText, Reason
from fastsoftmax.markov.reading import clean as reading
from fastsoftmax.markov.reading import joining, tokens
from fastsoftmax.markov.walking.novelty import Overlap
from reference.sentences import sentences
from tests.cases import examples

LINES = ["a b c d", "a b d", "b c d a", "c d", "a b c", "d d d a b", "b a"]


def law(order, temperature=1.0, least=1, most=12, start=()):
    """Return the probabilities of all sentences within the bounds, by the reference."""
    chain = reference.MarkovChain(order).fit([line.split() for line in LINES])
    found = sentences(chain, most, min_words=least, start=start, temperature=temperature)
    total = math.fsum(found.values())
    return {" ".join(sentence): p / total for sentence, p in found.items()}


@pytest.mark.parametrize(
    ("order", "arguments"),
    [
        (1, {"least": 3, "most": 5}),
        (2, {"least": 1, "most": 4}),
        (1, {"least": 6, "most": 6}),
        (1, {"least": 2, "most": 4, "temperature": 2.0}),
        (2, {"least": 2, "most": 4, "start": ["a", "b"]}),
    ],
)
def test_conditioned_walks_have_the_law_of_those_that_fit(order, arguments):
    expected = law(order, **arguments)
    text = MarkovText(order, sequences="lines").fit("\n".join(LINES))
    n = 40_000
    drawn = Counter(
        text.generate(
            n,
            min_words=arguments["least"],
            max_words=arguments["most"],
            temperature=arguments.get("temperature", 1.0),
            start=" ".join(arguments["start"]) if "start" in arguments else None,
            seed=4,
        )
    )
    assert set(drawn) <= set(expected)
    often = {sentence: p for sentence, p in expected.items() if n * p >= 10}
    rest = 1.0 - math.fsum(often.values())
    seen = [drawn[sentence] for sentence in often]
    counts = [*seen, n - sum(seen)] if rest > 1e-9 else seen
    wanted = np.array([*often.values(), rest] if rest > 1e-9 else [*often.values()]) * n
    if len(counts) > 1:
        assert stats.chisquare(counts, wanted * sum(counts) / wanted.sum()).pvalue > 1e-4


def test_a_sentence_depends_on_its_number_alone(monkeypatch):
    text = MarkovText(1, sequences="lines", keep_text=True).fit("\n".join(LINES))
    for wish in ({}, {"max_words": 4, "min_words": 3}, {"max_chars": 8}, {"novelty": 0.3}, {"min_words": 70}):
        many = text.generate(60, seed=5, **wish)
        assert text.generate(7, seed=5, **wish) == many[:7]
        assert many == text.generate(60, seed=5, **wish)
        with monkeypatch.context() as patch:
            patch.setattr("fastsoftmax.markov.walking.sentences._AT_ONCE", 1)  # one at a time
            assert text.generate(60, seed=5, **wish) == many


def test_bounds_hold():
    text = MarkovText(2).fit("\n\n".join(topics.values()))
    for sentence in text.generate(200, min_words=7, max_words=9, seed=1):
        assert 7 <= len(sentence.split()) <= 9
    for sentence in text.generate(50, max_chars=60, seed=1):
        assert len(sentence) <= 60
    for sentence in text.generate(50, start="The", max_words=5, max_chars=40, seed=2):
        assert sentence.startswith("The ")
        assert len(sentence.split()) <= 5
        assert len(sentence) <= 40
    assert all(len(sentence.split()) >= 100 for sentence in text.generate(3, min_words=100, seed=1))


def test_where_chances_would_take_too_much_memory(monkeypatch):
    text = MarkovText(1, sequences="lines").fit("\n".join(LINES))
    usual = text.generate(30, min_words=3, max_words=6, seed=1)
    monkeypatch.setattr("fastsoftmax.markov.walking.sentences._SPACE", 0)
    other = MarkovText(1, sequences="lines").fit("\n".join(LINES)).generate(30, min_words=3, max_words=6, seed=1)
    assert all(3 <= len(sentence.split()) <= 6 for sentence in other)
    assert other != usual  # another way to the same law


def test_a_length_that_there_is_no_memory_to_look_for(monkeypatch):
    text = MarkovText(1, sequences="lines").fit("a b a b c")
    assert text.generate(min_words=40, max_words=40) == [Reason.LENGTH]  # all of them have an odd number of words
    monkeypatch.setattr("fastsoftmax.markov.walking.sentences._SPACE", 0)
    text = MarkovText(1, sequences="lines").fit("a b a b c")
    assert text.generate(min_words=40, max_words=40) == [Reason.MEMORY]
    assert text.generate(min_words=400) == [Reason.MEMORY]
    assert text.generate(temperature=0, min_words=4) == [Reason.ENDLESS]


@pytest.mark.parametrize(
    ("wish", "law"),
    [
        ({}, {"a b": 3, "a c d": 5, "a e": 2}),
        ({"max_chars": 10}, {"a b": 3, "a c d": 5, "a e": 2}),
        ({"max_words": 2}, {"a b": 3, "a e": 2}),
        ({"min_words": 3}, {"a c d": 1}),
        ({"min_words": 2, "max_words": 3, "top_k": 2}, {"a b": 3, "a c d": 5}),
    ],
)
def test_sentences_start_in_the_middle_where_none_begins_so(wish, law):
    lines = ["x a b"] * 3 + ["y a c d"] * 5 + ["x a e"] * 2
    text = MarkovText(2, sequences="lines").fit("\n".join(lines))
    drawn = Counter(text.generate(2000, start="a", seed=1, **wish))
    assert set(drawn) == set(law)
    if len(law) > 1:
        expected = np.array([*law.values()]) / sum(law.values()) * 2000
        assert stats.chisquare([drawn[sentence] for sentence in law], expected).pvalue > 1e-4
    assert text.generate(2, start="a", max_words=1) == [Reason.LENGTH] * 2
    assert text.generate(5, start="a", seed=1, **wish) == text.generate(9, start="a", seed=1, **wish)[:5]


PRUNED = "A cat sat. A cat sat. A dog ran. A dog barked. A bird flew. A bird flew away. A bird sang."


@pytest.mark.parametrize(
    "wish", [{}, {"min_words": 3}, {"max_words": 9}, {"min_words": 3, "max_words": 3}, {"max_chars": 40}]
)
def test_what_was_pruned_is_no_end(wish):
    """Sentences have the law of all walks of the pruned model that come to an end."""
    text = MarkovText(1).fit(PRUNED).prune(2)
    assert set(text.generate(200, seed=1, **wish)) == {"A cat sat."}
    assert math.isfinite(text.log_likelihood("A cat sat."))
    for start in ("A dog", "A bird"):
        assert text.generate(2, seed=1, start=start, **wish) == [Reason.CUT_OFF] * 2
    bounded = "min_words" in wish or "max_words" in wish
    assert text.generate(temperature=0, **wish) == [Reason.LENGTH if bounded else Reason.CUT_OFF]


@pytest.mark.parametrize("wish", [{}, {"min_words": 2}, {"min_words": 3}, {"min_words": 2, "max_words": 20}])
def test_sentences_of_a_pruned_text_have_the_law_of_whole_ones(wish):
    lines = [*(f"p a d {i}" for i in range(6)), *["p a e"] * 2, *["p a f"] * 2, *["z w q"] * 3, "p b x", "p b y"]
    text = MarkovText(1, sequences="lines").fit("\n".join(lines)).prune(2)
    drawn = Counter(text.generate(3000, seed=1, **wish))
    # p is followed by a in 10 of 12 cases, and of these 2 in 10 go on to e, 2 to f, 6 to d, which breaks off.
    expected = {"p a e": 12 / 15 * 10 / 12 * 0.2, "p a f": 12 / 15 * 10 / 12 * 0.2, "z w q": 3 / 15}
    assert set(drawn) == set(expected)
    total = sum(expected.values())
    counts = [drawn[sentence] for sentence in expected]
    assert stats.chisquare(counts, [p / total * 3000 for p in expected.values()]).pvalue > 1e-4


def test_sentences_of_a_pruned_text_are_whole():
    text = MarkovText(2).fit("\n\n".join(topics.values()))
    whole = set(text.chain.next_tokens(text.chain.vocabulary[:1])[0])
    assert whole
    text.prune(2)
    found = text.generate(300, seed=3)
    assert all(sentence is Reason.CUT_OFF or math.isfinite(text.log_likelihood(sentence)) for sentence in found)
    for words in ({"min_words": 4, "max_words": 30}, *({"min_words": least} for least in (2, 3, 5, 12))):
        for sentence in text.generate(200, seed=3, **words):
            assert not sentence or math.isfinite(text.log_likelihood(sentence))


@pytest.mark.parametrize("novelty", [0.8, np.float32(0.8), np.float64(0.8)])
def test_the_share_that_may_be_copied_may_be_copied(novelty):
    """Two of ten letters: 1.0 - 0.8 is a float below a fifth."""
    pairs = [a + b for a in "abcde" for b in "abcde" if a != b]
    text = MarkovText(1, tokens="characters", sequences="lines", keep_text=True).fit("\n".join(pairs))
    (found,) = text.generate(min_words=10, max_words=10, novelty=novelty, seed=1)
    assert len(found) == 10
    assert text.generate(min_words=10, max_words=10, novelty=0.81, seed=1) == [Reason.COPIED]


def test_a_cap_of_copied_words():
    """An absolute one, as markovify's max_overlap_total; the longest run is found by trying all."""
    corpus = ["the cat sat on the mat", "the dog sat on the cat", "a dog ran to the mat", "the mat ran on a cat"]
    text = MarkovText(1, sequences="lines", keep_text=True).fit("\n".join(corpus))
    for most in (2, 3, 5):
        found = [sentence for sentence in text.generate(60, max_copied=most, seed=1) if sentence]
        assert found
        assert max(runs([line.split() for line in corpus], sentence.split()) for sentence in found) == most
    assert text.generate(max_copied=1, seed=1) == [Reason.COPIED]


def test_bounds_of_characters():
    text = MarkovText(1, sequences="lines").fit("the cat sat on the mat\nthe dog sat\na cat ran")
    found = text.generate(50, min_chars=15, max_chars=25, seed=1)
    assert {len(sentence) for sentence in found if sentence} <= set(range(15, 26))
    assert sum(map(bool, found)) > 40
    assert text.generate(min_chars=10_000) == [Reason.CHARACTERS]


def test_reasons():
    loop = MarkovText(1, sequences="lines").fit("a b a b a b a b a b c")
    assert loop.generate(2, temperature=0) == [Reason.ENDLESS] * 2
    assert loop.generate(temperature=0, max_words=5) == [Reason.LENGTH]
    assert loop.generate(max_words=2) == [Reason.LENGTH]
    assert loop.generate(max_chars=3) == [Reason.CHARACTERS]
    same = MarkovText(2, keep_text=True).fit("One two three.")
    assert same.generate(novelty=0.1) == [Reason.COPIED]
    assert same.generate(novelty=0.0) == ["One two three."]
    for reason in Reason:
        assert not reason
        assert str(reason) == f"{reason}" == json.loads(json.dumps(reason)) == reason.value
    with pytest.raises(ValueError, match="novelty or max_copied is given, expected a model that was fitted with keep"):
        MarkovText().fit("One two.").generate(novelty=0.5)
    with pytest.raises(ValueError, match=r"max_words is 2, expected an integer in \[3, 2\*\*20\]"):
        same.generate(min_words=3, max_words=2)
    with pytest.raises(ValueError, match=r"max_chars is 4, expected an integer >= 5"):
        same.generate(min_chars=5, max_chars=4)
    with pytest.raises(ValueError, match=r"max_copied is -1, expected an integer in \[0, 2\*\*20\]"):
        same.generate(max_copied=-1)


def runs(corpus, sentence):
    """Return the length of the longest part of the sentence that is in the corpus, by trying all."""
    parts = {tuple(s[i:j]) for s in corpus for i in range(len(s)) for j in range(i + 1, len(s) + 1)}
    return max(
        (j - i for i in range(len(sentence)) for j in range(i + 1, len(sentence) + 1) if tuple(sentence[i:j]) in parts),
        default=0,
    )


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9), min_size=1, max_size=8),
    st.lists(st.integers(0, 4), min_size=1, max_size=12),
    st.sampled_from([0, 2**20, 2**31 - 10]),
)
def test_longest_runs(corpus, sentence, offset):
    stream = np.array([token for s in corpus for token in ([t + offset for t in s] + [-1])], np.int32)
    found = Overlap(stream).longest_run(np.array(sentence, np.int32) + np.int32(offset))
    assert found == runs(corpus, sentence)


def test_long_copies_are_found():
    corpus = np.append(np.random.default_rng(0).integers(0, 2, 20_000), -1).astype(np.int32)
    overlap = Overlap(corpus)
    assert overlap.longest_run(corpus[5000:5300]) == 300
    mixed = np.concatenate([corpus[100:180], corpus[9000:9050]])
    assert 80 <= overlap.longest_run(mixed) < 130


def test_novelty():
    text = MarkovText(1, keep_text=True).fit("\n\n".join(topics.values()))
    kept = text._held.overlap(text._held.model)
    for novelty in (0.3, 0.7):
        for sentence in text.generate(20, seed=3, novelty=novelty, min_words=6, max_words=20):
            ids = np.array([text.chain.vocabulary.index(word) for word in sentence.split()], np.int32)
            assert kept.longest_run(ids) <= (1 - novelty) * len(ids)
    more = MarkovText(1, keep_text=True).fit("a b.").partial_fit("b c a.")
    assert more.chain.vocabulary == ["a", "b.", "b", "c", "a."]
    for ids, longest in (([2, 3, 4], 3), ([0, 1], 2), ([0, 1, 2], 2), ([0, 3], 1)):
        assert more._held.overlap(more._held.model).longest_run(np.array(ids, np.int32)) == longest


def test_novelty_of_texts_that_repeat_themselves():
    long = [" ".join([*(f"w{i}" for i in range(80)), *(f"t{j}_{i}" for i in range(20))]) for j in range(8)]
    begun = " ".join(f"t{j}_0" for j in (5, 2, 7, 0, 6, 3, 1, 4))
    text = MarkovText(2, sequences="lines", keep_text=True).fit("\n".join([begun, *long]))
    assert text.generate(20, start="w0", novelty=0.1, seed=1) == [Reason.COPIED] * 20


def test_novelty_of_merged_texts():
    one = MarkovText(1, keep_text=True).fit("The cat sat.")
    two = MarkovText(1, keep_text=True).fit("A dog ran over the hill.")
    assert one.merge(two).merge(MarkovText(1, keep_text=True)).generate(start="A", novelty=0.5) == [Reason.COPIED]
    with pytest.raises(ValueError, match="other keeps no text, expected keep_text=True as here: novelty needs all"):
        one.merge(MarkovText(1).fit("A dog."))
    assert MarkovText(1).fit("A cat.").merge(two).generate(start="over") == ["over the hill."]
    with pytest.raises(ValueError, match="other has tokens 'own', expected 'words'"):
        one.merge(MarkovText(1, tokens=str.split).fit("A dog."))


def test_lengths_that_are_next_to_impossible():
    text = MarkovText(1).fit("a b a b a.")
    for words in (5, 2301):
        (sentence,) = text.generate(min_words=words, max_words=words, seed=1)
        assert sentence.split() == [*(["a", "b"] * words)[: words - 1], "a."]
    assert len(text.generate(min_words=3001, seed=1)[0].split()) >= 3001
    assert text.generate(min_words=2301, max_words=2301, start="b", seed=1) == [Reason.LENGTH]


def test_sentences_longer_than_the_usual_bound():
    text = MarkovText(1).fit("a b a b a.")
    begun = "a b " * 6000
    (sentence,) = text.generate(start=begun, min_words=2, seed=1)
    assert sentence.startswith(begun)
    (sentence,) = MarkovText(1).fit("a " * 20_000 + "b.").generate(min_words=12_000, seed=1)
    assert len(sentence.split()) >= 12_000


# --- tokens --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [[1, 2], None, 3, "ab", [b"a"]])
def test_functions_that_make_no_tokens(made):
    text = MarkovText(tokens=lambda sentence: made)
    message = re.escape(f"tokens made {made!r} of 'a b.', expected a list of str")
    with pytest.raises(TypeError, match=message):
        text.fit("a b.")
    with pytest.raises(ValueError, match="source has no words, expected text"):
        MarkovText(tokens=lambda sentence: []).fit("a b.")
    odd = MarkovText(tokens=lambda sentence: sentence.split() if sentence.isascii() else made).fit("a b.")
    with pytest.raises(TypeError, match="expected a list of str"):
        odd.generate(start="é")


def test_a_model_of_text_holds_str(tmp_path):
    text = MarkovText(1).fit("a b.")
    text.chain.fit([[1, 2]])
    for call in (lambda: text.save(tmp_path / "m"), text.generate, lambda: text.perplexity("a b.")):
        with pytest.raises(ValueError, match="the tokens of the chain are integers, expected str, which text is made"):
            call()
    assert not list(tmp_path.iterdir())


def test_characters():
    pytest.importorskip("regex", reason="characters need regex")
    text = MarkovText(3, tokens="characters", sequences="lines").fit(
        "e\u0301a \U0001f469\u200d\U0001f469\u200d\U0001f467b\nשלום"  # noqa: RUF001
    )
    assert text.chain.vocabulary[:4] == ["\u00e9", "a", " ", "\U0001f469\u200d\U0001f469\u200d\U0001f467"]
    assert text.generate(start="ש") == ["שלום"]
    assert text.generate(start="\u00e9", max_words=5) == ["\u00e9a \U0001f469\u200d\U0001f469\u200d\U0001f467b"]


def test_own_tokens():
    def words_and_marks(sentence):
        return re.findall(r"\w+(?:'\w+)?|[^\w\s]", sentence)

    source = 'Hello, world (again)! It\'s 5% "off", he said: yes; no? [ok]'
    text = MarkovText(5, tokens=words_and_marks, sequences="lines").fit(source)
    assert "," in text.chain.vocabulary
    (sentence,) = text.generate()
    assert sentence.startswith("Hello, world (again)! It's 5%")
    assert sentence.endswith("he said: yes; no? [ok]")
    joined = MarkovText(5, tokens=words_and_marks, sequences="lines", join="|".join).fit("a, b")
    assert joined.generate() == ["a|,|b"]
    assert joined.generate(start="a,") == ["a|,|b"]
    assert text.perplexity(source) == 1.0


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["我", "喜欢", "猫", "。"], "我喜欢猫。"),
        (["do", "n't", "stop"], "don't stop"),
        (["she", "'s", "(", "a", "b", ")", "…"], "she's (a b)…"),
        (["I", "’", "m", "here"], "I’m here"),  # noqa: RUF001
        (["``", "Stop", "!", "''", "he", "said", "."], '"Stop!" he said.'),
        (["He", "said", ",", '"', "stop", '"', ",", "and", '"', "go", '"', "."], 'He said, "stop", and "go".'),
        (["It", "costs", "$", "3.50", "or", "3", "%", ",", "not", "£", "4", "."], "It costs $3.50 or 3%, not £4."),
        (["We", "'re", "gon", "na", "go", "(", "``", "now", "''", ")", "."], 'We\'re gonna go ("now").'),
        (["a", "$", "b", "#", "1"], "a $ b #1"),
        (
            ["He", "said", ",", '"', "Go", '."', "She", "said", '"', "Yes", '"', "now", "."],
            'He said, "Go." She said "Yes" now.',
        ),
        (['"', "Yes", ',"', "he", "said", '."', "No", '?"', "she", "asked", "."], '"Yes," he said."No?" she asked.'),
        (["The", "dogs", "'", "bowl"], "The dogs' bowl"),
        (["the", "'fox", "'", "ran"], "the 'fox' ran"),
        ([], ""),
        (["שלום", ",", "עולם", "!"], "שלום, עולם!"),
    ],
)
def test_rejoined(parts, expected):
    assert joining.rejoined(parts) == expected


def test_what_nltk_takes_apart_is_rejoined():
    """As well as nltk itself does it: where a space was is not always known."""
    tokenize = pytest.importorskip("nltk.tokenize", reason="needs nltk: the extra bench")
    split, join = tokenize.NLTKWordTokenizer().tokenize, tokenize.TreebankWordDetokenizer().detokenize
    certain = [
        "He said, \"I can't go (now), it's $3.50!\" and left.",
        '"Why?" she asked; "don\'t you want 5% of #1?"',
        "I'm gonna go, and they'll lemme: \"No.\"",
    ]
    assert [joining.rejoined(split(line)) for line in certain] == certain
    lines = MarkovText(30).fit("\n\n".join(topics.values())).generate(500, seed=1)
    ours, theirs = (sum(rejoin(split(line)) == line for line in lines) for rejoin in (joining.rejoined, join))
    assert ours >= theirs > 200


def test_what_a_file_keeps(tmp_path):
    path = tmp_path / "model"
    letters = MarkovText(2, tokens=list, sequences="lines", join="".join).fit("abc\nabd")
    letters.save(path)
    with pytest.raises(ValueError, match="tokens is None, expected the function that the model was made with"):
        MarkovText.load(path)
    again = MarkovText.load(path, tokens=list, join="".join)
    assert again.generate(5, seed=1, start="ab") == letters.generate(5, seed=1, start="ab")
    assert again.perplexity("abc") == letters.perplexity("abc")
    lines = MarkovText(1, sequences="lines").fit("One two. Three\nfour")
    lines.save(path)
    assert MarkovText.load(path).log_likelihood("One two. Three") == lines.log_likelihood("One two. Three")
    with pytest.raises(ValueError, match="expected none: its file says what they are"):
        MarkovText.load(path, tokens=list)
    pytest.importorskip("regex", reason="characters need regex")
    MarkovText(2, tokens="characters").fit("Abc. Abd.").save(path)
    assert MarkovText.load(path).generate(start="Abd") == ["Abd."]


def test_lines():
    text = MarkovText(1, sequences="lines").fit("one two. Three\r\nfour\n\n\nfive six\n")
    assert set(text.generate(50, seed=1)) == {"one two. Three", "four", "five six"}


def test_refuses():
    with pytest.raises(ValueError, match="tokens is 'letters', expected"):
        MarkovText(tokens="letters")
    with pytest.raises(ValueError, match="sequences is 'pages', expected"):
        MarkovText(sequences="pages")


# --- pieces --------------------------------------------------------------------------------------------


TEXTS = st.lists(
    st.sampled_from(
        ["One", "two.", "three", "\n\n", "\n", " ", "\u3000", "Zwei!", "café", "\x01", "字。字", "  ", "\x1c", "x" * 40]
    ),
    max_size=40,
)


@examples(200)
@given(TEXTS, st.integers(1, 30), st.booleans())
def test_pieces_change_nothing(tmp_path_factory, parts, block, by_lines):
    source = " ".join(parts)
    path = tmp_path_factory.mktemp("pieces") / "text"
    path.write_bytes(source.encode())

    def fitted(*sources):
        sequences = "lines" if by_lines else "sentences"
        try:
            transitions = MarkovText(1, sequences=sequences).fit(sources).chain.transitions
        except ValueError as error:
            return str(error)
        return [transitions.contexts.tolist(), transitions.tokens.tolist(), transitions.counts.tolist()]

    whole = fitted(source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "BLOCK", block)
        assert fitted(source) == whole
        assert fitted(path) == whole


@given(st.text(max_size=60))
def test_words_are_those_of_split(text):
    table = tokens.WordTable()
    clean = reading.cleaned(text)
    ids = [i for part in table.ids(clean.encode("utf-8", "surrogatepass"), 10**9) for i in part.tolist()]
    assert [table.words()[i] for i in ids] == clean.split()


def test_many_words():
    words = [f"w{i}" * (1 + i % 7) for i in range(30_000)] + ["long" * 50_000]
    table = tokens.WordTable()
    ids = np.concatenate(list(table.ids(" ".join(words * 2).encode(), 2)))
    assert table.words() == words
    assert ids.tolist() == list(range(len(words))) * 2


def test_sentences_across_pieces_are_whole(monkeypatch):
    monkeypatch.setattr(reading, "BLOCK", 64)
    source = "\n\n".join(topics.values())[:20_000]
    model = MarkovText(2).fit(source)
    monkeypatch.setattr(reading, "BLOCK", 2**24)
    whole = MarkovText(2).fit(source)
    for name in ("contexts", "offsets", "tokens", "counts"):
        one, two = getattr(model.chain.transitions, name), getattr(whole.chain.transitions, name)
        np.testing.assert_array_equal(one, two)
