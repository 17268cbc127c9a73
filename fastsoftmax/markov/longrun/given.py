"""What a user gives by state: labels to nodes, numbers to arrays. Needs SciPy.

{"sun": 1, "snow": 3} as a start is 1/4 and 3/4 at the nodes of sun and snow, and 0 at all others.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Flags, Floats
from fastsoftmax.markov.counts.mapping import positive
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.states import ids_of, state_of
from fastsoftmax.markov.longrun.graph import Graph


def node_of(name: str, label: Any, model: Model, graph: Graph) -> int:
    """Return the node of a state; KeyError, which names the argument, if the chain has none of that label."""
    known, vocabulary = model.transitions, model.vocabulary
    context = ids_of(name, label, vocabulary)
    if not min(known.order, 1) <= len(context) <= known.order:  # of order 0 the one state is ()
        raise ValueError(f"{name} has {_checks.described(label)}, expected states of up to {known.order} token(s)")
    state_of(name, context, known, vocabulary, may_be_dead_end=True)
    return graph.node_of(context)


def flags_of(name: str, labels: Any, model: Model, graph: Graph) -> Flags:
    """Return which nodes are meant by a label or a list of labels, at least one."""
    several = isinstance(labels, (list, set, frozenset)) or (isinstance(labels, np.ndarray) and labels.ndim > 0)
    flags = np.zeros(graph.size, np.bool_)
    for label in labels if several else [labels]:
        flags[node_of(name, label, model, graph)] = True
    if not flags.any():
        raise ValueError(f"{name} is empty, expected at least one state")
    return flags


def first_of(start: Any, model: Model, graph: Graph) -> Floats:
    """Return how likely walks begin at each node: in a state, by weights, or where they begin by themselves."""
    known, vocabulary = model.transitions, model.vocabulary
    first = np.zeros(graph.size)
    if start is None:
        begins = np.unique(graph.sources) if graph.start < 0 else np.array([graph.start])
        first[begins] = 1.0 / begins.size
        return first
    for label, weight in positive("start", start, "state") if isinstance(start, Mapping) else [(start, 1.0)]:
        context = ids_of("start", label, vocabulary)
        state_of("start", context, known, vocabulary, may_be_dead_end=True)
        first[graph.node_of(context)] += weight
    return np.asarray(first / first.sum())


def numbers_of(name: str, value: Any, graph: Graph, least: float = -math.inf, most: float = math.inf) -> Floats:
    """Return a number for each node, 0 at the start and the end, from one for all, one a state, or {state: number}.

    A Series has labels too, and they are looked up.
    """

    def within(numbers: Any) -> Any:
        return np.isfinite(numbers) & (numbers >= least) & (numbers <= most)

    expected = "a finite number" if most == math.inf else f"a number in [{least:g}, {most:g}]"
    found, states = np.zeros(graph.size), graph.states
    if hasattr(value, "items"):
        for label, number in value.items():
            place = states.place_of(label, name)
            checked = _checks.per_row(f"{name}[{label!r}]", number, (), np.float64, within, expected)
            found[graph.start + 1 + place] = checked[0]
        return found
    shape = _checks.as_array(name, value).shape
    if shape not in ((), (len(states),)):
        raise ValueError(f"{name} has shape {shape}, expected one number or {len(states)}, one for each state")
    found[graph.start + 1 : len(graph.contexts)] = _checks.per_row(name, value, None, np.float64, within, expected)
    return found
