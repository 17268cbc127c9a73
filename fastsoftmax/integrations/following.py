"""The texts of a loop that is somebody else's: what was drawn, and what became of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

import fastsoftmax as fs

Tokens = npt.NDArray[np.int64]


class Follower:
    """Draw tokens for a loop that shows its texts before each draw.

    A loop may leave a token that was drawn, as transformers do in a row that has ended, or go back over several, as
    speculation does. So each text is compared with what is known of it, and the state is rewound to where they part.

    Parameters
    ----------
    samplers, rng, seed, pad
        As in `fastsoftmax.integrations.transformers.SamplerLogitsProcessor`.
    begins : callable
        It is called where new texts begin, and may refuse them.
    """

    def __init__(self, samplers: Any, rng: Any, seed: Any, pad: int | None, begins: Callable[[], None]) -> None:
        if rng is not None and seed is not None:
            raise ValueError("rng and seed are both given, expected one")
        if pad is not None and (isinstance(pad, bool) or not isinstance(pad, int)):
            raise TypeError(f"pad is {pad!r}, expected the id of a token, an int")
        self._chain = fs.SamplerChain(samplers)
        fs.Sampler(seed=seed)  # which refuses what is no seed
        self._rng, self._seed, self._pad, self._begins = np.random.default_rng(rng), seed, pad, begins
        self._state: fs.State | None = None  # where the chain asks what came before
        self._known: Tokens = np.zeros((0, 0), np.int64)  # the texts, and the token after each that was drawn last
        self._prompt = 0  # how many of them are the prompts
        self._seeds: Any = None  # one for each text

    def draw(self, texts: Tokens, logits: Any) -> Tokens:
        """Return a token for each row of logits, shape (rows, V), that follows a text of shape (rows, length)."""
        if not np.array_equal(texts, self._known):
            self._state = self._of_others(texts)
            self._known = texts
        step = texts.shape[1] - self._prompt
        drawn = fs.sample(logits, samplers=self._chain, state=self._state, seed=self._seeds, step=step)
        tokens: Tokens = drawn if self._state is None else drawn[0]
        self._state = None if self._state is None else drawn[1]
        self._known = np.concatenate([texts, tokens[:, np.newaxis]], axis=1)
        return tokens

    def _of_others(self, texts: Tokens) -> fs.State | None:
        """Return the state of texts that are not those which were drawn.

        They are new, but where they have the same prompts and are no longer than what is known of them. The prompts
        alone are new, too: a loop that begins again gets other draws, unless they are seeded.
        """
        known, prompt, length = self._known, self._prompt, texts.shape[1]
        goes_on = len(texts) == len(known) and prompt < length <= known.shape[1]
        if not goes_on or not np.array_equal(texts[:, :prompt], known[:, :prompt]):
            return self._begun(texts)
        if self._state is None:
            return None
        back = known.shape[1] - length
        if back > 0 and self._state.numbers is not None:
            raise ValueError(
                f"the texts go back by {back} tokens, expected none, since {self._chain} learns from each draw: "
                "leave out drafts, and give a text that was cut short a processor of its own"
            )
        agree = np.logical_and.accumulate(texts == known[:, :length], axis=1).sum(axis=1)
        news = np.where(np.arange(length) >= agree[:, np.newaxis], texts, -1)[:, prompt:]
        return self._state.rewind(known.shape[1] - agree).accept(news)

    def _begun(self, texts: Tokens) -> fs.State | None:
        """Return the state of new texts, which are prompts yet."""
        self._begins()
        rows, self._prompt = texts.shape
        if self._seed is None:
            seeds = [int(self._rng.integers(2**64, dtype=np.uint64)) for _ in range(rows)]
            self._seeds = seeds if rows > 1 else seeds[0]  # a plain number is the faster way
        elif rows > 1 and np.ndim(self._seed) == 0:
            raise ValueError(f"seed is {self._seed} for {rows} rows, expected one for each, or rng: they'd draw alike")
        elif np.ndim(self._seed) > 0 and np.shape(self._seed) != (rows,):
            raise ValueError(f"seed has shape {np.shape(self._seed)}, expected ({rows},), one for each text")
        else:
            self._seeds = self._seed
        if self._chain.asking is None:
            return None
        pads = np.logical_and.accumulate(texts == (-1 if self._pad is None else self._pad), axis=1)
        return self._chain.start([text[padded:] for text, padded in zip(texts, pads.sum(axis=1), strict=True)])
