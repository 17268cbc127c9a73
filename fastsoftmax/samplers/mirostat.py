"""Mirostat: a top-k that follows how surprising the tokens are that it gives."""

import math
from dataclasses import dataclass

from fastsoftmax.samplers.step import GO_ON, LN2, LOOK, TOKENS, Facts, Seen, exp, log
from fastsoftmax.samplers.surprise import Surprise


@dataclass(frozen=True, eq=False)
class Mirostat(Surprise):
    """Keep the k likeliest tokens, with k from a bound on the surprise mu and from how fast the probabilities fall.

    They are taken to fall as Zipf's law has it, as 1 / rank^s, and s is estimated from the first 100 of them. After a
    draw, mu goes down by `eta` times what the surprise of the token, -log2 p in what was kept, is above `tau`.

    Parameters
    ----------
    tau : float, default 5.0
        The surprise that is aimed at, in bits.
    eta : float, default 0.1
        How fast mu follows.

    Notes
    -----
    mu, in bits, begins as 2 tau, and the state keeps it in float32. k = ((s - 1) 2^mu / (1 - n^(1 - s)))^(1 / s),
    rounded down and at least 1, where n tokens are left; but for rounding, so that a whole k stays whole. In llama.cpp
    mirostat drops all samplers but temperature, and a k beyond 2^31 becomes 1. koboldcpp can round k down to 0, and
    keeps every token then.
    Source: Basu et al., "Mirostat: a neural text decoding algorithm that directly controls perplexity" (2020), arXiv
    2007.14966.
    """

    name = "mirostat"
    way, needs = LOOK, TOKENS

    @staticmethod
    def look(facts: Facts, seen: Seen, a: float, c: float) -> tuple[float, float, float]:
        """Return the sums for the estimate so far."""
        falls = squares = 0.0  # sums of t log(p / the next p) and of t^2, with t = log((rank + 1) / rank)
        if seen.place > 0:
            t = log((seen.place + 1.0) / seen.place)
            falls, squares = seen.one + t * (seen.before - seen.logit), seen.two + t * t
        if seen.place < 99 and seen.following > 0.0:
            return falls, squares, GO_ON
        if squares == 0.0:  # a single token
            return falls, squares, 1.0
        slope = falls / squares  # s, by least squares
        exponent = (slope - 1.0) * log(facts.tokens)
        ratio = exponent / (1.0 - exp(-exponent)) if abs(exponent) > 1e-9 else 1.0  # its limit at s = 1
        log_power = log(ratio / log(facts.tokens)) + c * LN2
        if log_power <= 0.0:  # k is below 1
            return falls, squares, 1.0
        if log_power >= 40.0 * slope:  # k is above e^40, more than any vocabulary has, or s is 0
            return falls, squares, facts.tokens
        return falls, squares, math.floor(exp(log_power / slope) * (1.0 + 2.0**-40))
