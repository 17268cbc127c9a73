"""Top-a: a share of the largest probability that grows with it."""

from collections.abc import Sequence

from reference.samplers.common import at_least, between, integer, log, log_probabilities


def keep(logits: Sequence[float], a: float = 0.0, min_keep: int = 1) -> list[int]:
    """Keep each that is at least as likely as a times the square of the largest probability.

    B. Peng (BlinkDL), "Top-a sampling" (2022), in RWKV-LM; there is no paper. p_i >= a p_max^2. 0 is off.
    """
    between("top_a.a", a, 0, 1)
    integer("top_a.min_keep", min_keep)
    return at_least(logits, log(a) + 2 * log_probabilities(logits)[0], min_keep)
