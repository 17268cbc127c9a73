"""Dynamic temperature: cool where the model is sure, hot where it is not."""

import math
from collections.abc import Sequence

from reference.samplers import temperature
from reference.samplers.common import SLACK, entropy, finite


def scale(
    logits: Sequence[float],
    low: float = 1.0,
    high: float = 1.0,
    exponent: float = 1.0,
    *,
    row: Sequence[float] | None = None,
) -> list[float]:
    """Divide the logits by a temperature that grows with their entropy.

    Y. Zhu et al., "Improving code generation by dynamic temperature sampling" (2023), arXiv 2309.02772; the rule is
    that of koboldcpp and llama.cpp: T = low + (high - low) (H / ln n)^exponent, with H the entropy of the n tokens
    that are left and ln n its largest value. One token alone is not changed. `row`: scale these instead.
    """
    for name, value in (("low", low), ("high", high), ("exponent", exponent)):
        finite(f"dynamic_temperature.{name}", value)
    if len(logits) == 1:
        return list(logits if row is None else row)
    share = entropy(logits) / math.log(len(logits))
    if share > 1 - SLACK:  # equal tokens, but for rounding
        share = 1.0
    return temperature.scale(logits, low + (high - low) * share**exponent, row=row)
