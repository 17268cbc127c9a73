"""Locally typical sampling: tokens about as surprising as the row is on average."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import ENTROPY, NEAREST, Facts, Rows, Step, number, whole, word


@dataclass(frozen=True, eq=False)
class Typical(Step):
    """Keep the tokens whose surprise -log p is nearest to the entropy, until they share a mass of p.

    Parameters
    ----------
    p : float, default 1.0
        In [0, 1]; 1 is off.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.
    ties : {"first", "all"}, default "first"
        Whether of what is as near as the last token the first stay, or all.
    equal : {"drop", "keep"}, default "drop"
        Whether a token stays that the mass of exactly p comes before.

    Notes
    -----
    Of two tokens that are as near the larger logit comes first, and of equals the one next to what is kept, so that a
    band of the order is kept. transformers keeps all ties; llama.cpp keeps one more where p is reached exactly.
    Source: Meister et al., "Locally typical sampling" (2023), arXiv 2202.00666.
    """

    name = "typical"
    way, needs = NEAREST, ENTROPY

    p: Any = number(1.0, 0, 1)
    min_keep: Any = whole(1, 1)
    ties: str = word("first", "all")
    equal: str = word("drop", "keep")

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the logit whose surprise is the entropy."""
        return facts.log_mass - facts.entropy

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 1.0
