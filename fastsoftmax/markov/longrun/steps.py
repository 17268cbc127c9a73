"""Where walks are after some tokens. Needs SciPy.

From rain, after which comes sun or rain alike, and where sun stays with 0.9: (0.5, 0.5), then (0.7, 0.3).
"""

import numpy as np

from fastsoftmax._types import Floats
from fastsoftmax.markov.longrun.balance import sparse
from fastsoftmax.markov.longrun.graph import Graph


def after(graph: Graph, first: Floats, steps: int) -> Floats:
    """Return how likely each node is after some tokens, from how likely it is at first. O(E) a token.

    What goes to the start without a token goes on from there at once; walks that have stopped stay where they are.
    """
    stay, begins = np.flatnonzero(graph.stops), graph.sources == graph.start
    own = graph.emits & ~begins
    forward = sparse(
        np.append(graph.probabilities[own], np.ones(stay.size)),
        np.append(graph.targets[own], stay),
        np.append(graph.sources[own], stay),
        graph.size,
    )
    if graph.start < 0:
        for _ in range(steps):
            first = forward @ first
        return first
    begins &= graph.emits
    beginning = np.bincount(graph.targets[begins], graph.probabilities[begins], graph.size)
    beginning = beginning / beginning.sum()
    back = np.bincount(graph.sources[~graph.emits], graph.probabilities[~graph.emits], graph.size)
    back[graph.start] = 1.0  # it emits a token sooner or later
    for _ in range(steps):
        first = forward @ first + (back @ first) * beginning
    return first
