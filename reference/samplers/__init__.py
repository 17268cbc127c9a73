"""One file a sampler, each its definition: a filter says which places stay, a scale returns new logits.

A sampler sees the logits of the tokens that are left, larger first and lower index first among equals. An edit sees
those of all tokens, in index order, and what came before. What keeps a number from one draw to the next, as mirostat,
is told it as `number`.
"""

from collections.abc import Callable

from reference.samplers import (
    adaptive_p,
    dry,
    dynamic_temperature,
    epsilon,
    eta,
    force,
    frequency,
    greedy,
    gumbel,
    min_k,
    min_p,
    mirostat,
    mirostat_2,
    no_repeat_ngram,
    p_less,
    p_step,
    presence,
    quadratic,
    repetition,
    sequence_bias,
    tail_free,
    temperature,
    top_a,
    top_h,
    top_k,
    top_n_sigma,
    top_p,
    typical,
    xtc,
)

SCALES: dict[str, Callable[..., list[float]]] = {
    "temperature": temperature.scale,
    "dynamic_temperature": dynamic_temperature.scale,
    "quadratic": quadratic.scale,
    "adaptive_p": adaptive_p.scale,
}
FILTERS: dict[str, Callable[..., list[int]]] = {
    "top_k": top_k.keep,
    "top_p": top_p.keep,
    "min_p": min_p.keep,
    "typical": typical.keep,
    "epsilon": epsilon.keep,
    "eta": eta.keep,
    "top_a": top_a.keep,
    "tail_free": tail_free.keep,
    "top_n_sigma": top_n_sigma.keep,
    "top_h": top_h.keep,
    "p_less": p_less.keep,
    "xtc": xtc.keep,
    "min_k": min_k.keep,
    "p_step": p_step.keep,
    "mirostat": mirostat.keep,
    "mirostat_2": mirostat_2.keep,
    "greedy": greedy.keep,
}
EDITS: dict[str, Callable[..., list[float]]] = {
    "repetition": repetition.edit,
    "presence": presence.edit,
    "frequency": frequency.edit,
    "dry": dry.edit,
    "no_repeat_ngram": no_repeat_ngram.edit,
    "sequence_bias": sequence_bias.edit,
    "force": force.edit,
}
KEEPERS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {  # what is kept at first, and after a draw
    "mirostat": (mirostat.first, mirostat.learn),
    "mirostat_2": (mirostat_2.first, mirostat_2.learn),
    "adaptive_p": (adaptive_p.first, adaptive_p.learn),
}
SAMPLERS: dict[str, Callable[..., object]] = {**EDITS, **SCALES, **FILTERS, "gumbel": gumbel.perturbed}

__all__ = ["EDITS", "FILTERS", "KEEPERS", "SAMPLERS", "SCALES"]
