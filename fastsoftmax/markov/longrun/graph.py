"""The endless walk, `walk(on_dead_end="restart")`, as a graph. Needs SciPy.

Nodes are the states with a row, edges the transitions that the cut-offs keep. After an end or a dead end a walk goes on
from the start: those edges lead to the start, which is a node although it emits no token. Time is counted in tokens:
the start takes none, dead ends take some, although they have no row.

A walk over a b | a b | ... spends half of its tokens in a and half in b, and none in the start between them.
"""

from typing import NamedTuple

import numpy as np

from fastsoftmax._types import Flags, Floats, Positions
from fastsoftmax.kernels.markov.condition import edge_masses
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions
from fastsoftmax.markov.longrun.balance import Sparse, scipy_part, shares, sparse
from fastsoftmax.markov.walking.restarts import restart_state


class Graph(NamedTuple):
    """The endless walk: an edge for every transition that the filters keep."""

    size: int
    start: int  # or -1
    sources: Positions
    targets: Positions
    probabilities: Floats
    emits: Flags  # a token: not the end
    restarts: Flags  # after the end or a dead end

    def matrix(self) -> Sparse:
        """Return the probabilities, (size, size)."""
        return sparse(self.probabilities, self.sources, self.targets, self.size)


def graph_of(table: Transitions, filters: Filters) -> Graph:
    """Return the graph of the endless walk; ValueError if it ends and has no start to go on from."""
    size = len(table.contexts)
    sources = np.repeat(np.arange(size), np.diff(table.offsets))
    probabilities = np.empty(table.tokens.size)
    edge_masses(table.rows, filters, probabilities)
    kept = probabilities > 0.0
    targets = table.targets[kept].astype(np.int64)
    restarts = targets < 0
    start = restart_state(table, filters) if restarts.any() else table.find(np.full(table.order, BOUNDARY, np.int32))
    targets[restarts] = start
    return Graph(size, start, sources[kept], targets, probabilities[kept], table.tokens[kept] != BOUNDARY, restarts)


def classes_of(graph: Graph) -> tuple[Positions, Flags]:
    """Return the class of every node, and which classes no edge leaves."""
    number, labels = scipy_part("sparse.csgraph").connected_components(graph.matrix(), connection="strong")
    closed = np.ones(number, np.bool_)
    closed[labels[graph.sources[labels[graph.sources] != labels[graph.targets]]]] = False
    return labels, closed


def members_of(labels: Positions) -> list[Positions]:
    """Return the nodes of every class, in order."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels)))[:-1]


def period_of(graph: Graph, inside: Flags, node: int) -> int:
    """Return the period of the class that the node is in: of how much longer each edge is than the shortest way.

    Depths are measured from the start if it is in the class. The only edges that emit no token lead to the start, so no
    shortest path takes one.
    """
    root = graph.start if graph.start >= 0 and inside[graph.start] else node
    edges = inside[graph.sources] & inside[graph.targets]
    sources, targets = graph.sources[edges], graph.targets[edges]
    within = sparse(np.ones(sources.size), sources, targets, graph.size)
    _, above = scipy_part("sparse.csgraph").breadth_first_order(within, root)
    depths = (above >= 0).astype(np.int64)
    above[above < 0] = root
    while depths[above].any():  # a way twice as long each time
        depths, above = depths + depths[above], above[above]
    return int(np.gcd.reduce(depths[sources] + graph.emits[edges] - depths[targets]))


def visits_of(graph: Graph) -> Floats:
    """Return how often an endless walk from the start is at each node, per token."""
    labels, closed = classes_of(graph)
    members, matrix = members_of(labels), graph.matrix()
    visits = np.zeros(graph.size)
    for label, weight in _absorption(graph, labels, closed).items():
        states = members[label]
        visits[states] = weight * (shares(matrix[states][:, states]) if states.size > 1 else 1.0)
    tokens = visits[graph.sources] @ (graph.probabilities * graph.emits * graph.restarts)  # at dead ends
    tokens += visits.sum() - (visits[graph.start] if graph.start >= 0 else 0.0)
    return visits / tokens


def _absorption(graph: Graph, labels: Positions, closed: Flags) -> dict[int, float]:
    """Return the closed classes that walks from the start end up in, and how likely each is.

    With an edge from each of them back to the start, a class is as likely as it is often reached.
    """
    if graph.start < 0:
        if closed.sum() != 1:
            raise ValueError(f"the chain has no start and {closed.sum()} recurrent classes, expected one class")
        return {int(closed.argmax()): 1.0}
    reached = scipy_part("sparse.csgraph").breadth_first_order(graph.matrix(), graph.start, return_predecessors=False)
    absorbed = closed[labels]
    final = np.unique(labels[reached[absorbed[reached]]])
    if final.size == 1:
        return {int(final[0]): 1.0}
    passing = reached[~absorbed[reached]]
    size = passing.size + final.size
    nodes = np.full(graph.size, -1)
    nodes[passing] = np.arange(passing.size)
    edges = nodes[graph.sources] >= 0
    nodes[absorbed] = passing.size + np.searchsorted(final, labels[absorbed])
    sources = np.append(nodes[graph.sources[edges]], np.arange(passing.size, size))
    targets = np.append(nodes[graph.targets[edges]], np.full(final.size, nodes[graph.start]))
    often = shares(sparse(np.append(graph.probabilities[edges], np.ones(final.size)), sources, targets, size))
    often = often[passing.size :]
    return dict(zip(final.tolist(), (often / often.sum()).tolist(), strict=True))
