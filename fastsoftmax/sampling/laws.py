"""The two laws of a draw, with one face: the four words, which have kernels of their own, and chains of samplers."""

from functools import lru_cache, partial
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastsoftmax import _arrays, _checks
from fastsoftmax._arrays import Array
from fastsoftmax._jit import Direct
from fastsoftmax.kernels.sampling import describe, sample
from fastsoftmax.kernels.sampling.workspace import workspace_bytes
from fastsoftmax.samplers.chain import SamplerChain, chain_of
from fastsoftmax.sampling.params import Parameters, parameters_of

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

    def draw_one(self, row: Array, words: Array, number: Any, scratch: Array, token: Array) -> int:
        """Draw a token from one row, of shape (1, V), without a look at the types; return what `sample` does."""

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


def example(dtype: np.dtype[Any], filters: Array | None = None) -> tuple[Any, ...]:
    """Return arguments of the kernel of batches, which one row takes too, so that nothing is compiled twice."""
    rows = np.empty((1, 1), dtype)
    rows.setflags(write=False)
    words, token, scratch = np.empty((1, 2), np.uint64), np.empty((1, 1), np.int64), np.empty(1, np.uint8)
    return rows, None, np.empty(1), filters, words, 0, 0, 0, _arrays.number_for(rows), scratch, token, None


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

    def draw_one(self, row: Array, words: Array, number: Any, scratch: Array, token: Array) -> int:
        """Draw a token from one row; it must be what `example` makes."""
        temperatures, filters = self.parameters
        kernel = (_one if filters is None else _one_filtered)[row.dtype.char]
        return int(kernel(row, None, temperatures, filters, words, 0, 0, 0, number, scratch, token, None))

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
    plain = {*map(type, words)} <= _checks.PLAIN
    for name, value, default in () if plain and words == _DEFAULTS else zip(NAMES, words, _DEFAULTS, strict=True):
        if value is not None and (np.shape(value) or value != default):
            raise ValueError(f"samplers and {name} are both given, expected one: a chain has {name} as a sampler")
    return chain_of(samplers)


def parameters_given(asked: Asked) -> dict[str, Any]:
    """Return the parameters that the batch is broadcast to."""
    return asked.parameters if isinstance(asked, SamplerChain) else dict(zip(NAMES, asked, strict=True))


def law_of(asked: Asked, batch: tuple[int, ...], told: bool = False) -> Law:
    """Return the law of a batch; a chain whose words say the same has theirs, unless each step is `told` of."""
    if isinstance(asked, SamplerChain):
        if told or asked.words is None:
            return _chain_law(*asked.operations(batch, told))
        asked = words_of_chain(asked)
    return WordsLaw(parameters_of(*asked, batch))


def one_law(asked: Asked) -> Law | None:
    """Return the law of any row, None where a parameter is one a row."""
    if isinstance(asked, SamplerChain):
        return None if asked.parameters else _law_of_chain(asked)
    if not {*map(type, asked)} <= _checks.PLAIN:
        asked = tuple(map(_checks.plain, asked))
        if not {*map(type, asked)} <= _checks.PLAIN:
            return None
    return _law_of_numbers(*asked)


@lru_cache(typed=True)  # 5.0 equals 5 and is no top_k
def _law_of_numbers(temperature: Any, top_k: Any, top_p: Any, min_p: Any) -> Law:
    return law_of((temperature, top_k, top_p, min_p), ())


@lru_cache
def _law_of_chain(chain: SamplerChain) -> Law:
    return law_of(chain, ())


def words_of_chain(chain: SamplerChain) -> Words:
    """Return the four words of a chain that says the same."""
    said = chain.words or {}
    temperature, top_k, top_p, min_p = (said.get(name, off) for name, off in zip(NAMES, _DEFAULTS, strict=True))
    return temperature, top_k, top_p, min_p


def _chain_law(operations: Array, ends: list[int]) -> Law:
    """Return the law of a chain, whose kernels are imported when one is first asked for."""
    from fastsoftmax.sampling.chain_law import ChainLaw

    return ChainLaw(operations, ends)


_one = Direct(sample.sample, example)
_one_filtered = Direct(sample.sample, partial(example, filters=np.empty((1, 3))))
