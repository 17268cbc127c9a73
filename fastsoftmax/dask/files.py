"""Files that workers read: whole ones by their paths, large ones a block at a time, cut where a document may end."""

import os
from pathlib import Path
from typing import Any

import dask
from fsspec.core import OpenFile, open_files
from fsspec.implementations.local import LocalFileSystem
from fsspec.utils import read_block

from fastsoftmax import MarkovText, _checks

_UNPACKED = {None, "gzip", "bz2", "xz"}  # what `MarkovText.fit` reads a part at a time


def parts_of_files(source: Any, model: MarkovText, blocksize: int) -> list[Any]:
    """Return what tasks fit a model to: paths of files of this machine, or tasks that return text, in order."""
    names = [source] if isinstance(source, (str, os.PathLike)) else source
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, (str, os.PathLike)) for name in names):
        raise TypeError(
            f"source is {_checks.described(source)}, expected paths, a dask collection, or what dask.delayed made"
        )
    parts, cut = list[Any](), _cut_of(model)
    for name in names:
        files = open_files(os.fspath(name), "rb", compression="infer")
        if not files or not all(file.fs.exists(file.path) for file in files):
            raise FileNotFoundError(f"there is no file {os.fspath(name)}")
        for file in files:
            parts += _parts_of(file, cut, model.encoding, blocksize)
    return parts


def _cut_of(model: MarkovText) -> bytes | None:
    """Return the bytes after which a file may be cut; None where its encoding has others for a line feed."""
    cut = "\n" if model.sequences == "lines" else "\n\n"
    return cut.encode() if cut.encode(model.encoding) == cut.encode() else None


def _parts_of(file: OpenFile, cut: bytes | None, encoding: str, blocksize: int) -> list[Any]:
    size = file.fs.size(file.path)
    is_whole = file.compression is not None or cut is None or size is None or size <= blocksize
    if is_whole and isinstance(file.fs, LocalFileSystem) and file.compression in _UNPACKED:
        return [Path(file.path)]
    text = dask.delayed(_text, pure=False)
    if is_whole:
        return [text(file, None, None, cut, encoding)]
    return [text(file, start, blocksize, cut, encoding) for start in range(0, size, blocksize)]


def _text(file: OpenFile, start: int | None, size: int | None, cut: bytes | None, encoding: str) -> list[str]:
    """Return the text of a file, or of a block of it, from the first cut in it to the first one after it."""
    with OpenFile(file.fs, file.path, compression=file.compression) as opened:  # tasks on threads share the other
        data: bytes = opened.read() if start is None else read_block(opened, start, size, cut)
    where = file.path if start is None else f"{file.path}, in the {size} bytes from {start} on,"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not {encoding}: {error.reason}") from None
    # With a line feed before it, a block is neither the name of a file, nor does it begin as a file does.
    return ["\n" + (text if start else text.removeprefix("\ufeff"))]
