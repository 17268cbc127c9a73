"""How likely, and how soon, walks come to some states. Needs SciPy.

From sun, which stays with 0.9 and rains otherwise, rain is 10 tokens away: h = 1 + 0.9 h.
"""

import numpy as np

from fastsoftmax._types import Flags, Floats, Positions
from fastsoftmax.markov.longrun.balance import Sparse, scipy_part, sparse
from fastsoftmax.markov.longrun.graph import Graph, classes_of, members_of, shares_in
from fastsoftmax.markov.longrun.solving import eliminated, solved

MOST_DENSE = 5000  # states: a matrix of 200 MB


def chance_of(graph: Graph, goal: Flags) -> Floats:
    """Return how likely a walk from each node ever comes to the goal: 1 there, and wherever no way leads past it."""
    comes = _ways_to(graph, goal, np.ones(graph.size, np.bool_))
    sure = comes & ~_ways_to(graph, ~comes, ~goal)
    chances = sure.astype(np.float64)
    open_nodes = np.flatnonzero(comes & ~sure)
    if open_nodes.size:
        inside, outside = _parts(graph, open_nodes)
        chances[open_nodes] = solved(inside, np.asarray(outside.sum(axis=1)).ravel(), outside @ sure.astype(np.float64))
    return np.minimum(chances, 1.0)


def time_to(graph: Graph, goal: Flags) -> Floats:
    """Return how many tokens a walk from each node takes to the goal on average: 0 there, inf where it may miss it."""
    comes = _ways_to(graph, goal, np.ones(graph.size, np.bool_))
    sure = comes & ~_ways_to(graph, ~comes, ~goal)
    times = np.where(sure, 0.0, np.inf)
    nodes = np.flatnonzero(sure & ~goal)
    if nodes.size:
        inside, outside = _parts(graph, nodes)
        times[nodes] = solved(inside, np.asarray(outside.sum(axis=1)).ravel(), tokens_after(graph)[nodes])
    return times


def tokens_after(graph: Graph) -> Floats:
    """Return how many tokens the next step of a walk takes at each node: 1, less how likely it goes to the start."""
    return np.asarray(np.bincount(graph.sources, graph.probabilities * graph.emits, graph.size), np.float64)


def discounted(graph: Graph, gains: Floats, factor: float) -> Floats:
    """Return what an endless walk from each node gains, if a gain is worth so much less a token earlier."""
    weights = graph.probabilities * np.where(graph.emits, factor, 1.0)
    inside = sparse(weights, graph.sources, graph.targets, graph.size)
    leaving = (1.0 - factor) * tokens_after(graph) + graph.stops
    found = np.zeros(graph.size)
    for sign in (1.0, -1.0):
        part = np.maximum(sign * gains, 0.0)
        if part.any():
            found += sign * solved(inside, leaving, part)
    return found


def recurrences_of(graph: Graph) -> Floats:
    """Return how many tokens a walk takes to come back to each node on average; inf where it may never do so."""
    labels, closed = classes_of(graph)
    returns = np.full(graph.size, np.inf)
    for label, nodes in enumerate(members_of(labels)):
        if closed[label]:
            shares = shares_in(graph, nodes)
            returns[nodes] = shares[nodes != graph.start].sum() / shares
    return returns


def visits_before(graph: Graph, nodes: Positions) -> Floats:
    """Return how often a walk from each of some nodes is at each of them before it leaves them for good."""
    if nodes.size > MOST_DENSE:
        raise ValueError(f"{nodes.size} states make a matrix too large, expected at most {MOST_DENSE}")
    inside, outside = _parts(graph, nodes)
    return eliminated(inside, np.asarray(outside.sum(axis=1)).ravel(), np.eye(nodes.size))


def visits_to(graph: Graph, node: int) -> Floats:
    """Return how often a walk from each node is at a transient one; 0 from where no way leads there."""
    labels, closed = classes_of(graph)
    nodes = np.flatnonzero(~closed[labels])
    inside, outside = _parts(graph, nodes)
    visits = np.zeros(graph.size)
    visits[nodes] = solved(inside, np.asarray(outside.sum(axis=1)).ravel(), (nodes == node).astype(np.float64))
    return visits


def times_between(graph: Graph, nodes: Positions) -> Floats:
    """Return how many tokens a walk takes from each node of a closed class to each other one, on average.

    From visits before the first node, k: a walk from i comes to j before k with f = N[i, j] / N[j, j], and to k after
    t[i] tokens. So it takes t[i] - f t[j] to whichever comes first, and goes on from k with 1 - f; from k it takes
    R / g - t[j], where R is the time of a return to k, and g how likely one passes j (Kemeny and Snell, *Finite Markov
    Chains*, 1960, 4.4 and 6.1, in other words).
    """
    if nodes.size == 1:
        return np.zeros((1, 1))
    others = nodes[1:]
    visits = visits_before(graph, others)
    costs = tokens_after(graph)
    to_first = visits @ costs[others]
    before_first = visits / np.diag(visits)
    _, outside = _parts(graph, nodes[:1])
    steps = outside[:, others].toarray()[0]
    returning = costs[nodes[0]] + steps @ to_first
    from_first = returning / (steps @ before_first) - to_first
    times = np.zeros((nodes.size, nodes.size))
    times[1:, 0], times[0, 1:] = to_first, from_first
    times[1:, 1:] = to_first[:, np.newaxis] - before_first * to_first + (1.0 - before_first) * from_first
    np.fill_diagonal(times, 0.0)
    return times


def _parts(graph: Graph, nodes: Positions) -> tuple[Sparse, Sparse]:
    """Return the steps of some nodes among themselves, and those from them to all others."""
    place = np.full(graph.size, -1)
    place[nodes] = np.arange(nodes.size)
    own = place[graph.sources] >= 0
    sources, targets, probabilities = place[graph.sources[own]], graph.targets[own], graph.probabilities[own]
    stays = place[targets] >= 0
    inside = sparse(probabilities[stays], sources[stays], place[targets[stays]], nodes.size)
    outside = sparse(probabilities[~stays], sources[~stays], targets[~stays], nodes.size, graph.size)
    return inside, outside


def _ways_to(graph: Graph, goal: Flags, through: Flags) -> Flags:
    """Return the nodes that have a way to the goal: those of the goal too, and only ways over some nodes count."""
    used = through[graph.sources]
    ends = np.flatnonzero(goal)
    backwards = sparse(
        np.ones(int(used.sum()) + ends.size, np.int8),
        np.append(graph.targets[used], np.full(ends.size, graph.size)),
        np.append(graph.sources[used], ends),
        graph.size + 1,
    )
    found = scipy_part("sparse.csgraph").breadth_first_order(backwards, graph.size, return_predecessors=False)
    reached = np.zeros(graph.size + 1, np.bool_)
    reached[found] = True
    return reached[:-1]
