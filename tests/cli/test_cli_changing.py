"""The commands that make a saved model of others: add, merge and prune."""

from pathlib import Path

import numpy as np
import pytest

from fastsoftmax import MarkovChain, MarkovText
from tests.commands import refused, run

TEXT = "The cat sat on the mat. The dog sat on the cat. The cat ran to the dog."
MORE = "The cow sat on the dog. The cat sat."


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with texts and models."""
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT)
    Path("more.txt").write_text(MORE)
    Path("latin.txt").write_bytes("Un caf\xe9. The cat.".encode("latin-1"))
    MarkovText().fit(TEXT).save("text.safetensors")
    MarkovText().fit(MORE).save("more.safetensors")
    MarkovText(1).fit(MORE).save("first.safetensors")
    MarkovText(2, tokens="characters").fit(TEXT).save("characters.safetensors")
    MarkovChain(2).fit([["the", "cat"]]).save("chain.safetensors")


def same(name, model):
    """Whether a saved model of text has the counts of another one."""
    one, other = MarkovText.load(name).chain, model.chain
    assert one.vocabulary == other.vocabulary
    for field in ("contexts", "offsets", "tokens", "counts"):
        np.testing.assert_array_equal(getattr(one.transitions, field), getattr(other.transitions, field))


def test_add():
    said = run("add", "text.safetensors", "more.txt", "-o", "both.safetensors", "--weight", "3")
    assert said.startswith("both.safetensors: order 2, ")
    same("both.safetensors", MarkovText().fit(TEXT).partial_fit(MORE, 3))
    run("add", "text.safetensors", "latin.txt", "-o", "both.safetensors", "--encoding", "latin-1")
    assert "caf\xe9." in MarkovText.load("both.safetensors").chain.vocabulary
    run("add", "text.safetensors", "-", "-o", "both.safetensors", stdin=MORE)
    same("both.safetensors", MarkovText().fit(TEXT).partial_fit(MORE))
    assert "latin.txt is not UTF-8 at byte 6" in refused("add", "text.safetensors", "latin.txt", "-o", "x.safetensors")
    assert "weight is 0" in refused("add", "text.safetensors", "more.txt", "-o", "x.safetensors", "--weight", "0")
    assert not Path("x.safetensors").exists()


def test_merge():
    run("merge", "text.safetensors", "more.safetensors", "-o", "both.safetensors")
    same("both.safetensors", MarkovText().fit(TEXT).partial_fit(MORE))
    run("merge", "text.safetensors", "more.safetensors", "-o", "both.safetensors", "-w", "1", "-w", "0.5")
    same("both.safetensors", MarkovText().fit(TEXT).merge(MarkovText().fit(MORE), 0.5))
    for weights, whole in (
        (("0.5", "0.5"), (1, 1)),
        (("0.3", "0.7"), (3, 7)),
        (("0.5", "1"), (1, 2)),
        (("2", "4"), (2, 4)),
    ):
        given = [word for weight in weights for word in ("-w", weight)]
        run("merge", "text.safetensors", "more.safetensors", "-o", "both.safetensors", *given)
        same("both.safetensors", MarkovText().partial_fit(TEXT, whole[0]).partial_fit(MORE, whole[1]))
    run("merge", "chain.safetensors", "chain.safetensors", "-o", "twice.safetensors")
    assert MarkovChain.load("twice.safetensors").transitions.counts.tolist() == [2, 2, 2]


def test_the_text_that_is_kept():
    """It grows with the model, where all models have theirs."""
    for name in ("text", "more"):
        run("fit", f"{name}.txt", "-o", f"kept_{name}.safetensors", "--keep-text")
    both = MarkovText(keep_text=True).fit([TEXT, MORE])
    run("add", "kept_text.safetensors", "more.txt", "-o", "both.safetensors")
    assert MarkovText.load("both.safetensors").kept_tokens == both.kept_tokens
    run("merge", "kept_text.safetensors", "kept_more.safetensors", "-o", "merged.safetensors")
    assert Path("merged.safetensors").read_bytes() == Path("both.safetensors").read_bytes()
    run("prune", "both.safetensors", "-o", "small.safetensors")
    assert MarkovText.load("small.safetensors").kept_tokens == both.kept_tokens
    for models in (["kept_text.safetensors", "more.safetensors"], ["text.safetensors", "kept_more.safetensors"]):
        run("merge", *models, "-o", "merged.safetensors")
        assert MarkovText.load("merged.safetensors").kept_tokens is None


def test_prune():
    run("prune", "text.safetensors", "-o", "small.safetensors", "--min-count", "2")
    same("small.safetensors", MarkovText().fit(TEXT).prune(2))
    run("prune", "text.safetensors", "-o", "text.safetensors")
    same("text.safetensors", MarkovText().fit(TEXT).prune(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["merge", "text.safetensors", "-o", "x.safetensors"], "expected two models or more, got 1"),
        (
            ["merge", "text.safetensors", "more.safetensors", "-w", "2", "-o", "x.safetensors"],
            "weight is given 1 times, expected once for each of 2 models",
        ),
        (
            ["merge", "text.safetensors", "more.safetensors", "-w", "2", "-w", "-1", "-o", "x.safetensors"],
            "weight is -1.0, expected a number in (0, 2**53]",
        ),
        (
            ["merge", "text.safetensors", "chain.safetensors", "-o", "x.safetensors"],
            "other is MarkovChain(order=2), 3 states, 3 transitions, expected a MarkovText",
        ),
        (["merge", "text.safetensors", "first.safetensors", "-o", "x.safetensors"], "other has order 1, expected 2"),
        (
            ["merge", "text.safetensors", "characters.safetensors", "-o", "x.safetensors"],
            "other has tokens 'characters', expected 'words'",
        ),
        (["merge", "text.safetensors", "none.safetensors", "-o", "x.safetensors"], "none.safetensors: No such file"),
        (["prune", "text.safetensors", "-o", "x.txt"], "expected a name that ends in .safetensors"),
        (["prune", "text.safetensors", "-o", "no/x.safetensors"], "no: No such directory"),
        (["prune", "text.safetensors", "-o", "x.safetensors", "--min-count", "-1"], "min_count is -1.0"),
        (["add", "chain.safetensors", "more.txt", "-o", "x.safetensors"], "chain.safetensors is not a model"),
    ],
)
def test_bad_input_is_one_line_and_status_2(arguments, message):
    assert message in refused(*arguments)
    assert not Path("x.safetensors").exists()
