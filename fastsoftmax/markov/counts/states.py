"""From a user's start or context to the state of a chain, and what to say when there is none.

At order 2 the start (the, cat, sat) begins in the state (cat, sat), and (the) in the state (boundary, the). At order 0
there is one state, (), whatever the start.
"""

from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax._checks import described
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_ID, Transitions, last_of
from fastsoftmax.markov.counts.vocabulary import UNKNOWN, Vocabulary, is_integer

_SUGGESTIONS = 3
_LONGEST = 100  # characters of a token that near matches are sought for, which takes quadratic time


class Start(NamedTuple):
    """What walks begin with: the ids, and the state after them, -1 for one that nothing was seen after.

    Where no sequence begins so, the `middle` has all states that do, and each walk begins at one of them.
    """

    given: list[int]
    state: int
    middle: range = range(0)

    @property
    def states(self) -> range:
        """The states that walks begin in."""
        return self.middle or range(self.state, self.state + 1)


def ids_of(name: str, value: Any, vocabulary: Vocabulary | None) -> list[int]:
    """Return the ids of None (no token), a token, or a sequence of tokens.

    Raises
    ------
    TypeError
        If a token is not of the chain's kind.
    KeyError
        If a token is unknown, with near matches.
    """
    kind = "int" if vocabulary is None else "str"
    if value is None:
        return []
    if isinstance(value, str) or is_integer(value):
        value = [value]
    try:
        tokens = list(value)
    except TypeError:
        raise TypeError(f"{name} is {described(value)}, expected a token ({kind}) or a sequence of tokens") from None
    for token in tokens:
        if not (is_integer(token) if vocabulary is None else isinstance(token, str)):
            raise TypeError(f"{name} holds {described(token)}, expected tokens of type {kind}")
    if vocabulary is None:
        for token in tokens:
            if not 0 <= token <= MAX_ID:
                raise KeyError(f"{name}: token {token} was never seen, tokens are integers in [0, 2**31 - 1)")
        return [int(token) for token in tokens]
    ids = [vocabulary[token] for token in tokens]
    if UNKNOWN in ids:
        token = tokens[ids.index(UNKNOWN)]
        words = token.split()
        if len(words) > 1 and all(word in vocabulary for word in words):
            raise KeyError(f"{name}: token {token!r} was never seen, expected a list of tokens: {words!r}")
        raise KeyError(f"{name}: token {token!r} was never seen, {_near(_alike(token, vocabulary))}")
    return ids


def _alike(token: str, vocabulary: Vocabulary) -> list[str]:
    """Return a few tokens that are much like one, whatever their case."""
    if len(token) > _LONGEST:
        return []
    close: dict[str, list[str]] = {}
    for word in vocabulary.tokens:
        if abs(len(word) - len(token)) <= 2:
            close.setdefault(word.casefold(), []).append(word)
    found = get_close_matches(token.casefold(), close, _SUGGESTIONS)
    return [word for folded in found for word in close[folded]][:_SUGGESTIONS]


def start_of(ids: list[int], transitions: Transitions, vocabulary: Vocabulary | None) -> Start:
    """Return what walks begin with, from the tokens of a `start`.

    Fewer tokens than the order are the beginning of a sequence or, where none begins so, stand anywhere.

    Raises
    ------
    KeyError
        If they were never seen, with near matches.
    """
    try:
        return Start(ids, state_of("start", ids, transitions, vocabulary, may_be_dead_end=True))
    except KeyError:
        middle = _beginning_with(ids, transitions.check().contexts)
        if not 0 < len(ids) < transitions.order or not middle:
            raise
        return Start(ids, -1, middle)


def anywhere(start: Start, transitions: Transitions) -> Start:
    """Return what walks begin with: any state of tokens alone, where nothing is given and no sequence begins."""
    if start.given or start.state >= 0 or not transitions.order:
        return start
    contexts = transitions.check().contexts
    return start._replace(middle=range(int(contexts[:, 0].searchsorted(0)), len(contexts)))


def _beginning_with(ids: list[int], contexts: npt.NDArray[np.int32]) -> range:
    """Return the rows of sorted contexts that begin with these ids: of each column in turn, a part that is sorted."""
    low, high = 0, len(contexts)
    for column, token in zip(contexts.T, ids, strict=False):
        part = column[low:high]
        low, high = low + int(part.searchsorted(token)), low + int(part.searchsorted(token, side="right"))
    return range(low, high)


def state_of(
    name: str, ids: list[int], transitions: Transitions, vocabulary: Vocabulary | None, may_be_dead_end: bool
) -> int:
    """Return the state after those tokens; -1 for one that walks reach but cannot leave, if that may be.

    Fewer tokens than the order are the beginning of a sequence; of more, the last ones are the state.

    Raises
    ------
    KeyError
        If the state was never seen, with near matches.
    """
    order = transitions.order
    context = last_of(ids, order)
    packed = np.array(context, np.int32)
    state = transitions.find(packed)
    if state >= 0 or (may_be_dead_end and (not ids or transitions.leads_to(packed))):
        return state
    shown = _shown([token for token in context if token != BOUNDARY], vocabulary)
    if 0 < len(ids) < order:
        what = f"{shown} never begins a sequence, nor a state of {order} tokens"
    else:
        what = f"{shown} was never seen" if may_be_dead_end else f"nothing was seen after {shown}"
    raise KeyError(f"{name}: {what}, {_near(_similar(context[-1], transitions, vocabulary) if context else [])}")


def describe(transitions: Transitions, context: list[int], vocabulary: Vocabulary | None) -> str:
    """Return a state for a message: its tokens, without the boundary."""
    return _shown([token for token in last_of(context, transitions.order) if token != BOUNDARY], vocabulary)


def _similar(last: int, transitions: Transitions, vocabulary: Vocabulary | None) -> list[Any]:
    """Return a few states that end in that token, or else in the integers nearest to it."""
    contexts = transitions.contexts
    rows = np.flatnonzero(contexts[:, -1] == last)
    if rows.size == 0 and vocabulary is None:
        ends: npt.NDArray[np.int64] = np.unique(contexts[:, -1]).astype(np.int64)
        ends = ends[ends >= 0]
        nearest = sorted(ends.tolist(), key=lambda token: abs(token - last))[:_SUGGESTIONS]
        rows = np.array([np.flatnonzero(contexts[:, -1] == token)[0] for token in nearest], np.int64)
    states = (contexts[row].tolist() for row in rows[:_SUGGESTIONS])
    return [_plain([token for token in state if token != BOUNDARY], vocabulary) for state in states]


def _near(matches: list[Any]) -> str:
    return "near matches: " + ", ".join(map(repr, matches)) if matches else "and nothing like it"


def _plain(ids: list[int], vocabulary: Vocabulary | None) -> Any:
    """Return tokens as the user writes a state: one by itself, several as a tuple."""
    tokens = ids if vocabulary is None else [vocabulary.tokens[token] for token in ids]
    return tokens[0] if len(tokens) == 1 else tuple(tokens)


def _shown(ids: list[int], vocabulary: Vocabulary | None) -> str:
    return repr(_plain(ids, vocabulary)) if ids else "the beginning of a sequence"
