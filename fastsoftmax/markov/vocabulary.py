"""Tokens to integers: streams of ids in which every sequence is followed by the boundary.

str tokens are numbered by order of first appearance; integers are taken as they are. A dict subclass does it at C
speed: `map(ids.__getitem__, tokens)` runs Python code only for a token that is not in the dict.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fastsoftmax.markov.transitions import BOUNDARY, MAX_ID

Ids = npt.NDArray[np.int32]
Kind = Literal["str", "int"]

UNKNOWN = -2
PART = 2**24  # tokens of a stream
_TOLD = 2**18  # tokens between two reports

_HINT = "list(text) for characters, [text.split()] for words, MarkovText for text"


class Interning(dict[str, int]):
    """Token to id; an unknown token gets the next id."""

    def __missing__(self, token: str) -> int:
        if not isinstance(token, str):
            raise TypeError
        self[str(token)] = identifier = len(self)
        return identifier


class Vocabulary(dict[str, int]):
    """Token to id, and `tokens` for the way back; an unknown token is UNKNOWN."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = tuple(tokens)
        super().__init__(zip(self.tokens, range(len(self.tokens)), strict=True))

    def __missing__(self, token: str) -> int:
        if not isinstance(token, str):
            raise TypeError
        return UNKNOWN

    def __reduce__(self) -> tuple[Any, ...]:
        return Vocabulary, (self.tokens,)


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
        sequences = _as_array(sequences)
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
            raise TypeError(f"sequences is {sequences!r}, expected an iterable of sequences of tokens") from None
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


def kind_of(vocabulary: Vocabulary | None) -> Kind:
    """Return the kind of token that a chain with that vocabulary has."""
    return "int" if vocabulary is None else "str"


def is_integer(token: Any) -> bool:
    """Whether a token is an integer; a bool is not."""
    return isinstance(token, (int, np.integer)) and not isinstance(token, bool)


def _append(stream: "array[int]", sequence: Any, ids: dict[str, int], kind: Kind | None, index: int | None) -> Kind:
    """Append a sequence and the boundary to the stream and return its kind of token."""
    if isinstance(sequence, (str, bytes)):
        what = f"a {type(sequence).__name__} ({sequence[:40]!r})"
        raise TypeError(f"{_place(index)} is {what}, expected a sequence of tokens: {_HINT}")
    if isinstance(sequence, (list, tuple)):
        tokens = sequence
    else:
        sequence = _as_array(sequence)
        if isinstance(sequence, np.ndarray):
            if sequence.ndim != 1:
                raise ValueError(f"{_place(index)} has shape {sequence.shape}, expected one dimension")
            if sequence.dtype.kind in "iu":
                stream.frombytes(_array_stream(sequence[np.newaxis], kind, _place(index)).tobytes())
                return "int"
        try:
            tokens = list(sequence)
        except TypeError:
            raise TypeError(f"{_place(index)} is {sequence!r}, expected a sequence of tokens") from None
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
            raise TypeError(
                f"{_place(index)}[{position}] is {token!r}, expected {kind}: tokens are all str or all int"
            ) from None


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


def _as_array(value: Any) -> Any:
    """Return anything array-like as a NumPy array, and all else as it is."""
    return np.asarray(value) if hasattr(value, "__array__") and not isinstance(value, np.generic) else value
