"""Top-n-sigma: what is within n standard deviations of the largest logit."""

import math
from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import LEAST, MOMENTS, Facts, Rows, Step, number, whole, word


@dataclass(frozen=True, eq=False)
class TopNSigma(Step):
    """Keep logits that are at least the largest less n standard deviations of what is left.

    Parameters
    ----------
    n : float, default 0.0
        >= 0; 0 is off.
    sigma : {"population", "sample"}, default "population"
        Whether the squares are divided by their number, or by one less.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.

    Notes
    -----
    A temperature before it changes nothing. Logits of -inf are not counted, as in llama.cpp; text-generation-webui
    counts them as 0, and takes the sample's deviation.
    Source: Tang et al., "Top-n-sigma: not all logits are you need" (2024), arXiv 2411.07641.
    """

    name = "top_n_sigma"
    way, needs = LEAST, MOMENTS

    n: Any = number(0.0, 0)
    sigma: str = word("population", "sample")
    min_keep: Any = whole(1, 1)

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the least logit."""
        if c == 1.0 and facts.tokens > 1.0:
            return -a * facts.deviation * math.sqrt(facts.tokens / (facts.tokens - 1.0))
        return -a * facts.deviation

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
