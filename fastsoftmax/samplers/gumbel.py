"""Gumbel: a draw by noise of each token's own, rather than by the running sum."""

from dataclasses import dataclass

from fastsoftmax.samplers.step import GUMBEL, Step


@dataclass(frozen=True, eq=False)
class Gumbel(Step):
    """Draw the token with the largest logit plus Gumbel noise, -log(-log u) with a uniform number u for each token.

    The distribution is that of the plain draw. Noise belongs to the seed, step and token, so that a change of one logit
    seldom changes the token.

    Notes
    -----
    It takes a random number for each token that is left: put it after a filter.
    Source: Gumbel, "Statistical theory of extreme values and some practical applications" (1954).
    """

    name = "gumbel"
    way = GUMBEL
    followers = ()
