"""Top-H: tokens until they hold a share of the entropy of the row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastsoftmax.samplers.step import ENTROPY, GO_ON, LOOK, OFF, Facts, Rows, Seen, Step, exp, log, number, whole, word
from fastsoftmax.samplers.top_k import TopK


@dataclass(frozen=True, eq=False)
class TopH(Step):
    """Keep the longest beginning, grown token by token, whose entropy is at most alpha times that of what is left.

    Parameters
    ----------
    alpha : float, default 0.0
        In [0, 1]; 0 is off.
    rule : {"paper", "transformers"}, default "paper"
        The entropy is that of the beginning, its probabilities made to sum to 1; or of the 100 largest alone, of which
        the beginning adds up its own terms -p log p.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.

    Notes
    -----
    transformers has it, and ignores its `min_tokens_to_keep` there. An entropy that is 2**-40 of itself above the bound
    has not exceeded it.
    Source: Potraghloo et al., "Top-H decoding" (2025), arXiv 2509.02510.
    """

    name = "top_h"
    way, needs = LOOK, ENTROPY

    alpha: Any = number(0.0, 0, 1)
    rule: str = word("paper", "transformers")
    min_keep: Any = whole(1, 1)

    @staticmethod
    def look(facts: Facts, seen: Seen, a: float, c: float) -> tuple[float, float, float]:
        """Return the sums of the weights and of the weights times the logits so far."""
        mass, energy = seen.one + seen.weight, seen.two + seen.weight * seen.logit
        entropy = log(mass) - energy / mass
        if c == 1.0:
            entropy = (mass * facts.log_mass - energy) / exp(facts.log_mass)
        above = entropy > a * facts.entropy * (1.0 + 2.0**-40)
        return mass, energy, seen.place if above else GO_ON

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0

    def operations(self, batch: tuple[int, ...] | None) -> list[Rows]:
        (own,) = super().operations(batch)
        if self.rule == "paper":
            return [own]
        (largest,) = TopK(100).operations(batch)
        largest = np.broadcast_to(largest, own.shape).copy()
        largest[own[:, 1] == OFF, 1] = OFF
        return [largest, own]
