"""The command line: what it prints, what it refuses, and how it behaves in a pipe."""

import json
import logging
import math
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import fastsoftmax
from fastsoftmax import _warmup
from fastsoftmax.cli import doctor, output, warmup
from tests.commands import COMMANDS, invoke, on_terminal, process, refused, run


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
    Path("text.txt").write_text("The cat sat on the mat. The dog.")
    Path("text.npy").write_text("text")
    Path("empty.txt").touch()
    Path("twice.json").write_text('{"a": 1, "b": 2, "a": 3}')
    Path("large.json").write_text('{"b": 1, "a": 1e400}')
    Path("large.csv").write_text("b,1\na,1e400\n")
    Path("latin.txt").write_bytes(b"caf\xe9")
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
        (["table", "1", "--bogus"], "No such option: --bogus"),
        (["table", "1", "--seed=3"], "No such option: --seed"),
        (["table", "1", "--temprature", "3"], "No such option: --temprature (Possible options: --temperature)"),
        (["table", "1", "--top_k=3"], "No such option: --top_k (Possible options: --top, --top-k, --top-p)"),
        (["table", "1", "-t", "x"], "temperature is 'x', expected a number"),
        (["table", "1", "--top-k", "1.5"], "top-k is '1.5', expected an integer"),
        (["sample", "row.npy", "--temperature", "abc"], "temperature is 'abc', expected a number"),
        (["sample", "row.npy", "--seed", "x"], "seed is 'x', expected an integer"),
        (["table", "a=1", "b=2", "a=3"], "token 'a' is given twice, expected one logit for each"),
        (["table", "--file", "twice.json"], "twice.json has the token 'a' twice, expected one logit for each"),
        (["table", "a=1e400"], "argument 'a=1e400' is '1e400', beyond the largest float, 1.8e308"),
        (["table", "--", "-1e999"], "argument '-1e999' is '-1e999', beyond the largest float"),
        (["table", "--file", "large.json"], "large.json: the logit of 'a' is '1e400', beyond the largest float"),
        (["table", "--file", "large.csv"], "large.csv line 2 is '1e400', beyond the largest float"),
        (["table", "1", "-t", "-1"], "temperature is -1.0, expected a number >= 0"),
        (["table", "1", "-t", "nan"], "temperature is nan, expected a number >= 0"),
        (["table", "1", "--top-p", "1.5"], "top_p is 1.5, expected a number in [0, 1]"),
        (["table", "1", "--top-k", "-2"], "top_k is -2, expected an integer >= 0"),
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
        (["sample"], "Missing argument 'FILE'"),
        (["sample", "missing.npy"], "missing.npy: No such file or directory"),
        (["sample", "text.txt"], "text.txt line 1 is 'dog.', expected a token and a logit"),
        (["sample", "text.npy"], "text.npy is not a .npy file"),
        (["sample", "twice.json"], "twice.json has the token 'a' twice"),
        (["sample", "objects.npy"], "objects.npy cannot be read as .npy: Object arrays"),
        (["sample", "strings.npy"], "strings.npy has dtype <U1, expected floats or integers"),
        (["sample", "cut.npy"], "cut.npy cannot be read as .npy"),
        (["sample", "none.npy"], "logits has shape (0,), expected (..., V) with V >= 1"),
        (["sample", "nan.npy"], "logits is NaN at index 1, expected no NaN"),
        (["sample", "row.npy", "-n", "-1"], "n is -1, expected an integer in [0, 2**40]"),
        (["sample", "row.npy", "--seed", "-1"], "seed is -1, expected an integer in [0, 2**64)"),
        (["sample", "row.npy", "--rng", "-1"], "rng is -1, expected an integer >= 0"),
        (["sample", "row.npy", "--rng", "1", "--seed", "1"], "rng and seed are both given"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_bad_input_is_one_line_and_status_2(arguments, message):
    assert message in refused(*arguments)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    assert f"Example: fastsoftmax {command}" in " ".join(run(command, "--help").split())


def test_completion_of_shells():
    shown = run("--show-completion", "bash") if "bash" in run("--help") else run("--help")
    assert "completion" in shown


@pytest.mark.parametrize("name", ["row.json", "row.csv", "row.txt"])
@pytest.mark.usefixtures("folder")
def test_sample_reads_what_table_reads(name):
    content = {
        "row.json": '{"the": 1.5, "cat": 3, "sat": "-inf"}',
        "row.csv": "token,logit\nthe,1.5\ncat,3\nsat,-inf\n",
    }
    Path(name).write_text(content.get(name, "the 1.5\ncat 3\nsat -inf\n"))
    tokens = fastsoftmax.sample([1.5, 3, -math.inf], n=20, seed=1)
    names = [["the", "cat", "sat"][token] for token in tokens]
    assert run("sample", name, "-n", "20", "--seed", "1") == " ".join(names) + "\n"
    assert json.loads(run("sample", name, "-n", "20", "--seed", "1", "--json")) == {
        "tokens": tokens.tolist(),
        "names": names,
    }
    Path("list.json").write_text("[1.5, 3, -1e3]")
    assert run("sample", "list.json", "--temperature", "0") == "1\n"
    assert json.loads(run("sample", "list.json", "--temperature", "0", "--json")) == {"tokens": 1}


@pytest.mark.usefixtures("folder")
def test_rows_that_could_be_misread():
    for text in ("1 2 3\n", "1,2,3\n", "1; 2; 3\n"):
        assert "line 1 has 3 numbers, expected a logit a line, or a JSON list" in refused("sample", "-", stdin=text)
    for text in ("1.0\n3.0\n2.0\n", "logit\n1\n3\n2\n"):
        assert run("sample", "-", "-t", "0", stdin=text) == "1\n"
        assert json.loads(run("table", "--file", "-", "--json", stdin=text))["tokens"] == ["0", "1", "2"]
    Path("quotes.tsv").write_text('"\t1.0\nb\t2.0\n"x\t3.0\nc\t0\n')
    assert json.loads(run("table", "--file", "quotes.tsv", "--json"))["tokens"] == ['"', "b", '"x', "c"]
    assert run("sample", "-", "-t", "0", stdin='{"a": 1, "\\n": 2}') == "\\n\n"


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing):
    code = f"import sys; sys.modules[{missing!r}] = None; from fastsoftmax.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "pip install 'fastsoftmax[cli]'" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_start_is_quick():
    slow = ["rich.console", "fastsoftmax.cli.models", "fastsoftmax.cli.corpus", "torch"]
    code = f"import sys, fastsoftmax.cli.app; print([name for name in {slow} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.slow
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

    monkeypatch.setattr(fastsoftmax, "table", interrupted)
    result = invoke("table", "1")
    assert (result.exit_code, result.output) == (130, "")


# table


def test_table_from_arguments():
    lines = run("table", "the=1.1", "quick=.5", "a=b=-1", "-t", "1", "-t", "2").splitlines()
    assert re.split(r"  +", lines[0]) == [
        "token",
        "logit",
        "adjusted logit, T=1",
        "probability, T=1",
        "T=1",
        "adjusted logit, T=2",
        "probability, T=2",
        "T=2",
    ]
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_bars_without_unicode():
    child = process("table", "é=1", "b=1", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    output, errors = child.communicate()
    assert errors == b""
    assert output.decode("ascii").splitlines()[2].split() == ["b", "1", "1", "0.500000", "##########"]


@pytest.mark.slow
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


# warmup and doctor


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["1", "2"])
def test_warmup(monkeypatch, processes):
    monkeypatch.setattr(warmup, "DTYPES", ("float32", "float64"))
    monkeypatch.setattr(warmup, "find_spec", lambda name: None)
    lines = run("warmup", "--jobs", processes).splitlines()
    assert [line.split()[0] for line in lines[:5]] == ["softmax", "softmax", "log_softmax", "log_softmax", "logsumexp"]
    assert all(line.endswith(" s") for line in lines[:-2])
    assert lines[-2] == "bfloat16 skipped: neither ml_dtypes nor torch is installed"
    assert lines[-1].startswith("kernels are kept in ")


def test_what_is_logged_is_said_once(capsys):
    output.show_notices()
    logger = logging.getLogger("fastsoftmax")
    logger.info("compiling sample(float32)")
    logger.info("compiling softmax(float32)")
    logger.warning("the prebuilt kernel sample is not used: it is damaged")
    assert capsys.readouterr().err.splitlines() == [
        "fastsoftmax: compiling kernels for this CPU, once: up to a minute (`fastsoftmax warmup` compiles all ahead)",
        "fastsoftmax: the prebuilt kernel sample is not used: it is damaged",
    ]
    logger.handlers.clear()


@pytest.mark.slow
def test_warmup_leaves_nothing_to_compile():
    """In a process of its own: here other tests may have used the kernels already."""
    code = """if True:
        import numpy as np
        import fastsoftmax
        from fastsoftmax import _warmup
        from fastsoftmax.kernels.softmax import columns, lockstep, long_rows, one_row

        for name, call in _warmup.jobs(["float32"], details=False, allowed=False, markov=False):
            if name == "softmax float32":
                call()
        kernels = columns.softmax_short, columns.softmax_columns, lockstep.softmax_group, long_rows.softmax
        kernels += (one_row.softmax_one, one_row.softmax_any)
        before = [len(kernel.signatures) for kernel in kernels]
        for size in (1, 100, 300, 5000, 40000):
            fastsoftmax.softmax(np.zeros(size, np.float32))
            fastsoftmax.softmax(np.zeros((3, size), np.float32), temperature=[1.0, 2.0, 3.0])
            fastsoftmax.softmax(np.zeros((size, 20), np.float32), axis=0)
        print(before, [len(kernel.signatures) for kernel in kernels])
    """
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[1, 1, 1, 1, 1, 1] [1, 1, 1, 1, 1, 1]"


def test_warmup_covers_every_float():
    rows = {name: _warmup.row_of(name) for name in _warmup.DTYPES}
    assert list(rows) == ["float32", "float64", "float16", "bfloat16"]
    assert all(np.shape(logits) == (4,) for logits in rows.values())


def test_warmup_refuses_other_dtypes():
    with pytest.raises(ValueError, match="dtypes has 'int8', expected some of float32, float64, float16, bfloat16"):
        fastsoftmax.warmup(["float32", "int8"])


@pytest.mark.slow
def test_doctor():
    text = run("doctor")
    assert ["numpy", version("numpy")] in [line.split() for line in text.splitlines()]
    found = json.loads(run("doctor", "--json"))
    assert found["ok"] is True
    assert found["threads"] == fastsoftmax.get_num_threads()
    assert found["checks"] == dict.fromkeys(doctor.CHECKS, "ok")


@pytest.mark.slow
def test_doctor_finds_wrong_results(monkeypatch):
    monkeypatch.setattr(doctor, "DRAWN", [1, 2, 3])
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "the tokens of seed 2026 are [806, 886, 497], expected [1, 2, 3]" in result.stdout


def finding(check):
    """Return what the doctor says of something that is wrong."""
    result = invoke("doctor", "--json")
    assert result.exit_code == 1
    return json.loads(result.stdout)["checks"][check]


@pytest.mark.filterwarnings("ignore:fastsoftmax cannot write:RuntimeWarning")  # told once in a process: here, or before
def test_doctor_finds_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (blocked := tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(blocked))
    monkeypatch.setattr(doctor, "CHECKS", {"kernel cache": doctor._kernel_cache})
    said = finding("kernel cache")
    assert f"kernels cannot be kept in {blocked}" in said
    assert "set NUMBA_CACHE_DIR" in said


def test_doctor_finds_an_old_numba(monkeypatch):
    monkeypatch.setattr(doctor, "version", lambda name: "0.9.10" if name == "numba" else version(name))
    monkeypatch.setattr(doctor, "CHECKS", {"versions": doctor._versions})
    assert re.search(r"numba 0\.9\.10 is too old, [\d.]+ is needed: pip install --upgrade numba", finding("versions"))


def test_doctor_goes_on_where_a_call_is_broken(monkeypatch):
    def broken():
        raise ImportError("numba is 0.9.1, expected 0.61 or later")

    monkeypatch.setattr(doctor, "jobs", lambda *_, **__: [_warmup.Job("softmax float32", broken)])
    monkeypatch.setattr(doctor, "CHECKS", {"nothing": lambda: None})
    assert json.loads(run("doctor", "--json"))["first calls"] == {}


@pytest.mark.slow
def test_doctor_finds_a_broken_threading_layer(monkeypatch):
    monkeypatch.setenv("NUMBA_THREADING_LAYER", "nonsense")
    monkeypatch.setattr(doctor, "CHECKS", {"numba's threads": doctor._numba_threads})
    said = finding("numba's threads")
    assert "threading layer (nonsense) does not work" in said
    assert "fastsoftmax needs none" in said


def test_doctor_finds_threads_that_disagree(monkeypatch):
    results = iter([np.zeros(3), np.ones(3)])
    monkeypatch.setattr(doctor, "CHECKS", {"threads": doctor._threads})
    monkeypatch.setattr(fastsoftmax, "softmax", lambda _: next(results))
    assert finding("threads").startswith("wrong result: two threads give another result than one; please report")


@pytest.mark.parametrize(
    ("older", "newer"), [("0.61", "0.61.1"), ("0.9", "0.10"), ("1.26.4", "2.0"), ("2", "2.0.1rc1")]
)
def test_doctor_compares_versions(older, newer):
    assert doctor._release(older) < doctor._release(newer)
    assert doctor._release("2.0.0") == doctor._release("2.0") == doctor._release("2")
