"""Biased walks of a graph: node2vec's, which mind where they came from, and walks that go back to their start.

A step from v, after t, takes an edge to x in proportion to its weight times a bias: 1/p back to t, 1 to a node that t
leads to as well, 1/q to any other (Grover and Leskovec, "node2vec: scalable feature learning for networks", KDD 2016).
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
from fastsoftmax._types import Ids, Positions
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


@inline
def _leads_to(token: np.int64, start: int, stop: int, tokens: Ids) -> bool:
    """Whether a token is among sorted ones."""
    low, high = start, stop
    while low < high:
        middle = (low + high) >> 1
        if tokens[middle] < token:
            low = middle + 1
        else:
            high = middle
    return bool(low < stop and tokens[low] == token)


@jit
def advance(
    table: Table,
    offsets: Positions,
    sorted_tokens: Ids,
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
                            near = _leads_to(token, rows[last], rows[last + 1], ends)
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
