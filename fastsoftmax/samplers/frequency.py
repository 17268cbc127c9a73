"""Frequency penalty: what came before has less, each time it came."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.edit import COUNTS, LARGEST, PARTS, Edit
from fastsoftmax.samplers.step import Rows, number, whole, word


@dataclass(frozen=True, eq=False)
class Frequency(Edit):
    """Subtract a number from the logit of each token that came before, as often as it came.

    Parameters
    ----------
    penalty : float, default 0.0
        In [-3.4e38, 3.4e38]; 0 is off, below 0 tokens that came before are likelier.
    of : {"output", "all", "prompt"}, default "output"
        Which part of the history counts.
    last : int, default 0
        How many of its last tokens count; 0 for all of them.

    Notes
    -----
    Peers count as for the presence penalty.
    Source: OpenAI, API reference, "Frequency and presence penalties" (2021).
    """

    name = "frequency"
    source = COUNTS

    penalty: Any = number(0.0, -LARGEST, LARGEST)
    of: str = word(PARTS[1], PARTS[0], PARTS[2])
    last: Any = whole(0, 0)

    @staticmethod
    def edit(z: float, x: float, a: float, b: float, c: float) -> float:
        """Return the new logit; x is how often the token came."""
        return z - a * x

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0
