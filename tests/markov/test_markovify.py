"""Models of markovify: the same counts, probabilities and words."""

import json
import math
from pydoc_data.topics import topics

import numpy as np
import pytest

from fastsoftmax.markov import MarkovChain, MarkovText

BEGIN, END = "___BEGIN__", "___END__"
CHAIN = [
    [[BEGIN, BEGIN], {"The": 3, "Ünder": 1}],
    [[BEGIN, "The"], {"cat": 2, END: 1}],
    [["The", "cat"], {"sat.": 1, "ran.": 1}],
    [["cat", "sat."], {END: 1}],
    [["cat", "ran."], {END: 1}],
    [[BEGIN, "Ünder"], {END: 1}],
]
ARRAYS = ("contexts", "offsets", "tokens", "counts", "targets")


def assert_same(one, two):
    assert one.vocabulary == two.vocabulary
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one.transitions, name), getattr(two.transitions, name))


def test_by_hand(tmp_path):
    text = MarkovText.import_markovify(json.dumps(CHAIN))
    runs = [["The", "cat", "sat."], ["The", "cat", "ran."], ["The"], ["Ünder"]]
    assert_same(text.chain, MarkovChain(2).fit(runs))
    assert text.next_tokens("The cat") == (["sat.", "ran."], pytest.approx([0.5, 0.5]))
    assert text.next_tokens("The") == (["cat", None], pytest.approx([2 / 3, 1 / 3]))
    assert text.next_tokens(None) == (["The", "Ünder"], pytest.approx([3 / 4, 1 / 4]))
    assert text.chain.walk(1, temperature=0)[0] == ["The", "cat", "sat."]
    path = tmp_path / "model.json"
    whole = {"state_size": 2, "chain": json.dumps(CHAIN), "parsed_sentences": None}
    for written in (CHAIN, whole, whole | {"chain": CHAIN}):
        path.write_text(json.dumps(written, ensure_ascii=False), encoding="utf-8")
        assert_same(MarkovText.import_markovify(path).chain, text.chain)
        assert_same(MarkovText.import_markovify(path.read_text(encoding="utf-8")).chain, text.chain)
    text.save(tmp_path / "model.safetensors")
    assert_same(MarkovText.load(tmp_path / "model.safetensors").chain, text.chain)


def test_words_that_no_state_ends_in():
    chain = MarkovText.import_markovify('[[["a"], {"c": 1, "b": 2}], [["b"], {"a": 5}]]').chain
    assert chain.vocabulary == ["a", "b", "c"]
    assert chain.next_tokens("a")[0] == ["b", "c"]
    with pytest.raises(KeyError, match="nothing was seen after 'c'"):
        chain.next_tokens("c")


def text_of(**changes):
    return json.dumps({"state_size": 2, "chain": json.dumps(CHAIN)} | changes)


def chain_with(row):
    return json.dumps([*CHAIN, row])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "it is not JSON: Expecting value"),
        ("model.json", r"it is not JSON: .* \(a str is JSON, a pathlib.Path a file\)"),
        ("[" * 100_000, "it is not JSON: .*(recursion|Stack overflow)"),
        ("{}", r"it has no chain, only \[\]"),
        ('{"state_size": 2, "model": []}', r"it has no chain, only \['state_size', 'model'\]"),
        ("3", "its chain is 3, expected a list"),
        ("[]", r"its chain is \[\], expected a list"),
        ("null", "its chain is None, expected a list"),
        (text_of(chain="nothing"), "its chain is not JSON: Expecting value"),
        (text_of(chain={"a": {"b": 1}}), "its chain is {'a': {'b': 1}}, expected a list"),
        (text_of(state_size=3), r"chain\[0\] has a state of length 2, expected 3"),
        (text_of(state_size=0), "its state_size is 0, expected an integer >= 1"),
        (text_of(state_size=2.0), "its state_size is 2.0, expected an integer >= 1"),
        (text_of(state_size=True), "its state_size is True, expected an integer >= 1"),
        ('{"chain": []}', "its state_size is None, expected an integer >= 1"),
        ('[[[], {"a": 1}]]', r"chain\[0\] has a state of length 0, expected 1"),
        (chain_with([["a"], {"b": 1}]), r"chain\[6\] has a state of length 1, expected 2"),
        (chain_with(3), r"chain\[6\] is 3, expected \[state, {word: count}\]"),
        (chain_with([["a", "b"]]), r"chain\[6\] is \[\['a', 'b'\]\], expected \[state"),
        (chain_with(["ab", {"b": 1}]), r"chain\[6\] is \['ab', .*\], expected \[state"),
        (chain_with([["a", "b"], 3]), r"chain\[6\] has the next words 3, expected {word: count}"),
        (chain_with([["a", "b"], {}]), r"chain\[6\] has the next words {}, expected {word: count}"),
        (chain_with([["a", 3], {"b": 1}]), r"chain\[6\] has 3 in its state \['a', 3\], expected words"),
        (chain_with([["a", BEGIN], {"b": 1}]), r"chain\[6\] has '___BEGIN__' in its state"),
        (chain_with([["a", END], {"b": 1}]), r"chain\[6\] has '___END__' in its state"),
        (chain_with([["a", "b"], {BEGIN: 1}]), r"chain\[6\] has the next word ___BEGIN__"),
        (chain_with(CHAIN[2]), r"chain\[6\] has the state of chain\[2\]"),
        (chain_with([["a", "b"], [["b"], [1]]]), r"chain\[6\] is compiled: it holds sums, expected counts"),
        ('[[["a"], {"b": 0}]]', "its chain has counts of 0 alone, expected one above 0"),
        (chain_with([["a", "b"], {"c": -1}]), r"chain\[6\] has the count -1 of 'c', expected a number in \[0, 2"),
        (
            chain_with([["a", "b"], {"c": math.pi}]),
            r"chain\[6\] has the count 3.14.* combine with whole weights, as \[3",
        ),
        (chain_with([["a", "b"], {"c": 0.0001, "d": 1 / 9999}]), r"chain\[6\] .* of 'd', which no small number makes"),
        (
            chain_with([["a", "b"], {"c": 2**53, "d": 0.5}]),
            r"chain\[6\] has the count 9007199254740992 of 'c', expected",
        ),
        (chain_with([["a", "b"], {"c": math.inf}]), r"chain\[6\] has the count inf of 'c'"),
        (text_of(parsed_sentences=3), "its parsed_sentences are 3, expected a list of lists of words"),
        (text_of(parsed_sentences=[["The"], "x"]), r"parsed_sentences\[1\] is 'x', expected a list of words"),
        (text_of(parsed_sentences=[[3]]), r"parsed_sentences\[0\] is \[3\], expected a list of words"),
        (chain_with([["a", "b"], {"c": math.nan}]), r"chain\[6\] has the count nan of 'c'"),
        (chain_with([["a", "b"], {"c": True}]), r"chain\[6\] has the count True of 'c'"),
        (chain_with([["a", "b"], {"c": "1"}]), r"chain\[6\] has the count '1' of 'c'"),
        (chain_with([["a", "b"], {"c": 2**53 + 1}]), r"chain\[6\] has the count 9007199254740993 of 'c'"),
    ],
)
def test_what_is_refused(source, message, tmp_path):
    with pytest.raises(ValueError, match=rf"^source cannot be imported from markovify: {message}"):
        MarkovText.import_markovify(source)
    path = tmp_path / "model.json"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"model\.json cannot be imported from markovify: {message}"):
        MarkovText.import_markovify(path)


def test_other_sources(tmp_path):
    for source, shown in ((b"[]", "bytes of length 2"), (None, "None"), (CHAIN, r"\[\[\['___BEGIN__'.*")):
        with pytest.raises(TypeError, match=f"source is {shown}, expected a str of JSON or a pathlib.Path"):
            MarkovText.import_markovify(source)
    with pytest.raises(FileNotFoundError):
        MarkovText.import_markovify(tmp_path / "missing.json")
    (tmp_path / "model.json").write_bytes(b'["\xff\xfe"]')
    with pytest.raises(ValueError, match="it is not JSON: 'utf-8' codec can't decode"):
        MarkovText.import_markovify(tmp_path / "model.json")


def test_counts_that_would_not_be_exact():
    with pytest.raises(ValueError, match=r"the counts add up to .*, expected at most 2\*\*53"):
        MarkovText.import_markovify(json.dumps([[["a"], {"a": 2**53, "b": 2**53}]]))


# --- what markovify itself writes ------------------------------------------------------------------


@pytest.fixture(scope="module")
def markovify():
    return pytest.importorskip("markovify", reason="needs markovify: the extra bench")


@pytest.fixture(scope="module", params=[1, 2, 3])
def manual(request, markovify):
    """Python's own manual, as markovify reads it."""
    return markovify.Text("\n\n".join(topics.values()), state_size=request.param)


def test_round_trip(manual, markovify, tmp_path):
    text = MarkovText.import_markovify(manual.to_json())
    assert text.order == manual.state_size
    assert_same(text.chain, MarkovChain(text.order).fit(manual.parsed_sentences))
    assert_same(MarkovText.import_markovify(manual.chain.to_json()).chain, text.chain)
    (tmp_path / "model.json").write_text(manual.to_json())
    assert_same(MarkovText.import_markovify(tmp_path / "model.json").chain, text.chain)
    forgetful = markovify.Text(None, chain=manual.chain, state_size=text.order, retain_original=False)
    assert_same(MarkovText.import_markovify(forgetful.to_json()).chain, text.chain)


def test_probabilities(manual):
    chain = MarkovText.import_markovify(manual.to_json()).chain
    assert len(manual.chain.model) == len(chain.transitions.contexts)
    for state, counts in manual.chain.model.items():
        context = [word for word in state if word != BEGIN]
        words, probabilities = chain.next_tokens(context)
        total = sum(counts.values())
        expected = {None if word == END else word: count / total for word, count in counts.items()}
        assert dict(zip(words, probabilities, strict=True)) == pytest.approx(expected, rel=1e-12)
        likeliest = chain.next_tokens(context, temperature=0)[0]
        assert counts[likeliest[0] or END] == max(counts.values())


def test_walks_are_possible(manual):
    """A greedy walk takes the largest count at every step, and any walk has only transitions that markovify knows."""
    chain = MarkovText.import_markovify(manual.to_json()).chain
    order, model = chain.order, manual.chain.model
    for temperature, walks in ((0, chain.walk(1, 30, temperature=0)), (1, chain.walk(50, 30, seed=1))):
        for walk in walks:
            words = [BEGIN] * order + walk + [END] * (len(walk) < 30)
            for i in range(order, len(words)):
                counts = model[tuple(words[i - order : i])]
                assert counts[words[i]] >= (max(counts.values()) if temperature == 0 else 1)


def test_other_texts_of_markovify(markovify):
    lines = "one two three\nfour five\none two\n"
    text = MarkovText.import_markovify(markovify.NewlineText(lines, state_size=1).to_json())
    assert_same(text.chain, MarkovChain(1).fit([line.split() for line in lines.splitlines()]))
    one, two = (markovify.Text(words, state_size=1) for words in ("One two.", "One three."))
    combined = MarkovText.import_markovify(markovify.combine([one, two], [1, 3]).to_json())
    assert combined.next_tokens("One") == (["three.", "two."], pytest.approx([3 / 4, 1 / 4]))
    assert combined.generate(1, temperature=0) == ["One three."]
    shares = MarkovText.import_markovify(markovify.combine([one, two], [0.3, 0.7]).to_json())
    assert shares.next_tokens("One") == (["three.", "two."], pytest.approx([0.7, 0.3]))
    assert shares.chain.transitions.counts.tolist() == [10, 7, 3, 3, 7]
    assert_same(
        shares.chain, MarkovChain(1).fit([["One", "two."]]).merge(MarkovChain(1).fit([["One", "three."]]), 7 / 3)
    )
    none = MarkovText.import_markovify(markovify.combine([one, two], [1, 0]).to_json())
    assert none.next_tokens("One") == (["two."], [1.0])
    assert set(none.generate(20, seed=1)) == {"One two."}
    assert none.chain.vocabulary == ["One", "two."]
    assert none.log_likelihood("One three.", unseen="skip") == 0.0
    for weights in ([1e-5, 1], [0.33333, 0.66667], [1 / 7, 3]):
        ratio = MarkovText.import_markovify(markovify.combine([one, two], weights).to_json()).next_tokens("One")
        expected = sorted((weight / sum(weights) for weight in weights), reverse=True)
        assert ratio[1].tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"chain\[0\] is compiled"):
        MarkovText.import_markovify(one.compile().to_json())


def test_sentences_are_kept_for_novelty(manual):
    text = MarkovText.import_markovify(manual.to_json())
    kept = text._held.overlap(text._held.model)
    for sentence in text.generate(20, seed=1, novelty=0.3, min_words=6):
        ids = np.array([text.chain.vocabulary.index(word) for word in sentence.split()], np.int32)
        assert kept.longest_run(ids) <= 0.7 * len(ids)
    bare = MarkovText.import_markovify(manual.chain.to_json())
    with pytest.raises(ValueError, match="keep_text=True"):
        bare.generate(novelty=0.5)
    assert bare.merge(text).chain.vocabulary == text.chain.vocabulary


def test_models_of_characters_of_tags_and_of_lines(markovify):
    class Characters(markovify.NewlineText):
        def word_split(self, sentence):
            return list(sentence)

        def word_join(self, words):
            return "".join(words)

    class Tagged(markovify.Text):
        def word_split(self, sentence):
            return [f"{word}::{len(word)}" for word in sentence.split()]

    names = MarkovText.import_markovify(
        Characters("Anna\nHannah\nAnnabel", state_size=2).to_json(), tokens="characters", sequences="lines"
    )
    assert names.generate(start="Annab", seed=1) == ["Annabel"]
    assert names.sequences == "lines"
    assert names.log_likelihood("Anna\nHannah") > -math.inf
    tagged = MarkovText.import_markovify(
        Tagged("One two. Three four.", state_size=1).to_json(),
        tokens=lambda sentence: [f"{word}::{len(word)}" for word in sentence.split()],
        join=lambda words: " ".join(word.split("::")[0] for word in words),
    )
    assert tagged.generate(start="One", seed=1) == ["One two."]
    assert tagged.log_likelihood("One two.") == pytest.approx(math.log(0.5))
