"""Walks of a graph from given states: plain ones, node2vec's and node2vec+'s, and such that go back to their start."""

from typing import Any, NamedTuple

import numpy as np

from fastsoftmax import _checks, _threads
from fastsoftmax._types import Ids, Positions
from fastsoftmax.kernels.markov import biased as kernels
from fastsoftmax.kernels.math.filters import REACHED, Filters
from fastsoftmax.markov.counts.labels import Labels
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.states import ids_of
from fastsoftmax.markov.counts.vocabulary import UNKNOWN, kind_of, names_of, renumbering
from fastsoftmax.markov.walking.arguments import progress_bar
from fastsoftmax.markov.walking.walks import TableCache, Walks

_STEP_COST = 64  # as that of a plain walk
_RANGE = "a number in [0.001, 1000]"  # beyond it a step might take millions of attempts


class GraphWalks(NamedTuple):
    """What walks of a graph were asked for, checked."""

    ids: Ids  # what each begins with
    states: Positions  # -1 at a dead end
    length: int
    bias: kernels.Bias
    extend: bool  # node2vec+
    key: int


def checked_bias(p: Any, q: Any, restart: Any) -> kernels.Bias:
    """Return the biases of a step, over the largest of them."""
    back, away = (
        1.0 / float(_checks.per_row(name, value, (), np.float64, lambda n: (n >= 1e-3) & (n <= 1e3), _RANGE)[0])
        for name, value in (("p", p), ("q", q))
    )
    largest = max(back, 1.0, away)
    chance = float(_checks.fraction_per_row("restart", restart)[0])
    return kernels.Bias(back / largest, 1.0 / largest, away / largest, chance)


def checked_starts(model: Model, starts: Any) -> tuple[Ids, Positions]:
    """Return the ids of the states that walks begin in, and their rows, -1 for dead ends.

    Raises
    ------
    KeyError
        If one was never seen, with near matches.
    """
    table, vocabulary = model.transitions.check(), model.vocabulary
    labels = Labels(kind_of(vocabulary))
    ids, given = labels.ids_of("starts", starts), labels.vocabulary()
    if vocabulary is not None and given is not None:
        numbers = renumbering(given.tokens, vocabulary).astype(np.int64)
        for place in np.flatnonzero(numbers == UNKNOWN)[:1].tolist():
            ids_of("starts", given.tokens[place], vocabulary)  # says what it is like
        ids = numbers[ids]
    rows = table.contexts[:, 0].searchsorted(ids)
    states = np.where(table.contexts[np.minimum(rows, len(table.contexts) - 1), 0] == ids, rows, -1)
    lost = np.flatnonzero(states < 0)
    unseen = lost[~np.isin(ids[lost], table.tokens)] if lost.size else lost
    if unseen.size:
        (name,) = names_of([int(ids[unseen[0]])], vocabulary)
        raise KeyError(f"starts[{unseen[0]}]: state {name!r} has no transition")
    return ids.astype(np.int32), states


def draw(model: Model, drawn: Model, cache: TableCache, wish: GraphWalks, filters: Filters, progress: bool) -> Walks:
    """Return walks as they were wished for, of the edges of a model, by what samplers make of their weights."""
    walks, length = len(wish.ids), wish.length
    ids = np.full((walks, length), -1, np.int32)
    ids[:, :1] = wish.ids[:, np.newaxis]
    lengths = np.where(wish.states < 0, min(1, length), length)
    steps = walks * max(length - 1, 0)
    names = None if model.vocabulary is None else model.vocabulary.tokens
    with progress_bar(progress, "walking", steps) as report, cache.table(drawn.transitions, filters, steps) as table:
        if wish.bias == kernels.Bias(1.0, 1.0, 1.0, 0.0):
            if steps:
                lengths, _ = table.draw(ids, 1, wish.states, 0, wish.key, -1, report)
            return Walks(ids, lengths, names)
        rows, offsets = table.built(), model.transitions.offsets
        tokens, weights = model.transitions.sorted_tokens, _weights(model, wish.extend)

        def advance(first_group: int, last_group: int) -> None:
            first, last = first_group * kernels.GROUP, min(last_group * kernels.GROUP, walks)
            kernels.advance(
                rows,
                offsets,
                tokens,
                weights,
                wish.bias,
                np.uint64(wish.key),
                wish.states,
                first,
                last,
                lengths,
                ids,
            )
            if report is not None:
                report((last - first) * (length - 1))

        groups = -(-walks // kernels.GROUP)
        _threads.run(advance, groups, kernels.GROUP * _STEP_COST * length)
    return Walks(ids, lengths, names)


def _weights(model: Model, extend: bool) -> kernels.Weights:
    """Return the weights that node2vec+ looks at; one nearer to a mean than float64 can tell has reached it."""
    if not extend:
        return kernels.Weights(np.empty(0), np.empty(0))
    table = model.transitions
    means = table.totals / np.diff(table.offsets) * REACHED
    return kernels.Weights(table.edges().counts.astype(np.float64), means)
