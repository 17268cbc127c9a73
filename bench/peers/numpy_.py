"""NumPy: what one writes without a library."""

from collections.abc import Iterator
from typing import Any

import numpy as np

import fastsoftmax
from bench.chains import Corpus
from bench.data import Array
from bench.race import Contestant

NAME = "NumPy"
DISTRIBUTIONS = ("numpy",)


def softmax(function: str, logits: Array, temperature: float, axis: int = -1) -> Iterator[Contestant]:
    """Write the three lines of every tutorial, in the dtype of the logits."""
    one = {"softmax": _softmax, "log_softmax": _log_softmax, "logsumexp": _logsumexp}[function]
    t = logits.dtype.type(temperature)
    yield Contestant(NAME, "peer", lambda: one(logits if temperature == 1 else logits / t, axis))


def _softmax(logits: Array, axis: int = -1) -> Any:
    weights = np.exp(logits - logits.max(axis=axis, keepdims=True))
    weights /= weights.sum(axis=axis, keepdims=True)
    return weights


def _log_softmax(logits: Array, axis: int) -> Any:
    shifted = logits - logits.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def _logsumexp(logits: Array, axis: int) -> Any:
    maximum = logits.max(axis=axis, keepdims=True)
    return np.squeeze(maximum, axis) + np.log(np.exp(logits - maximum).sum(axis=axis))


def sample(logits: Array, params: fastsoftmax.SamplingParams, n: int) -> Iterator[Contestant]:
    """Argpartition (top-k) or argsort (top-p), then invert the cumulative sum; 16 bits are widened first."""
    rng = np.random.default_rng(0)
    wide = np.float32 if logits.itemsize == 2 else logits.dtype
    yield Contestant(
        NAME, "peer", lambda: np.array([_draw(row, params, n, rng) for row in logits.astype(wide, copy=False)])
    )


def _draw(row: Array, params: fastsoftmax.SamplingParams, n: int, rng: np.random.Generator) -> Any:
    if params.temperature == 0:
        return [row.argmax()] * n
    tokens: Any = slice(None)
    if params.top_k:
        tokens = np.argpartition(row, -params.top_k)[-params.top_k :]
        row = row[tokens]
    weights = _softmax(row / row.dtype.type(params.temperature))
    if params.top_p < 1:
        order = np.argsort(-weights, kind="stable")
        before = np.cumsum(weights[order]) - weights[order]
        weights[order[before >= params.top_p]] = 0
    if params.min_p:
        weights[weights < params.min_p * weights.max()] = 0
    cumulative = weights.cumsum(dtype=np.float64)
    drawn = np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right")
    return drawn if isinstance(tokens, slice) else tokens[drawn]


def fit(corpus: Corpus) -> Iterator[Contestant]:
    """Pairs of integers packed into one, and np.unique."""
    if corpus.order == 1 and isinstance(corpus.sequences, np.ndarray):
        ids = corpus.sequences.astype(np.int64)
        yield Contestant(NAME, "peer", lambda: np.unique(ids[:-1] << 32 | ids[1:], return_counts=True))
