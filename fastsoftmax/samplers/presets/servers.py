"""Presets of what serves models on GPUs: the temperature comes first."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastsoftmax.samplers.epsilon import Epsilon
from fastsoftmax.samplers.eta import Eta
from fastsoftmax.samplers.min_p import MinP
from fastsoftmax.samplers.no_repeat_ngram import NoRepeatNgram
from fastsoftmax.samplers.presets.common import adaptive, keep, nothing_below, or_off
from fastsoftmax.samplers.presets.edits import bans, biases, no_end, penalties
from fastsoftmax.samplers.repetition import Repetition
from fastsoftmax.samplers.sequence_bias import SequenceBias
from fastsoftmax.samplers.step import Step
from fastsoftmax.samplers.temperature import Temperature
from fastsoftmax.samplers.top_h import TopH
from fastsoftmax.samplers.top_k import TopK
from fastsoftmax.samplers.top_p import TopP
from fastsoftmax.samplers.typical import Typical


def transformers(
    *,
    temperature: Any = 1.0,
    top_h: Any = None,
    top_k: Any = 50,
    top_p: Any = 1.0,
    min_p: Any = None,
    typical_p: Any = 1.0,
    epsilon_cutoff: Any = 0.0,
    eta_cutoff: Any = 0.0,
    min_tokens_to_keep: Any = 1,
    sequence_bias: Any = None,
    encoder_repetition_penalty: Any = 1.0,
    repetition_penalty: Any = 1.0,
    no_repeat_ngram_size: Any = 0,
    encoder_no_repeat_ngram_size: Any = 0,
    bad_words_ids: Any = None,
    min_length: Any = 0,
    min_new_tokens: Any = None,
    eos_token_id: Any = None,
    suppress_tokens: Any = None,
    begin_suppress_tokens: Any = None,
) -> Iterator[Step]:
    """Return what `generate(do_sample=True)` applies."""
    least = keep(min_tokens_to_keep)
    if sequence_bias:
        pairs = sequence_bias.items() if isinstance(sequence_bias, dict) else sequence_bias
        sequences, values = zip(*pairs, strict=True)
        yield SequenceBias(sequences, values)
    yield Repetition(np.divide(1.0, or_off(encoder_repetition_penalty, 1.0))[()], of="prompt")
    yield Repetition(or_off(repetition_penalty, 1.0))
    yield NoRepeatNgram(or_off(no_repeat_ngram_size, 0))
    yield NoRepeatNgram(or_off(encoder_no_repeat_ngram_size, 0), of="prompt")
    yield from bans(bad_words_ids, unless=eos_token_id)
    yield from no_end(eos_token_id, min_length, "all")
    yield from no_end(eos_token_id, min_new_tokens, "output")
    yield from bans(suppress_tokens)
    yield from bans(begin_suppress_tokens, "output", 1)
    yield Temperature(or_off(temperature, 1.0))
    yield TopH(or_off(top_h, 0.0), rule="transformers")
    top_k = or_off(top_k, 0)
    yield TopK(np.where(np.equal(top_k, 0), 0, np.maximum(top_k, least))[()], ties="all")
    yield TopP(or_off(top_p, 1.0), min_keep=least)
    yield MinP(or_off(min_p, 0.0), min_keep=least)
    yield Typical(or_off(typical_p, 1.0), min_keep=least, ties="all")
    yield Epsilon(or_off(epsilon_cutoff, 0.0), min_keep=least, ties="all")
    yield Eta(or_off(eta_cutoff, 0.0), min_keep=least, ties="all")


def vllm(
    *,
    temperature: Any = 1.0,
    min_p: Any = 0.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    bad_words_token_ids: Any = None,
    min_tokens: Any = 0,
    stop_token_ids: Any = None,
    logit_bias: Any = None,
    repetition_penalty: Any = 1.0,
    frequency_penalty: Any = 0.0,
    presence_penalty: Any = 0.0,
) -> Iterator[Step]:
    """Return what vLLM applies: min-p comes first; a temperature below 1e-5 is 0, another one below 0.01 is 0.01.

    Put the end-of-sequence token among `stop_token_ids`, for `min_tokens`.
    """
    yield from bans(bad_words_token_ids, "output")
    yield from no_end(stop_token_ids, min_tokens, "output")
    yield from biases(logit_bias)
    yield from penalties(repetition_penalty, frequency_penalty, presence_penalty, "output", also="all")
    small = np.where(np.less(temperature, 1e-5), 0.0, np.maximum(temperature, 0.01))
    yield Temperature(np.where(np.less(temperature, 0.01), small, temperature)[()])
    yield MinP(min_p)
    yield TopK(top_k, ties="all")
    yield TopP(top_p)


def sglang(
    *,
    temperature: Any = 1.0,
    top_k: Any = -1,
    top_p: Any = 1.0,
    min_p: Any = 0.0,
    frequency_penalty: Any = 0.0,
    presence_penalty: Any = 0.0,
    min_new_tokens: Any = 0,
    stop_token_ids: Any = None,
    repetition_penalty: Any = 1.0,
    logit_bias: Any = None,
) -> Iterator[Step]:
    """Return what SGLang's torch backend applies: filters of the whole row; a temperature below 1e-6 is top-k = 1.

    Put the end-of-sequence token among `stop_token_ids`, for `min_new_tokens`.
    """
    yield from penalties(1.0, frequency_penalty, presence_penalty, "output")
    yield from no_end(stop_token_ids, min_new_tokens, "output")
    yield Repetition(repetition_penalty, of="output")
    yield from biases(logit_bias)
    yield Temperature(np.where(np.less(temperature, 1e-6), 1.0, temperature)[()])
    yield TopK(np.where(np.less(temperature, 1e-6), 1, top_k)[()])
    yield TopP(top_p, equal="keep", of="all")
    yield MinP(min_p)


def flashinfer(*, top_k: Any = 0, top_p: Any = 1.0, filter_apply_order: str = "top_k_first") -> Iterator[Step]:
    """Return what FlashInfer's sampling of probabilities applies."""
    if filter_apply_order not in ("top_k_first", "joint"):
        raise ValueError(f"filter_apply_order is {filter_apply_order!r}, expected 'top_k_first' or 'joint'")
    yield TopK(top_k, ties="all")
    yield TopP(top_p, ties="all", of="all" if filter_apply_order == "joint" else "survivors")


def exllamav3(
    *,
    temperature: Any = 1.0,
    min_p: Any = 0.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    temp_last: bool = False,
    adaptive_target: Any = 1.0,
    adaptive_decay: Any = 0.9,
) -> Iterator[Step]:
    """Return what exllamav3's `ComboSampler` applies: the token that crosses p goes, and a target of 1 is off."""
    if not temp_last:
        yield Temperature(temperature)
    yield MinP(min_p)
    yield TopK(nothing_below(top_k))
    yield TopP(top_p, crossing="drop")
    if temp_last:
        yield Temperature(temperature)
    yield from adaptive(adaptive_target, adaptive_decay, np.equal(adaptive_target, 1.0).all())
