"""Tail-free sampling: up to where the sorted probabilities become flat."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import GO_ON, LOOK, SHAPE, Facts, Rows, Seen, Step, exp, number, whole, word


@dataclass(frozen=True, eq=False)
class TailFree(Step):
    """Keep tokens until the second differences of the sorted probabilities, in absolute value, make up z of their sum.

    Parameters
    ----------
    z : float, default 1.0
        In [0, 1]; 1 is off.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.
    crossing : {"drop", "keep"}, default "drop"
        Whether the token stays at which z is exceeded.

    Notes
    -----
    koboldcpp drops the crossing token, text-generation-webui keeps it. One or two tokens stay as they are. It sorts all
    that is left: put it after a filter that leaves few, as koboldcpp does.
    Source: Bricken, "Tail free sampling" (2019).
    """

    name = "tail_free"
    way, needs = LOOK, SHAPE

    z: Any = number(1.0, 0, 1)
    min_keep: Any = whole(1, 1)
    crossing: str = word("drop", "keep")

    @staticmethod
    def look(facts: Facts, seen: Seen, a: float, c: float) -> tuple[float, float, float]:
        """Return the sum so far."""
        bend = abs((seen.weight - seen.following) - (seen.following - seen.after))
        share = bend / facts.bends
        if not facts.bends > 1e-6 * exp(facts.log_mass):  # as good as flat
            share = 1.0 / (facts.tokens - 2.0)
        total = seen.one + share
        reached = seen.place < facts.tokens - 2.0 and total > a
        return total, 0.0, seen.place if reached else GO_ON

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 1.0
