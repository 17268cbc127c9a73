"""Presence penalty: what came before has less, once."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.edit import COUNTS, LARGEST, PARTS, Edit
from fastsoftmax.samplers.step import Rows, number, whole, word


@dataclass(frozen=True, eq=False)
class Presence(Edit):
    """Subtract a number from the logit of each token that came before, however often it came.

    Parameters
    ----------
    penalty : float, default 0.0
        In [-3.4e38, 3.4e38]; 0 is off, below 0 tokens that came before are likelier.
    of : {"output", "all", "prompt"}, default "output"
        Which part of the history counts.
    last : int, default 0
        How many of its last tokens count; 0 for all of them.

    Notes
    -----
    OpenAI, vLLM and SGLang count the output; llama.cpp, ollama, mlx-lm and text-generation-webui the prompt too.
    Source: OpenAI, API reference, "Frequency and presence penalties" (2021).
    """

    name = "presence"
    source = COUNTS

    penalty: Any = number(0.0, -LARGEST, LARGEST)
    of: str = word(PARTS[1], PARTS[0], PARTS[2])
    last: Any = whole(0, 0)

    @staticmethod
    def edit(z: float, x: float, a: float, b: float, c: float) -> float:
        """Return the new logit."""
        return z - a

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
