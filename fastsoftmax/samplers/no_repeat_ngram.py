"""No repeated n-grams: what would end an n-gram that came before is not drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastsoftmax.samplers.edit import MATCHES, PARTS, Edit
from fastsoftmax.samplers.step import Rows, whole, word


@dataclass(frozen=True, eq=False)
class NoRepeatNgram(Edit):
    """Drop each token that would end an n-gram that is in the history already.

    Parameters
    ----------
    size : int, default 0
        n, at least 0; 0 is off, 1 drops all that came before.
    of : {"all", "prompt"}, default "all"
        Where the n-gram is looked for: in all of the history, or in the prompt.

    Notes
    -----
    transformers and text-generation-webui have it, with `of=prompt` as that of the encoder.
    Source: Paulus et al., "A deep reinforced model for abstractive summarization" (2018), arXiv 1705.04304.
    """

    name = "no_repeat_ngram"
    source, alone = MATCHES, True

    size: Any = whole(0, 0)
    of: str = word(PARTS[0], PARTS[2])

    @staticmethod
    def edit(z: float, x: float, a: float, b: float, c: float) -> float:
        """Return the new logit."""
        return -np.inf

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        return a == 0.0

    @staticmethod
    def least(a: Rows, b: Rows, c: Rows) -> Any:
        return a - 1.0
