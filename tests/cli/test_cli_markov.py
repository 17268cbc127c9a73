"""The command line for Markov models: fit, generate, walk, score, info, and the text that every Python carries."""

import io
import json
import math
import os
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsoftmax import MarkovChain, MarkovText, Reason
from fastsoftmax.cli import corpus, inputs, models, output, walk
from tests.commands import invoke, on_terminal, process, refused, run

TEXT = "The cat sat on the mat. The dog sat on the cat. The cat ran to the dog."
LOOP = "a b a b a b a b a b c"  # at temperature 0 it never ends


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with texts and models, good and bad."""
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT)
    Path("empty.txt").touch()
    Path("latin.txt").write_bytes(b"caf\xe9")
    MarkovText().fit(TEXT).save("model.safetensors")
    MarkovText(1, sequences="lines").fit(LOOP).save("loop.safetensors")
    MarkovText(2, tokens="characters").fit(TEXT).save("characters.safetensors")
    MarkovChain(1).fit([["the", "cat", "sat"], ["the", "dog"]]).save("chain.safetensors")
    MarkovChain(1).fit([[1, 2, 3, 1, 3], [2, 3]]).save("integers.safetensors")
    model = Path("model.safetensors").read_bytes()
    Path("cut.safetensors").write_bytes(model[:300])
    Path("changed.safetensors").write_bytes(model[:-1] + bytes([model[-1] ^ 1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "text.txt"], "Missing option '--output'"),
        (["fit", "-o", "m.safetensors"], "Missing argument"),
        (["fit", "text.txt", "-o", "model.bin"], "expected a name that ends in .safetensors"),
        (["fit", "text.txt", "-o", "missing/m.safetensors"], "missing: No such directory"),
        (["fit", "text.txt", "-o", "m.safetensors", "--order", "-1"], "order is -1, expected an integer in [0, 1024]"),
        (
            ["fit", "text.txt", "-o", "m.safetensors", "--tokens", "bytes"],
            "tokens is 'bytes', expected one of 'words', 'characters'",
        ),
        (["fit", "empty.txt", "-o", "m.safetensors"], "no words"),
        (["fit", "text.txt", "missing.txt", "-o", "m.safetensors"], "missing.txt: No such file or directory"),
        (["fit", ".", "-o", "m.safetensors"], ".: Is a directory"),
        (["fit", "text.txt", "latin.txt", "-o", "m.safetensors"], "error: latin.txt is not UTF-8 at byte 3: "),
        (["generate", "missing.safetensors"], "missing.safetensors: No such file or directory"),
        (["generate", "cut.safetensors"], "cut.safetensors is not a model of this library that can be read"),
        (["generate", "changed.safetensors"], "changed.safetensors is not a model of this library that can be read"),
        (["generate", "chain.safetensors"], "chain.safetensors is not a model of this library that can be read"),
        (["generate", "model.safetensors", "text.txt"], "expected one model or texts, got 2 files"),
        (["generate", "model.safetensors", "--order", "1"], "order is given, expected none for a saved model"),
        (["generate", "model.safetensors", "--tokens", "words"], "tokens is given, expected none"),
        (["generate", "model.safetensors", "--sequences", "lines"], "sequences is given, expected none"),
        (
            ["generate", "model.safetensors", "--novelty", ".5"],
            "expected texts, or a model with its text: fit --keep-text",
        ),
        (["generate", "text.txt", "--novelty", "1.5"], "novelty is 1.5, expected a number in [0, 1]"),
        (["generate", "latin.txt"], "error: latin.txt is not UTF-8 at byte 3: "),
        (["generate", "empty.txt"], "no words"),
        (["generate", "text.txt", "--start", "The catt"], "'catt' was never seen, near matches: 'cat'"),
        (
            ["generate", "text.txt", "--containing", "catt"],
            "containing[0]: token 'catt' was never seen, near matches: ",
        ),
        (["generate", "text.txt", "--ending", "mat"], "ending: token 'mat' was never seen, near matches: 'mat.'"),
        (["generate", "text.txt", "--ending", ""], "ending is '', expected a str of one or more words"),
        (["generate", "text.txt", "--min-words", "-1"], "min_words is -1, expected an integer in [0, 2**20]"),
        (["generate", "text.txt", "--max-words", "0"], "max_words is 0, expected an integer in [1, 2**20]"),
        (
            ["generate", "text.txt", "--max-words", "2", "--min-words", "3"],
            "max_words is 2, expected an integer in [3, 2**20]",
        ),
        (["generate", "text.txt", "--max-chars", "-1"], "max_chars is -1, expected an integer >= 0"),
        (["generate", "text.txt", "-n", "-1"], "n is -1, expected an integer"),
        (["walk", "missing.safetensors"], "missing.safetensors: No such file or directory"),
        (["walk", "cut.safetensors"], "cut.safetensors is not a model of this library that can be read"),
        (["walk", "chain.safetensors", "text.txt"], "expected one model or texts, got 2 files"),
        (["walk", "chain.safetensors", "--order", "1"], "order is given, expected none"),
        (["walk", "text.txt", "--length", "-1"], "length is -1, expected an integer >= 0"),
        (
            ["walk", "text.txt", "--length", "2", "--start", "The cat sat"],
            "start has 3 tokens, expected at most length, 2",
        ),
        (["walk", "chain.safetensors", "--start", "catt"], "'catt' was never seen, near matches: 'cat'"),
        (["walk", "integers.safetensors", "--start", "one"], "start is 'one', expected integers"),
        (["score", "model.safetensors"], "Missing argument"),
        (
            ["score", "chain.safetensors", "text.txt"],
            "chain.safetensors is not a model of this library that can be read",
        ),
        (["score", "model.safetensors", "text.txt", "missing.txt"], "missing.txt: No such file or directory"),
        (["score", "model.safetensors", "empty.txt"], "error: empty.txt has no words"),
        (["score", "model.safetensors", "latin.txt"], "error: latin.txt is not UTF-8 at byte 3: "),
        (["score", "model.safetensors", "text.txt", "--smoothing", "x"], "smoothing is 'x', expected one of 'none', "),
        (["info", "missing.safetensors"], "missing.safetensors: No such file or directory"),
        (["info", "text.txt"], "text.txt is not a model of this library that can be read"),
        (["info", "changed.safetensors"], "changed.safetensors is not a model of this library that can be read"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message):
    before = sorted(Path().iterdir())
    assert message in refused(*arguments)
    assert sorted(Path().iterdir()) == before  # nothing half written


def test_an_extra_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "regex", None)
    assert "pip install 'fastsoftmax[text]'" in refused("generate", "text.txt", "--tokens", "characters")
    assert "pip install 'fastsoftmax[text]'" in refused("walk", "characters.safetensors", "--start", "T")


# fit


def test_fit():
    summary = run("fit", "text.txt", "-", "-o", "two.safetensors", "--order", "1", stdin="A bird sang.")
    words = len(TEXT.split()) + 3
    assert summary.startswith(f"two.safetensors: order 1, 4 sentences, {words} words (14 different), ")
    assert f"{os.path.getsize('two.safetensors'):,} bytes" in summary
    assert MarkovText.load("two.safetensors").order == 1


def test_fit_lines_and_characters():
    Path("names.txt").write_text("Ada\nAlan Turing\n")
    options = ["--order", "1", "--tokens", "characters", "--sequences", "lines"]
    summary = run("fit", "names.txt", "-o", "names.safetensors", *options)
    assert summary.startswith("names.safetensors: order 1, 2 lines, 14 characters (11 different), ")
    expected = MarkovText(1, tokens="characters", sequences="lines").fit(Path("names.txt")).generate(5, seed=1)
    assert run("generate", "names.safetensors", "--seed", "1").splitlines() == expected
    assert run("generate", "names.txt", *options, "--seed", "1").splitlines() == expected


def test_fit_replaces_a_model():
    run("fit", "-", "-o", "model.safetensors", stdin="Another text.")
    assert run("generate", "model.safetensors", "-n", "1") == "Another text.\n"
    assert not list(Path().glob(".*"))


def test_files_are_read_a_part_at_a_time():
    assert models.source_of(["a.txt", "b.txt"], "sentences", "utf-8") == [Path("a.txt"), Path("b.txt")]


WORDS = ["the", "Cat", "sentence.", "Mr.", "approx.", "wonderful!", "wonderful?)", "e.g.", "\u00e9tude.", "A"]
SPACES = [" ", " ", "\n", "\n\n", "\n \r\n", "\r\n\t\n\n"]


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(SPACES)), min_size=1), st.integers(1, 40))
@pytest.mark.parametrize("sequences", ["sentences", "lines"])
def test_parts_of_standard_input_are_the_text(sequences, words, block):
    text = "".join(word + space for word, space in words)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inputs, "_BLOCK", block)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        parts = list(inputs.pipe_parts("-", sequences == "lines", "utf-8"))
    assert "".join(parts) == text
    whole = MarkovText(2, sequences=sequences).fit(text).chain
    found = MarkovText(2, sequences=sequences).fit(parts).chain
    assert found.vocabulary == whole.vocabulary
    for name in ("contexts", "offsets", "tokens", "counts"):
        np.testing.assert_array_equal(getattr(found.transitions, name), getattr(whole.transitions, name))


def test_standard_input_is_cut_where_it_can_be(monkeypatch):
    monkeypatch.setattr(inputs, "_BLOCK", 40)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"A line without a blank one, but wonderful.\n" * 9)))
    assert len(list(inputs.pipe_parts("-", False, "utf-8"))) > 4
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"A line.\n" * 20 + b"caf\xe9")))
    with pytest.raises(inputs.InputError, match="standard input is not UTF-8 text: byte 163 is 0xe9"):
        list(inputs.pipe_parts("-", True, "utf-8"))


@pytest.mark.slow
def test_fit_of_a_large_text_shows_progress_on_a_terminal():
    Path("large.txt").write_text("A sentence of seven words is here.\n" * (models.MANY_BYTES // 35 + 1))
    assert "reading" in on_terminal("fit", "large.txt", "-o", "large.safetensors")
    assert "reading" not in on_terminal("fit", "text.txt", "-o", "small.safetensors")


# generate


def test_generate_is_that_of_python():
    model = MarkovText.load("model.safetensors")
    options = ["-n", "4", "--seed", "7", "--temperature", ".8", "--top-k", "2", "--top-p", ".9", "--start", "The"]
    expected = model.generate(4, seed=7, temperature=0.8, top_k=2, top_p=0.9, start="The")
    assert run("generate", "model.safetensors", *options).splitlines() == expected
    assert run("generate", "text.txt", *options).splitlines() == expected
    assert run("generate", "-", *options, stdin=TEXT).splitlines() == expected
    found = json.loads(run("generate", "model.safetensors", *options, "--json"))
    assert found == {"sentences": expected, "reasons": [None] * 4}
    assert run("generate", "text.txt", "-n", "0") == ""


def test_generate_within_bounds():
    bounds = ["--min-words", "7", "--max-words", "9", "--max-chars", "60", "-n", "6", "--seed", "3"]
    expected = MarkovText().fit(corpus.sentences()).generate(6, min_words=7, max_words=9, max_chars=60, seed=3)
    found = run("generate", *bounds).splitlines()
    assert found == expected
    assert all(7 <= len(line.split()) <= 9 and len(line) <= 60 for line in found)


@pytest.mark.slow
def test_generate_new_sentences():
    found = run("generate", "--novelty", ".6", "--seed", "1").splitlines()
    expected = MarkovText(keep_text=True).fit(corpus.sentences()).generate(5, novelty=0.6, seed=1)
    assert found == expected
    assert found != run("generate", "--seed", "1").splitlines()


def test_generate_new_sentences_of_a_saved_model():
    run("fit", "text.txt", "-o", "kept.safetensors", "--keep-text", "--order", "1")
    options = ["-n", "9", "--novelty", ".1", "--max-copied", "5", "--seed", "1"]
    expected = MarkovText(1, keep_text=True).fit(TEXT).generate(9, novelty=0.1, max_copied=5, seed=1)
    assert run("generate", "kept.safetensors", *options).splitlines() == expected
    assert json.loads(run("info", "kept.safetensors", "--json"))["kept_tokens"] == len(TEXT.split())
    assert ["kept", "text", str(len(TEXT.split())), "tokens"] in [
        line.split() for line in run("info", "kept.safetensors").splitlines()
    ]


def test_smoothing():
    text = MarkovText().fit(TEXT)
    for smoothing in ("none", "add-k", "stupid-backoff", "kneser-ney"):
        options = ["model.safetensors", "--smoothing", smoothing, "--seed", "1"]
        expected = text.generate(4, smoothing=smoothing, seed=1)
        assert run("generate", *options, "-n", "4").splitlines() == expected
        walked = text.chain.walk(1, 30, smoothing=smoothing, seed=1, on_dead_end="restart")[0]
        assert run("walk", *options, "--length", "30").split() == walked
    new = run("generate", "model.safetensors", "--smoothing", "add-k", "--start", "mat. ran", "-n", "2")
    assert [line.split()[:2] for line in new.splitlines()] == [["mat.", "ran"]] * 2
    for command in ("generate", "walk"):
        assert "smoothing is 'x', expected one of" in refused(command, "model.safetensors", "--smoothing", "x")


def test_generate_where_no_sentence_fits():
    options = ["generate", "loop.safetensors", "-t", "0", "-n", "2"]
    result = invoke(*options)
    assert (result.exit_code, result.stdout) == (1, "")
    why = Reason.ENDLESS.value
    assert result.stderr == f"fastsoftmax: no sentence in 2 of 2 cases: {why}\n"
    result = invoke(*options, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"sentences": [None, None], "reasons": [why, why]}
    result = invoke("generate", "loop.safetensors", "-t", "0", "-n", "1200")
    assert result.stderr == f"fastsoftmax: no sentence in 1,200 of 1,200 cases: {why}\n"


def test_generate_sentences_with_given_words():
    model = MarkovText.load("model.safetensors")
    wish = ["--containing", "dog", "--containing", "sat on", "--ending", "the cat.", "--seed", "1"]
    expected = model.generate(5, containing=["dog", "sat on"], ending="the cat.", seed=1)
    assert run("generate", "model.safetensors", *wish).splitlines() == expected
    assert run("generate", "text.txt", "--balanced", "--seed", "1").splitlines() == model.generate(5, seed=1)
    result = invoke("generate", "model.safetensors", "--containing", "sat ran", "-n", "2")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"fastsoftmax: no sentence in 2 of 2 cases: {Reason.WORDS.value}\n"
    result = invoke("generate", "-", "--sequences", "lines", "--balanced", "-n", "1", stdin='he went."\n(he went.')
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"fastsoftmax: no sentence in 1 of 1 cases: {Reason.UNBALANCED.value}\n"


def test_generate_where_some_sentences_fit(monkeypatch):
    found = ["One.", Reason.COPIED, "Two.", Reason.CHARACTERS]
    monkeypatch.setattr(MarkovText, "generate", lambda *_, **__: found)
    result = invoke("generate", "model.safetensors")
    assert (result.exit_code, result.stdout) == (0, "One.\nTwo.\n")
    told = [f"fastsoftmax: no sentence in 1 of 4 cases: {why}" for why in (Reason.COPIED, Reason.CHARACTERS)]
    assert result.stderr.splitlines() == told
    monkeypatch.setattr(MarkovText, "generate", lambda *_, **__: 3 * found)
    told = [f"fastsoftmax: no sentence in 3 of 12 cases: {why.value}" for why in (Reason.COPIED, Reason.CHARACTERS)]
    assert invoke("generate", "model.safetensors").stderr.splitlines() == told


# walk


def test_walk_is_that_of_python():
    chain = MarkovText().fit(TEXT).chain
    options = ["--length", "50", "--seed", "7", "-t", ".8", "--top-k", "2", "--top-p", ".9", "--min-p", ".01"]
    wanted = {"seed": 7, "temperature": 0.8, "top_k": 2, "top_p": 0.9, "min_p": 0.01, "on_dead_end": "restart"}
    expected = chain.walk(1, 50, **wanted)[0]
    assert run("walk", "model.safetensors", *options) == " ".join(expected) + "\n"
    assert run("walk", "text.txt", *options) == " ".join(expected) + "\n"
    assert json.loads(run("walk", "model.safetensors", *options, "--json")) == {"tokens": expected}
    started = chain.walk(1, 50, start=["The", "dog"], **wanted)[0]
    assert run("walk", "model.safetensors", *options, "--start", " The dog").split() == started
    order_1 = MarkovText(1).fit(TEXT).chain.walk(1, 50, **wanted)[0]
    assert run("walk", "text.txt", *options, "--order", "1").split() == order_1


def test_walk_of_chains():
    words = MarkovChain.load("chain.safetensors").walk(1, 20, seed=1, on_dead_end="restart")[0]
    assert run("walk", "chain.safetensors", "--length", "20", "--seed", "1").split() == words
    options = ["walk", "integers.safetensors", "--length", "20", "--seed", "1", "--start", "2 3"]
    numbers = MarkovChain.load("integers.safetensors").walk(1, 20, start=[2, 3], seed=1, on_dead_end="restart")[0]
    assert run(*options).split() == list(map(str, numbers))
    assert json.loads(run(*options, "--json")) == {"tokens": numbers}


def test_walk_of_characters():
    text = MarkovText(2, tokens="characters").fit(TEXT)
    expected = text.chain.walk(1, 60, start=list("The d"), seed=1, on_dead_end="restart")[0]
    options = ["--length", "60", "--seed", "1", "--start", "The d"]
    assert run("walk", "characters.safetensors", *options) == "".join(expected) + "\n"


def test_models_of_a_function():
    MarkovText(1, tokens=str.split, sequences="lines").fit("a b c\na c").save("own.safetensors")
    walked = run("walk", "own.safetensors", "--length", "9", "--start", "a b").split()
    assert walked[:3] == ["a", "b", "c"]
    assert json.loads(run("info", "own.safetensors", "--json"))["tokens"] == "of a function"
    for command in (["generate", "own.safetensors"], ["score", "own.safetensors", "text.txt"]):
        assert "expected the function that the model was made with" in refused(*command)


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("model", ["model", "characters", "integers"])
def test_walk_is_written_in_blocks(model, options, monkeypatch):
    arguments = ["walk", f"{model}.safetensors", "--seed", "1", "--length", "50", *options]
    whole = run(*arguments)
    monkeypatch.setattr(walk, "_BLOCK", 7)
    assert run(*arguments) == whole


def test_walk_of_no_token():
    assert run("walk", "text.txt", "--length", "0") == "\n"
    assert json.loads(run("walk", "text.txt", "--length", "0", "--json")) == {"tokens": []}


@pytest.mark.slow
def test_walk_into_a_closed_pipe_is_silent():
    child = process("walk", "model.safetensors", "--length", "1000000")
    assert child.stdout.read(4) == b"The "
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait() == 1


# score


def test_score_is_that_of_python():
    Path("other.txt").write_text("The cat ran to the mat. The dog sat on the cat.")
    found = json.loads(run("score", "model.safetensors", "text.txt", "other.txt", "--json"))
    assert found["smoothing"] == "none"
    model = MarkovText().fit(TEXT)
    text, other = found["texts"]
    assert (text["text"], text["tokens"], text["unknown"]) == ("text.txt", 18, 0)
    assert text["log_likelihood"] == model.log_likelihood(TEXT)
    assert text["perplexity"] == pytest.approx(model.perplexity(TEXT))
    assert text["bits"] == pytest.approx(math.log2(model.perplexity(TEXT)))
    assert (other["log_likelihood"], other["bits"], other["perplexity"]) == ("-inf", "inf", "inf")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names on this system")
def test_a_pipe_is_read_once():
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_text(TEXT))
    writer.start()
    found = json.loads(run("score", "model.safetensors", "pipe", "--json"))
    writer.join()
    assert found["texts"][0]["log_likelihood"] == MarkovText().fit(TEXT).log_likelihood(TEXT)


@pytest.mark.parametrize("smoothing", ["add-k", "stupid-backoff", "kneser-ney"])
def test_score_with_smoothing(smoothing):
    source = "The cat ran to the mat."
    options = ["score", "model.safetensors", "-", "--smoothing", smoothing]
    found = json.loads(run(*options, "--json", stdin=source))
    model = MarkovText().fit(TEXT)
    assert found["texts"][0]["log_likelihood"] == model.log_likelihood(source, smoothing=smoothing)
    assert found["texts"][0]["perplexity"] == pytest.approx(model.perplexity(source, smoothing=smoothing))
    head, row = (line.split() for line in run(*options, stdin=source).splitlines())
    assert " ".join(head) == "text words never seen log-likelihood bits a word perplexity"
    assert row[:3] == ["-", "6", "0"]


def test_score_counts_what_was_never_seen():
    found = json.loads(run("score", "model.safetensors", "-", "--json", stdin="The emu saw the emu and the cat."))
    assert found["texts"][0]["unknown"] == 4  # emu saw emu and


def test_score_of_lines_and_characters():
    run("fit", "-", "-o", "lines.safetensors", "--sequences", "lines", stdin="One. Two.\nThree")
    found = json.loads(run("score", "lines.safetensors", "-", "--json", stdin="One. Two."))
    assert found["texts"][0]["log_likelihood"] == pytest.approx(math.log(1 / 2))
    assert run("score", "characters.safetensors", "text.txt").split("\n")[0].split()[1] == "characters"


# info


def test_info():
    found = json.loads(run("info", "model.safetensors", "--json"))
    chain = MarkovText().fit(TEXT).chain
    table = chain.transitions
    assert [found[name] for name in ("kind", "tokens", "sequences")] == ["text", "words", "sentences"]
    assert found["order"] == 2
    assert found["states"] == len(table.contexts)
    assert found["transitions"] == table.tokens.size
    assert found["vocabulary"] == len(set(TEXT.split()))
    assert found["observations"] == len(TEXT.split()) + 3
    assert found["bytes"] == os.path.getsize("model.safetensors")
    assert found["entropy_rate"] == pytest.approx(chain.entropy_rate())
    assert len(found["widest_states"]) == 10
    assert found["widest_states"][0] == {"state": [None, "The"], "transitions": 2, "observations": 3}
    lines = [line.split() for line in run("info", "model.safetensors").splitlines()]
    assert ["vocabulary", "11"] in lines
    assert ["kept", "text", "none"] in lines
    assert found["kept_tokens"] is None
    assert ["entropy", "rate", f"{chain.entropy_rate():.4f}", "bits", "a", "token"] in lines
    assert ["(start)", "The", "2", "3"] in lines


def test_info_of_chains():
    found = json.loads(run("info", "integers.safetensors", "--json"))
    assert (found["kind"], found["tokens"], found["vocabulary"]) == ("chain", "integers", 3)
    assert {"state": [3], "transitions": 2, "observations": 3} in found["widest_states"]
    weather = MarkovChain.from_transitions({"sun": {"sun": 0.9, "rain": 0.1}, "rain": {"sun": 1.0}})
    weather.save("weather.safetensors")
    assert json.loads(run("info", "weather.safetensors", "--json"))["observations"] == pytest.approx(4)
    assert "observations  4" in run("info", "weather.safetensors")
    assert "'he'" in run("info", "characters.safetensors")


def test_order_0():
    """Words drawn independently: fit, generate, walk, score and info know it."""
    assert run("fit", "text.txt", "-o", "zero.safetensors", "--order", "0").startswith("zero.safetensors: order 0, 3 ")
    text = MarkovText(0).fit(TEXT)
    options = ["-n", "4", "--seed", "1"]
    assert run("generate", "zero.safetensors", *options).splitlines() == text.generate(4, seed=1)
    assert run("generate", "text.txt", "--order", "0", *options).splitlines() == text.generate(4, seed=1)
    expected = text.chain.walk(1, 9, seed=1, on_dead_end="restart")[0]
    assert run("walk", "zero.safetensors", "--length", "9", "--seed", "1").split() == expected
    scored = json.loads(run("score", "zero.safetensors", "text.txt", "--json"))["texts"][0]
    assert scored["perplexity"] == pytest.approx(text.perplexity(TEXT))
    found = json.loads(run("info", "zero.safetensors", "--json"))
    assert found["widest_states"] == [{"state": [], "transitions": 12, "observations": 21}]
    assert ["()", "12", "21"] in [line.split() for line in run("info", "zero.safetensors").splitlines()]


def test_info_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)
    assert "needs SciPy" in run("info", "model.safetensors")
    assert json.loads(run("info", "model.safetensors", "--json"))["entropy_rate"] is None


# The language reference


@pytest.mark.slow
def test_generate_from_the_language_reference():
    options = ["generate", "--temperature", ".5", "--seed", "1", "-n", "20"]
    lines = run(*options).splitlines()
    assert lines == run(*options).splitlines()
    assert len(lines) == 20
    assert all(line[0].isupper() for line in lines)
    assert sum(line.endswith(".") for line in lines) > 10  # the others were cut at --max-words
    assert run("generate", "-n", "20") != run("generate", "-n", "20")


def test_corpus_is_prose():
    found = corpus.sentences()
    assert len(found) > 1000
    assert len(set(found)) == len(found)
    for sentence in found:
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert not any(mark in sentence for mark in ("::=", ">>>", "***", "===", "``", '"', "*", "|", "\n", "  "))
        assert not sentence.startswith(("Changed in", "New in", "Added in", "See also", "Note:"))
        assert sentence.count("(") == sentence.count(")")
        assert len(sentence.split()) >= 5


def test_corpus_of_a_topic(monkeypatch):
    topic = """The "spam" statement
********************

   spam_stmt ::= "spam" [expression]

The *spam* statement (see section Eggs) calls "__spam__()" of its left-
hand side [1].  Its value is then:

   >>> spam
   It is not a sentence of prose.

* Note: A list item can be prose
  as well.

+-------+
| A table is not prose at all.  |
+-------+

See also:

  **PEP 1** - Some other document tells more.

Changed in version 3.14: It has always been so.

[1] A footnote is a sentence like any other.
"""
    from pydoc_data import topics

    monkeypatch.setattr(topics, "topics", {"spam": topic, "again": topic})
    assert corpus.sentences() == [
        "The spam statement calls __spam__() of its left-hand side.",
        "A list item can be prose as well.",
        "A footnote is a sentence like any other.",
    ]


def test_generate_without_the_language_reference(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    result = invoke("generate")
    assert result.exit_code == 2
    assert "expected a model or texts" in result.stderr


def test_progress_leaves_standard_output_alone(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with output.progress() as bar:
        bar.add_task("walking", total=1)
        assert not bar.disable
        print("a result")
    assert capsys.readouterr().out == "a result\n"
    assert "a result" not in terminal.getvalue()


def test_info_of_a_model_without_transitions():
    MarkovText().fit(TEXT).prune(1000).save("empty.safetensors")
    assert "transitions   0" in run("info", "empty.safetensors")
    assert json.loads(run("info", "empty.safetensors", "--json"))["widest_states"] == []


# Encodings, what is left out of scores, and the tokens of a walk


@pytest.mark.usefixtures("folder")
def test_encoding(monkeypatch):
    text = "The Ünder cat sat. A dog ran."
    for encoding in ("latin-1", "utf-16"):
        Path("other.txt").write_bytes(text.encode(encoding))
        run("fit", "other.txt", "-o", "other.safetensors", "--encoding", encoding)
        assert MarkovText.load("other.safetensors").chain.vocabulary == text.split()
        assert "Ünder" in run("generate", "other.txt", "--encoding", encoding, "--start", "The", "-n", "1")
        assert "Ünder" in run("walk", "other.txt", "--encoding", encoding, "--length", "50", "--seed", "1")
        scored = json.loads(run("score", "other.safetensors", "other.txt", "--encoding", encoding, "--json"))
        assert scored["texts"][0]["unknown"] == 0
        piped = run("fit", "-", "-o", "piped.safetensors", "--encoding", encoding, stdin=text.encode(encoding))
        assert piped.startswith("piped.safetensors: order 2, 2 sentences")
        assert MarkovText.load("piped.safetensors").chain.vocabulary == text.split()
    for command in (["fit", "-o", "x.safetensors"], ["generate"], ["walk"]):
        for source in ("other.txt", "-"):
            message = refused(*command, source, "--encoding", "klingon", stdin=b"A cat.")
            assert "encoding is 'klingon', expected the name of an encoding" in message
    assert "encoding is given, expected none" in refused("walk", "model.safetensors", "--encoding", "utf-8")
    assert "other.txt is not ascii at byte" in refused("generate", "other.txt", "--encoding", "ascii")
    assert "standard input is not ascii text" in refused("generate", "-", "--encoding", "ascii", stdin=b"\xff")


@pytest.mark.usefixtures("folder")
def test_score_leaves_out():
    Path("new.txt").write_text("The cow sat. A dog ran.")
    model = MarkovText.load("model.safetensors")
    for options, asked in (
        (["--unseen", "skip"], {"unseen": "skip"}),
        (["--no-end"], {"end": False}),
        (
            ["--no-end", "--unseen", "skip", "--smoothing", "add-k"],
            {"end": False, "unseen": "skip", "smoothing": "add-k"},
        ),
    ):
        found = model.scores(Path("new.txt"), **asked)
        (text,) = json.loads(run("score", "model.safetensors", "new.txt", *options, "--json"))["texts"]
        assert text["skipped"] == found.skipped
        likelihood = text["log_likelihood"]
        assert likelihood == found.log_likelihood or (likelihood == "-inf" and found.log_likelihood == -math.inf)
        assert ("left out" in run("score", "model.safetensors", "new.txt", *options)) == ("skip" in options)


@pytest.mark.usefixtures("folder")
def test_score_of_nothing():
    Path("new.txt").write_text("moo")
    message = refused("score", "model.safetensors", "new.txt", "--unseen", "skip", "--no-end")
    assert "nothing is left to predict" in message


@pytest.mark.usefixtures("folder")
def test_a_start_is_cleaned_as_texts_are():
    MarkovText(1).fit("これは本。それは猫。").save("japanese.safetensors")
    assert run("walk", "japanese.safetensors", "--start", "これは本。それは猫。", "--length", "2").split() == [
        "これは本。",
        "それは猫。",
    ]


@pytest.mark.usefixtures("folder")
def test_walks_over_characters_and_lines():
    options = ["--order", "1", "--tokens", "characters", "--sequences", "lines", "--seed", "3"]
    Path("names.txt").write_text("anna\nhannah\n  otto\n")
    chain = MarkovText(1, tokens="characters", sequences="lines").fit(Path("names.txt")).chain
    expected = "".join(chain.walk(1, 40, seed=3, on_dead_end="restart")[0])
    assert run("walk", "names.txt", *options, "--length", "40") == expected + "\n"
    assert run("walk", "names.txt", *options, "--length", "5", "--start", "  o").startswith("  o")
    assert "tokens is '50', expected one of 'words', 'characters'" in refused("walk", "names.txt", "--tokens", "50")


@pytest.mark.parametrize("name", ["text.txt", "empty.txt", "other.safetensors"])
@pytest.mark.usefixtures("folder")
def test_info_of_another_file(name):
    Path("other.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    assert f"{name} is not a model of this library" in refused("info", name)
