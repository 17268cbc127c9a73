"""What a chain knows, and the functions of it that need no chain."""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax.kernels.markov import table as tables
from fastsoftmax.kernels.markov.follow import follow
from fastsoftmax.kernels.markov.table import Cut
from fastsoftmax.markov import counting
from fastsoftmax.markov.counting import count, ordered
from fastsoftmax.markov.transitions import BOUNDARY, MAX_TOTAL, Transitions, table
from fastsoftmax.markov.vocabulary import Vocabulary, kind_of

Ids = npt.NDArray[np.int32]

ONCE = Fraction(1)

_LEAST_START = 2.0**-20  # of the start row's mass beside the end: below it a restart would try again for seconds


class Model(NamedTuple):
    """All that a chain knows. It is never changed, only replaced: readers need no lock, errors leave no trace."""

    transitions: Transitions
    vocabulary: Vocabulary | None


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

    All counts are multiplied by the denominator of the weight, so that they stay whole.
    """
    if model is None and weight == 1:
        return part
    edges = part.transitions.edges(weight.numerator)
    if model is None:
        return Model(table(edges), part.vocabulary)
    if (model.vocabulary is None) != (part.vocabulary is None):
        kinds = kind_of(part.vocabulary), kind_of(model.vocabulary)
        raise TypeError(f"the tokens to add are of type {kinds[0]}, expected {kinds[1]} as those of the chain")
    vocabulary = model.vocabulary
    if vocabulary is not None and part.vocabulary is not None and vocabulary.tokens != part.vocabulary.tokens:
        known = vocabulary
        vocabulary = Vocabulary([*known.tokens, *(token for token in part.vocabulary.tokens if token not in known)])
        ids = np.array([*map(vocabulary.__getitem__, part.vocabulary.tokens), BOUNDARY], np.int32)  # of -1, the last
        edges = ordered(edges._replace(contexts=ids[edges.contexts], tokens=ids[edges.tokens]))
    return Model(table(counting.merged(model.transitions.edges(weight.denominator), edges)), vocabulary)


def log_probabilities(model: Model, stream: Ids) -> npt.NDArray[np.float64]:
    """Return the natural logarithm of the probability of every token of a stream of sequences, and of their ends."""
    transitions = model.transitions
    probabilities = np.empty(stream.size)
    follow(transitions.rows, transitions.contexts, transitions.totals, stream, probabilities)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(probabilities, out=probabilities))


def next_of(transitions: Transitions, state: int, cut: Cut) -> tuple[list[int], npt.NDArray[np.float64]]:
    """Return the ids that the cut keeps of a row, in its order, and their probabilities."""
    row = transitions.row(state)
    weights = np.empty(row.stop - row.start)
    kept = tables.row_weights(transitions.counts[row], cut, weights)
    return transitions.tokens[row][:kept].tolist(), weights[:kept] / weights[:kept].sum()


def restart_state(transitions: Transitions, cut: Cut) -> int:
    """Return the state before any sequence, which walks restart from.

    Raises
    ------
    ValueError
        If it has no row, or one that only ends at once: a restart would never begin.
    """
    start = transitions.find(np.full(transitions.order, BOUNDARY, np.int32))
    if start < 0:
        raise ValueError('on_dead_end is "restart", expected a chain with a start: no transition leaves the beginning')
    ids, probabilities = next_of(transitions, start, cut)
    check_start(ids, probabilities, _LEAST_START)
    return start


def check_start(ids: Iterable[int], probabilities: Iterable[float], least: float) -> None:
    """Check that walks that restart begin again, from the distribution of their first token.

    Raises
    ------
    ValueError
        If the mass of all but the end is below `least`.
    """
    begins = math.fsum(probability for token, probability in zip(ids, probabilities, strict=True) if token >= 0)
    if begins < least:
        raise ValueError(
            f'on_dead_end is "restart", expected a start that goes on: it ends at once but for a mass of {begins:.3g}'
        )
