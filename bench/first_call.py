"""What one waits for before the first result, and for each small one: import, compile, load, call.

Everything is measured in processes of its own: with an empty cache (compile), with the cache that this left (load), and
after that (a call on a row of 1,000, in which the work is small).
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import ROOT, environment

IMPORTS = ("fastsoftmax", "numba", "numpy", "scipy.special", "torch", "transformers", "markovify", "quantecon")

_ROW = "z = np.random.default_rng(0).standard_normal(1_000, dtype=np.float32)"
_SAMPLER = f"{_ROW}; sampler = fastsoftmax.Sampler(temperature=0.7, top_k=50, top_p=0.9, seed=0)"
_WORDS = "words = [['a', 'b', 'c', 'a', 'c', 'b', 'a'] * 10]"
_CHAIN = f"{_WORDS}; chain = fastsoftmax.MarkovChain().fit(words)"
CALLS = {  # function: (what comes before, the call)
    "softmax": (_ROW, "fastsoftmax.softmax(z)"),
    "log_softmax": (_ROW, "fastsoftmax.log_softmax(z)"),
    "logsumexp": (_ROW, "fastsoftmax.logsumexp(z)"),
    "sample": (_ROW, "fastsoftmax.sample(z, temperature=0.7, top_k=50, top_p=0.9, seed=0)"),
    "Sampler": (_SAMPLER, "sampler(z)"),
    "probabilities": (_ROW, "fastsoftmax.probabilities(z, temperature=0.7, top_k=50, top_p=0.9)"),
    "MarkovChain.fit": (_WORDS, "fastsoftmax.MarkovChain().fit(words)"),
    "MarkovChain.walk": (_CHAIN, "chain.walk(1, 100, seed=0, on_dead_end='restart')"),
    "MarkovChain.next_tokens": (_CHAIN, "chain.next_tokens('a')"),
}

_IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

_CALL = """
import json, time
import numpy as np
import fastsoftmax
{before}
start = time.perf_counter()
{call}
first = time.perf_counter() - start
rounds = []
for _ in range({rounds}):
    start = time.perf_counter()
    for _ in range({repeats}):
        {call}
    rounds.append((time.perf_counter() - start) / {repeats})
print(json.dumps([first, sorted(rounds)[len(rounds) // 2]]))
"""


def measure(quick: bool) -> dict[str, Any]:
    """Return seconds: `imports` by module, `calls` by function as {cold, warm, steady}."""
    repeats = 3 if quick else 7
    imports = {module: _median_of(repeats, _IMPORT.format(module=module)) for module in IMPORTS if _is_here(module)}
    calls = {}
    for name, (before, call) in CALLS.items():
        code = _CALL.format(before=before, call=call, rounds=11, repeats=500)
        with tempfile.TemporaryDirectory() as cache:
            cold, _ = json.loads(_output(code, Path(cache)))
            warm = [json.loads(_output(code, Path(cache))) for _ in range(repeats)]
        calls[name] = {"cold": cold, "warm": median(first for first, _ in warm), "steady": median(s for _, s in warm)}
    return {"imports": imports, "calls": calls}


def _is_here(module: str) -> bool:
    return subprocess.run([sys.executable, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


def _median_of(repeats: int, code: str) -> float:
    return median(float(_output(code)) for _ in range(repeats))


def _output(code: str, cache: Path | None = None) -> str:
    """Run code in a process of its own, with this tree to import from, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(ROOT, cache), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{code}\nfailed:\n{done.stderr}")
    return done.stdout
