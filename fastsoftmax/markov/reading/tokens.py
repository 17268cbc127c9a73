"""From text to streams of ids: words, characters or a user's own tokens, in sentences or lines.

`The cat sat. It ran.` becomes the stream 0, 1, 2, -1, 3, 4, -1 of the words The, cat, sat., It, ran.
"""

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from fastsoftmax._checks import described
from fastsoftmax._types import Ids
from fastsoftmax.markov.counts.transitions import BOUNDARY
from fastsoftmax.markov.counts.vocabulary import Interning
from fastsoftmax.markov.reading.clean import UTF_8, Report, Source, pieces
from fastsoftmax.markov.reading.splitting import Sentences
from fastsoftmax.markov.reading.word_table import WordTable

Tokenizer = Callable[[str], Iterable[str]]

_LINE, _PARAGRAPH = 1, 2  # line feeds between two sequences


class NoWordsError(ValueError):
    """Raised for a source that has no words, which can be a part of one that has."""


class Reader:
    """Reads sources as streams of ids, each sequence followed by the boundary; `words()` are what the ids stand for."""

    def __init__(self, tokenizer: Tokenizer | None, by_lines: bool, encoding: str = UTF_8) -> None:
        self._encoding = encoding
        self._as_it_stands = takes_lines_as_they_stand(tokenizer, by_lines)
        self._table = WordTable()
        self._sentences = None if by_lines else Sentences(self._table)
        self._breaks = _LINE if by_lines else _PARAGRAPH
        self._tokenizer = tokenizer
        self._read: list[str] = []  # the words that were made tokens of
        self._tokens = Interning()

    def words(self) -> list[str]:
        """Return the tokens of all ids so far."""
        return self._table.words() if self._tokenizer is None else list(self._tokens)

    def streams(self, source: Source, report: Report | None = None) -> Iterator[Ids]:
        """Yield the streams of a source.

        Raises
        ------
        TypeError, ValueError
            If it is no text, has no words, or a file is not UTF-8.
        """
        empty = True
        for stream in self._streams_of_tokens(source, report):
            if stream.size:
                empty = False
                yield stream
        if empty:
            raise NoWordsError("source has no words, expected text")

    def _streams_of_tokens(self, source: Source, report: Report | None) -> Iterator[Ids]:
        if self._tokenizer is None:
            yield from self._streams_of_words(source, report)
        elif self._as_it_stands:
            yield from self._streams_of_lines(source, report, self._tokenizer)
        else:
            for words in self._streams_of_words(source, report):
                yield self._retokenized(words, self._tokenizer)

    def _streams_of_lines(self, source: Source, report: Report | None, tokenizer: Tokenizer) -> Iterator[Ids]:
        waiting: list[str] = []  # of a line
        for piece, is_last in pieces(source, report, self._encoding, spaced=False):
            lines = piece.decode("utf-8", "surrogatepass").split("\n")
            if len(lines) > 1 or is_last:
                lines[0] = "".join([*waiting, lines[0]])
                waiting = [] if is_last else [lines.pop()]
                yield self._ids(tokens_of(tokenizer, line) for line in lines if line.strip())
            else:
                waiting += lines

    def _ids(self, sequences: Iterable[list[str]]) -> Ids:
        """Return the stream of sequences of tokens."""
        block = array("i")
        for tokens in filter(None, sequences):
            block.fromlist([*map(self._tokens.__getitem__, tokens), BOUNDARY])
        return np.array(block, np.int32)

    def _streams_of_words(self, source: Source, report: Report | None) -> Iterator[Ids]:
        opened = list[Ids]()  # of a sequence, which may go on in the next piece
        last = np.empty(0, np.int32)  # its last word: whether it ends there is known with the next one
        for piece, is_last in pieces(source, report, self._encoding):
            new = [*self._table.ids(piece, self._breaks)]
            if is_last:
                self._table.end_document()
                new.append(np.array([BOUNDARY], np.int32))
            ids = np.concatenate([last, *new])
            if self._sentences is not None and ids.size:
                ids = self._sentences.cut(ids, goes_on=last.size > 0)
            stop = int(np.flatnonzero(np.append(BOUNDARY, ids) == BOUNDARY)[-1])
            if stop:
                whole = np.concatenate([*opened, ids[:stop]])
                opened = []
                if whole.size > 1:  # more than the end of an empty document
                    yield whole
            opened.append(ids[stop:-1])
            last = ids[stop:][-1:]

    def _retokenized(self, stream: Ids, tokenizer: Tokenizer) -> Ids:
        self._read += self._table.words(len(self._read))
        stops = np.flatnonzero(stream == BOUNDARY).tolist()
        texts = (
            " ".join([self._read[i] for i in stream[start:stop].tolist()])
            for start, stop in zip([0, *(stop + 1 for stop in stops)], stops, strict=False)
        )
        return self._ids(tokens_of(tokenizer, text) for text in texts)


def takes_lines_as_they_stand(tokenizer: Tokenizer | None, by_lines: bool) -> bool:
    """Whether lines keep their spaces: where these are tokens, as characters are."""
    return by_lines and tokenizer is characters


def tokens_of(tokenizer: Tokenizer, sentence: str) -> list[str]:
    """Return the tokens that a function makes of a sentence.

    Raises
    ------
    TypeError
        If that is no list of str, naming the sentence.
    """
    found = tokenizer(sentence)
    tokens: list[Any] = list(found) if isinstance(found, Iterable) and not isinstance(found, str) else [None]
    if not all(isinstance(token, str) for token in tokens):
        raise TypeError(f"tokens made {described(found)} of {described(sentence)}, expected a list of str")
    return tokens


def characters(text: str) -> list[str]:
    """Return the characters as readers see them: grapheme clusters (Unicode Standard Annex 29).

    Raises
    ------
    ImportError
        Where the package regex is missing, which knows the Unicode tables.
    """
    try:
        import regex
    except ImportError:
        raise ImportError("tokens='characters' needs regex: pip install 'fastsoftmax[text]'") from None
    cuts = [0, *(match.end() for match in _FLAGS.finditer(text)), len(text)]
    return [found for start, stop in pairwise(cuts) for found in regex.findall(r"\X", text[start:stop])]


# Letters of flags pair up from the first one on, and regex counts from there at each of them: cut after some pairs.
_FLAGS = re.compile("[\U0001f1e6-\U0001f1ff]{64}(?=[\U0001f1e6-\U0001f1ff])")


OWN, SENTENCES, LINES = "own", "sentences", "lines"  # own: the tokens of a user's function
TOKENIZERS: dict[str, Tokenizer | None] = {"words": None, "characters": characters}
JOINS: dict[str, Callable[[list[str]], str]] = {"words": " ".join, "characters": "".join}
