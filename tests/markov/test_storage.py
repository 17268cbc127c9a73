"""The file of a model: round trips, what is read when, and what happens to a file that is not what it says."""

import copy
import errno
import json
import os
import pickle
import stat
import struct
import sys
import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from fastsoftmax.markov import MarkovChain, MarkovText
from fastsoftmax.markov.counts import storage, vocabulary
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import MappedFile, Transitions
from tests.cases import examples

ARRAYS = ("contexts", "offsets", "tokens", "counts", "targets")
WORDS = [["naïve", "猫", "", "🙂 word", "\x00", "naïve"], ["猫", "naïve"], ["e\u0301", "\u00e9", "猫"]]


def chains():
    yield "words", MarkovChain(2).fit(WORDS)
    yield "integers", MarkovChain(3).fit([[1, 2, 3, 1, 2], [2**31 - 2, 0]])
    yield "fractions", MarkovChain.from_transitions({"a": {"b": 0.1, None: 7}, "b": {"a": 1e-300}})
    yield "pruned to nothing", MarkovChain().fit(WORDS).prune(100)
    yield "odd sizes", MarkovChain().fit([["a"]])


CHAINS = dict(chains())


def assert_same(one, two):
    assert one.vocabulary == two.vocabulary
    assert one.order == two.order
    for name in ARRAYS:
        a, b = getattr(one.transitions, name), getattr(two.transitions, name)
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def later(monkeypatch):
    """Treat every file that is mapped as a large one: its contents are checked when they are needed."""
    monkeypatch.setattr(storage, "_SMALL", -1)


@pytest.fixture(params=[False, True], ids=["at once", "later"])
def whenever(request):
    if request.param:
        request.getfixturevalue("later")


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.usefixtures("whenever")
def test_round_trip(path, name, mmap):
    chain = CHAINS[name]
    chain.save(path)
    assert os.listdir(path.parent) == [path.name]
    loaded = MarkovChain.load(path, mmap=mmap)
    assert_same(loaded, chain)
    np.testing.assert_array_equal(loaded.walk(20, 9, seed=1).ids, chain.walk(20, 9, seed=1).ids)
    for array in (getattr(loaded.transitions, array_name) for array_name in ARRAYS):
        assert not array.flags.writeable
        assert array.flags.aligned
        assert not array.flags.owndata
    more = [[5, 6]] if chain.vocabulary is None else [["猫", "new"]]
    assert_same(loaded.partial_fit(more), MarkovChain(chain.order).merge(chain).partial_fit(more))
    loaded.save(str(path))
    assert_same(MarkovChain.load(str(path), mmap=mmap), loaded)


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1), min_size=1),
    st.integers(0, 4),
)
@examples(30)
def test_any_text_comes_back(tmp_path_factory, sequences, order):
    path = tmp_path_factory.mktemp("any") / "model"
    chain = MarkovChain(order).fit(sequences)
    chain.save(path)
    assert_same(MarkovChain.load(path), chain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "_SMALL", -1)
        patch.setattr(vocabulary, "_SOUGHT", 1)
        words = MarkovChain.load(path)._held.model.vocabulary
        assert [words[token] for token in chain.vocabulary] == list(range(len(words)))
        assert_same(MarkovChain.load(path), chain)


def test_saved_over_while_mapped(path):
    MarkovChain().fit(WORDS).save(path)
    first = MarkovChain.load(path)
    expected = first.walk(50, seed=1).ids
    MarkovChain().fit([[1, 2]] * 9).save(path)
    np.testing.assert_array_equal(MarkovChain.load(path).transitions.counts, [9, 9, 9])
    np.testing.assert_array_equal(first.walk(50, seed=1).ids, expected)
    first.save(path)
    assert_same(MarkovChain.load(path), MarkovChain().fit(WORDS))


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    chain = MarkovChain().fit(WORDS)
    chain.save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"token .* cannot be saved: it is not valid Unicode"):
        MarkovChain().fit([["\ud800"]]).save(path)
    for module, function in ((storage, "save_file"), (os, "fsync"), (os, "replace")):

        def fail(*_):
            raise OSError(errno.ENOSPC, "no space left")

        with monkeypatch.context() as patch:
            patch.setattr(module, function, fail)
            with pytest.raises(OSError, match="no space left"):
                MarkovChain().fit([[1]]).save(path)
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == [path.name]


def test_the_file_can_be_read_without_the_library(path):
    MarkovChain(2).fit(WORDS).save(path)
    arrays = load_file(path)
    assert set(arrays) == {*ARRAYS, "vocabulary", "vocabulary_offsets", "vocabulary_order"}
    bounds = arrays["vocabulary_offsets"].tolist()
    text = arrays["vocabulary"].tobytes()
    words = [text[a:b].decode() for a, b in pairwise(bounds)]
    assert words == MarkovChain(2).fit(WORDS).vocabulary
    assert [words[i] for i in arrays["vocabulary_order"]] == sorted(words)


# --- a large file is read where it is looked at -------------------------------------------------------


MANY = [[f"w{i}" for i in range(first, first + 20)] for first in range(0, 400, 20)]


@pytest.fixture
def reads(monkeypatch, later):
    """Grow by one with every look at the whole contents."""
    seen: list[str] = []
    digest = storage._contents_digest

    def told(arrays):
        seen.append("all")
        return digest(arrays)

    monkeypatch.setattr(storage, "_contents_digest", told)
    return seen


def test_a_few_steps_do_not_read_the_file(path, reads):
    fitted = MarkovChain(2).fit(MANY)
    fitted.save(path)
    reads.clear()
    chain = MarkovChain.load(path)
    assert repr(chain) == repr(fitted)
    assert chain.next_tokens(["w3", "w4"])[0] == ["w5"]
    assert chain.next_tokens(None, top_k=1)[0] == ["w0"]
    for restart in ("stop", "restart"):
        walks = chain.walk(2, 5, start="w20", seed=1, on_dead_end=restart)
        assert list(walks) == [["w20", "w21", "w22", "w23", "w24"]] * 2
    with pytest.raises(KeyError, match="nothing was seen after"):
        chain.next_tokens(["w3", "w5"])
    words = chain._held.model.vocabulary
    assert "w5" in words
    assert "W5" not in words
    assert (dict.__len__(words), words.tokens._all) == (4, None)
    assert not reads
    table = chain.transitions
    assert chain.transitions is table
    assert chain.log_likelihood(MANY[0]) == fitted.log_likelihood(MANY[0])
    assert len(reads) == 1


WHOLE = {
    "transitions": lambda chain, path: chain.transitions,
    "vocabulary": lambda chain, path: chain.vocabulary,
    "partial_fit": lambda chain, path: chain.partial_fit([["a"]]),
    "merge": lambda chain, path: MarkovChain(2).fit([["a"]]).merge(chain),
    "prune": lambda chain, path: chain.prune(2),
    "save": lambda chain, path: chain.save(path.with_name("other")),
    "log_likelihood": lambda chain, path: chain.log_likelihood(["a"]),
    "perplexity": lambda chain, path: chain.perplexity([["a"]]),
    "walk": lambda chain, path: chain.walk(100, 20),
    "a dead end": lambda chain, path: chain.walk(1, 20, start=["w398", "w399", "w0"]),
    "pickle": lambda chain, path: pickle.dumps(chain),
    "deepcopy": lambda chain, path: copy.deepcopy(chain),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_reads_all_of_a_file_checks_it(path, reads, name):
    MarkovChain(2).fit(MANY).save(path)
    reads.clear()
    chain = MarkovChain.load(path)
    try:
        WHOLE[name](chain, path)
    except KeyError:
        assert name == "a dead end"
    assert len(reads) == 1 + (name == "save")  # once to write
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    chain = MarkovChain.load(path)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"model\.safetensors is not .* do not match its checksum"):
            WHOLE[name](chain, path)


def test_a_check_is_made_once():
    made = []

    def check():
        time.sleep(0.01)
        made.append(len(made))
        if len(made) == 1:
            raise ValueError("not yet")

    ahead = []
    file = MappedFile(check, lambda: ahead.append(len(made)))
    with pytest.raises(ValueError, match="not yet"):
        file.check()
    threads = [threading.Thread(target=file.check) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ahead == [0, 1]


def stored(words):
    text, offsets, order = storage._packed(words).values()
    return vocabulary.StoredVocabulary(vocabulary.StoredTokens(text, offsets, lambda: None), order)


def test_stored_tokens():
    words = [f"\N{SNOWMAN}{i}" for i in range(60)]
    tokens = stored(words).tokens
    assert len(tokens) == 60
    assert (tokens[3], tokens[-1], tokens[np.int32(7)]) == (words[3], words[-1], words[7])
    for index in (60, -61):
        with pytest.raises(IndexError):
            tokens[index]
    assert [tokens[i] for i in range(60)] == words  # one by one, then all at once
    for index in (60, -61):
        with pytest.raises(IndexError):
            tokens[index]
    assert list(tokens) == words
    assert tokens[2:5] == tuple(words[2:5])
    assert tokens == tuple(words)
    assert tuple(words) == tokens
    assert tokens != words[:-1]
    assert tokens != [*words[:-1], "other"]
    assert tokens != 3
    assert (words[9] in tokens, tokens.index(words[9])) == (True, 9)
    assert pickle.loads(pickle.dumps(tokens)) == tuple(words)
    with pytest.raises(TypeError):
        tokens["a"]


def test_stored_vocabulary():
    words = [f"{i}\N{SNOWMAN}" for i in range(200)]
    known = stored(words)
    unknown = ["", "\ud800", "0", "\U0001f642", "00\N{SNOWMAN}"]
    for token in unknown:
        assert known[token] == vocabulary.UNKNOWN
    assert "\ud800" not in known
    assert dict.__len__(known) == 0
    assert [*map(known.__getitem__, words * 2)] == [*range(200)] * 2  # one by one, then all at once
    for token in unknown:
        assert known[token] == vocabulary.UNKNOWN
        assert token not in known
    assert (len(known), list(known), words[3] in known, 3 in known) == (200, words, True, False)
    with pytest.raises(TypeError):
        known[3]
    again = pickle.loads(pickle.dumps(known))
    assert type(again) is vocabulary.Vocabulary
    assert again.tokens == tuple(words)
    assert not stored([])
    assert stored([])["a"] == vocabulary.UNKNOWN


def test_walks_outlive_their_chain(path, later):
    MarkovChain().fit(MANY).save(path)
    walks = MarkovChain.load(path).walk(3, 5, start="w0", seed=1)
    path.unlink()
    assert list(walks) == list(pickle.loads(pickle.dumps(walks))) == [[f"w{i}" for i in range(5)]] * 3


def test_many_threads_read_one_file(path, later):
    MarkovChain().fit(MANY).save(path)
    chain = MarkovChain.load(path)
    wrong = []

    def read(first):
        for i in range(first, 399):
            if i % 20 < 19 and chain.next_tokens(f"w{i}")[0] != [f"w{i + 1}"]:
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- files that are not what they say -----------------------------------------------------------------


def test_missing(path):
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        MarkovChain.load(path)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"\0" * 8,
        b"\0" * 100,
        b"\xff" * 100,
        b"PK\x03\x04 a zip file, or something else",
        b"\x80\x04\x95 a pickle".ljust(50),
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 30) + b'{"__metadata__":{"format":1}}  ',
    ],
)
def test_foreign(path, content, mmap):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors is not a model of this library that can be read: ."):
        MarkovChain.load(path, mmap=mmap)


def test_foreign_safetensors(path):
    save_file({"weight": np.zeros((3, 3), np.float32)}, path)
    with pytest.raises(ValueError, match=r"model\.safetensors is not .*"):
        MarkovChain.load(path)
    save_file({"weight": np.zeros((3, 3), np.int32)}, path)
    with pytest.raises(ValueError, match=r"its format is None, expected 'fastsoftmax-markov-2'"):
        MarkovChain.load(path)


def test_the_other_kind(path):
    MarkovText().fit("One two.").save(path)
    with pytest.raises(ValueError, match=r"is not a model of this library that can be read: it holds a text"):
        MarkovChain.load(path)
    MarkovChain().fit([["a"]]).save(path)
    with pytest.raises(ValueError, match=r"is not a model of this library that can be read: it holds a chain"):
        MarkovText.load(path)


@pytest.mark.parametrize("name", ["words", "integers"])
def test_truncated_anywhere(path, name):
    CHAINS[name].save(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"model\.safetensors is not a model of this library"):
            MarkovChain.load(path, mmap=bool(size % 2))
    path.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match=r"model\.safetensors is not a model of this library"):
        MarkovChain.load(path)


def test_any_flipped_bit(path):
    """It is an error, or (a space of the header) no change at all."""
    chain = CHAINS["words"]
    chain.save(path)
    whole = bytearray(path.read_bytes())
    harmless = 0
    for position in range(len(whole)):
        bit = 1 << position % 8
        whole[position] ^= bit
        path.write_bytes(whole)
        whole[position] ^= bit
        try:
            loaded = MarkovChain.load(path, mmap=False)
        except ValueError:
            continue
        assert_same(loaded, chain)
        harmless += 1
    assert harmless < 8


GOOD = MarkovChain(2).fit([["a", "b", "a", "c"], ["a", "b", "b"]])


def forged(path, kind="chain", metadata=None, **changes):
    """Write a file with a right checksum over wrong contents."""
    table = GOOD.transitions
    arrays = {name: getattr(table, name) for name in ARRAYS} | storage._packed(GOOD.vocabulary)
    arrays = {name: array.copy() for name, array in arrays.items()}
    for name, change in changes.items():
        if change is None:
            del arrays[name]
        elif callable(change):
            arrays[name] = np.ascontiguousarray(change(arrays[name]))
        else:
            arrays[name] = change
    about = {"format": storage.FORMAT, "kind": kind, "order": 2} | (metadata or {})
    save_file(arrays, path, storage.sealed(about, arrays))


def put(index, value):
    def change(array):
        array[index] = value
        return array

    return change


def test_one_model_is_one_file(path):
    GOOD.save(path)
    first = path.read_bytes()
    GOOD.save(path)
    assert path.read_bytes() == first


def test_an_unwritable_place_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        GOOD.save(tmp_path / "missing" / "model.safetensors")
    assert caught.value.filename == str(tmp_path / "missing" / "model.safetensors")


def test_the_forger_forges_well(path):
    forged(path)
    assert_same(MarkovChain.load(path), GOOD)


FORGED = [
    ({"tokens": put(0, 3)}, "a token is out of range"),
    ({"tokens": put(0, -2)}, "a token is out of range"),
    ({"contexts": put((0, 0), 99)}, "a context is out of range"),
    ({"contexts": put((-1, 0), -7)}, "a context is out of range"),
    ({"targets": put(0, 2**31 - 1)}, "a target is out of range"),
    ({"targets": put(0, -2)}, "a target is out of range"),
    ({"targets": put(0, 3)}, "a target is the state of another token"),
    ({"targets": put(GOOD.transitions.tokens == -1, 0)}, "a target is the state of another token"),
    ({"offsets": put(0, 1)}, "its offsets are wrong"),
    ({"offsets": put(-1, 10**12)}, "its offsets are wrong"),
    ({"offsets": put(1, -5)}, "its offsets are wrong"),
    ({"offsets": put(2, 1)}, "its offsets are wrong"),
    ({"offsets": lambda a: a[:0]}, "its contexts have another shape"),
    ({"offsets": lambda a: a[:-1]}, "its contexts have another shape"),
    ({"offsets": lambda a: a[None]}, "."),
    ({"counts": put(0, 0)}, "a count is not a positive number"),
    ({"counts": put(0, -1)}, "a count is not a positive number"),
    ({"counts": lambda a: put(0, np.nan)(a.astype(float))}, "a count is not a positive number"),
    ({"counts": lambda a: put(0, np.inf)(a.astype(float))}, "a count is not a positive number"),
    ({"counts": lambda a: a * 0 + 2**52}, "the counts add up to"),
    ({"counts": lambda a: a.astype(float) + 1.7e308}, "the weights add up to inf"),
    ({"counts": lambda a: a.astype(np.int32)}, "its counts have another type"),
    ({"counts": lambda a: a[:-1]}, "its edges have different lengths"),
    ({"targets": lambda a: a[:-1]}, "its edges have different lengths"),
    ({"tokens": lambda a: a.astype(np.int64)}, "its arrays have other types"),
    ({"contexts": lambda a: a.astype(np.float64)}, "its arrays have other types"),
    ({"contexts": lambda a: a[:, :1]}, "its order is another"),
    ({"contexts": lambda a: a.reshape(-1)}, "its contexts have another shape"),
    ({"contexts": lambda a: a[::-1]}, "its states are not in order"),
    ({"contexts": lambda a: a[[0, 0, *range(2, len(a))]]}, "its states are not in order"),
    ({"tokens": None}, "its arrays are"),
    ({"vocabulary": None}, "its arrays are"),
    ({"more": np.zeros(3, np.int32)}, "its arrays are"),
    ({"vocabulary": put(0, 255)}, "its vocabulary is not UTF-8"),
    ({"vocabulary": put(0, ord("b"))}, "its vocabulary has a token twice"),
    ({"vocabulary": lambda a: a.astype(np.int32)}, "its vocabulary has another type"),
    ({"vocabulary": lambda a: a[None]}, "its vocabulary has another shape"),
    ({"vocabulary_offsets": put(0, 1)}, "its vocabulary offsets are wrong"),
    ({"vocabulary_offsets": put(-1, 99)}, "its vocabulary offsets are wrong"),
    ({"vocabulary_offsets": put(1, 3)}, "its vocabulary offsets are wrong"),
    ({"vocabulary_offsets": lambda a: a[:0]}, "its vocabulary has another shape"),
    ({"vocabulary_offsets": lambda a: a[:3]}, "its vocabulary has another shape"),
    ({"vocabulary_order": None}, "its arrays are"),
    ({"vocabulary_order": lambda a: a.astype(np.int64)}, "its vocabulary has another type"),
    ({"vocabulary_order": lambda a: a[:-1]}, "its vocabulary has another shape"),
    ({"vocabulary_order": lambda a: a[::-1]}, "its vocabulary is not in order"),
    ({"vocabulary_order": put(0, -3)}, "its vocabulary is not in order"),
    ({"vocabulary_order": put(-1, 3)}, "its vocabulary is not in order"),
    ({"metadata": {"order": 3}}, "its order is another"),
    ({"metadata": {"format": "fastsoftmax-markov-1"}}, "format is 'fastsoftmax-markov-1', expected '.*-2'"),
    ({"metadata": {"more": [1]}}, "its metadata is wrong"),
    ({"kind": "text"}, "it holds a text"),
]


@pytest.mark.parametrize(("changes", "message"), FORGED)
def test_forged(path, changes, message):
    """Wrong contents with a right checksum are refused before any kernel sees them."""
    forged(path, **changes)
    for mmap in (True, False):
        with pytest.raises(ValueError, match=rf"model\.safetensors is not a model of this library .*{message}"):
            MarkovChain.load(path, mmap=mmap)


@pytest.mark.parametrize(("changes", "message"), FORGED)
def test_forged_and_found_later(path, later, changes, message):
    forged(path, **changes)
    with pytest.raises(ValueError, match=rf"model\.safetensors is not a model of this library .*{message}"):
        _ = MarkovChain.load(path).transitions


def use_a_little(chain):
    """Do all that reads no more than some rows; whatever the file holds, it is a result or an error."""
    starts = [None, "a", "b", ["a", "b"], ["b", "a"], ["c"], "\x00"]
    calls = [lambda start=start: chain.next_tokens(start, temperature=0.5, top_p=0.9) for start in starts]
    for temperature in (0.0, 0.001, 1.0, np.inf):
        calls += [
            lambda t=temperature: list(chain.walk(1, 9, temperature=t, seed=1)),
            lambda t=temperature: list(chain.walk(1, 9, temperature=t, top_p=0.7, seed=2, on_dead_end="restart")),
        ]
    for call in calls:
        try:
            call()
        except (ValueError, KeyError):
            continue


@pytest.mark.slow
@pytest.mark.parametrize("kind", [np.int64, np.float64])
def test_no_contents_are_a_crash(path, later, kind):
    forged(path, counts=lambda counts: counts.astype(kind))
    whole = path.read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    places = {name: entry["data_offsets"] for name, entry in json.loads(whole[8:start]).items() if name[0] != "_"}
    extremes = {
        4: [struct.pack("<i", number) for number in (-(2**31), -1, 0, 1, 2**30, 2**31 - 1)],
        8: [struct.pack("<q", number) for number in (-(2**63), -1, 0, 1, 2**40, 2**63 - 1)]
        + [struct.pack("<d", number) for number in (np.nan, np.inf, 1.7e308, 5e-324)],
        1: [b"\x00", b"\x80", b"\xff"],
    }
    sizes = {"contexts": 4, "tokens": 4, "targets": 4, "vocabulary_order": 4, "vocabulary": 1}
    rng = np.random.default_rng(0)
    contents = []
    for name, (first, last) in places.items():
        size = sizes.get(name, 8)
        for place in range(start + first, start + last, size):
            contents += [whole[:place] + number + whole[place + size :] for number in extremes[size]]
        for _ in range(20):
            contents.append(whole[: start + first] + rng.bytes(last - first) + whole[start + last :])
            picks = rng.integers(0, len(extremes[size]), (last - first) // size)
            numbers = b"".join([extremes[size][pick] for pick in picks])
            contents.append(whole[: start + first] + numbers + whole[start + last :])
    for content in contents:
        path.write_bytes(content)
        chain = MarkovChain.load(path)
        use_a_little(chain)
        if content != whole:
            with pytest.raises(ValueError, match="its contents do not match its checksum"):
                _ = chain.transitions


def test_forged_row_order(path):
    table = GOOD.transitions
    row = next(slice(a, b) for a, b in zip(table.offsets[:-1], table.offsets[1:], strict=True) if b - a > 1)
    forged(path, tokens=put(row, table.tokens[row][::-1]), counts=put(row, table.counts[row][::-1]))
    with pytest.raises(ValueError, match="a row is not in order"):
        MarkovChain.load(path)


def test_text_needs_words(path):
    chain = MarkovChain().fit([[1, 2]])
    storage.save(path, "text", Model(chain.transitions, None))
    with pytest.raises(ValueError, match="it has no vocabulary"):
        MarkovText.load(path)


def test_unaligned_arrays_are_copied(path):
    """A header that is not padded is allowed by the format."""
    GOOD.save(path)
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.dumps(json.loads(content[8 : 8 + size])).encode()
    header += b" " * ((3 - len(header)) % 8)  # 3 more than a multiple of 8
    path.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + size :])
    loaded = MarkovChain.load(path)
    assert_same(loaded, GOOD)
    assert all(getattr(loaded.transitions, name).flags.aligned for name in ARRAYS)
    assert isinstance(loaded.transitions, Transitions)
    assert list(loaded.walk(5, seed=1)) == list(GOOD.walk(5, seed=1))


def test_a_header_that_nests_too_deep(path):
    save_file({"tokens": np.zeros(1, np.int32)}, path, {"fastsoftmax": "[" * 200_000})
    with pytest.raises(ValueError, match="its header is wrong"):
        MarkovChain.load(path)


def test_a_path_is_a_path():
    with pytest.raises(TypeError, match="path is None, expected a str or a path"):
        MarkovChain.load(None)


@pytest.mark.skipif(sys.platform == "win32", reason="no permissions or links of Unix")
def test_permissions_and_links(tmp_path):
    chain, path, link = MarkovChain().fit([["a", "b"]]), tmp_path / "m", tmp_path / "link"
    before = os.umask(0o027)
    try:
        chain.save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o444)
    link.symlink_to(path)
    chain.partial_fit([["c"]]).save(link)
    assert link.is_symlink()
    assert MarkovChain.load(path).vocabulary == ["a", "b", "c"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert {entry.name for entry in tmp_path.iterdir()} == {"m", "link"}
