"""Phrases that a sentence holds or ends with, as a small automaton, and the chain times that automaton.

Of the phrase `the cat` a walk has said nothing, `the`, or all of it; after all of it nothing is asked any more. Each
phrase is an automaton of its own (Knuth, Morris and Pratt, "Fast pattern matching in strings", SIAM Journal on
Computing 6, 1977), and several go side by side: the progress of a walk is a tuple of theirs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Floats, Ids, Positions
from fastsoftmax.kernels.markov import product as kernels
from fastsoftmax.kernels.markov.product import Automaton
from fastsoftmax.kernels.markov.table import Rows
from fastsoftmax.markov.counts.states import Start
from fastsoftmax.markov.counts.transitions import Transitions

Phrase = tuple[int, ...]

_MOST_PROGRESS = 2**10  # of all phrases together, and of their words
_MOST_PAIRS = 2**30  # that are numbered, in 4 bytes each
_MOST_EDGES = 2**28  # of 16 bytes each
_FEW_PAIRS = 2**12  # to begin with
_MOST_SWEEPS = 10_000
_AT_ONCE = 2**24  # edges looked at between two looks at signals
_ERROR = 2.0**-43  # of a chance, relative: 1e-13
_ROUNDING = 2.0**-51


class Phrases(NamedTuple):
    """What a sentence holds, and what it ends with."""

    containing: tuple[Phrase, ...] = ()
    ending: Phrase = ()

    def __bool__(self) -> bool:
        return bool(self.containing or self.ending)

    def all(self) -> list[Phrase]:
        """Return all of them, the one that it ends with last."""
        return [*self.containing, self.ending] if self.ending else [*self.containing]


def phrases_of(containing: Any, ending: Any, ids_of: Callable[[str, Any], list[int]]) -> Phrases:
    """Check what sentences have to hold, a phrase or several, and to end with."""
    named = [("containing", containing)]
    if containing is None:
        named = []
    elif not isinstance(containing, str):
        try:
            named = [(f"containing[{i}]", phrase) for i, phrase in enumerate(containing)]
        except TypeError:
            found = _checks.described(containing)
            raise TypeError(f"containing is {found}, expected a str of one or more words, or several") from None

    def phrase(name: str, value: Any) -> Phrase:
        ids = tuple(ids_of(name, value))
        if not ids:
            raise ValueError(f"{name} is {value!r}, expected a str of one or more words")
        return ids

    held = {phrase(name, value): None for name, value in named}
    return Phrases(tuple(held), () if ending is None else phrase("ending", ending))


def automaton_of(phrases: Phrases, tokens: int) -> Automaton:
    """Return the automaton of phrases over so many tokens.

    Raises
    ------
    ValueError
        If it would be too large: n phrases that a sentence holds can have been said in 2**n ways.
    """
    wanted = phrases.all()
    if sum(map(len, wanted)) > _MOST_PROGRESS:
        raise _too_large(f"{_MOST_PROGRESS:,} kinds of progress")
    known = sorted({token for phrase in wanted for token in phrase})
    letters = np.zeros(tokens, np.int32)
    letters[known] = np.arange(1, len(known) + 1)
    each = [
        _steps(letters[list(phrase)].tolist(), 1 + len(known), stays=which < len(phrases.containing))
        for which, phrase in enumerate(wanted)
    ]
    found = [(0,) * len(wanted)]
    numbers, steps = {found[0]: 0}, list[list[int]]()
    for progress in found:  # which grows meanwhile
        rows = (one[at].tolist() for one, at in zip(each, progress, strict=True))
        following = list(zip(*rows, strict=True))  # by letter
        for after in following:
            if after not in numbers:
                numbers[after] = len(found)
                found.append(after)
        if len(found) > _MOST_PROGRESS:
            raise _too_large(f"{_MOST_PROGRESS:,} kinds of progress")
        steps.append([numbers[after] for after in following])
    lengths = tuple(map(len, wanted))
    return Automaton(letters, np.array(steps, np.int32), np.array([progress == lengths for progress in found]))


def _steps(phrase: list[int], letters: int, stays: bool) -> Ids:
    """Return how the progress of one phrase goes on, (length + 1, letters); once it is all said it may stay so."""
    steps = np.zeros((len(phrase) + 1, letters), np.int32)
    steps[0, phrase[0]] = 1
    border = 0  # the progress after all that was said but its first letter
    for said, letter in enumerate(phrase[1:], 1):
        steps[said] = steps[border]
        steps[said, letter] = said + 1
        border = int(steps[border, letter])
    steps[-1] = len(phrase) if stays else steps[border]
    return steps


def product_of(transitions: Transitions, masses: Floats, phrases: Phrases, start: Start) -> tuple[Rows, Floats]:
    """Return the chain times the automaton of phrases: rows, and the masses of their edges.

    They are the pairs of a state and a progress that walks come to from a start, those that they begin with first. The
    counts and last tokens among the rows stay those of the chain: nothing that draws sentences asks for them.

    Raises
    ------
    ValueError
        If they are too many.
    """
    rows, contexts = transitions.rows, transitions.contexts
    begun = contexts[start.middle.start : start.middle.stop] if start.middle else np.array([start.given], np.int32)
    largest = max(part.max(initial=0) for part in (transitions.tokens, contexts, begun, *map(np.array, phrases.all())))
    automaton = automaton_of(phrases, 1 + int(largest))
    size, known = len(contexts), len(start.states)
    if len(automaton.steps) * size > _MOST_PAIRS:
        raise _too_large("2**30 pairs of a state and a progress")
    numbers = np.zeros(len(automaton.steps) * size, np.int32)
    pairs = np.empty(max(_FEW_PAIRS, 2 * known), np.int64)
    pairs[:known] = _read(automaton, begun) * size + np.array(start.states)
    numbers[pairs[:known]] = np.arange(1, known + 1)
    counted = np.array([0, known, 0])
    while not kernels.reach(rows, masses, automaton, numbers, pairs, counted) and counted[2] <= _MOST_EDGES:
        longest = int(np.diff(rows.offsets).max())
        pairs = np.append(pairs, np.empty(max(len(pairs), longest), np.int64))
    _, found, edges = counted.tolist()
    if edges > _MOST_EDGES:
        raise _too_large("2**28 transitions")
    offsets, tokens, targets = np.empty(found + 1, np.int64), np.empty(edges, np.int32), np.empty(edges, np.int32)
    shares = np.empty(edges)
    kernels.multiply(rows, masses, automaton, numbers, pairs[:found], offsets, tokens, targets, shares)
    for array in (offsets, tokens, targets):
        array.flags.writeable = False  # as those of a chain are: kernels compile once for both
    return rows._replace(offsets=offsets, tokens=tokens, targets=targets), shares


def _read(automaton: Automaton, tokens: Ids) -> Positions:
    """Return the progress after the tokens of each line."""
    progress = np.zeros(len(tokens), np.int64)
    for column in tokens.T:
        progress = automaton.steps[progress, automaton.letters[column]].astype(np.int64)
    return progress


def settled(rows: Rows, masses: Floats, error: float = _ERROR) -> tuple[Floats, bool]:
    """Return the chance of every row that a walk ends, and whether it is known but for a relative error.

    If each sweep raises chances by r times what the one before did, all later ones together raise them by r / (1 - r)
    times as much as the last did. With an error of inf, the chances that are above 0 are known to be.
    """
    chances = np.zeros(rows.offsets.size - 1)
    sweeps = max(2, min(64, _AT_ONCE // max(masses.size, 1)))
    for _ in range(0, _MOST_SWEEPS, sweeps):
        before, rise = kernels.settle(rows, masses, sweeps, chances)
        if rise <= _ROUNDING or (rise < before and rise * rise <= error * (before - rise)):
            return chances, True
    return chances, False


def _too_large(most: str) -> ValueError:
    return ValueError(f"containing and ending make more than {most} of this model, expected fewer or shorter phrases")
