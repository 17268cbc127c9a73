"""The two laws of a draw, with one face: the four words, which have kernels of their own, and chains of samplers."""

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastsoftmax._arrays import Array
from fastsoftmax.kernels.sampling import describe, sample
from fastsoftmax.kernels.sampling.workspace import workspace_bytes
from fastsoftmax.samplers.chain import SamplerChain, chain_of
from fastsoftmax.sampling.params import Parameters, of, parameters_of

Words = tuple[Any, Any, Any, Any]  # temperature, top_k, top_p, min_p
NAMES = ("temperature", "top_k", "top_p", "min_p")
_DEFAULTS = (1.0, 0, 1.0, 0.0)

Facts = describe.Facts | None
Part = tuple[Array, Array | None]  # rows of logits, and the bits of what is allowed in them


class Keyed(NamedTuple):
    """What draws are keyed by: a seed and a step for each row or all rows, streams, and the first draw."""

    words: Array
    stream: int
    stride: int
    first: int


class Law(Protocol):
    """How the kernels are called for rows of a batch; `some` are the rows of that part, in the whole batch."""

    @property
    def ends(self) -> list[int]:
        """The last operation of each step, after which details tell how many tokens are left."""

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

    def probabilities(self, some: slice, rows: Part, number: Any, scratch: Array, out: Array) -> int:
        """Write distributions; return what `sample` does."""

    def write_kept(
        self,
        some: slice,
        rows: Part,
        number: Any,
        scratch: Array,
        places: Array,
        out: tuple[Array, Array],
    ) -> None:
        """Write the kept sets of rows that have a distribution."""


class WordsLaw(NamedTuple):
    """Temperature, top-k, top-p and min-p, in this order."""

    parameters: Parameters

    @property
    def ends(self) -> list[int]:
        """None: the words have no steps."""
        return []

    def memory(self, size: int, itemsize: int) -> int:
        """Return how many bytes a row takes."""
        return workspace_bytes(size, itemsize)

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

    def probabilities(self, some: slice, rows: Part, number: Any, scratch: Array, out: Array) -> int:
        """Write distributions."""
        return int(sample.probabilities(*rows, *self.parameters.of(some.start, some.stop), number, scratch, out))

    def write_kept(
        self,
        some: slice,
        rows: Part,
        number: Any,
        scratch: Array,
        places: Array,
        out: tuple[Array, Array],
    ) -> None:
        """Write kept sets."""
        describe.write_kept(*rows, *self.parameters.of(some.start, some.stop), number, scratch, places, *out)


class ChainLaw(NamedTuple):
    """Samplers in an order of the user's; the kernels are imported when a chain is first asked for."""

    operations: npt.NDArray[np.float64]
    ends: list[int]

    def memory(self, size: int, itemsize: int) -> int:
        """Return how many bytes a row takes."""
        from fastsoftmax.kernels.chain.memory import memory_bytes

        return memory_bytes(size, itemsize)

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
        from fastsoftmax.kernels.chain import draw

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

    def probabilities(self, some: slice, rows: Part, number: Any, scratch: Array, out: Array) -> int:
        """Write distributions."""
        from fastsoftmax.kernels.chain import draw

        steps, start = self._for(some, rows, number)
        return int(draw.probabilities(*rows, steps, number, scratch, start, out))

    def write_kept(
        self,
        some: slice,
        rows: Part,
        number: Any,
        scratch: Array,
        places: Array,
        out: tuple[Array, Array],
    ) -> None:
        """Write kept sets."""
        from fastsoftmax.kernels.chain import draw

        steps, start = self._for(some, rows, number)
        draw.write_kept(*rows, steps, number, scratch, start, places, *out)

    def _for(self, some: slice, rows: Part, number: Any) -> tuple[Array, int]:
        """Return the steps of some rows, and where in the memory a list begins."""
        from fastsoftmax.kernels.chain.memory import list_start

        return of(self.operations, some.start, some.stop), list_start(rows[0].shape[1], number.itemsize)


Asked = Words | SamplerChain


def asked_of(words: Words, samplers: Any) -> Asked:
    """Return what a call asks for: the four words, also where a chain says the same, or else the chain.

    Raises
    ------
    ValueError
        If both are given.
    """
    if samplers is None:
        return words
    for name, value, default in zip(NAMES, words, _DEFAULTS, strict=True):
        if value is not None and (np.shape(value) or value != default):
            raise ValueError(f"samplers and {name} are both given, expected one: a chain has {name} as a sampler")
    return chain_of(samplers)


def parameters_given(asked: Asked) -> dict[str, Any]:
    """Return the parameters that the batch is broadcast to."""
    return asked.parameters if isinstance(asked, SamplerChain) else dict(zip(NAMES, asked, strict=True))


def law_of(asked: Asked, batch: tuple[int, ...], told: bool = False) -> Law:
    """Return the law of a batch; a chain whose words say the same has theirs, unless each step is `told` of."""
    if isinstance(asked, SamplerChain):
        words = None if told else asked.words
        if words is None:
            return ChainLaw(*asked.operations(batch, told))
        asked = tuple(words.get(name, default) for name, default in zip(NAMES, _DEFAULTS, strict=True))
    return WordsLaw(parameters_of(*asked, batch))
