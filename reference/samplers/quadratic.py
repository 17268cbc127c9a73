"""Quadratic smoothing: the likely nearer to each other, the unlikely farther away."""

from collections.abc import Sequence

from reference.samplers.common import between, finite


def scale(
    logits: Sequence[float], factor: float = 0.0, curve: float = 1.0, *, row: Sequence[float] | None = None
) -> list[float]:
    """Replace each logit's distance d from the largest by a polynomial of it.

    kalomaze, "Quadratic sampling" (2024), text-generation-webui pull request 5403; there is no paper.
    z' = max - k f d^2 + s f d^3 with d = z - max, k = (3 - c) / 2, s = (c - 1) / 2. f=0 is off.
    `row`: scale these instead, by their distance from the same largest.
    """
    finite("quadratic.factor", factor)
    between("quadratic.curve", curve, 1, 3)
    row = logits if row is None else row
    if factor == 0:
        return list(row)
    k, s, largest = (3 - curve) / 2, (curve - 1) / 2, logits[0]
    return [largest + factor * d * d * (s * d - k) for d in (z - largest for z in row)]
