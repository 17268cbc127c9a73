"""From logits to tokens and from text to Markov walks, on a CPU.

A public name is imported when it is first used: numba comes with it, and takes ten times as long as this package.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastsoftmax._softmax import log_softmax, logsumexp, softmax
    from fastsoftmax._state import State
    from fastsoftmax._table import TokenTable, table
    from fastsoftmax._threads import get_num_threads, set_num_threads
    from fastsoftmax._warmup import warmup
    from fastsoftmax.markov import (
        BetweenStates,
        ByState,
        CommunicatingClass,
        MarkovChain,
        MarkovText,
        Reason,
        Scores,
        Walks,
    )
    from fastsoftmax.samplers.chain import SamplerChain
    from fastsoftmax.sampling import (
        Details,
        KeptSet,
        Sampler,
        SamplingParams,
        TopLogprobs,
        probabilities,
        sample,
    )
    from fastsoftmax.sampling.verifying import Verified, verify

_HOMES = {
    "_softmax": ("log_softmax", "logsumexp", "softmax"),
    "_state": ("State",),
    "_table": ("TokenTable", "table"),
    "_threads": ("get_num_threads", "set_num_threads"),
    "_warmup": ("warmup",),
    "markov": (
        "BetweenStates",
        "ByState",
        "CommunicatingClass",
        "MarkovChain",
        "MarkovText",
        "Reason",
        "Scores",
        "Walks",
    ),
    "samplers.chain": ("SamplerChain",),
    "sampling.verifying": ("Verified", "verify"),
    "sampling": ("Details", "KeptSet", "Sampler", "SamplingParams", "TopLogprobs", "probabilities", "sample"),
}

__all__ = [
    "BetweenStates",
    "ByState",
    "CommunicatingClass",
    "Details",
    "KeptSet",
    "MarkovChain",
    "MarkovText",
    "Reason",
    "Sampler",
    "SamplerChain",
    "SamplingParams",
    "Scores",
    "State",
    "TokenTable",
    "TopLogprobs",
    "Verified",
    "Walks",
    "get_num_threads",
    "log_softmax",
    "logsumexp",
    "probabilities",
    "sample",
    "set_num_threads",
    "softmax",
    "table",
    "verify",
    "warmup",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(f"fastsoftmax.{home}"), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
