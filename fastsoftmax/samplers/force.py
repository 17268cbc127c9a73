"""Force: one token, and no other, at one place of the output."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastsoftmax.samplers.edit import FORCED, Edit
from fastsoftmax.samplers.step import Rows, whole


@dataclass(frozen=True, eq=False)
class Force(Edit):
    """Drop all tokens but one where the output has so many tokens.

    Parameters
    ----------
    token : int, default -1
        The token; -1 is off.
    at : int, default 0
        Its place in the output, from 0 on.

    Notes
    -----
    transformers forces the beginning (at 0) and the end (at one less than the largest length).
    Source: transformers, `ForcedBOSTokenLogitsProcessor` (2021).
    """

    name = "force"
    source = FORCED

    token: Any = whole(-1, -1)
    at: Any = whole(0, 0)

    @property
    def largest(self) -> int:
        return int(np.max(self.token))

    @staticmethod
    def edit(z: float, x: float, a: float, b: float, c: float) -> float:
        """Return the new logit of the others."""
        return -np.inf

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == -1.0
