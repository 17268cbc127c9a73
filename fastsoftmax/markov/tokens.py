"""From text to streams of ids: words, characters or a user's own tokens, in sentences or lines."""

import re
import secrets
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax._checks import described
from fastsoftmax.kernels import words as kernels
from fastsoftmax.markov.reading import CLOSING, Report, Source, pieces
from fastsoftmax.markov.transitions import BOUNDARY
from fastsoftmax.markov.vocabulary import Interning

Ids = npt.NDArray[np.int32]
Tokenizer = Callable[[str], Iterable[str]]

_END = re.compile(f"[.!?…。！？][{CLOSING}]*$")  # noqa: RUF001
_ABBREVIATION = re.compile(
    r"\W*(?:(?:[^\W\d_]\.)+|(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|cf|viz|approx|Fig|fig|Eq|eq|Sec|Vol|vol|pp|ed|eds|al)\.)"
)
_LINE, _PARAGRAPH = 1, 2  # line feeds between two sequences


class WordTable:
    """Words by order of first appearance, found in clean text by a kernel."""

    def __init__(self) -> None:
        self._words = _space(2**16, 2**12, np.uint64(secrets.randbits(64)))
        self._newlines = -1

    def __len__(self) -> int:
        return int(self._words.known[0])

    def words(self, first: int = 0) -> list[str]:
        """Return the words from that one on."""
        starts = self._words.starts[first : len(self) + 1]
        pool = self._words.pool[starts[0] : starts[-1]].tobytes()
        bounds = (starts - starts[0]).tolist()
        return [pool[start:stop].decode("utf-8", "surrogatepass") for start, stop in pairwise(bounds)]

    def ids(self, piece: bytes, breaks: int) -> Iterator[Ids]:
        """Yield the ids of the words of a piece, with the boundary where at least `breaks` line feeds are between."""
        text = np.frombuffer(piece + bytes(kernels.PADDING), np.uint8)
        start, stop = 0, len(piece)
        while start < stop:
            out = np.empty((stop - start) // 2 + 4, np.int32)
            start, count, self._newlines = kernels.split_words(
                text, start, stop, breaks, self._newlines, self._words, out
            )
            yield out[:count]
            if start < stop:
                self._grow(stop - start)

    def end_document(self) -> None:
        """Let the next word begin a document."""
        self._newlines = -1

    def _grow(self, wanted: int) -> None:
        """Double the table, and make room for a word as long as all that is left."""
        old, known = self._words, len(self)
        used = int(old.starts[known])
        self._words = _space(2 * old.pool.size + wanted, 2 * old.starts.size, old.salt)
        self._words.pool[:used] = old.pool[:used]
        self._words.starts[: known + 1] = old.starts[: known + 1]
        self._words.known[0] = known
        kernels.rehash(self._words)


def _space(size: int, words: int, salt: np.uint64) -> kernels.Words:
    slots = np.full(4 * words, -1, np.int32)
    return kernels.Words(np.zeros(size, np.uint8), np.zeros(words, np.int64), slots, np.zeros(1, np.int64), salt)


class Sentences:
    """Cuts streams of words into sentences. Whether a word can end or go on is asked once for every different word."""

    def __init__(self, table: WordTable) -> None:
        self._table = table
        self._known = 0
        self._ends = np.zeros(1, np.bool_)  # with room for more words; the last one is for the boundary
        self._goes_on = np.ones(1, np.bool_)

    def cut(self, ids: Ids) -> Ids:
        """Return the stream with the boundary after each sentence."""
        self._ask_about_new_words()
        places = np.flatnonzero(self._ends[ids[:-1]] & ~self._goes_on[ids[1:]])
        cut = np.empty(ids.size + places.size, np.int32)
        is_word = np.ones(cut.size, np.bool_)
        is_word[places + np.arange(1, places.size + 1)] = False
        cut[is_word], cut[~is_word] = ids, BOUNDARY
        return cut

    def _ask_about_new_words(self) -> None:
        new, first = self._table.words(self._known), self._known
        self._known += len(new)
        if self._known >= self._ends.size:  # twice the room, so that all copies together are one more copy
            room = self._known + 1
            self._ends = np.concatenate([self._ends[:first], np.zeros(2 * room - first, np.bool_)])
            self._goes_on = np.concatenate([self._goes_on[:first], np.ones(2 * room - first, np.bool_)])
        ends = [bool(_END.search(word)) and not _ABBREVIATION.fullmatch(word) for word in new]
        self._ends[first : self._known] = ends
        self._goes_on[first : self._known] = [word[0].islower() for word in new]


class Reader:
    """Reads sources as streams of ids, each sequence followed by the boundary; `words()` are what the ids stand for."""

    def __init__(self, tokenizer: Tokenizer | None, by_lines: bool) -> None:
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
        for words in self._streams_of_words(source, report):
            stream = words if self._tokenizer is None else self._retokenized(words, self._tokenizer)
            if stream.size:
                empty = False
                yield stream
        if empty:
            raise ValueError("source has no words, expected text")

    def _streams_of_words(self, source: Source, report: Report | None) -> Iterator[Ids]:
        waiting: list[Ids] = []  # of the document; a sequence may go on in the next piece
        for piece, is_last in pieces(source, report):
            waiting.extend(self._table.ids(piece, self._breaks))
            if is_last:
                self._table.end_document()
                waiting.append(np.array([BOUNDARY], np.int32))
            ids = np.concatenate(waiting) if waiting else np.empty(0, np.int32)
            if self._sentences is not None and ids.size:
                ids = self._sentences.cut(ids)
            stop = int(np.flatnonzero(np.append(BOUNDARY, ids) == BOUNDARY)[-1])
            waiting = [ids[stop:]]
            if stop > 1:  # more than the end of an empty document
                yield ids[:stop]

    def _retokenized(self, stream: Ids, tokenizer: Tokenizer) -> Ids:
        self._read += self._table.words(len(self._read))
        words, block = self._read, array("i")
        start = 0
        for stop in np.flatnonzero(stream == BOUNDARY).tolist():
            tokens = tokens_of(tokenizer, " ".join([words[i] for i in stream[start:stop].tolist()]))
            if tokens:
                block.fromlist([*map(self._tokens.__getitem__, tokens), BOUNDARY])
            start = stop + 1
        return np.array(block, np.int32)


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
_OPENING = re.compile(r"[(\[{«“‘¿¡「『（【《〈]")  # noqa: RUF001
_ATTACHED = re.compile(r"[.,;:!?…%)\]}»”’、。，！？：；」』）】》〉]|n't$|['’](?:s|m|d|re|ve|ll|t)$")  # noqa: RUF001
_APOSTROPHE = re.compile(r"(?<=\w) ?(['’]) (?=(?:s|m|d|re|ve|ll|t)\b)")  # noqa: RUF001
_UNSPACED = re.compile(r"[\u1100-\u11ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")  # Chinese and Japanese script


def rejoined(tokens: Iterable[str]) -> str:
    """Return tokens as text: no space before closing marks and endings such as 's, after opening ones, nor in CJK."""
    parts, last = [], ""
    for token in filter(None, tokens):
        touches = _OPENING.match(last) or _ATTACHED.match(token)
        in_script = _UNSPACED.match(last) and _UNSPACED.match(token)
        parts.append(token if not last or touches or in_script else " " + token)
        last = token[-1]
    return _APOSTROPHE.sub(r"\1", "".join(parts))


OWN, SENTENCES, LINES = "own", "sentences", "lines"  # own: the tokens of a user's function
TOKENIZERS: dict[str, Tokenizer | None] = {"words": None, "characters": characters}
JOINS: dict[str, Callable[[list[str]], str]] = {"words": " ".join, "characters": "".join}
