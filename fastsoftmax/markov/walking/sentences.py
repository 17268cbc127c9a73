"""Sentences of a chain that fit what was asked for: so many words, so few characters, not copied from the text.

Of a start with 5 to 8 words wanted, walks are conditioned on that (`kernels/markov/condition.py`); those with too many
characters, or too much copied, are drawn again, up to 100 times.
"""

import enum
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax._last import Last
from fastsoftmax._types import Ids, Positions
from fastsoftmax.kernels.markov import condition as kernels
from fastsoftmax.kernels.markov.walk import DEAD_END
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.states import Start
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions
from fastsoftmax.markov.walking.walks import TableCache, begin, walk_from

Check = Callable[[Ids], "Reason | None"]

LONGEST = 10_000  # words beyond the least without another bound: at low temperatures a walk may go round for ever
MOST_WORDS = 2**20  # that can be asked for
_USUAL = 64  # words; the few sentences that are longer are drawn one by one
TRIES = 100  # for what a walk cannot be conditioned on
_SPACE = 2**30  # bytes for the chances of all states and lengths
_AT_ONCE = 2**20  # tokens drawn between two looks at signals


class Reason(enum.StrEnum):
    """Why there is no sentence: a text, also to `print` and to `json`, but false where a sentence is true."""

    LENGTH = "no sentence that starts so has so many words"
    MEMORY = (
        f"in up to {TRIES} attempts no sentence has so many words; whether any has is not told with smoothing, "
        "nor where that takes more than 1 GiB"
    )
    CUT_OFF = f"in up to {TRIES} attempts every sentence breaks off where the model knows no more"
    ENDLESS = f"the sentence did not end within {LONGEST:,} words of the minimum"
    CHARACTERS = f"in up to {TRIES} attempts no sentence has so few characters, or so many"
    COPIED = f"in up to {TRIES} attempts every sentence copies too much of the text"

    def __bool__(self) -> bool:
        return False


class Bounds(NamedTuple):
    """How many tokens a sentence has; `most` is None where there is no bound."""

    least: int
    most: int | None


FREE = Bounds(0, None)


class ConditionedWalks:
    """Draws sentences within bounds, with one set of filters. It is never changed: threads may share it."""

    def __init__(self, transitions: Transitions, filters: Filters, bounds: Bounds) -> None:
        self.transitions, self.filters, self.bounds = transitions, filters, bounds
        self._masses = np.empty(transitions.tokens.size)
        self._chances, self._scales = np.empty((0, 0)), np.empty(0)  # where nothing is conditioned
        kernels.edge_masses(transitions.rows, filters, self._masses)
        states = len(transitions.contexts)
        rows = 1 + (bounds.least if bounds.most is None else bounds.most)
        if bounds != FREE and rows * states * 8 <= _SPACE:
            self._chances, self._scales = np.empty((rows, states)), np.empty(rows)
            bounded = bounds.most is not None
            kernels.chances(transitions.rows, self._masses, bounds.least, bounded, self._chances, self._scales)

    def can(self, start: Start) -> bool:
        """Whether any sentence may fit that starts so."""
        if start.middle and self.bounds.most is not None and self.transitions.order > self.bounds.most:
            return False
        chances = self._chances_after(start)
        return chances is None or bool((chances[start.middle or start.state] > 0.0).any())

    def _chances_after(self, start: Start) -> npt.NDArray[np.float64] | None:
        """Return the chances of all states after the start, if walks are conditioned."""
        taken = self.transitions.order if start.middle else len(start.given)
        return self._chances[min(taken, len(self._chances) - 1)] if self._chances.size else None

    def draw(self, walks: Positions, start: Start, seed: int, attempt: int) -> Iterator[Ids | Reason]:
        """Yield one attempt at a sentence for each of the walks."""
        shortest = max(1, self.bounds.least, len(start.given), self.transitions.order if start.middle else 0)
        most = LONGEST + shortest if self.bounds.most is None else self.bounds.most
        chances = self._chances_after(start)
        piece = max(1, _AT_ONCE // most)
        for first in range(0, len(walks), piece):
            part = walks[first : first + piece]
            ids, lengths = np.empty((len(part), most), np.int32), np.empty(len(part), np.int64)
            taken, states = begin(start, self.transitions, self.filters, ids, part, seed, attempt, chances)
            kernels.speak(
                self.transitions.rows,
                self._masses,
                self._chances,
                self._scales,
                self.bounds.least,
                states,
                taken,
                np.uint64(seed),
                attempt,
                part,
                ids,
                lengths,
            )
            for row, length in zip(ids, lengths.tolist(), strict=True):
                if length >= self.bounds.least:
                    yield row[:length]
                elif length == kernels.CUT_OFF:
                    yield Reason.CUT_OFF
                elif length == kernels.ENDLESS and self.bounds.most is None:
                    yield Reason.ENDLESS
                else:  # walks are not conditioned
                    yield Reason.MEMORY


LastWalks = Last[tuple[Transitions, Filters, Bounds], ConditionedWalks]


def checked(ids: Ids, check: Check) -> Ids | Reason:
    """Return a sentence, or why it may not be one."""
    reason = check(ids)
    return ids if reason is None else reason


def _ends_at_once(start: Start, transitions: Transitions) -> bool:
    """Whether a walk may end without a token, as one of order 0."""
    return not start.given and not start.middle and BOUNDARY in transitions.tokens[transitions.row(start.state)]


def sentences(
    model: Model,
    caches: tuple[TableCache, LastWalks],
    n: int,
    start: Start,
    bounds: Bounds,
    filters: Filters,
    check: Check,
    seed: int,
    progress: bool,
) -> list[Ids | Reason]:
    """Return n sentences, or why there is none.

    Attempt a at sentence i depends on (seed, a, i) alone, so no sentence depends on how many are asked for.
    """
    if start.state < 0 and not start.middle:
        return [Reason.CUT_OFF] * n
    found: list[Ids | Reason] = [Reason.LENGTH] * n
    if bounds == (1, None) and not _ends_at_once(start, model.transitions):
        bounds = FREE
    if bounds == FREE:
        length = max(_USUAL, 2 * len(start.given), 2 * model.transitions.order)
        walks, places = walk_from(start, model, caches[0], n, length, filters, seed, -1, progress)
        for i in np.flatnonzero(walks.lengths < length).tolist():
            ids = walks.ids[i, : walks.lengths[i]]
            found[i] = Reason.CUT_OFF if places[i] == DEAD_END else checked(ids, check)
    waiting = np.flatnonzero([isinstance(sentence, Reason) for sentence in found])
    certain = filters.temperature == 0.0 or filters.top_k == 1
    for attempt in range(1 if certain else TRIES):
        if waiting.size == 0:
            break
        key = model.transitions, filters, bounds
        speaker = caches[1].get(key, partial(ConditionedWalks, *key))
        if not speaker.can(start):
            break
        for i, drawn in zip(waiting.tolist(), speaker.draw(waiting, start, seed, attempt), strict=True):
            found[i] = drawn if isinstance(drawn, Reason) else checked(drawn, check)
        waiting = np.array([i for i in waiting.tolist() if isinstance(found[i], Reason)], np.int64)
    return found
