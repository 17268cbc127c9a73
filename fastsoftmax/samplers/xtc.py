"""XTC, exclude top choices: now and then without the most likely tokens."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastsoftmax.samplers.step import AFTER, LOG_MASS, Facts, Step, log, number, whole, word


@dataclass(frozen=True, eq=False)
class XTC(Step):
    """With a probability, drop all tokens that reach a threshold but the least likely of them.

    Parameters
    ----------
    probability : float, default 0.0
        Of doing so, in [0, 1]; 0 is off. `sample` tosses a coin for each draw, `probabilities` returns the mean.
    threshold : float, default 0.1
        In [0, 1]; above 0.5 nothing happens, since two tokens cannot have it.
    min_keep : int, default 1
        Nothing is dropped where fewer would stay.
    equal : {"keep", "drop"}, default "keep"
        Whether a probability of exactly the threshold reaches it ("keep").
    ties : {"first", "all"}, default "first"
        Whether the equals of the least likely of them go ("first"), or stay.

    Notes
    -----
    llama.cpp, koboldcpp, mlx-lm, exllamav3 and text-generation-webui have it, some with tokens that are never dropped.
    mlx-lm asks for more than the threshold, and keeps the equals. exllamav3 draws from the mean of both outcomes.
    Source: p-e-w, text-generation-webui, pull request 6335 (2024).
    """

    name = "xtc"
    way, needs = AFTER, LOG_MASS

    probability: Any = number(0.0, 0, 1)
    threshold: Any = number(0.1, 0, 1)
    min_keep: Any = whole(1, 1)
    equal: str = word("keep", "drop")
    ties: str = word("first", "all")

    def is_idle(self) -> bool:
        return bool(np.all(np.equal(self.probability, 0)))

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the logit of the threshold."""
        return log(b) + facts.log_mass
