"""Sentences of a chain that fit what was asked for: so many words, some given ones, and what `checks` sees alone.

Of a start with 5 to 8 words wanted, walks are conditioned on that (`kernels/markov/condition.py`). If they have to hold
`the cat`, so are walks of the chain times what tells how much of it was said (`phrases`). Those with too many
characters, say, are drawn again, up to 100 times.
"""

import enum
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np

from fastsoftmax._last import Last
from fastsoftmax._types import Floats, Ids, Positions
from fastsoftmax.kernels.markov import condition as kernels
from fastsoftmax.kernels.markov.walk import DEAD_END
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.states import Start
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions
from fastsoftmax.markov.walking.arguments import progress_bar
from fastsoftmax.markov.walking.phrases import Phrases, product_of, settled
from fastsoftmax.markov.walking.walks import TableCache, begin, middle_weights, walk_from

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
    WORDS = "no sentence that starts so has those words"
    UNSETTLED = (
        "walks go round for so long that 10,000 sweeps do not tell how likely they are to have those words and an end; "
        "max_words bounds them"
    )
    CHARACTERS = f"in up to {TRIES} attempts no sentence has so few characters, or so many"
    UNBALANCED = f"in up to {TRIES} attempts every sentence has quotes or brackets that do not open and close in order"
    COPIED = f"in up to {TRIES} attempts every sentence copies too much of the text"

    def __bool__(self) -> bool:
        return False


class Condition(NamedTuple):
    """How many tokens a sentence has, and which; `most` is None where there is no bound."""

    least: int = 0
    most: int | None = None
    phrases: Phrases = Phrases()


FREE = Condition()


class ConditionedWalks:
    """Draws sentences under a condition, with one set of filters. It is never changed: threads may share it.

    With phrases it is made for one start, whose states are the first ones of the product.
    """

    def __init__(self, transitions: Transitions, filters: Filters, condition: Condition, start: Start | None) -> None:
        self.transitions, self.filters, self.condition = transitions, filters, condition
        self._rows, self._masses = transitions.rows, np.empty(transitions.tokens.size)
        kernels.edge_masses(self._rows, filters, self._masses)
        self._offset = 0  # from the numbers of states to those of the rows
        if start is not None:
            self._offset = start.states.start
            self._rows, self._masses = product_of(transitions, self._masses, condition.phrases, start)
        self._chances, self._scales = np.empty((0, 0)), np.empty(0)  # where nothing is conditioned
        self._least, self._settled = condition.least, True
        least, most, phrases = condition
        states, rows = len(self._rows.offsets) - 1, 1 + (least if most is None else most)
        fits = rows * states * 8 <= _SPACE
        if fits and condition != FREE:
            self._chances, self._scales = np.ones((rows, states)), np.empty(rows)
        elif phrases:  # the number of words is met by attempts
            self._chances, self._scales, self._least = np.empty((1, states)), np.ones(1), 0
        if phrases and (most is None or not fits):
            self._chances[-1], self._settled = settled(self._rows, self._masses)
        if fits and condition != FREE:
            kernels.chances(self._rows, self._masses, least, most is not None, self._chances, self._scales)

    def refusal(self, start: Start) -> Reason | None:
        """Return why no sentence fits that starts so; None where one may."""
        if start.middle and self.condition.most is not None and self.transitions.order > self.condition.most:
            return Reason.LENGTH
        chances = self._chances_after(start)
        if chances is None or self._may_begin(start, chances):
            return None if self._settled else Reason.UNSETTLED
        if self.condition.phrases:
            well, _ = settled(self._rows, self._masses, math.inf)
            return Reason.LENGTH if self._may_begin(start, well[: len(start.states)]) else Reason.WORDS
        return Reason.LENGTH

    def _may_begin(self, start: Start, chances: Floats) -> bool:
        """Whether walks may begin where they have a chance."""
        weights = middle_weights(start, self.transitions, self.filters, chances)[1] if start.middle else chances
        return bool((weights > 0.0).any())

    def _chances_after(self, start: Start) -> Floats | None:
        """Return the chances of the states after the start, if walks are conditioned."""
        taken = self.transitions.order if start.middle else len(start.given)
        first = start.states.start - self._offset
        chances = self._chances[min(taken, len(self._chances) - 1)] if self._chances.size else None
        return None if chances is None else chances[first : first + len(start.states)]

    def draw(self, walks: Positions, start: Start, seed: int, attempt: int) -> Iterator[Ids | Reason]:
        """Yield one attempt at a sentence for each of the walks."""
        shortest = max(1, self.condition.least, len(start.given), self.transitions.order if start.middle else 0)
        most = LONGEST + shortest if self.condition.most is None else self.condition.most
        chances = self._chances_after(start)
        piece = max(1, _AT_ONCE // most)
        for first in range(0, len(walks), piece):
            part = walks[first : first + piece]
            ids, lengths = np.empty((len(part), most), np.int32), np.empty(len(part), np.int64)
            taken, states = begin(start, self.transitions, self.filters, ids, part, seed, attempt, chances)
            kernels.speak(
                self._rows,
                self._masses,
                self._chances,
                self._scales,
                self._least,
                states - self._offset,
                taken,
                np.uint64(seed),
                attempt,
                part,
                ids,
                lengths,
            )
            for row, length in zip(ids, lengths.tolist(), strict=True):
                if length >= self.condition.least:
                    yield row[:length]
                elif length == kernels.CUT_OFF:
                    yield Reason.CUT_OFF
                elif length == kernels.ENDLESS and self.condition.most is None:
                    yield Reason.ENDLESS
                else:  # walks are not conditioned
                    yield Reason.MEMORY


LastWalks = Last[tuple[Transitions, Filters, Condition, Start | None], ConditionedWalks]


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
    condition: Condition,
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
    if condition == Condition(1) and not _ends_at_once(start, model.transitions):
        condition = FREE
    if condition == FREE:
        length = max(_USUAL, 2 * len(start.given), 2 * model.transitions.order)
        walks, places = walk_from(start, model, caches[0], range(n), length, filters, seed, -1, progress)
        for i in np.flatnonzero(walks.lengths < length).tolist():
            ids = walks.ids[i, : walks.lengths[i]]
            found[i] = Reason.CUT_OFF if places[i] == DEAD_END else checked(ids, check)
    waiting = np.flatnonzero([isinstance(sentence, Reason) for sentence in found])
    certain = filters.temperature == 0.0 or filters.top_k == 1
    with progress_bar(progress, "speaking", waiting.size) as report:
        for attempt in range(1 if certain else TRIES):
            if waiting.size == 0:
                break
            key = model.transitions, filters, condition, start if condition.phrases else None
            speaker = caches[1].get(key, partial(ConditionedWalks, *key))
            reason = speaker.refusal(start)
            if reason is not None:
                return [reason if isinstance(sentence, Reason) else sentence for sentence in found]
            for i, drawn in zip(waiting.tolist(), speaker.draw(waiting, start, seed, attempt), strict=True):
                found[i] = drawn if isinstance(drawn, Reason) else checked(drawn, check)
                if report is not None and not isinstance(found[i], Reason):
                    report(1)
            waiting = np.array([i for i in waiting.tolist() if isinstance(found[i], Reason)], np.int64)
    return found
