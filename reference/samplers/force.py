"""Force: one token, and no other, at one place of the output."""

import math
from collections.abc import Sequence

from reference.samplers.common import integer


def edit(logits: Sequence[float], history: Sequence[int], prompt: int, token: int = -1, at: int = 0) -> list[float]:
    """Drop all tokens but one where the output has `at` tokens. token=-1 is off.

    Transformers, `ForcedBOSTokenLogitsProcessor` (2021).
    """
    integer("force.token", token, -1)
    integer("force.at", at, 0)
    here = token >= 0 and len(history) - prompt == at
    return [z if i == token or not here else -math.inf for i, z in enumerate(logits)]
