"""What a call asks for, the four words or a chain of samplers, and the law of it."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastsoftmax import _checks
from fastsoftmax.sampling.laws import Law
from fastsoftmax.sampling.params import parameters_of
from fastsoftmax.sampling.words_law import WordsLaw

if TYPE_CHECKING:  # the samplers are imported when a chain is first asked for
    from fastsoftmax.samplers.chain import SamplerChain
    from fastsoftmax.sampling.edits import Edits

Words = tuple[Any, Any, Any, Any]  # temperature, top_k, top_p, min_p
NAMES = ("temperature", "top_k", "top_p", "min_p")
_DEFAULTS = (1.0, 0, 1.0, 0.0)

Asked: TypeAlias = "Words | SamplerChain"


def asked_of(words: Words, samplers: Any) -> Asked:
    """Return what a call asks for: the four words, also where a chain says the same, or else the chain.

    Raises
    ------
    ValueError
        If both are given.
    """
    if samplers is None:
        return words
    from fastsoftmax.samplers.chain import chain_of

    plain = {*map(type, words)} <= _checks.PLAIN
    for name, value, default in () if plain and words == _DEFAULTS else zip(NAMES, words, _DEFAULTS, strict=True):
        if value is not None and (np.shape(value) or value != default):
            raise ValueError(f"samplers and {name} are both given, expected one: a chain has {name} as a sampler")
    return chain_of(samplers)


def edits_of(asked: Asked, state: Any) -> "Edits | None":
    """Return the edits of what a call asks for; None where there is neither one nor a state.

    Raises
    ------
    TypeError, ValueError
        If one is without the other, or they do not fit.
    """
    if isinstance(asked, tuple):
        if state is not None:
            raise ValueError("state is given without samplers, expected the chain that it is a state of")
        return None
    if state is None:
        if asked.asking is not None:
            raise ValueError(
                f"samplers has {asked.asking.name}, which asks what came before: "
                "give state=, as start() of the SamplerChain makes it"
            )
        return None
    from fastsoftmax.sampling.edits import Edits

    return Edits(asked, state)


def parameters_given(asked: Asked) -> dict[str, Any]:
    """Return the parameters that the batch is broadcast to."""
    return dict(zip(NAMES, asked, strict=True)) if isinstance(asked, tuple) else asked.parameters


def law_of(asked: Asked, batch: tuple[int, ...], told: bool = False) -> Law:
    """Return the law of a batch; a chain whose words say the same has theirs, unless each step is `told` of."""
    if not isinstance(asked, tuple):
        asked = asked.rest
        if told or asked.words is None:
            return _chain_law(*asked.operations(batch, told))
        asked = words_of_chain(asked)
    return WordsLaw(parameters_of(*asked, batch))


def one_law(asked: Asked) -> Law | None:
    """Return the law of any row, None where a parameter is one a row."""
    if not isinstance(asked, tuple):
        return None if asked.parameters else _law_of_chain(asked)
    if not {*map(type, asked)} <= _checks.PLAIN:
        asked = tuple(map(_checks.plain, asked))
        if not {*map(type, asked)} <= _checks.PLAIN:
            return None
    return _law_of_numbers(*asked)


@lru_cache(typed=True)  # 5.0 equals 5 and is no top_k
def _law_of_numbers(temperature: Any, top_k: Any, top_p: Any, min_p: Any) -> Law:
    return law_of((temperature, top_k, top_p, min_p), ())


@lru_cache
def _law_of_chain(chain: "SamplerChain") -> Law:
    return law_of(chain, ())


def words_of_chain(chain: "SamplerChain") -> Words:
    """Return the four words of a chain that says the same."""
    said = chain.words or {}
    temperature, top_k, top_p, min_p = (said.get(name, off) for name, off in zip(NAMES, _DEFAULTS, strict=True))
    return temperature, top_k, top_p, min_p


def _chain_law(operations: Any, ends: list[int], temperatures: Any) -> Law:
    """Return the law of a chain, whose kernels are imported when one is first asked for."""
    from fastsoftmax.sampling.chain_law import ChainLaw

    return ChainLaw(operations, ends, temperatures)
