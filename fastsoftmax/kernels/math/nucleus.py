"""The law of top-p, for logits and for counts: the mass that a nucleus must reach, and how many of equals reach it."""

import math

from fastsoftmax._jit import inline

REACHED = 1.0 - 2.0**-40  # a mass nearer to p than float64 can tell has reached it


LEAST_MASS = 2.0**-1022  # a nucleus of mass 0 is one token


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
