"""P-step: up to the first step down that is too large."""

from collections.abc import Sequence
from itertools import pairwise, takewhile

from reference.samplers.common import between, integer, log, prefix


def keep(logits: Sequence[float], ratio: float = 0.0, min_keep: int = 1) -> list[int]:
    """Keep the tokens before the first that is less likely than a share of the one before it.

    llama.cpp pull request 5675 (2024); there is no paper. Cut at the first p_{i+1} < ratio p_i. 0 is off.
    """
    between("p_step.ratio", ratio, 0, 1)
    integer("p_step.min_keep", min_keep)
    near = takewhile(lambda pair: pair[1] - pair[0] >= log(ratio), pairwise(logits))
    return prefix(logits, 1 + len(list(near)), min_keep)
