"""What is seen of a whole sentence alone: its characters, its quotes, and how much of it is copied.

A walk cannot be conditioned on these; a sentence that fails is drawn again, up to 100 times.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from fastsoftmax._types import Ids
from fastsoftmax.markov.walking.novelty import Overlap
from fastsoftmax.markov.walking.quotes import are_balanced
from fastsoftmax.markov.walking.sentences import Reason


@dataclass(frozen=True)
class Checks:
    """What a sentence is asked for."""

    text_of: Callable[[Ids], str]
    shortest: int  # characters
    longest: int | None
    balanced: bool
    overlap: Overlap | None  # None where nothing is asked of copies
    copied: Fraction  # of a sentence, in one piece, at most
    run: int  # words, likewise

    def __call__(self, ids: Ids) -> Reason | None:
        """Return why these tokens may be no sentence, or None."""
        if self.shortest or self.longest is not None or self.balanced:
            text = self.text_of(ids)
            if len(text) < self.shortest or (self.longest is not None and len(text) > self.longest):
                return Reason.CHARACTERS
            if self.balanced and not are_balanced(text):
                return Reason.UNBALANCED
        if self.overlap is not None:
            most = min(math.floor(self.copied * len(ids)), self.run)
            if self.overlap.longest_run(ids) > most:
                return Reason.COPIED
        return None
