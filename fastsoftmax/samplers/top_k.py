"""Top-k: the k most likely tokens."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import COUNT, Facts, Rows, Step, whole, word


@dataclass(frozen=True, eq=False)
class TopK(Step):
    """Keep the first k tokens.

    Parameters
    ----------
    k : int, default 0
        0 and -1 are off, and so is k at or above what is left.
    ties : {"first", "all"}, default "first"
        Whether of the tokens that equal the k-th one the first stay, or all.

    Notes
    -----
    transformers, vLLM and FlashInfer keep all ties; llama.cpp, SGLang and mlx-lm keep k tokens, and do not say which of
    equal ones.
    Source: Fan, Lewis and Dauphin, "Hierarchical neural story generation" (2018), arXiv 1805.04833.
    """

    name = "top_k"
    way = COUNT

    k: Any = whole(0, -1)
    ties: str = word("first", "all")

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return how many stay."""
        return a

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a <= 0.0
