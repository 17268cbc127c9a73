"""The functions of the library with torch tensors in and out.

The library takes tensors by itself and gives arrays. Here results are tensors, bfloat16 stays bfloat16, `dtype` is one
of torch, and a tensor that gradients are wanted for is refused, since none would come through. `torch.compile` ends its
graph before such a call and begins another after it; with ``fullgraph=True`` it raises an error.
"""

from __future__ import annotations  # the docs are built without torch, and its names are then no types

import dataclasses
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import numpy as np
import torch

import fastsoftmax as fs

__all__ = ["log_softmax", "logsumexp", "probabilities", "sample", "softmax"]

Words = ParamSpec("Words")


def _of_tensors(function: Callable[Words, Any]) -> Callable[Words, Any]:
    """Return a function of the library that takes and gives tensors."""

    @wraps(function)
    def of_tensors(logits: Any, /, *, dtype: torch.dtype | None = None, **words: Any) -> Any:
        if not isinstance(logits, torch.Tensor):
            raise TypeError(f"logits is {type(logits).__name__}, expected a tensor")
        if logits.requires_grad and torch.is_grad_enabled():
            raise TypeError("logits requires gradients, expected logits.detach(): gradients do not come through")
        if dtype not in (None, torch.bfloat16):  # bfloat16, which NumPy has not, is made at the end, by one rounding
            words["dtype"] = str(dtype).removeprefix("torch.")
        result = function(logits, **words)
        kept = torch.bfloat16 if torch.bfloat16 in (dtype, logits.dtype if dtype is None else None) else None
        return result if words.get("out") is not None else _tensors(result, kept)

    of_tensors.__doc__ = f"`fastsoftmax.{function.__name__}`, with tensors in and out.\n\n    {function.__doc__}"
    opaque: Callable[Words, Any] = torch.compiler.disable(
        of_tensors, reason="the kernels of fastsoftmax are compiled already"
    )
    return opaque


def _tensors(result: Any, floats: torch.dtype | None) -> Any:
    """Return a result with tensors for its arrays, with float32 as another dtype if one is given."""
    if isinstance(result, (np.ndarray, np.generic)):
        tensor = torch.from_numpy(np.asarray(result))
        return tensor if floats is None or not tensor.is_floating_point() else tensor.to(floats)
    if isinstance(result, tuple):
        parts = [_tensors(part, floats) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    if isinstance(result, fs.Details):
        fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
        return fs.Details(**{name: _tensors(value, None) for name, value in fields.items()})
    return result


softmax = _of_tensors(fs.softmax)
log_softmax = _of_tensors(fs.log_softmax)
logsumexp = _of_tensors(fs.logsumexp)
probabilities = _of_tensors(fs.probabilities)
sample = _of_tensors(fs.sample)
