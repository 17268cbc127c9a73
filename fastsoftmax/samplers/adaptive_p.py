"""Adaptive-p: the nearer a probability is to a target, the more likely."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import GUMBEL, REWEIGH, Rows, Step, number


@dataclass(frozen=True, eq=False)
class AdaptiveP(Step):
    """Replace each logit by 5 - 10 d^2 / (1 + d), d = abs(p - aim) / 0.3, where p is the token's probability.

    The aim is the target until a token is drawn; then it makes up for how far the average of the probabilities drawn so
    far is from the target. It changes the order of the tokens, so it comes last; put a filter before it that drops the
    unlikely ones.

    Parameters
    ----------
    target : float, default 0.5
        The probability that is most wanted, in [0, 1].
    decay : float, default 1.0
        How much of the average of the drawn probabilities a draw leaves, in [0, 1]; 1 leaves all of it, and then the
        aim is the target and no state is asked for.

    Notes
    -----
    The aim is 2 target - average, in [0, 1]; the average, which the state keeps, begins as the target. llama.cpp,
    koboldcpp and text-generation-webui have a decay of 0.9 and at most 0.99. They change the average when a drawn token
    is accepted, exllamav3 when it is drawn; here the state after the draw has it.
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
    decay: Any = number(1.0, 0, 1)

    @staticmethod
    def weigh(probability: float, a: float, c: float) -> float:
        """Return the new logit."""
        distance = abs(probability - min(max(2.0 * a - c, 0.0), 1.0)) / 0.3
        return 5.0 - 10.0 * distance * distance / (1.0 + distance)

    @staticmethod
    def first(a: Rows, b: Rows) -> Rows:
        return a

    @staticmethod
    def learns(a: Rows, b: Rows) -> Any:
        return b < 1.0

    @staticmethod
    def learn(probability: float, a: float, b: float, c: float) -> float:
        """Return the average of the drawn probabilities, which weigh less the older they are."""
        return (1.0 - b) * probability + b * c
