"""The samplers' own arithmetic: one function for each kind of rule (see `folded`).

`limit_of(code, facts, a, b, c)` with the code of min-p and a = 0.05 is log(0.05) = -2.996, the least logit that stays.
"""

from fastsoftmax.kernels.math.rules import folded
from fastsoftmax.samplers import SAMPLERS

limit_of = folded("limit", SAMPLERS)
"""Of a code, facts and three parameters: the number that a way to narrow takes."""

scale_of_step = folded("scale", SAMPLERS)
"""Of a code, facts and three parameters: the coefficients of a logit, its square and its cube."""

look_of = folded("look", SAMPLERS)
"""Of a code, facts, what is seen of a token, and two parameters: two numbers to remember, and how many tokens
stay, or GO_ON."""

weigh_of = folded("weigh", SAMPLERS)
"""Of a code, a probability, a parameter and the number that the sampler keeps: the token's new logit."""

learn_of = folded("learn", SAMPLERS)
"""Of a code, the probability of a drawn token, and three parameters: the number that the sampler keeps from then on."""
