"""Whether walks that restart begin again: the state that they restart from."""

import math
from collections.abc import Iterable

import numpy as np

from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts.model import next_of
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions

_LEAST_START = 2.0**-20  # of the start row's mass beside the end: below it a restart would try again for seconds


def restart_state(transitions: Transitions, filters: Filters) -> int:
    """Return the state before any sequence, which walks restart from.

    Raises
    ------
    ValueError
        If it has no row, or one that only ends at once: a restart would never begin.
    """
    start = transitions.find(np.full(transitions.order, BOUNDARY, np.int32))
    if start < 0:
        raise ValueError('on_dead_end is "restart", expected a chain with a start: no transition leaves the beginning')
    ids, probabilities = next_of(transitions, start, filters)
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
