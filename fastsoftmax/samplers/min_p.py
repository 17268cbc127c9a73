"""Min-p: what is not much less likely than the most likely token."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import LEAST, Facts, Rows, Step, log, number, whole


@dataclass(frozen=True, eq=False)
class MinP(Step):
    """Keep what has at least p times the largest probability.

    Parameters
    ----------
    p : float, default 0.0
        In [0, 1]; 0 is off.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.

    Notes
    -----
    All engines have it, and all keep a token that has exactly p times the largest probability.
    Source: Nguyen et al., "Turning up the heat: min-p sampling" (2024), arXiv 2407.01082.
    """

    name = "min_p"
    way = LEAST

    p: Any = number(0.0, 0, 1)
    min_keep: Any = whole(1, 1)

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the least logit."""
        return log(a)

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
