"""What came before each row of a call, and what the edits of a chain make of the logits for it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._arrays import Array
from fastsoftmax._state import State
from fastsoftmax.kernels.history.counts import Table, advance, tabulate
from fastsoftmax.kernels.history.edits import Listed, edit
from fastsoftmax.kernels.history.tokens import Tokens
from fastsoftmax.sampling.params import of

if TYPE_CHECKING:
    from fastsoftmax.samplers.chain import SamplerChain

_FEW = 8  # tokens that are counted one by one


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
        largest = state.largest()
        if (largest >= size).any():
            row = int(np.argmax(largest >= size))
            raise ValueError(f"state has token {largest[row]} in row {row}, expected tokens below V = {size}")
        for step in self._chain.edits:
            for token in (*(token for one in step.listed for token in one), *np.ravel(getattr(step, "token", -1))):
                if token >= size:
                    raise ValueError(f"samplers has token {token} in {step.name}, expected tokens below V = {size}")
        self._edits, self._listed, windows = self._chain.edit_rows(batch)
        self._table = counted(state, windows)
        self._longest = int(state.lengths.max(initial=0))

    def apply(self, rows: Array, first: int, number: Any) -> None:
        """Change the logits of rows of the batch, from `first` on."""
        last = first + len(rows)
        tokens, starts, lengths, prompts = self._state.read()
        distinct, counts, offsets = self._table
        memory = np.empty((2, self._longest), np.uint64)
        edit(
            rows,
            of(self._edits, first, last),
            Listed(*self._listed),
            Tokens(tokens, starts[first:last], lengths[first:last], prompts[first:last]),
            Table(distinct, counts, offsets[first : last + 1]),
            number,
            np.empty(self._longest, np.int32),
            memory[0],
            memory[1],
        )


def counted(state: State, windows: Array) -> Table:
    """Return how often the tokens of a state came in some windows, and leave it with the state for the next one."""
    history = Tokens(*state.read())
    rows, columns = len(history.lengths), windows.shape[1] // 2
    if state.counted is not None:
        table: Table
        table, before = state.counted
        added = history.lengths - before
        if not added.any():
            return table
        if added.min() >= 0 and added.max() <= _FEW:
            out = _empty(len(table.tokens) + int(added.sum()), columns, rows)
            advance(history, before, windows, table, out)
            return _kept(state, out)
    table = _empty(int(history.lengths.sum()) if columns else 0, columns, rows)
    if columns:
        words = np.empty((2, int(history.lengths.max(initial=0))), np.uint64)
        tabulate(history, windows, words[0], words[1], table)
    return _kept(state, table)


def _empty(entries: int, columns: int, rows: int) -> Table:
    return Table(np.empty(entries, np.int32), np.empty((entries, columns), np.int32), np.zeros(rows + 1, np.int64))


def _kept(state: State, table: Table) -> Table:
    """Return a table without the room that it did not take, and leave it with the state."""
    tokens, counts, offsets = table
    tight = Table(tokens[: offsets[-1]].copy(), counts[: offsets[-1]].copy(), offsets)
    state.counted = tight, state.read()[2]
    return tight


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
