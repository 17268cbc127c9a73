"""A chain as a graph: nodes are its states, edges the transitions that the cut-offs keep. Needs SciPy.

Where the chain has a start, a walk that comes to an end or a dead end goes on from it, as with on_dead_end="restart":
the start is a node that emits no token, and a step back to it takes no time. Where the chain has none, a dead end is a
node without an edge, and so is the end, the last node: walks stay there. Time is counted in tokens.

A walk over a b | a b | ... spends half of its tokens in a and half in b, and none in the start between them. A chain of
order 0 has the start, before the first token, and one state, (), with the same row.
"""

from typing import NamedTuple

import numpy as np

from fastsoftmax._types import Flags, Floats, Ids, Positions
from fastsoftmax.kernels.markov.condition import edge_masses
from fastsoftmax.kernels.markov.count import find
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions, last_of
from fastsoftmax.markov.counts.vocabulary import Vocabulary
from fastsoftmax.markov.longrun.answers import ByState, States
from fastsoftmax.markov.longrun.balance import Sparse, scipy_part, shares, sparse
from fastsoftmax.markov.walking.restarts import restart_state


class Graph(NamedTuple):
    """The states of a chain, and an edge for every transition that the filters keep."""

    contexts: Ids  # of the nodes, sorted; of all but the end
    vocabulary: Vocabulary | None
    size: int
    start: int  # or -1; the first node
    sources: Positions  # in order
    targets: Positions
    probabilities: Floats
    emits: Flags  # a token: not the way back to the start
    stops: Flags  # (size,): whether walks stay at a node that they cannot leave

    def matrix(self) -> Sparse:
        """Return the probabilities, (size, size)."""
        offsets = np.concatenate(([0], np.cumsum(np.bincount(self.sources, minlength=self.size))))
        if self.contexts.shape[1] == 0:  # its edges are parallel, and are added up
            return sparse(self.probabilities, self.sources, self.targets, self.size)
        arrays = self.probabilities, self.targets, offsets
        return scipy_part("sparse").csr_array(arrays, shape=(self.size, self.size))

    @property
    def states(self) -> States:
        """The states that are asked about: all nodes but the start, which emits no token, and the end."""
        return States(self.contexts[self.start + 1 :], self.vocabulary)

    def node_of(self, ids: list[int]) -> int:
        """Return the node of the state after these tokens; KeyError if the chain never comes to it."""
        order = self.contexts.shape[1]
        if order == 0 and len(self.contexts):
            return self.start + 1
        node = int(find(self.contexts, np.array(last_of(ids, order), np.int32)))
        if node < 0:
            raise KeyError("no walk begins at the beginning of a sequence" if not ids else "no walk comes to the state")
        return node

    def by_state(self, numbers: Floats) -> ByState:
        """Return numbers of all nodes as an answer."""
        return ByState(self.states, numbers[self.start + 1 : len(self.contexts)].copy())


def graph_of(model: Model, filters: Filters) -> Graph:
    """Return the graph of a model; ValueError if walks restart, and the start only ends."""
    table = model.transitions if model.transitions.order else _with_a_start(model.transitions)
    probabilities = np.empty(table.tokens.size)
    edge_masses(table.rows, filters, probabilities)
    sources = np.repeat(np.arange(len(table.contexts)), np.diff(table.offsets))
    targets, ends = table.targets.astype(np.int64), table.tokens == BOUNDARY
    lost = np.flatnonzero((targets < 0) & ~ends)
    ways = np.hstack([table.contexts[sources[lost], 1:], table.tokens[lost, np.newaxis]])
    contexts, nodes, dead_ends = _with_dead_ends(table, ways)
    linked = targets >= 0
    targets[linked], targets[lost] = nodes[targets[linked]], dead_ends
    kept = probabilities > 0.0
    sources, targets, ends, probabilities = nodes[sources[kept]], targets[kept], ends[kept], probabilities[kept]
    size, start = len(contexts), table.find(np.full(table.order, BOUNDARY, np.int32))
    dead, emits = np.setdiff1d(dead_ends, nodes), ~ends
    if start >= 0 and (ends.any() or dead.size):
        restart_state(table, filters)  # is there a way on from the start?
        targets[ends] = start
        sources, targets = np.append(sources, dead), np.append(targets, np.full(dead.size, start))
        probabilities = np.append(probabilities, np.ones(dead.size))
        emits, dead = np.append(emits, np.zeros(dead.size, np.bool_)), dead[:0]
        order = np.argsort(sources, kind="stable")
        sources, targets, probabilities, emits = sources[order], targets[order], probabilities[order], emits[order]
    elif ends.any():
        targets[ends] = size
        dead, size = np.append(dead, size), size + 1
    stops = np.zeros(size, np.bool_)
    stops[dead] = True
    return Graph(contexts, model.vocabulary, size, start, sources, targets, probabilities, emits, stops)


def _with_a_start(table: Transitions) -> Transitions:
    """Return the table of a chain of order 0 with a start before its one state: both have the same row."""
    copies = 2 * len(table.contexts)  # none, if everything was pruned
    offsets = np.arange(copies + 1) * table.tokens.size
    targets = np.where(table.tokens == BOUNDARY, np.int32(-1), np.int32(1))
    tokens, counts, linked = (np.tile(array, 2) for array in (table.tokens, table.counts, targets))
    return Transitions(np.empty((copies, 0), np.int32), offsets, tokens, counts, linked=linked)


def _with_dead_ends(table: Transitions, dead: Ids) -> tuple[Ids, Positions, Positions]:
    """Return the contexts of all nodes, the node of each row of the table, and that of each way to a dead end."""
    if len(dead) == 0:
        return table.contexts, np.arange(len(table.contexts)), np.empty(0, np.int64)
    different, places = np.unique(dead, axis=0, return_inverse=True)
    contexts = np.concatenate((table.contexts, different))
    order = np.lexsort(contexts.T[::-1])
    nodes = np.empty(len(order), np.int64)
    nodes[order] = np.arange(len(order))
    rows, contexts = len(table.contexts), contexts[order]
    contexts.flags.writeable = False  # as those of a table are: kernels are compiled for such
    return contexts, nodes[:rows], nodes[rows:][places.reshape(-1)]


def transitions_of(graph: Graph) -> tuple[Positions, Positions, Floats]:
    """Return the transitions between states: the places of both, and how likely each is."""
    own = graph.emits & (graph.sources != graph.start)
    first = graph.start + 1
    if graph.contexts.shape[1] == 0 and own.any():  # all lead from the one state back to it
        return np.zeros(1, np.int64), np.zeros(1, np.int64), graph.probabilities[own].sum(keepdims=True)
    return graph.sources[own] - first, graph.targets[own] - first, graph.probabilities[own]


def classes_of(graph: Graph) -> tuple[Positions, Flags]:
    """Return the class of every node, and which classes no edge leaves."""
    number, labels = scipy_part("sparse.csgraph").connected_components(graph.matrix(), connection="strong")
    closed = np.ones(number, np.bool_)
    closed[labels[graph.sources[labels[graph.sources] != labels[graph.targets]]]] = False
    return labels, closed


def members_of(labels: Positions) -> list[Positions]:
    """Return the nodes of every class, in order."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels)))[:-1]


def all_classes(graph: Graph) -> list[tuple[Positions, bool]]:
    """Return the nodes of every class that has a state, and whether it is recurrent: these first, then by first state.

    The start may be among the nodes, and is no state.
    """
    labels, closed = classes_of(graph)
    found = [
        (int(states[0]), nodes, bool(recurrent))
        for nodes, recurrent in zip(members_of(labels), closed, strict=True)
        if (states := nodes[(nodes > graph.start) & (nodes < len(graph.contexts))]).size
    ]
    return [(nodes, recurrent) for _, nodes, recurrent in sorted(found, key=lambda one: (not one[2], one[0]))]


def recurrent_classes(graph: Graph) -> list[Positions]:
    """Return the nodes of every recurrent class that has a state, by first state."""
    return [nodes for nodes, recurrent in all_classes(graph) if recurrent]


def only_class(graph: Graph, what: str, whole: bool = False) -> Positions:
    """Return the nodes of the one recurrent class; ValueError if there is not one, or all must be in it and are not."""
    labels, closed = classes_of(graph)
    if closed.sum() != 1:
        raise ValueError(f"the chain has {closed.sum()} recurrent classes, expected one for {what}")
    nodes = np.flatnonzero(closed[labels])
    if nodes[0] == len(graph.contexts):
        raise ValueError(f"all walks come to an end, expected a chain with a recurrent class for {what}")
    apart = graph.size - (graph.start + 1) - int((nodes > graph.start).sum())
    if whole and apart:
        raise ValueError(f"the chain has {apart} transient states, expected none for {what}")
    return nodes


def period_of(graph: Graph, inside: Flags, node: int) -> tuple[int, Positions]:
    """Return the period of the class that the node is in, and how far each node is from one of them.

    The period is what all edges are longer by than the shortest way, or a divisor of that. Depths are measured from the
    start if it is in the class: the only edges that emit no token lead to it, so that no shortest path takes one.
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
    return int(np.gcd.reduce(depths[sources] + graph.emits[edges] - depths[targets])), depths


def visits_of(graph: Graph) -> Floats:
    """Return how often an endless walk from the start is at each node, per token."""
    if graph.stops.any():
        raise ValueError("walks come to an end or a dead end, expected a chain with a start to go on from, or no ends")
    labels, closed = classes_of(graph)
    members = members_of(labels)
    visits = np.zeros(graph.size)
    for label, weight in _absorption(graph, labels, closed).items():
        visits[members[label]] = weight * shares_in(graph, members[label])
    return np.asarray(visits / (visits.sum() - (visits[graph.start] if graph.start >= 0 else 0.0)))


def shares_in(graph: Graph, states: Positions) -> Floats:
    """Return the share of visits of each node of a closed class, the start among them."""
    matrix = graph.matrix()
    return shares(matrix if states.size == graph.size else matrix[states][:, states])


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
