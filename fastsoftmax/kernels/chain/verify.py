"""Kernel: drafted tokens checked against the distributions that they should have come from.

A draft is a tree of nodes, a token each; often it has one branch. Beginning before the first token, the target's row at
a node is put through the chain of samplers, and one child is accepted, or none.

without probabilities  The target draws a token as `sample` does, and the child that has it is accepted.
with them              A child of token x, drawn with probability q(x) where the target has p(x), is accepted if
                       u q(x) < p(x). If it is not, p becomes what max(p - q, 0) is in proportion, for its sibling or
                       for the draw that ends the walk.

Either way what comes out has the target's law. A node costs what a draw by a chain does.

Let p be 0.75 and 0.25, and q the other way round: a drafted token 1 is accepted if u 0.75 < 0.25, for a third of all u.
If not, what is left of p is 0.5 and 0, so token 0 comes out.
"""

import numpy as np

from fastsoftmax._jit import function, inline, jit
from fastsoftmax.kernels.chain.draw import distribution, draw_gumbel, draw_token, outcome_of
from fastsoftmax.kernels.chain.memory import Memory, memory_of
from fastsoftmax.kernels.history.tokens import Edits
from fastsoftmax.kernels.lanes.arrays import borrowed, first_not_below
from fastsoftmax.kernels.lanes.loads import element
from fastsoftmax.kernels.lanes.numbers import IntRow, IntRows, Number, Row, Rows
from fastsoftmax.kernels.lanes.rows import groups_of
from fastsoftmax.kernels.math.philox import ACCEPTANCE, BONUS, GUMBEL_NOISE, RESIDUAL, key_of, uniform
from fastsoftmax.kernels.sampling.draw import Draws
from fastsoftmax.kernels.sampling.groups import list_masses
from fastsoftmax.kernels.sampling.workspace import edited, row_at
from fastsoftmax.samplers.step import GUMBEL

MOST = 1.0 + 2.0**-20  # that a probability of float32 may be
REFUSED = -2  # a draft probability that cannot be; lower by the number of its node


@inline
def place_among(tokens: IntRow, count: int, token: int) -> int:
    """Return the place of a token in a list in index order, -1 if it is not there."""
    place = first_not_below(tokens, 0, count, token)
    return place if place < count and tokens[place] == token else -1


@function
def subtract(chances: Row, total: float, kept: int, memory: Memory) -> float:
    """Make the masses what is left of them beside the draft's probabilities; return their sum, or NaN for a bad one."""
    masses, tokens = memory.values, memory.row.tokens
    bad = False
    for place in range(kept):
        q = element(chances, tokens[place], 0.0)
        bad = bad or not 0.0 <= q <= MOST
        masses[place] = max(masses[place] / total - q, 0.0)
    left = list_masses(masses, kept, 0.0, memory.row.sums)
    return np.nan if bad else left


@inline
def child_with(token: int, node: int, tokens: IntRow, parents: IntRow) -> int:
    """Return the first child of a node that has a token, -1 if there is none."""
    found = -1
    for child in range(parents.size):
        if found < 0 and parents[child] == node and tokens[child] == token:
            found = child
    return found


@function
def rejected(
    draft: Rows, first: int, node: int, tokens: IntRow, parents: IntRow, draws: Draws, kept: int, memory: Memory
) -> tuple[int, int]:
    """Return the child that is accepted by its probability, -1 for none, and the place of the token."""
    use, turn = BONUS, 0
    for child in range(parents.size):
        if parents[child] != node:
            continue
        use = RESIDUAL
        total = memory.row.sums[groups_of(kept) - 1]
        place = place_among(memory.row.tokens, kept, tokens[child])
        p = memory.values[place] / total if place >= 0 else 0.0
        q = element(draft[first + child], tokens[child], 0.0)
        if not 0.0 < q <= MOST:
            return REFUSED - child, 0
        u = uniform(key_of(draws.seed, ACCEPTANCE, turn), draws.step, draws.first, draws.stream)
        if u * q < p:
            return child, place
        left = subtract(draft[first + child], total, kept, memory)
        if np.isnan(left):
            return REFUSED - child, 0
        if left == 0.0:  # p and q are the same but for rounding, and nothing is left to draw from
            return child, place
        turn += 1
    u = uniform(key_of(draws.seed, use, 0), draws.step, draws.first, draws.stream)
    return -1, draw_token(u, kept, memory)


@function
def drawn(
    node: int, tokens: IntRow, parents: IntRow, draws: Draws, gumbel: bool, kept: int, memory: Memory
) -> tuple[int, int]:
    """Return the child that has the token that the target draws, -1 for none, and the place of the token."""
    if gumbel:
        _, place = draw_gumbel(key_of(draws.seed, GUMBEL_NOISE, draws.first), draws, kept, memory, np.inf, -1)
    else:
        place = draw_token(uniform(draws.seed, draws.step, draws.first, draws.stream), kept, memory)
    return child_with(memory.row.tokens[place], node, tokens, parents), place


@jit
def verify(
    logits: Rows,
    allowed: Rows | None,
    edits: Edits | None,
    steps: Rows,
    words: Rows,
    stream: int,
    stride: int,
    tokens: IntRows,
    parents: IntRow,
    draft: Rows,
    number: Number,
    scratch: Row,
    start: int,
    out: IntRows,
    accepted: IntRow,
) -> int:
    """Write the tokens that come out of each draft to `out`, -1 after them, and how many nodes were accepted.

    Each draft has a row of logits for what comes first and one for what comes after each of its nodes. `parents` is -1
    for what comes first. `draft` has the distribution that each node was drawn from, or rows of no length. `words`
    (seed and step) have an entry for each draft, or one for all; a node's depth is added to the step. Returns -1, or
    the first row without a distribution, or REFUSED less the number of the node whose probabilities cannot be.
    """
    logits, allowed, steps, words = borrowed(logits), borrowed(allowed), borrowed(steps), borrowed(words)
    tokens, parents, draft = borrowed(tokens), borrowed(parents), borrowed(draft)
    scratch, out, accepted = borrowed(scratch), borrowed(out), borrowed(accepted)
    memory = memory_of(scratch, start, logits.shape[1], number)
    nodes, size = parents.size, out.shape[1]
    for one in range(len(tokens)):
        word, node, depth = min(one, len(words) - 1), -1, 0
        while True:
            index = one * (nodes + 1) + node + 1
            row, own = edited(edits, row_at(logits, allowed, index), index, scratch), steps[min(index, len(steps) - 1)]
            at = words[word, 1] + np.uint64(depth)
            draws = Draws(words[word, 0], at, np.uint64(0), np.uint64(stream + stride * one))
            gumbel = len(own) > 0 and int(own[len(own) - 1, 1]) == GUMBEL
            kept = distribution(row, own, outcome_of(own, draws, 0), number, memory, None)
            if kept < 0:
                return index
            if draft.shape[1] > 0:
                child, place = rejected(draft, one * nodes, node, tokens[one], parents, draws, kept, memory)
            else:
                child, place = drawn(node, tokens[one], parents, draws, gumbel, kept, memory)
            if child <= REFUSED:
                return int(child) - one * nodes
            out[one, depth] = tokens[one, child] if child >= 0 else memory.row.tokens[place]
            if child < 0:
                break
            node, depth = child, depth + 1
        accepted[one] = depth
        for i in range(depth + 1, size):
            out[one, i] = -1
    return -1
