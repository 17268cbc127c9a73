"""Presets of what runs models at home: the temperature comes last, but for text-generation-webui."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastsoftmax.samplers.dynamic_temperature import DynamicTemperature
from fastsoftmax.samplers.epsilon import Epsilon
from fastsoftmax.samplers.eta import Eta
from fastsoftmax.samplers.min_p import MinP
from fastsoftmax.samplers.presets.common import adaptive, heat_of, keep, mirostat_of, nothing_below
from fastsoftmax.samplers.presets.edits import biases, dry, penalties
from fastsoftmax.samplers.quadratic import Quadratic
from fastsoftmax.samplers.step import Step
from fastsoftmax.samplers.tail_free import TailFree
from fastsoftmax.samplers.temperature import Temperature
from fastsoftmax.samplers.top_a import TopA
from fastsoftmax.samplers.top_k import TopK
from fastsoftmax.samplers.top_n_sigma import TopNSigma
from fastsoftmax.samplers.top_p import TopP
from fastsoftmax.samplers.typical import Typical
from fastsoftmax.samplers.xtc import XTC

MOST_CANDIDATES = 3000  # of koboldcpp, before anything else


def llama_cpp(
    *,
    temp: Any = 0.8,
    top_k: Any = 40,
    top_p: Any = 0.95,
    min_p: Any = 0.05,
    typ_p: Any = 1.0,
    top_n_sigma: Any = -1.0,
    xtc_probability: Any = 0.0,
    xtc_threshold: Any = 0.1,
    dynatemp_range: Any = 0.0,
    dynatemp_exponent: Any = 1.0,
    min_keep: Any = 0,
    logit_bias: Any = None,
    repeat_penalty: Any = 1.0,
    repeat_last_n: Any = 64,
    frequency_penalty: Any = 0.0,
    presence_penalty: Any = 0.0,
    dry_multiplier: Any = 0.0,
    dry_base: Any = 1.75,
    dry_allowed_length: Any = 2,
    dry_penalty_last_n: Any = 64,
    dry_sequence_breakers: Any = (),
    mirostat: Any = 0,
    mirostat_tau: Any = 5.0,
    mirostat_eta: Any = 0.1,
    adaptive_target: Any = -1.0,
    adaptive_decay: Any = 0.9,
) -> Iterator[Step]:
    """Return llama.cpp's default chain, the temperature last, and adaptive-p after it where it has a target.

    With mirostat, that, the temperature and the bias are all.
    Its top-n-sigma masks tokens instead of removing them: its dynamic temperature and `min_keep` count them after it.
    Give `dry_sequence_breakers` as tokens; its own are texts, by default of a line break, a colon, a quote and a star.
    """
    yield from biases(logit_bias)
    last = mirostat_of(mirostat, mirostat_tau, mirostat_eta)
    if last is not None:
        yield from (Temperature(nothing_below(temp)), last)
        return
    yield from penalties(repeat_penalty, frequency_penalty, presence_penalty, last=repeat_last_n)
    yield from dry(dry_multiplier, dry_base, dry_allowed_length, dry_penalty_last_n, dry_sequence_breakers)
    least = keep(min_keep)
    yield TopNSigma(nothing_below(top_n_sigma))
    yield TopK(nothing_below(top_k))
    yield Typical(typ_p, min_keep=least, equal="keep")
    yield TopP(top_p, min_keep=least)
    yield MinP(np.clip(min_p, 0.0, 1.0)[()], min_keep=least)
    yield XTC(xtc_probability, xtc_threshold, min_keep=least)
    yield heat_of(temp, dynatemp_range, dynatemp_exponent)
    yield from adaptive(adaptive_target, adaptive_decay, np.less(adaptive_target, 0).all())


def llama_cpp_python(
    *,
    temperature: Any = 0.8,
    top_k: Any = 40,
    top_p: Any = 0.95,
    min_p: Any = 0.05,
    typical_p: Any = 1.0,
    repeat_penalty: Any = 1.0,
    frequency_penalty: Any = 0.0,
    presence_penalty: Any = 0.0,
    logit_bias: Any = None,
    mirostat_mode: Any = 0,
    mirostat_tau: Any = 5.0,
    mirostat_eta: Any = 0.1,
) -> Iterator[Step]:
    """Return the chain of llama-cpp-python: that of llama.cpp, by the words of its own."""
    return llama_cpp(
        temp=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        typ_p=typical_p,
        repeat_penalty=repeat_penalty,
        frequency_penalty=frequency_penalty,
        presence_penalty=presence_penalty,
        logit_bias=logit_bias,
        mirostat=mirostat_mode,
        mirostat_tau=mirostat_tau,
        mirostat_eta=mirostat_eta,
    )


def mlx_lm(
    *,
    temp: Any = 0.0,
    top_p: Any = 0.0,
    min_p: Any = 0.0,
    min_tokens_to_keep: Any = 1,
    top_k: Any = 0,
    xtc_probability: Any = 0.0,
    xtc_threshold: Any = 0.0,
    logit_bias: Any = None,
    repetition_penalty: Any = None,
    repetition_context_size: Any = 20,
    presence_penalty: Any = None,
    presence_context_size: Any = 20,
    frequency_penalty: Any = None,
    frequency_context_size: Any = 20,
) -> Iterator[Step]:
    """Return what mlx-lm's `make_logits_processors` and `make_sampler` apply.

    top-p and min-p are those of the whole row; a temperature of 0 is greedy.
    """
    yield from biases(logit_bias)
    yield from penalties(repetition_penalty, None, None, last=repetition_context_size)
    yield from penalties(None, None, presence_penalty, last=presence_context_size)
    yield from penalties(None, frequency_penalty, None, last=frequency_context_size)
    if not np.shape(temp) and temp == 0:
        yield Temperature(0.0)
        return
    yield TopP(np.where(np.equal(top_p, 0), 1.0, top_p)[()], of="all", ties="all")
    yield MinP(min_p, min_keep=keep(min_tokens_to_keep))
    yield XTC(xtc_probability, xtc_threshold, equal="drop", ties="all")
    yield TopK(top_k)
    yield Temperature(temp)


def ollama(
    *,
    temperature: Any = 0.8,
    top_k: Any = 40,
    top_p: Any = 0.9,
    min_p: Any = 0.0,
    repeat_penalty: Any = 1.0,
    repeat_last_n: Any = 64,
    frequency_penalty: Any = 0.0,
    presence_penalty: Any = 0.0,
) -> Iterator[Step]:
    """Return the chain of ollama over llama.cpp."""
    return llama_cpp(
        temp=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repeat_penalty=repeat_penalty,
        repeat_last_n=repeat_last_n,
        frequency_penalty=frequency_penalty,
        presence_penalty=presence_penalty,
    )


def ollama_mlx(
    *,
    temperature: Any = 0.8,
    top_k: Any = 40,
    top_p: Any = 0.9,
    min_p: Any = 0.0,
    repeat_penalty: Any = 1.0,
    repeat_last_n: Any = 64,
    presence_penalty: Any = 0.0,
    frequency_penalty: Any = 0.0,
) -> Iterator[Step]:
    """Return the chain of ollama over MLX."""
    yield from penalties(repeat_penalty, frequency_penalty, presence_penalty, last=repeat_last_n)
    yield TopK(nothing_below(top_k))
    yield Temperature(nothing_below(temperature))
    yield TopP(np.where(np.less_equal(top_p, 0), 1.0, top_p)[()])
    yield MinP(min_p)


def koboldcpp(
    *,
    temperature: Any = 0.7,
    top_k: Any = 100,
    top_a: Any = 0.0,
    tfs: Any = 1.0,
    typical: Any = 1.0,
    top_p: Any = 0.92,
    min_p: Any = 0.0,
    dynatemp_range: Any = 0.0,
    dynatemp_exponent: Any = 1.0,
    smoothing_factor: Any = 0.0,
    smoothing_curve: Any = 1.0,
    nsigma: Any = 0.0,
    xtc_probability: Any = 0.0,
    xtc_threshold: Any = 0.1,
    logit_bias: Any = None,
    dry_multiplier: Any = 0.0,
    dry_base: Any = 1.75,
    dry_allowed_length: Any = 2,
    dry_penalty_last_n: Any = 320,
    dry_sequence_breakers: Any = (),
    rep_pen: Any = 1.0,
    rep_pen_range: Any = 320,
    presence_penalty: Any = 0.0,
    mirostat: Any = 0,
    mirostat_tau: Any = 5.0,
    mirostat_eta: Any = 0.1,
    adaptive_target: Any = -1.0,
    adaptive_decay: Any = 0.9,
) -> Iterator[Step]:
    """Return koboldcpp's default order, behind its first cut to 3,000 candidates; with mirostat that cut is all.

    Its repetition penalty comes after that cut, here before; it is that with a slope of 1, the same for near and far.
    """
    last = nothing_below(rep_pen_range)
    yield from biases(logit_bias)
    yield from dry(
        dry_multiplier,
        dry_base,
        dry_allowed_length,
        np.where(np.less_equal(dry_penalty_last_n, 0), -1, dry_penalty_last_n)[()],
        dry_sequence_breakers,
    )
    yield from penalties(rep_pen, None, presence_penalty, last=np.where(np.equal(last, 0), -1, last)[()])
    yield TopK(MOST_CANDIDATES)
    end = mirostat_of(mirostat, mirostat_tau, mirostat_eta)
    if end is not None:
        yield from (Temperature(nothing_below(temperature)), end)
        return
    yield TopK(nothing_below(top_k))
    yield TopA(top_a)
    yield TailFree(tfs)
    yield Typical(typical, equal="keep")
    yield TopP(top_p)
    yield MinP(min_p)
    yield heat_of(temperature, dynatemp_range, dynatemp_exponent)
    yield Quadratic(smoothing_factor, smoothing_curve)
    yield TopNSigma(nsigma)
    yield XTC(xtc_probability, xtc_threshold)
    yield from adaptive(adaptive_target, adaptive_decay, np.less(adaptive_target, 0).all())


def text_generation_webui(
    *,
    top_n_sigma: Any = 0.0,
    temperature: Any = 1.0,
    dynamic_temperature: bool = False,
    dynatemp_low: Any = 1.0,
    dynatemp_high: Any = 1.0,
    dynatemp_exponent: Any = 1.0,
    smoothing_factor: Any = 0.0,
    smoothing_curve: Any = 1.0,
    top_k: Any = 0,
    top_p: Any = 1.0,
    typical_p: Any = 1.0,
    epsilon_cutoff: Any = 0.0,
    eta_cutoff: Any = 0.0,
    tfs: Any = 1.0,
    top_a: Any = 0.0,
    min_p: Any = 0.0,
    xtc_probability: Any = 0.0,
    xtc_threshold: Any = 0.1,
    temperature_last: bool = False,
    repetition_penalty: Any = 1.0,
    repetition_penalty_range: Any = 1024,
    presence_penalty: Any = 0.0,
    frequency_penalty: Any = 0.0,
    mirostat_mode: Any = 0,
    mirostat_tau: Any = 5.0,
    mirostat_eta: Any = 0.1,
    adaptive_target: Any = 0.0,
    adaptive_decay: Any = 0.9,
) -> Iterator[Step]:
    """Return the default priority of text-generation-webui over transformers; cut-offs in units of 1e-4.

    Its mirostat is version 2. It stands before XTC, which has one token left then, and before a temperature that is
    last: neither acts with it, nor after adaptive-p.
    """
    last = np.where(np.equal(repetition_penalty_range, 0), -1, repetition_penalty_range)[()]
    yield from penalties(repetition_penalty, frequency_penalty, presence_penalty, last=last)
    heat: Step = Temperature(temperature)
    if dynamic_temperature:
        heat = DynamicTemperature(dynatemp_low, dynatemp_high, dynatemp_exponent)
    scales = [heat, Quadratic(smoothing_factor, smoothing_curve)]
    yield TopNSigma(top_n_sigma, sigma="sample")
    yield from () if temperature_last else scales
    yield TopK(top_k, ties="all")
    yield TopP(top_p)
    yield Typical(typical_p, ties="all")
    yield Epsilon(np.multiply(epsilon_cutoff, 1e-4)[()], ties="all")
    yield Eta(np.multiply(eta_cutoff, 1e-4)[()], ties="all")
    yield TailFree(tfs, crossing="keep")
    yield TopA(top_a)
    yield MinP(min_p)
    end = mirostat_of(2 if mirostat_mode == 2 else 0, mirostat_tau, mirostat_eta)
    if end is not None:
        yield end
    elif np.greater(adaptive_target, 0).any():
        yield from adaptive(adaptive_target, adaptive_decay, False)
    else:
        yield XTC(xtc_probability, xtc_threshold)
        yield from scales if temperature_last else ()
