"""A sampler that is not in the list is a file, a twin and two lines: the rest follows, as a copy of the code shows."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fastsoftmax as fs

ROOT = Path(fs.__file__).parents[1]
SAMPLER = '''"""Bottom: what is not much likelier than nothing goes."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import LEAST, LOG_MASS, TOKENS, Facts, Step, log, number


@dataclass(frozen=True, eq=False)
class Fair(Step):
    """Keep what has at least `share` times the probability 1 / n, where n tokens are left."""

    name = "fair"
    way, needs = LEAST, LOG_MASS | TOKENS

    share: Any = number(0.0, 0)

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        return log(a) - log(facts.tokens) + facts.log_mass

    @staticmethod
    def is_off(a, b, c):
        return a == 0.0
'''
TWIN = '''"""Keep what has at least a share of the probability 1 / n."""

import math


def keep(logits, share=0.0):
    total = math.fsum(math.exp(z - logits[0]) for z in logits)
    bar = share * (1 - 2**-40) / len(logits)
    return [i for i, z in enumerate(logits) if i == 0 or math.exp(z - logits[0]) / total >= bar]
'''
CHECK = """
import numpy as np, fastsoftmax as fs
from reference import chain
from fastsoftmax.cli.app import app
from typer.testing import CliRunner

rng = np.random.default_rng(0)
for samplers in ("top_k=30 fair=0.5", "fair=2.0 temperature=0.5", "temperature=2.0 fair=[1.5] top_p=0.9"):
    for size in (1, 50, 3000):
        row = rng.normal(size=size) * 2  # float64, as `table` takes its logits: one kernel to compile
        text = samplers.replace("[1.5]", "1.5")
        found = fs.probabilities(row, samplers=samplers).ravel()
        expected = np.array(chain.probabilities(row.tolist(), text))
        assert np.array_equal(found > 0, expected > 0) and np.allclose(found, expected, rtol=1e-12), samplers
try:
    fs.SamplerChain("fair=-1")
except ValueError as error:
    assert "fair's share is -1.0, expected a number >= 0" in str(error)
assert CliRunner().invoke(app, ["table", "a=1", "b=2", "--samplers", "fair=0.9"]).exit_code == 0
assert fs.MarkovChain(1).fit([list("aab")]).next_tokens("a", samplers="fair=1.0")[0]
"""


@pytest.mark.slow
def test_a_new_sampler_touches_its_own_places_alone(tmp_path):
    for folder in ("fastsoftmax", "reference"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "prebuilt"))
    for package, text, registered in (
        ("fastsoftmax", SAMPLER, ("    Gumbel,\n)", "    Gumbel,\n    Fair,\n)")),
        ("reference", TWIN, ('    "greedy": greedy.keep,', '    "greedy": greedy.keep,\n    "fair": fair.keep,')),
    ):
        folder = tmp_path / package / "samplers"
        (folder / "fair.py").write_text(text, encoding="utf-8")
        registry = (folder / "__init__.py").read_text(encoding="utf-8")
        imported = {"fastsoftmax": "from fastsoftmax.samplers.fair import Fair\n", "reference": ""}[package]
        after = "from fastsoftmax.samplers.eta import Eta\n" if imported else "    eta,\n"
        registry = registry.replace(after, after + (imported or "    fair,\n")).replace(*registered)
        (folder / "__init__.py").write_text(registry, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
