"""Top-H: no more than a share of the entropy."""

import math
from collections.abc import Sequence
from itertools import takewhile

from reference.samplers.common import (
    SLACK,
    between,
    entropy,
    integer,
    log_probabilities,
    losses,
    masses,
    one_of,
    prefix,
)
from reference.sampling import running_sums

HEAD = 100  # transformers looks at so many


def keep(logits: Sequence[float], alpha: float = 0.0, rule: str = "paper", min_keep: int = 1) -> list[int]:
    """Keep the first tokens, one more as long as their entropy is at most alpha times the entropy of all.

    E. B. Potraghloo et al., "Top-H decoding: adapting the creativity and coherence with bounded entropy in text
    generation" (2025), arXiv 2509.02510. Their entropy is that of the kept alone, with probabilities that sum to 1.
    rule="transformers": of the 100 largest alone, as long as the first terms of -sum p ln p are at most alpha times
    the sum. 0 is off.
    """
    between("top_h.alpha", alpha, 0, 1)
    integer("top_h.min_keep", min_keep)
    one_of("top_h.rule", rule, ("paper", "transformers"))
    if alpha == 0:
        return list(range(len(logits)))
    if rule == "transformers":
        logits = logits[:HEAD]
        logs = log_probabilities(logits)
        grown = list(running_sums(-math.exp(log_p) * log_p if log_p > -math.inf else 0.0 for log_p in logs))
    else:
        grown = entropies(logits)
    bound = alpha * entropy(logits) * (1 + SLACK)
    return prefix(logits, len(list(takewhile(lambda h: h <= bound, grown))), min_keep)


def entropies(logits: Sequence[float]) -> list[float]:
    """Return the entropy of the first token alone, of the first two, and so on."""
    rests = running_sums([0.0, *masses(logits)[1:]])  # S less the 1 of the first
    pairs = zip(rests, running_sums(losses(logits)), strict=True)
    return [math.log1p(rest) + loss / (1 + rest) for rest, loss in pairs]
