"""The law of a chain of samplers: which kernels are called, and with what."""

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _arrays
from fastsoftmax._arrays import Array
from fastsoftmax._jit import Direct
from fastsoftmax._state import Numbers
from fastsoftmax.kernels.chain import draw
from fastsoftmax.kernels.chain.memory import list_start, memory_bytes
from fastsoftmax.samplers.chain import keeper_at
from fastsoftmax.samplers.step import LEARNED, NUMBER, Operation
from fastsoftmax.sampling.batch import Part
from fastsoftmax.sampling.laws import Facts, Keyed
from fastsoftmax.sampling.params import of


@dataclass(frozen=True)
class ChainLaw:
    """Samplers in an order of the user's."""

    operations: npt.NDArray[np.float64]
    ends: list[int]
    temperatures: Array
    numbers: Array | None = None  # what a sampler has learned, a number a row, in the memory of the operations

    memory = staticmethod(memory_bytes)

    @property
    def learned(self) -> Numbers | None:
        """What a draw has made of the numbers that a sampler keeps."""
        return None if self.numbers is None else self.numbers.astype(np.float32)

    def keeping(self, numbers: Numbers | None) -> "ChainLaw":
        """Return the law of rows with such numbers, one each, to draw from once."""
        if numbers is None:
            return self
        rows, own = numbers.size, self.operations
        operations = own.copy() if len(own) == rows else np.repeat(own, rows, axis=0)
        learned = operations[:, self._keeper, LEARNED]
        operations[:, self._keeper, NUMBER] = learned[:] = numbers.reshape(-1)
        return ChainLaw(operations, self.ends, self.temperatures, learned)

    @cached_property
    def _keeper(self) -> int:
        return keeper_at(self.operations)

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
        steps, start = self._for(some, rows, number)
        return int(
            draw.sample(
                *rows,
                steps,
                draws.words,
                draws.stream,
                draws.stride,
                draws.first,
                number,
                scratch,
                start,
                out,
                left,
                facts,
            )
        )

    def draw_one(self, row: Array, edits: Any, words: Array, number: Any, scratch: Array, token: Array) -> int:
        """Draw a token from one row; it must be what `_example` makes."""
        start, keyed = list_start(row.shape[1], number.itemsize), (words, 0, 0, 0)
        kernel = (_one if edits is None else _one_edited)[row.dtype.char]
        refused: int = kernel(row, None, edits, self.operations, *keyed, number, scratch, start, token, None, None)
        return refused

    def probabilities(self, some: slice, rows: Part, number: Any, scratch: Array, out: Array) -> int:
        """Write distributions."""
        steps, start = self._for(some, rows, number)
        return int(draw.probabilities(*rows, steps, number, scratch, start, out))

    def _for(self, some: slice, rows: Part, number: Any) -> tuple[Array, int]:
        """Return the steps of some rows, and where in the memory a list begins."""
        return of(self.operations, some.start, some.stop), list_start(rows[0].shape[1], number.itemsize)


def _example(edited: bool, dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return arguments of the kernel of batches, which one row takes too, so that nothing is compiled twice."""
    rows = np.empty((1, 1), dtype)
    rows.setflags(write=False)
    words, token, scratch = np.empty((1, 2), np.uint64), np.empty((1, 1), np.int64), np.empty(1, np.uint8)
    steps = np.empty((1, 1, len(Operation._fields)))
    edits = None
    if edited:
        from fastsoftmax.sampling.edits import example

        edits = example()
    return rows, None, edits, steps, words, 0, 0, 0, _arrays.number_for(rows), scratch, 0, token, None, None


_one, _one_edited = (Direct(draw.sample, partial(_example, edited)) for edited in (False, True))
