"""Repetition penalty: what came before is divided by a number."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.edit import COUNTS, LARGEST, PARTS, Edit
from fastsoftmax.samplers.step import Rows, number, whole, word


@dataclass(frozen=True, eq=False)
class Repetition(Edit):
    """Divide the logit of each token that came before by a number where it is above 0, and multiply it elsewhere.

    Parameters
    ----------
    penalty : float, default 1.0
        In (0, 3.4e38]; 1 is off, below 1 tokens that came before are likelier.
    of : {"all", "output", "prompt"}, default "all"
        Which part of the history counts.
    last : int, default 0
        How many of its last tokens count; 0 for all of them.

    Notes
    -----
    vLLM and transformers count prompt and output, SGLang the output, llama.cpp and ollama the last 64 tokens, mlx-lm
    the last 20. The penalty on the encoder's tokens of transformers is ``repetition(penalty=1 / p, of=prompt)``.
    Source: Keskar et al., "CTRL" (2019), arXiv 1909.05858.
    """

    name = "repetition"
    source = COUNTS

    penalty: Any = number(1.0, 0, LARGEST, above=True)
    of: str = word(*PARTS)
    last: Any = whole(0, 0)

    @staticmethod
    def edit(z: float, x: float, a: float, b: float, c: float) -> float:
        """Return the new logit."""
        return z / a if z > 0.0 else z * a

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 1.0
