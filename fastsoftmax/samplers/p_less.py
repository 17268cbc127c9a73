"""p-less: at least as likely as two draws are to agree; no parameter."""

from dataclasses import dataclass

from fastsoftmax.samplers.step import LEAST, SQUARES, Facts, Step


@dataclass(frozen=True, eq=False)
class PLess(Step):
    """Keep what has at least the probability that two draws are the same: the sum of the squared probabilities.

    Notes
    -----
    It has no parameter: the largest probability is never below that sum. Asked for in vLLM; no engine ships it.
    Source: Tan et al., "p-less sampling" (2025), arXiv 2509.23234.
    """

    name = "p_less"
    way, needs = LEAST, SQUARES

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the least logit."""
        return facts.log_squares + facts.log_mass
