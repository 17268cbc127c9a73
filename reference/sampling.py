"""From one row of logits to a token: temperature, top-k, top-p, min-p, draw.

A filter sees masses sorted from the largest down and returns those that stay, always a prefix.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import takewhile

from reference.philox import uniform
from reference.softmax import DIGITS, check_temperature, exponent, exponential, log_softmax, softmax


def order(logits: Sequence[float]) -> list[int]:
    """Return the tokens, larger logit first and lower index first among equals."""
    return sorted(range(len(logits)), key=lambda i: (-logits[i], i))


def keep_top_k(masses: Sequence[float], k: int) -> list[float]:
    """Keep the first k. k=0 is off."""
    return list(masses[:k] if k > 0 else masses)


def keep_top_p(masses: Sequence[float], p: float) -> list[float]:
    """Keep each while the mass before it is below p of the whole, and always the first. p=1 is off.

    A mass that is less than 2**-40 of itself short of p has reached it: ten equal tokens at p=0.1 leave one, though
    the float 0.1 is a little more than a tenth.
    """
    if p == 1:
        return list(masses)
    threshold = p * (1 - 2**-40) * math.fsum(masses)
    kept = [masses[0]]
    for mass, before in zip(masses[1:], running_sums(masses), strict=False):
        if before >= threshold:
            break
        kept.append(mass)
    return kept


def keep_min_p(masses: Sequence[float], p: float) -> list[float]:
    """Keep each that is at least p times the first, the largest. p=0 is off."""
    return list(takewhile(lambda mass: mass >= p * masses[0], masses))


def cut(masses: Sequence[float], top_k: int, top_p: float, min_p: float) -> list[float]:
    """Apply the three filters, each to what the one before has left."""
    return keep_min_p(keep_top_p(keep_top_k(masses, top_k), top_p), min_p)


def kept_masses(logits: Sequence[float], temperature: float, top_k: int, top_p: float, min_p: float) -> list[float]:
    """Return the mass of every token, exp((z - max) / T) if it stays and 0 if it is cut, in index order."""
    check_parameters(temperature, top_k, top_p, min_p)
    check_logits(logits)
    ranked = order(logits)
    maximum = logits[ranked[0]]
    if temperature == 0:  # greedy: the first maximum alone, where softmax would share among equals
        ranked = ranked[:1]
    masses = [0.0] * len(logits)
    weights = [float(exponential(logits[i], maximum, temperature)) for i in ranked]
    # min_p of the largest mass, asked of exponents: a mass just below the largest may round to it.
    least = Decimal(min_p).ln(DIGITS)
    likely = [i for i in ranked if exponent(logits[i], maximum, temperature) >= least]
    for i, mass in zip(likely, cut(weights, top_k, top_p, 0.0), strict=False):
        masses[i] = mass
    return masses


def draw(masses: Sequence[float], u: float) -> int:
    """Return the first index whose cumulative mass exceeds u times the total; never one of mass 0."""
    threshold = u * math.fsum(masses)
    for i, cumulative in enumerate(running_sums(masses)):
        if cumulative > threshold:
            return i
    return max(i for i, mass in enumerate(masses) if mass > 0)  # u * total has been rounded up to the total


def running_sums(masses: Iterable[float]) -> Iterator[float]:
    """Yield the sums of the first 1, 2, 3, ... masses, each as good as fsum gives it (Neumaier 1974)."""
    total = lost = 0.0
    for mass in masses:
        before, total = total, total + mass
        # What the addition has rounded off, exactly: the smaller term less the part of it that arrived.
        lost += mass - (total - before) if before >= mass else before - (total - mass)
        yield total + lost


def constrained(
    logits: Sequence[float], allowed: Collection[int] | None = None, bias: Mapping[int, float] | None = None
) -> list[float]:
    """Return the logits with the biases added, and -inf for every token that is not allowed."""
    biased = [z + (bias or {}).get(i, 0.0) for i, z in enumerate(logits)]
    return biased if allowed is None else [z if i in allowed else -math.inf for i, z in enumerate(biased)]


def probabilities(
    logits: Sequence[float],
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    allowed: Collection[int] | None = None,
    bias: Mapping[int, float] | None = None,
) -> list[float]:
    """Return the distribution that `sample` draws from; ValueError for bad logits or parameters."""
    masses = kept_masses(constrained(logits, allowed, bias), temperature, top_k, top_p, min_p)
    total = math.fsum(masses)
    return [mass / total for mass in masses]


def sample(
    logits: Sequence[float],
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    n: int | None = None,
    seed: int,
    step: int = 0,
    stream: int = 0,
    allowed: Collection[int] | None = None,
    bias: Mapping[int, float] | None = None,
) -> int | list[int]:
    """Return a token, or a list of n; draw j takes uniform(seed, step, j, stream)."""
    if n is not None and n < 0:
        raise ValueError(f"n is {n}, expected an integer >= 0")
    masses = kept_masses(constrained(logits, allowed, bias), temperature, top_k, top_p, min_p)
    tokens = [draw(masses, uniform(seed, step, j, stream)) for j in range(1 if n is None else n)]
    return tokens[0] if n is None else tokens


@dataclass(frozen=True)
class Details:
    """What there is to know of a token: natural logarithms, entropy in nats; rank 0 is the most likely.

    `kept` is how many tokens can be drawn: not those whose probability rounds to 0, which the library counts.
    """

    logprob: float
    raw_logprob: float
    tempered_logprob: float
    rank: int
    kept: int
    kept_mass: float
    entropy: float


def details(
    logits: Sequence[float],
    token: int,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    min_p: float = 0.0,
    allowed: Collection[int] | None = None,
    bias: Mapping[int, float] | None = None,
) -> Details:
    """Return the details of a token that `sample` has drawn."""
    masses = probabilities(
        logits, temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p, allowed=allowed, bias=bias
    )
    raw = logits
    logits = constrained(logits, allowed, bias)
    kept = [i for i, mass in enumerate(masses) if mass > 0]
    whole = softmax(logits, temperature)
    return Details(
        logprob=math.log(masses[token]),
        raw_logprob=log_softmax(raw)[token],
        tempered_logprob=log_softmax(raw, temperature)[token],
        rank=order(logits).index(token),
        kept=len(kept),
        kept_mass=math.fsum(whole[i] for i in kept),
        entropy=-math.fsum(masses[i] * math.log(masses[i]) for i in kept),
    )


def check_parameters(temperature: float, top_k: int, top_p: float, min_p: float) -> None:
    """Raise ValueError for a parameter outside its range."""
    check_temperature(temperature)
    if top_k < -1:
        raise ValueError(f"top_k is {top_k}, expected an integer >= 0 (0 and -1 are off)")
    for name, p in (("top_p", top_p), ("min_p", min_p)):
        if not 0 <= p <= 1:
            raise ValueError(f"{name} is {p}, expected a number in [0, 1]")


def check_logits(logits: Sequence[float]) -> None:
    """Raise ValueError unless there is a distribution: no NaN, and something above -inf."""
    for i, z in enumerate(logits):
        if math.isnan(z):
            raise ValueError(f"logits is NaN at index {i}, expected no NaN")
    if max(logits, default=-math.inf) == -math.inf:
        raise ValueError("logits is empty or all -inf, expected at least one logit above -inf")
