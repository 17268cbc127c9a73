"""Other libraries, each a module of this package that says how one does the same work.

A peer has a `NAME`, the `DISTRIBUTIONS` it is made of, and some of these functions, each a generator of contestants:

- ``softmax(function, logits, temperature)``: `function` is softmax, log_softmax or logsumexp of the last axis;
- ``sample(logits, params, n)``: n draws a row, with the `fastsoftmax.SamplingParams`;
- ``walk(corpus, n, length)``: n walks of up to `length` tokens;
- ``fit(corpus)``: count the transitions;
- ``from_edges(graph, kind)``: add up edges with weights of a kind;
- ``stationary(matrix)``, ``hitting_times(matrix)``: of a transition matrix, and to its first state;
- ``walk_from(graph, starts, length)``: a walk from each start, over edges without weights.

What has to be prepared once (a tensor over the same memory, a compiled chain) is prepared before the contestant is
yielded; what every call needs is inside it. A peer that cannot do a case yields nothing.
"""

import importlib
import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import fastsoftmax
from bench.race import Contestant

MODULES = (
    "numpy_",
    "scipy_",
    "torch_",
    "onnxruntime_",
    "transformers_",
    "llama_cpp",
    "markovify_",
    "quantecon_",
    "igraph_",
    "duckdb_",
    "polars_",
    "reference_",
)


class Unavailable(ImportError):  # noqa: N818 - it is no error: the peer is skipped with this reason
    """A peer is installed but does not have what is needed."""


@cache
def peers() -> tuple[ModuleType, ...]:
    """Return the peers that are here."""
    return tuple(peer for peer in map(_load, MODULES) if not isinstance(peer, str))


@cache
def skipped() -> dict[str, str]:
    """Return the others, each with its reason."""
    return {name.rstrip("_"): peer for name in MODULES if isinstance(peer := _load(name), str)}


def contestants(work: str, *args: Any) -> Iterator[Contestant]:
    """Yield what the peers have for `work` (a name of the list above, samplers or fit_text)."""
    for peer in peers():
        if hasattr(peer, work):
            yield from getattr(peer, work)(*args)


@contextmanager
def threads(count: int, load: bool = True) -> Iterator[None]:
    """Let the library use this many threads, and every peer that has threads, unless peers are not to be loaded."""
    before = fastsoftmax.get_num_threads()
    settable = [fastsoftmax, *(peer for peer in peers() if hasattr(peer, "set_num_threads"))] if load else [fastsoftmax]
    for one in settable:
        one.set_num_threads(count)
    try:
        yield
    finally:
        for one in settable:
            one.set_num_threads(before)


def versions() -> dict[str, str]:
    """Return the versions of the distributions that the peers are made of."""
    return {name: importlib.metadata.version(name) for peer in peers() for name in peer.DISTRIBUTIONS}


@cache
def _load(name: str) -> ModuleType | str:
    try:
        return importlib.import_module(f"bench.peers.{name}")
    except Unavailable as error:
        return str(error)
    except ImportError as error:
        return f"needs {error.name}: the extra bench"
