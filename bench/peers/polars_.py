"""Polars: transitions counted by a group-by over shifted columns."""

from collections.abc import Iterator

import polars

from bench.chains import Corpus
from bench.peers.columns import takes, windows
from bench.race import Contestant

NAME = "Polars"
DISTRIBUTIONS = ("polars",)

_threads = polars.thread_pool_size()


def fit(corpus: Corpus) -> Iterator[Contestant]:
    """Count the windows of order + 1 integers. Polars takes its number of threads from the environment, once."""
    if not takes(corpus) or polars.thread_pool_size() != _threads:
        return
    frame = polars.DataFrame(windows(corpus))
    yield Contestant(NAME, "peer", lambda: frame.group_by(frame.columns).len())


def set_num_threads(threads: int) -> None:
    """Note how many threads the others use: with another number Polars has no time to show."""
    global _threads
    _threads = threads
