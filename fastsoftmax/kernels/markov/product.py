"""A chain times an automaton that reads its tokens: walks that know how much of some phrases they have said.

    reach       the pairs (progress, state) that walks come to, numbered as they are found: a search in breadth, limited
                by the cache misses of the pairs that edges lead to, one an edge
    multiply    their rows, without the edges that end in a wrong progress or lead nowhere: the same misses once more
    settle      the probability that a walk ends, for every pair: sweeps over all edges, from the last pair to the
                first, a miss an edge at most

The masses of edges are those of the chain, so that the rows of pairs may add up to less than 1: what is missing is the
mass of walks that end, or break off, without the phrases.

Say that after a comes b or the end, each with probability 1/2, and after b always a. Of sentences that have to end with
`b a` the automaton has the progress 0, 1 (b was said) and 2 (b a). From a walk at a, walks come to the pairs (0, a),
(1, b) and (2, a). An end is kept at (2, a) alone, and the chances h are h(2, a) = 1/2 + 1/2 h(1, b), h(1, b) = h(2, a),
and h(0, a) = 1/2 h(1, b): hence 1, 1 and 1/2.
"""

from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import jit
from fastsoftmax._types import Flags, Floats, Ids, Positions
from fastsoftmax.kernels.markov.table import Rows


class Automaton(NamedTuple):
    """What reads tokens: the progress q comes by a token t to steps[q, letters[t]]; it begins as 0."""

    letters: Ids  # (V,): of every token; 0 for those that are in no phrase
    steps: Ids  # (Q, L)
    ends: Flags  # (Q,): whether a sentence may end with that progress


@jit
def reach(rows: Rows, masses: Floats, automaton: Automaton, numbers: Ids, pairs: Positions, counted: Positions) -> bool:
    """Write the pairs that walks come to from pairs[:counted[1]], and their numbers; False where more room is needed.

    A pair is progress * states + state, and numbers[pair] is 1 more than its number. `counted` has how many pairs were
    looked at, how many there are, and how many edges leave those that were looked at.
    """
    letters, steps, ends = automaton
    states = rows.offsets.size - 1
    while counted[0] < counted[1]:
        progress, state = divmod(pairs[counted[0]], states)
        start, stop = rows.offsets[state], rows.offsets[state + 1]
        if counted[1] + stop - start > pairs.size:
            return False
        for edge in range(start, stop):
            token, target = rows.tokens[edge], np.int64(rows.targets[edge])
            if masses[edge] > 0.0 and target >= 0:
                pair = steps[progress, letters[token]] * states + target
                if numbers[pair] == 0:
                    pairs[counted[1]] = pair
                    counted[1] += 1
                    numbers[pair] = counted[1]
                counted[2] += 1
            elif masses[edge] > 0.0 and token < 0 and ends[progress]:
                counted[2] += 1
        counted[0] += 1
    return True


@jit
def multiply(
    rows: Rows,
    masses: Floats,
    automaton: Automaton,
    numbers: Ids,
    pairs: Positions,
    offsets: Positions,
    tokens: Ids,
    targets: Ids,
    shares: Floats,
) -> None:
    """Write the rows of the pairs: where they begin, and of every edge its token, target and mass."""
    letters, steps, ends = automaton
    states = rows.offsets.size - 1
    offsets[0] = at = 0
    for i in range(pairs.size):
        progress, state = divmod(pairs[i], states)
        for edge in range(rows.offsets[state], rows.offsets[state + 1]):
            token, target = rows.tokens[edge], np.int64(rows.targets[edge])
            if masses[edge] == 0.0 or (target < 0 and (token >= 0 or not ends[progress])):
                continue
            tokens[at], shares[at], targets[at] = token, masses[edge], -1
            if target >= 0:
                targets[at] = numbers[steps[progress, letters[token]] * states + target] - 1
            at += 1
        offsets[i + 1] = at


@jit
def settle(rows: Rows, masses: Floats, sweeps: int, out: Floats) -> tuple[float, float]:
    """Raise the probabilities that walks end by some sweeps, and return the largest relative rises of the last two.

    From zeros on, out[s] never passes the probability that it comes to.
    """
    offsets, targets = rows.offsets, rows.targets
    before = rise = 0.0
    for _ in range(sweeps):
        before, rise = rise, 0.0
        for row in range(out.size - 1, -1, -1):
            chance = 0.0
            for edge in range(offsets[row], offsets[row + 1]):
                chance += masses[edge] * (out[targets[edge]] if targets[edge] >= 0 else 1.0)
            if chance > out[row]:
                rise = max(rise, (chance - out[row]) / chance)
                out[row] = chance
    return before, rise
