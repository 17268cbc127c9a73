"""What walks, sentences and distributions are asked with: the parameters of a draw, a key, a progress bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np

from fastsoftmax import _checks
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.sampling.asked import asked_of, words_of_chain

if TYPE_CHECKING:  # the samplers are imported when a chain is first asked for
    from fastsoftmax.samplers.chain import SamplerChain

Progress = Callable[[int], object]


_MOST_KEPT = 2**31  # a top_k that is off for any row, and can be added to the number of an edge


class DrawLaw(NamedTuple):
    """How a token is drawn: by the four words, or by a chain, with which the words are off."""

    filters: Filters
    chain: "SamplerChain | None"

    def words(self) -> dict[str, Any]:
        """Return the words of `sample`."""
        return self.filters._asdict() if self.chain is None else {"samplers": self.chain}


class LawWords(TypedDict, total=False):
    """The words of a draw where a function has no others."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    samplers: Any


def law_of(words: LawWords) -> DrawLaw:
    """Check the words of a draw; TypeError for one that is none."""
    for word in words:
        if word not in LawWords.__annotations__:
            raise TypeError(f"{word!r} is no argument, expected some of {', '.join(LawWords.__annotations__)}")
    return checked_law(
        words.get("temperature", 1.0),
        words.get("top_k", 0),
        words.get("top_p", 1.0),
        words.get("min_p", 0.0),
        words.get("samplers"),
    )


def checked_law(temperature: Any, top_k: Any, top_p: Any, min_p: Any, samplers: Any) -> DrawLaw:
    """Check the parameters of a draw; a chain that says the same as words is taken as those."""
    asked = asked_of((temperature, top_k, top_p, min_p), samplers)
    if not isinstance(asked, tuple):
        if asked.parameters:
            name, value = next(iter(asked.parameters.items()))
            raise ValueError(f"{name}, has shape {np.shape(value)}, expected one value: walks have no batch")
        if asked.words is None:
            return DrawLaw(checked_filters(1.0, 0, 1.0, 0.0), asked)
        asked = words_of_chain(asked)
    return DrawLaw(checked_filters(*asked), None)


def checked_filters(temperature: Any, top_k: Any, top_p: Any, min_p: Any) -> Filters:
    """Check the four parameters of a draw."""
    return Filters(
        float(_checks.temperature_per_row(temperature)[0]),
        min(int(_checks.top_k_per_row(top_k)[0]), _MOST_KEPT),
        float(_checks.fraction_per_row("top_p", top_p)[0]),
        float(_checks.fraction_per_row("min_p", min_p)[0]),
    )


@contextmanager
def key_of(rng: Any, seed: Any) -> Iterator[int]:
    """Give the key that `rng` and `seed` stand for; a generator is put back if what is done with it fails."""
    with _checks.key_of(rng, seed) as key:
        yield int(_checks.word_per_row("seed", seed)[0]) if key is None else key


@contextmanager
def progress_bar(shown: bool, description: str, total: int | None) -> Iterator[Progress | None]:
    """Show a progress bar on stderr, if wanted, and give the function that moves it."""
    if not _checks.flag("progress", shown):
        yield None
        return
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        raise ImportError("progress=True needs rich: pip install 'fastsoftmax[cli]'") from None
    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda done: bar.advance(task, done)
