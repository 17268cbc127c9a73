"""Epsilon sampling: a smallest probability."""

from collections.abc import Sequence

from reference.samplers.common import at_least, between, integer, log, one_of


def keep(logits: Sequence[float], epsilon: float = 0.0, min_keep: int = 1, ties: str = "first") -> list[int]:
    """Keep each that is at least as likely as epsilon.

    J. Hewitt, C. Manning and P. Liang, "Truncation sampling as language model desmoothing" (2022), arXiv 2210.15191.
    p_i >= epsilon. 0 is off. ties="all": the equals of the last one that min_keep keeps stay too.
    """
    between("epsilon.epsilon", epsilon, 0, 1)
    integer("epsilon.min_keep", min_keep)
    one_of("epsilon.ties", ties, ("first", "all"))
    return at_least(logits, log(epsilon), min_keep, ties)
