"""p-less: the probability that two draws agree."""

import math
from collections.abc import Sequence

from reference.samplers.common import at_least, log, probabilities


def keep(logits: Sequence[float]) -> list[int]:
    """Keep each that is at least as likely as two draws are to be the same.

    R. Tan, S. Wu and P. Howard, "p-less sampling: a robust hyperparameter-free approach for LLM decoding" (2025),
    arXiv 2509.23234. p_i >= sum p_j^2.
    """
    return at_least(logits, log(math.fsum(p * p for p in probabilities(logits))))
