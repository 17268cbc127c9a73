"""The transition table of a Markov chain: rows of counts in canonical order. It is never changed, only replaced.

The table of a large file is read before the file is verified, a row at a time: what reads a row has to be safe whatever
is there, what reads all of them calls `check` first.

The sequences a b and a a at order 1 have the states start, a and b with the rows (a: 2), (end: 1, a: 1, b: 1) and
(end: 1): contexts -1, 0, 1; offsets 0, 1, 4, 5; tokens 0, -1, 0, 1, -1; counts 2, 1, 1, 1, 1. At order 0 they have one
state, of no token, with the row (a: 3, end: 2, b: 1).
"""

from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np
import numpy.typing as npt

from fastsoftmax import _threads
from fastsoftmax._types import Counts, Ids
from fastsoftmax.kernels.markov import count as kernels
from fastsoftmax.kernels.markov import sort
from fastsoftmax.kernels.markov.table import Rows, row_is_sound

BOUNDARY = -1
MAX_ID = 2**31 - 2
MAX_TOTAL = 2**53
MAX_ORDER = 2**10  # a state takes 4 bytes a token

_checking = _threads.lock()  # held while a file is read from end to end


class Edges(NamedTuple):
    """The edges [offsets[i], offsets[i + 1]) leave contexts[i]. Sorted ones are in the order of context and token."""

    contexts: Ids  # (rows, order)
    offsets: npt.NDArray[np.int64]  # (rows + 1,)
    tokens: Ids  # (edges,)
    counts: Counts  # (edges,)


class MappedFile:
    """The file that a table is mapped from, where its contents are checked later.

    Parameters
    ----------
    check : function
        Raises a ValueError if the contents are damaged.
    read_ahead : function
        Tells the system that much of the file is about to be read; until then it reads what is asked for alone.
    """

    def __init__(self, check: Callable[[], object], read_ahead: Callable[[], object]) -> None:
        self.read_ahead = read_ahead
        self._check: Callable[[], object] | None = check

    def check(self) -> None:
        """Make the check if it has not passed yet, one at a time: others wait."""
        if self._check is None:
            return
        with _checking:
            if self._check is not None:
                self.read_ahead()
                self._check()
                self._check = None


@dataclass(frozen=True, eq=False)
class Transitions:
    """Counted transitions in canonical order: one table for one content, whatever the way it was made."""

    contexts: Ids
    """(S, order): the last tokens of every state, sorted column by column; the boundary, -1, is before the start."""
    offsets: npt.NDArray[np.int64]
    """(S + 1,): the edges [offsets[s], offsets[s + 1]) leave state s; no row is empty."""
    tokens: Ids
    """(E,): the next token, -1 for the end; in a row larger counts come first, then smaller tokens."""
    counts: Counts
    """(E,): how often it came next, positive: int64, or float64 for weights that are not whole."""
    linked: InitVar[Ids | None] = None
    file: MappedFile | None = field(default=None, repr=False)
    """What the arrays are mapped from, if that is checked later."""

    def __post_init__(self, linked: Ids | None) -> None:
        if linked is not None:
            _freeze(linked)
            self.__dict__["targets"] = linked
        for array in (self.contexts, self.offsets, self.tokens, self.counts):
            _freeze(array)

    def __reduce__(self) -> tuple[Any, ...]:  # by way of __init__: copies too are read-only
        self.check()
        return Transitions, (self.contexts, self.offsets, self.tokens, self.counts, self.__dict__.get("targets"))

    def check(self) -> Self:
        """Return the table once all of it can be trusted: before anything that reads more than a few rows.

        Raises
        ------
        ValueError
            If the file that it is mapped from is damaged.
        """
        if self.file is not None:
            self.file.check()
        return self

    def expect_many(self) -> None:
        """Prepare for a look at many rows, all over the table."""
        if self.file is not None:
            self.file.read_ahead()

    def refuse(self, state: int) -> NoReturn:
        """Raise what is wrong with a table that has a row that is not sound."""
        self.check()
        raise ValueError(f"the chain's file is damaged: state {state} has transitions that lead nowhere")

    # Not `cached_property`: in Python 3.11 it holds a lock, which a forked child may find held for ever.
    @property
    def targets(self) -> Ids:
        """(E,): the state that the edge leads to, -1 for the end and for states without a row.

        Made when it is first asked for, by a walk or a save: a hash table of the states, and a look into it for every
        edge, take longer than counting.
        """
        targets: Ids | None = self.__dict__.get("targets")
        if targets is None:
            if self.order == 0:  # every token leads back to the one state
                targets = np.where(self.tokens == BOUNDARY, np.int32(-1), np.int32(0))
            else:
                targets = np.empty(self.tokens.size, np.int32)
                slots = kernels.hash_slots(len(self.contexts))
                kernels.link(self.contexts, self.offsets, self.tokens, slots, targets)
            _freeze(targets)
            self.__dict__["targets"] = targets
        return targets

    @property
    def sorted_tokens(self) -> Ids:
        """(E,): the tokens of every row in their own order; made when first asked for, by a walk with p or q."""
        tokens: Ids | None = self.__dict__.get("sorted_tokens")
        if tokens is None:
            tokens = self.edges().tokens
            _freeze(tokens)
            self.__dict__["sorted_tokens"] = tokens
        return tokens

    @property
    def order(self) -> int:
        """How many tokens make a state."""
        return int(self.contexts.shape[1])

    @property
    def totals(self) -> Counts:
        """The sum of the counts of every row."""
        totals: Counts | None = self.__dict__.get("totals")
        if totals is None:
            self.check()
            totals = np.add.reduceat(self.counts, self.offsets[:-1]) if len(self.contexts) else self.counts
            self.__dict__["totals"] = totals
        return totals

    def totals_of(self, first: int, stop: int) -> Counts:
        """Return those of the rows [first, stop), without a look at others."""
        totals: Counts | None = self.__dict__.get("totals")
        if totals is not None:
            return totals[first:stop]
        offsets = self.offsets[first : stop + 1]
        return np.add.reduceat(self.counts[: offsets[-1]], offsets[:-1])

    def with_totals(self, totals: Counts) -> Self:
        """Return the table, whose rows are known to have these totals: its weights add up to them but for rounding."""
        self.__dict__["totals"] = totals
        return self

    @property
    def rows(self) -> Rows:
        """What the kernels of walks read, once it can be trusted."""
        self.check()
        return self.unverified_rows

    @property
    def unverified_rows(self) -> Rows:
        """The same, at once: for those who look whether each row is sound before they use it."""
        if self.order:
            return Rows(self.offsets, self.tokens, self.counts, self.targets, self.contexts[:, -1])
        lasts = np.full(len(self.contexts), BOUNDARY, np.int32)  # a state of no token has no last one
        _freeze(lasts)
        return Rows(self.offsets, self.tokens, self.counts, self.targets, lasts)

    @property
    def walk_rows(self) -> Rows:
        """The same for a table of walks, which tells a token by the state that it leads to.

        At order 0 all tokens lead to one state: there they are told as tokens that lead to none.
        """
        rows = self.unverified_rows
        if self.order:
            return rows
        targets = np.full(self.tokens.size, -1, np.int32)
        _freeze(targets)
        return rows._replace(targets=targets)

    def row(self, state: int) -> slice:
        """Return which edges leave a state, of a row that can be trusted.

        Raises
        ------
        ValueError
            If the file that it is mapped from is damaged.
        """
        if self.file is not None and not row_is_sound(state, self.unverified_rows):
            self.refuse(state)
        return slice(*self.offsets[state : state + 2].tolist())

    def edges(self, weight: int = 1) -> Edges:
        """Return all edges, sorted, their counts times `weight`."""
        self.check()
        total = int(self.counts.sum()) * weight
        if total > MAX_TOTAL and self.counts.dtype == np.int64:
            raise ValueError(f"weight is {weight}: the counts would add up to {total:.6g}, expected at most 2**53")
        with np.errstate(over="ignore"):  # weights that become inf are refused with the table
            counts = self.counts * weight
        falling = -self.tokens
        sort.sort_rows(self.offsets, falling, counts)
        return Edges(self.contexts, self.offsets, -falling, counts)

    def find(self, context: Ids) -> int:
        """Return the state with that context, or -1."""
        return int(kernels.find(self.contexts, context))

    def leads_to(self, context: Ids) -> bool:
        """Whether an edge leads to that context, which may have no row (a dead end). Reads all edges."""
        self.check()
        if not self.order:  # a chain that has edges has the row
            return False
        arrivals = np.flatnonzero(self.tokens == context[-1])
        rows = self.offsets.searchsorted(arrivals, side="right") - 1
        return bool((self.contexts[rows, 1:] == context[:-1]).all(axis=1).any())

    def pruned(self, min_count: float) -> "Transitions":
        """Return the table of the edges with a count of at least `min_count`."""
        self.check()
        kept = self.counts >= min_count
        before = np.concatenate(([0], np.cumsum(kept)))[self.offsets]
        rows = np.flatnonzero(np.diff(before))
        offsets = np.append(before[rows], before[-1])
        return Transitions(self.contexts[rows], offsets, self.tokens[kept], self.counts[kept])


def table(edges: Edges) -> Transitions:
    """Return the table of sorted edges, which lose their order."""
    check_total(edges.counts)
    sort.sort_rows(edges.offsets, edges.counts, edges.tokens)
    return Transitions(*edges)


def _freeze(array: npt.NDArray[Any]) -> None:
    array.flags.writeable = False


def check_total(counts: Counts) -> None:
    """Refuse counts that a float64 cannot add up exactly, and weights that add up to inf."""
    with np.errstate(over="ignore"):
        total = counts.sum(dtype=np.float64)
    if counts.dtype == np.float64:
        if not total < np.inf:
            raise ValueError(f"the weights add up to {total}, expected a finite sum")
    elif total > MAX_TOTAL:
        raise ValueError(f"the counts add up to {total:.6g}, expected at most 2**53")


def last_of(ids: list[int], order: int) -> list[int]:
    """Return the last `order` ids, the state after them, with the boundary before them where there are fewer."""
    return ([BOUNDARY] * order + ids)[len(ids) :]
