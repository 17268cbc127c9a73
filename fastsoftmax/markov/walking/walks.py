"""Walks, the tables that they are drawn from, and how they are drawn: in pieces, on one thread or several."""

import mmap as memory
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks, _threads
from fastsoftmax._grid import MOST_ROWS, html
from fastsoftmax._types import Positions
from fastsoftmax.kernels.markov import table as tables
from fastsoftmax.kernels.markov import walk as kernels
from fastsoftmax.kernels.markov.condition import choose
from fastsoftmax.kernels.markov.independent import independent
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.states import Start, anywhere, describe, ids_of, start_of
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions
from fastsoftmax.markov.walking.arguments import Progress, progress_bar
from fastsoftmax.markov.walking.restarts import restart_state

_STEP_COST = 16  # a step takes as long as this many elements of softmax, the unit of _threads
_ROWS = 2**16  # built between two looks at signals
_FEW_SLOTS, _FEW_LINES = 2**14, 2**10  # of a table that has no rows yet
_SCATTERED = 2**13  # states for each step: of fewer, most huge pages are needed, and they are faster than small ones
_SPAN = 2**18  # steps of a few walks, or _LONGEST steps of each of many, between two looks at signals
_LONGEST = 2**12
_ITERATED = 1024
_MOST = 2**32  # walks of one key
_SHOWN = 50  # tokens of a walk, in HTML


@dataclass(frozen=True, eq=False)
class Walks:
    """Markov walks, a sequence of lists of tokens.

    `walks[i]`, and iteration, give the tokens of one walk as they were given to `fit`: a list of str or int. A slice
    gives a list of walks.

    Attributes
    ----------
    ids : (n, length) int32 array
        The tokens as numbers, a walk a row, -1 after its end.
    lengths : (n,) int64 array
        How many tokens each walk has.
    vocabulary : sequence of str, or None
        The str token of every number; None if the tokens are integers themselves.
    """

    ids: npt.NDArray[np.int32]
    lengths: npt.NDArray[np.int64]
    vocabulary: Sequence[str] | None = field(repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> list[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[Any]]: ...
    def __getitem__(self, index: int | slice) -> list[Any]:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        ids: list[int] = self.ids[index, : self.lengths[index]].tolist()
        return ids if self.vocabulary is None else [self.vocabulary[token] for token in ids]

    def _repr_html_(self) -> str:
        some = [self[i] for i in range(min(len(self), MOST_ROWS + 1))]
        words = [" ".join(map(str, walk[:_SHOWN])) + (" …" if len(walk) > _SHOWN else "") for walk in some]
        lengths = list(map(str, self.lengths[: len(some)].tolist()))
        return html({"walk": words, "tokens": lengths}) + f"<p>{len(self):,} walks</p>"

    def __iter__(self) -> Iterator[list[Any]]:
        for first in range(0, len(self), _ITERATED):  # many at once: some Python steps a walk, not a token
            ids = self.ids[first : first + _ITERATED]
            flat = ids[ids >= 0].tolist()
            tokens = iter(flat if self.vocabulary is None else map(self.vocabulary.__getitem__, flat))
            for length in self.lengths[first : first + _ITERATED].tolist():
                yield list(islice(tokens, length))


class WalkTable:
    """What walks at one (T, k, p, min_p) read: rows are built when a walk first comes to them, or all at once."""

    def __init__(self, transitions: Transitions, filters: Filters, sparse: bool = False) -> None:
        self.transitions = transitions
        self.filters = filters
        self.complete = False
        self.drawn = 0  # steps
        self._rows = transitions.walk_rows
        states, edges = len(transitions.contexts), len(transitions.tokens)
        if edges > np.iinfo(np.int32).max:
            raise ValueError(f"the chain has {edges} transitions, expected fewer than 2**31 to walk")
        heads = _sparse(2 * states) if sparse else np.zeros(2 * states, np.int64)
        self._table = tables.empty(0, _FEW_SLOTS, _FEW_LINES)._replace(heads=heads)

    def built(self) -> tables.Table:
        """Return what is built, all rows."""
        if not self.complete:
            self.build_all()
        return self._table

    def build(self, start: int, stop: int) -> None:
        """Build the rows [start, stop), with more room if they need it."""
        while (start := tables.build_rows(self._rows, self.filters, start, stop, self._table)) < stop:
            self._grow()

    def build_all(self) -> None:
        """Build all rows."""
        transitions = self.transitions.check()
        table = tables.grown(self._table, len(transitions.tokens), 0)
        self._table = table._replace(heads=table.heads.copy())  # not sparse
        states = len(transitions.contexts)
        for start in range(0, states, _ROWS):
            self.build(start, min(start + _ROWS, states))
        self.complete = True

    def draw(
        self,
        ids: npt.NDArray[np.int32],
        first_step: int,
        states: Positions,
        first: int,
        seed: int,
        restart: int,
        progress: Progress | None,
    ) -> tuple[Positions, Positions]:
        """Write ids[:, first_step:], walks from their states, and return how long each is and where it is at last.

        `first` is the number of the first walk. `restart` is the state to go on from, instead of a stop, or -1.
        """
        walks, length = ids.shape
        lengths = np.full(walks, length)
        places = np.where(states >= 0, states, kernels.NO_ROW)
        if (states < 0).all() and restart < 0 and first_step < length:  # also where no state has a row
            ids[:, first_step:] = BOUNDARY
            return np.full(walks, first_step), np.full(walks, kernels.DEAD_END)
        for row in (0, *states[:1].tolist(), restart):
            if row >= 0 and not self.complete:
                self.build(row, row + 1)

        def advance(from_walk: int, to_walk: int) -> None:
            selection = (from_walk, to_walk, from_step, to_step)
            before = None if self.complete else places[from_walk:to_walk].copy()
            while not self._advance(selection, first, np.uint64(seed), restart, places, lengths, ids):
                self._grow()
                places[from_walk:to_walk] = before
            if progress is not None:
                progress((to_walk - from_walk) * (to_step - from_step))

        group = max(1, min(kernels.WIDEST, -(-walks // _threads.get_num_threads())))  # of fewer, lanes would be idle

        def advance_groups(first: int, last: int) -> None:
            advance(first * group, min(last * group, walks))

        span = max(_LONGEST, _SPAN // max(walks, 1))
        for from_step in range(first_step, length, span):
            to_step = min(from_step + span, length)
            steps = to_step - from_step
            if self.complete:
                _threads.run(advance_groups, -(-walks // group), group * _STEP_COST * steps)
            else:  # one thread at a time may build rows
                piece = max(1, _SPAN // steps)
                for from_walk in range(0, walks, piece):
                    advance(from_walk, min(from_walk + piece, walks))
        return lengths, places

    def _advance(
        self, selection: tuple[int, int, int, int], first: int, seed: np.uint64, restart: int, *walks: Any
    ) -> bool:
        """Write a part of the walks; return False where a row needs more room."""
        if self.transitions.order == 0:  # its one row is built
            independent(self._table, selection, first, seed, restart >= 0, *walks)
            return True
        return bool(kernels.advance(self._rows, self.filters, self._table, selection, first, seed, restart, *walks))

    def _grow(self) -> None:
        """Make room for the row that had none.

        Raises
        ------
        ValueError
            If that row cannot be built at all.
        """
        row = int(self._table.filled[2])
        if row < 0:
            self.transitions.refuse(-1 - row)
        self._table = tables.grown(self._table, *tables.room(int(np.diff(self._rows.offsets[row : row + 2])[0])))


def _sparse(size: int) -> npt.NDArray[np.int64]:
    """Return zeros that take 4 KB of memory where one is written first; NumPy asks for huge pages, of 2 MB."""
    private = {"flags": memory.MAP_PRIVATE | memory.MAP_ANONYMOUS} if hasattr(memory, "MAP_PRIVATE") else {}
    pages = memory.mmap(-1, 8 * size, **private)
    if hasattr(memory, "MADV_NOHUGEPAGE"):
        pages.madvise(memory.MADV_NOHUGEPAGE)
    return np.frombuffer(pages, np.int64)


class TableCache:
    """The last used table of a chain.

    A complete table is only read, so any number of threads may share it. One that is still being built belongs to one
    call at a time: it is taken out, and another call meanwhile begins a new one.
    """

    def __init__(self) -> None:
        self._tables: list[WalkTable] = []

    @contextmanager
    def table(self, transitions: Transitions, filters: Filters, steps: int) -> Iterator[WalkTable]:
        """Lend the table of these filters for some steps: a complete one if these, and those before, are many."""
        few = steps * _SCATTERED < len(transitions.contexts)
        if not few:
            transitions.expect_many()
        table = self._take()
        if table is None or table.transitions is not transitions or table.filters != filters:
            table = WalkTable(transitions, filters, sparse=few)
        table.drawn += steps
        if not table.complete and table.drawn >= len(transitions.contexts) + len(transitions.tokens):
            table.build_all()
        if table.complete:
            self._tables[:] = [table]
        try:
            yield table
        finally:
            self._tables[:] = [table]

    def clear(self) -> None:
        """Forget the table."""
        self._tables.clear()

    def _take(self) -> WalkTable | None:
        try:
            return self._tables.pop()  # atomic: one thread gets it
        except IndexError:
            return None


class WalkRequest(NamedTuple):
    """What walks were asked for, checked."""

    numbers: range
    length: int
    given: list[int]
    key: int
    at_dead_end: str


def checked_request(model: Model, n: Any, length: Any, start: Any, key: int, on_dead_end: Any) -> WalkRequest:
    """Check the arguments of `MarkovChain.walk` but for those of a draw."""
    wish = WalkRequest(
        _numbers(n),
        _checks.integer("length", length, 0, 2**40),
        ids_of("start", start, model.vocabulary),
        key,
        _checks.choice("on_dead_end", on_dead_end, ("stop", "restart", "raise")),
    )
    if len(wish.given) > wish.length:
        raise ValueError(f"start has {len(wish.given)} tokens, expected at most length, {wish.length}")
    return wish


def _numbers(n: Any) -> range:
    """Return the numbers of walks: the first n, or those of a range."""
    if not isinstance(n, range):
        return range(_checks.integer("n", n, 0, _MOST))
    if not (n.step == 1 and 0 <= n.start <= n.stop <= _MOST):
        raise ValueError(f"n is {n}, expected a range of numbers in [0, 2**32), one after the other")
    return n


def draw_walks(model: Model, cache: TableCache, wish: WalkRequest, filters: Filters, progress: bool) -> Walks:
    """Return walks as they were wished for."""
    numbers, length, given, key, at_dead_end = wish
    begun = anywhere(start_of(given, model.transitions, model.vocabulary), model.transitions)
    restart = restart_state(model.transitions, filters) if at_dead_end == "restart" else -1
    walks, places = walk_from(begun, model, cache, numbers, length, filters, key, restart, progress)
    if at_dead_end == "raise" and (places == kernels.DEAD_END).any():
        walk = int(np.flatnonzero(places == kernels.DEAD_END)[0])
        position = int(walks.lengths[walk])
        context = describe(model.transitions, walks.ids[walk, :position].tolist(), model.vocabulary)
        raise ValueError(
            f"walk {numbers[walk]} came to a dead end at position {position}: nothing was seen after {context}"
        )
    return walks


def begin(
    start: Start,
    transitions: Transitions,
    filters: Filters,
    ids: npt.NDArray[np.int32],
    walks: Positions,
    key: int,
    attempt: int,
    chances: npt.NDArray[np.float64] | None = None,
) -> tuple[int, Positions]:
    """Write what each walk begins with, and return how many tokens that are, and in which state each is.

    Walks that start in the middle draw their state as a token is drawn, by how often each was seen, times the
    `chances` of each of the middle if they are given; those that start anywhere take all states alike.
    """
    given, length = len(start.given), ids.shape[1]
    ids[:, :given] = start.given
    if not start.middle:
        return given, np.full(len(walks), start.state)
    order, weights = middle_weights(start, transitions, filters, chances)
    states = np.empty(len(walks), np.int64)
    choose(np.cumsum(weights), np.uint64(key), given, attempt, walks, states)
    states = start.middle.start + order[states]
    taken = min(transitions.order, length)
    ids[:, given:taken] = transitions.contexts[states, given:taken]
    return taken, states


def middle_weights(
    start: Start, transitions: Transitions, filters: Filters, chances: npt.NDArray[np.float64] | None
) -> tuple[Positions, npt.NDArray[np.float64]]:
    """Return the states of the middle that walks may start in, in an order, and the weight of each."""
    first, stop = start.middle.start, start.middle.stop
    if not start.given:
        return np.arange(stop - first), np.ones(stop - first)
    totals = transitions.totals_of(first, stop)
    order = np.argsort(-totals, kind="stable")
    weights = np.empty(totals.size)
    order = order[: tables.row_weights(totals[order], filters, weights)]
    return order, weights[: order.size] * (1.0 if chances is None else chances[order])


def walk_from(
    start: Start,
    model: Model,
    cache: TableCache,
    numbers: range,
    length: int,
    filters: Filters,
    key: int,
    restart: int,
    progress: bool,
) -> tuple[Walks, npt.NDArray[np.int64]]:
    """Return walks, and where each is at last."""
    ids = np.empty((len(numbers), length), np.int32)
    taken, states = begin(start, model.transitions, filters, ids, np.arange(numbers.start, numbers.stop), key, 0)
    steps = len(numbers) * (length - taken)
    with progress_bar(progress, "walking", steps) as report, cache.table(model.transitions, filters, steps) as table:
        lengths, places = table.draw(ids, taken, states, numbers.start, key, restart, report)
    return Walks(ids, lengths, None if model.vocabulary is None else model.vocabulary.tokens), places
