"""P-step: up to the first large fall from one probability to the next."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import GO_ON, LOOK, Facts, Rows, Seen, Step, log, number, whole


@dataclass(frozen=True, eq=False)
class PStep(Step):
    """Keep the tokens before the first whose probability is less than `ratio` times that of the one before it.

    Parameters
    ----------
    ratio : float, default 0.0
        In [0, 1]; 0 is off.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.

    Notes
    -----
    Asked for in llama.cpp since 2024; no engine ships it.
    Source: llama.cpp, pull request 5675 (2024).
    """

    name = "p_step"
    way = LOOK

    ratio: Any = number(0.0, 0, 1)
    min_keep: Any = whole(1, 1)

    @staticmethod
    def look(facts: Facts, seen: Seen, a: float, c: float) -> tuple[float, float, float]:
        """Stop where the fall is large."""
        fell = seen.place > 0 and seen.logit - seen.before < log(a)
        return 0.0, 0.0, seen.place if fell else GO_ON

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
