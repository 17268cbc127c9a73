"""Top-p: the nucleus, the fewest tokens that hold a mass."""

import math
from collections.abc import Sequence

from reference.samplers.common import SLACK, between, integer, log_mass, masses, one_of, prefix
from reference.sampling import running_sums


def keep(
    logits: Sequence[float],
    p: float = 1.0,
    min_keep: int = 1,
    ties: str = "first",
    crossing: str = "keep",
    equal: str = "drop",
    of: str = "survivors",
    *,
    whole: float | None = None,
) -> list[int]:
    """Keep each while the mass before it is below p of all.

    A. Holtzman, J. Buys, L. Du, M. Forbes and Y. Choi, "The curious case of neural text degeneration" (2019),
    arXiv 1904.09751. p=1 is off.
    equal="keep": while the mass before it is at most p. crossing="drop": while the mass with it is at most p, so the
    token that crosses p goes, too. ties="all": with the last kept stay its equals. of="all": p is of the mass of the
    whole row instead of what is left of it; `whole` is the logarithm of that mass.
    """
    between("top_p.p", p, 0, 1)
    integer("top_p.min_keep", min_keep)
    one_of("top_p.ties", ties, ("first", "all"))
    one_of("top_p.crossing", crossing, ("keep", "drop"))
    one_of("top_p.equal", equal, ("keep", "drop"))
    one_of("top_p.of", of, ("survivors", "all"))
    if p == 1:
        return list(range(len(logits)))
    weights = masses(logits)
    bound = p * math.fsum(weights)
    if of == "all" and whole is not None:
        bound *= math.exp(min(whole - log_mass(logits), 700.0))
    after = list(running_sums(weights))
    before = [0.0, *after[:-1]]
    if crossing == "drop":
        count = sum(mass <= bound * (1 + SLACK) for mass in after)
    elif equal == "keep":
        count = sum(mass <= bound * (1 + SLACK) for mass in before)
    else:
        count = sum(mass < bound * (1 - SLACK) for mass in before)
    return prefix(logits, count, min_keep, ties)
