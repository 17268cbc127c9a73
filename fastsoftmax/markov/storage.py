"""One file for a model: safetensors, checksummed, memory-mapped, never a pickle.

Arrays: contexts, offsets, tokens, counts, targets as in `Transitions`; for str tokens also `vocabulary`, their UTF-8
bytes one after the other, and `vocabulary_offsets`, where each begins. Metadata: format, kind, order, and the SHA-256
of all of it. What is read is checked so far that no kernel can leave its arrays, whatever the file holds.
"""

import hashlib
import json
import mmap as memory
import os
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from fastsoftmax._checks import described
from fastsoftmax.markov.transitions import BOUNDARY, MAX_ID, Transitions, check_total
from fastsoftmax.markov.vocabulary import Vocabulary

FORMAT = "fastsoftmax-markov-1"

Array = npt.NDArray[Any]
Arrays = dict[str, Array]

_DTYPES = {"I32": np.int32, "I64": np.int64, "F64": np.float64, "U8": np.uint8}


def save(path: str | os.PathLike[str], kind: str, transitions: Transitions, vocabulary: Vocabulary | None) -> None:
    """Write a model to a file, in one step: it is there whole, or what was there before still is."""
    target = _path(path)
    arrays: Arrays = {
        name: getattr(transitions, name) for name in ("contexts", "offsets", "tokens", "counts", "targets")
    }
    if vocabulary is not None:
        arrays |= _packed(vocabulary.tokens)
    about = {"format": FORMAT, "kind": kind, "order": transitions.order}
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        temporary.touch()  # safetensors' own errors do not say which system error it was
        save_file(arrays, temporary, sealed(about, arrays))
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None
    except SafetensorError as error:
        raise OSError(f"{target} cannot be written: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str], kind: str, mmap: bool) -> tuple[Transitions, Vocabulary | None]:
    """Read a model from a file.

    Raises
    ------
    FileNotFoundError
    ValueError
        If it is not a whole and unchanged file of this kind, naming the path and what is wrong.
    """
    target = _path(path)
    try:
        return _checked(kind, *_read(target, mmap))
    except (SafetensorError, _DamageError) as error:
        raise ValueError(f"{target} is not a fastsoftmax {kind} file that can be read: {error}") from None


def _path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"path is {described(path)}, expected a str or a path") from None


class _DamageError(Exception):
    """What is wrong with a file."""


def sealed(about: dict[str, Any], arrays: Arrays) -> dict[str, str]:
    """Return the metadata of a file: one entry, since the order of several is not the same in every file."""
    return {"fastsoftmax": json.dumps(about | {"sha256": _digest(about, arrays)}, sort_keys=True)}


def _read(path: Path, mmap: bool) -> tuple[dict[str, Any], Arrays]:
    """Return what the metadata says, and the arrays of a file, not copied if it is mapped."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < 8:
            raise _DamageError("it is too short")
        buffer = memory.mmap(file.fileno(), 0, access=memory.ACCESS_READ) if mmap else file.read()
    with safe_open(path, framework="np"):  # checks the header: names, types, shapes, places
        pass
    try:
        start = 8 + int.from_bytes(buffer[:8], "little")
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


def _checked(kind: str, about: dict[str, Any], arrays: Arrays) -> tuple[Transitions, Vocabulary | None]:
    """Return what a file holds, or raise `_DamageError`."""
    _require(about.get("format") == FORMAT, f"its format is {about.get('format')!r}, expected {FORMAT!r}")
    _require(about.get("kind") == kind, f"it holds a {about.get('kind')}")
    stated = about.pop("sha256", None)
    found = _digest(about, arrays)
    _require(stated == found, "its contents do not match its checksum")
    expected = {"contexts", "offsets", "tokens", "counts", "targets"}
    words = {"vocabulary", "vocabulary_offsets"}
    _require(set(arrays) in (expected, expected | words), f"its arrays are {sorted(arrays)}")
    vocabulary = None
    if words <= set(arrays):
        vocabulary = Vocabulary(_unpacked(arrays.pop("vocabulary"), arrays.pop("vocabulary_offsets")))
    _require(kind != "text" or vocabulary is not None, "it has no vocabulary")
    targets = arrays.pop("targets")
    transitions = Transitions(**arrays, linked=targets)
    _check_rows(transitions, about.get("order"), MAX_ID if vocabulary is None else len(vocabulary) - 1)
    return transitions, vocabulary


def _check_rows(transitions: Transitions, order: Any, largest: int) -> None:
    """Check everything that the kernels rely on."""
    contexts, offsets, tokens, counts, targets = (
        transitions.contexts,
        transitions.offsets,
        transitions.tokens,
        transitions.counts,
        transitions.targets,
    )
    states, edges = offsets.size - 1, tokens.size
    types = [array.dtype for array in (contexts, offsets, tokens, targets)]
    _require(types == [np.int32, np.int64, np.int32, np.int32], "its arrays have other types")
    _require(counts.dtype in (np.int64, np.float64), "its counts have another type")
    _require(contexts.ndim == 2 and contexts.shape[0] == states and states >= 0, "its contexts have another shape")
    _require(contexts.shape[1] >= 1 and contexts.shape[1] == order, "its order is another")
    _require(offsets.ndim == 1 and tokens.ndim == 1, "its arrays have other shapes")
    _require(counts.shape == targets.shape == tokens.shape, "its edges have different lengths")
    _require(
        offsets[0] == 0 and offsets[-1] == edges and bool((np.diff(offsets) > 0).all()),
        "its offsets are wrong",
    )
    _require(_within(tokens, BOUNDARY, largest), "a token is out of range")
    _require(_within(contexts, BOUNDARY, largest), "a context is out of range")
    _require(_within(targets, -1, states - 1), "a target is out of range")
    _require(bool(np.isfinite(counts).all() and (counts > 0).all()), "a count is not a positive number")
    try:
        check_total(counts)
    except ValueError as error:
        raise _DamageError(str(error)) from None
    falls = (counts[1:] < counts[:-1]) | ((counts[1:] == counts[:-1]) & (tokens[1:] > tokens[:-1]))
    falls[offsets[1:-1] - 1] = True  # from one row to the next anything goes
    _require(bool(falls.all()), "a row is not in order")
    _require(_rising(contexts), "its states are not in order")


def _within(array: Array, least: int, most: int) -> bool:
    return array.size == 0 or (int(array.min()) >= least and int(array.max()) <= most)


def _rising(contexts: Array) -> bool:
    """Whether every row is above the one before, column by column."""
    above = np.zeros(max(len(contexts) - 1, 0), np.bool_)
    equal = ~above
    for column in contexts.T:
        above |= equal & (column[1:] > column[:-1])
        equal &= column[1:] == column[:-1]
    return bool(above.all())


def _packed(tokens: tuple[str, ...]) -> Arrays:
    words = []
    for token in tokens:
        try:
            words.append(token.encode())
        except UnicodeEncodeError as error:
            raise ValueError(f"token {token!r} cannot be saved: it is not valid Unicode ({error.reason})") from None
    offsets = np.zeros(len(words) + 1, np.int64)
    offsets[1:] = np.cumsum([len(word) for word in words])
    return {"vocabulary": np.frombuffer(b"".join(words), np.uint8), "vocabulary_offsets": offsets}


def _unpacked(text: Array, offsets: Array) -> list[str]:
    _require(text.dtype == np.uint8 and text.ndim == 1, "its vocabulary has another type")
    _require(
        offsets.dtype == np.int64 and offsets.ndim == 1 and offsets.size > 0,
        "its vocabulary has another type",
    )
    whole = offsets[0] == 0 and offsets[-1] == text.size and bool((np.diff(offsets) >= 0).all())
    _require(whole, "its vocabulary offsets are wrong")
    joined, bounds = text.tobytes(), offsets.tolist()
    try:
        tokens = [joined[start:stop].decode() for start, stop in pairwise(bounds)]
    except UnicodeDecodeError as error:
        raise _DamageError(f"its vocabulary is not UTF-8 ({error})") from None
    _require(len(set(tokens)) == len(tokens), "its vocabulary has a token twice")
    return tokens


def _digest(about: dict[str, Any], arrays: Arrays) -> str:
    """Return the SHA-256 of what a file says: metadata, names, types, shapes and contents."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise _DamageError(what)
