"""What a law of a draw is, for the functions that draw: which kernels are called for rows of a batch, and with what."""

from typing import Any, NamedTuple, Protocol

from fastsoftmax._arrays import Array
from fastsoftmax._state import Numbers
from fastsoftmax.kernels.sampling import describe
from fastsoftmax.sampling.batch import Part
from fastsoftmax.sampling.params import of

Facts = describe.Facts | None


class Keyed(NamedTuple):
    """What draws are keyed by: a seed and a step for each row or all rows, streams, and the first draw."""

    words: Array
    stream: int
    stride: int
    first: int

    def of(self, first: int, last: int) -> "Keyed":
        """Return that of the rows [first, last)."""
        return self._replace(words=of(self.words, first, last), stream=self.stream + self.stride * first)


class Law(Protocol):
    """How the kernels are called for rows of a batch; `some` are the rows of that part, in the whole batch."""

    @property
    def temperatures(self) -> Array:
        """The temperature of each row or of all rows: the product of all that the law has."""

    @property
    def ends(self) -> list[int]:
        """The last operation of each step, after which details tell how many tokens are left."""

    @property
    def learned(self) -> Numbers | None:
        """What a draw has made of the numbers that a sampler keeps; None where none keeps one."""

    def keeping(self, numbers: Numbers | None) -> "Law":
        """Return the law of rows with such numbers, one each, to draw from once."""

    def memory(self, size: int, itemsize: int) -> int:
        """Return how many bytes a row takes."""

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
        """Draw tokens; return the first row without a distribution, or -1."""

    def draw_one(self, row: Array, edits: Any, words: Array, number: Any, scratch: Array, token: Array) -> int:
        """Draw a token from one row, of shape (1, V), without a look at the types; return what `sample` does."""

    def probabilities(self, some: slice, rows: Part, number: Any, scratch: Array, out: Array) -> int:
        """Write distributions; return what `sample` does."""
