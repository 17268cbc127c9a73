"""What peers' words say of the history, as edits: penalties, DRY, bans and biases. What is off is left out later."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from fastsoftmax.samplers.dry import Dry
from fastsoftmax.samplers.frequency import Frequency
from fastsoftmax.samplers.presence import Presence
from fastsoftmax.samplers.repetition import Repetition
from fastsoftmax.samplers.sequence_bias import SequenceBias
from fastsoftmax.samplers.step import Step


def penalties(
    repeat: Any, frequency: Any, presence: Any, of: str = "all", last: Any = -1, also: str | None = None
) -> Iterator[Step]:
    """Yield the three penalties, repetition first. Of the last 0 tokens there is none, of the last -1 all count.

    `also` is the part of the history that the first one counts, where that is another.
    """
    if np.all(np.equal(last, 0)):
        return
    last = np.maximum(last, 0)[()]
    yield Repetition(1.0 if repeat is None else repeat, also or of, last)
    yield Frequency(0.0 if frequency is None else frequency, of, last)
    yield Presence(0.0 if presence is None else presence, of, last)


def dry(multiplier: Any, base: Any, allowed_length: Any, last: Any, breakers: Any) -> Iterator[Step]:
    """Yield DRY; of the last 0 tokens there is none, of the last -1 all count."""
    if not np.all(np.equal(last, 0)):
        yield Dry(multiplier, base, allowed_length, np.maximum(last, 0)[()], breakers)


def biases(values: Mapping[int, float] | None) -> Iterator[Step]:
    """Yield a logit bias."""
    if values:
        yield SequenceBias([int(token) for token in values], [float(value) for value in values.values()])


def bans(tokens: Any, of: str = "all", until: Any = 0, unless: Any = None) -> Iterator[Step]:
    """Yield a ban of a token, or of tokens or sequences, but for tokens by themselves that are in `unless`."""
    spared = [*_several(unless), *([token] for token in _several(unless))]
    some = [one for one in _several(tokens) if one not in spared]
    if some:
        yield SequenceBias(some, of=of, until=until)


def no_end(tokens: Any, until: Any, of: str) -> Iterator[Step]:
    """Yield a ban of the end while a part of the history is shorter."""
    if until is not None and np.any(np.greater(until, 0)):
        yield from bans(tokens, of, until)


def _several(tokens: Any) -> list[Any]:
    """Return tokens or sequences as a list; None is nothing."""
    if tokens is None:
        return []
    return [*tokens] if isinstance(tokens, Iterable) else [tokens]
