"""One file for a model: safetensors, checksummed, memory-mapped, never a pickle.

Arrays: contexts, offsets, tokens, counts, targets as in `Transitions`; for str tokens also `vocabulary`, their UTF-8
bytes one after the other, `vocabulary_offsets`, where each begins, and `vocabulary_order`, their ids sorted by these
bytes; of a model of text that keeps it `text`, the ids of its sequences, each followed by -1. Metadata: format, kind,
order, the SHA-256 of the arrays' contents, and that of all else.

A load reads the header, and checks all that it says. The contents are checked too, so far that no kernel can leave its
arrays whatever the file holds: at once if they are small or not mapped, else before anything reads all of them, so that
a few steps in a large model touch a few pages.
"""

import errno
import hashlib
import json
import mmap as memory
import operator
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fastsoftmax._checks import described, flag
from fastsoftmax.markov.counts.kept import KeptText
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_ID, MappedFile, Transitions, check_total
from fastsoftmax.markov.counts.vocabulary import StoredTokens, StoredVocabulary, Vocabulary

FORMAT = "fastsoftmax-markov-2"

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

_TABLE = ("contexts", "offsets", "tokens", "counts", "targets")
_WORDS = ("vocabulary", "vocabulary_offsets", "vocabulary_order")
_TEXT = "text"
_DTYPES = {"I32": np.int32, "I64": np.int64, "F64": np.float64, "U8": np.uint8}
_SMALL = 2**25  # bytes, checked in some hundredths of a second
_LONGEST_HEADER = 2**16  # bytes: some thirty times as long as one is, so that no header takes much memory


def save(
    path: str | os.PathLike[str],
    kind: str,
    model: Model,
    settings: dict[str, str] | None = None,
) -> None:
    """Write a model to a file, in one step: it is there whole, or what was there before still is."""
    asked = _path(path)
    target = Path(os.path.realpath(asked))  # through links, as `open` writes
    if target.exists() and not target.is_file():  # a folder; or a device, which a privileged user would replace
        raise FileExistsError(errno.EEXIST, "This is there already and is not a file", str(asked))
    transitions = model.transitions.check()
    arrays: Arrays = {name: getattr(transitions, name) for name in _TABLE}
    if model.vocabulary is not None:
        arrays |= _packed(model.vocabulary.tokens)
    if kind == "text" and model.text is not None:  # the chain of a text, saved by itself, has none
        arrays[_TEXT] = model.text.joined()
    about = {"format": FORMAT, "kind": kind, "order": transitions.order, **(settings or {})}
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        temporary.touch()  # safetensors' own errors do not say which system error it was
        mode = stat.S_IMODE((target if target.exists() else temporary).stat().st_mode)
        save_file(arrays, temporary, sealed(about, arrays))
        with open(temporary, "rb+") as file:
            temporary.chmod(mode)  # that of the file it replaces, or what the umask leaves; safetensors takes 0600
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(asked)) from None
    except SafetensorError as error:
        raise OSError(f"{asked} cannot be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str], kind: str, mmap: bool) -> tuple[Model, dict[str, Any]]:
    """Read a model from a file, and what else was said about it.

    Raises
    ------
    FileNotFoundError
    ValueError
        If it is not a whole and unchanged file of this kind, naming the path and what is wrong. What is wrong in the
        contents of a large file that is mapped is found later: see `Transitions.check`.
    """
    target, mapped = _path(path), flag("mmap", mmap)
    with _refusing(target):
        buffer = _opened(target, mapped)
        about, arrays = _read(target, buffer)
        _check_header(kind, about, arrays)

    def checked_words() -> list[str] | None:
        with _refusing(target):
            return _checked_words(arrays, about.get("contents"))

    file: MappedFile | None = None
    vocabulary: Vocabulary | None = None
    if mapped and sum(array.nbytes for array in arrays.values()) > _SMALL:
        _advise(buffer, "MADV_RANDOM")  # else a look at one row may read megabytes around it
        file = MappedFile(checked_words, lambda: _advise(buffer, "MADV_NORMAL"))
        if "vocabulary" in arrays:
            text, offsets, order = (arrays[name] for name in _WORDS)
            vocabulary = StoredVocabulary(StoredTokens(text, offsets, file.check), order)
    elif (words := checked_words()) is not None:
        vocabulary = Vocabulary(words)
    contexts, offsets, tokens, counts, targets = (arrays[name] for name in _TABLE)
    transitions = Transitions(contexts, offsets, tokens, counts, linked=targets, file=file)
    return Model(transitions, vocabulary, KeptText((arrays[_TEXT],)) if _TEXT in arrays else None), about


def stated(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what a file says of itself, not checked; nothing where it is none of ours."""
    try:
        return _read(_path(path), _opened(_path(path), mmap=True))[0]
    except (SafetensorError, _DamageError):
        return {}


def _path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"path is {described(path)}, expected a str or a path") from None


class _DamageError(Exception):
    """What is wrong with a file."""


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Say which file it is that something is wrong with."""
    try:
        yield
    except (SafetensorError, _DamageError) as error:
        raise ValueError(f"{path} is not a model of this library that can be read: {error}") from None


def sealed(about: dict[str, Any], arrays: Arrays) -> dict[str, str]:
    """Return the metadata of a file: one entry, since the order of several is not the same in every file."""
    about = about | {"contents": _contents_digest(arrays)}
    return {"fastsoftmax": json.dumps(about | {"header": _header_digest(about, arrays)}, sort_keys=True)}


def _opened(path: Path, mmap: bool) -> bytes | memory.mmap:
    """Return the bytes of a file, mapped or read."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < 8:
            raise _DamageError("it is too short")
        return memory.mmap(file.fileno(), 0, access=memory.ACCESS_READ) if mmap else file.read()


def _advise(buffer: bytes | memory.mmap, advice: str) -> None:
    """Tell the system how a mapped file will be read, where there is a way to."""
    if isinstance(buffer, memory.mmap) and hasattr(memory, advice):
        buffer.madvise(getattr(memory, advice))


def _read(path: Path, buffer: bytes | memory.mmap) -> tuple[dict[str, Any], Arrays]:
    """Return what the metadata says, and the arrays of a file, not copied."""
    size = int.from_bytes(buffer[:8], "little")
    _require(size <= _LONGEST_HEADER, "its header is wrong: it is none")
    with safe_open(path, framework="np"):  # checks the header: names, types, shapes, places, the size of the file
        pass
    try:
        start = 8 + size
        header = json.loads(buffer[8:start])
        about = dict(json.loads(header.pop("__metadata__", {}).get("fastsoftmax", "{}")))
        arrays = {name: _array(buffer, start, **entry) for name, entry in header.items()}
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise _DamageError(f"its header is wrong ({error})") from None
    return about, arrays


def _array(buffer: Any, start: int, dtype: str, shape: list[int], data_offsets: list[int]) -> Array:
    first, last = data_offsets
    element = np.dtype(_DTYPES[dtype])
    array = np.frombuffer(memoryview(buffer)[start + first : start + last], element).reshape(shape)
    return np.require(array, requirements="A")


def _check_header(kind: str, about: dict[str, Any], arrays: Arrays) -> None:
    """Check what can be known of a file without its contents."""
    _require(about.get("format") == FORMAT, f"its format is {described(about.get('format'))}, expected {FORMAT!r}")
    _require(all(isinstance(value, (str, int)) for value in about.values()), "its metadata is wrong")
    _require(about.get("kind") == kind, f"it holds a {about.get('kind')}, expected a {kind}")
    stated = {name: value for name, value in about.items() if name != "header"}
    _require(about.get("header") == _header_digest(stated, arrays), "its header does not match its checksum")
    named = set(arrays) - {_TEXT} if kind == "text" else set(arrays)
    _require(named in ({*_TABLE}, {*_TABLE, *_WORDS}), f"its arrays are {sorted(arrays)}")
    contexts, offsets, tokens, counts, targets = (arrays[name] for name in _TABLE)
    types = [array.dtype for array in (contexts, offsets, tokens, targets)]
    _require(types == [np.int32, np.int64, np.int32, np.int32], "its arrays have other types")
    _require(counts.dtype in (np.int64, np.float64), "its counts have another type")
    rows = offsets.size - 1
    _require(contexts.ndim == 2 and contexts.shape[0] == rows >= 0, "its contexts have another shape")
    _require(contexts.shape[1] == about.get("order"), "its order is another")
    _require(contexts.shape[1] >= 1 or rows <= 1, "its states are not in order")  # of order 0 there is one
    _require(offsets.ndim == 1 and tokens.ndim == 1, "its arrays have other shapes")
    _require(counts.shape == targets.shape == tokens.shape, "its edges have different lengths")
    _require(kind != "text" or "vocabulary" in arrays, "it has no vocabulary")
    if "vocabulary" in arrays:
        words = [arrays[name] for name in _WORDS]
        _require([array.dtype for array in words] == [np.uint8, np.int64, np.int32], "its vocabulary has another type")
        flat = all(array.ndim == 1 for array in words)
        _require(flat and words[1].size == words[2].size + 1, "its vocabulary has another shape")
    if _TEXT in arrays:
        text = arrays[_TEXT]
        _require(text.dtype == np.int32 and text.ndim == 1, "its text has another type or shape")


def _checked_words(arrays: Arrays, stated: Any) -> list[str] | None:
    """Check the contents of a file, whose header is right, and return its words if there are any."""
    _require(_contents_digest(arrays) == stated, "its contents do not match its checksum")
    words = _unpacked(*(arrays[name] for name in _WORDS)) if "vocabulary" in arrays else None
    largest = MAX_ID if words is None else len(words) - 1
    _check_rows(arrays, largest)
    if _TEXT in arrays:
        text = arrays[_TEXT]
        _require(_within(text, BOUNDARY, largest), "a token of its text is out of range")
        _require(text.size == 0 or int(text[-1]) == BOUNDARY, "its text has no end")
    return words


def _check_rows(arrays: Arrays, largest: int) -> None:
    """Check everything that the kernels rely on."""
    contexts, offsets, tokens, counts, targets = (arrays[name] for name in _TABLE)
    whole = offsets[0] == 0 and offsets[-1] == tokens.size and bool((np.diff(offsets) > 0).all())
    _require(whole, "its offsets are wrong")
    _require(_within(tokens, BOUNDARY, largest), "a token is out of range")
    _require(_within(contexts, BOUNDARY, largest), "a context is out of range")
    _require(_within(targets, -1, offsets.size - 2), "a target is out of range")
    _require(bool(np.isfinite(counts).all() and (counts > 0).all()), "a count is not a positive number")
    try:
        check_total(counts)
    except ValueError as error:
        raise _DamageError(str(error)) from None
    falls = (counts[1:] < counts[:-1]) | ((counts[1:] == counts[:-1]) & (tokens[1:] > tokens[:-1]))
    falls[offsets[1:-1] - 1] = True  # from one row to the next anything goes
    _require(bool(falls.all()), "a row is not in order")
    _require(_rising(contexts), "its states are not in order")
    _require(_linked(contexts, tokens, targets), "a target is the state of another token")


def _within(array: Array, least: int, most: int) -> bool:
    return array.size == 0 or (int(array.min()) >= least and int(array.max()) <= most)


def _linked(contexts: Array, tokens: Array, targets: Array) -> bool:
    """Whether no end leads to a state, and each token that leads to one is its last: so no two edges are parallel."""
    ends = tokens == BOUNDARY
    if contexts.shape[1] == 0:
        return bool((ends == (targets < 0)).all())
    return bool(((targets < 0) | (~ends & (contexts[targets, -1] == tokens))).all())


def _rising(contexts: Array) -> bool:
    """Whether every row is above the one before, column by column."""
    above = np.zeros(max(len(contexts) - 1, 0), np.bool_)
    equal = ~above
    for column in contexts.T:
        above |= equal & (column[1:] > column[:-1])
        equal &= column[1:] == column[:-1]
    return bool(above.all())


def _packed(tokens: Sequence[str]) -> Arrays:
    words = []
    for token in tokens:
        try:
            words.append(token.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"token {token!r} cannot be saved: it is not valid Unicode ({error.reason})") from None
    offsets = np.zeros(len(words) + 1, np.int64)
    offsets[1:] = np.cumsum([len(word) for word in words])
    order = np.array(sorted(range(len(words)), key=words.__getitem__), np.int32)
    text = np.frombuffer(b"".join(words), np.uint8)
    return {"vocabulary": text, "vocabulary_offsets": offsets, "vocabulary_order": order}


def _unpacked(text: Array, offsets: Array, order: Array) -> list[str]:
    whole = offsets[0] == 0 and offsets[-1] == text.size and bool((np.diff(offsets) >= 0).all())
    _require(whole, "its vocabulary offsets are wrong")
    joined, bounds = text.tobytes(), offsets.tolist()
    try:
        tokens = [joined[start:stop].decode() for start, stop in pairwise(bounds)]
    except UnicodeDecodeError as error:
        raise _DamageError(f"its vocabulary is not UTF-8 ({error})") from None
    _require(len(set(tokens)) == len(tokens), "its vocabulary has a token twice")
    _require(_within(order, 0, len(tokens) - 1), "its vocabulary is not in order")
    by_order = [tokens[identifier] for identifier in order.tolist()]
    _require(all(map(operator.lt, by_order, by_order[1:])), "its vocabulary is not in order")
    return tokens


def _contents_digest(arrays: Arrays) -> str:
    """Return the SHA-256 of the arrays' bytes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _header_digest(about: dict[str, Any], arrays: Arrays) -> str:
    """Return the SHA-256 of all else that a file says: metadata, names, types, shapes."""
    shapes = [[name, arrays[name].dtype.str, arrays[name].shape] for name in sorted(arrays)]
    return hashlib.sha256(json.dumps([about, shapes], sort_keys=True).encode()).hexdigest()


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise _DamageError(what)
