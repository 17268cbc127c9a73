"""No repeated n-grams: what would end an n-gram that came before is not drawn."""

import math
from collections.abc import Sequence

from reference.samplers.common import integer, one_of
from reference.samplers.history import match


def edit(logits: Sequence[float], history: Sequence[int], prompt: int, size: int = 0, of: str = "all") -> list[float]:
    """Drop each token that would end an n-gram of the history, or of the prompt. size=0 is off.

    R. Paulus, C. Xiong and R. Socher, "A deep reinforced model for abstractive summarization" (2018), arXiv 1705.04304.
    """
    integer("no_repeat_ngram.size", size, 0)
    one_of("no_repeat_ngram.of", of, ("all", "prompt"))
    edited = list(logits)
    for place in range(prompt if of == "prompt" else len(history)):
        if size > 0 and match(history, place) >= size - 1:
            edited[history[place]] = -math.inf
    return edited
