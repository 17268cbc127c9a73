"""The parameters of sampling: what a user gives, and the arrays that kernels read."""

from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._arrays import Array
from fastsoftmax._values import Valued

_MOST = 2**31  # a top_k that is off for any vocabulary


@dataclass(frozen=True, eq=False)
class SamplingParams(Valued):
    """How logits become a distribution. Each field is a scalar, or has one value a row of the batch; None is off.

    Applied in this order; each filter works on the renormalised survivors of the one before (as in Hugging Face
    transformers). Larger logits come first, lower indices first among equals. For other orders and other samplers see
    `SamplerChain`.

    Parameters
    ----------
    temperature : float, default 1.0
        T >= 0 divides the logits. 0 is greedy: the first maximum. inf is uniform over what is not -inf.
    top_k : int, default 0
        Keep the first k tokens. 0 is off, and so are -1 and k at or above the vocabulary size.
    top_p : float, default 1.0
        Nucleus: keep a token while the mass strictly before it is below p, so the one that crosses p stays. 1 is off.
    min_p : float, default 0.0
        Keep tokens whose probability is at least `min_p` times the largest. 0 is off.

    Raises
    ------
    TypeError, ValueError
        For a value outside its range, or of another type.
    """

    temperature: Any = 1.0
    top_k: Any = 0
    top_p: Any = 1.0
    min_p: Any = 0.0

    def __post_init__(self) -> None:
        rows = _vectors(*self.values(), None)
        for field, value, checked in zip(fields(self), self.values(), rows, strict=True):
            object.__setattr__(self, field.name, _checks.kept(field.name, value, checked))

    def values(self) -> tuple[Any, Any, Any, Any]:
        """Return the fields, in this order."""
        return self.temperature, self.top_k, self.top_p, self.min_p


def _vectors(
    temperature: Any, top_k: Any, top_p: Any, min_p: Any, batch: tuple[int, ...] | None
) -> tuple[Array, Array, Array, Array]:
    """Check the parameters: a vector each, of one entry or one a row (None: of any batch)."""
    return (
        _checks.temperature_per_row(temperature, batch),
        _checks.top_k_per_row(top_k, batch),
        _checks.fraction_per_row("top_p", top_p, batch),
        _checks.fraction_per_row("min_p", min_p, batch),
    )


class Parameters(NamedTuple):
    """The parameters as kernels read them: one entry for all rows of a batch, or one a row."""

    temperatures: Array
    filters: Array | None  # rows of top_k, top_p and min_p; None where no filter is on, and none is compiled

    def of(self, first: int, last: int) -> "Parameters":
        """Return those of rows [first, last)."""
        filters = None if self.filters is None else of(self.filters, first, last)
        return Parameters(of(self.temperatures, first, last), filters)


def parameters_of(temperature: Any, top_k: Any, top_p: Any, min_p: Any, batch: tuple[int, ...]) -> Parameters:
    """Return the parameters of a batch."""
    temperatures, top_ks, top_ps, min_ps = _vectors(temperature, top_k, top_p, min_p, batch)
    temperatures = temperatures.copy()  # may be read-only, which is another type, and another kernel
    on = (temperatures > 0.0) & ((top_ks > 0) | (top_ps < 1.0) | (min_ps > 0.0))  # T = 0 asks no filter
    if not on.any():
        return Parameters(temperatures, None)
    columns = np.minimum(top_ks, _MOST), top_ps, min_ps
    return Parameters(temperatures, np.stack(np.broadcast_arrays(*columns), axis=1, dtype=np.float64))


def words_of(seed: Any, step: Any, batch: tuple[int, ...]) -> Array:
    """Return the seed and the step as kernels read them: one row for all rows of the batch, or one a row."""
    if type(seed) is not int or type(step) is not int:
        seed, step = _checks.plain(seed), _checks.plain(step)
    if type(seed) is int and type(step) is int and 0 <= seed < 2**64 and 0 <= step < 2**64:
        words = np.empty((1, 2), np.uint64)
        words[0, 0] = seed
        words[0, 1] = step
        return words
    vectors = _checks.word_per_row("seed", seed, batch), _checks.word_per_row("step", step, batch)
    return np.stack(np.broadcast_arrays(*vectors), axis=1)


def of(matrix: Array, first: int, last: int) -> Array:
    """Return rows [first, last) of a matrix, or its only row, which serves all."""
    return matrix if len(matrix) == 1 else matrix[first:last]
