"""Biased walks of a graph: node2vec's, which mind where they came from, and walks that go back to their start.

A step from v, after t, takes an edge to x in proportion to its weight times a bias: 1/p back to t, 1 to a node that t
leads to as well, 1/q to any other (Grover and Leskovec, "node2vec: scalable feature learning for networks", KDD 2016).
With node2vec+ t leads to x by so much as its edge weighs, of the mean weight of x, at most 1; and where it leads there
by less, an edge from v below the mean weight of v has min(1, 1/q) (Liu, Hirn and Krishnan, "Accurately modeling biased
random walks on weighted networks using node2vec+", Bioinformatics 39, 2023).
An edge is drawn by its weight, and taken with its bias over the largest one; else another one is drawn (Yang et al.,
"KnightKing: a fast distributed graph random walk engine", SOSP 2019). So no table for pairs of nodes is made.

    advance   64 walks side by side, an attempt each: two cache misses for the edge, and a search among the edges of t,
              whose tokens are sorted, where the random number lies between the biases of near and away. With p and q
              from 1/4 to 4 one to four attempts a step.

With p = 4 and q = 1/2 the largest bias is 2: an edge back is taken with probability 1/8, one to a common neighbour with
1/2, one away always.
"""

from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax._types import Floats, Ids, Positions
from fastsoftmax.kernels.lanes.arrays import borrowed, on_stack
from fastsoftmax.kernels.lanes.loads import prefetch
from fastsoftmax.kernels.markov.locate import locate_one
from fastsoftmax.kernels.markov.table import OVER, Table, borrowed_table
from fastsoftmax.kernels.math.philox import RESTART, key_of, uniform

GROUP = 64  # walks side by side
_a_walk = on_stack(GROUP)
_LOW = np.uint64(0xFFFFFFFF)


class Bias(NamedTuple):
    """What a step is biased by."""

    back: float  # 1/p over the largest bias
    near: float  # 1 over it
    away: float  # 1/q over it
    restart: float  # the probability that a walk goes to its start instead


class Weights(NamedTuple):
    """What node2vec+ looks at; empty for node2vec."""

    edges: Floats  # in the order of the sorted tokens
    means: Floats  # of each state


@inline
def _place_of(token: np.int64, start: int, stop: int, tokens: Ids) -> int:
    """Return where a token is among sorted ones, -1 where it is not."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if tokens[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low if low < stop and tokens[low] == token else -1


@inline
def _by_weight(
    last: int, state: int, following: int, token: np.int64, rows: Positions, ends: Ids, weights: Weights, bias: Bias
) -> float:
    """Return the bias of node2vec+ for a step on from `state`, which came from `last`."""
    place = _place_of(token, rows[last], rows[last + 1], ends)
    weight = weights.edges[place] if place >= 0 else 0.0
    mean = weights.means[following] if following >= 0 else 0.0
    if place >= 0 and weight >= mean:
        return bias.near
    if weights.edges[_place_of(token, rows[state], rows[state + 1], ends)] < weights.means[state]:
        return min(bias.near, bias.away)
    return bias.away + (bias.near - bias.away) * (weight / mean if mean > 0.0 else 0.0)


@jit
def advance(
    table: Table,
    offsets: Positions,
    sorted_tokens: Ids,
    weights: Weights,
    bias: Bias,
    seed: np.uint64,
    starts: Positions,
    from_walk: int,
    to_walk: int,
    lengths: Positions,
    ids: Ids,
) -> None:
    """Write the tokens of some walks, from their states in `starts` on, whose tokens are there already.

    A walk that comes to an end or to a node without edges stops there, and its length is written.
    """
    table, rows, ends = borrowed_table(table), borrowed(offsets), borrowed(sorted_tokens)
    weights = Weights(borrowed(weights.edges), borrowed(weights.means))
    least, most = min(bias.near, bias.away), max(bias.near, bias.away)
    heads, slots, coin = table.heads, table.slots, key_of(seed, RESTART, np.uint64(0))
    states, lasts, found = _a_walk(np.int64(0)), _a_walk(np.int64(0)), _a_walk(np.int64(0))
    waiting = _a_walk(np.int64(0))
    for first in range(from_walk, to_walk, GROUP):
        count = min(GROUP, to_walk - first)
        for lane in range(count):
            states[lane], lasts[lane] = starts[first + lane], -1
        for step in range(1, ids.shape[1]):
            pending = 0
            for lane in range(count):
                walk = first + lane
                if states[lane] < 0:  # stopped
                    continue
                if bias.restart > 0.0:
                    u = uniform(coin, np.uint64(step), np.uint64(0), np.uint64(walk) & _LOW)
                    if u < bias.restart:
                        ids[walk, step] = ids[walk, 0]
                        states[lane], lasts[lane] = starts[walk], -1  # the next step has no bias
                        continue
                waiting[pending] = lane
                pending += 1
            attempt = 0
            while pending > 0:
                for place in range(pending):
                    lane = waiting[place]
                    u = uniform(seed, np.uint64(step), np.uint64(2 * attempt), np.uint64(first + lane) & _LOW)
                    found[lane] = locate_one(states[lane], u, table)
                    prefetch(slots, found[lane])
                    if lasts[lane] >= 0:
                        prefetch(ends, (rows[lasts[lane]] + rows[lasts[lane] + 1]) >> 1)
                for place in range(pending):
                    lane = waiting[place]
                    found[lane] = np.int64(slots[np.uint64(found[lane])])
                    prefetch(heads, 2 * max(found[lane], 0))
                kept = 0
                for place in range(pending):
                    lane = waiting[place]
                    walk, following = first + lane, found[lane]
                    token = np.int64(-2) - following
                    if following >= 0:
                        token = heads[np.uint64(2 * following + 1)] >> 32
                    last = lasts[lane]
                    if last >= 0 and heads[np.uint64(2 * states[lane])] >> 32 > 1:  # a single edge is always taken
                        v = uniform(seed, np.uint64(step), np.uint64(2 * attempt + 1), np.uint64(walk) & _LOW)
                        taken = v < least
                        if token == heads[np.uint64(2 * last + 1)] >> 32:
                            taken = v < bias.back
                        elif least <= v < most:  # only then it matters whether t leads there
                            if weights.means.size > 0:
                                taken = v < _by_weight(last, states[lane], following, token, rows, ends, weights, bias)
                            else:
                                near = _place_of(token, rows[last], rows[last + 1], ends) >= 0
                                taken = v < (bias.near if near else bias.away)
                        if not taken:
                            waiting[kept] = lane  # for another attempt
                            kept += 1
                            continue
                    lasts[lane], states[lane] = states[lane], following
                    ids[walk, step] = token
                    if following < 0:
                        lengths[walk] = step if following == OVER else step + 1
                pending = kept
                attempt += 1
