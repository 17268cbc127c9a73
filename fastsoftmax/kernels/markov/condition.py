"""Walks under a condition: sentences that end, with a number of tokens in given bounds.

    edge_masses   the probability of every edge of a table: one sweep
    chances       the probability that a walk ends as wanted, for every state and number of tokens so far, from the last
                  to the first: a sweep over the edges a token, limited by the cache misses of the states they lead to
    choose        where each walk begins: one of several states
    speak         walks drawn with the probabilities times the chances: a sweep over the edges of a row a token

That is Doob's h-transform (Doob, "Conditional Brownian motion", Bulletin de la Société Mathématique de France 85,
1957): exactly the law of the walks that end as wanted, and no walk in vain.

Say that a walk begins with a, and that after a comes a or the end, each with probability 1/2. A walk that must have two
tokens has the chance 1/2 when it has both, and 1/2 * 1/2 = 1/4 when it has one. So its second step takes a with
probability 1/2 * 1/2 over 1/4, for sure, and its third one the end.
"""

import numpy as np

from fastsoftmax._jit import jit
from fastsoftmax._types import Floats, Ids, Positions
from fastsoftmax.kernels.markov.table import Rows, cut_runs
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.kernels.math.philox import uniform

ENDLESS = -1  # the length of a walk that did not end in time
CUT_OFF = -2  # and of one that came to where nothing was seen
_TINY = 2.0**-512  # chances of hundreds of tokens are below the least float64


@jit
def edge_masses(rows: Rows, filters: Filters, masses: Floats) -> None:
    """Write the probabilities of all edges; 0 for those that filters drop."""
    offsets = rows.offsets
    longest = 0
    for row in range(offsets.size - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    lines = np.empty(2 * longest)
    words = lines.view(np.int64)
    for row in range(offsets.size - 1):
        start, stop = offsets[row], offsets[row + 1]
        runs = cut_runs(rows.counts, start, stop, filters, lines, words, 0)
        total = 0.0
        for run in range(runs):
            total += lines[2 * run] * (words[2 * run + 1] >> 32)
        edge = start
        for run in range(runs):
            for _ in range(words[2 * run + 1] >> 32):
                masses[edge] = lines[2 * run] / total
                edge += 1
        masses[edge:stop] = 0.0


@jit
def chances(rows: Rows, masses: Floats, least: int, bounded: bool, out: Floats, scales: Floats) -> None:
    """Write the probability that a walk which has t tokens, in state s, ends as wanted: out[t, s].

    That is with `least` to len(out) - 1 tokens. If not bounded, out[-1] is given: the probability that one which comes
    to `least` = len(out) - 1 tokens ends as wanted, 1 where that is not asked. A token that leads to no state with a
    row is no end: nothing was seen after it. Where probabilities are tiny they are multiplied by a power of two:
    out[t] * scales[t] is what out[t + 1] gives.
    """
    offsets, tokens, targets = rows.offsets, rows.tokens, rows.targets
    last = out.shape[0] - 1
    scales[:] = 1.0
    if not bounded:
        last -= 1
    for taken in range(last, -1, -1):
        largest = 0.0
        for row in range(offsets.size - 1):
            chance = 0.0
            for edge in range(offsets[row], offsets[row + 1]):
                if targets[edge] >= 0:
                    if taken + 1 < out.shape[0]:
                        chance += masses[edge] * out[taken + 1, targets[edge]]
                elif tokens[edge] < 0 and taken >= least:
                    chance += masses[edge]
            out[taken, row] = chance
            largest = max(largest, chance)
        if 0.0 < largest < _TINY and taken + 1 < least:  # no walk ends here, with a mass that has no scale
            scales[taken] = _TINY
            out[taken] /= _TINY


@jit
def choose(sums: Floats, seed: np.uint64, step: int, attempt: int, walks: Positions, out: Positions) -> None:
    """Write for each walk the first place whose running mass exceeds u times the whole, at (seed, step, attempt)."""
    for i in range(walks.size):
        goal = uniform(seed, np.uint64(step), np.uint64(attempt), np.uint64(walks[i])) * sums[-1]
        out[i] = min(np.searchsorted(sums, goal, side="right"), sums.size - 1)


@jit
def speak(
    rows: Rows,
    masses: Floats,
    chance: Floats,
    scales: Floats,
    least: int,
    states: Positions,
    taken: int,
    seed: np.uint64,
    attempt: int,
    walks: Positions,
    ids: Ids,
    lengths: Positions,
) -> None:
    """Write walks on from their states, `taken` tokens into each row of `ids`, and their lengths.

    Token t of walks[i] takes the uniform number of (seed, t, attempt, walks[i]). With chances of shape (0, 0) the walks
    are free; with chances for fewer tokens than a row of `ids` holds they are not bounded, and the last chances are
    those of all later states.
    Those that do not end within the row have the length ENDLESS, and those that come to a state without a row CUT_OFF.
    """
    offsets, tokens, targets = rows.offsets, rows.tokens, rows.targets
    most, last = ids.shape[1], chance.shape[0] - 1
    free = last < 0
    for i in range(walks.size):
        row, length = states[i], taken
        while True:
            total = 1.0 if free else chance[min(length, last), row] * scales[min(length, last)]
            goal = uniform(seed, np.uint64(length), np.uint64(attempt), np.uint64(walks[i])) * total
            chosen, before = -1, 0.0
            for edge in range(offsets[row], offsets[row + 1]):
                mass = masses[edge]
                tail = most > last and length >= last  # where the number of tokens is not asked any more
                if not free and targets[edge] >= 0:
                    mass = mass * chance[min(length + 1, last), targets[edge]] if length < last or tail else 0.0
                elif not free and tokens[edge] < 0:
                    mass = mass if length >= least else 0.0
                elif not free and not tail:  # a dead end
                    mass = 0.0
                if mass > 0.0:
                    chosen = edge
                    before += mass
                    if before > goal:
                        break
            if chosen < 0:  # no mass is left: all of it was below the least float
                length = CUT_OFF
                break
            if tokens[chosen] < 0:
                break
            if length == most:
                length = ENDLESS
                break
            ids[i, length] = tokens[chosen]
            row = int(targets[chosen])
            if row < 0:
                length = CUT_OFF
                break
            length += 1
        lengths[i] = length
