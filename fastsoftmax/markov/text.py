"""MarkovText: a Markov chain over the words of a text, sentence by sentence."""

import os
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax.markov import storage
from fastsoftmax.markov.chain import MarkovChain
from fastsoftmax.markov.model import Model, counted, log_likelihood
from fastsoftmax.markov.transitions import BOUNDARY, MAX_TOTAL
from fastsoftmax.markov.vocabulary import Interning, Vocabulary

Ids = npt.NDArray[np.int32]
Source = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]

_PARAGRAPHS = re.compile(r"\n\s*\n")
_CLOSING = "'\"’”»)\\]』」）】》〉"  # noqa: RUF001
_END = re.compile(f"[.!?…。！？][{_CLOSING}]*$")  # noqa: RUF001
_END_WITHOUT_SPACE = re.compile(f"[。！？]+[{_CLOSING}]*")  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"\W*(?:(?:[^\W\d_]\.)+|(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|cf|viz|approx|Fig|fig|Eq|eq|Sec|Vol|vol|pp|ed|eds|al)\.)"
)


class MarkovText:
    """A Markov chain over words that speaks in sentences.

    Text is split into paragraphs (at blank lines; a line break inside one is a space), these into sentences, and these
    into words, with the punctuation that is attached to them. A sentence ends with a word that ends in one of
    ``. ! ? … 。 ！ ？`` and closing quotes or brackets, unless it is an initial or a usual abbreviation ("J.", "e.g.",
    "Mr.") or the next word begins in lower case. Words are normalised to NFC.

    Parameters
    ----------
    order : int
        How many words make a state, at least 1. Larger orders repeat the text more literally.

    Examples
    --------
    >>> text = MarkovText().fit("The cat sat on the mat. The cat ran.")
    >>> text.generate(start="The cat", temperature=0, max_words=3)
    ['The cat sat']
    """

    def __init__(self, order: int = 2) -> None:
        self._chain = MarkovChain(order)

    @property
    def chain(self) -> MarkovChain:
        """The chain over words: the same object, so that a change of one is a change of both."""
        return self._chain

    @property
    def order(self) -> int:
        """How many words make a state."""
        return self._chain.order

    def __repr__(self) -> str:
        return repr(self._chain).replace("MarkovChain", "MarkovText", 1)

    def fit(self, source: Source) -> Self:
        """Forget everything and learn from `source`.

        Parameters
        ----------
        source : str, path, or iterable of them
            A str is text. A path (`pathlib.Path`) is a file, read as UTF-8. An iterable gives documents, or lines: no
            sentence crosses from one to the next.

        Returns
        -------
        MarkovText
            The model itself.

        Raises
        ------
        TypeError
            If a part of `source` is neither a str nor a path.
        ValueError
            If there are no words, or a file is not UTF-8, naming it and the byte. The model is then as before.
        """
        self._chain._put(_counted(source, self.order, 1))
        return self

    def partial_fit(self, source: Source, weight: int = 1) -> Self:
        """Learn from `source` too, as if it was there `weight` times.

        Parameters
        ----------
        source : str, path, or iterable of them
            As in `fit`.
        weight : int
            At least 1.

        Returns
        -------
        MarkovText
            The model itself.

        Raises
        ------
        TypeError, ValueError
            As in `fit`, and if the counts would add up to more than 2**53. The model is then as before.
        """
        weight = _checks.integer("weight", weight, 1, MAX_TOTAL)
        self._chain._add(_counted(source, self.order, weight), 1)
        return self

    def merge(self, other: "MarkovText", weight: int = 1) -> Self:
        """Add the counts of another model of the same order, `weight` times.

        Parameters
        ----------
        other : MarkovText
            The other model.
        weight : int
            At least 1.

        Returns
        -------
        MarkovText
            The model itself.

        Raises
        ------
        TypeError, ValueError
            As in `MarkovChain.merge`.
        """
        if not isinstance(other, MarkovText):
            raise TypeError(f"other is {other!r}, expected a MarkovText")
        self._chain.merge(other._chain, weight)
        return self

    def prune(self, min_count: float) -> Self:
        """Drop the transitions with a count below `min_count`.

        Parameters
        ----------
        min_count : float
            At least 0.

        Returns
        -------
        MarkovText
            The model itself.

        Raises
        ------
        TypeError, ValueError
            As in `MarkovChain.prune`.
        """
        self._chain.prune(min_count)
        return self

    def generate(
        self,
        n: int = 1,
        *,
        max_words: int = 50,
        start: str | None = None,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        rng: int | np.random.Generator | None = None,
        seed: int | None = None,
        progress: bool = False,
    ) -> list[str]:
        """Return `n` sentences of up to `max_words` words.

        Parameters
        ----------
        n, max_words : int
            `max_words` counts the words of `start`. A sentence that would be longer is cut there.
        start : str, optional
            The words that every sentence begins with. Fewer words than the order must have begun a sentence of the
            text; of more, the last ones are the state.
        temperature, top_k, top_p, min_p, rng, seed, progress
            As in `MarkovChain.walk`.

        Returns
        -------
        list of str
            `n` sentences, their words joined by spaces.

        Raises
        ------
        KeyError
            If the start was never seen, with near matches.
        TypeError, ValueError
            If an argument is out of range, the start has more than `max_words` words, or the model is empty.
        """
        words = _words(start)
        max_words = _checks.integer("max_words", max_words, 0)
        if len(words) > max_words:
            raise ValueError(f"start has {len(words)} words, expected at most max_words, {max_words}")
        walks = self._chain.walk(
            n,
            max_words,
            start=words,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            min_p=min_p,
            rng=rng,
            seed=seed,
            progress=progress,
        )
        return [" ".join(walk) for walk in walks]

    def next_tokens(
        self,
        context: str | None,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
    ) -> tuple[list[str | None], npt.NDArray[np.float64]]:
        """Return the words that can come after `context`, likeliest first, and their probabilities.

        Parameters
        ----------
        context : str or None
            As `start` of `generate`; None is the beginning of a sentence.
        temperature, top_k, top_p, min_p
            As in `MarkovChain.walk`.

        Returns
        -------
        words : list of str or None
            The words that the cut-offs keep; None is the end of the sentence.
        probabilities : float64 array
            They add up to 1.

        Raises
        ------
        KeyError
            If nothing was seen after the context, with near matches.
        """
        return self._chain.next_tokens(
            _words(context, "context"), temperature=temperature, top_k=top_k, top_p=top_p, min_p=min_p
        )

    def log_likelihood(self, source: Source) -> float:
        """Return the natural logarithm of the probability of all sentences of `source`.

        Parameters
        ----------
        source : str, path, or iterable of them
            As in `fit`.

        Returns
        -------
        float
            At most 0; -inf if a sentence is impossible.

        Raises
        ------
        TypeError, ValueError
            As in `fit`, and if the model is empty.
        """
        return self._likelihood(source)[0]

    def perplexity(self, source: Source) -> float:
        """Return exp(-log likelihood / number of words and sentence ends).

        Parameters
        ----------
        source : str, path, or iterable of them
            As in `fit`.

        Returns
        -------
        float
            At least 1, which is certain; inf if a sentence is impossible.

        Raises
        ------
        TypeError, ValueError
            As in `log_likelihood`.
        """
        likelihood, predicted = self._likelihood(source)
        return float(np.exp(-likelihood / predicted))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or path
            A file that is there already is replaced.

        Raises
        ------
        OSError, ValueError
            As in `MarkovChain.save`.
        """
        storage.save(path, "text", *self._chain._fitted())

    @classmethod
    def load(cls, path: str | os.PathLike[str], mmap: bool = True) -> "MarkovText":
        """Read a model that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file.
        mmap : bool
            Map the file into memory instead of reading it, as in `MarkovChain.load`.

        Returns
        -------
        MarkovText

        Raises
        ------
        FileNotFoundError, TypeError, ValueError
            As in `MarkovChain.load`.
        """
        model = Model(*storage.load(path, "text", mmap))
        text = cls(model.transitions.order)
        text._chain._put(model)
        return text

    def _likelihood(self, source: Source) -> tuple[float, int]:
        model = self._chain._fitted()
        stream = _stream(source, {} if model.vocabulary is None else model.vocabulary)
        return log_likelihood(model, stream), stream.size


def _counted(source: Source, order: int, weight: int) -> Model:
    ids = Interning()
    transitions = counted([_stream(source, ids)], order, weight)
    return Model(transitions, Vocabulary(ids))


def _stream(source: Source, ids: dict[str, int]) -> Ids:
    """Return the ids of all words, the boundary after each sentence.

    Whether a word can end a sentence, or continue one, is asked once for every different word.
    """
    buffer = array("i")
    for text in _documents(source):
        for paragraph in _PARAGRAPHS.split(_spaced(text)):
            if tokens := paragraph.split():
                buffer.fromlist([*map(ids.__getitem__, tokens), BOUNDARY])
    if not buffer:
        raise ValueError("source has no words, expected text")
    stream = np.frombuffer(buffer, np.int32)
    ends = np.zeros(len(ids) + 2, np.bool_)  # the last two are for UNKNOWN and the boundary
    continues = ends.copy()
    words = list(ids)
    for identifier in np.unique(stream[stream >= 0]).tolist():
        word = words[identifier]
        ends[identifier] = bool(_END.search(word)) and not _ABBREVIATION.fullmatch(word)
        continues[identifier] = word[0].islower()
    continues[BOUNDARY] = True
    return np.insert(stream, np.flatnonzero(ends[stream[:-1]] & ~continues[stream[1:]]) + 1, BOUNDARY)


def _documents(source: Source) -> Iterator[str]:
    if isinstance(source, (str, os.PathLike)):
        yield _text(source, "source")
        return
    if isinstance(source, bytes) or not isinstance(source, Iterable):
        raise TypeError(f"source is {type(source).__name__}, expected text, a pathlib.Path, or an iterable of them")
    for index, part in enumerate(source):
        yield _text(part, f"source[{index}]")


def _text(part: Any, place: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, os.PathLike):
        raise TypeError(f"{place} is {part!r}, expected a str or a pathlib.Path")
    data = Path(part).read_bytes()
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(f"{place}: {os.fspath(part)} is not UTF-8 at byte {error.start}: {error.reason}") from None


def _spaced(text: str) -> str:
    """Return NFC text in which a space follows every end mark that needs none."""
    if text.isascii():
        return text
    return _END_WITHOUT_SPACE.sub(r"\g<0> ", unicodedata.normalize("NFC", text))


def _words(text: str | None, name: str = "start") -> list[str]:
    if text is None:
        return []
    if not isinstance(text, str):
        raise TypeError(f"{name} is {text!r}, expected a str of one or more words")
    return _spaced(text).split()
