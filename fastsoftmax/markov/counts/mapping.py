"""Transitions written by hand: a dict of dicts to edges."""

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from fastsoftmax._checks import described
from fastsoftmax.markov.counts.labels import Labels
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_ORDER, MAX_TOTAL, Edges
from fastsoftmax.markov.counts.vocabulary import Vocabulary


def edges_of(transitions: Any, start: Any = None) -> tuple[Edges, Vocabulary | None]:
    """Return the edges of {state: {next token: weight}}, and of {state: weight} that walks start with.

    Without the latter every state starts, as if seen once. An edge of weight 0 is no edge.

    Raises
    ------
    TypeError, ValueError
        Naming the state, the token and what is wrong.
    """
    if not isinstance(transitions, Mapping):
        raise TypeError(
            f"transitions is {described(transitions)}, expected a dict of dicts, {{state: {{next token: weight}}}}"
        )
    if not transitions:
        raise ValueError("transitions is empty, expected at least one state")
    first = next(iter(transitions))
    tokens = Labels()
    order = len(_state(first))
    if order > MAX_ORDER:
        raise ValueError(f"transitions key {described(first)} has {order} tokens, expected at most {MAX_ORDER}")
    contexts: list[tuple[int, ...]] = []
    offsets, nexts, weights = [0], [], []
    for key, row in transitions.items():
        context = _context("transitions", key, order, tokens)
        if not isinstance(row, Mapping):
            raise TypeError(f"transitions[{key!r}] is {described(row)}, expected a dict {{next token: weight}}")
        for token, weight in positive(f"transitions[{key!r}]", row, "next token"):
            nexts.append(BOUNDARY if token is None else tokens.id_of(token, f"transitions[{key!r}][{token!r}]"))
            weights.append(weight)
        contexts.append(context)
        offsets.append(len(nexts))
    for context, weight in _starts(start, contexts, order, tokens):
        for position, token in enumerate(context):
            contexts.append((BOUNDARY,) * (order - position) + context[:position])
            nexts.append(token)
            weights.append(weight)
            offsets.append(len(nexts))
    whole = all(weight.is_integer() for weight in weights) and sum(weights) <= MAX_TOTAL
    edges = Edges(
        np.array(contexts, np.int32).reshape(len(contexts), order),
        np.array(offsets, np.int64),
        np.array(nexts, np.int32),
        np.array(weights, np.int64 if whole else np.float64),
    )
    return edges, tokens.vocabulary()


def _starts(
    start: Any, contexts: list[tuple[int, ...]], order: int, tokens: Labels
) -> list[tuple[tuple[int, ...], float]]:
    """Return the states that walks start with, and their weights."""
    if len(set(contexts)) < len(contexts):
        raise ValueError("transitions has one state twice, as a token and as a tuple of one token")
    if start is None:
        return [(context, 1.0) for context in contexts]
    if not isinstance(start, Mapping):
        raise TypeError(f"start is {described(start)}, expected a dict {{state: weight}}")
    return [(_context("start", key, order, tokens), weight) for key, weight in positive("start", start, "state")]


def _context(name: str, key: Any, order: int, tokens: Labels) -> tuple[int, ...]:
    """Return the ids of a state."""
    state = _state(key)
    if len(state) != order:
        raise ValueError(f"{name} key {key!r} has {len(state)} token(s), expected {order} as the first key has")
    return tuple(tokens.id_of(token, f"{name} key {key!r}") for token in state)


def positive(place: str, row: Mapping[Any, Any], what: str) -> list[tuple[Any, float]]:
    """Return the weights above 0, at least one."""
    if not row:
        raise ValueError(f"{place} is empty, expected at least one {what}")
    positive = [(token, _weight(weight, f"{place}[{token!r}]")) for token, weight in row.items()]
    positive = [(token, weight) for token, weight in positive if weight > 0.0]
    if not positive:
        raise ValueError(f"{place} has weights of 0 alone, expected at least one above 0")
    return positive


def _state(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _weight(weight: Any, place: str) -> float:
    if not isinstance(weight, Real) or isinstance(weight, bool):
        raise TypeError(f"{place} is {described(weight)}, expected a finite number >= 0")
    try:
        number = float(weight)
    except OverflowError:
        number = math.inf
    if not 0.0 <= number < math.inf:
        raise ValueError(f"{place} is {weight}, expected a finite number >= 0")
    return number
