"""The reference as a package, and its command that compares it with the library."""

import ast
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import reference
from reference import __main__ as cross_check
from reference import probabilities, sample, softmax


def test_names():
    assert all(hasattr(reference, name) for name in reference.__all__)
    assert reference.__all__ == sorted(reference.__all__)


def test_the_reference_imports_nothing_but_the_standard_library():
    """Only the cross-check sees the library and NumPy."""
    for path in Path(reference.__file__).parent.rglob("*.py"):
        if path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "reference"}, (path.name, name)


def stand_in(softmax_factor=1.0, mass_factor=1.0, top_p_factor=1.0, min_p_factor=1.0, shift=0):
    """Return a library made of the reference, wrong on purpose where asked to be."""

    def cut_offs(words):
        return {**words, "top_p": words["top_p"] * top_p_factor, "min_p": words["min_p"] * min_p_factor}

    def library_softmax(rows, *, temperature):
        result = [softmax(row.tolist(), temperature) for row in rows.astype(float)]
        return (np.array(result) * softmax_factor).astype(rows.dtype)

    def library_probabilities(rows, **words):
        result = [probabilities(row.tolist(), **cut_offs(words)) for row in rows.astype(float)]
        return (np.array(result) * mass_factor).astype(rows.dtype)

    def library_sample(rows, *, n, seed, **words):
        tokens = [sample(row.tolist(), n=n, seed=seed, **cut_offs(words)) for row in rows.astype(float)]
        return (np.array(tokens) + shift) % rows.shape[-1]

    return SimpleNamespace(softmax=library_softmax, probabilities=library_probabilities, sample=library_sample)


@pytest.fixture
def logits_file(tmp_path):
    def save(array):
        np.save(tmp_path / "logits.npy", array)
        return str(tmp_path / "logits.npy")

    return save


@pytest.fixture
def logits():
    rng = np.random.default_rng(0)
    return rng.normal(0, 2, (2, 3, 40))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("words", ["", "--temperature .7 --top-k 30 --top-p .9 --min-p .02", "--temperature 0"])
def test_cross_check_agrees(monkeypatch, capsys, logits_file, logits, dtype, words):
    monkeypatch.setattr(cross_check, "fastsoftmax", stand_in())
    assert cross_check.main([logits_file(logits.astype(dtype)), *words.split(), "--rows", "3"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith("seed 0")
    assert "3 rows of 40" in printed[0]
    assert printed[-1] == "agree"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"softmax_factor": 1 + 1.5e-15}, ""),
        ({"softmax_factor": np.nan}, ""),
        ({"mass_factor": 1 + 2e-12}, ""),
        ({"mass_factor": np.nan}, ""),
        ({"top_p_factor": 1 - 1e-2}, "--top-p .9"),
        ({"min_p_factor": 1 + 1e-2}, "--min-p .505"),
        ({"shift": 1}, ""),
    ],
)
def test_cross_check_disagrees(monkeypatch, capsys, logits_file, fault, words):
    monkeypatch.setattr(cross_check, "fastsoftmax", stand_in(**fault))
    # Masses 1 to 100: moved by a hundredth, a cut-off passes over some token.
    file = logits_file(np.log(np.arange(1.0, 101.0))[None])
    assert cross_check.main([file, *words.split()]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "DISAGREE"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_cross_check_inside_a_boundary(monkeypatch, capsys, logits_file, dtype):
    """Half of eight equal tokens, as far above p as still counts as p: a hair higher keeps 5, and either is right."""
    file = logits_file(np.zeros((1, 8), dtype))
    half, moved = 0.5 / (1 - 2**-40), 3e-13
    for factor in (1 - moved, 1 + moved):
        monkeypatch.setattr(cross_check, "fastsoftmax", stand_in(top_p_factor=factor))
        assert cross_check.main([file, "--top-p", str(half)]) == 0
    assert "  1 rows" in capsys.readouterr().out
    # Ten times as far from the boundary, only one side is right.
    monkeypatch.setattr(cross_check, "fastsoftmax", stand_in(top_p_factor=1 - 20 * moved))
    assert cross_check.main([file, "--top-p", str(half * (1 + 10 * moved))]) == 1


@pytest.mark.slow
def test_cross_check_of_the_library(logits_file, logits):
    words = ["--temperature", ".7", "--top-k", "30", "--top-p", ".9", "--min-p", ".02"]
    for dtype in ("float16", "float32", "float64"):
        assert cross_check.main([logits_file(logits.astype(dtype)), *words]) == 0


def test_cross_check_of_a_library_that_refuses(monkeypatch, capsys, logits_file, logits):
    library = stand_in()

    def refuse(rows, **words):
        raise ValueError("no")

    library.sample = refuse
    monkeypatch.setattr(cross_check, "fastsoftmax", library)
    assert cross_check.main([logits_file(logits)]) == 1
    assert "refuses what the reference accepts: no" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "words", "message"),
    [
        (np.array([[1.0, np.nan]]), "", "row 0: logits is NaN at index 1"),
        (np.array([[0.0], [-np.inf]]), "", "row 1: logits is empty or all -inf"),
        (np.array(1.0), "", "has shape ()"),
        (np.zeros((0, 3)), "", "has shape (0, 3)"),
        (np.array([1j]), "", "dtype complex128"),
        (np.array(["a"]), "", "dtype <U1"),
        (np.array([1.0]), "--temperature -1", "temperature is -1.0"),
        (np.array([1.0]), "--top-p 2", "top_p is 2.0"),
        (np.array([1.0]), "--rows 0", "rows is 0"),
        (np.array([1.0]), "--seed -1", "seed is -1"),
    ],
)
def test_cross_check_bad_input(capsys, logits_file, array, words, message):
    assert cross_check.main([logits_file(array), *words.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"hello", b"\x93NUMPY\x01\x00", b"\x80\x04K*."])
def test_cross_check_unreadable_file(capsys, tmp_path, content):
    file = tmp_path / "logits.npy"
    if content is not None:
        file.write_bytes(content)
    assert cross_check.main([str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_cross_check_archive(capsys, tmp_path):
    np.savez(tmp_path / "logits.npz", a=np.zeros(3))
    assert cross_check.main([str(tmp_path / "logits.npz")]) == 2
    assert "archive" in capsys.readouterr().err
