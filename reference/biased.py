"""Walks of a graph that mind where they came from, or go back to their start (node2vec: Grover and Leskovec, 2016)."""

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
            bias = 1 / q
            if last is None or len(tokens) == 1:
                bias = largest
            elif token == last:
                bias = 1 / p
            elif token in rows[last,]:
                bias = 1.0
            if bias == largest or uniform(seed, t, 2 * attempt + 1, w) < bias / largest:
                break
        if token < 0:
            break
        last = ids[-1]
        ids.append(token)
    return ids
