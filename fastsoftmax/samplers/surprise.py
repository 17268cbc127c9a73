"""What the two versions of mirostat share: the bound mu on the surprise of a token, and how a draw moves it."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.step import GUMBEL, LN2, Rows, Step, log, number


@dataclass(frozen=True, eq=False)
class Surprise(Step):
    """Keep mu, in bits: it begins as 2 tau."""

    followers = (GUMBEL,)

    tau: Any = number(5.0, 0, 1e6)
    eta: Any = number(0.1, 0, 1e6)

    @staticmethod
    def first(a: Rows, b: Rows) -> Rows:
        return 2.0 * a

    @staticmethod
    def learn(probability: float, a: float, b: float, c: float) -> float:
        """Return mu after a token of that probability."""
        return c - b * (-log(probability) / LN2 - a)
