"""What Markov chains are fitted to: a real text, and Zipf sequences whose chains fit into cache, or do not.

Everything is seeded; the text is that of Python's own help (`pydoc_data.topics`), so it differs a little from one
version of Python to the next.
"""

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastsoftmax
from bench.data import SEED, Missing

EDGE = 8  # bytes that a walk may touch for a transition: a slot or two, and its share of the heads of states
ZIPF = {  # name: (vocabulary, tokens); the number of transitions is what the name says, nearly
    "zipf-80k": (1_000, 220_000),
    "zipf-5M": (2**20, 7_000_000),
    "zipf-100M": (2**20, 190_000_000),
}
MEMORY = {"zipf-100M": 16 * 2**30}  # bytes of RAM that a case needs
SMALL_TEXT = 40  # paragraphs


@dataclass(frozen=True)
class Corpus:
    """Sequences to fit a chain of this order to.

    `name` is "text" (paragraphs of words), "text-small" or a key of `ZIPF` (one sequence of integers).
    """

    name: str
    order: int = 1

    def __str__(self) -> str:
        return f"{self.name}-order{self.order}"

    @property
    def sequences(self) -> Any:
        """A list of lists of words, or an array of integers. Raises `Missing` where there is too little memory."""
        return _zipf(self.name) if self.name in ZIPF else _paragraphs(self.name == "text-small")

    @property
    def tokens(self) -> int:
        """How many tokens the sequences have."""
        return ZIPF[self.name][1] if self.name in ZIPF else sum(map(len, self.sequences))

    @property
    def endless(self) -> bool:
        """Whether a walk goes on until it is long enough: with one long sequence, an end is as good as never met."""
        return self.name in ZIPF


@lru_cache(maxsize=1)
def _zipf(name: str) -> npt.NDArray[np.int32]:
    """Return independent tokens with P(k) = ln(1 + 1/k) / ln(V), nearly 1/k, k from 1: the floor of V ** uniform."""
    if memory() < MEMORY.get(name, 0):
        raise Missing(f"{name} needs {MEMORY[name] / 2**30:.0f} GiB of memory, this machine has {memory() / 2**30:.0f}")
    vocabulary, length = ZIPF[name]
    rng = np.random.default_rng((SEED, vocabulary, length))
    tokens = np.empty(length, np.int32)
    for part in np.array_split(tokens, -(-length // 2**22)):  # views; few at a time, for memory
        part[:] = np.exp(rng.random(part.size) * np.log(vocabulary)) - 1
    return tokens


@lru_cache(maxsize=2)
def _paragraphs(small: bool) -> list[list[str]]:
    from pydoc_data.topics import topics

    paragraphs = [words for topic in topics.values() for text in topic.split("\n\n") if (words := text.split())]
    return paragraphs[:SMALL_TEXT] if small else paragraphs


@lru_cache(maxsize=1)
def fitted(corpus: Corpus) -> fastsoftmax.MarkovChain:
    """Return the chain of a corpus. Raises `Missing` as its sequences do."""
    return fastsoftmax.MarkovChain(corpus.order).fit(corpus.sequences)


@lru_cache(maxsize=2)
def book(size: int) -> Path:
    """Return a file of so many bytes of text: the paragraphs in random order, with new words as texts have them.

    Every 40th word gets a number, from a range that grows with the text, so that the vocabulary grows too.
    """
    rng = np.random.default_rng((SEED, size))
    paragraphs = _paragraphs(False)
    path = Path(tempfile.mkdtemp(prefix="fastsoftmax-bench-")) / f"{size}.txt"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    with open(path, "w", encoding="utf-8") as file:
        written = 0
        while written < size:
            words = list(paragraphs[rng.integers(len(paragraphs))])
            for i in range(int(rng.integers(40)), len(words), 40):
                words[i] += str(rng.integers(1 + written // 100))
            written += file.write(" ".join(words)[: size - written] + "\n\n")
    return path


def memory() -> int:
    """Return the bytes of memory of this machine; 0 where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0
