"""What the samplers share: the masses and the entropy of a row, a prefix of it, and the checks of the fields.

`logits` are always those of the tokens that are left, the largest first, and finite.
"""

import math
from collections.abc import Sequence

# Masses are sums, and sums are rounded: what is nearer than this to a bound, relative to it, has reached it.
SLACK = 2.0**-40


def masses(logits: Sequence[float]) -> list[float]:
    """Return exp(z - max) of each logit z."""
    return [math.exp(z - logits[0]) for z in logits]


def log_mass(logits: Sequence[float]) -> float:
    """Return ln sum exp(z), the logarithm of the mass of all."""
    return logits[0] + math.log1p(math.fsum(masses(logits)[1:]))


def log_probabilities(logits: Sequence[float]) -> list[float]:
    """Return ln p of each token."""
    log_total = math.log1p(math.fsum(masses(logits)[1:]))
    return [z - logits[0] - log_total for z in logits]


def probabilities(logits: Sequence[float]) -> list[float]:
    """Return the probability of each token: its mass over the mass of all."""
    weights = masses(logits)
    total = math.fsum(weights)
    return [mass / total for mass in weights]


def entropy(logits: Sequence[float]) -> float:
    """Return -sum p ln p, in nats.

    With p = m / S, and S the sum of the masses m = exp(z - max), it is ln S + sum m (max - z) / S: nothing cancels.
    """
    rest = math.fsum(masses(logits)[1:])
    return math.log1p(rest) + math.fsum(losses(logits)) / (1 + rest)


def losses(logits: Sequence[float]) -> list[float]:
    """Return m (max - z) of each token, m its mass."""
    return [mass * (logits[0] - z) if mass > 0 else 0.0 for mass, z in zip(masses(logits), logits, strict=True)]


def log(x: float) -> float:
    """Return ln x, and -inf for 0."""
    return math.log(x) if x > 0 else -math.inf


def prefix(logits: Sequence[float], count: int, min_keep: int = 1, ties: str = "first") -> list[int]:
    """Return the first `count` places, but at least `min_keep`; ties="all" adds the equals of the last of them."""
    count = min(max(count, min_keep), len(logits))
    while ties == "all" and count < len(logits) and logits[count] == logits[count - 1]:
        count += 1
    return list(range(count))


def at_least(logits: Sequence[float], log_cutoff: float, min_keep: int = 1, ties: str = "first") -> list[int]:
    """Return the places whose ln p reaches the cut-off, but at least `min_keep`; of ties see `prefix`."""
    return prefix(logits, sum(log_p >= log_cutoff - SLACK for log_p in log_probabilities(logits)), min_keep, ties)


def between(name: str, value: float, low: float, high: float) -> None:
    """Raise ValueError unless low <= value <= high."""
    if not isinstance(value, int | float) or not low <= value <= high:  # NaN is in no range
        raise ValueError(f"{name} is {value}, expected a number in [{low}, {high}]")


def finite(name: str, value: float) -> None:
    """Raise ValueError unless 0 <= value < inf."""
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value}, expected a finite number >= 0")


def integer(name: str, value: int, low: int = 1) -> None:
    """Raise ValueError unless the value is an integer of at least `low`."""
    if not isinstance(value, int) or value < low:
        raise ValueError(f"{name} is {value}, expected an integer >= {low}")


def one_of(name: str, value: str, words: Sequence[str]) -> None:
    """Raise ValueError unless the value is one of the words."""
    if value not in words:
        raise ValueError(f"{name} is {value!r}, expected {' or '.join(map(repr, words))}")
