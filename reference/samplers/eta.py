"""Eta sampling: a smallest probability, less of one where the entropy is high."""

from collections.abc import Sequence

from reference.samplers.common import at_least, between, entropy, integer, log, one_of


def keep(logits: Sequence[float], epsilon: float = 0.0, min_keep: int = 1, ties: str = "first") -> list[int]:
    """Keep each that is at least as likely as min(epsilon, sqrt(epsilon) exp(-H)).

    J. Hewitt, C. Manning and P. Liang, "Truncation sampling as language model desmoothing" (2022), arXiv 2210.15191.
    H is the entropy in nats. 0 is off. ties="all": the equals of the last one that min_keep keeps stay too.
    """
    between("eta.epsilon", epsilon, 0, 1)
    integer("eta.min_keep", min_keep)
    one_of("eta.ties", ties, ("first", "all"))
    return at_least(logits, min(log(epsilon), log(epsilon) / 2 - entropy(logits)), min_keep, ties)
