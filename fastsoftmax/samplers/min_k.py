"""Min-k: up to the steepest fall of the sorted logits."""

import math
from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import COUNT, SHAPE, Facts, Step, number


@dataclass(frozen=True, eq=False)
class MinK(Step):
    """Keep what comes before the steepest relative fall from one sorted logit to the next, at least floor(tau / range).

    Parameters
    ----------
    tau : float, default 0.0
        >= 0: the least number of tokens, times the range of the logits.

    Notes
    -----
    The fall after the i-th logit is (z_i - z_(i+1)) / (i (range + 1e-8)). A temperature before it changes nothing
    while tau is 0. It is always on. Asked for in vLLM; no engine ships it.
    Source: Ding et al., "Min-k sampling: decoupling truncation from temperature scaling via relative logit dynamics"
    (2026), arXiv 2604.11012.
    """

    name = "min_k"
    way, needs = COUNT, SHAPE

    tau: Any = number(0.0, 0)

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return how many stay."""
        if facts.lowest == 0.0:
            return facts.tokens
        return max(facts.steepest, math.floor(a / -facts.lowest))
