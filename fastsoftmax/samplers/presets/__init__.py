"""Chains of other libraries: their words, their defaults, their order, and the rules in which they differ.

A preset leaves the peer's set of tokens, wherever a mass is not nearer to a bound than the peer's float32 can tell. The
token is another one: the peer's random numbers are its own. What needs the history comes first, as in the peers.

Read `servers` and `local` (the peers), then `common` and `edits` (what they share).
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

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
from fastsoftmax.samplers.step import Step

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
    return [step for step in PRESETS[name](**words) if not step.is_idle()]
