"""Walks of a graph that mind where they came from, or go back to their start (node2vec: Grover and Leskovec, 2016)."""

import math
from collections.abc import Mapping
from itertools import count

from reference.philox import RESTART, key, uniform
from reference.sampling import draw

State = tuple[int, ...]


def biased_walk(
    rows: Mapping[State, Mapping[int, float]],
    laws: Mapping[State, tuple[list[int], list[float]]],
    start: int,
    length: int,
    p: float,
    q: float,
    extend: bool,
    restart: float,
    seed: int,
    w: int,
) -> list[int]:
    """Return the ids of walk w of a chain of order 1.

    An edge is drawn by its weight and taken with its bias over the largest one, else another one is drawn: 1/p back to
    the last state, 1 to what that leads to, 1/q elsewhere. Attempt a of token t takes uniform(seed, t, 2 a, w) for the
    edge and uniform(seed, t, 2 a + 1, w) for whether it is taken; a single edge always is. Before that, with
    probability `restart`, the walk goes to its start, by uniform(key(seed, RESTART), t, 0, w).
    """
    largest = max(1 / p, 1.0, 1 / q)
    ids, last = [start][:length], None
    while 0 < len(ids) < length and (ids[-1],) in laws:
        t = len(ids)
        if restart > 0 and uniform(key(seed, RESTART), t, 0, w) < restart:
            ids.append(start)
            last = None
            continue
        tokens, masses = laws[ids[-1],]
        for attempt in count():
            token = tokens[draw(masses, uniform(seed, t, 2 * attempt, w))]
            bias = largest if last is None or len(tokens) == 1 else bias_of(rows, last, ids[-1], token, p, q, extend)
            if bias == largest or uniform(seed, t, 2 * attempt + 1, w) < bias / largest:
                break
        if token < 0:
            break
        last = ids[-1]
        ids.append(token)
    return ids


def bias_of(
    rows: Mapping[State, Mapping[int, float]], last: int, here: int, token: int, p: float, q: float, extend: bool
) -> float:
    """Return the bias of a step from here to a token, after one from the last state.

    With `extend`, which is node2vec+ (Liu, Hirn and Krishnan, 2023), the last state leads to the token by its weight
    over the mean weight of the token's row, and where that is below 1, a weight from here below the mean counts little.
    """
    if token == last:
        return 1 / p
    near = token in rows[last,]
    if not extend:
        return 1.0 if near else 1 / q
    weight, least = rows[last,].get(token, 0.0), mean(rows.get((token,), {}))
    if near and weight >= least:
        return 1.0
    if rows[here,][token] < mean(rows[here,]):
        return min(1.0, 1 / q)
    return 1 / q + (1 - 1 / q) * (weight / least if least > 0 else 0.0)


def mean(row: Mapping[int, float]) -> float:
    """Return the mean weight of a row, 0 of none; a weight nearer to it than 2**-40 of it has reached it."""
    return math.fsum(row.values()) / len(row) * (1 - 2**-40) if row else 0.0
