"""What a row is filtered by, logits or counts alike; and the law of top-p.

Of ten equal tokens p = 0.3 keeps three: their mass, 3 of 10, has reached p.
"""

import math
from typing import NamedTuple

from fastsoftmax._jit import inline

REACHED = 1.0 - 2.0**-40  # a mass nearer to p than float64 can tell has reached it


LEAST_MASS = 2.0**-1022  # a nucleus of mass 0 is one token


class Filters(NamedTuple):
    """Temperature and filters, applied in this order; top_k = 0, top_p = 1 and min_p = 0 are off."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float


@inline
def nucleus_mass(top_p: float, total: float) -> float:
    """Return the mass that a nucleus must reach, of a total: ten equal tokens at p = 0.1 leave one."""
    return max(top_p * REACHED * total, LEAST_MASS)


@inline
def ties_within(cut_weight: float, above: float, target: float, count: int) -> int:
    """Return how many of the tokens at the cut stay: as long as the mass before one is below the target."""
    if not cut_weight > 0.0 or not target - above < cut_weight * count:
        return count
    ties = max(math.ceil((target - above) / cut_weight), 1)
    while ties > 1 and above + (ties - 1) * cut_weight >= target:
        ties -= 1
    while above + ties * cut_weight < target:
        ties += 1
    return ties
