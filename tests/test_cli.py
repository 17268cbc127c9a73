"""The command line: what it prints, what it refuses, and how it behaves in a pipe."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import fastsoftmax
from fastsoftmax.cli import corpus, doctor, warmup
from fastsoftmax.cli.app import app

TEXT = "The cat sat on the mat. The dog sat on the cat. The cat ran to the dog."
COMMANDS = ["table", "sample", "fit", "generate", "warmup", "doctor"]


def invoke(*arguments: str, stdin: bytes | str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def run(*arguments: str, stdin: str | bytes | None = None) -> str:
    """Return what a command prints that must go well."""
    result = invoke(*arguments, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def process(*arguments: str, **options: object) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", "from fastsoftmax.cli import main; main()", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in, with good and bad files."""
    monkeypatch.chdir(tmp_path)
    np.save("row.npy", np.array([1.0, 3.0, 2.0], np.float32))
    np.save("batch.npy", np.zeros((2, 2, 100)))
    np.save("objects.npy", np.array([{}], object), allow_pickle=True)
    np.save("strings.npy", np.array(["a"]))
    np.save("nan.npy", np.array([1.0, np.nan]))
    np.save("none.npy", np.zeros(0))
    Path("cut.npy").write_bytes(Path("batch.npy").read_bytes()[:500])
    Path("text.txt").write_text(TEXT)
    Path("empty.txt").touch()
    Path("latin.txt").write_bytes(b"caf\xe9")
    invoke("fit", "text.txt", "-o", "model.safetensors")
    model = Path("model.safetensors").read_bytes()
    Path("cut.safetensors").write_bytes(model[:300])
    Path("changed.safetensors").write_bytes(model[:-1] + bytes([model[-1] ^ 1]))
    return tmp_path


# The whole


def test_version():
    assert run("--version") == f"fastsoftmax {version('fastsoftmax')}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], *([command, "--help"] for command in COMMANDS)])
def test_help_is_plain_in_a_pipe(arguments):
    text = run(*arguments)
    assert text.startswith("Usage: ")
    assert text.isascii()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tabel"], "Did you mean 'table'?"),
        (["--bogus"], "No such option: --bogus"),
        (["table"], "expected either logits as arguments"),
        (["table", "1", "--file", "row.npy"], "expected either logits as arguments"),
        (["table", "the=x"], "argument 'the=x' is 'x', expected TOKEN=LOGIT or a number"),
        (["table", "1", "--bogus"], "no such option: --bogus"),
        (["table", "1", "--seed=3"], "no such option: --seed=3"),
        (["table", "1", "-t", "x"], "'--temperature' / '-t'"),
        (["table", "1", "-t", "-1"], "temperature is -1.0, expected a number >= 0"),
        (["table", "1", "-t", "nan"], "temperature is nan, expected a number >= 0"),
        (["table", "1", "--top-p", "1.5"], "top_p is 1.5, expected a number in [0, 1]"),
        (["table", "1", "--top-k", "-1"], "top_k is -1, expected an integer >= 0"),
        (["table", "1", "--top", "-1"], "top is -1, expected an integer >= 0"),
        (["table", "nan"], "logits is NaN at index 0, expected no NaN"),
        (["table", "a=-inf"], "logits is all -inf"),
        (["table", "--file", "missing.csv"], "missing.csv: No such file or directory"),
        (["table", "--file", "."], ".: Is a directory"),
        (["table", "--file", "batch.npy"], "batch.npy has shape (2, 2, 100), expected one row of logits"),
        (["table", "--file", "none.npy"], "none.npy is empty, expected at least one logit"),
        (["table", "--file", "empty.txt"], "empty.txt is empty, expected at least one logit"),
        (["table", "--file", "latin.txt"], "latin.txt is not UTF-8 text: byte 3 is 0xe9"),
        (["table", "--file", "text.txt"], "text.txt line 1 is 'dog.', expected a token and a logit"),
        (["sample"], "Missing argument 'FILE.npy'"),
        (["sample", "missing.npy"], "missing.npy: No such file or directory"),
        (["sample", "text.txt"], "text.txt is not a .npy file"),
        (["sample", "objects.npy"], "objects.npy cannot be read as .npy: Object arrays"),
        (["sample", "strings.npy"], "strings.npy has dtype <U1, expected floats or integers"),
        (["sample", "cut.npy"], "cut.npy cannot be read as .npy"),
        (["sample", "none.npy"], "logits has shape (0,), expected (..., V) with V >= 1"),
        (["sample", "nan.npy"], "logits is NaN at index 1, expected no NaN"),
        (["sample", "row.npy", "-n", "-1"], "n is -1, expected an integer >= 0"),
        (["sample", "row.npy", "--seed", "-1"], "seed is -1, expected an integer in [0, 2**64)"),
        (["sample", "row.npy", "--rng", "-1"], "rng is -1, expected an integer >= 0"),
        (["sample", "row.npy", "--rng", "1", "--seed", "1"], "rng and seed are both given"),
        (["fit", "text.txt"], "Missing option '--output'"),
        (["fit", "-o", "m.safetensors"], "Missing argument"),
        (["fit", "text.txt", "-o", "model.bin"], "expected a name that ends in .safetensors"),
        (["fit", "text.txt", "-o", "missing/m.safetensors"], "missing: No such directory"),
        (["fit", "text.txt", "-o", "m.safetensors", "--order", "0"], "order is 0, expected an integer >= 1"),
        (["fit", "empty.txt", "-o", "m.safetensors"], "no words"),
        (["fit", "missing.txt", "-o", "m.safetensors"], "missing.txt: No such file or directory"),
        (["generate", "missing.safetensors"], "missing.safetensors: No such file or directory"),
        (["generate", "cut.safetensors"], "cut.safetensors is not a fastsoftmax text file that can be read"),
        (["generate", "changed.safetensors"], "changed.safetensors is not a fastsoftmax text file that can be read"),
        (["generate", "model.safetensors", "text.txt"], "expected one model or texts, got 2 files"),
        (["generate", "model.safetensors", "--order", "1"], "a saved model has its own"),
        (["generate", "latin.txt"], "latin.txt is not UTF-8 text: byte 3 is 0xe9"),
        (["generate", "empty.txt"], "no words"),
        (["generate", "text.txt", "--start", "The catt"], "'catt' was never seen, near matches: 'cat'"),
        (["generate", "text.txt", "--max-words", "-1"], "max_words is -1, expected an integer >= 0"),
        (["generate", "text.txt", "-n", "-1"], "n is -1, expected an integer"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_bad_input_is_one_line_and_status_2(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("fastsoftmax: error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from fastsoftmax.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "pip install 'fastsoftmax[cli]'" in result.stderr
    assert result.stderr.count("\n") == 1


def test_start_is_quick():
    slow = ["rich.console", "fastsoftmax.cli.markov", "fastsoftmax.cli.corpus", "torch"]
    code = f"import sys, fastsoftmax.cli.app; print([name for name in {slow} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_closed_pipe_is_silent():
    child = process("table", *map(str, range(9000)))
    assert child.stdout.readline().startswith(b"token")
    child.stdout.close()
    assert child.stderr.read() == b""
    child.stderr.close()
    assert child.wait() == 1


def test_ctrl_c_is_quiet(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(fastsoftmax, "probabilities", interrupted)
    result = invoke("table", "1")
    assert (result.exit_code, result.output) == (130, "")


# table


def test_table_from_arguments():
    lines = run("table", "the=1.1", "quick=.5", "a=b=-1", "-t", "1", "-t", "2").splitlines()
    assert lines[0].split() == ["token", "logit", "logit/1", "p(T=1)", "T=1", "logit/2", "p(T=2)", "T=2"]
    token, logit, *columns = lines[1].split()
    expected = [fastsoftmax.softmax([1.1, 0.5, -1.0], temperature=t)[0] for t in (1, 2)]
    assert (token, logit, columns[0], columns[3]) == ("the", "1.1", "1.1", "0.55")
    assert [float(columns[1]), float(columns[4])] == pytest.approx(expected, abs=1e-6)
    assert columns[2] == "█" * 12  # 0.598 of 20 characters, to an eighth of one
    assert lines[3].startswith("a=b")


def test_numbers_name_themselves_and_may_be_negative():
    rows = [line.split()[:2] for line in run("table", "-1.5", "-.5", "2", "-inf").splitlines()[1:]]
    assert rows == [["-1.5", "-1.5"], ["-.5", "-0.5"], ["2", "2"], ["-inf", "-inf"]]


def test_table_limits_of_the_temperature():
    found = json.loads(run("table", "1", "2", "2", "-inf", "-t", "0", "-t", "inf", "--json"))
    greedy, uniform = found["distributions"]
    assert greedy == {"temperature": 0.0, "scaled_logits": [None] * 4, "probabilities": [0.0, 1.0, 0.0, 0.0]}
    assert uniform["temperature"] == "inf"
    assert uniform["scaled_logits"] == [0.0, 0.0, 0.0, "-inf"]
    assert uniform["probabilities"] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0])
    assert found["logits"] == [1.0, 2.0, 2.0, "-inf"]
    lines = run("table", "1", "2", "-t", "0").splitlines()
    assert [line.split()[2:4] for line in lines[1:]] == [["-", "0"], ["-", "1.000000"]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("logits.json", b'{"a": 1, "b": "-inf", "c": 2.5}'),
        ("-", b' {"a": 1, "b": "-Infinity", "c": 2.5}'),
        ("logits.csv", b"token,logit\na,1\nb,-inf\n\nc,2.5\n"),
        ("logits.tsv", b"a\t1\nb\t-inf\nc\t2.5"),
        ("logits.txt", b"\xef\xbb\xbfa 1\r\nb\t-inf\r\nc, 2.5\r\n"),
        ("-", b"a 1\nb -inf\nc 2.5\n"),
    ],
)
def test_table_reads(name, content, folder):
    if name != "-":
        Path(name).write_bytes(content)
    found = json.loads(run("table", "--file", name, "--json", stdin=content if name == "-" else None))
    assert found["tokens"] == ["a", "b", "c"]
    assert found["logits"] == [1.0, "-inf", 2.5]


@pytest.mark.usefixtures("folder")
def test_table_reads_arrays_and_lists():
    expected = run("table", "--file", "row.npy")
    assert run("table", "--file", "-", stdin=Path("row.npy").read_bytes()) == expected
    assert run("table", "--file", "-", stdin="[1, 3, 2]") == expected
    assert [line.split()[0] for line in expected.splitlines()[1:]] == ["0", "1", "2"]


@pytest.mark.usefixtures("folder")
def test_table_keeps_odd_tokens_on_their_line():
    Path("odd.csv").write_text('"a\nb",1\n" ,",2\n')
    assert json.loads(run("table", "--file", "odd.csv", "--json"))["tokens"] == ["a\nb", " ,"]
    assert run("table", "--file", "odd.csv").splitlines()[1].startswith(r"a\nb")


def test_table_filters_and_order():
    arguments = ["table", "0", "3", "2", "1", "--top-k", "3", "--top-p", ".9", "--min-p", ".01", "--json"]
    found = json.loads(run(*arguments))
    expected = fastsoftmax.probabilities([0.0, 3.0, 2.0, 1.0], top_k=3, top_p=0.9, min_p=0.01)
    assert found["distributions"][0]["probabilities"] == expected.tolist()
    assert (found["top_k"], found["top_p"], found["min_p"]) == (3, 0.9, 0.01)
    assert json.loads(run(*arguments, "--sort"))["tokens"] == ["3", "2", "1", "0"]
    top = json.loads(run(*arguments, "--top", "2"))
    assert (top["tokens"], top["indices"]) == (["3", "2"], [1, 2])
    assert top["distributions"][0]["probabilities"] == expected[[1, 2]].tolist()


def test_piped_table_is_wide_and_plain():
    temperatures = [argument for t in range(1, 11) for argument in ("-t", str(t))]
    child = process("table", *map(str, range(200)), *temperatures)
    output, errors = child.communicate()
    lines = output.decode().splitlines()
    assert errors == b""
    assert len(lines) == 201
    assert len(lines[0]) > 200
    assert "\x1b" not in output.decode()
    assert not set(output.decode()) & set("│┃─━…")
    assert all(line == line.rstrip() for line in lines)


def test_bars_without_unicode():
    child = process("table", "é=1", "b=1", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    output, errors = child.communicate()
    assert errors == b""
    assert output.decode("ascii").splitlines()[2].split() == ["b", "1", "1", "0.500000", "##########"]


def on_terminal(*arguments: str) -> str:
    """Return what a command prints on a terminal of 80 columns."""
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-c", "from fastsoftmax.cli import main; main()", *arguments]
    child = subprocess.Popen(command, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    output = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not part:
            break
        output += part
    os.close(leader)
    assert child.wait() == 0
    return output.decode()


def test_table_on_a_terminal_is_framed_and_limited():
    text = on_terminal("table", *map(str, range(150)), "-t", "1", "-t", "2", "-t", "3")
    assert "┃" in text
    assert "50 tokens more: --top 0 shows all" in text
    assert "…" not in text


# sample


@pytest.mark.usefixtures("folder")
def test_sample_is_that_of_python():
    batch = np.load("batch.npy")
    expected = fastsoftmax.sample(batch, n=3, seed=5, step=2, top_k=50, temperature=0.5)
    options = ["sample", "batch.npy", "-n", "3", "--seed", "5", "--step", "2", "--top-k", "50", "-t", ".5"]
    assert json.loads(run(*options, "--json")) == {"tokens": expected.tolist()}
    rows = [[int(token) for token in line.split()] for line in run(*options).splitlines()]
    assert rows == expected.reshape(4, 3).tolist()
    independent = fastsoftmax.sample(batch, rng=5)
    assert list(map(int, run("sample", "batch.npy", "--rng", "5").split())) == independent.ravel().tolist()
    assert run("sample", "-", "--rng", "5", stdin=Path("batch.npy").read_bytes()).split() == [
        str(token) for token in independent.ravel()
    ]


@pytest.mark.usefixtures("folder")
def test_sample_of_one_row():
    assert run("sample", "row.npy", "-t", "0") == "1\n"
    assert run("sample", "row.npy", "-t", "0", "-n", "2") == "1 1\n"
    assert json.loads(run("sample", "row.npy", "-t", "0", "--json")) == {"tokens": 1}
    assert run("sample", "row.npy", "-n", "0").strip() == ""
    assert run("sample", "batch.npy", "-n", "9") != run("sample", "batch.npy", "-n", "9")


# fit and generate


@pytest.mark.usefixtures("folder")
def test_fit_and_generate():
    summary = run("fit", "text.txt", "-", "-o", "two.safetensors", "--order", "1", stdin="A bird sang.")
    words = len(TEXT.split()) + 3
    assert summary.startswith(f"two.safetensors: order 1, 4 sentences, {words} words (14 different), ")
    assert f"{os.path.getsize('two.safetensors'):,} bytes" in summary
    assert fastsoftmax.MarkovText.load("two.safetensors").order == 1
    model = fastsoftmax.MarkovText.load("model.safetensors")
    options = ["-n", "4", "--seed", "7", "--temperature", ".8", "--top-k", "2", "--top-p", ".9", "--start", "The"]
    expected = model.generate(4, seed=7, temperature=0.8, top_k=2, top_p=0.9, start="The")
    assert run("generate", "model.safetensors", *options).splitlines() == expected
    assert run("generate", "text.txt", *options).splitlines() == expected
    assert run("generate", "-", *options, stdin=TEXT).splitlines() == expected
    assert json.loads(run("generate", "model.safetensors", *options, "--json")) == {"sentences": expected}
    short = run("generate", "text.txt", "--max-words", "2", "-n", "3").splitlines()
    assert [len(line.split()) for line in short] == [2, 2, 2]
    assert run("generate", "text.txt", "-n", "0") == ""


@pytest.mark.usefixtures("folder")
def test_fit_replaces_a_model():
    run("fit", "-", "-o", "model.safetensors", stdin="Another text.")
    assert run("generate", "model.safetensors", "-n", "1") == "Another text.\n"
    assert not list(Path().glob(".*"))


@pytest.mark.usefixtures("folder")
def test_parts_of_a_long_text_are_the_text(monkeypatch):
    from fastsoftmax.cli import markov

    Path("long.txt").write_text("\n\n".join([TEXT, "A line\nof a paragraph", "\n \n", "and the last."] * 5))
    monkeypatch.setattr(markov, "_PART", 10)
    run("fit", "long.txt", "-o", "parts.safetensors")
    whole = fastsoftmax.MarkovText(2).fit(Path("long.txt").read_text()).chain
    parts = fastsoftmax.MarkovText.load("parts.safetensors").chain
    assert parts.vocabulary == whole.vocabulary
    for name in ("contexts", "offsets", "tokens", "counts"):
        np.testing.assert_array_equal(getattr(parts.transitions, name), getattr(whole.transitions, name))


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


# warmup and doctor


def test_warmup(monkeypatch):
    monkeypatch.setattr(warmup, "_inputs", lambda: iter([("float64", np.arange(4.0))]))
    lines = run("warmup").splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["softmax", "log_softmax", "logsumexp", "sample", "probabilities"]
    assert all(line.endswith(" s") for line in lines[:9])
    assert lines[-2] == "bfloat16 skipped: neither ml_dtypes nor torch is installed"
    assert lines[-1].startswith("kernels are kept in ")


def test_warmup_leaves_nothing_to_compile(tmp_path):
    """In a process of its own: here the kernels may be compiled already."""
    code = """if True:
        import numpy as np
        import fastsoftmax
        from fastsoftmax.cli import warmup
        from fastsoftmax.kernels import columns, group, softmax

        for name, call in warmup._logits_jobs({"float32": np.arange(4, dtype=np.float32)}):
            if name.startswith("softmax"):
                call()
        kernels = columns.softmax_short, columns.softmax_columns, group.softmax_group, softmax.softmax
        before = [len(kernel.signatures) for kernel in kernels]
        for size in (1, 100, 300, 5000, 40000):
            fastsoftmax.softmax(np.zeros((3, size), np.float32), temperature=[1.0, 2.0, 3.0])
            fastsoftmax.softmax(np.zeros((size, 20), np.float32), axis=0)
        print(before, [len(kernel.signatures) for kernel in kernels])
    """
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[1, 1, 1, 1] [1, 1, 1, 1]"


def test_warmup_covers_every_float():
    inputs = dict(warmup._inputs())
    assert list(inputs) == ["float32", "float64", "float16", "bfloat16"]
    assert all(np.shape(logits) == (4,) for logits in inputs.values())


def test_doctor():
    text = run("doctor")
    assert ["numpy", version("numpy")] in [line.split() for line in text.splitlines()]
    found = json.loads(run("doctor", "--json"))
    assert found["ok"] is True
    assert found["threads"] == fastsoftmax.get_num_threads()
    assert found["checks"] == dict.fromkeys(["softmax", "sample", "walk", "kernel cache"], "ok")


def test_doctor_finds_wrong_results(monkeypatch):
    monkeypatch.setattr(doctor, "DRAWN", [1, 2, 3])
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "the tokens of seed 2026 are [806, 886, 497], expected [1, 2, 3]" in result.stdout


def test_doctor_finds_a_cache_that_cannot_be_written(monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    result = invoke("doctor", "--json")
    assert result.exit_code == 1
    assert "no place to write it" in json.loads(result.stdout)["checks"]["kernel cache"]
