"""What came before each row of a call, and what the edits of a chain make of the logits for it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._arrays import Array
from fastsoftmax._state import State, started
from fastsoftmax.kernels.history.counts import Table, advance, tabulate
from fastsoftmax.kernels.history.edits import Edits as Plan
from fastsoftmax.kernels.history.edits import overlay_bytes
from fastsoftmax.samplers.edit import EditOperation
from fastsoftmax.sampling.params import of

if TYPE_CHECKING:
    from fastsoftmax.samplers.chain import SamplerChain

_FEW = 8  # tokens that are counted one by one
_LINE = 64  # bytes: memory begins at a cache line


_INTS, _LONGS = np.empty(1, np.int32), np.empty(1, np.int64)
EXAMPLE: Plan = (
    np.empty((1, 1, len(EditOperation._fields))),
    *(_INTS, _LONGS, np.empty(1)),
    *(_INTS, _LONGS, _LONGS, _LONGS),
    *(_INTS, _INTS, _LONGS),
    *(0, 0),
)
"""What `plan` gives, for the types of it."""


class Edits:
    """The edits of a chain, for the rows of a batch that have a state.

    Raises
    ------
    TypeError, ValueError
        If the state is none, or one of another chain.
    """

    def __init__(self, chain: "SamplerChain", state: Any) -> None:
        if not isinstance(state, State):
            raise TypeError(f"state is {_checks.described(state)}, expected a State, as SamplerChain.start makes it")
        if state.chain != chain:
            raise ValueError(f"state is of the chain {str(state.chain)!r}, expected one of {str(chain)!r}")
        self._chain, self._state = chain, state

    def fit(self, batch: tuple[int, ...], size: int) -> None:
        """Take the shape of the logits.

        Raises
        ------
        ValueError
            If the state is of another batch, or has tokens that they do not.
        """
        state = self._state
        if state.batch != batch:
            raise ValueError(f"state is of the batch {state.batch}, expected {batch}, as the logits")
        if state.largest >= size:
            raise ValueError(f"state has token {state.largest}, expected tokens below V = {size}")
        if self._chain.largest >= size:
            raise ValueError(f"samplers has token {self._chain.largest}, expected tokens below V = {size}")
        self._edits, self._listed, self._windows = self._chain.edit_rows(batch)
        self._table = counted(state, self._windows)
        self._size, self._longest = size, int(state.read()[2].max(initial=0))

    def along(self, tokens: Array, parents: Array) -> "Edits":
        """Return the edits for drafts: rows of each history before the first token, and after each node of a tree.

        `tokens` has a draft in each row, `parents` is the node before each, -1 for none.
        """
        before, nodes = self._state, len(parents)
        rows = len(tokens)
        if (parents == np.arange(-1, nodes - 1)).all():  # one branch, which all of its nodes share
            shared, starts, lengths, prompts = before.accept(tokens.reshape(*before.batch, nodes)).read()
            lengths = (before.read()[2][:, np.newaxis] + np.arange(nodes + 1)).reshape(-1)
            spread = State.sharing(shared, np.repeat(starts, nodes + 1), lengths, np.repeat(prompts, nodes + 1))
            table = _repeated(self._table, nodes + 1, self._windows)
            spread.counted = table, np.repeat(before.read()[2], nodes + 1)
        else:
            paths = _paths(parents)
            pairs = zip(before.rows(), tokens.astype(np.int32), strict=True)
            histories = [np.concatenate([own, draft[path]]) for own, draft in pairs for path in paths]
            spread = started(None, histories, np.repeat(before.read()[3], nodes + 1), (rows * (nodes + 1),))
        other = Edits.__new__(Edits)
        other._chain, other._state, other._listed, other._size = self._chain, spread, self._listed, self._size
        other._edits = self._edits if len(self._edits) == 1 else np.repeat(self._edits, nodes + 1, axis=0)
        other._windows = self._windows if len(self._windows) == 1 else np.repeat(self._windows, nodes + 1, axis=0)
        other._table = counted(spread, other._windows)
        other._longest = int(spread.read()[2].max(initial=0))
        return other

    def plan(self, first: int, last: int, used: int, itemsize: int) -> tuple[Plan, int]:
        """Return what a kernel takes for rows [first, last) of the batch, and how many bytes of scratch memory.

        So many bytes are used already, and a logit has `itemsize` bytes.
        """
        tokens, starts, lengths, prompts = self._state.read()
        distinct, counts, offsets = self._table
        start = -(-used // _LINE) * _LINE
        own = starts[first:last], lengths[first:last], prompts[first:last]
        table = distinct, counts, offsets[first : last + 1]
        plan = of(self._edits, first, last), *self._listed, tokens, *own, *table, self._longest, start
        return plan, start + overlay_bytes(self._size, itemsize, self._longest)


def counted(state: State, windows: Array) -> Table:
    """Return how often the tokens of a state came in some windows, and leave it with the state for the next one."""
    lengths, columns = state.read()[2], windows.shape[1] // 2
    if columns == 0:
        return _empty(0, columns, len(lengths))
    if state.counted is not None:
        found: Table
        found, before = state.counted
        added = (lengths - before).tolist()
        if not any(added):
            return found
        if min(added) >= 0 and max(added) <= _FEW:
            table = _empty(int(found.offsets[-1]) + sum(added), columns, len(lengths))
            advance(*state.read(), before, windows, *found, *table)
            state.counted = table, lengths
            return table
    table = _empty(int(lengths.sum()), columns, len(lengths))
    words = np.empty((2, int(lengths.max(initial=0))), np.uint64)
    tabulate(*state.read(), windows, words[0], words[1], *table)
    tokens, counts, offsets = table
    entries = int(offsets[-1])
    table = Table(tokens[:entries].copy(), counts[: entries * columns].copy(), offsets)
    state.counted = table, lengths
    return table


def _repeated(table: Table, times: int, windows: Array) -> Table:
    """Return a table with each row so many times."""
    tokens, counts, offsets = table
    columns = windows.shape[1] // 2
    sizes = np.repeat(np.diff(offsets), times)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    places = np.arange(ends[-1]) + np.repeat(np.repeat(offsets[:-1], times) - ends[:-1], sizes)
    wide = counts[: offsets[-1] * columns].reshape(-1, columns) if columns else counts.reshape(0, 0)
    return Table(tokens[places], wide[places].reshape(-1) if columns else counts, ends)


def _paths(parents: Array) -> list[list[int]]:
    """Return the nodes on the way to what comes first, and to each node of a tree."""
    paths = list[list[int]]([[]])
    for node, parent in enumerate(parents.tolist()):
        paths.append([*paths[parent + 1], node])
    return paths


def _empty(entries: int, columns: int, rows: int) -> Table:
    return Table(np.empty(entries, np.int32), np.empty(entries * columns, np.int32), np.zeros(rows + 1, np.int64))


def edits_of(asked: Any, state: Any) -> Edits | None:
    """Return the edits of what a call asks for; None where there is neither one nor a state.

    Raises
    ------
    TypeError, ValueError
        If one is without the other, or they do not fit.
    """
    if isinstance(asked, tuple):
        if state is not None:
            raise ValueError("state is given without samplers, expected the chain that it is a state of")
        return None
    if state is None:
        if asked.edits:
            raise ValueError(
                f"samplers has {asked.edits[0].name}, which asks what came before: give state=, as its start() makes it"
            )
        return None
    return Edits(asked, state)
