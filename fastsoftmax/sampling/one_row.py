"""One plain row and one token of it: what a call costs matters more here than what the kernel does.

A call on 1,000 logits takes 3 us, two of them in the kernel: no batch is shaped, nothing is allocated but the token,
and numba does not look at what it is given.
"""

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from fastsoftmax import _arrays
from fastsoftmax._arrays import Array
from fastsoftmax.sampling.laws import Law
from fastsoftmax.sampling.scratch import AT_ONCE, Scratch

if TYPE_CHECKING:  # the samplers are imported when a chain is first asked for
    from fastsoftmax.sampling.edits import Edits

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)

_idle: list[tuple[Array, Array, Array]] = []  # memory for a seed and a step, the same as a vector, and for a token


def is_one_token(n: Any, allowed: Any, bias: Any, details: Any, kept_set: Any, top_logprobs: Any, out: Any) -> bool:
    """Return whether a call asks for a token of each row, and for nothing else."""
    alone = n is None is allowed is bias is out and details is False is kept_set
    return alone and type(top_logprobs) is int and top_logprobs == 0


def draw_one(logits: Any, law: Law, edits: "Edits | None", seed: int, step: int, pool: Scratch) -> Any:
    """Return the token of one row, None for what is no plain row or has no distribution.

    The law is that of any row; `seed` and `step` are in [0, 2**64).
    """
    row = _plain_row(logits)
    if row is None or (edits is not None and row.itemsize == 2):
        return None
    number, itemsize = (_arrays.DOUBLE, 8) if row.itemsize == 8 else (_arrays.SINGLE, 4)
    needed, plan = law.memory(row.size, itemsize), None
    if edits is not None:
        edits.fit(row.shape[:-1], row.shape[-1])
        plan, needed = edits.plan(0, 1, needed, itemsize)
    scratch = pool.take(needed)
    try:
        memory = _idle.pop()
    except IndexError:  # the first call, or other threads have them all
        memory = (pair := np.empty((1, 2), np.uint64)), pair.reshape(-1), np.empty((1, 1), np.int64)
    words, flat, token = memory
    flat[0], flat[1] = seed, step
    rows = row if row.ndim == 2 else row.reshape(1, -1)
    refused = law.draw_one(rows, plan, words, number, scratch, token)
    result = None if refused >= 0 else token[0, 0] if row.ndim == 1 else token[0].copy()
    pool.give_back(scratch)
    if len(_idle) < AT_ONCE:
        _idle.append(memory)
    return result


def _plain_row(logits: Any) -> Array | None:
    """Return one row that lies contiguous, (V,) or (1, V), as a kernel reads it; None for other logits."""
    if type(logits) is not np.ndarray:
        torch = sys.modules.get("torch")
        if torch is None or not isinstance(logits, torch.Tensor):
            return None
        row, _ = _arrays.as_logits(logits)
    elif logits.dtype is _SINGLE or logits.dtype is _DOUBLE:
        row = logits
    else:
        row, _ = _arrays.as_logits(logits)
    shape = row.shape
    plain = (len(shape) == 1 or (len(shape) == 2 and shape[0] == 1)) and 0 < shape[-1] < 2**31
    return row if plain and row.flags.c_contiguous and row.flags.aligned else None
