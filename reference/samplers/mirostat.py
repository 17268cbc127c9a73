"""Mirostat: how many tokens stay follows from how surprising the ones drawn before were."""

import math
from collections.abc import Sequence

from reference.samplers.common import SLACK, between, masses, prefix

LARGEST = 1e6  # a fair limit of tau and eta
ESTIMATE = 100  # tokens that the fall of the probabilities is estimated from


def keep(logits: Sequence[float], tau: float = 5.0, eta: float = 0.1, *, number: float | None = None) -> list[int]:
    """Keep the k likeliest, where Zipf's law says that their surprise is about mu, the number that is kept, in bits.

    S. Basu et al., "Mirostat: a neural text decoding algorithm that directly controls perplexity" (2020), arXiv
    2007.14966, algorithm 1. k = ((s - 1) 2^mu / (1 - n^(1 - s)))^(1 / s) for n tokens, and s the least squares estimate
    of the exponent. Tokens whose mass is 0 do not count for it.
    """
    between("mirostat.tau", tau, 0, LARGEST)
    between("mirostat.eta", eta, 0, LARGEST)
    mu = first(tau, eta) if number is None else number
    some = [z for z, mass in zip(logits, masses(logits), strict=True) if mass > 0][:ESTIMATE]
    if len(some) == 1:
        return prefix(logits, 1)
    steps = [math.log((i + 2) / (i + 1)) for i in range(len(some) - 1)]
    s = math.fsum(t * (z - y) for t, z, y in zip(steps, some, some[1:], strict=False)) / math.fsum(t * t for t in steps)
    n = len(logits)
    factor = (s - 1) / -math.expm1((1 - s) * math.log(n)) if abs((s - 1) * math.log(n)) > 1e-9 else 1 / math.log(n)
    log_power = math.log(factor) + mu * math.log(2)
    if log_power <= 0:
        return prefix(logits, 1)
    return prefix(logits, n if log_power >= 40 * s else math.floor(math.exp(log_power / s) * (1 + SLACK)))


def first(tau: float = 5.0, eta: float = 0.1) -> float:
    """Return mu before the first token."""
    return 2 * tau


def learn(number: float, probability: float, tau: float = 5.0, eta: float = 0.1) -> float:
    """Return mu after a token of some probability in what was kept."""
    return number - eta * (-math.log2(probability) - tau)
