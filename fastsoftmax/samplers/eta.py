"""Eta sampling: a least probability that falls where the row is undecided."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import ENTROPY, LEAST, Facts, Rows, Step, log, number, whole, word


@dataclass(frozen=True, eq=False)
class Eta(Step):
    """Keep what has at least the probability min(epsilon, sqrt(epsilon) exp(-H)), H the entropy of what is left.

    Parameters
    ----------
    epsilon : float, default 0.0
        In [0, 1]; 0 is off.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.
    ties : {"first", "all"}, default "first"
        Whether of the equals of the last one that `min_keep` keeps the first stay, or all.

    Notes
    -----
    Where nothing has it, the first token stays; transformers keeps all that equal it. text-generation-webui takes it in
    units of 1e-4.
    Source: Hewitt, Manning and Liang, "Truncation sampling as language model desmoothing" (2022), arXiv 2210.15191.
    """

    name = "eta"
    way, needs = LEAST, ENTROPY

    epsilon: Any = number(0.0, 0, 1)
    min_keep: Any = whole(1, 1)
    ties: str = word("first", "all")

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the least logit."""
        return min(log(a), 0.5 * log(a) - facts.entropy) + facts.log_mass

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
