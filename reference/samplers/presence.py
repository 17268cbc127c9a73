"""Presence penalty: what came before has less, once."""

from collections.abc import Sequence

from reference.samplers.common import between
from reference.samplers.history import counts


def edit(
    logits: Sequence[float],
    history: Sequence[int],
    prompt: int,
    penalty: float = 0.0,
    of: str = "output",
    last: int = 0,
) -> list[float]:
    """Subtract the penalty from the logit of each token that came before.

    OpenAI, API reference, "Frequency and presence penalties" (2021).
    """
    between("presence.penalty", penalty, -3.4e38, 3.4e38)
    came = counts(history, prompt, of, last)
    return [z - penalty if i in came else z for i, z in enumerate(logits)]
