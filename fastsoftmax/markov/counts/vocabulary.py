"""Tokens to integers: streams of ids in which every sequence is followed by the boundary.

str tokens are numbered by order of first appearance; integers are taken as they are. A dict subclass does it at C
speed: `map(ids.__getitem__, tokens)` runs Python code only for a token that is not in the dict.

The tokens of a large file stay there until they are asked for (`StoredTokens`, `StoredVocabulary`): one by one while
they are few, and all at once where that takes less time.

The sequences (a, b) and (b) become the stream 0, 1, -1, 1, -1.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal, overload

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._checks import refuse_keyed
from fastsoftmax._types import Ids
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_ID

Kind = Literal["str", "int"]

UNKNOWN = -2
PART = 2**26  # tokens of a stream that is made of an iterable
_TOLD = 2**18  # tokens between two reports
_READ, _SOUGHT = 6, 32  # one token decoded, or found, by itself takes as long as so many of all

_HINT = "list(text) for characters, [text.split()] for words, MarkovText for text"


class Interning(dict[str, int]):
    """Token to id; an unknown token gets the next id. Subclasses of str are kept by their characters."""

    def __missing__(self, token: str) -> int:
        if not isinstance(token, str):
            raise TypeError
        return self.setdefault(str.__str__(token), len(self))


class Vocabulary(dict[str, int]):
    """Token to id, and `tokens` for the way back; an unknown token is UNKNOWN."""

    tokens: Sequence[str]

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(tokens)
        super().__init__(zip(self.tokens, range(len(self.tokens)), strict=True))

    def __missing__(self, token: str) -> int:
        if not isinstance(token, str):
            raise TypeError
        return self.get(str.__str__(token), UNKNOWN)

    def __reduce__(self) -> tuple[Any, ...]:
        return Vocabulary, (tuple(self.tokens),)


class StoredTokens(Sequence[str]):
    """The tokens of a file: UTF-8, one after the other, and where each begins.

    The arrays may hold anything as long as `verify` was not called, which raises a ValueError if they are damaged.
    """

    def __init__(self, text: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], verify: Callable[[], None]) -> None:
        self._text = text.data
        self._offsets = offsets.data
        self.verify = verify
        self._read = 0
        self._all: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        try:
            if self._all is None and not isinstance(index, slice) and self._read < len(self) // _READ:
                self._read += 1
                return self.encoded(range(len(self))[index]).decode()
            return self._whole()[index]
        except (IndexError, UnicodeDecodeError):
            self.verify()  # is it the file that asks for the impossible, or the caller?
            raise

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and self._whole() == tuple(other)

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (self._whole(),)

    def encoded(self, index: int) -> bytes:
        """Return the UTF-8 of a token, by its id in [0, length)."""
        start, stop = self._offsets[index], self._offsets[index + 1]
        if not 0 <= start <= stop <= len(self._text):
            self.verify()
        return bytes(self._text[start:stop])

    def _whole(self) -> tuple[str, ...]:
        if self._all is None:
            self.verify()
            text = bytes(self._text)
            self._all = tuple([text[start:stop].decode() for start, stop in pairwise(self._offsets)])
        return self._all


class StoredVocabulary(Vocabulary):
    """The vocabulary of a file: a dict that looks into the file for what it does not hold, and keeps what it finds."""

    tokens: StoredTokens

    def __init__(self, tokens: StoredTokens, order: Ids) -> None:
        self.tokens = tokens
        self._order = order  # the ids, sorted by the UTF-8 of their tokens
        self._sought = 0

    def __missing__(self, token: str) -> int:
        if not isinstance(token, str):
            raise TypeError
        token = str.__str__(token)
        self._sought += 1
        if self._sought <= len(self) // _SOUGHT:
            identifier = self._find(token)
        else:
            if super().__len__() < len(self):
                self.update(zip(self.tokens, range(len(self)), strict=True))
            identifier = self.get(token, UNKNOWN)
        if identifier != UNKNOWN:
            self[token] = identifier
        return identifier

    def __contains__(self, token: object) -> bool:
        return isinstance(token, str) and self[token] != UNKNOWN

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    def _find(self, token: str) -> int:
        try:
            sought = token.encode()
        except UnicodeEncodeError:
            return UNKNOWN  # no file holds it
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            identifier = int(self._order[middle])
            if not 0 <= identifier < len(self):
                self.tokens.verify()
            found = self.tokens.encoded(identifier)
            if found == sought:
                return identifier
            if found < sought:
                low = middle + 1
            else:
                high = middle
        return UNKNOWN


class Encoder:
    """Encodes sequences by a dict of ids, `Interning` or `Vocabulary`, and learns their kind from the first token.

    `report` is told how many tokens were read since it was last called.
    """

    def __init__(self, ids: dict[str, int], kind: Kind | None, report: Callable[[int], object] | None = None) -> None:
        self.ids = ids
        self.kind = kind
        self._report = report

    def vocabulary(self) -> Vocabulary | None:
        """Return the vocabulary of what was encoded, None for integers."""
        return Vocabulary(self.ids) if self.kind == "str" else None

    def streams(self, sequences: Any) -> Iterator[Ids]:
        """Yield the streams of the sequences, of about PART tokens each but for long arrays.

        Raises
        ------
        TypeError, ValueError
            If they are not sequences of one kind of token, naming the place.
        """
        if isinstance(sequences, (str, bytes)):
            kind_given = type(sequences).__name__
            raise TypeError(f"sequences is a {kind_given}, expected an iterable of sequences of tokens: {_HINT}")
        refuse_keyed("sequences", sequences)
        sequences = _as_array("sequences", sequences)
        if isinstance(sequences, np.ndarray) and sequences.dtype.kind in "iu":
            if sequences.ndim not in (1, 2):
                raise ValueError(f"sequences has shape {sequences.shape}, expected one or two dimensions")
            stream = _array_stream(np.atleast_2d(sequences), self.kind, "sequences")
            self.kind = "int"
            self._tell(stream.size)
            yield stream
            return
        try:
            iterator = iter(sequences)
        except TypeError:
            raise TypeError(
                f"sequences is {_checks.described(sequences)}, expected an iterable of sequences of tokens"
            ) from None
        yield from self._blocks(iterator)

    def _blocks(self, iterator: Iterator[Any]) -> Iterator[Ids]:
        block, told, index = array("i"), 0, -1
        for index, sequence in enumerate(iterator):
            self.kind = _append(block, sequence, self.ids, self.kind, index)
            if len(block) - told >= _TOLD:
                self._tell(len(block) - told)
                told = len(block)
            if len(block) >= PART:
                yield np.frombuffer(block, np.int32)
                block, told = array("i"), 0
        if index < 0:
            raise ValueError("sequences is empty, expected at least one sequence")
        self._tell(len(block) - told)
        if block:
            yield np.frombuffer(block, np.int32)

    def _tell(self, tokens: int) -> None:
        if self._report is not None:
            self._report(tokens)


def encode(sequences: Any, vocabulary: Vocabulary | None) -> Ids:
    """Return the stream of `sequences` in known ids: unknown tokens are UNKNOWN."""
    encoder = Encoder({} if vocabulary is None else vocabulary, kind_of(vocabulary))
    return np.concatenate(list(encoder.streams(sequences)))


def encode_one(sequence: Any, vocabulary: Vocabulary | None) -> Ids:
    """Return the stream of one sequence, as `encode`."""
    stream = array("i")
    _append(stream, sequence, {} if vocabulary is None else vocabulary, kind_of(vocabulary), None)
    return np.frombuffer(stream, np.int32)


def names_of(ids: Iterable[int], vocabulary: Vocabulary | None) -> list[Any]:
    """Return the user's own tokens; None for the end."""
    if vocabulary is None:
        return [None if token == BOUNDARY else token for token in ids]
    return [None if token == BOUNDARY else vocabulary.tokens[token] for token in ids]


def renumbering(tokens: Iterable[str], vocabulary: Vocabulary) -> Ids:
    """Return the id that each token has in a vocabulary, UNKNOWN without; then the boundary, so that -1 stays -1."""
    return np.array([*map(vocabulary.__getitem__, tokens), BOUNDARY], np.int32)


def kind_of(vocabulary: Vocabulary | None) -> Kind:
    """Return the kind of token that a chain with that vocabulary has."""
    return "int" if vocabulary is None else "str"


def is_integer(token: Any) -> bool:
    """Whether a token is an integer; a bool is not."""
    return isinstance(token, (int, np.integer)) and not isinstance(token, bool)


def _append(stream: "array[int]", sequence: Any, ids: dict[str, int], kind: Kind | None, index: int | None) -> Kind:
    """Append a sequence and the boundary to the stream and return its kind of token."""
    if isinstance(sequence, (str, bytes)):
        what = f"a str ({sequence[:40]!r})" if isinstance(sequence, str) else _checks.described(sequence)
        raise TypeError(f"{_place(index)} is {what}, expected a sequence of tokens: {_HINT}")
    if isinstance(sequence, (list, tuple)):
        tokens = sequence
    else:
        sequence = _as_array(_place(index), sequence)
        if isinstance(sequence, np.ndarray):
            if sequence.ndim != 1:
                raise ValueError(f"{_place(index)} has shape {sequence.shape}, expected one dimension")
            if sequence.dtype.kind in "iu":
                stream.frombytes(_array_stream(sequence[np.newaxis], kind, _place(index)).tobytes())
                return "int"
        try:
            tokens = list(sequence)
        except TypeError:
            raise TypeError(
                f"{_place(index)} is {_checks.described(sequence)}, expected a sequence of tokens"
            ) from None
    if not tokens:
        raise ValueError(f"{_place(index)} is empty, expected at least one token")
    kind = kind or ("int" if is_integer(tokens[0]) else "str")
    if kind == "int":
        _check_integers(tokens, index)
        stream.fromlist([*tokens, BOUNDARY])
        return kind
    try:
        stream.fromlist([*map(ids.__getitem__, tokens), BOUNDARY])
    except TypeError:
        _refuse(tokens, index, kind, lambda token: isinstance(token, str))
        raise
    return kind


def _check_integers(tokens: Sequence[Any], index: int | None) -> None:
    for kind in set(map(type, tokens)):
        if not issubclass(kind, (int, np.integer)) or kind is bool:
            _refuse(tokens, index, "int", is_integer)
    if min(tokens) < 0 or max(tokens) > MAX_ID:
        position = next(i for i, token in enumerate(tokens) if not 0 <= token <= MAX_ID)
        raise ValueError(f"{_place(index)}[{position}] is {tokens[position]}, expected an integer in [0, 2**31 - 1)")


def _refuse(tokens: Sequence[Any], index: int | None, kind: Kind, accepted: Callable[[Any], bool]) -> None:
    """Raise a TypeError that names the first token of another kind."""
    for position, token in enumerate(tokens):
        if not accepted(token):
            what = f"{_place(index)}[{position}] is {_checks.described(token)}"
            raise TypeError(f"{what}, expected {kind}: tokens are all str or all int") from None


def _place(index: int | None) -> str:
    return "sequence" if index is None else f"sequences[{index}]"


def _array_stream(rows: npt.NDArray[Any], kind: Kind | None, place: str) -> Ids:
    """Return the stream of a two-dimensional array of integers, a sequence a row."""
    if kind == "str":
        raise TypeError(f"{place} has dtype {rows.dtype}, expected str tokens: tokens are all str or all int")
    if rows.size == 0:
        raise ValueError(f"{place} has shape {rows.shape}, expected at least one token a sequence")
    if int(rows.min()) < 0 or int(rows.max()) > MAX_ID:
        row, column = np.argwhere((rows < 0) | (rows > MAX_ID))[0]
        raise ValueError(f"{place} holds {rows[row, column]}, expected integers in [0, 2**31 - 1)")
    stream = np.full((rows.shape[0], rows.shape[1] + 1), BOUNDARY, np.int32)
    stream[:, :-1] = rows
    return stream.reshape(-1)


def _as_array(name: str, value: Any) -> Any:
    """Return anything array-like as a NumPy array, and all else as it is."""
    is_array = hasattr(value, "__array__") and not isinstance(value, np.generic)
    return _checks.as_array(name, value) if is_array else value
