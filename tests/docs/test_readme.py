"""The code blocks of README and three pages, and the docstrings' examples, run and print what they say."""

import doctest
import importlib
import os
import platform
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fastsoftmax

ROOT = Path(__file__).parents[2]
PAGES = {
    page: (ROOT / page).read_text() for page in ("README.md", "docs/markov.md", "docs/chains.md", "docs/cluster.md")
}
EXAMPLES = {"README.md": 8, "docs/markov.md": 15, "docs/chains.md": 15, "docs/cluster.md": 12}  # at least
NEEDS = {"docs/cluster.md": "dask.array"}
COMMANDS = {"README.md": 5, "docs/markov.md": 5}  # at least
MODULES = ["_softmax", "_table", "sampling", "markov.chain", "markov.text", "_threads"]
MODULES += [
    "samplers.chain",
    "samplers.adaptive_p",
    "_warmup",
    "markov.making",
    "markov.giving",
    "markov.longrun.analysis",
    "markov.longrun.times",
    "markov.longrun.mixing",
    "markov.longrun.averages",
    "markov.longrun.changing",
    "markov.counted",
    "markov.walking.walks",
]


pytestmark = pytest.mark.slow


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_the_library_blocks(page):
    if page in NEEDS:
        pytest.importorskip(NEEDS[page], reason=f"{NEEDS[page]} is not installed")
    test = doctest.DocTestParser().get_doctest("\n".join(blocks(page, "python")), {}, page, page, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(test).failed == 0
    assert runner.tries >= EXAMPLES[page]


def test_the_two_set_up_commands_are_what_ci_runs():
    ci = (ROOT / ".ci" / "run").read_text().splitlines()
    commands = [block.strip() for block in blocks("README.md", "sh")]
    run, wheel, test = commands
    assert run in ci
    assert test in ci
    assert ".ci/wheel" in ci
    assert wheel.endswith(".venv/bin/python -m build --wheel")
    assert "-m build --wheel" in (ROOT / ".ci" / "wheel").read_text()


@pytest.mark.parametrize("page", PAGES)
def test_the_command_line_blocks(page, tmp_path):
    np.save(tmp_path / "logits.npy", np.random.default_rng(0).standard_normal((2, 300)).astype(np.float32))
    (tmp_path / "book.txt").write_text("The cat sat on the mat. The dog sat on the cat. A dog ran to the mat.\n" * 3)
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    commands = re.findall(r"^\$ (.*)\n([^$]*)", "\n".join(blocks(page, "console")), re.MULTILINE)
    assert len(commands) >= COMMANDS.get(page, 0)
    for command, shown in commands:
        done = subprocess.run(
            shlex.split(command), cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=300
        )
        assert done.returncode == 0, (command, done.stderr)
        assert done.stdout
        if shown.strip() and platform.python_version() in PAGES[page]:  # another Python has another reference
            assert done.stdout.split() == shown.split()


@pytest.mark.parametrize("name", MODULES)
def test_the_docstrings(name):
    importlib.import_module(f"fastsoftmax.{name}")
    module = sys.modules[f"fastsoftmax.{name}"]
    public = {name: getattr(fastsoftmax, name) for name in fastsoftmax.__all__}
    assert doctest.testmod(module, extraglobs=public).failed == 0


def test_every_public_name_has_a_numpydoc_docstring():
    for name in fastsoftmax.__all__:
        text = getattr(fastsoftmax, name).__doc__
        assert text, name
        assert text.splitlines()[0].endswith("."), name
