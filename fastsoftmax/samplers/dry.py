"""DRY, do not repeat yourself: what would go on with a repetition has less, the more the longer it is."""

from dataclasses import dataclass
from typing import Any

from fastsoftmax.samplers.edit import LARGEST, MATCHES, Edit, sequences
from fastsoftmax.samplers.step import Rows, log, number, whole


@dataclass(frozen=True, eq=False)
class Dry(Edit):
    """Subtract multiplier * base**(match - allowed_length) from the logit of a token that would lengthen a repetition.

    A match is how many tokens before an earlier occurrence of the token are those that the history ends with.

    Parameters
    ----------
    multiplier : float, default 0.0
        At least 0; 0 is off.
    base : float, default 1.75
        At least 1.
    allowed_length : int, default 2
        Shorter matches are free.
    last : int, default 0
        How many of the last tokens of the history count; 0 for all of them.
    breakers : sequences of tokens, default ()
        No match goes over one of them, as over the end of a line. A breaker of one token is itself never charged.

    Notes
    -----
    The exponent is at most that with which float32 runs over, as in llama.cpp, whose rules these are; its breakers are
    texts. koboldcpp charges breakers, text-generation-webui takes single tokens and matches of up to 50.
    Source: p-e-w, text-generation-webui, pull request 5677 (2024).
    """

    name = "dry"
    source = MATCHES

    multiplier: Any = number(0.0, 0, LARGEST)
    base: Any = number(1.75, 1, LARGEST)
    allowed_length: Any = whole(2, 0)
    last: Any = whole(0, 0)
    breakers: Any = sequences()

    @staticmethod
    def edit(z: float, x: float, a: float, b: float, c: float) -> float:
        """Return the new logit; x is the length of the match."""
        exponent = x - c
        if b > 1.000001:
            exponent = min(exponent, 88.7228391 // log(b))
        charged = a
        for _ in range(int(exponent)):  # by multiplications, the same on every CPU
            charged *= b
        return z - charged

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0

    @staticmethod
    def least(a: Rows, b: Rows, c: Rows) -> Any:
        return c
