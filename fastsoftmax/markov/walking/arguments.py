"""What walks, sentences and distributions are asked with: the parameters of a draw, a key, a progress bar."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fastsoftmax import _checks
from fastsoftmax.kernels.math.filters import Filters

Progress = Callable[[int], object]


_MOST_KEPT = 2**31  # a top_k that is off for any row, and can be added to the number of an edge


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
