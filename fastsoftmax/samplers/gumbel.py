"""Gumbel: a draw by noise of each token's own, rather than by the running sum."""

from dataclasses import dataclass

from fastsoftmax.samplers.step import GUMBEL, Step, word


@dataclass(frozen=True, eq=False)
class Gumbel(Step):
    """Draw the token with the largest logit plus Gumbel noise, -log(-log u) with a uniform number u for each token.

    The distribution is that of the plain draw. Noise belongs to the seed, step and token, so that a change of one logit
    seldom changes the token.

    Parameters
    ----------
    draws : {"independent", "distinct"}, default "independent"
        Whether each of n draws has noise of its own, or they are n tokens without replacement, those with the largest
        sums, -1 where there are no more.

    Notes
    -----
    vLLM, SGLang and exllamav3 draw so. It takes a random number for each token that is left: put it after a filter.
    Sources: Gumbel, "Statistical theory of extreme values and some practical applications" (1954); Kool, van Hoof and
    Welling, "Stochastic beams and where to find them" (2019), arXiv 1903.06059, for draws without replacement.
    """

    name = "gumbel"
    way = GUMBEL
    followers = ()

    draws: str = word("independent", "distinct")
