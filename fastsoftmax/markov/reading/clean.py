"""From sources of text to pieces of clean UTF-8: files are read a part at a time, cut at white space.

Clean is NFC, with line feeds as the ends of lines, ASCII white space only, and a space after every end mark that needs
none; where text is taken as it stands (`spaced` is false) it keeps its spaces. Most text is ASCII, which is clean.
"""

import codecs
import io
import os
import re
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from fastsoftmax._checks import described, refuse_keyed

Source = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
Report = Callable[[int], object]

BLOCK = 2**24  # bytes of a file, or characters of a str, read at once

CLOSING = "'\"’”»)\\]』」）】》〉"  # noqa: RUF001
_UNSPACED_ENDS = "。！？｡"  # noqa: RUF001
ENDS = ".!?…" + _UNSPACED_ENDS + "؟۔।॥։።፧"  # noqa: RUF001 - also of Arabic, Urdu, Devanagari, Armenian and Ethiopic
_END_WITHOUT_SPACE = re.compile(f"[{_UNSPACED_ENDS}]+[{CLOSING}]*")
_STEP = 64
_ODD = r"[^\w\s\x00-\x7f]"  # every mark that combines with what is before it is such a character
_ODD_RUN, _TWO_ODD = re.compile(f"{_ODD}{{{_STEP},}}+"), re.compile(_ODD + "{2}")
_WIDE_SPACES = "\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u202f\u205f\u3000"
_LINE_ENDS = {"\x85": "\n", "\u2028": "\n", "\u2029": "\n\n"}  # beside those of ASCII; the last one ends a paragraph
_BOM, _BOM_CHARACTER = b"\xef\xbb\xbf", "\ufeff"  # what a file may begin with, and a str that was read from one
_SHORT = 2**16  # characters of a document that is read together with others
_LONGEST_NAME = 1024  # characters of the name of a file, with its folders, that a text is compared with
_PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}  # by suffix, the module that opens such files
_DAMAGED: tuple[type[Exception], ...] = (EOFError, zlib.error)
try:
    from lzma import LZMAError

    _DAMAGED += (LZMAError,)
except ImportError:  # a Python without it reads no .xz
    pass
_SAMPLE = 4096  # bytes that tell whether a file is text
_OTHERWISE = "name another encoding, or convert it first, as in `iconv -f {} -t UTF-8`"
_UTF_16 = b"\xff\xfe", b"\xfe\xff"  # its marks
UTF_8 = "utf-8"


def pieces(
    source: Source, report: Report | None = None, encoding: str = UTF_8, spaced: bool = True
) -> Iterator[tuple[bytes, bool]]:
    """Yield clean pieces of text, cut at white space, and whether each is the last one of its document.

    `report` is told how many bytes of files and characters of str were read; `encoding` is that of files.

    Raises
    ------
    TypeError
        If a part of `source` is neither a str nor a path.
    ValueError
        If a file is not in its encoding, naming it and the byte.
    """
    for part, place in _parts(source):
        parts = _of_text(part, spaced) if isinstance(part, str) else _of_file(Path(part), place, encoding, spaced)
        for piece, size, is_last in parts:
            if report is not None:
                report(size)
            yield piece, is_last


def size_of(source: Source) -> int | None:
    """Return the total that `pieces` will report, or None where it cannot be known in advance."""
    parts = [source] if isinstance(source, (str, os.PathLike)) else source
    if not isinstance(parts, (list, tuple)) or not all(isinstance(part, (str, os.PathLike)) for part in parts):
        return None
    if any(isinstance(part, os.PathLike) and Path(part).suffix in _PACKED for part in parts):
        return None
    return sum(len(part) if isinstance(part, str) else os.path.getsize(part) for part in parts)


def checked_encoding(encoding: Any) -> str:
    """Check the name of an encoding, and return the one that Python knows it by."""
    expected = "the name of an encoding of text that Python knows, as 'utf-8', 'latin-1' or 'utf-16'"
    if not isinstance(encoding, str):
        raise TypeError(f"encoding is {described(encoding)}, expected {expected}")
    try:
        "".encode(encoding)  # also that it is one of text: "base64" is not
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise ValueError(f"encoding is {encoding!r}, expected {expected}") from None


def cleaned(text: str, spaced: bool = True) -> str:
    """Return NFC text, in which line feeds end lines and, if `spaced`, all white space is ASCII and follows end marks.

    These are the end marks that need no space after them.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        return text
    text = composed(text)
    for end, newline in _LINE_ENDS.items():
        text = text.replace(end, newline)
    if not spaced:
        return text
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
            raise TypeError(f"source[{index}] is {described(part)}, expected a str or a pathlib.Path")
    if short:
        yield "\n\n".join(short), "source"


def _lines_of(handle: io.TextIOBase) -> Iterator[tuple[str, str]]:
    """Yield the lines of an open file, each a document, many at once."""
    waiting: list[str] = []  # of a line
    while block := handle.read(BLOCK):
        lines, newline, rest = block.rpartition("\n")
        if newline:
            text = ("".join(waiting) + lines + newline).replace("\n", "\n\n")
            yield text.replace(f"\n{_BOM_CHARACTER}", "\n"), "source"
            waiting = []
        waiting.append(rest)
    yield "".join(waiting), "source"


def _refuse_name(part: str | os.PathLike[str], place: str) -> None:
    """Raise an error for the name of a file, which is no text."""
    if isinstance(part, str) and len(part) <= _LONGEST_NAME and "\n" not in part and _is_file(part):
        raise ValueError(f"{place} is {part!r}, the name of a file, expected text: pathlib.Path({part!r}) is read")


def _is_file(name: str) -> bool:
    try:
        return os.path.isfile(name)
    except ValueError:  # no file can have such a name
        return False


def _of_text(text: str, spaced: bool) -> Iterator[tuple[bytes, int, bool]]:
    text = text.removeprefix(_BOM_CHARACTER)
    start = 0
    while start < len(text) or start == 0:
        stop = len(text)
        if stop - start > BLOCK:
            cut = max(text.rfind("\n", start, start + BLOCK), text.rfind(" ", start, start + BLOCK))
            stop = cut + 1 if cut >= start else stop
        yield cleaned(text[start:stop], spaced).encode("utf-8", "surrogatepass"), stop - start, stop == len(text)
        start = max(stop, 1)


def _of_file(path: Path, place: str, encoding: str, spaced: bool) -> Iterator[tuple[bytes, int, bool]]:
    suffix = path.suffix.lower()
    opener = import_module(_PACKED[suffix]).open if suffix in _PACKED else open
    where = f"{place}: {os.fspath(path)}"
    with opener(path, "rb") as file:
        blocks = _utf8_blocks(file, where) if encoding == UTF_8 else _recoded_blocks(file, where, encoding)
        block, size = next(blocks)
        offset = size - len(block)  # of a BOM; errors in other encodings are told already
        waiting: list[bytes] = []  # blocks, or the end of one, without white space
        while True:
            following = next(blocks, None)
            cut = len(block) if following is None else max(block.rfind(b"\n"), block.rfind(b" ")) + 1
            if cut > 0 or following is None:
                data = b"".join([*waiting, block[:cut]])
                yield _decoded(data, where, offset, spaced), size, following is None
                waiting, offset, size = [], offset + len(data), 0
            waiting.append(block[cut:])
            if following is None:
                return
            block, size = following[0], size + following[1]


def _utf8_blocks(file: Any, where: str) -> Iterator[tuple[bytes, int]]:
    """Yield blocks of a file, and the size of each in the file."""
    block = _read(file, where)
    if block[:2] in _UTF_16 or block[:_SAMPLE].count(0) > len(block[:_SAMPLE]) // 4:
        raise ValueError(f"{where} is UTF-16 by its first bytes, expected UTF-8: {_OTHERWISE.format('UTF-16')}")
    yield block.removeprefix(_BOM), len(block)
    while block := _read(file, where):
        yield block, len(block)


def _read(file: Any, where: str) -> bytes:
    """Return the next block of a file; ValueError if it is packed, and damaged."""
    try:
        return bytes(file.read(BLOCK))
    except _DAMAGED as error:
        raise ValueError(f"{where} is damaged, or not packed as its name says: {error}") from None
    except OSError as error:
        if error.errno is not None:  # of the disk
            raise
        raise ValueError(f"{where} is damaged, or not packed as its name says: {error}") from None


def _recoded_blocks(file: Any, where: str, encoding: str) -> Iterator[tuple[bytes, int]]:
    """Yield blocks of a file in another encoding as UTF-8, and the size of each in the file."""
    decoder, read = codecs.getincrementaldecoder(encoding)(), 0
    while True:
        block = _read(file, where)
        read += len(block)
        try:
            text = decoder.decode(block, not block)
            yield (text.removeprefix(_BOM_CHARACTER) if read == len(block) else text).encode(), len(block)
        except UnicodeDecodeError as error:
            byte = read - len(error.object) + error.start
            raise ValueError(f"{where} is not {encoding} at byte {byte}: {error.reason}") from None
        except UnicodeError as error:  # of a codec that tells no more, or of half a pair
            raise ValueError(f"{where} is not {encoding} up to byte {read}: {error}") from None
        if not block:
            return


def _decoded(data: bytes, where: str, offset: int, spaced: bool) -> bytes:
    if data.isascii():
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
    try:
        return cleaned(data.decode(), spaced).encode()
    except UnicodeDecodeError as error:
        otherwise = _OTHERWISE.format("LATIN1")
        raise ValueError(f"{where} is not UTF-8 at byte {offset + error.start}: {error.reason}; {otherwise}") from None
