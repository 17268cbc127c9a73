"""Hugging Face transformers: its logits warpers, as `generate` strings them together, and torch.multinomial."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from transformers.generation.logits_process import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    LogitsProcessor,
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

import fastsoftmax
from bench.data import Array
from bench.peers import torch_
from bench.race import Contestant

NAME = "transformers"
DISTRIBUTIONS = ("transformers",)


def sample(logits: Array, params: fastsoftmax.SamplingParams, n: int) -> Iterator[Contestant]:
    """Temperature, top-k, top-p, min-p in this order, on float32, as `generate` does."""
    z = torch_.tensor(logits)
    warpers = _warpers(params)
    yield Contestant(NAME, "peer", lambda: _draw(z.float(), warpers, params, n))


_WARPERS: dict[str, Callable[[Any], LogitsProcessor]] = {
    "temperature": lambda step: TemperatureLogitsWarper(float(step.temperature)),
    "top_k": lambda step: TopKLogitsWarper(step.k),
    "top_p": lambda step: TopPLogitsWarper(step.p),
    "min_p": lambda step: MinPLogitsWarper(step.p),
    "typical": lambda step: TypicalLogitsWarper(step.p),
    "epsilon": lambda step: EpsilonLogitsWarper(step.epsilon),
    "eta": lambda step: EtaLogitsWarper(step.epsilon),
}


def samplers(logits: Array, chain: fastsoftmax.SamplerChain) -> Iterator[Contestant]:
    """Chain the same warpers, where transformers has them all."""
    if not {step.name for step in chain} <= _WARPERS.keys():
        return
    z, warpers = torch_.tensor(logits), LogitsProcessorList([_WARPERS[step.name](step) for step in chain])
    yield Contestant(NAME, "peer", lambda: _draw(z.float(), warpers, fastsoftmax.SamplingParams(), 1))


def _warpers(params: fastsoftmax.SamplingParams) -> LogitsProcessorList:
    chosen: list[LogitsProcessor] = []
    if params.temperature not in (0, 1):
        chosen.append(TemperatureLogitsWarper(float(params.temperature)))
    if params.top_k:
        chosen.append(TopKLogitsWarper(params.top_k))
    if params.top_p < 1:
        chosen.append(TopPLogitsWarper(params.top_p))
    if params.min_p:
        chosen.append(MinPLogitsWarper(params.min_p))
    return LogitsProcessorList(chosen)


@torch.inference_mode()
def _draw(z: torch.Tensor, warpers: LogitsProcessorList, params: fastsoftmax.SamplingParams, n: int) -> Any:
    if params.temperature == 0:
        return z.argmax(-1, keepdim=True).expand(-1, n)
    weights = torch.softmax(warpers(None, z), -1)
    return torch.multinomial(weights, n, replacement=True)
