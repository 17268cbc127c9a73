"""Top-p: the nucleus, the most likely tokens that share a mass of p."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import LOG_MASS, MASS, Facts, Rows, Step, number, whole, word


@dataclass(frozen=True, eq=False)
class TopP(Step):
    """Keep a token while the mass strictly before it is below p.

    Parameters
    ----------
    p : float, default 1.0
        In [0, 1]; 1 is off.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.
    ties : {"first", "all"}, default "first"
        Whether of the tokens that equal the last one the first stay, or all.
    crossing : {"keep", "drop"}, default "keep"
        Whether the token stays whose mass crosses p.
    equal : {"drop", "keep"}, default "drop"
        Whether a token stays that the mass of exactly p comes before.
    of : {"survivors", "all"}, default "survivors"
        Whether p is a share of the mass of what is left, or of that of the row before any filter.

    Notes
    -----
    A mass that is less than 2**-40 of itself short of p has reached it: ten equal tokens at p = 0.1 leave one.
    exllamav3 drops the crossing token. SGLang keeps one more where p is reached exactly. SGLang, mlx-lm and the joint
    filter of FlashInfer take p of the whole row. FlashInfer and mlx-lm keep all ties.
    Source: Holtzman et al., "The curious case of neural text degeneration" (2020), arXiv 1904.09751.
    """

    name = "top_p"
    way, needs = MASS, LOG_MASS

    p: Any = number(1.0, 0, 1)
    min_keep: Any = whole(1, 1)
    ties: str = word("first", "all")
    crossing: str = word("keep", "drop")
    equal: str = word("drop", "keep")
    of: str = word("survivors", "all")

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the share."""
        return a

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 1.0
