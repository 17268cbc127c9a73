"""markovify: chains as dictionaries, raw and compiled (cumulative sums made once). One thread."""

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import markovify
import numpy as np

from bench.chains import Corpus
from bench.race import Contestant

NAME = "markovify"
DISTRIBUTIONS = ("markovify",)

MOST_BYTES = 5_000_000  # of a text
MOST_TOKENS = 1_000_000  # of a corpus; a dictionary of more takes minutes and gigabytes
SENTENCES, ENDLESS = 100, 2  # walks: enough for a figure


def walk(corpus: Corpus, n: int, length: int) -> Iterator[Contestant]:
    """Chain.gen until a sequence ends; the raw chain adds up the counts of the state at every step."""
    if corpus.tokens > MOST_TOKENS:
        return
    random.seed(0)
    raw = _chain(corpus)
    for name, chain in ((NAME, raw), (f"{NAME} (compiled)", raw.compile())):
        walks = min(n, ENDLESS if corpus.endless else SENTENCES)
        draw = _draw(chain, walks, length)
        steps = float(walks * length)
        if not corpus.endless:
            steps = sum(min(len(tokens) + 1, length) for _ in range(5) for tokens in draw()) / 5
        yield Contestant(name, "peer", draw, units=steps)


def _draw(chain: markovify.Chain, n: int, length: int) -> Callable[[], list[list[object]]]:
    return lambda: [list(itertools.islice(chain.gen(), length)) for _ in range(n)]


def fit(corpus: Corpus) -> Iterator[Contestant]:
    """markovify.Chain over the sequences."""
    if corpus.tokens <= MOST_TOKENS:
        yield Contestant(NAME, "peer", lambda: _chain(corpus))


def fit_text(path: Path) -> Iterator[Contestant]:
    """markovify.Text of a file that is read, with sentences split as it does."""
    if path.stat().st_size <= MOST_BYTES:
        yield Contestant(NAME, "peer", lambda: markovify.Text(path.read_text(), retain_original=False))


def _chain(corpus: Corpus) -> markovify.Chain:
    sequences = corpus.sequences
    return markovify.Chain([sequences.tolist()] if isinstance(sequences, np.ndarray) else sequences, corpus.order)
