"""Adaptive-p: tokens whose probability is near a target."""

from collections.abc import Sequence

from reference.samplers.common import between, probabilities

WIDTH, PEAK, SHARPNESS = 0.3, 5.0, 10.0


def scale(logits: Sequence[float], target: float) -> list[float]:
    """Replace each logit by one that falls with the distance of its probability from the target.

    MrJackSpade, "Adaptive-P" (2025), llama.cpp pull request 17927; there is no paper.
    z' = 5 - 10 d^2 / (1 + d) with d = |p - target| / 0.3. The order changes, so this comes last.
    """
    between("adaptive_p.target", target, 0, 1)
    distances = [abs(p - target) / WIDTH for p in probabilities(logits)]
    return [PEAK - SHARPNESS * d * d / (1 + d) for d in distances]
