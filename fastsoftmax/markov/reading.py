"""From sources of text to pieces of clean UTF-8: files are read a part at a time, cut at white space.

Clean is NFC, with ASCII white space only, and a space after every end mark that needs none. Most text is ASCII, which
is clean as it stands.
"""

import io
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

Source = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
Report = Callable[[int], object]

BLOCK = 2**24  # bytes of a file, or characters of a str, read at once

CLOSING = "'\"’”»)\\]』」）】》〉"  # noqa: RUF001
_UNSPACED_ENDS = "。！？"  # noqa: RUF001
_END_WITHOUT_SPACE = re.compile(f"[{_UNSPACED_ENDS}]+[{CLOSING}]*")
_STEP = 64
_ODD = r"[^\w\s\x00-\x7f]"  # every mark that combines with what is before it is such a character
_ODD_RUN, _TWO_ODD = re.compile(f"{_ODD}{{{_STEP},}}+"), re.compile(_ODD + "{2}")
_WIDE_SPACES = "\x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
_BOM, _BOM_CHARACTER = b"\xef\xbb\xbf", "\ufeff"  # what a file may begin with, and a str that was read from one
_SHORT = 2**16  # characters of a document that is read together with others
_LONGEST_NAME = 1024  # characters of the name of a file, with its folders, that a text is compared with
_PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}  # by suffix, the module that opens such files
_SAMPLE = 4096  # bytes that tell whether a file is text
_ICONV = "convert other encodings first, as in `iconv -f UTF-16 -t UTF-8`"


def pieces(source: Source, report: Report | None = None) -> Iterator[tuple[bytes, bool]]:
    """Yield clean pieces of text, cut at white space, and whether each is the last one of its document.

    `report` is told how many bytes of files and characters of str were read.

    Raises
    ------
    TypeError
        If a part of `source` is neither a str nor a path.
    ValueError
        If a file is not UTF-8, naming it and the byte.
    """
    for part, place in _parts(source):
        parts = _of_text(part) if isinstance(part, str) else _of_file(Path(part), place)
        for piece, size, is_last in parts:
            if report is not None:
                report(size)
            yield piece, is_last


def size_of(source: Source) -> int | None:
    """Return how much `pieces` will report, None where nobody knows before it is read."""
    parts = [source] if isinstance(source, (str, os.PathLike)) else source
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, (str, os.PathLike)) for part in parts):
        return None
    if any(isinstance(part, os.PathLike) and Path(part).suffix in _PACKED for part in parts):
        return None
    return sum(len(part) if isinstance(part, str) else os.path.getsize(part) for part in parts)


def cleaned(text: str) -> str:
    """Return NFC text, with ASCII white space, in which a space follows every end mark that needs none."""
    if text.isascii():
        return text
    text = composed(text)
    for space in _WIDE_SPACES:  # a search for one character is much faster than one for several
        text = text.replace(space, " ")
    if any(mark in text for mark in _UNSPACED_ENDS):
        text = _END_WITHOUT_SPACE.sub(r"\g<0> ", text)
    return text


def composed(text: str) -> str:
    """Return text in NFC, in linear time: `unicodedata` sorts a run of combining marks by insertion."""
    if _TWO_ODD.search(text[::_STEP]):  # as in every run of twice as many
        text = _ODD_RUN.sub(_sorted_marks, text)
    return unicodedata.normalize("NFC", text)


def _sorted_marks(run: re.Match[str]) -> str:
    """Return a run of characters decomposed, its marks in the order that NFC has them in."""
    parts = "".join(unicodedata.normalize("NFD", character) for character in run[0])
    runs = groupby(parts, lambda character: unicodedata.combining(character) > 0)
    return "".join("".join(sorted(part, key=unicodedata.combining)) if marks else "".join(part) for marks, part in runs)


def _parts(source: Any) -> Iterator[tuple[Any, str]]:
    """Yield the texts and paths of a source, and how messages name each.

    Short texts are joined by blank lines, which end what the end of a document does: to read a thousand of them takes
    as long as one.
    """
    if isinstance(source, (str, os.PathLike)):
        _refuse_name(source, "source")
        yield source, "source"
        return
    refuse_keyed("source", source)
    if isinstance(source, io.TextIOBase):
        yield from _lines_of(source)
        return
    try:
        parts = None if isinstance(source, bytes) else iter(source)
    except TypeError:
        parts = None
    if parts is None:
        raise TypeError(f"source is {type(source).__name__}, expected text, a pathlib.Path, or an iterable of them")
    short, size = list[str](), 0
    for index, part in enumerate(parts):
        if index == 0:  # a list of names begins with one
            _refuse_name(part, "source[0]")
        is_short = isinstance(part, str) and len(part) < _SHORT
        if short and (size > BLOCK or not is_short):
            yield "\n\n".join(short), "source"
            short, size = [], 0
        if is_short:
            short.append(part[1:] if part[:1] == _BOM_CHARACTER else part)
            size += len(part)
        elif isinstance(part, (str, os.PathLike)):
            yield part, f"source[{index}]"
        else:
            raise TypeError(f"source[{index}] is {part!r}, expected a str or a pathlib.Path")
    if short:
        yield "\n\n".join(short), "source"


def _lines_of(handle: io.TextIOBase) -> Iterator[tuple[str, str]]:
    """Yield the lines of an open file, each a document, many at once."""
    rest = ""
    while block := handle.read(BLOCK):
        lines, newline, rest = (rest + block).rpartition("\n")
        text = (lines + newline).replace("\n", "\n\n")
        yield text.replace(f"\n{_BOM_CHARACTER}", "\n"), "source"
    yield rest, "source"


def refuse_keyed(name: str, value: Any) -> None:
    """Raise an error for what gives its keys when it is iterated over: a mapping, a data frame."""
    if isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping, whose keys would be learned: take its values()")
    if hasattr(value, "columns"):
        raise TypeError(f"{name} is a data frame, whose column names would be learned: take one of its columns")


def _refuse_name(part: str | os.PathLike[str], place: str) -> None:
    """Raise an error for the name of a file, which is no text."""
    if isinstance(part, str) and len(part) <= _LONGEST_NAME and "\n" not in part and _is_file(part):
        raise ValueError(f"{place} is {part!r}, the name of a file, expected text: pathlib.Path({part!r}) is read")


def _is_file(name: str) -> bool:
    try:
        return os.path.isfile(name)
    except ValueError:  # no file can have such a name
        return False


def _of_text(text: str) -> Iterator[tuple[bytes, int, bool]]:
    text = text.removeprefix(_BOM_CHARACTER)
    start = 0
    while start < len(text) or start == 0:
        stop = len(text)
        if stop - start > BLOCK:
            cut = max(text.rfind("\n", start, start + BLOCK), text.rfind(" ", start, start + BLOCK))
            stop = cut + 1 if cut >= start else stop
        yield cleaned(text[start:stop]).encode("utf-8", "surrogatepass"), stop - start, stop == len(text)
        start = max(stop, 1)


def _of_file(path: Path, place: str) -> Iterator[tuple[bytes, int, bool]]:
    opener = import_module(_PACKED[path.suffix]).open if path.suffix in _PACKED else open
    with opener(path, "rb") as file:
        offset, block = 0, file.read(BLOCK)
        if block.startswith(_BOM):
            block, offset = block[len(_BOM) :], len(_BOM)
        if block[:_SAMPLE].count(0) > len(block[:_SAMPLE]) // 4:
            raise ValueError(f"{place}: {os.fspath(path)} is full of zeros, as UTF-16 is, expected UTF-8: {_ICONV}")
        waiting: list[bytes] = []  # blocks, or the end of one, without white space
        while True:
            following = file.read(BLOCK)
            cut = max(block.rfind(b"\n"), block.rfind(b" ")) + 1 if following else len(block)
            if cut > 0 or not following:
                data = b"".join([*waiting, block[:cut]])
                yield _decoded(data, path, place, offset), len(data), not following
                waiting, offset = [], offset + len(data)
            waiting.append(block[cut:])
            block = following
            if not following:
                return


def _decoded(data: bytes, path: Path, place: str, offset: int) -> bytes:
    if data.isascii():
        return data
    try:
        return cleaned(data.decode()).encode()
    except UnicodeDecodeError as error:
        where = f"{place}: {os.fspath(path)} is not UTF-8 at byte {offset + error.start}"
        raise ValueError(f"{where}: {error.reason}; {_ICONV}") from None
