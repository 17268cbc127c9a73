"""What came before each row of a batch: a value, given to `sample` and given back."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks, _threads
from fastsoftmax._values import equal

Ints = npt.NDArray[np.int64]
Memory = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.float32]

_ROOM = 16  # tokens that a row has room for, at least, when its history is copied
_claiming = _threads.lock()  # held while a state claims the room after its histories, which others may share


class Shared:
    """Histories that states share: each state knows how much of them is its own, and nobody writes over that.

    `memory` has the tokens, and in a second row what a sampler keeps after each token, where one keeps a number.
    """

    def __init__(self, memory: Memory, starts: Ints, room: Ints, written: Ints) -> None:
        self.memory, self.starts, self.room, self.written = memory, starts, room, written
        self.tokens, self.numbers = memory[0], memory[-1].view(np.float32)


class State:
    """The history of each row of a batch, as a chain of samplers needs it.

    A state is a value: it is never changed, and threads may share it. `SamplerChain.start` makes the first one,
    `sample` returns the next.

    Attributes
    ----------
    chain : SamplerChain
        The chain that it is a state of.
    batch : tuple of int
        The shape of the batch, () for one row.
    lengths : ndarray of int64, shape (...)
        How many tokens each history has.
    prompts : ndarray of int64, shape (...)
        How many of them are the prompt.
    numbers : ndarray of float32, shape (...), or None
        What a sampler keeps from one draw to the next, as mirostat its mu; None where none keeps anything.

    Notes
    -----
    A state with the tokens that came last shares the memory of the one before, and nobody writes over what another one
    has. Memory: 4 bytes a token, 8 where a sampler keeps a number, a quarter of it as room for more, and 24 bytes a
    row; and where penalties count tokens, 4 bytes for each distinct token of a row and 4 more for each window that they
    count in.

    Examples
    --------
    >>> from fastsoftmax import SamplerChain
    >>> chain = SamplerChain("repetition=1.5")
    >>> state = chain.start([5, 7]).accept(5)
    >>> state.history().tolist(), state.rewind(1).history().tolist()
    ([5, 7, 5], [5, 7])
    """

    __slots__ = ("_largest", "_lengths", "_numbers", "_prompts", "_shared", "batch", "chain", "counted")

    def __init__(
        self, chain: Any, batch: tuple[int, ...], shared: Shared, lengths: Ints, prompts: Ints, counted: Any = None
    ) -> None:
        self.chain, self.batch = chain, batch
        self._shared, self._lengths, self._prompts = shared, lengths, prompts
        # How often tokens of these histories, or of shorter ones, came, and the lengths of those: who counts leaves it.
        self.counted = counted
        self._largest: int | None = None
        self._numbers: Numbers | None = None

    @property
    def lengths(self) -> Ints:
        """How many tokens each history has."""
        return self._lengths.reshape(self.batch)

    @property
    def prompts(self) -> Ints:
        """How many of them are the prompt."""
        return self._prompts.reshape(self.batch)

    @property
    def numbers(self) -> Numbers | None:
        """What a sampler keeps from one draw to the next."""
        if self._numbers is None and self.chain.keeper is not None:
            last = np.maximum(self._shared.starts + self._lengths - 1, 0)
            first: Numbers = self.chain.first_numbers(self.batch)
            self._numbers = np.where(self._lengths > self._prompts, self._shared.numbers[last], first)
        return None if self._numbers is None else self._numbers.reshape(self.batch).copy()

    def history(self, *row: int) -> npt.NDArray[np.int32]:
        """Return the tokens of a row, prompt and output."""
        if len(row) != len(self.batch):
            raise ValueError(f"row has {len(row)} places, expected {len(self.batch)}, as the batch {self.batch}")
        tokens: Memory = self._own(int(np.arange(len(self._lengths)).reshape(self.batch)[row]))[0]
        return tokens.copy()

    def accept(self, tokens: Any) -> "State":
        """Return the state after one more token in each row, or several, which somebody else has drawn.

        Parameters
        ----------
        tokens : int or array_like of int, shape (...) or (..., k)
            One token a row, or several in turn; -1 is none.

        Raises
        ------
        TypeError, ValueError
            For another shape, or what is no token.
        """
        given = _checks.as_array("tokens", tokens)
        if given.dtype.kind not in "iu" and given.size:
            raise TypeError(f"tokens is {_checks.described(tokens)}, expected integers in [-1, 2**31)")
        if given.shape[: len(self.batch)] != self.batch or given.ndim > len(self.batch) + 1:
            raise ValueError(f"tokens has shape {given.shape}, expected {self.batch} or {(*self.batch, 'k')}")
        if given.size and not (given.min() >= -1 and given.max() < 2**31):
            wrong = next(token for token in given.flat if not -1 <= token < 2**31)
            raise ValueError(f"tokens has {wrong}, expected integers in [-1, 2**31)")
        several = given.reshape(len(self._lengths), math.prod(given.shape[len(self.batch) :]))
        return self._grown(several, self.numbers)

    def drawn(self, tokens: Any, numbers: Numbers | None) -> "State":
        """Return the state after a token that was drawn in each row, and what a sampler keeps from then on."""
        several = np.reshape(tokens, -1)
        found = several.tolist()
        if min(found, default=-1) < 0:
            return self._grown(several.reshape(-1, 1), numbers)
        lengths = self._lengths + 1
        shared = self._claimed(lengths)
        places = shared.starts + self._lengths
        shared.tokens[places] = several
        if numbers is not None:
            shared.numbers[places] = numbers.reshape(-1)
        longer = State(self.chain, self.batch, shared, lengths, self._prompts, self.counted)
        longer._largest, longer._numbers = max(self.largest, *found), numbers
        return longer

    def rewind(self, n: Any) -> "State":
        """Return the state before the last `n` tokens of the output, a number for all rows or one for each.

        Raises
        ------
        TypeError, ValueError
            If an output has fewer tokens.
        """
        back = _checks.per_row("n", n, self.batch, np.int64, lambda k: k >= 0, "an integer >= 0")
        lengths = self._lengths - back
        if (lengths < self._prompts).any():
            row = int(np.argmax(lengths < self._prompts))
            output = self._lengths[row] - self._prompts[row]
            raise ValueError(
                f"n is {back[row % len(back)]} for row {row}, expected at most {output}, as its output has"
            )
        return State(self.chain, self.batch, self._shared, lengths, self._prompts)

    def __getitem__(self, rows: Any) -> "State":
        """Return the state of some rows: an index, a slice, or an array of indices or of bool, as NumPy takes them.

        Where the chain has parameters that are one a row, the chain of the new state has those of these rows.
        """
        places = np.arange(len(self._lengths)).reshape(self.batch)[rows]
        shared = _shared_of([self._own(int(i)) for i in places.flat])
        chain = self.chain.at(places, self.batch)
        return State(chain, places.shape, shared, shared.written.copy(), self._prompts[places.reshape(-1)])

    @classmethod
    def join(cls, states: Iterable["State"]) -> "State":
        """Return the state of the rows of several states, one after the other.

        Raises
        ------
        TypeError, ValueError
            If there are none, or their chains differ in more than numbers.
        """
        every = list(states)
        if not every or not all(isinstance(one, State) for one in every):
            raise TypeError(f"states is {_checks.described(states)}, expected at least one State")
        shared = _shared_of([row for one in every for row in one._every()])
        chain = every[0].chain.joined([(one.chain, one.batch) for one in every])
        prompts = np.concatenate([one._prompts for one in every])
        return State(chain, prompts.shape, shared, shared.written.copy(), prompts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, State):
            return NotImplemented
        alike = self.chain == other.chain and self.batch == other.batch and equal(self._prompts, other._prompts)
        return alike and equal(self.numbers, other.numbers) and all(map(np.array_equal, self.rows(), other.rows()))

    def __hash__(self) -> int:
        return hash((self.chain, self.batch, self._lengths.tobytes()))

    def __repr__(self) -> str:
        return f"<State of {str(self.chain)!r}, batch {self.batch}, {int(self._lengths.sum())} tokens>"

    def __reduce__(self) -> tuple[Any, ...]:
        return started, (self.chain, [*self._every()], self._prompts, self.batch)

    @staticmethod
    def sharing(chain: Any, tokens: npt.NDArray[np.int32], starts: Ints, lengths: Ints, prompts: Ints) -> "State":
        """Return a state of histories in memory that others have: nobody writes after it."""
        shared = Shared(tokens[np.newaxis], starts, lengths, np.full(len(starts), 2**62))
        return State(chain, (len(starts),), shared, lengths, prompts)

    def rows(self) -> Iterator[npt.NDArray[np.int32]]:
        """Yield the history of each row, which is the state's own memory."""
        return (own[0] for own in self._every())

    def read(self) -> tuple[npt.NDArray[np.int32], Ints, Ints, Ints]:
        """Return the histories as kernels read them: all tokens, and where each begins, its length and prompt."""
        return self._shared.tokens, self._shared.starts, self._lengths, self._prompts

    @property
    def largest(self) -> int:
        """The largest token of all histories, -1 where there is none."""
        if self._largest is None:
            self._largest = max((int(row.max(initial=-1)) for row in self.rows()), default=-1)
        return self._largest

    def _own(self, row: int) -> Memory:
        start = self._shared.starts[row]
        return self._shared.memory[:, start : start + self._lengths[row]]

    def _every(self) -> Iterator[Memory]:
        return map(self._own, range(len(self._lengths)))

    def _grown(self, several: Ints, numbers: Numbers | None) -> "State":
        """Return the state after some tokens in each row, -1 for none, and what a sampler keeps from then on."""
        taken = several >= 0
        lengths = self._lengths + taken.sum(axis=1)
        shared = self._claimed(lengths)
        rows, places = np.nonzero(taken)
        before = np.cumsum(taken, axis=1)[rows, places] - 1
        written = (shared.starts + self._lengths)[rows] + before
        shared.tokens[written] = several[taken]
        if numbers is not None:
            shared.numbers[written] = numbers.reshape(-1)[rows]
        longer = State(self.chain, self.batch, shared, lengths, self._prompts, self.counted)
        longer._largest, longer._numbers = max(self.largest, int(several.max(initial=-1))), numbers
        return longer

    def _claimed(self, lengths: Ints) -> Shared:
        """Return memory of the histories, in which nobody else writes up to the new lengths."""
        shared, grows = self._shared, lengths > self._lengths
        with _claiming:
            if ((shared.written == self._lengths) & (lengths <= shared.room))[grows].all():
                shared.written[grows] = lengths[grows]
                return shared
        shared = _shared_of([*self._every()], lengths)
        shared.written[:] = lengths
        return shared


def started(chain: Any, histories: list[Memory], prompts: Ints, batch: tuple[int, ...]) -> State:
    """Return a state of some histories, the first so many tokens of which are prompts.

    Each has its tokens, and in a second row what a sampler keeps after each, where one keeps a number.
    """
    shared = _shared_of(histories)
    return State(chain, batch, shared, shared.written.copy(), prompts)


def _shared_of(histories: list[Memory], least: Ints | int = 0) -> Shared:
    """Return histories in memory of their own, with room for a quarter more tokens, or for `least` at least."""
    lengths = np.array([one.shape[1] for one in histories], np.int64)
    longer = np.maximum(lengths, least)
    room = longer + np.maximum(longer // 4, _ROOM)
    starts = np.cumsum(room) - room
    memory = np.zeros((max((len(one) for one in histories), default=1), int(room.sum())), np.int32)
    for start, one in zip(starts, histories, strict=True):
        memory[:, start : start + one.shape[1]] = one
    return Shared(memory, starts, room, lengths)
