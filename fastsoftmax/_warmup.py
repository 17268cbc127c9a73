"""Every public function once on tiny inputs of each kind, so that all their kernels are compiled, or loaded."""

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastsoftmax._softmax import log_softmax, logsumexp, softmax
from fastsoftmax.markov import MarkovChain, MarkovText
from fastsoftmax.samplers.chain import SamplerChain
from fastsoftmax.sampling import Sampler, probabilities, sample

LENGTHS = (4, 200, 1000)  # a batch has a kernel for short rows, one for middling and one for long ones
CHAIN = "top_k=3 temperature=0.5"  # any chain of samplers is the same kernel
DTYPES = ("float32", "float64", "float16", "bfloat16")


class Job(NamedTuple):
    """A call, and what is said of it while it runs."""

    name: str
    call: Callable[[], object]


def warmup(
    dtypes: Iterable[str] = DTYPES, *, details: bool = False, allowed: bool = False, markov: bool = True
) -> None:
    """Compile the kernels of the public functions ahead of their first use, and keep them on disk.

    Where kernels came with the package, or are on disk already, this takes a second.

    Parameters
    ----------
    dtypes : iterable of str, default: all four
        The dtypes of logits: "float32", "float64", "float16", "bfloat16". The last is left out where neither ml_dtypes
        nor torch is installed.
    details : bool, default False
        Also what `details=`, `kept_set=` and `top_logprobs=` need.
    allowed : bool, default False
        Also what masks (`allowed=`) need.
    markov : bool, default True
        Also what chains and texts need.

    Raises
    ------
    ValueError
        If a dtype is none of the four.

    Examples
    --------
    >>> warmup(["float32"], markov=False)
    """
    for job in jobs(dtypes, details=details, allowed=allowed, markov=markov):
        job.call()


def jobs(dtypes: Iterable[str], *, details: bool, allowed: bool, markov: bool) -> list[Job]:
    """Return what `warmup` calls."""
    wanted = list(dtypes)
    if unknown := [name for name in wanted if name not in DTYPES]:
        raise ValueError(f"dtypes has {unknown[0]!r}, expected some of {', '.join(DTYPES)}")
    found = list[Job]()
    for name in wanted:
        logits = row_of(name)
        if logits is not None:
            found += [*_softmaxes(name, logits), *_samples(name, logits, details, allowed)]
    return [*found, *_chains()] if markov else found


def row_of(dtype: str) -> Any:
    """Return four logits, or None where nothing here has the dtype."""
    row = np.arange(4.0)
    if dtype != "bfloat16":
        return row.astype(dtype)
    if find_spec("ml_dtypes") is not None:
        from ml_dtypes import bfloat16

        return row.astype(bfloat16)
    if find_spec("torch") is not None:
        import torch

        return torch.arange(4, dtype=torch.bfloat16)
    return None


def _softmaxes(dtype: str, logits: Any) -> Iterator[Job]:
    wider = {"float64": [], "float32": [np.float64]}.get(dtype, [np.float32, np.float64])
    for function in (softmax, log_softmax, logsumexp):
        for other in (None, *wider):
            words: dict[str, Any] = {} if other is None else {"dtype": other}
            into = "" if other is None else f" to {np.dtype(other).name}"
            if not (words and function is logsumexp):
                yield Job(f"{function.__name__} {dtype}{into}", partial(_at_every_length, function, logits, **words))


def _at_every_length(function: Callable[..., Any], logits: Any, **words: Any) -> None:
    """Call a function on one row, plain or not, on rows of all lengths that differ in their kernel, and on columns."""
    function(logits, **words)
    function(logits, temperature=0.0, **words)
    for length in LENGTHS:
        function(logits[[0] * 2 * length].reshape(2, length), **words)
    columns = logits[[0] * 32].reshape(2, 16)
    function(columns, axis=0, **words)


def _samples(dtype: str, logits: Any, details: bool, allowed: bool) -> Iterator[Job]:
    everything: dict[str, Any] = {"details": True, "kept_set": True, "top_logprobs": 2}
    masks = [None, np.array([True, True, False, True])] if allowed else [None]
    for mask in masks:
        some = "" if mask is None else ", a mask"
        for top_p in (1.0, 0.9):  # what has filters is another kernel than what has none
            words: dict[str, Any] = {"allowed": mask, "top_p": top_p}
            filtered = f"{some}, a filter" if top_p < 1.0 else some
            yield Job(f"sample {dtype}{filtered}", partial(sample, logits, n=2, **words))
            yield Job(f"probabilities {dtype}{filtered}", partial(probabilities, logits, **words))
            if details:
                yield Job(f"sample {dtype}{filtered}, details", partial(sample, logits, **words, **everything))
        yield Job(f"sample {dtype}{some}, refused", partial(_refused, logits, mask))
    # Chains with masks or details are rare, and take some seconds each: they are compiled when first needed.
    yield Job(f"sample {dtype}, samplers", partial(sample, logits, n=2, samplers=CHAIN))
    yield Job(f"probabilities {dtype}, samplers", partial(probabilities, logits, samplers=CHAIN))
    if dtype == "float32":  # which 16-bit rows with edits are widened to; float64 is compiled when first needed
        for text in (f"repetition=2.0 {CHAIN}", "repetition=2.0 top_p=0.9"):
            yield Job(f"sample {dtype}, edits", partial(_two_tokens, logits, SamplerChain(text)))
    yield Job(f"Sampler {dtype}", lambda: Sampler(seed=1)(logits))
    yield Job(f"Sampler {dtype}, a filter", lambda: Sampler(top_p=0.9, seed=1)(logits))
    yield Job(f"Sampler {dtype}, samplers", lambda: Sampler(CHAIN, seed=1)(logits))


def _refused(logits: Any, mask: Any) -> None:
    """Draw from a NaN: the kernel that finds it is needed once a call is refused."""
    with suppress(ValueError):
        sample(logits * np.float32(math.nan), allowed=mask)


def _two_tokens(logits: Any, chain: SamplerChain) -> None:
    """Draw two tokens one after the other: the counts of the second history come from those of the first."""
    _, state = sample(logits, samplers=chain, state=chain.start([1, 2]), seed=1)
    sample(logits, samplers=chain, state=state, seed=1, step=1)


def _chains() -> Iterator[Job]:
    chain = MarkovChain(order=1)
    yield Job("MarkovChain.fit", partial(chain.fit, [["a", "b"], ["a", "a"]]))
    yield Job("MarkovChain.walk", lambda: chain.walk(n=2, length=4))
    yield Job("MarkovChain.walk at T=0.5", lambda: chain.walk(n=2, length=4, temperature=0.5, top_p=0.9))
    yield Job("MarkovChain.walk by samplers", lambda: chain.walk(n=2, length=4, samplers=CHAIN))
    yield Job("MarkovChain.next_tokens", lambda: chain.next_tokens(["a"], temperature=0.5))
    yield Job("MarkovChain.log_likelihood", lambda: chain.log_likelihood(["a", "b"]))
    yield Job("MarkovChain.log_likelihood, smoothed", lambda: chain.log_likelihood(["a"], smoothing="kneser-ney"))
    yield Job("MarkovChain.partial_fit", lambda: chain.partial_fit([["b", "a"]]).partial_fit([["a", "b"]]))
    yield Job("MarkovChain.merge", lambda: chain.merge(chain, weight=2))
    yield Job("MarkovChain.prune", lambda: chain.prune(2).walk(n=2, length=4))
    yield Job("MarkovChain of many orders", lambda: MarkovChain(order=9).fit([[*map(str, range(999))]]).walk(length=2))
    independent = MarkovChain(order=0).fit([["a", "b"], ["b"]])
    yield Job("MarkovChain of order 0", lambda: independent.walk(n=2, length=4))
    yield Job("MarkovChain.load", partial(_save_and_load, chain))
    weighted = MarkovChain.from_transitions({"a": {"a": 0.5, "b": 1.5}, "b": {"a": 1.0}})
    yield Job("MarkovChain of weights", lambda: weighted.walk(n=2, length=4))
    yield Job("MarkovChain of weights at T=0.5", lambda: weighted.walk(n=2, length=4, temperature=0.5))
    yield Job("MarkovChain of weights, tokens", lambda: weighted.next_tokens(["a"], temperature=0.5))
    yield Job("MarkovChain of weights, likelihood", lambda: weighted.log_likelihood(["a", "b"], end=False))
    yield Job("MarkovChain.from_edges", lambda: MarkovChain.from_edges([0, 1], [1, 0]).walk(n=2, length=4))
    yield Job("MarkovChain.from_edges of weights", lambda: [MarkovChain.from_edges([0], [0], w) for w in ([2], [0.5])])
    yield Job("MarkovChain.walk_from", lambda: chain.walk_from(["a"], length=2, p=2.0))
    yield Job("MarkovChain.states", lambda: [chain.states, weighted.states])
    text = MarkovText(keep_text=True)
    yield Job("MarkovText.fit", partial(text.fit, "A word. A word more."))
    yield Job("MarkovText.generate", text.generate)
    yield Job("MarkovText.generate within bounds", partial(text.generate, max_words=9, novelty=0.1))
    yield Job("MarkovText.generate with given words", partial(text.generate, containing="word more."))
    yield Job("MarkovText.log_likelihood", partial(text.log_likelihood, "A word."))


def _save_and_load(chain: MarkovChain) -> None:
    """Walk by a table that is mapped from a file."""
    with tempfile.TemporaryDirectory() as folder:
        chain.save(Path(folder, "chain"))
        loaded = MarkovChain.load(Path(folder, "chain"))
        loaded.walk(n=2, length=4)
        loaded.walk(n=2, length=4, temperature=0.5)
