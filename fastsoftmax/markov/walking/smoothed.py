"""Walks with smoothing: every token is possible, so each is drawn as a language model's is, by `sample`.

With three known tokens each step samples from three logarithms and that of the end: O(V) a token.
"""

import numpy as np
import numpy.typing as npt

from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import BOUNDARY, last_of
from fastsoftmax.markov.smoothing.rules import Smoothed
from fastsoftmax.markov.walking.arguments import DrawLaw, Progress, progress_bar
from fastsoftmax.markov.walking.restarts import check_start
from fastsoftmax.markov.walking.walks import WalkRequest, Walks
from fastsoftmax.sampling import probabilities, sample

_AT_ONCE = 2**22  # logits
_LEAST_START = 2.0**-10  # of the mass beside the end: a try takes as long as a thousand of a walk without smoothing


def draw(smoothed: Smoothed, model: Model, wish: WalkRequest, law: DrawLaw, progress: bool) -> Walks:
    """Return walks as they were wished for.

    Token t of walk i is `sample` of the logarithms of the probabilities, with seed key + i and step t. With restarts
    a walk that ends goes on from the beginning, and draws that token again with step t + 2**40, and so on.
    """
    with progress_bar(progress, "walking", wish.length - len(wish.given)) as report:
        ids, lengths = _walked(smoothed, wish, law, report or (lambda done: None))
    return Walks(ids, lengths, None if model.vocabulary is None else model.vocabulary.tokens)


def _walked(
    smoothed: Smoothed, wish: WalkRequest, law: DrawLaw, report: Progress
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    numbers, length, given, key, at_dead_end = wish
    n = len(numbers)
    if at_dead_end == "restart":
        first, likely = smoothed.probabilities([])
        check_start(first.tolist(), probabilities(_logarithms(likely), **law.words()).tolist(), _LEAST_START)
    ids = np.full((n, length), BOUNDARY, np.int32)
    ids[:, : len(given)] = given
    lengths = np.full(n, length)
    seeds = np.uint64(key) + np.arange(numbers.start, numbers.stop, dtype=np.uint64)
    contexts = [list(given) for _ in range(n)]
    walking = np.arange(n)
    for step in range(len(given), length):
        drawn = drawn_after(smoothed, [contexts[i] for i in walking], law, seeds[walking], step)
        again = 1
        while at_dead_end == "restart" and (drawn == BOUNDARY).any():
            ended = np.flatnonzero(drawn == BOUNDARY)
            for i in walking[ended].tolist():
                contexts[i] = []
            retried = [contexts[i] for i in walking[ended]]
            drawn[ended] = drawn_after(smoothed, retried, law, seeds[walking[ended]], (again << 40) + step)
            again += 1
        lengths[walking[drawn == BOUNDARY]] = step
        walking, drawn = walking[drawn != BOUNDARY], drawn[drawn != BOUNDARY]
        ids[walking, step] = drawn
        for i, token in zip(walking.tolist(), drawn.tolist(), strict=True):
            contexts[i] = last_of([*contexts[i], token], smoothed.order)
        report(1)
        if walking.size == 0:
            break
    return ids, lengths


def drawn_after(
    smoothed: Smoothed, contexts: list[list[int]], law: DrawLaw, seeds: npt.NDArray[np.uint64], step: int
) -> npt.NDArray[np.int32]:
    """Return one token after each context, a part of them at a time."""
    tokens = np.empty(len(contexts), np.int32)
    piece = max(1, _AT_ONCE // smoothed.size)
    for first in range(0, len(contexts), piece):
        rows, known = [], np.empty(0, np.int32)
        for context in contexts[first : first + piece]:
            known, likely = smoothed.probabilities(context)
            rows.append(likely)
        logits = _logarithms(rows)
        chosen = sample(logits, **law.words(), seed=seeds[first : first + piece], step=step)
        tokens[first : first + piece] = known[chosen]
    return tokens


def _logarithms(weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(weights))
