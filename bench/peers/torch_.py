"""torch on the CPU, used as well as one can by hand: no more sorting than the filter needs."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

import fastsoftmax
from bench.data import Array
from bench.race import Contestant

NAME = "torch"
DISTRIBUTIONS = ("torch",)


def set_num_threads(threads: int) -> None:
    """Use as many threads as the others."""
    torch.set_num_threads(threads)


def tensor(logits: Array) -> torch.Tensor:
    """Return a tensor over the same memory."""
    if logits.dtype.name == "bfloat16":
        return torch.from_numpy(logits.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(logits)


def softmax(function: str, logits: Array, temperature: float, axis: int = -1) -> Iterator[Contestant]:
    """torch.softmax(out=), log_softmax(out=) and logsumexp, in the dtype of the logits."""
    z = tensor(logits)
    if function == "logsumexp":
        yield Contestant(NAME, "peer", lambda: _scaled(z, temperature).logsumexp(axis))
        return
    one = {"softmax": torch.softmax, "log_softmax": torch.log_softmax}[function]
    out = torch.empty_like(z)
    yield Contestant(NAME, "peer", lambda: one(_scaled(z, temperature), axis, out=out))


def _scaled(z: torch.Tensor, temperature: float) -> torch.Tensor:
    return z if temperature == 1 else z / temperature


def sample(logits: Array, params: fastsoftmax.SamplingParams, n: int) -> Iterator[Contestant]:
    """argmax, topk or sort as the filter needs, softmax and multinomial; 16 bits widened to float32."""
    z = tensor(logits)
    yield Contestant(NAME, "peer", lambda: _draw(z if z.itemsize > 2 else z.float(), params, n))


@torch.inference_mode()
def _draw(z: torch.Tensor, params: fastsoftmax.SamplingParams, n: int) -> Any:
    if params.temperature == 0:
        return z.argmax(-1, keepdim=True).expand(-1, n)
    tokens = None
    if params.top_k:
        z, tokens = z.topk(params.top_k)
    elif params.top_p < 1:
        z, tokens = z.sort(descending=True)
    weights = torch.softmax(_scaled(z, params.temperature), -1)
    if params.top_p < 1:
        weights[weights.cumsum(-1) - weights >= params.top_p] = 0
    if params.min_p:
        weights[weights < params.min_p * weights.amax(-1, keepdim=True)] = 0
    drawn = torch.multinomial(weights, n, replacement=True)
    return drawn if tokens is None else tokens.gather(-1, drawn)
