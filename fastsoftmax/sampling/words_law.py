"""The law of the four words: temperature, top-k, top-p and min-p, which have kernels of their own."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fastsoftmax import _arrays
from fastsoftmax._arrays import Array
from fastsoftmax._jit import Direct
from fastsoftmax._state import Numbers
from fastsoftmax.kernels.sampling import sample
from fastsoftmax.kernels.sampling.workspace import workspace_bytes
from fastsoftmax.sampling.batch import Part
from fastsoftmax.sampling.laws import Facts, Keyed
from fastsoftmax.sampling.params import Parameters


@dataclass(frozen=True)
class WordsLaw:
    """Temperature, top-k, top-p and min-p, in this order."""

    parameters: Parameters

    @property
    def temperatures(self) -> Array:
        """The temperature of each row, or of all rows."""
        return self.parameters.temperatures

    @property
    def ends(self) -> list[int]:
        """None: the words have no steps."""
        return []

    @property
    def learned(self) -> None:
        """None: the words keep no number."""
        return

    def keeping(self, numbers: Numbers | None) -> "WordsLaw":
        """Return the same law, which keeps no number."""
        return self

    memory = staticmethod(workspace_bytes)

    def sample(
        self,
        some: slice,
        rows: Part,
        draws: Keyed,
        number: Any,
        scratch: Array,
        out: Array,
        facts: Facts,
        left: Array | None,
    ) -> int:
        """Draw tokens."""
        parameters = self.parameters.of(some.start, some.stop)
        return int(
            sample.sample(
                *rows, *parameters, draws.words, draws.stream, draws.stride, draws.first, number, scratch, out, facts
            )
        )

    def draw_one(self, row: Array, edits: Any, words: Array, number: Any, scratch: Array, token: Array) -> int:
        """Draw a token from one row; it must be what `_example` makes."""
        temperatures, filters = self.parameters
        kernel = (_one if edits is None else _one_edited)[filters is not None][row.dtype.char]
        refused: int = kernel(row, None, edits, temperatures, filters, words, 0, 0, 0, number, scratch, token, None)
        return refused

    def probabilities(self, some: slice, rows: Part, number: Any, scratch: Array, out: Array) -> int:
        """Write distributions."""
        return int(sample.probabilities(*rows, *self.parameters.of(some.start, some.stop), number, scratch, out))


def _example(filtered: bool, edited: bool, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return arguments of the kernel of batches, which one row takes too, so that nothing is compiled twice."""
    rows = np.empty((1, 1), dtype)
    rows.setflags(write=False)
    words, token, scratch = np.empty((1, 2), np.uint64), np.empty((1, 1), np.int64), np.empty(1, np.uint8)
    parameters = np.empty(1), np.empty((1, 3)) if filtered else None
    edits = None
    if edited:
        from fastsoftmax.sampling.edits import example

        edits = example()
    return rows, None, edits, *parameters, words, 0, 0, 0, _arrays.number_for(rows), scratch, token, None


_one, _one_edited = (
    [Direct(sample.sample, partial(_example, filtered, edited)) for filtered in (False, True)]
    for edited in (False, True)
)
