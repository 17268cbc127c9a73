"""DRY, do not repeat yourself: what would go on with a repetition has less, the more the longer it is."""

import math
from collections.abc import Sequence

from reference.samplers.common import between, integer
from reference.samplers.history import listed, match, window

FLOAT32_RUNS_OVER = 88.7228391  # its logarithm


def edit(
    logits: Sequence[float],
    history: Sequence[int],
    prompt: int,
    multiplier: float = 0.0,
    base: float = 1.75,
    allowed_length: int = 2,
    last: int = 0,
    breakers: Sequence[int | Sequence[int]] = (),
) -> list[float]:
    """Subtract multiplier * base**(match - allowed_length) from what came after a match that is long enough.

    p-e-w, text-generation-webui, pull request 5677 (2024), with the bounds of llama.cpp.
    """
    between("dry.multiplier", multiplier, 0, 3.4e38)
    between("dry.base", base, 1, 3.4e38)
    integer("dry.allowed_length", allowed_length, 0)
    tokens = window(history, prompt, "all", last)
    ends = listed(breakers)
    most = unbroken(tokens, ends)
    longest: dict[int, int] = {}
    for place in range(1, len(tokens)):
        if [tokens[place]] not in ends:
            longest[tokens[place]] = max(longest.get(tokens[place], 0), min(match(tokens, place), most))
    edited = list(logits)
    for token, length in longest.items():
        if multiplier > 0 and length >= allowed_length:
            exponent = length - allowed_length
            if base > 1.000001:
                exponent = min(exponent, math.floor(FLOAT32_RUNS_OVER / math.log(base)))
            edited[token] -= multiplier * base**exponent
    return edited


def unbroken(tokens: Sequence[int], breakers: Sequence[Sequence[int]]) -> int:
    """Return how many tokens come after the last breaker; of breakers that begin there the longest counts."""
    for place in reversed(range(len(tokens))):
        here = [len(one) for one in breakers if list(tokens[place : place + len(one)]) == list(one)]
        if here:
            return len(tokens) - place - max(here)
    return len(tokens)
