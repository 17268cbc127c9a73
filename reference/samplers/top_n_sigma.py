"""Top-n-sigma: a number of standard deviations below the largest logit."""

from collections.abc import Sequence
from statistics import pstdev, stdev

from reference.samplers.common import SLACK, finite, integer, one_of, prefix


def keep(logits: Sequence[float], n: float = 0.0, sigma: str = "population", min_keep: int = 1) -> list[int]:
    """Keep each whose logit is at most n standard deviations below the largest.

    C. Tang et al., "Top-n-sigma: not all logits are you need" (2024), arXiv 2411.07641. z_i >= max - n sigma,
    with sigma the deviation of the logits that are left; sigma="sample" divides by N - 1 instead of N. 0 is off.
    """
    finite("top_n_sigma.n", n)
    integer("top_n_sigma.min_keep", min_keep)
    one_of("top_n_sigma.sigma", sigma, ("population", "sample"))
    if n == 0 or len(logits) == 1:
        return list(range(len(logits)))
    deviation = pstdev(logits) if sigma == "population" else stdev(logits)
    return prefix(logits, sum(logits[0] - z <= n * deviation * (1 + SLACK) for z in logits), min_keep)
