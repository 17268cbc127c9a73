"""Adaptive-p: the nearer a probability is to a target, the more likely."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import GUMBEL, REWEIGH, Step, number


@dataclass(frozen=True, eq=False)
class AdaptiveP(Step):
    """Replace each logit by 5 - 10 d^2 / (1 + d), d = abs(p - target) / 0.3, where p is the token's probability.

    It changes the order of the tokens, so it comes last; put a filter before it that drops the unlikely ones.

    Parameters
    ----------
    target : float, default 0.5
        The probability that is most wanted, in [0, 1].

    Notes
    -----
    In llama.cpp and koboldcpp the target moves with the probabilities that were drawn: give it, one a row, as it is.
    Source: MrJackSpade, llama.cpp, pull request 17927 (2026).

    Examples
    --------
    >>> from fastsoftmax import probabilities
    >>> probabilities([3.0, 2.0, 1.0], samplers="adaptive_p=0.2").round(3)
    array([0.   , 0.688, 0.312])
    """

    name = "adaptive_p"
    way = REWEIGH
    followers = (GUMBEL,)

    target: Any = number(0.5, 0, 1)

    @staticmethod
    def weigh(probability: float, a: float) -> float:
        """Return the new logit."""
        distance = abs(probability - a) / 0.3
        return 5.0 - 10.0 * distance * distance / (1.0 + distance)
