"""The softmax family in kernels that compile in a second: for tests of the compiler, its cache, and processes.

What such a test says of a kernel holds for all; the long checks say it of the library's own, which take a minute.
"""

import numpy as np

from fastsoftmax._jit import jit
from fastsoftmax.kernels.math.exp import exp, log


@jit
def weigh(logits: np.ndarray, weights: np.ndarray) -> float:
    """Fill in the exponentials, and return their sum."""
    total = 0.0
    for i in range(logits.size):
        weights[i] = exp(logits[i])
        total += weights[i]
    return total


@jit
def log_of(x: float) -> float:
    """Return a logarithm."""
    return log(x)


def softmax(logits: list[float]) -> np.ndarray:
    """Return exp(logits) over their sum."""
    weights = np.empty(len(logits))
    return weights / weigh(np.array(logits), weights)


def logsumexp(logits: list[float]) -> float:
    """Return the logarithm of the sum of exp(logits)."""
    return log_of(weigh(np.array(logits), np.empty(len(logits))))


def log_softmax(logits: list[float]) -> np.ndarray:
    """Return logits less their logsumexp."""
    return np.array(logits) - logsumexp(logits)
