"""Speculation: tokens that a cheap model drafted, checked so that what comes out has the law of the dear one.

Y. Leviathan, M. Kalman and Y. Matias, "Fast inference from transformers via speculative decoding" (2023), arXiv
2211.17192; C. Chen et al., "Accelerating large language model decoding with speculative sampling" (2023), arXiv
2302.01318; for trees X. Miao et al., "SpecInfer" (2024), arXiv 2305.09781.
"""

import math
from collections.abc import Sequence

from reference.chain import Steps, by_noise, coins_of, edited, masses_of, steps_of, survivors, xtc_shares
from reference.philox import ACCEPTANCE, BONUS, GUMBEL, RESIDUAL, key, uniform
from reference.sampling import draw


def verify(
    targets: Sequence[Sequence[float]],
    tokens: Sequence[int],
    samplers: str | Steps,
    *,
    seed: int,
    step: int = 0,
    stream: int = 0,
    parents: Sequence[int] | None = None,
    draft: Sequence[Sequence[float]] | None = None,
    history: Sequence[int] = (),
    prompt: int = 0,
) -> list[int]:
    """Return the tokens that come out: those of the nodes that are accepted, and one more.

    `targets` are the rows of logits before the first token and after each node, `tokens` those of the nodes; node j has
    the parent parents[j], -1 for what comes first, by default the node before it. `draft` are the probabilities that
    each node's token was drawn with, a row each; None where nothing was drawn.
    """
    steps = steps_of(samplers)
    above = range(-1, len(tokens) - 1) if parents is None else parents
    node, out = -1, list[int]()
    while True:
        now, at = edited(targets[node + 1], steps, [*history, *out], prompt), step + len(out)
        coins = coins_of(xtc_shares(steps), seed, at, 0, stream)
        children = [child for child, parent in enumerate(above) if parent == node]
        masses = masses_of(now, steps, coins)
        if draft is None:
            if steps and steps[-1][0] == "gumbel":
                token = by_noise(*survivors(now, steps, coins), key(seed, GUMBEL, 0), at, stream)[0]
            else:
                token = draw(masses, uniform(seed, at, 0, stream))
            accepted = next((child for child in children if tokens[child] == token), None)
        else:
            accepted, token = rejection(masses, children, tokens, draft, seed, at, stream)
        out.append(token)
        if accepted is None:
            return out
        node = accepted


def rejection(
    masses: Sequence[float],
    children: Sequence[int],
    tokens: Sequence[int],
    draft: Sequence[Sequence[float]],
    seed: int,
    step: int,
    stream: int,
) -> tuple[int | None, int]:
    """Return the child that is accepted and its token, or None and a token of what the refused ones leave."""
    for turn, child in enumerate(children):
        x, q = tokens[child], draft[child]
        total = math.fsum(masses)
        if uniform(key(seed, ACCEPTANCE, turn), step, 0, stream) * q[x] < masses[x] / total:
            return child, x
        masses = [max(mass / total - other, 0.0) for mass, other in zip(masses, q, strict=True)]
        if not any(masses):  # the two are the same but for rounding
            return child, x
    return None, draw(masses, uniform(key(seed, RESIDUAL if children else BONUS), step, 0, stream))
