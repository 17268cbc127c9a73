"""Where walks are after some tokens, and what a function of the state is then on average. Needs SciPy.

From rain, after which comes sun or rain alike, and where sun stays with 0.9: (0.5, 0.5), then (0.7, 0.3). A function
that is 1 at sun and 0 at rain is 0.9 after sun and 0.5 after rain, then 0.86 and 0.7.
"""

from typing import NamedTuple

import numpy as np

from fastsoftmax._types import Floats
from fastsoftmax.markov.longrun.balance import Sparse, sparse
from fastsoftmax.markov.longrun.graph import Graph

MOST_STEPS = 2**40  # of which each has a number in an array, as the tokens of a walk have


class Steps(NamedTuple):
    """The steps of a graph by tokens. What goes to the start without a token goes on from there at once."""

    ways: Sparse  # (to, from), of the tokens that come from a state
    over: Floats  # (size,): how likely the next token of a walk comes from the start
    begins: Floats  # (size,): where that leads to; 0 without a start
    stops: Floats  # (size,): 1 where walks stay for ever, without a token

    def forward(self, shares: Floats) -> Floats:
        """Return how likely each node is after a token, from how likely it is now; who has stopped stays. O(E)."""
        return np.asarray(self.ways @ shares + (self.over @ shares) * self.begins + self.stops * shares)

    def backward(self, values: Floats) -> Floats:
        """Return the mean of a function after the next token at each node, 0 where there is none. O(E)."""
        return np.asarray(self.ways.T @ values + self.over * (self.begins @ values))


def steps_of(graph: Graph) -> Steps:
    """Return the steps of a graph by tokens."""
    at_start = graph.sources == graph.start
    own, first = graph.emits & ~at_start, graph.emits & at_start
    ways = sparse(graph.probabilities[own], graph.targets[own], graph.sources[own], graph.size)
    ends = ~graph.emits
    over = np.bincount(graph.sources[ends], graph.probabilities[ends], graph.size).astype(np.float64)
    begins = np.bincount(graph.targets[first], graph.probabilities[first], graph.size).astype(np.float64)
    if graph.start >= 0:
        over[graph.start] = 1.0  # it emits a token sooner or later
        begins /= begins.sum()
    return Steps(ways, over, begins, graph.stops.astype(np.float64))


def after(graph: Graph, first: Floats, steps: int) -> Floats:
    """Return how likely each node is after some tokens, from how likely it is at first. O(E) a token."""
    step = steps_of(graph)
    for _ in range(steps):
        first = step.forward(first)
    return first
