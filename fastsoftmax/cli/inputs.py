"""What commands read: files and standard input, as bytes, text, logits and tokens with logits."""

import codecs
import csv
import io
import json
import math
import re
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

STDIN = "-"
UTF_8 = "utf-8"
_NPY = b"\x93NUMPY"
_NPY_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
_SEPARATOR = re.compile(r"[,;\s]")

_BLOCK = 2**22  # bytes of standard input that are read at once
_TAIL = 2**16  # of them that are searched for a place to cut
_LINE_END = re.compile(rb"\n")
# A blank line; or a full stop after more letters than any abbreviation has, and before a capital. It takes linear time:
# no run of characters is read again from its second one on.
_SENTENCE_END = re.compile(rb"\n[ \t\r]*+\n|[A-Za-z]{7}[.!?]\s++(?=[A-Z])")

Array = npt.NDArray[Any]


class InputError(ValueError):
    """Bad input, in words for the user."""


class Logits(NamedTuple):
    """A row of logits and the names of its tokens."""

    tokens: list[str]
    values: Array


def read_bytes(name: str) -> bytes:
    """Return the content of a file, or of standard input for `-`."""
    return _stdin().read() if name == STDIN else Path(name).read_bytes()


def is_pipe(name: str) -> bool:
    """Whether a name is of what can be read once only: standard input, a pipe, a terminal."""
    return name == STDIN or Path(name).is_fifo() or Path(name).is_char_device()


def pipe_parts(name: str, by_lines: bool, encoding: str) -> Iterator[str]:
    """Yield what comes through a pipe in parts that no line crosses, or no sentence."""
    try:
        recode = None if encoding == UTF_8 else codecs.getincrementaldecoder(encoding)()
    except LookupError:
        return  # `fit` says so
    cut, waiting, offset = _LINE_END if by_lines else _SENTENCE_END, bytearray(), 0
    with nullcontext(_stdin()) if name == STDIN else open(name, "rb") as file:
        while block := file.read(_BLOCK):
            waiting += block if recode is None else _recoded(recode, block, name, encoding)
            ends = [match.end() for match in cut.finditer(waiting, max(len(waiting) - _TAIL, 0))]
            if ends:
                yield _decoded(bytes(waiting[: ends[-1]]), name, offset)
                del waiting[: ends[-1]]
                offset += ends[-1]
    yield _decoded(bytes(waiting) + (b"" if recode is None else _recoded(recode, b"", name, encoding)), name, offset)


def _recoded(decoder: codecs.IncrementalDecoder, block: bytes, name: str, encoding: str) -> bytes:
    """Return a block, or what is left after the last one, as UTF-8."""
    try:
        return decoder.decode(block, not block).encode()
    except UnicodeError as error:
        raise InputError(f"{_place(name)} is not {encoding} text: {error}") from None


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise InputError("standard input is closed")
    return sys.stdin.buffer


def read_rows(name: str) -> tuple[Array, list[str] | None]:
    """Return the logits (..., V) of a .npy file, or a row of what `read_logits` reads, with the names of its tokens."""
    content = read_bytes(name)
    if content.startswith(_NPY) or name.endswith(".npy"):
        return _array(content, name), None
    row = _row(content, name)
    return row.values, None if row.tokens == [str(index) for index in range(len(row.tokens))] else row.tokens


def read_logits(name: str) -> Logits:
    """Return the tokens and logits of a .npy, JSON or text file, told apart by content; `-` is standard input."""
    return _row(read_bytes(name), name)


def _row(content: bytes, name: str) -> Logits:
    if content.startswith(_NPY) or name.endswith(".npy"):
        row = np.atleast_1d(_array(content, name))
        if row.ndim > 1 and row.shape[:-1] == (1,) * (row.ndim - 1):
            row = row.reshape(-1)
        if row.ndim != 1:
            raise InputError(f"{_place(name)} has shape {row.shape}, expected one row of logits")
        return _checked(Logits([str(index) for index in range(row.size)], row), name)
    text = _decoded(content, name)
    if text.lstrip().startswith(("{", "[")) or name.endswith(".json"):
        return _checked(_from_json(text, name), name)
    return _checked(_from_lines(text, name), name)


def parse_logits(arguments: list[str]) -> Logits:
    """Return the tokens and logits of arguments such as `the=1.1`, or `1.1`, which is its own token."""
    tokens, values, named = [], [], set[str]()
    for argument in arguments:
        token, equals, number = argument.rpartition("=")
        if equals and token in named:
            raise InputError(f"token {token!r} is given twice, expected one logit for each")
        named.update([token] if equals else [])
        tokens.append(token if equals else argument)
        values.append(_number(number, f"argument {argument!r}", "TOKEN=LOGIT or a number"))
    return Logits(tokens, np.array(values))


def _from_json(text: str, name: str) -> Logits:
    try:
        data = json.loads(text, parse_float=lambda number: number, object_pairs_hook=lambda items: _once(items, name))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # also an integer of too many digits
        raise InputError(f"{_place(name)} is not JSON: {error}") from None
    if isinstance(data, dict):
        items = list(data.items())
    elif isinstance(data, list):
        items = [(str(index), value) for index, value in enumerate(data)]
    else:
        raise InputError(f"{_place(name)} holds a JSON {type(data).__name__}, expected an object or a list of logits")
    values = [_number(value, f"{_place(name)}: the logit of {token!r}", "a number") for token, value in items]
    return Logits([token for token, _ in items], np.array(values))


def _once(items: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    """Return an object of JSON, in which no token may stand twice."""
    data = dict(items)
    if len(data) < len(items):
        twice = next(token for token, count in Counter(token for token, _ in items).items() if count > 1)
        raise InputError(f"{_place(name)} has the token {twice!r} twice, expected one logit for each")
    return data


def _from_lines(text: str, name: str) -> Logits:
    """Read a token and a logit a line, or a logit alone, whose token is its index. A header line ends in "logit"."""
    tokens: list[str] = []
    values = []
    for line, fields in _lines(text, name):
        if not tokens and fields[-1].lower() in ("logit", "logits"):
            continue
        place = f"{_place(name)} line {line}"
        if len(fields) > 2:
            raise InputError(f"{place} has {len(fields)} fields, expected a token and a logit")
        numbers = [*filter(None, _SEPARATOR.split(fields[0]))] if len(fields) == 2 else []
        if len(numbers) > 1 and all(map(_is_number, numbers)):
            what = f"{place} has {len(numbers) + 1} numbers"
            raise InputError(f"{what}, expected a logit a line, or a JSON list")
        tokens.append(fields[0] if len(fields) == 2 else str(len(tokens)))
        values.append(_number(fields[-1], place, "a token and a logit"))
    return Logits(tokens, np.array(values))


def _lines(text: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line that is not blank."""
    if name.endswith((".csv", ".tsv")):
        stream = io.StringIO(text, newline="")
        if name.endswith(".csv"):
            reader = csv.reader(stream)
        else:  # where a quote is a token like any other
            reader = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            yield from ((reader.line_num, fields) for fields in reader if fields)
        except csv.Error as error:
            raise InputError(f"{_place(name)} line {reader.line_num}: {error}") from None
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, _fields(line.strip())


def _fields(line: str) -> list[str]:
    """Return a token and a logit, with white space, a comma or a semicolon between them; else the line as one field."""
    logit = _SEPARATOR.split(line)[-1]
    before = line[: len(line) - len(logit)]
    token = before.rstrip()
    if token.endswith((",", ";")):
        token = token[:-1].rstrip() or token
    return [token, logit] if logit and token != before else [line]


def _array(content: bytes, name: str) -> Array:
    if not content.startswith(_NPY):
        raise InputError(f"{_place(name)} is not a .npy file")
    file = io.BytesIO(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape, _, dtype = _NPY_HEADERS[np.lib.format.read_magic(file)](file)
            needed, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
            if needed > there and not dtype.hasobject:  # NumPy would take the memory first
                raise ValueError(f"{there} bytes, expected {needed} for shape {str(shape)[:60]} of {dtype}")
            array: Array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # the header is Python to NumPy, which raises whatever evaluating that can raise
        raise InputError(f"{_place(name)} cannot be read as .npy: {str(error) or type(error).__name__}") from None
    if array.dtype.kind not in "biuf":
        raise InputError(f"{_place(name)} has dtype {array.dtype}, expected floats or integers")
    return array


def _decoded(content: bytes, name: str, offset: int = 0) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte, place = error.object[error.start], len(content) - len(error.object) + error.start  # after a BOM
        raise InputError(f"{_place(name)} is not UTF-8 text: byte {offset + place} is {byte:#04x}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _number(value: Any, place: str, expected: str) -> float:
    """Return a logit; strings are read too, since JSON has no infinity."""
    try:
        if isinstance(value, (bool, type(None))):
            raise TypeError
        number = float(value)
        if math.isinf(number) and isinstance(value, str) and "inf" not in value.lower():
            raise OverflowError
        return number
    except (TypeError, ValueError):
        raise InputError(f"{place} is {_shown(value)}, expected {expected}") from None
    except OverflowError:
        raise InputError(f"{place} is {_shown(value)}, beyond the largest float, 1.8e308") from None


def _shown(value: Any) -> str:
    return f"a JSON {type(value).__name__}" if isinstance(value, (dict, list)) else repr(value)[:60]


def _checked(logits: Logits, name: str) -> Logits:
    if not logits.tokens:
        raise InputError(f"{_place(name)} is empty, expected at least one logit")
    return logits


def _place(name: str) -> str:
    return "standard input" if name == STDIN else name
