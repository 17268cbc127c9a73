"""Chains of other libraries: their words, their defaults, their order, and the rules in which they differ.

A preset leaves the peer's set of tokens, wherever a mass is not nearer to a bound than the peer's float32 can tell. The
token is another one: the peer's random numbers are its own. What needs the history comes first, as in the peers.

Read `servers` and `local` (the peers), then `common` and `edits` (what they share).
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastsoftmax.samplers.edit import NO_SOURCE, Edit
from fastsoftmax.samplers.parsing import near
from fastsoftmax.samplers.presets.local import (
    koboldcpp,
    llama_cpp,
    llama_cpp_python,
    mlx_lm,
    ollama,
    ollama_mlx,
    text_generation_webui,
)
from fastsoftmax.samplers.presets.servers import exllamav3, flashinfer, sglang, transformers, vllm
from fastsoftmax.samplers.step import OFF, Step
from fastsoftmax.samplers.xtc import XTC

PRESETS: dict[str, Callable[..., Iterator[Step]]] = {
    "transformers": transformers,
    "vllm": vllm,
    "sglang": sglang,
    "flashinfer": flashinfer,
    "llama.cpp": llama_cpp,
    "llama-cpp-python": llama_cpp_python,
    "mlx-lm": mlx_lm,
    "ollama": ollama,
    "ollama-mlx": ollama_mlx,
    "exllamav3": exllamav3,
    "koboldcpp": koboldcpp,
    "text-generation-webui": text_generation_webui,
}


def steps_of(name: str, words: dict[str, Any]) -> list[Step]:
    """Return the samplers of a preset, without those that are off.

    Raises
    ------
    TypeError, ValueError
        For an unknown preset or word, or a value outside the range of ours.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}{near(name, PRESETS)}, expected one of {', '.join(PRESETS)}")
    known = inspect.signature(PRESETS[name]).parameters
    for word in words:
        if word not in known:
            raise TypeError(f"the preset {name} has no word {word!r}{near(word, known)}, expected {', '.join(known)}")
    return [step for step in PRESETS[name](**words) if not _is_off(step)]


def _is_off(step: Step) -> bool:
    """Return whether a sampler does nothing, whatever the row."""
    if isinstance(step, XTC):
        return bool(np.all(np.equal(step.probability, 0)))
    if isinstance(step, Edit):
        return bool((step.edits(None, 0, 0)[:, 1] == NO_SOURCE).all())
    return all((rows[:, 1] == OFF).all() for rows in step.operations(None))
