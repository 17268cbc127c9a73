"""What a chain knows, and the functions of it that need no chain."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax._types import Ids
from fastsoftmax.kernels.markov import table as tables
from fastsoftmax.kernels.markov.follow import follow
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts import counting
from fastsoftmax.markov.counts.counting import count, ordered
from fastsoftmax.markov.counts.kept import KeptText
from fastsoftmax.markov.counts.transitions import MAX_TOTAL, Transitions, table
from fastsoftmax.markov.counts.vocabulary import Vocabulary, kind_of, renumbering

ONCE = Fraction(1)


class Model(NamedTuple):
    """All that a chain knows. It is never changed, only replaced: readers need no lock, errors leave no trace."""

    transitions: Transitions
    vocabulary: Vocabulary | None
    text: KeptText | None = None
    """All that was counted, if it is kept; of a file only what `transitions.check` has passed can be trusted."""


def counted(streams: Iterable[Ids], order: int, weight: int) -> Transitions:
    """Return the table of streams of sequences, each followed by the boundary."""
    return table(count(_weighed(streams, weight), order, weight))


def _weighed(streams: Iterable[Ids], weight: int) -> Iterator[Ids]:
    """Yield the streams, and stop where their counts would not be exact."""
    total = 0
    for stream in streams:
        total += stream.size * weight
        if total > MAX_TOTAL:
            raise ValueError(f"weight is {weight}, expected counts that add up to at most 2**53")
        yield stream


def merged(model: Model | None, part: Model, weight: Fraction) -> Model:
    """Return the sum of two models, the part `weight` times. New tokens come after those of the first.

    All counts are multiplied by the denominator of the weight, so that they stay whole. A text is kept if both keep it.
    """
    if model is None and weight == 1:
        return part
    edges = part.transitions.edges(weight.numerator)
    if model is None:
        return part._replace(transitions=table(edges))
    if (model.vocabulary is None) != (part.vocabulary is None):
        kinds = kind_of(part.vocabulary), kind_of(model.vocabulary)
        raise TypeError(f"the tokens to add are of type {kinds[0]}, expected {kinds[1]} as those of the chain")
    vocabulary, ids = model.vocabulary, None
    if vocabulary is not None and part.vocabulary is not None and vocabulary.tokens != part.vocabulary.tokens:
        known = vocabulary
        vocabulary = Vocabulary([*known.tokens, *(token for token in part.vocabulary.tokens if token not in known)])
        ids = renumbering(part.vocabulary.tokens, vocabulary)
        edges = ordered(edges._replace(contexts=ids[edges.contexts], tokens=ids[edges.tokens]))
    transitions = table(counting.merged(model.transitions.edges(weight.denominator), edges))
    text = None if model.text is None or part.text is None else model.text.followed_by(part.text, ids)
    return Model(transitions, vocabulary, text)


def log_probabilities(model: Model, stream: Ids) -> npt.NDArray[np.float64]:
    """Return the natural logarithm of the probability of every token of a stream of sequences, and of their ends."""
    transitions = model.transitions
    probabilities = np.empty(stream.size)
    follow(transitions.rows, transitions.contexts, transitions.totals, stream, probabilities)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probabilities, out=probabilities))


def next_of(transitions: Transitions, state: int, filters: Filters) -> tuple[list[int], npt.NDArray[np.float64]]:
    """Return the ids that the cut keeps of a row, in its order, and their probabilities."""
    row = transitions.row(state)
    weights = np.empty(row.stop - row.start)
    kept = tables.row_weights(transitions.counts[row], filters, weights)
    return transitions.tokens[row][:kept].tolist(), weights[:kept] / weights[:kept].sum()
