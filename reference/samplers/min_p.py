"""Min-p: a share of the largest probability."""

from collections.abc import Sequence

from reference.samplers.common import SLACK, between, integer, log, prefix


def keep(logits: Sequence[float], p: float = 0.0, min_keep: int = 1) -> list[int]:
    """Keep each that is at least p times as likely as the likeliest.

    M. N. Nguyen et al., "Turning up the heat: min-p sampling for creative and coherent LLM outputs" (2024),
    arXiv 2407.01082. p_i >= p p_max, decided in logarithms: z_i - max >= ln p, but for rounding. p=0 is off.
    """
    between("min_p.p", p, 0, 1)
    integer("min_p.min_keep", min_keep)
    return prefix(logits, sum(z - logits[0] >= log(p) - SLACK for z in logits), min_keep)
