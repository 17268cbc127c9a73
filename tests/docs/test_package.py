"""What is installed: one package, typed, with three runtime dependencies."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import fastsoftmax
from fastsoftmax._jit import compiling

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_runtime_dependencies():
    names = {re.split(r"[<>=!~ ]", one)[0] for one in PROJECT["project"]["dependencies"]}
    assert names == {"numpy", "numba", "safetensors"}


def test_only_the_package_is_in_the_wheel():
    wheel = {"packages": ["fastsoftmax"], "hooks": {"custom": {}}}
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"] == wheel
    assert (Path(fastsoftmax.__file__).parent / "py.typed").is_file()


def test_the_version_is_the_changelogs():
    version = PROJECT["project"]["version"]
    assert metadata.version("fastsoftmax") == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    assert not hasattr(fastsoftmax, "__version__")


def _imported(code):
    """Return the packages that are imported when a new process has run some code."""
    code += "; import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    return set(done.stdout.split())


def test_importing_needs_no_numba():
    assert not _imported("import fastsoftmax; dir(fastsoftmax)") & {"numba", "llvmlite", "numpy", "safetensors"}


def test_words_need_no_samplers():
    """Their files take 40 ms to import, of which a token by the four words has no use."""
    code = "import sys, fastsoftmax as fs; fs.sample([1.0, 2.0], top_p=0.9, seed=1); fs.Sampler(seed=1)([1.0, 2.0])"
    code += "; print([name for name in sys.modules if name.startswith('fastsoftmax.samplers')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]"]


def test_every_name_is_imported_when_it_is_used():
    assert "numba" in _imported("from fastsoftmax import *; softmax, MarkovChain, sample, set_num_threads")
    assert {*fastsoftmax.__all__} <= {*dir(fastsoftmax)}
    assert {*fastsoftmax.__all__} == {name for names in fastsoftmax._HOMES.values() for name in names}
    with pytest.raises(AttributeError, match="module 'fastsoftmax' has no attribute 'nothing'"):
        assert fastsoftmax.nothing


def test_importing_needs_no_extra():
    assert not _imported("from fastsoftmax import *") & {
        "typer",
        "rich",
        "torch",
        "ml_dtypes",
        "pytest",
        "hypothesis",
        "transformers",
        "dask",
        "reference",
    }


def test_an_old_numba_is_refused(monkeypatch):
    assert f"numba>={'.'.join(map(str, compiling.OLDEST_NUMBA))}" in PROJECT["project"]["dependencies"]
    monkeypatch.setattr(compiling.numba, "__version__", "0.9.1")
    with pytest.raises(ImportError, match=r"numba is 0\.9\.1, expected .* or later: pip install --upgrade numba"):
        compiling._refuse_old_numba()
