"""Top-a: a min-p that grows with the largest probability."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import LEAST, LOG_MASS, Facts, Rows, Step, log, number, whole


@dataclass(frozen=True, eq=False)
class TopA(Step):
    """Keep what has at least a times the square of the largest probability.

    Parameters
    ----------
    a : float, default 0.0
        In [0, 1]; 0 is off.
    min_keep : int, default 1
        So many tokens stay at least, as far as there are so many.

    Notes
    -----
    koboldcpp and text-generation-webui have it.
    Source: BlinkDL, RWKV-LM (2022).
    """

    name = "top_a"
    way, needs = LEAST, LOG_MASS

    a: Any = number(0.0, 0, 1)
    min_keep: Any = whole(1, 1)

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the least logit: log p >= log a + 2 log p_max, where log p_max is -log_mass."""
        return log(a) - facts.log_mass

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
