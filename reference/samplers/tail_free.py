"""Tail-free sampling: up to where the sorted probabilities stop bending."""

import math
from collections.abc import Sequence
from itertools import pairwise

from reference.samplers.common import SLACK, between, integer, one_of, prefix, probabilities
from reference.sampling import running_sums


def keep(logits: Sequence[float], z: float = 1.0, min_keep: int = 1, crossing: str = "drop") -> list[int]:
    """Keep the first tokens, up to a share z of the second differences of their probabilities.

    T. Bricken, "Tail free sampling" (2019), trentonbricken.com; there is no paper.
    The weight of place i is |(p_i - p_{i+1}) - (p_{i+1} - p_{i+2})| over the sum of these; where the sum is 1e-6 or
    less the weights are equal. The tail begins at the first i up to which the weights sum to more than z, with
    crossing="keep" one later. z=1 is off, and so is it for two tokens or fewer.
    """
    between("tail_free.z", z, 0, 1)
    integer("tail_free.min_keep", min_keep)
    one_of("tail_free.crossing", crossing, ("keep", "drop"))
    if z == 1 or len(logits) <= 2:
        return list(range(len(logits)))
    slopes = [p - following for p, following in pairwise(probabilities(logits))]
    bends = [abs(slope - following) for slope, following in pairwise(slopes)]
    total = math.fsum(bends)
    if total <= 1e-6:
        bends, total = [1.0] * len(bends), float(len(bends))
    for i, cumulative in enumerate(running_sums(bends)):
        if cumulative > z * total * (1 + SLACK):
            return prefix(logits, i + 1 if crossing == "keep" else i, min_keep)
    return list(range(len(logits)))
