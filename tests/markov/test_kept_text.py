"""The text that a model keeps: in memory through all that changes a model, and in its file."""

import copy
import json
import os
import pickle

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fastsoftmax import MarkovChain, MarkovText, Reason
from fastsoftmax.markov.counts import storage

TEXT = "The cat sat on the mat. The dog sat on the cat. The cat ran to the dog."
MORE = "A cow sat on the dog. The cow ran."
COPIED = {"novelty": 0.4, "min_words": 4}


def kept(source=TEXT, order=1):
    return MarkovText(order, keep_text=True).fit(source)


def words(text):
    """Return the text that a model keeps, as words, None for an end."""
    known = text.chain.vocabulary
    return [None if i < 0 else known[i] for i in text._held.model.text.joined().tolist()]


def assert_same(one, two):
    assert (one.kept_tokens, words(one)) == (two.kept_tokens, words(two))
    for wish in (COPIED, {"max_copied": 3}):
        assert one.generate(20, seed=1, **wish) == two.generate(20, seed=1, **wish)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture(params=[2**25, -1], ids=["at once", "later"])
def whenever(request, monkeypatch):
    monkeypatch.setattr(storage, "_SMALL", request.param)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("tokens", ["words", "characters", str.split])
@pytest.mark.usefixtures("whenever")
def test_round_trip(path, mmap, tokens):
    if tokens == "characters":
        pytest.importorskip("regex", reason="characters need regex")
    given = {"tokens": tokens} if callable(tokens) else {}
    text = MarkovText(2, tokens=tokens, keep_text=True).fit([TEXT, MORE])
    text.save(path)
    loaded = MarkovText.load(path, mmap=mmap, **given)
    assert loaded.kept_tokens == text.kept_tokens > 0
    assert_same(loaded, text)
    assert_same(loaded.partial_fit(MORE, 2), text.partial_fit(MORE, 2))
    assert_same(
        loaded.merge(MarkovText.load(path, mmap=mmap, **given)), text.merge(copy.deepcopy(text).fit([TEXT, MORE]))
    )
    loaded.save(path)  # over the file that it is mapped from
    assert_same(MarkovText.load(path, mmap=mmap, **given), text)


def test_parts_make_the_file_of_the_whole(path):
    kept().partial_fit(MORE).save(path)
    parts = path.read_bytes()
    kept([TEXT, MORE]).save(path)
    assert path.read_bytes() == parts
    assert load_file(path)["text"].tolist() == kept([TEXT, MORE])._held.model.text.joined().tolist()


def test_a_file_without_text_is_as_before(path):
    MarkovText(1).fit(TEXT).save(path)
    assert "text" not in load_file(path)
    loaded = MarkovText.load(path)
    assert loaded.kept_tokens is None
    with pytest.raises(ValueError, match="expected a model that was fitted with keep_text=True"):
        loaded.generate(novelty=0.5)


def test_a_chain_has_no_text(path):
    """What was added to the chain alone is not in the text, so that no text is whole any more."""
    text = kept()
    text.chain.save(path)
    assert "text" not in load_file(path)
    assert MarkovChain.load(path).order == 1
    for change in (
        lambda chain: chain.partial_fit([["The", "end."]]),
        lambda chain: chain.fit([["The", "end."]]),
        lambda chain: chain.merge(kept().chain),
    ):
        text = kept()
        change(text.chain)
        assert text.kept_tokens is None
        with pytest.raises(ValueError, match="keep_text=True, and not changed by its chain"):
            text.generate(max_copied=3)
        text.save(path)
        assert MarkovText.load(path).kept_tokens is None
        assert text.partial_fit(MORE).kept_tokens is None
        with pytest.raises(ValueError, match="other keeps no text"):
            kept().merge(text)
        assert text.fit(TEXT).kept_tokens == 18
    assert MarkovChain(1).merge(kept().chain)._held.model.text is None
    assert copy.copy(kept().chain)._held.model.text is None


def test_what_changes_a_model_keeps_its_text():
    text = kept()
    assert MarkovText(keep_text=True).kept_tokens == 0
    assert MarkovText().kept_tokens is None
    assert text.kept_tokens == len(TEXT.split())
    assert words(text.partial_fit(MORE)) == words(kept([TEXT, MORE]))
    assert words(copy.deepcopy(text).prune(2)) == words(text)
    assert_same(pickle.loads(pickle.dumps(text)), text)
    with pytest.raises(ValueError, match="no words"):
        text.partial_fit("")
    assert words(text) == words(kept([TEXT, MORE]))
    assert MarkovText(1).merge(text).kept_tokens is None
    assert words(MarkovText(1, keep_text=True).merge(text, 2)) == words(text)


def test_sentences_of_samplers_know_the_text():
    text = kept()
    found = text.generate(20, seed=1, samplers="top_k=2 temperature=1.5", max_copied=3)
    assert found != text.generate(20, seed=1, samplers="top_k=2 temperature=1.5")


def test_a_text_without_words():
    """markovify may have kept no sentence at all: then nothing is copied."""
    chain = [[["___BEGIN__"], {"a": 1}], [["a"], {"___END__": 1}]]
    source = json.dumps({"state_size": 1, "chain": json.dumps(chain), "parsed_sentences": []})
    text = MarkovText.import_markovify(source)
    assert text.kept_tokens == 0
    assert text.generate(2, novelty=1.0) == ["a", "a"]


def test_a_large_file_is_checked_before_its_text_is_read(path, monkeypatch):
    monkeypatch.setattr(storage, "_SMALL", -1)
    text = kept()
    text.save(path)
    assert MarkovText.load(path).generate(start="The", novelty=0.5, seed=1, max_words=3)
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    first, last = json.loads(content[8:start])["text"]["data_offsets"]
    content[start + first] ^= 1
    path.write_bytes(content)
    loaded = MarkovText.load(path)
    for use in (
        lambda: loaded.kept_tokens,
        lambda: loaded.generate(novelty=0.5),
        lambda: loaded.partial_fit(MORE),
        lambda: kept().merge(loaded),
        lambda: loaded.save(path),
        lambda: pickle.dumps(loaded),
    ):
        with pytest.raises(ValueError, match=r"model\.safetensors is not .* do not match its checksum"):
            use()
    path.write_bytes(content[: start + last - 1])
    with pytest.raises(ValueError, match=r"model\.safetensors is not a model of this library"):
        MarkovText.load(path)


def test_truncated_and_flipped(path):
    text = kept("a b. a c.")
    text.save(path)
    whole = bytearray(path.read_bytes())
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"model\.safetensors is not a model of this library"):
            MarkovText.load(path)
    for position in range(len(whole)):
        changed = whole.copy()
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            loaded = MarkovText.load(path, mmap=False)
        except ValueError:
            continue
        assert words(loaded) == words(text)  # a space of the header


def forged(path, kind, order, model, change):
    """Write a file with a right checksum over a wrong text."""
    model.save(path)
    arrays = {name: array.copy() for name, array in load_file(path).items()}
    change(arrays)
    about = {"format": storage.FORMAT, "kind": kind, "order": order}
    about |= {"tokens": "words", "sequences": "sentences"} if kind == "text" else {}
    save_file(arrays, path, storage.sealed(about, arrays))


def put(index, value):
    def change(arrays):
        arrays["text"][index] = value

    return change


def to(function):
    def change(arrays):
        arrays["text"] = np.ascontiguousarray(function(arrays["text"]))

    return change


WRONG = [
    (put(0, 99), "a token of its text is out of range"),
    (put(0, -2), "a token of its text is out of range"),
    (put(3, 2**31 - 1), "a token of its text is out of range"),
    (put(-1, 0), "its text has no end"),
    (to(lambda text: text[:-1]), "its text has no end"),
    (to(lambda text: text.astype(np.int64)), "its text has another type or shape"),
    (to(lambda text: text.astype(np.float64)), "its text has another type or shape"),
    (to(lambda text: text[None]), "its text has another type or shape"),
    (lambda arrays: arrays.update(text_2=arrays["text"]), "its arrays are"),
    (lambda arrays: arrays.pop("vocabulary_order"), "its arrays are"),
]


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_forged(path, change, message):
    """A wrong text with a right checksum is refused before any kernel sees it."""
    forged(path, "text", 1, kept(), change)
    for mmap in (True, False):
        with pytest.raises(ValueError, match=rf"model\.safetensors is not a model of this library .*{message}"):
            MarkovText.load(path, mmap=mmap)


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_forged_and_found_later(path, monkeypatch, change, message):
    monkeypatch.setattr(storage, "_SMALL", -1)
    forged(path, "text", 1, kept(), change)
    with pytest.raises(ValueError, match=rf"model\.safetensors is not a model of this library .*{message}"):
        MarkovText.load(path).generate(novelty=0.5)


def test_odd_texts_that_can_be_read(path):
    """Empty sequences, or none at all, are no harm."""
    forged(path, "text", 1, kept(), to(lambda text: text[:0]))
    assert MarkovText.load(path).generate(2, novelty=1.0, seed=1) == MarkovText(1).fit(TEXT).generate(2, seed=1)
    forged(path, "text", 1, kept(), to(lambda text: np.full(5, -1, np.int32)))
    assert MarkovText.load(path).generate(2, novelty=1.0, seed=1) == MarkovText(1).fit(TEXT).generate(2, seed=1)
    forged(path, "text", 1, kept(), to(lambda text: np.append(np.int32(-1), text)))
    assert MarkovText.load(path).generate(5, novelty=0.99, seed=1) == [Reason.COPIED] * 5


def test_a_chain_with_a_text_is_refused(path):
    chain = MarkovChain(1).fit([["a", "b"]])
    forged(path, "chain", 1, chain, lambda arrays: arrays.update(text=np.array([0, 1, -1], np.int32)))
    with pytest.raises(ValueError, match="its arrays are"):
        MarkovChain.load(path)


def test_a_failed_save_leaves_nothing(path, monkeypatch):
    def fail(*_):
        raise OSError(28, "no space left")

    monkeypatch.setattr(storage, "save_file", fail)
    with pytest.raises(OSError, match="no space left"):
        kept().save(path)
    assert not os.listdir(path.parent)
