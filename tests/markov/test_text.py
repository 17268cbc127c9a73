"""MarkovText: how text becomes sentences, and how generated sentences obey the temperature."""

import gzip
import importlib
import io
import math
import pickle
from itertools import pairwise
from pathlib import Path
from pydoc_data.topics import topics
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsoftmax.markov import MarkovChain, MarkovText, Reason
from fastsoftmax.markov.reading import clean as reading
from tests.cases import examples

CATS = "The cat sat on the mat. The cat ran. A dog sat on the cat!"


def sentences(source, order=1):
    """Return what a model took for sentences, by an order so large that it can only repeat them."""
    model = MarkovText(order=30).fit(source)
    return sorted(set(model.generate(300, seed=0, max_words=200)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One two. Three four!", ["One two.", "Three four!"]),
        ("One\ntwo\r\nthree. Four.", ["Four.", "One two three."]),
        (
            "A title\n\nA paragraph without end\n \t\nAnother one.",
            ["A paragraph without end", "A title", "Another one."],
        ),
        ("Windows\r\n\r\nlines.", ["Windows", "lines."]),
        ("He said “Stop!” Then he ran.", ["He said “Stop!”", "Then he ran."]),
        ('He said "Stop!" and ran.', ['He said "Stop!" and ran.']),
        ("(Really?) Yes… No.", ["(Really?)", "No.", "Yes…"]),
        ("Wait... What?! Oh.", ["Oh.", "Wait...", "What?!"]),
        (
            "Mr. Smith met Dr. Who, e.g. Tom. Then i.e. Jerry came.",
            ["Mr. Smith met Dr. Who, e.g. Tom.", "Then i.e. Jerry came."],
        ),
        ("J. R. R. Tolkien wrote. The U.S. Army read.", ["J. R. R. Tolkien wrote.", "The U.S. Army read."]),
        ("Pi is 3.14 or so. Version 2.0 came.", ["Pi is 3.14 or so.", "Version 2.0 came."]),
        ("Cats, dogs etc. are pets. Birds etc. Fish too.", ["Birds etc.", "Cats, dogs etc. are pets.", "Fish too."]),
        ("你好。世界！「好吗？」好。", ["「好吗？」", "世界！", "你好。", "好。"]),  # noqa: RUF001
        ("  \n\n One.  \n\n\n\n Two. \n", ["One.", "Two."]),
        ("Caf\u00e9 one. Cafe\u0301 two.", ["Caf\u00e9 one.", "Caf\u00e9 two."]),
        ("Ж. Ёлка растёт. И всё.", ["Ж. Ёлка растёт.", "И всё."]),
        ("no end at all", ["no end at all"]),
        (
            "Gen. Lee wrote on Feb. 3 from Richmond, Va. to Sen. Foot. See No. 5 and Nr. 5. He said No. Then he left.",
            [
                "Gen. Lee wrote on Feb. 3 from Richmond, Va. to Sen. Foot.",
                "See No. 5 and Nr. 5.",
                "He said No.",
                "Then he left.",
            ],
        ),
        ("« Oui. » Il part. « Non ! » « Si, dit-il. »", ["« Oui. »", "Il part.", "« Non ! »", "« Si, dit-il. »"]),
        ("«\xa0Oui.\xa0» Il part.", ["« Oui. »", "Il part."]),
        ("(« Oui. ” » ) Il part. (« Oui ” » ) et non.", ["(« Oui. ” » )", "Il part.", "(« Oui ” » ) et non."]),
        ("»Nein.« Sie blieb.", ["»Nein.«", "Sie blieb."]),
        ("„Ja.“ Er ging. (He left. ) She stayed.", ["„Ja.“", "Er ging.", "(He left. )", "She stayed."]),
        (
            "He left.[1] She stayed.* They won.¹ It ended.[12][b] “So.”† It was 3.14 long.",
            ["He left.[1]", "She stayed.*", "They won.¹", "It ended.[12][b]", "“So.”†", "It was 3.14 long."],
        ),
        ("هل أنت هنا؟ نعم.", ["هل أنت هنا؟", "نعم."]),
        ("یہ کتاب ہے۔ وہ قلم ہے۔", ["یہ کتاب ہے۔", "وہ قلم ہے۔"]),  # noqa: RUF001
        ("यह किताब है। वह कलम है ॥ ठीक।", ["यह किताब है।", "वह कलम है ॥", "ठीक।"]),
        ("Սա գիրք է։ Դա գրիչ է։", ["Սա գիրք է։", "Դա գրիչ է։"]),  # noqa: RUF001
        ("ይህ መጽሐፍ ነው። ያ ምን ነው፧ እሺ።", ["ይህ መጽሐፍ ነው።", "ያ ምን ነው፧", "እሺ።"]),
        ("はい｡そう｡", ["はい｡", "そう｡"]),
        ("_Really?_ He left. _Yes._ She stayed.", ["_Really?_", "He left.", "_Yes._", "She stayed."]),
        ("Wait . . . What ? ! Oh.", ["Wait . . .", "What ? !", "Oh."]),
        ("He said , `` Go . '' She left .", ["He said , `` Go . ''", "She left ."]),
        (
            "Er kam am 3. Mai an. Der 2. Weltkrieg. Es war 1999. Dann",
            ["Er kam am 3. Mai an.", "Der 2. Weltkrieg.", "Es war 1999.", "Dann"],
        ),
        (
            "See Chap. 4 and Hauptstr. 5. A note.[note.1] Next.",
            ["See Chap. 4 and Hauptstr. 5.", "A note.[note.1]", "Next."],
        ),
        ("One\rtwo.\rThree\r\rFour", ["One two.", "Three", "Four"]),
        ("Title\u2029Text one.\u2028Text two.", ["Title", "Text one.", "Text two."]),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == sorted(expected)


def test_sources(tmp_path):
    text = "One two. Three\nfour. Über fünf."
    files = [tmp_path / "a.txt", tmp_path / "b.txt"]
    files[0].write_text("\ufeffOne two. Three\nfour.", encoding="utf-8")
    files[1].write_text("Über fünf.", encoding="utf-8")
    expected = sentences(text)
    assert expected == ["One two.", "Three four.", "Über fünf."]
    assert sentences(files) == expected
    assert sentences(iter(files)) == expected
    assert sentences([files[0], "Über fünf."]) == expected
    assert sentences(["One two. Three four.", "", "  ", "Über fünf."]) == expected
    assert sentences(files[0]) == expected[:2]
    with files[0].open(encoding="utf-8-sig") as lines:
        assert sentences(lines) == ["One two.", "Three", "four."]


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("", ValueError, "source has no words"),
        (" \n\n ", ValueError, "source has no words"),
        ([], ValueError, "source has no words"),
        (["", " "], ValueError, "source has no words"),
        (3, TypeError, "source is int, expected text, a pathlib.Path, or an iterable of them"),
        (b"bytes", TypeError, "source is bytes, expected text"),
        (None, TypeError, "source is NoneType"),
        (["a", 3], TypeError, r"source\[1\] is 3, expected a str or a pathlib.Path"),
        ([["a"]], TypeError, r"source\[0\] is \['a'\], expected a str"),
    ],
)
def test_fit_refuses(source, error, message):
    model = MarkovText().fit(CATS)
    before = model.chain._held.model
    for call in (model.fit, model.partial_fit, model.perplexity):
        with pytest.raises(error, match=message):
            call(source)
    assert model.chain._held.model is before


def test_files_that_cannot_be_read(tmp_path):
    model = MarkovText().fit(CATS)
    before = model.chain._held.model
    bad = tmp_path / "bad.txt"
    bad.write_bytes("Ünder".encode() + b"\xff rest")
    with pytest.raises(ValueError, match=r"source: .*bad\.txt is not UTF-8 at byte 6: invalid start byte"):
        model.fit(bad)
    with pytest.raises(ValueError, match=r"source\[1\]: .*bad\.txt is not UTF-8 at byte 6"):
        model.partial_fit(["Fine.", bad])
    with pytest.raises(FileNotFoundError):
        model.fit(tmp_path / "missing.txt")
    assert model.chain._held.model is before


def test_fit_is_that_of_the_chain():
    """The stream of ids is cut into sentences as lists of words would be."""
    text = "One two three. One two four! Five. one two"
    words = [["One", "two", "three."], ["One", "two", "four!"], ["Five.", "one", "two"]]
    model, chain = MarkovText(2).fit(text), MarkovChain(2).fit(words)
    assert model.chain.vocabulary == chain.vocabulary
    for name in ("contexts", "offsets", "tokens", "counts", "targets"):
        np.testing.assert_array_equal(getattr(model.chain.transitions, name), getattr(chain.transitions, name))
    assert model.log_likelihood(text) == pytest.approx(sum(map(chain.log_likelihood, words)), rel=1e-12)
    assert model.perplexity(text) == pytest.approx(chain.perplexity(words), rel=1e-12)
    assert model.log_likelihood("One two nine.") == -math.inf


@given(st.lists(st.text("ab cd.!\n é。", min_size=1, max_size=40), min_size=1, max_size=5), st.integers(0, 3))
@examples(60)
def test_merge_of_parts_is_fit_of_the_whole(texts, order):
    texts = [text + " end." for text in texts]
    whole, merged, grown = MarkovText(order).fit(texts), MarkovText(order), MarkovText(order)
    for text in texts:
        merged.merge(MarkovText(order).fit(text))
        grown.partial_fit(text)
    for model in (merged, grown):
        assert model.chain.vocabulary == whole.chain.vocabulary
        for name in ("contexts", "offsets", "tokens", "counts", "targets"):
            np.testing.assert_array_equal(
                getattr(model.chain.transitions, name), getattr(whole.chain.transitions, name)
            )


def test_generate():
    model = MarkovText().fit(CATS)
    assert model.generate(start="The cat", temperature=0) == ["The cat sat on the mat."]
    assert model.generate(3, seed=1) == model.generate(3, seed=1) == model.generate(9, seed=1)[:3]
    assert model.generate(0) == []
    known = set(CATS.split())
    for sentence in model.generate(100, rng=0):
        words = sentence.split(" ")
        assert words[0] in ("The", "A")
        assert words[-1] in ("mat.", "ran.", "cat!")
        assert set(words) <= known
    assert model.generate(2, max_words=2, start="A dog") == [Reason.LENGTH] * 2
    assert all(sentence.startswith("The ") for sentence in model.generate(5, start="The"))
    assert all(sentence.startswith("A dog sat on") for sentence in model.generate(5, start=" A  dog\nsat on "))
    assert all(sentence.startswith("dog The cat") for sentence in model.generate(5, start="dog The cat"))
    assert MarkovText(1).fit("Caf\u00e9 ole.").generate(start="Cafe\u0301") == ["Caf\u00e9 ole."]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"start": "Teh cat"}, KeyError, "start: token 'Teh' was never seen, near matches: 'The'"),
        ({"start": "the mat. The"}, KeyError, r"\('mat.', 'The'\) was never seen"),
        ({"start": "ran."}, KeyError, "'ran.' never begins a sequence"),
        ({"start": "THE CAT"}, KeyError, "start: token 'THE' was never seen, near matches: 'The', 'the'"),
        ({"start": 3}, TypeError, "start is 3, expected a str of one or more words"),
        ({"start": "The cat sat", "max_words": 2}, ValueError, "start has 3 words, expected at most max_words, 2"),
        ({"max_words": -1}, ValueError, "max_words is -1"),
        ({"max_words": 1.5}, TypeError, "max_words is 1.5"),
        ({"n": -1}, ValueError, "n is -1"),
        ({"temperature": -1}, ValueError, "temperature is -1"),
        ({"top_p": 2}, ValueError, "top_p is 2"),
        ({"seed": 1, "rng": 1}, ValueError, "rng and seed are both given"),
    ],
)
def test_generate_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        MarkovText().fit(CATS).generate(**arguments)


def test_next_tokens():
    model = MarkovText().fit(CATS)
    words, probabilities = model.next_tokens("The cat")
    assert words == ["sat", "ran."]
    np.testing.assert_array_equal(probabilities, [0.5, 0.5])
    assert model.next_tokens("cat ran.")[0] == [None]
    assert model.next_tokens(None, top_k=1)[0] == ["The"]
    with pytest.raises(TypeError, match="context is 3"):
        model.next_tokens(3)


def test_the_rest_is_the_chain_s(tmp_path):
    model = MarkovText().fit(CATS)
    assert model.order == 2
    assert isinstance(model.chain, MarkovChain)
    assert repr(model) == f"MarkovText(order=2), {len(model.chain.transitions.contexts)} states, 15 transitions"
    assert repr(MarkovText(4)) == "MarkovText(order=4), empty"
    assert pickle.loads(pickle.dumps(model)).generate(5, seed=1) == model.generate(5, seed=1)
    with pytest.raises(TypeError, match=r"other is .*, expected a MarkovText"):
        model.merge(model.chain)
    with pytest.raises(ValueError, match="order is -1"):
        MarkovText(-1)
    with pytest.raises(ValueError, match="the chain is empty"):
        MarkovText().generate()
    assert model.partial_fit("The cat", 3).next_tokens("The cat")[0][0] is None
    assert model.prune(3).generate(start="The") == ["The cat"]
    model.save(tmp_path / "model")
    assert MarkovText.load(tmp_path / "model").generate(start="The") == ["The cat"]


# --- a real text -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def manual():
    """Python's own manual, 65,000 words."""
    return MarkovText(order=1).fit(topics.values())


def entropy(probabilities):
    return -math.fsum(p * math.log(p) for p in probabilities if p > 0)


def test_entropy_rises_with_the_temperature_at_every_state(manual):
    """At T = .1, .5, 1: never falls, and rises wherever the counts differ."""
    chain = manual.chain
    table, names = chain.transitions, chain.vocabulary
    rising = 0
    for s, (context,) in enumerate(table.contexts.tolist()):
        counts = table.counts[table.offsets[s] : table.offsets[s + 1]]
        if len(counts) == 1:
            continue
        word = None if context < 0 else names[context]
        cold, warm, plain = (
            entropy(chain.next_tokens(word, temperature=temperature)[1]) for temperature in (0.1, 0.5, 1.0)
        )
        assert cold <= warm + 1e-12
        assert warm <= plain + 1e-12
        if counts[0] > counts[-1]:
            assert cold < warm < plain
            rising += 1
        assert plain <= math.log(len(counts)) + 1e-12
    assert rising > 1500


def bigram_variety(walks):
    """Return the share of neighbouring pairs that are new."""
    pairs = [pair for walk in walks for pair in pairwise(walk)]
    return len(set(pairs)) / len(pairs)


def test_cold_walks_repeat_and_warm_walks_wander(manual):
    cold, warm, plain = (
        bigram_variety(manual.chain.walk(20, 500, temperature=temperature, seed=7, on_dead_end="restart"))
        for temperature in (0.1, 0.5, 1.0)
    )
    assert cold < 0.5 * warm < 0.5 * plain
    assert cold < 0.05
    assert plain > 0.4
    assert len(set(manual.generate(50, temperature=0.0, seed=1))) == 1
    likely, wandering = (manual.chain.walk(50, 30, temperature=temperature, seed=2) for temperature in (0.1, 1.0))
    ranks = [
        np.mean([manual.chain.next_tokens(a)[0].index(b) for walk in walks for a, b in pairwise(walk)])
        for walks in (likely, wandering)
    ]
    assert ranks[0] < 0.2 < 10 < ranks[1]


def test_the_text_itself_is_likelier_than_another(manual):
    text = next(iter(topics.values()))
    order_2 = MarkovText(order=2).fit(topics.values())
    assert 1 < order_2.perplexity(text) < manual.perplexity(text) < len(manual.chain.vocabulary)
    assert manual.perplexity("Colourless green ideas sleep furiously.") == math.inf


def test_paths_are_paths(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("A b.", encoding="utf-8")
    assert isinstance(path, Path)
    assert MarkovText(1).fit(path).generate(seed=1) == ["A b."]


@pytest.mark.parametrize("module", ["gzip", "bz2", "lzma"])
def test_packed_files_are_read(module, tmp_path):
    path = tmp_path / f"book.txt.{module.replace('gzip', 'gz').replace('lzma', 'xz')}"
    with importlib.import_module(module).open(path, "wb") as file:
        file.write(("A cat sat. The dog ran off.\n" * 50).encode())
    assert MarkovText(1).fit(path).generate(9, seed=1) == MarkovText(1).fit(
        "A cat sat. The dog ran off.\n" * 50
    ).generate(9, seed=1)


def test_the_name_of_a_file_is_no_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("A cat sat.")
    said = r"source(\[0\])? is '.*a.txt', the name of a file, .*pathlib.Path\('.*a.txt'\)"
    for named in ("a.txt", ["a.txt", "b.txt"], str(tmp_path / "a.txt")):
        with pytest.raises(ValueError, match=said):
            MarkovText(1).fit(named)
    for text in ("b.txt", "A cat sat.", "a\0b", "x" * 5000, "a.txt\n"):
        MarkovText(1).fit(text)
    assert MarkovText(1).fit(tmp_path / "a.txt").generate(seed=1) == ["A cat sat."]


def test_what_gives_its_keys_is_no_source():
    class Frame:
        columns = ("text",)

        def __iter__(self):
            return iter(self.columns)

    for named, what in (({"a": "A cat."}, "a mapping, whose keys"), (Frame(), "a data frame, whose column names")):
        with pytest.raises(TypeError, match=f"source is {what} would be learned"):
            MarkovText(1).fit(named)
        with pytest.raises(TypeError, match=f"sequences is {what} would be learned"):
            MarkovChain(1).fit(named)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "GZ"])
def test_damaged_packed_files_are_named(suffix, tmp_path):
    module = importlib.import_module({"gz": "gzip", "bz2": "bz2", "xz": "lzma"}[suffix.lower()])
    whole = module.compress(b"A cat sat on the mat. " * 5000)
    path = tmp_path / f"text.{suffix}"
    damaged = [whole[: len(whole) // 2], b"no such thing", whole[:20] + bytes(8) + whole[28:]]
    for content in damaged if suffix == "gz" else [*damaged, whole[:-9]]:
        path.write_bytes(content)
        for encoding in ("utf-8", "latin-1"):
            with pytest.raises(
                ValueError, match=rf"source: .*text\.{suffix} is damaged, or not packed as its name says"
            ):
                MarkovText(1, encoding=encoding).fit(path)
    path.write_bytes(whole)
    assert MarkovText(1).fit(path).chain.vocabulary == ["A", "cat", "sat", "on", "the", "mat."]


@pytest.mark.parametrize("block", [1, 3, 10**6])
def test_sentences_do_not_depend_on_where_pieces_end(block, monkeypatch, tmp_path):
    text = "« Oui. » Il part. (He left. ) ) She stayed no end here and on ) and on. . . Then No. 5 came. 3. Mai war."
    (path := tmp_path / "text.txt").write_text(text, encoding="utf-8")
    expected = contents(MarkovText(2).fit(text))
    monkeypatch.setattr(reading, "BLOCK", block)
    assert contents(MarkovText(2).fit(path)) == expected
    assert contents(MarkovText(2, tokens=str.split).fit(path))[:-1] == expected[:-1]


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_series_and_frames(package):
    frames = pytest.importorskip(package, reason=f"{package} is what this reads")
    assert sentences(frames.Series(["A cat sat. The dog", "ran off."])) == ["A cat sat.", "The dog", "ran off."]
    assert MarkovChain(1).fit(frames.Series([["a", "b"], ["b"]])).vocabulary == ["a", "b"]
    frame = frames.DataFrame({"text": ["A cat."]})
    for data in (frame, frame.lazy()) if package == "polars" else (frame,):
        with pytest.raises(TypeError, match="source is a data frame, whose column names would be learned"):
            MarkovText(1).fit(data)
        with pytest.raises(TypeError, match="sequences is a data frame, whose column names would be learned"):
            MarkovChain(1).fit(data)


def test_marks_of_encodings(tmp_path):
    assert MarkovText(1).fit("\ufeffA cat sat.").generate(seed=1) == ["A cat sat."]
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32-le"):
        (path := tmp_path / encoding).write_bytes("A cat sat. The dog ran.".encode(encoding))
        with pytest.raises(ValueError, match=f"{encoding} is .*iconv -f UTF-16 -t UTF-8"):
            MarkovText(1).fit(path)


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "CP1252", "UTF8", "shift_jis", "gb18030"]
)
def test_files_in_other_encodings(encoding, tmp_path, monkeypatch):
    text = "日本の猫。It sat!\r\nThe dog ran." if encoding in ("shift_jis", "gb18030") else "Ünder é. It sat!\rÇa va."
    expected = MarkovText(1).fit(text)
    expected.save(tmp_path / "model")
    loaded = MarkovText.load(tmp_path / "model", encoding=encoding)
    (path := tmp_path / "text.txt").write_bytes(text.encode(encoding))
    with gzip.open(tmp_path / "text.gz", "wb") as packed:
        packed.write(text.encode(encoding))
    for block in (1, 7, 2**20):
        monkeypatch.setattr(reading, "BLOCK", block)
        for file in (path, tmp_path / "text.gz"):
            model = MarkovText(1, encoding=encoding).fit(file)
            assert contents(model) == contents(expected)
            assert model.partial_fit([file, file], 2).chain.vocabulary == expected.chain.vocabulary
            assert loaded.scores(file) == expected.scores(text)
            assert loaded.log_likelihood(file) == expected.log_likelihood(text)
            assert loaded.perplexity(file) == expected.perplexity(text)


def test_encodings_are_checked(tmp_path):
    (path := tmp_path / "text.txt").write_bytes("Ünder é.".encode("latin-1"))
    for encoding in ("klingon", "base64", "rot13", "", "utf-8\0"):
        with pytest.raises(
            ValueError, match=r"^encoding is .*, expected the name of an encoding of text that Python knows"
        ):
            MarkovText(1, encoding=encoding).fit(path)
    with pytest.raises(TypeError, match="encoding is 8, expected the name of an encoding"):
        MarkovText(encoding=8)
    with pytest.raises(ValueError, match=r"source: .*text\.txt is not ascii at byte 0: ordinal not in range"):
        MarkovText(encoding="ascii").fit(path)
    for content, encoding, message in (
        (b"A +2AA- cat.", "utf-7", "is not utf-7 up to byte 12: .*surrogates not allowed"),
        ("猫が座った。".encode("utf-16"), "utf-8", "is UTF-16 by its first bytes, expected UTF-8: .*iconv -f UTF-16"),
        ("Ünder".encode("latin-1"), "utf-8", "is not UTF-8 at byte 0: .*; name another encoding, .*iconv -f LATIN1"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"source: .*text\.txt {message}"):
            MarkovText(1, encoding=encoding).fit(path)
    path.write_bytes("A cat.".encode("utf-16") + b"\x00\xdc rest")
    with pytest.raises(ValueError, match=r"is not utf-16 at byte 14: illegal encoding"):
        MarkovText(encoding="utf-16").fit(path)


def test_lines_of_characters_keep_their_spaces(tmp_path, monkeypatch):
    text = "def f():\r\n\treturn  1 \r\n\r\n  # 二。三\n\u3000é\u2028last"
    expected = ["def f():", "\treturn  1 ", "  # 二。三", "\u3000é", "last"]
    (path := tmp_path / "code.txt").write_bytes(text.encode())
    for block in (1, 5, 2**20):
        monkeypatch.setattr(reading, "BLOCK", block)
        for source in (text, path, expected):
            model = MarkovText(30, tokens="characters", sequences="lines").fit(source)
            assert set(model.generate(200, seed=1)) == set(expected)
    assert model.generate(2, start="\tre", seed=1) == ["\treturn  1 "] * 2
    assert model.generate(2, start="  ", seed=1) == ["  # 二。三"] * 2
    assert model.log_likelihood("  # 二。三") == pytest.approx(math.log(1 / 5))
    words = MarkovText(2, sequences="lines").fit("one\rtwo\r\nthree\u2028four\u2029five\x85six")
    assert sorted(set(words.generate(99, seed=1))) == ["five", "four", "one", "six", "three", "two"]


PARTS = [
    "A cat sat.",
    "no end here",
    "Dr.",
    "the",
    "\n",
    "\n\n",
    "  x ",
    'Hello! "Yes."',
    "e.g.",
    "",
    "é ",
    "3.14",
    "...",
    "日本。",
]


def contents(text):
    """Return all that a model knows, and what it says."""
    model = text._chain._held.model
    arrays = (model.transitions.contexts, model.transitions.offsets, model.transitions.tokens, model.transitions.counts)
    return model.vocabulary.tokens, *(array.tolist() for array in arrays), text.generate(3, seed=1)


@pytest.mark.parametrize(
    "options", [{}, {"sequences": "lines"}, {"tokens": "characters"}, {"tokens": str.split}], ids=str
)
@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=4).map(" ".join), min_size=1, max_size=6))
def test_documents_that_are_read_together_are_documents(options, documents):
    """Among them some that are too long to be joined to others."""
    found = []
    for short in (0, 8, reading._SHORT):
        with mock.patch.object(reading, "_SHORT", short):
            try:
                found.append(contents(MarkovText(2, keep_text=True, **options).fit(documents)))
            except ValueError as error:
                found.append(str(error))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("block", [1, 7, 10**6])
def test_the_lines_of_a_handle_are_documents(block, monkeypatch):
    lines = ["A cat sat. The", "dog ran off.\r", "", "no end here", "\ufeffé. Yes."]
    monkeypatch.setattr(reading, "BLOCK", block)
    for options in ({}, {"sequences": "lines"}):
        expected = contents(MarkovText(1, **options).fit(lines))
        for ending in ("", "\n"):
            handle = io.StringIO("\n".join(lines) + ending, newline="")
            assert contents(MarkovText(1, **options).fit(handle)) == expected
