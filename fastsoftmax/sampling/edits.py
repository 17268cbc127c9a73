"""What came before each row of a call, and what the edits of a chain make of the logits for it."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._arrays import Array
from fastsoftmax._state import State, started
from fastsoftmax.kernels.history.counts import advance, tabulate
from fastsoftmax.kernels.history.edits import overlay_bytes
from fastsoftmax.kernels.history.tokens import Edits as Plan
from fastsoftmax.kernels.history.tokens import Listed, Table, Tokens
from fastsoftmax.samplers.edit import EditOperation
from fastsoftmax.sampling.params import of

if TYPE_CHECKING:
    from fastsoftmax.samplers.chain import SamplerChain

_FEW = 8  # tokens that are counted one by one
_LINE = 64  # bytes: memory begins at a cache line


class Edits:
    """The edits of a chain, for the rows of a batch that have a state.

    Attributes
    ----------
    state : State
        What came before each row.

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
        self._chain, self.state = chain, state

    def fit(self, batch: tuple[int, ...], size: int) -> None:
        """Take the shape of the logits.

        Raises
        ------
        ValueError
            If the state is of another batch, or has tokens that they do not.
        """
        state = self.state
        if state.batch != batch:
            raise ValueError(f"state is of the batch {state.batch}, expected {batch}, as the logits")
        if state.largest >= size:
            raise ValueError(f"state has token {state.largest}, expected tokens below V = {size}")
        if self._chain.largest >= size:
            raise ValueError(f"samplers has token {self._chain.largest}, expected tokens below V = {size}")
        if self._chain.edits:
            self._prepare(*self._chain.edit_rows(batch), size)

    def _prepare(self, rules: Array, listed: Any, windows: Array, size: int) -> None:
        self._rules, self._listed, self._windows, self._size = rules, listed, windows, size
        self._table = counted(self.state, windows)
        self._longest = int(self.state.read()[2].max(initial=0))

    def along(self, tokens: Array, parents: Array) -> "Edits":
        """Return the edits for drafts: rows of each history before the first token, and after each node of a tree.

        `tokens` has a draft in each row, `parents` is the node before each, -1 for none.
        """
        before, nodes = self.state, len(parents)
        _, _, lengths, prompts = before.read()
        prompts = np.repeat(prompts, nodes + 1)
        if (parents == np.arange(-1, nodes - 1)).all():  # one branch: each node's history is a beginning of the last's
            shared, starts, _, _ = before.accept(tokens.reshape(*before.batch, nodes)).read()
            longer = (lengths[:, np.newaxis] + np.arange(nodes + 1)).reshape(-1)
            spread = State.sharing(self._chain, shared, np.repeat(starts, nodes + 1), longer, prompts)
            spread.counted = _repeated(self._table, nodes + 1, self._windows), np.repeat(lengths, nodes + 1)
        else:
            paths, pairs = _paths(parents), zip(before.rows(), tokens.astype(np.int32), strict=True)
            histories = [np.concatenate([own, draft[path]])[np.newaxis] for own, draft in pairs for path in paths]
            spread = started(self._chain, histories, prompts, (len(histories),))
        rules, windows = (
            one if len(one) == 1 else np.repeat(one, nodes + 1, axis=0) for one in (self._rules, self._windows)
        )
        other = Edits(self._chain, spread)
        other._prepare(rules, self._listed, windows, self._size)
        return other

    def plan(self, first: int, last: int, used: int, itemsize: int) -> tuple[Plan | None, int]:
        """Return what a kernel takes for rows [first, last) of the batch, and how many bytes of scratch memory.

        So many bytes are used already, and a logit has `itemsize` bytes. A chain without edits needs nothing.
        """
        if not self._chain.edits:
            return None, used
        tokens, starts, lengths, prompts = self.state.read()
        distinct, counts, offsets = self._table
        start = -(-used // _LINE) * _LINE
        plan = Plan(
            of(self._rules, first, last),
            Listed(*self._listed),
            Tokens(tokens, starts[first:last], lengths[first:last], prompts[first:last]),
            Table(distinct, counts, offsets[first : last + 1]),
            self._windows.shape[1] // 2,
            self._longest,
            start,
        )
        return plan, start + overlay_bytes(self._size, itemsize, self._longest)


def example() -> Plan:
    """Return what `plan` gives, for the types of it."""
    ints, longs, rules = np.empty(1, np.int32), np.empty(1, np.int64), np.empty((1, 1, len(EditOperation._fields)))
    history, table = Tokens(ints, longs, longs, longs), Table(ints, ints, longs)
    return Plan(rules, Listed(ints, longs, np.empty(1)), history, table, 0, 0, 0)


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
            advance(Tokens(*state.read()), before, windows, found, table)
            state.counted = table, lengths
            return table
    table = _empty(int(lengths.sum()), columns, len(lengths))
    words = np.empty((2, int(lengths.max(initial=0))), np.uint64)
    tabulate(Tokens(*state.read()), windows, words[0], words[1], table)
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
