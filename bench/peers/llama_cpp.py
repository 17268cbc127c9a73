"""llama.cpp: its sampler chain, through the C API of the library in the wheel xllamacpp. No model is needed.

The chain works in place on an array of candidates (token, logit, probability). It is refilled by one memmove a row,
inside the timing; that part is also timed alone. llama.cpp uses one thread.
"""

import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xllamacpp

import fastsoftmax
from bench.data import Array
from bench.peers import Unavailable
from bench.race import Contestant

NAME = "llama.cpp"
DISTRIBUTIONS = ("xllamacpp",)

CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
LARGEST = 2**24  # candidates that are held ready; more would be a gigabyte


class _ChainParams(ctypes.Structure):
    _fields_ = (("no_perf", ctypes.c_bool),)


class _Candidates(ctypes.Structure):
    """llama_token_data_array of llama.h."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_size_t),
        ("selected", ctypes.c_int64),
        ("sorted", ctypes.c_bool),
    )


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "llama_sampler_chain_init": (ctypes.c_void_p, [_ChainParams]),
    "llama_sampler_chain_add": (None, [ctypes.c_void_p, ctypes.c_void_p]),
    "llama_sampler_apply": (None, [ctypes.c_void_p, ctypes.POINTER(_Candidates)]),
    "llama_sampler_init_greedy": (ctypes.c_void_p, []),
    "llama_sampler_init_dist": (ctypes.c_void_p, [ctypes.c_uint32]),
    "llama_sampler_init_temp": (ctypes.c_void_p, [ctypes.c_float]),
    "llama_sampler_init_top_k": (ctypes.c_void_p, [ctypes.c_int32]),
    "llama_sampler_init_top_p": (ctypes.c_void_p, [ctypes.c_float, ctypes.c_size_t]),
    "llama_sampler_init_min_p": (ctypes.c_void_p, [ctypes.c_float, ctypes.c_size_t]),
    "llama_sampler_init_typical": (ctypes.c_void_p, [ctypes.c_float, ctypes.c_size_t]),
    "llama_sampler_init_top_n_sigma": (ctypes.c_void_p, [ctypes.c_float]),
}


def _open() -> ctypes.CDLL:
    """Load the library: the extension module of xllamacpp, which carries llama.cpp and exports its C API."""
    folder = Path(xllamacpp.__file__).parent
    for path in (*folder.glob("*.so"), *folder.glob("*.pyd"), *folder.glob("*.dll")):
        library = ctypes.CDLL(str(path))
        if all(hasattr(library, name) for name in _SIGNATURES):
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
            return library
    raise Unavailable("the library in this wheel of xllamacpp does not export llama_sampler_chain_init")


_library = _open()


_LINKS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "temperature": lambda step: ("temp", step.temperature),
    "top_k": lambda step: ("top_k", step.k),
    "top_p": lambda step: ("top_p", step.p, 1),
    "min_p": lambda step: ("min_p", step.p, 1),
    "typical": lambda step: ("typical", step.p, 1),
    "top_n_sigma": lambda step: ("top_n_sigma", step.n),
}


def sample(logits: Array, params: fastsoftmax.SamplingParams, n: int) -> Iterator[Contestant]:
    """Chain top-k (before the temperature, which does not change it), temperature, top-p, min-p, dist: our law."""
    if n != 1 or logits.size > LARGEST:
        return
    row = _Rows(logits)
    chain = _chain(params)
    yield Contestant(NAME, "peer", lambda: [row.run(i, chain) for i in range(len(logits))])
    yield Contestant(f"{NAME} (refill alone)", "aside", lambda: [row.refill(i) for i in range(len(logits))])


def samplers(logits: Array, chain: fastsoftmax.SamplerChain) -> Iterator[Contestant]:
    """Chain the same samplers, where llama.cpp has them all."""
    if not {step.name for step in chain} <= _LINKS.keys():
        return
    row, apply = _Rows(logits), _strung(*(_LINKS[step.name](step) for step in chain), ("dist", 0))
    yield Contestant(NAME, "peer", lambda: [row.run(i, apply) for i in range(len(logits))])


class _Rows:
    """Candidates of every row, and the one array that a chain works on."""

    def __init__(self, logits: Array) -> None:
        self.filled = np.zeros(logits.shape, CANDIDATE)
        self.filled["id"] = np.arange(logits.shape[-1])
        self.filled["logit"] = logits
        self.work = self.filled[0].copy()
        self.ids = self.work["id"]
        self.source, self.place, self.size = self.filled.ctypes.data, self.work.ctypes.data, self.work.nbytes

    def refill(self, i: int) -> None:
        ctypes.memmove(self.place, self.source + i * self.size, self.size)

    def run(self, i: int, apply: Callable[[_Candidates], None]) -> list[int]:
        self.refill(i)
        candidates = _Candidates(self.place, self.work.size, -1, False)
        apply(candidates)
        return [int(self.ids[candidates.selected])]


def _chain(params: fastsoftmax.SamplingParams) -> Callable[[_Candidates], None]:
    if params.temperature == 0:
        return _strung(("greedy",))
    links: list[tuple[Any, ...]] = []
    if params.top_k:
        links.append(("top_k", params.top_k))
    if params.temperature != 1:
        links.append(("temp", params.temperature))
    if params.top_p < 1:
        links.append(("top_p", params.top_p, 1))
    if params.min_p:
        links.append(("min_p", params.min_p, 1))
    return _strung(*links, ("dist", 0))


@cache
def _strung(*links: tuple[Any, ...]) -> Callable[[_Candidates], None]:
    """Return what applies a chain of these samplers. Chains live as long as the process."""
    chain = _library.llama_sampler_chain_init(_ChainParams(True))
    for name, *arguments in links:
        _library.llama_sampler_chain_add(chain, getattr(_library, f"llama_sampler_init_{name}")(*arguments))
    return lambda candidates: _library.llama_sampler_apply(chain, ctypes.byref(candidates))
