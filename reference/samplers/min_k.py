"""Min-k: up to the steepest step of the sorted logits."""

from collections.abc import Sequence
from itertools import pairwise

from reference.samplers.common import finite, prefix


def keep(logits: Sequence[float], tau: float = 0.0) -> list[int]:
    """Keep the tokens above the steepest step, where a step down counts less the farther down it is.

    Y. Ding et al., "Min-k sampling: decoupling truncation from temperature scaling via relative logit dynamics"
    (2026), arXiv 2604.11012. k = max(argmax_i (z_i - z_{i+1}) / (i (range + 1e-8)), floor(tau / range)), with i from
    1, the first of equal maxima, and range the largest logit less the smallest. Where that is 0 all stay.
    """
    finite("min_k.tau", tau)
    spread = logits[0] - logits[-1]
    if spread == 0:
        return list(range(len(logits)))
    # (range + 1e-8) divides them all, and leaves the largest the largest.
    decays = [(z - following) / i for i, (z, following) in enumerate(pairwise(logits), start=1)]
    steepest = 1 + decays.index(max(decays))
    return prefix(logits, max(steepest, int(min(tau / spread, len(logits)))))
