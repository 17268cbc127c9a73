"""XTC: exclude top choices."""

from collections.abc import Sequence

from reference.samplers.common import SLACK, between, integer, log, log_probabilities, one_of


def keep(
    logits: Sequence[float],
    probability: float = 0.0,
    threshold: float = 0.1,
    min_keep: int = 1,
    equal: str = "keep",
    ties: str = "first",
    *,
    u: float = 0.0,
) -> list[int]:
    """Drop all but the last of the tokens that are at least as likely as the threshold, if the coin says so.

    p-e-w, "Exclude top choices" (2024), text-generation-webui pull request 6335; there is no paper.
    It acts if u < probability: the coin, a uniform number. Nothing is dropped where fewer than `min_keep` tokens
    would be left. equal="drop": likelier than the threshold. ties="all": the equals of the last one stay too.
    """
    between("xtc.probability", probability, 0, 1)
    between("xtc.threshold", threshold, 0, 1)
    integer("xtc.min_keep", min_keep)
    one_of("xtc.equal", equal, ("keep", "drop"))
    one_of("xtc.ties", ties, ("first", "all"))
    if equal == "keep":
        top = sum(log_p >= log(threshold) - SLACK for log_p in log_probabilities(logits))
    else:
        top = sum(log_p > log(threshold) + SLACK for log_p in log_probabilities(logits))
    first = max(top - 1, 0)
    while ties == "all" and first > 0 and logits[first - 1] == logits[first]:
        first -= 1
    acts = u < probability and len(logits) - first >= min_keep
    return list(range(first if acts else 0, len(logits)))
