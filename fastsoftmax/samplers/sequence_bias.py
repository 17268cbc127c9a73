"""Sequence bias: a number for each token that would end a sequence; -inf for bad words, and for an early end."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax.samplers.edit import LISTED, PARTS, Edit, sequences
from fastsoftmax.samplers.step import whole, word


@dataclass(frozen=True, eq=False)
class SequenceBias(Edit):
    """Add a value to the logit of each token that would end one of some sequences.

    Parameters
    ----------
    sequences : sequences of tokens, or tokens, default ()
        Where the history ends with all but the last token of one, its value is added to that of the last one. A token
        by itself always has its value. They are the same for all rows.
    values : float or list of float, default -inf
        One for all sequences, or one for each; below inf. -inf drops the token.
    of : {"all", "output", "prompt"}, default "all"
        The part of the history that must end so.
    until : int, default 0
        How many tokens that part may have: with so many or more nothing happens; 0 is always.

    Notes
    -----
    Many words of peers are this one. Bad words: sequences with -inf (vLLM looks at the output alone). A logit bias, or
    suppressed tokens: tokens by themselves. No end before n tokens: the end tokens, ``until=n, of=output``. Suppressed
    at the beginning: ``until=1, of=output``. transformers leaves out a bad word that is the end token alone.
    Source: transformers, `SequenceBiasLogitsProcessor` and `MinNewTokensLengthLogitsProcessor` (2023).
    """

    name = "sequence_bias"
    source = LISTED

    sequences: Any = sequences()
    values: Any = field(default=-np.inf, metadata={"values": True})
    of: str = word(*PARTS)
    until: Any = whole(0, 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "values", self._checked())

    @property
    def listed_values(self) -> tuple[float, ...]:
        if isinstance(self.values, tuple):
            return self.values
        return (self.values,) * len(self.sequences)

    @staticmethod
    def edit(z: float, x: float, a: float, b: float, c: float) -> float:
        """Return the new logit; x is the value."""
        return z + x if x > -np.inf else x  # of NaN too

    def _checked(self) -> float | tuple[float, ...]:
        """Return the values, one for all or one for each sequence."""
        place, alone = f"{self.name}'s values", not isinstance(self.values, Iterable)
        rows = _checks.per_row(place, self.values, None, np.float64, lambda x: x < np.inf, "a number below inf")
        if alone:
            return float(rows[0])
        if len(rows) != len(self.sequences):
            raise ValueError(f"{place} has {len(rows)} entries, expected one, or {len(self.sequences)} as sequences")
        return tuple(map(float, rows))
