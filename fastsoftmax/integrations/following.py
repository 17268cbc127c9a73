"""The texts of a loop that is somebody else's: what was drawn, and what became of it."""

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
    """

    def __init__(self, samplers: Any, rng: Any, seed: Any, pad: int | None) -> None:
        if rng is not None and seed is not None:
            raise ValueError("rng and seed are both given, expected one")
        self._chain = fs.SamplerChain(samplers)
        self._rng, self._seed, self._pad = np.random.default_rng(rng), seed, pad
        self._state = self._chain.start()
        self._known: Tokens = np.zeros((0, 0), np.int64)  # the texts, and the token after each that was drawn last
        self._prompt = 0  # how many of them are the prompts

    def begins(self, texts: Tokens) -> bool:
        """Return whether these are new texts, and not those that are known, longer by a token or cut after the prompt.

        The prompts alone are new texts too: a loop that begins again gets other draws, unless they are seeded.
        """
        known, prompt, length = self._known, self._prompt, texts.shape[1]
        goes_on = len(texts) == len(known) and prompt < length <= known.shape[1]
        return not goes_on or not np.array_equal(texts[:, :prompt], known[:, :prompt])

    def draw(self, texts: Tokens, logits: Any) -> Tokens:
        """Return a token for each row of logits, shape (rows, V), that follows a text of shape (rows, length)."""
        if self.begins(texts):
            self._begin(texts)
        length, back = texts.shape[1], self._known.shape[1] - texts.shape[1]
        if back > 0 and self._state.numbers is not None:
            raise ValueError(f"the texts go back by {back} tokens, expected none: {self._chain} learns from each draw")
        agree = np.logical_and.accumulate(texts == self._known[:, :length], axis=1).sum(axis=1)
        news = np.where(np.arange(length) >= agree[:, np.newaxis], texts, -1)[:, self._prompt :]
        state = self._state.rewind(self._known.shape[1] - agree).accept(news)
        step = length - self._prompt
        tokens, self._state = fs.sample(logits, samplers=self._chain, state=state, seed=self._seeds, step=step)
        self._known = np.column_stack([texts, tokens])
        return self._known[:, -1]

    def _begin(self, texts: Tokens) -> None:
        rows = len(texts)
        if self._seed is None:
            self._seeds = self._rng.integers(2**64, size=rows, dtype=np.uint64)
        elif rows > 1 and np.ndim(self._seed) == 0:
            raise ValueError(f"seed is {self._seed} for {rows} rows, expected one for each, or rng: they'd draw alike")
        else:
            self._seeds = self._seed
        pads = np.logical_and.accumulate(texts == (-1 if self._pad is None else self._pad), axis=1)
        prompts = [text[padded:] for text, padded in zip(texts, pads.sum(axis=1), strict=True)]
        self._state = self._chain.start(prompts)
        self._known, self._prompt = texts, texts.shape[1]
