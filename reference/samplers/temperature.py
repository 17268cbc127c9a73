"""Temperature: flatter or steeper."""

import math
from collections.abc import Sequence

from reference.samplers.common import between


def scale(logits: Sequence[float], temperature: float = 1.0, *, row: Sequence[float] | None = None) -> list[float]:
    """Divide the logits by the temperature.

    G. Hinton, O. Vinyals and J. Dean, "Distilling the knowledge in a neural network" (2015), arXiv 1503.02531.
    z / T. T=1 is off, T=0 leaves the first alone, T=inf makes all equal. `row`: scale these instead.
    """
    between("temperature.temperature", temperature, 0, math.inf)
    row = logits if row is None else row
    if temperature == 0:
        return [row[0]] + [-math.inf] * (len(row) - 1)
    if temperature == math.inf:
        return [0.0] * len(row)
    return [z / temperature for z in row]
