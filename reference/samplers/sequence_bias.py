"""Sequence bias: a number for each token that would end a sequence; -inf for bad words, and for an early end."""

import math
from collections.abc import Sequence

from reference.samplers.common import integer
from reference.samplers.history import ends_with, listed, window


def edit(
    logits: Sequence[float],
    history: Sequence[int],
    prompt: int,
    sequences: Sequence[int | Sequence[int]] = (),
    values: float | Sequence[float] = -math.inf,
    of: str = "all",
    until: int = 0,
) -> list[float]:
    """Add a value to the last token of each sequence that the history ends with, but for that token.

    until=n: only while the part of the history has fewer than n tokens. Transformers, `SequenceBiasLogitsProcessor`
    (2023).
    """
    integer("sequence_bias.until", until, 0)
    tokens = window(history, prompt, of)
    edited = list(logits)
    found = listed(sequences)
    own = [values] * len(found) if isinstance(values, int | float) else values
    for (*begin, last), value in zip(found, own, strict=True):
        if not value < math.inf:
            raise ValueError(f"sequence_bias.values has {value}, expected numbers below inf")
        if ends_with(tokens, begin) and not 0 < until <= len(tokens):
            edited[last] = edited[last] + value if value > -math.inf else value
    return edited
