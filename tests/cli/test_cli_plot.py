"""The command `plot`: files, and text where none is asked for."""

import re
from importlib.util import find_spec

import pytest

import fastsoftmax as fs
from tests.commands import invoke, refused, run

NIGHTS = ["nights=3", "days=2", "hours=1", "weeks=4"]
# Torch brings networkx without matplotlib: a figure asks for the whole extra.
draws = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("matplotlib", "networkx", "scipy")), reason="needs the extra plot"
)
STARTS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.mark.parametrize("ending", STARTS)
@pytest.mark.parametrize("figure", ["distribution", "curves", "entropy", "kept"])
@draws
def test_files(figure, ending, tmp_path):
    file = tmp_path / f"figure{ending}"
    samplers = ["--samplers", "top_k=3"] if figure in ("kept", "distribution") else []
    heat = [] if figure == "entropy" else ["-t", "2"]
    assert run("plot", figure, *NIGHTS, *heat, *samplers, "-o", str(file)) == f"wrote {file}\n"
    assert file.read_bytes().startswith(STARTS[ending])
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def columns(text):
    header, *rows = [re.split(r"  +", line) for line in text.splitlines()]
    return header, rows


def test_text():
    header, rows = columns(run("plot", "distribution", *NIGHTS, "-t", "1", "-t", "5"))
    assert header[:4] == ["token", "logit", "adjusted logit, T=1", "probability, T=1"]
    assert run("plot", "distribution", *NIGHTS) == run("table", *NIGHTS)
    header, rows = columns(run("plot", "entropy", *NIGHTS))
    assert header == ["T", "entropy, bits", "of 2"]
    assert [row[1] for row in rows if row[0] == "1"] == ["1.3670"]
    header, rows = columns(run("plot", "curves", *NIGHTS, "-t", "5"))
    assert rows[-1][:2] == ["4", "54.598"]
    assert rows[-1][3] == "2.2255"
    header, rows = columns(run("plot", "kept", *NIGHTS, "-t", "2", "--samplers", "top_k=3 min_p=0.4"))
    assert header == ["token", "softmax alone", "after", "after, bar", "cut by"]
    assert [row[0] for row in rows] == ["weeks", "nights", "days", "hours"]
    assert [row[-1] for row in rows[2:]] == ["min_p=0.4", "top_k=3"]
    shares = fs.probabilities([3.0, 2, 1, 4], samplers="temperature=2.0 top_k=3 min_p=0.4")
    assert rows[1][2] == f"{shares[0]:.6f}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["kept", *NIGHTS], "kept asks for --samplers"),
        (["curves", *NIGHTS, "--samplers", "top_k=2"], "curves are of a temperature alone, expected no --samplers"),
        (["curves", *NIGHTS, "-t", "0"], "temperature is 0.0, expected a number > 0"),
        (["curves", *NIGHTS, "-t", "1", "-t", "2"], "temperature has 2 values, expected one in curves"),
        (["entropy", *NIGHTS, "-t", "2"], "temperature has 1 values, expected none in entropy"),
        (["entropy"], "expected either logits as arguments"),
        (
            ["distribution", *NIGHTS, "-o", "a.gif"],
            "output is 'a.gif', expected a name that ends with .png, .svg, .pdf",
        ),
        (["distribution", *NIGHTS, "--samplers", "top_q=2"], "no sampler 'top_q'"),
        (["kept", *NIGHTS, "--samplers", "repetition=2.0"], "asks what came before"),
        (["pie", *NIGHTS], "figure is 'pie', expected one of"),
    ],
)
def test_bad_input(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("plot", *arguments)
    assert list(tmp_path.iterdir()) == []


@draws
def test_a_folder_that_is_not_there(tmp_path):
    result = invoke("plot", "entropy", *NIGHTS, "-o", str(tmp_path / "no" / "a.png"))
    assert result.exit_code == 2


@pytest.fixture
def model(tmp_path):
    text, model = tmp_path / "book.txt", tmp_path / "book.safetensors"
    text.write_text("The cat sat on the mat. The dog sat on the cat. A dog ran to the mat.\n" * 3, encoding="utf-8")
    run("fit", str(text), "-o", str(model), "--order", "1")
    return model


def test_the_graph_of_a_model_as_text(model, tmp_path):
    header, rows = columns(run("plot", "transitions", str(model)))
    assert header == ["state", "share of time", "share, bar", "likeliest next"]
    chain = fs.MarkovText.load(str(model)).chain
    assert float(rows[0][1]) == pytest.approx(chain.stationary().array.max(), abs=1e-6)
    likeliest = chain.next_tokens(rows[0][0])[0][0]
    assert rows[0][-1] == ("(end)" if likeliest is None else likeliest)
    chain.save(str(tmp_path / "chain.safetensors"))
    assert run("plot", "transitions", str(tmp_path / "chain.safetensors")) == run("plot", "transitions", str(model))
    assert "expected no --file" in refused("plot", "transitions", str(model), "-t", "2")


@draws
def test_the_graph_of_a_model(model, tmp_path):
    assert run("plot", "transitions", str(model), "-o", str(tmp_path / "g.svg")) == f"wrote {tmp_path / 'g.svg'}\n"
    assert (tmp_path / "g.svg").read_bytes().startswith(STARTS[".svg"])
