"""Locally typical sampling: tokens that tell about as much as is expected."""

from collections.abc import Sequence

from reference.samplers.common import SLACK, between, entropy, integer, log_probabilities, one_of, probabilities
from reference.sampling import running_sums


def keep(
    logits: Sequence[float], p: float = 1.0, min_keep: int = 1, ties: str = "first", equal: str = "drop"
) -> list[int]:
    """Keep those whose surprise is nearest to the entropy, while the mass of the nearer ones is below p.

    C. Meister, T. Pimentel, G. Wiher and R. Cotterell, "Locally typical sampling" (2022), arXiv 2202.00666.
    The distance of a token is |-ln p_i - H|; among equally near ones the larger logit comes first. Of equal logits
    comes first the one next to what is kept already, so that no gap is left: above the entropy's the last, otherwise
    the first. p=1 is off. equal="keep": while that mass is at most p. ties="all": all stay that are as near as the one
    that reaches p. At least `min_keep` stay.
    """
    between("typical.p", p, 0, 1)
    integer("typical.min_keep", min_keep)
    one_of("typical.ties", ties, ("first", "all"))
    one_of("typical.equal", equal, ("keep", "drop"))
    if p == 1:
        return list(range(len(logits)))
    expected = entropy(logits)
    excess = [-log_p - expected for log_p in log_probabilities(logits)]
    distances = [abs(x) for x in excess]
    nearest = sorted(range(len(logits)), key=lambda i: (distances[i], -i if excess[i] < -SLACK else i))
    shares = probabilities(logits)
    before = [0.0, *running_sums(shares[i] for i in nearest)][:-1]
    if equal == "keep":
        count = sum(mass <= p * (1 + SLACK) for mass in before)
    else:
        count = sum(mass < p * (1 - SLACK) for mass in before)
    count = max(count, 1)
    if ties == "all":
        count = sum(distance <= distances[nearest[count - 1]] for distance in distances)
    count = min(max(count, min_keep), len(logits))
    return sorted(nearest[:count])
