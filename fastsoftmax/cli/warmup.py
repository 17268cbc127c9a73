"""The command `warmup`: compile the usual signatures by calling the public functions on tiny inputs."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

import fastsoftmax
from fastsoftmax._jit import cache_directories
from fastsoftmax.cli import output

Job = tuple[str, Callable[[], object]]

LENGTHS = (4, 200, 1000)  # a batch has a kernel for short rows, one for middling and one for long ones


def run() -> None:
    """Compile, and print the time of each function and dtype."""
    inputs = dict(_inputs())
    jobs = [*_logits_jobs(inputs), *_markov_jobs()]
    lines = []
    with output.progress() as bar:
        task = bar.add_task("", total=len(jobs))
        for name, call in jobs:
            bar.update(task, description=name)
            started = time.perf_counter()
            call()
            lines.append(f"{name:<34}{time.perf_counter() - started:8.3f} s")
            bar.advance(task)
    if "bfloat16" not in inputs:
        lines.append("bfloat16 skipped: neither ml_dtypes nor torch is installed")
    output.write("\n".join([*lines, f"kernels are kept in {cache_directories()[0]}"]))


def _inputs() -> Iterator[tuple[str, Any]]:
    """Yield tiny logits of each dtype."""
    row = np.arange(4.0)
    for dtype in (np.float32, np.float64, np.float16):
        yield np.dtype(dtype).name, row.astype(dtype)
    if find_spec("ml_dtypes") is not None:
        from ml_dtypes import bfloat16

        yield "bfloat16", row.astype(bfloat16)
    elif find_spec("torch") is not None:
        import torch

        yield "bfloat16", torch.arange(4, dtype=torch.bfloat16)


def _logits_jobs(inputs: dict[str, Any]) -> Iterator[Job]:
    for dtype, logits in inputs.items():
        for function in (fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp):
            yield f"{function.__name__} {dtype}", partial(_at_every_length, function, logits)
            if dtype.endswith("16") and function is not fastsoftmax.logsumexp:
                yield (
                    f"{function.__name__} {dtype} to float32",
                    partial(_at_every_length, function, logits, dtype=np.float32),
                )
        for reduction in (fastsoftmax.sample, fastsoftmax.probabilities):
            yield f"{reduction.__name__} {dtype}", partial(reduction, logits)


def _at_every_length(function: Callable[..., Any], logits: Any, **options: Any) -> None:
    """Call a function on one row, on rows of all lengths that differ in their kernel, and on columns."""
    function(logits, **options)
    for length in LENGTHS:
        function(logits[[0] * 2 * length].reshape(2, length), **options)
    columns = logits[[0] * 32].reshape(2, 16)
    function(columns, axis=0, **options)


def _markov_jobs() -> Iterator[Job]:
    chain = fastsoftmax.MarkovChain(order=1)
    yield "MarkovChain.fit", partial(chain.fit, [["a", "b"], ["a", "a"]])
    yield "MarkovChain.walk", lambda: chain.walk(n=2, length=4)
    yield "MarkovChain.walk at T=0.5", lambda: chain.walk(n=2, length=4, temperature=0.5, top_p=0.9)
    text = fastsoftmax.MarkovText(keep_text=True)
    yield "MarkovText.fit", partial(text.fit, "A word. A word more.")
    yield "MarkovText.generate", text.generate
    yield "MarkovText.generate within bounds", partial(text.generate, max_words=9, novelty=0.1)
    yield "MarkovText.log_likelihood", partial(text.log_likelihood, "A word.")
