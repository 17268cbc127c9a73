"""The rows of a batch: parameters that are one a row, when rows are picked and joined, and prompts."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax.samplers.step import Step


def step_at(step: Step, places: npt.NDArray[np.int64], batch: tuple[int, ...]) -> Step:
    """Return a sampler with the parameters of some rows, where they are one a row."""
    values = {one.name: getattr(step, one.name) for one in fields(step)}
    rows = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    return replace(step, **{name: np.broadcast_to(value, batch).reshape(-1)[places] for name, value in rows.items()})


def joined_step(several: Sequence[Step], batches: Sequence[tuple[int, ...]]) -> Step:
    """Return a sampler for the rows of several batches."""
    words = {}
    for one in fields(several[0]):
        values = [getattr(step, one.name) for step in several]
        if any(isinstance(value, np.ndarray) or value != values[0] for value in values):
            if "range" not in one.metadata:
                raise ValueError(f"states differ in {several[0].name}'s {one.name}, expected the same for all rows")
            rows = [np.broadcast_to(value, batch).reshape(-1) for value, batch in zip(values, batches, strict=True)]
            words[one.name] = np.concatenate(rows)
    return replace(several[0], **words)


def histories_of(prompts: Any) -> tuple[list[npt.NDArray[np.int32]], tuple[int, ...]]:
    """Return the tokens of each row, and the shape of the batch."""
    if isinstance(prompts, (str, bytes)) or not (isinstance(prompts, Iterable) or hasattr(prompts, "__array__")):
        raise TypeError(f"prompts is {_checks.described(prompts)}, expected tokens, or a sequence of them for each row")
    some = prompts if hasattr(prompts, "__array__") else [*prompts]
    if hasattr(some, "__array__") or not any(isinstance(one, Iterable) for one in some):
        array = _checks.as_array("prompts", some)
        if array.ndim == 1:
            return [_tokens("prompts", array)], ()
        batch = array.shape[:-1]
        several = array.reshape(math.prod(batch), array.shape[-1])
        return [_tokens(f"prompts[{i}]", row) for i, row in enumerate(several)], batch
    return [_tokens(f"prompts[{i}]", _checks.as_array("prompts", one)) for i, one in enumerate(some)], (len(some),)


def _tokens(place: str, row: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Check the tokens of a prompt."""
    if row.size == 0:
        return np.zeros(0, np.int32)
    if row.ndim != 1 or row.dtype.kind not in "iu":
        raise TypeError(f"{place} is {_checks.described(row)}, expected a sequence of integers in [0, 2**31)")
    wrong = np.flatnonzero((row < 0) | (row >= 2**31))
    if wrong.size:
        raise ValueError(f"{place}[{wrong[0]}] is {row[wrong[0]]}, expected an integer in [0, 2**31)")
    return row.astype(np.int32)
