"""`--samplers` in every command that has the four words, and in the reference's cross-check."""

import json

import numpy as np
import pytest

import fastsoftmax as fs
from reference.__main__ import main as cross_check
from tests.commands import refused, run

ROWS = np.random.default_rng(3).normal(size=(3, 50)).astype(np.float32) * 3
CHAIN = "top_n_sigma=1.5 xtc(0.5, 0.1) temperature=0.8"


@pytest.fixture
def logits_file(tmp_path):
    np.save(tmp_path / "logits.npy", ROWS)
    return str(tmp_path / "logits.npy")


def test_sample_takes_samplers(logits_file):
    found = run("sample", logits_file, "--samplers", CHAIN, "-n", "5", "--seed", "1", "--json")
    assert json.loads(found)["tokens"] == fs.sample(ROWS, samplers=CHAIN, n=5, seed=1).tolist()


def test_table_takes_samplers_after_each_temperature():
    words = "table", "a=3", "b=2", "c=1", "-t", "1", "-t", "2", "--samplers", "min_p=0.3", "--json"
    found = json.loads(run(*words))
    assert found["samplers"] == "min_p=0.3"
    for one in found["distributions"]:
        expected = fs.probabilities([3.0, 2, 1], samplers=f"temperature={one['temperature']} min_p=0.3")
        assert one["probabilities"] == expected.tolist()


def test_walk_and_generate_take_samplers(tmp_path):
    text = "The cat sat on the mat. The dog ran to the cat. A dog sat on the mat. The cat ran."
    (tmp_path / "text.txt").write_text(text)
    chain = fs.MarkovText(1).fit(text)
    words = "--order", "1", "--samplers", "top_k=2 temperature=2.0", "--seed", "4"
    sentences = run("generate", str(tmp_path / "text.txt"), "-n", "3", *words).splitlines()
    assert sentences == chain.generate(3, samplers="top_k=2 temperature=2.0", seed=4)
    walk = run("walk", str(tmp_path / "text.txt"), "--length", "20", *words).split()
    walks = chain.chain.walk(1, 20, samplers="top_k=2 temperature=2.0", seed=4, on_dead_end="restart")
    assert walk == walks[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--samplers", "top_q=3"], "did you mean top_p?"),
        (["--samplers", "min_p=0.1", "--top-k", "3"], "both given, expected one"),
    ],
)
def test_what_cannot_be_is_refused(logits_file, words, message):
    for command in (["sample", logits_file], ["table", "a=1", "b=2"]):
        assert message in refused(*command, *words)


@pytest.mark.parametrize("samplers", [CHAIN, "typical=0.9 temperature=0.7", "top_k=5 gumbel"])
def test_the_cross_check_takes_samplers(logits_file, samplers, capsys):
    assert cross_check([logits_file, "--samplers", samplers]) == 0
    assert "agree" in capsys.readouterr().out


def test_the_cross_check_refuses_what_cannot_be(logits_file, capsys):
    assert cross_check([logits_file, "--samplers", "top_q=1"]) == 2
    assert cross_check([logits_file, "--samplers", "top_k=1 gumbel", "--top-k", "3"]) == 2
    assert "both given" in capsys.readouterr().err
