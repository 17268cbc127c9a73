"""Repetition penalty: what came before is divided by a number."""

from collections.abc import Sequence

from reference.samplers.history import counts


def edit(
    logits: Sequence[float], history: Sequence[int], prompt: int, penalty: float = 1.0, of: str = "all", last: int = 0
) -> list[float]:
    """Divide a logit above 0 of what came before, and multiply one at or below 0.

    N. S. Keskar et al., "CTRL: a conditional transformer language model" (2019), arXiv 1909.05858.
    """
    if not 0 < penalty <= 3.4e38:
        raise ValueError(f"repetition.penalty is {penalty}, expected a number in (0, 3.4e+38]")
    came = counts(history, prompt, of, last)
    return [(z / penalty if z > 0 else z * penalty) if i in came else z for i, z in enumerate(logits)]
