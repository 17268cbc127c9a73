"""What an edit is: a rule that changes the logits of a few tokens, for what came before.

A history is a prompt and the output after it. Which tokens an edit changes, and what its rule is told of each, has one
of four sources:

COUNTS   the tokens of a window of the history, and how often each of them came
MATCHES  the tokens that came after an earlier occurrence of how the history ends, and how long that match was
LISTED   tokens that the user lists, each with what the history must end with, and the value that goes with it
FORCED   all tokens but one

With the history 1 2 3 1 2, token 3 came once, and after a match of two tokens: 1 2.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax.samplers.step import EDIT, Rows, Step, numbers_of

NO_SOURCE, COUNTS, MATCHES, LISTED, FORCED = range(5)
PARTS = ("all", "output", "prompt")  # of a history
LARGEST = 3.4e38  # of what is added to or divides a logit: finite in float32

Sequences = tuple[tuple[int, ...], ...]


class EditOperation(NamedTuple):
    """An edit as the kernel reads it: a row of numbers."""

    code: float  # which rule
    source: float
    of: float  # which part of the history, by its place in PARTS
    last: float  # how many of its last tokens; 0 for all
    a: float  # parameters, in the order in which the sampler declares them
    b: float
    c: float
    least: float  # the shortest match that the rule is asked about
    first: float  # which of the listed sequences are the sampler's
    stop: float
    column: float  # of the window in the table of counts
    alone: float  # 1 where the first token, which nothing came before, has a match of 0


CODE, SOURCE, OF, LAST, A, B, C, LEAST, FIRST, STOP, COLUMN, ALONE = range(len(EditOperation._fields))


class Listed(NamedTuple):
    """The sequences of the steps of a chain, one after the other, and a value for each."""

    tokens: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]  # of each sequence, and the end
    values: npt.NDArray[np.float64]


def sequences() -> Any:
    """Declare a parameter that is a list of sequences of tokens, or of tokens."""
    return field(default=(), metadata={"sequences": True})


@dataclass(frozen=True, eq=False)
class Edit(Step):
    """A sampler that changes a few logits; `edit` is its rule."""

    way = EDIT
    source: ClassVar[int] = NO_SOURCE
    alone: ClassVar[bool] = False  # whether the first token of the history has a match, of 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for one in fields(self):
            if "sequences" in one.metadata:
                found = _sequences(f"{self.name}'s {one.name}", getattr(self, one.name))
                object.__setattr__(self, one.name, found)

    @property
    def asks(self) -> bool:
        """Every edit asks what came before."""
        return True

    @property
    def listed(self) -> Sequences:
        """The sequences that the sampler lists."""
        return next((getattr(self, one.name) for one in fields(self) if "sequences" in one.metadata), ())

    @property
    def listed_values(self) -> tuple[float, ...]:
        """The value that goes with each of them."""
        return (0.0,) * len(self.listed)

    @property
    def largest(self) -> int:
        """The largest token that the sampler names, -1 for none."""
        return max((token for one in self.listed for token in one), default=-1)

    def edits(self, batch: tuple[int, ...] | None) -> Rows:
        """Return the sampler as the kernel reads it, a row of numbers, or one for each row of the batch.

        Which of the listed sequences and which column are its own, the chain says.
        """
        given = numbers_of(self, batch)
        last = given.pop("last", np.zeros(1))
        a, b, c = [*given.values(), *[np.zeros(1)] * 3][:3]
        off = self.is_off(a, b, c) | (self.source == LISTED and not self.listed)
        source, part = np.where(off, NO_SOURCE, self.source), PARTS.index(getattr(self, "of", "all"))
        columns = self.code, source, part, last, a, b, c, self.least(a, b, c), 0, 0, 0, self.alone
        return np.stack(np.broadcast_arrays(*map(np.atleast_1d, columns)), axis=-1).astype(np.float64)

    def is_idle(self) -> bool:
        return bool((self.edits(None)[:, SOURCE] == NO_SOURCE).all())

    @staticmethod
    def least(a: Rows, b: Rows, c: Rows) -> Any:
        """Return the shortest match that the rule is asked about."""
        return np.zeros(1)


def _sequences(place: str, value: Any) -> Sequences:
    """Check sequences of tokens; a token by itself is a sequence of one."""
    if isinstance(value, (str, bytes)) or not isinstance(value, (Iterable, np.ndarray)):
        raise TypeError(f"{place} is {_checks.described(value)}, expected sequences of tokens, as [[5, 7], [3]]")
    found = []
    for i, one in enumerate(value):
        several = one if isinstance(one, Iterable) and not isinstance(one, (str, bytes)) else (one,)
        tokens = tuple(_checks.integer(f"{place}[{i}]", token, 0, 2**31 - 1) for token in several)
        if not tokens:
            raise ValueError(f"{place}[{i}] is empty, expected at least one token")
        found.append(tokens)
    return tuple(found)


def listed_of(steps: Iterable[Edit]) -> Listed:
    """Return the sequences of some steps, one after the other."""
    every = [sequence for step in steps for sequence in step.listed]
    values = [value for step in steps for value in step.listed_values]
    starts = np.cumsum([0, *map(len, every)], dtype=np.int64)
    return Listed(np.array([t for one in every for t in one], np.int32), starts, np.array(values, np.float64))
