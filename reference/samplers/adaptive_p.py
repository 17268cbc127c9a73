"""Adaptive-p: tokens whose probability is near a target."""

from collections.abc import Sequence

from reference.samplers.common import between, probabilities

WIDTH, PEAK, SHARPNESS = 0.3, 5.0, 10.0


def scale(
    logits: Sequence[float], target: float = 0.5, decay: float = 1.0, *, number: float | None = None
) -> list[float]:
    """Replace each logit by one that falls with the distance of its probability from what is aimed at.

    MrJackSpade, "Adaptive-P" (2025), llama.cpp pull request 17927; there is no paper.
    z' = 5 - 10 d^2 / (1 + d) with d = |p - aim| / 0.3. `number` is the average of the probabilities drawn so far, and
    the aim makes up for how far it is from the target. The order changes, so this comes last.
    """
    between("adaptive_p.target", target, 0, 1)
    between("adaptive_p.decay", decay, 0, 1)
    average = first(target, decay) if number is None else number
    aim = min(max(2 * target - average, 0), 1)
    distances = [abs(p - aim) / WIDTH for p in probabilities(logits)]
    return [PEAK - SHARPNESS * d * d / (1 + d) for d in distances]


def first(target: float = 0.5, decay: float = 1.0) -> float:
    """Return the average before the first token: the target itself."""
    return target


def learn(number: float, probability: float, target: float = 0.5, decay: float = 1.0) -> float:
    """Return the average after a token that had some probability before its logit was replaced."""
    return (1 - decay) * probability + decay * number
