"""Dynamic temperature: hot where the row is undecided, cold where it is sure."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import ENTROPY, SCALE, Facts, Rows, Step, exp, log, number


@dataclass(frozen=True, eq=False)
class DynamicTemperature(Step):
    """Divide the logits by T' = low + (high - low) (H / log n)^exponent.

    H is the entropy of what is left and n the number of tokens in it, so H / log n is in [0, 1].

    Parameters
    ----------
    low, high : float, default 1.0
        T' of a sure row and of an undecided one, >= 0. Both 1 is off.
    exponent : float, default 1.0
        How T' rises with the entropy, >= 0.

    Notes
    -----
    llama.cpp and koboldcpp name low and high by their middle and half of their distance (`dynatemp_range`), and count
    tokens of -inf in n. One token alone is left as it is. text-generation-webui sums the entropy over the whole batch.
    Source: kalomaze, koboldcpp (2023); llama.cpp cites Zhu et al., arXiv 2309.02772.
    """

    name = "dynamic_temperature"
    way, needs = SCALE, ENTROPY

    low: Any = number(1.0, 0)
    high: Any = number(1.0, 0)
    exponent: Any = number(1.0, 0)

    @staticmethod
    def scale(facts: Facts, a: float, b: float, c: float) -> tuple[float, float, float]:
        """Return the slope."""
        if facts.tokens <= 1.0:
            return 1.0, 0.0, 0.0
        share = facts.entropy / log(facts.tokens)
        share = share if share < 1.0 - 2.0**-40 else 1.0  # equal tokens, but for rounding
        temperature = a + (b - a) * (exp(c * log(share)) if c > 0.0 else 1.0)
        return (min(1.0 / temperature, 1.7e308) if temperature > 0.0 else 1.0 / 0.0), 0.0, 0.0

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return (a == 1.0) & (b == 1.0)
