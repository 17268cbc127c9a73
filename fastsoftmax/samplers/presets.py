"""Chains of other libraries: their words, their defaults, their order, and the rules in which they differ.

A preset leaves the peer's set of tokens, wherever a mass is not nearer to a bound than the peer's float32 can tell. The
token is another one: the peer's random numbers are its own. Penalties and what else needs the history are not samplers.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fastsoftmax.samplers.dynamic_temperature import DynamicTemperature
from fastsoftmax.samplers.epsilon import Epsilon
from fastsoftmax.samplers.eta import Eta
from fastsoftmax.samplers.min_p import MinP
from fastsoftmax.samplers.parsing import near
from fastsoftmax.samplers.quadratic import Quadratic
from fastsoftmax.samplers.step import OFF, Step
from fastsoftmax.samplers.tail_free import TailFree
from fastsoftmax.samplers.temperature import Temperature
from fastsoftmax.samplers.top_a import TopA
from fastsoftmax.samplers.top_h import TopH
from fastsoftmax.samplers.top_k import TopK
from fastsoftmax.samplers.top_n_sigma import TopNSigma
from fastsoftmax.samplers.top_p import TopP
from fastsoftmax.samplers.typical import Typical
from fastsoftmax.samplers.xtc import XTC

MOST_CANDIDATES = 3000  # of koboldcpp, before anything else


def steps_of(name: str, words: dict[str, Any]) -> list[Step]:
    """Return the samplers of a preset, without those that are off.

    Raises
    ------
    TypeError, ValueError
        For an unknown preset or word, or a value outside the range of ours.
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}{near(name, PRESETS)}, expected one of {', '.join(PRESETS)}")
    known = inspect.signature(PRESETS[name]).parameters
    for word in words:
        if word not in known:
            raise TypeError(f"the preset {name} has no word {word!r}{near(word, known)}, expected {', '.join(known)}")
    return [step for step in PRESETS[name](**words) if not _is_off(step)]


def _is_off(step: Step) -> bool:
    """Return whether a sampler does nothing, whatever the row."""
    if isinstance(step, XTC):
        return bool(np.all(np.equal(step.probability, 0)))
    return all((rows[:, 1] == OFF).all() for rows in step.operations(None))


def _keep(least: Any) -> Any:
    """Return how many tokens stay at least: one, where a peer says none."""
    return np.maximum(least, 1) if np.shape(least) else max(least, 1)


def _or_off(value: Any, off: Any) -> Any:
    """Return a value, or what is off where a peer says None."""
    return off if value is None else value


def _nothing_below(value: Any) -> Any:
    """Return a number that is at least 0: below it a peer's sampler is off."""
    return np.maximum(value, 0) if np.shape(value) else max(value, 0)


def _heat(temperature: Any, breadth: Any, exponent: Any) -> Step:
    """Return the temperature of llama.cpp and koboldcpp: a dynamic one where it has a breadth."""
    if not np.any(np.greater(breadth, 0)):
        return Temperature(_nothing_below(temperature))
    low, high = np.maximum(np.subtract(temperature, breadth), 0.0)[()], np.add(temperature, breadth)[()]
    return DynamicTemperature(low, high, exponent)


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
) -> Iterator[Step]:
    """Return what `generate(do_sample=True)` applies."""
    least = _keep(min_tokens_to_keep)
    yield Temperature(_or_off(temperature, 1.0))
    yield TopH(_or_off(top_h, 0.0), rule="transformers")
    top_k = _or_off(top_k, 0)
    yield TopK(np.where(np.equal(top_k, 0), 0, np.maximum(top_k, least))[()], ties="all")
    yield TopP(_or_off(top_p, 1.0), min_keep=least)
    yield MinP(_or_off(min_p, 0.0), min_keep=least)
    yield Typical(_or_off(typical_p, 1.0), min_keep=least, ties="all")
    yield Epsilon(_or_off(epsilon_cutoff, 0.0), min_keep=least, ties="all")
    yield Eta(_or_off(eta_cutoff, 0.0), min_keep=least, ties="all")


def vllm(*, temperature: Any = 1.0, min_p: Any = 0.0, top_k: Any = 0, top_p: Any = 1.0) -> Iterator[Step]:
    """Return what vLLM applies: min-p comes first; a temperature below 1e-5 is 0, another one below 0.01 is 0.01."""
    small = np.where(np.less(temperature, 1e-5), 0.0, np.maximum(temperature, 0.01))
    yield Temperature(np.where(np.less(temperature, 0.01), small, temperature)[()])
    yield MinP(min_p)
    yield TopK(top_k, ties="all")
    yield TopP(top_p)


def sglang(*, temperature: Any = 1.0, top_k: Any = -1, top_p: Any = 1.0, min_p: Any = 0.0) -> Iterator[Step]:
    """Return what SGLang's torch backend applies: filters of the whole row; a temperature below 1e-6 is top-k = 1."""
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
) -> Iterator[Step]:
    """Return llama.cpp's default chain, the temperature last.

    Its top-n-sigma masks tokens instead of removing them: its dynamic temperature and `min_keep` count them after it.
    """
    least = _keep(min_keep)
    yield TopNSigma(_nothing_below(top_n_sigma))
    yield TopK(_nothing_below(top_k))
    yield Typical(typ_p, min_keep=least, equal="keep")
    yield TopP(top_p, min_keep=least)
    yield MinP(np.clip(min_p, 0.0, 1.0)[()], min_keep=least)
    yield XTC(xtc_probability, xtc_threshold, min_keep=least)
    yield _heat(temp, dynatemp_range, dynatemp_exponent)


def llama_cpp_python(
    *,
    temperature: Any = 0.8,
    top_k: Any = 40,
    top_p: Any = 0.95,
    min_p: Any = 0.05,
    typical_p: Any = 1.0,
) -> Iterator[Step]:
    """Return the chain of llama-cpp-python: that of llama.cpp, by the words of its own."""
    return llama_cpp(temp=temperature, top_k=top_k, top_p=top_p, min_p=min_p, typ_p=typical_p)


def mlx_lm(
    *,
    temp: Any = 0.0,
    top_p: Any = 0.0,
    min_p: Any = 0.0,
    min_tokens_to_keep: Any = 1,
    top_k: Any = 0,
    xtc_probability: Any = 0.0,
    xtc_threshold: Any = 0.0,
) -> Iterator[Step]:
    """Return what mlx-lm's `make_sampler` applies: top-p and min-p of the whole row; a temperature of 0 is greedy."""
    if not np.shape(temp) and temp == 0:
        yield Temperature(0.0)
        return
    yield TopP(np.where(np.equal(top_p, 0), 1.0, top_p)[()], of="all", ties="all")
    yield MinP(min_p, min_keep=_keep(min_tokens_to_keep))
    yield XTC(xtc_probability, xtc_threshold, equal="drop", ties="all")
    yield TopK(top_k)
    yield Temperature(temp)


def ollama(*, temperature: Any = 0.8, top_k: Any = 40, top_p: Any = 0.9, min_p: Any = 0.0) -> Iterator[Step]:
    """Return the chain of ollama over llama.cpp."""
    return llama_cpp(temp=temperature, top_k=top_k, top_p=top_p, min_p=min_p)


def ollama_mlx(*, temperature: Any = 0.8, top_k: Any = 40, top_p: Any = 0.9, min_p: Any = 0.0) -> Iterator[Step]:
    """Return the chain of ollama over MLX."""
    yield TopK(_nothing_below(top_k))
    yield Temperature(_nothing_below(temperature))
    yield TopP(np.where(np.less_equal(top_p, 0), 1.0, top_p)[()])
    yield MinP(min_p)


def exllamav3(
    *, temperature: Any = 1.0, min_p: Any = 0.0, top_k: Any = 0, top_p: Any = 1.0, temp_last: bool = False
) -> Iterator[Step]:
    """Return what exllamav3's `ComboSampler` applies: the token that crosses p goes."""
    if not temp_last:
        yield Temperature(temperature)
    yield MinP(min_p)
    yield TopK(_nothing_below(top_k))
    yield TopP(top_p, crossing="drop")
    if temp_last:
        yield Temperature(temperature)


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
) -> Iterator[Step]:
    """Return koboldcpp's default order, behind its first cut to 3,000 candidates."""
    yield TopK(MOST_CANDIDATES)
    yield TopK(_nothing_below(top_k))
    yield TopA(top_a)
    yield TailFree(tfs)
    yield Typical(typical, equal="keep")
    yield TopP(top_p)
    yield MinP(min_p)
    yield _heat(temperature, dynatemp_range, dynatemp_exponent)
    yield Quadratic(smoothing_factor, smoothing_curve)
    yield TopNSigma(nsigma)
    yield XTC(xtc_probability, xtc_threshold)


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
) -> Iterator[Step]:
    """Return the default priority of text-generation-webui over transformers; cut-offs in units of 1e-4."""
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
    yield XTC(xtc_probability, xtc_threshold)
    yield from scales if temperature_last else ()


PRESETS: dict[str, Callable[..., Iterator[Step]]] = {
    "transformers": transformers,
    "vllm": vllm,
    "sglang": sglang,
    "flashinfer": flashinfer,
    "llama.cpp": llama_cpp,
    "llama-cpp-python": llama_cpp_python,
    "mlx-lm": mlx_lm,
    "ollama": ollama,
    "ollama-mlx": ollama_mlx,
    "exllamav3": exllamav3,
    "koboldcpp": koboldcpp,
    "text-generation-webui": text_generation_webui,
}
