"""Gumbel-max: a draw as the largest of perturbed logits."""

import math


def perturbed(logit: float, u: float) -> float:
    """Return the logit plus Gumbel noise, made of a uniform number.

    E. J. Gumbel, "Statistical theory of extreme values and some practical applications" (1954); C. Maddison,
    D. Tarlow and T. Minka, "A* sampling" (2014), arXiv 1411.0030. The largest of z_i - ln(-ln u_i) is token i with
    its softmax probability.
    """
    return logit - math.log(-math.log(u))
