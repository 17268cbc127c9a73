"""Anything as an argument, any bytes as a file: a result, or an error of the library's own kind and no other."""

import contextlib
import copy
import functools
import gc
import inspect
import io
import json
import os
import re
import struct
import sys
import traceback
import tracemalloc
import unicodedata
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load_file, save_file

import fastsoftmax
from fastsoftmax import MarkovChain, MarkovText, Sampler
from fastsoftmax.cli import inputs
from fastsoftmax.cli.inputs import InputError
from fastsoftmax.kernels.markov import count
from fastsoftmax.markov.counts import storage
from fastsoftmax.markov.reading import clean as reading
from fastsoftmax.markov.reading import tokens
from tests.calls import CALLS, RING, public
from tests.cases import examples
from tests.commands import refused
from tests.long import fuzzing_targets as fuzzed

anything = examples(60, derandomize=True, suppress_health_check=[*HealthCheck])

ATOMS = st.one_of(
    st.sampled_from([None, True, 0, 1, -1, 2, 2**31, 2**63 - 1, 2**63, 2**64, -(2**70), 10**400]),
    st.sampled_from([0.5, -0.0, np.nan, np.inf, 1e-320, 1e308, 1j, b"", b"x", object(), Ellipsis, int, np.float32]),
    st.sampled_from(["", "a", "b", "The", "a b. A b.", "\ud800", "\x00", "f4", "i,,", "none", "add-k", "stop", "none"]),
    st.sampled_from(
        [np.float16(1), np.uint64(2**64 - 1), np.bool_(True), np.datetime64("NaT", "s"), np.str_("a"), Path("x")]
    ),
)
LIBRARY = Path(fastsoftmax.__file__).parent
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
KINDS = ["?", "b", "u8", ">i4", "e", "f", ">f8", "g", "F", "S3", "U2", "M8[s]", "m8[s]", "O", "V5", "f,i", "3f"]
ARRAYS = st.builds(lambda kind, shape: np.zeros(shape, kind), st.sampled_from(KINDS), SHAPES) | hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64, np.int32, np.int64, np.uint8]), SHAPES
)
OBJECTS = st.recursive(
    ATOMS | ARRAYS,
    lambda some: st.one_of(
        st.lists(some, max_size=4),
        st.tuples(some, some),
        st.dictionaries(st.sampled_from(["a", "b", None, 1, ("a", "b"), ()]), some, max_size=3),
        st.builds(np.ma.masked_array, st.lists(st.integers(0, 3), max_size=3)),
    ),
    max_leaves=6,
)
ROWS = hnp.arrays(st.sampled_from([np.float32, np.float64]), (2, 3), elements=st.floats(-9, 9, width=32))

CHAIN = MarkovChain(1).fit([["a", "b", "a"], ["b"]])
TEXT = MarkovText(1, keep_text=True).fit("The a b. The b a.")
DRAW = ("temperature", "top_k", "top_p", "min_p")
FACTS = ("details", "kept_set", "top_logprobs")
SMOOTHING = ("smoothing", "k", "alpha", "discount")
FUNCTIONS = {
    "softmax": (fastsoftmax.softmax, ("axis", "temperature", "where", "out", "dtype")),
    "log_softmax": (fastsoftmax.log_softmax, ("axis", "temperature", "where", "out", "dtype")),
    "logsumexp": (fastsoftmax.logsumexp, ("axis", "temperature", "where", "keepdims")),
    "sample": (fastsoftmax.sample, (*DRAW, "rng", "seed", "step", "allowed", "bias", "out", *FACTS)),
    "probabilities": (fastsoftmax.probabilities, (*DRAW, "allowed", "bias", "out")),
    "Sampler": (lambda row, **options: Sampler(**options)(row), (*DRAW, "rng", "seed")),
    "Sampler()": (Sampler(seed=1), ("allowed", "bias", "out", *FACTS)),
}
CLASSES = ("SamplingParams", "MarkovChain", "MarkovText")
METHODS = [name for name in CALLS if name.split(".")[0] in CLASSES and callable(public(name)[0]) and "," not in name]
NOT_ANY = {"n", "length", "path", "mmap", "steps"}  # how much is drawn; and what is read and written
NEEDED = {
    "n": 2,
    "length": 3,
    "sequences": [["a"]],
    "context": "a",
    "source": ["a"],
    "transitions": {"a": {"b": 1}},
    "matrix": [[1]],
    "sources": ["a"],
    "targets": ["b"],
    "steps": 2,
    "starts": ["a"],
    "graph": RING,
    "rho": 0.5,
    "sigma": 1.0,
    "groups": [["a", "b"]],
    "state": "a",
    "values": [1, 2],
    "rewards": {"a": 1},
    "min_count": 1,
    "other": CHAIN,
    "path": "no such file",
}
OF_TEXT = {"source": "The a.", "other": TEXT}


def ends_well(call, *arguments, **options):
    """Call a function whose arguments may be anything."""
    try:
        call(*arguments, **options)
    except (MemoryError, FileNotFoundError):  # where as much was asked for; of a path, which says enough
        pass
    except (numba.core.errors.NumbaError, UnicodeError):  # of which some are TypeErrors or ValueErrors: nobody checked
        raise
    except (TypeError, ValueError, KeyError, ImportError) as error:  # the last of what another package gives
        last = traceback.extract_tb(error.__traceback__)[-1]
        own = Path(last.filename).is_relative_to(LIBRARY) and str(last.line).startswith("raise")
        if not own:  # NumPy or Python said it, of what nobody checked
            raise


@pytest.mark.parametrize("name", FUNCTIONS)
@given(st.data())
@anything
def test_any_logits_and_any_arguments_of_functions_of_logits(name, data):
    function, arguments = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        ends_well(function, data.draw(OBJECTS))
        for argument in arguments:
            ends_well(function, data.draw(ROWS), **{argument: data.draw(OBJECTS)})


@pytest.mark.parametrize("name", METHODS)
@given(st.data())
@anything
def test_any_arguments_of_what_is_no_function_of_logits(name, data):
    function, arguments = public(name)
    of_text = name.startswith("MarkovText")
    needed = (NEEDED | OF_TEXT if of_text else NEEDED) if "." in name else {}
    model = [] if "." not in name or inspect.ismethod(function) else [copy.deepcopy(TEXT if of_text else CHAIN)]
    with np.errstate(all="ignore"):
        for argument in arguments:
            value = data.draw(OBJECTS)
            if not isinstance(value, Path) and argument not in NOT_ANY:
                others = {other: value for other, value in needed.items() if other in arguments}
                ends_well(function, *model, **{**others, argument: value})


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("keepdims", lambda flag: fastsoftmax.logsumexp([1.0], keepdims=flag)),
        ("details", lambda flag: fastsoftmax.sample([1.0], details=flag)),
        ("kept_set", lambda flag: Sampler()([1.0], kept_set=flag)),
        ("progress", lambda flag: CHAIN.walk(progress=flag)),
        ("progress", lambda flag: TEXT.generate(progress=flag)),
        ("balanced", lambda flag: TEXT.generate(balanced=flag)),
        ("keep_text", lambda flag: MarkovText(keep_text=flag)),
        ("mmap", lambda flag: MarkovChain.load("no such file", mmap=flag)),
    ],
)
def test_what_is_true_or_false(name, call):
    for flag in ("no", None, np.array([]), np.array([True, False]), 2):
        with pytest.raises(TypeError, match=rf"^{name} is .*, expected True or False$"):
            call(flag)
    with contextlib.suppress(FileNotFoundError):
        call(0)
        call(np.False_)


@pytest.mark.parametrize("at_once", [True, False])
@given(st.data())
@anything
def test_any_text_in_a_file(tmp_path_factory, at_once, data):
    """Whatever a file says the text is, with a right checksum: sentences, or an error."""
    file = tmp_path_factory.mktemp("any") / "model.safetensors"
    TEXT.save(file)
    arrays = {name: array.copy() for name, array in load_file(file).items()}
    ids = st.sampled_from([-(2**31), -2, -1, 0, 1, 2, 3, 4, 2**30, 2**31 - 1])
    arrays["text"] = np.array(data.draw(st.lists(ids, max_size=12)), np.int32)
    about = {"format": storage.FORMAT, "kind": "text", "order": 1, "tokens": "words", "sequences": "sentences"}
    save_file(arrays, file, storage.sealed(about, arrays))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "_SMALL", storage._SMALL if at_once else -1)
        text = arrays["text"].tolist()
        sound = all(-1 <= token <= 4 for token in text) and (not text or text[-1] == -1)
        with contextlib.nullcontext() if sound else pytest.raises(ValueError, match="its text"):
            assert len(MarkovText.load(file).generate(2, novelty=0.5, seed=1)) == 2


def test_what_numpy_would_say_otherwise():
    with pytest.raises(ValueError, match="discount is ragged, expected rows of one length"):
        CHAIN.perplexity([["a"]], smoothing="kneser-ney", discount=(0.5, [0.5, 1]))
    with pytest.raises(TypeError, match="join is 'x', expected a function"):
        MarkovText(join="x")
    with pytest.raises(TypeError, match=r"source is ndarray, expected text, a pathlib.Path, or an iterable of them"):
        MarkovText().fit(np.array("The cat."))


def test_a_top_k_as_large_as_integers_are():
    for top_k in (2**31, 2**63 - 1, 2**63, 10**30):
        assert list(CHAIN.walk(9, 5, seed=1, top_k=top_k)) == list(CHAIN.walk(9, 5, seed=1))
        assert TEXT.generate(3, seed=1, top_k=top_k, max_words=3) == TEXT.generate(3, seed=1, max_words=3)


# --- any bytes ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return fuzzed.targets(tmp_path_factory.mktemp("fuzzed"))


BYTES = st.one_of(
    st.binary(max_size=200), st.text("{}[]\"'\\eE+-.,;:=\t\r\n\x00 019ab_ud8", max_size=60).map(str.encode)
)


@pytest.mark.parametrize("name", ["model-bytes", "markovify", "logits", "arguments"])
@given(data=st.data())
@anything
def test_any_bytes(targets, name, data):
    """Whole, and spliced into what is a file or a command."""
    target = targets[name]
    noise, seed = data.draw(BYTES), data.draw(st.sampled_from(target.seeds))
    first = data.draw(st.integers(0, len(seed)))
    last = data.draw(st.integers(first, len(seed)))
    for content in (noise, seed[:first] + noise + seed[last:]):
        target.call(content)


@given(
    flags=st.integers(0, 4 * 5 - 1),
    patches=st.lists(st.tuples(st.integers(0, 79), st.integers(0, 99), st.integers(-(2**63), 2**63 - 1)), max_size=3),
)
@examples(150, derandomize=True, suppress_health_check=[*HealthCheck])
def test_changed_and_sealed_models(targets, flags, patches):
    changes = [struct.pack("<BHq", *patch) for patch in patches]
    targets["model-sealed"].call(bytes([flags]) + b"".join(changes))


# --- what took too long, or too much memory -----------------------------------------------------------------


def npy(header, data=b"", version=b"\x01\x00"):
    size = struct.pack("<H" if version[0] == 1 else "<I", len(header))
    return b"\x93NUMPY" + version + size + header.encode("latin-1") + data


@pytest.mark.parametrize(
    "content",
    [
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,)}"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}", bytes(80)),
        npy("{'descr': '<f8', 'fortran_order': True, 'shape': (-1, -1000000000000)}", bytes(80)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}", bytes(23)),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",)}"),
        npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"\x80\x04N."),
        npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("{'descr': 'i,,', 'fortran_order': False, 'shape': (1,)}", bytes(8)),
        npy("{'descr': (", bytes(8)),
        npy("  {\n 1", bytes(8)),
        npy("-" * 9000 + "1"),
        npy("(" * 9000),
        npy("[" * 9000 + "]" * 9000),
        npy("{[]: 1}"),
        npy("'\\d'"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1L,)}", b"", b"\x02\x00"),
        npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", bytes(8), b"\x03\x00"),
        npy("x" * 20_000, b"", b"\x02\x00"),
        b"\x93NUMPY\x01\x00\xff\xff",
        b"\x93NUMPY",
    ],
)
def test_npy_files_that_are_not_what_they_say(tmp_path, content):
    file = tmp_path / "bad.npy"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.npy (cannot be read as \.npy: .|has dtype)"):
        inputs.read_rows(str(file))
    assert "bad.npy" in refused("sample", str(file))


@pytest.mark.parametrize(
    "content", ["[" * 10**5, '{"a": ' * 2000, "9" * 5000, "[" + "1" * 5000 + "]", "[1e400, " + "1" * 400 + "]", "[{}]"]
)
def test_json_that_is_too_deep_or_too_long(tmp_path, content):
    file = tmp_path / "bad.json"
    file.write_text(content)
    assert "bad.json" in refused("table", "--file", str(file))
    with pytest.raises(ValueError, match="cannot be imported from markovify"):
        MarkovText.import_markovify(content)


@pytest.mark.parametrize("depth", range(900, 1000, 7))
def test_json_about_as_deep_as_python_is(tmp_path, depth):
    file = tmp_path / "deep.json"
    file.write_text("[" * depth + "]" * depth)
    assert "deep.json" in refused("table", "--file", str(file))
    with pytest.raises(ValueError, match="cannot be imported from markovify"):
        MarkovText.import_markovify(file)


def test_models_with_a_long_or_deep_header(tmp_path):
    file = tmp_path / "deep.safetensors"
    base = next(fuzzed._bases())
    for depth, message in ((10**4, "its header is wrong"), (10**6, "its header is wrong: it is none")):
        with contextlib.suppress(RecursionError):
            fuzzed.save_file({"tokens": base.arrays["tokens"]}, file, {"fastsoftmax": "[" * depth})
        assert "its header is wrong" in refused("info", str(file))
        with pytest.raises(ValueError, match=message):
            MarkovChain.load(file)


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    for read in (inputs.read_logits, inputs.read_rows, lambda name: list(inputs.pipe_parts("-", True, "utf-8"))):
        with pytest.raises(InputError, match="standard input is closed"):
            read("-")


def test_the_byte_that_is_not_utf_8_is_named_behind_a_mark(tmp_path):
    file = tmp_path / "bad.txt"
    file.write_bytes(b"\xef\xbb\xbfa 1\nb\xff 2\n")
    with pytest.raises(InputError, match="byte 8 is 0xff"):
        inputs.read_logits(str(file))


@given(st.text("a1 ,;\t-=", max_size=12))
@settings(derandomize=True)
def test_lines_of_a_token_and_a_logit(text):
    """As the expression that says what they are, which takes cubic time."""
    line = text.strip()
    found = re.fullmatch(r"(.+?)\s*[,;\s]\s*([^\s,;]+)", line)
    assert inputs._fields(line) == (list(found.groups()) if found else [line])


UNITS = [
    "a",
    " ",
    "\n",
    "'",
    ".",
    ",",
    "7",
    "\u0301",
    "\u0301\u0323",
    "\u0f73",
    "猫",
    "👩\u200d",
    "🇩",
    "a.",
    "Abcdefgh. ",
]


@pytest.mark.parametrize("unit", UNITS, ids=ascii)
def test_long_texts_of_one_unit(unit, monkeypatch):
    """Each of these took minutes where time grew with the square."""
    text = "b " + unit * (200_000 // len(unit)) + " c"
    for kind in ("words", "characters"):
        MarkovText(1, tokens=kind).fit(text)
    with contextlib.suppress(InputError):
        [*inputs._lines(text, "x.txt")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode() * 3)))
    assert "".join(inputs.pipe_parts("-", False, "utf-8")) == text * 3


def test_an_unknown_token_that_is_long():
    long = "".join(map(chr, range(0x4E00, 0x4E96))) * 2000
    with pytest.raises(KeyError, match="was never seen, and nothing like it"):
        MarkovChain(1).fit([[long[::-1], "b"]]).walk(start=long)


def test_hashes_differ_from_table_to_table():
    """Else one could write a text whose words or states all collide."""
    assert count.hash_slots(1).salt != count.hash_slots(1).salt
    assert tokens.WordTable()._words.salt != tokens.WordTable()._words.salt


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_save_replaces_files_alone(tmp_path):
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        with pytest.raises(FileExistsError, match="is not a file"):
            CHAIN.save(place)
    assert pipe.is_fifo()


def test_bounds_of_what_is_asked_for():
    for order in (1025, 10**9, 10**30):
        with pytest.raises(ValueError, match=rf"order is {order}, expected an integer in \[0, 1024\]"):
            MarkovChain(order)
    with pytest.raises(ValueError, match=r"transitions key \(0, 1, 2, .* has 1025 tokens, expected at most 1024"):
        MarkovChain.from_transitions({tuple(range(1025)): {1: 1}})
    for name in ("min_words", "max_words"):
        with pytest.raises(ValueError, match=rf"{name} is {10**9}, expected an integer in \[\d, 2\*\*20\]"):
            TEXT.generate(**{name: 10**9})


@pytest.mark.slow
def test_many_short_documents():
    documents = [f"w{i} ends." for i in range(5_000)]
    assert len(MarkovText(1).fit(documents).chain.vocabulary) == 5_001
    assert len(MarkovText(1, tokens=str.split).fit(documents).chain.vocabulary) == 5_001


MARKS = ["\u0301", "\u0323", "\u0f73", "\u0344", "\u0345", "é", "ǘ", "a", " ", "─", "か", "\u3099", "\u1100", "\u1161"]


@given(st.lists(st.tuples(st.text(MARKS, min_size=1, max_size=3), st.sampled_from([1, 2, 70, 200])), max_size=5))
@settings(derandomize=True)
def test_composed_is_nfc(parts):
    text = "".join(unit * times for unit, times in parts)
    assert reading.composed(text) == unicodedata.normalize("NFC", text)


@given(st.lists(st.tuples(st.sampled_from(["🇩", "🇪", "a", "\u0301", "\u200d", "👩", "\u0600"]), st.integers(1, 200))))
@settings(derandomize=True)
def test_characters_are_grapheme_clusters(parts):
    regex = pytest.importorskip("regex")
    text = "".join(unit * times for unit, times in parts)
    assert tokens.characters(text) == regex.findall(r"\X", text)


def test_markovify_of_any_json_value():
    for value in (None, 1, "x", [], {}, [[]], [[["a"], {"b": 10**400}]], {"chain": "[", "state_size": 1}):
        with pytest.raises(ValueError, match="cannot be imported from markovify"):
            MarkovText.import_markovify(json.dumps(value))


def peak_of(call):
    """Return how many bytes of Python and NumPy a call takes at most."""
    gc.collect()
    tracemalloc.start()
    try:
        ends_well(call)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


MANY = 88_000  # words: for the dict, and for the set, a few more than half of their room is filled


@pytest.mark.slow
@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize(
    "sequence",
    [[f"{i:x}" for i in range(MANY)], [*range(MANY)], ["a" * 2**20 + "\N{SNOWMAN}"], [f"{i:x}🙂" for i in range(MANY)]],
    ids=["short words", "integers", "one long word", "wide words"],
)
def test_a_load_takes_no_more_than_16_times_the_file(tmp_path, mmap, sequence):
    file = tmp_path / "model.safetensors"
    MarkovChain(1).fit([sequence]).save(file)
    assert peak_of(lambda: MarkovChain.load(file, mmap=mmap)) <= 16 * file.stat().st_size


@pytest.mark.slow
@pytest.mark.parametrize("size", [10**6, 2**40, 2**62])
def test_a_small_file_that_claims_much_takes_little(tmp_path, size):
    file = tmp_path / "bad.safetensors"
    entry = {"dtype": "I64", "shape": [size], "data_offsets": [0, 8 * size]}
    header = json.dumps({"contexts": entry}).encode()
    contents = [struct.pack("<Q", len(header)) + header, struct.pack("<Q", size) + header]
    for content in contents:
        file.write_bytes(content)
        for mmap in (True, False):
            assert peak_of(functools.partial(MarkovChain.load, file, mmap=mmap)) < 2**18
    npy_file = tmp_path / "bad.npy"
    npy_file.write_bytes(npy(f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({size},)}}"))
    assert peak_of(lambda: inputs.read_rows(str(npy_file))) < 2**18
