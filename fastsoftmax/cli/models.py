"""Models that commands speak from: saved ones, and those that are fitted to texts on the spot."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from fastsoftmax import MarkovChain, MarkovText
from fastsoftmax.cli import output
from fastsoftmax.cli.cluster import fitted_by_dask
from fastsoftmax.cli.corpus import sentences
from fastsoftmax.cli.inputs import STDIN, UTF_8, InputError, is_pipe, pipe_parts
from fastsoftmax.markov.counts.storage import stated

SUFFIX = ".safetensors"
MANY_BYTES = 2**24  # of text: half a second or so


class Kind(NamedTuple):
    """What a model of texts is to be; None is the usual."""

    order: int | None = None
    tokens: str | None = None
    sequences: str | None = None
    encoding: str | None = None


def text_model(sources: list[str], kind: Kind, keep_text: bool = False) -> MarkovText:
    """Return a saved model of text, or one that is fitted to texts on the spot."""
    if not _names_a_model(sources, kind):
        return fitted(sources, kind, keep_text)
    text = MarkovText.load(sources[0])
    if keep_text and text.kept_tokens is None:
        raise InputError("novelty or max-copied is given, expected texts, or a model with its text: fit --keep-text")
    return text


def any_model(sources: list[str], kind: Kind) -> MarkovChain | MarkovText:
    """Return a saved model of any kind, or one that is fitted to texts on the spot."""
    return saved(sources[0]) if _names_a_model(sources, kind) else fitted(sources, kind)


def saved(name: str) -> MarkovChain | MarkovText:
    """Return a saved model of any kind."""
    about = stated(name)  # nothing where it is to be refused, with a reason, when it is loaded
    if about.get("kind") == "chain":
        return MarkovChain.load(name)
    # The tokens of a function are walked over without it; they are words where a start is given.
    return MarkovText.load(name, tokens=str.split if about.get("tokens") == "own" else None)


def fitted(texts: list[str], kind: Kind, keep_text: bool = False, dask: str | None = None) -> MarkovText:
    """Return a model of text files; without any, of Python's language reference. `dask` is where to count."""
    order = 2 if kind.order is None else kind.order
    tokens, lines, encoding = kind.tokens or "words", kind.sequences or "sentences", kind.encoding or UTF_8
    text = MarkovText(order, tokens=tokens, sequences=lines, encoding=encoding, keep_text=keep_text)
    if dask is not None:
        with naming(texts):
            return fitted_by_dask(text, texts, dask)
    if not texts:
        try:
            return text.fit(sentences())
        except ModuleNotFoundError:
            raise InputError("this Python has no language reference (pydoc_data), expected a model or texts") from None
    size = sum(os.path.getsize(name) for name in texts if name != STDIN)
    shows_progress = output.progress_shows() and (STDIN in texts or size >= MANY_BYTES)
    return learn(text, texts, source_of(texts, lines, encoding), shows_progress)


def learn(text: MarkovText, names: list[str], source: Iterable[Path | str], progress: bool = False) -> MarkovText:
    """Fit a model to texts of these names."""
    with naming(names):
        return text.fit(source, progress=progress)


@contextmanager
def naming(names: list[str]) -> Iterator[None]:
    """Say which of some texts it is that something is wrong with."""
    try:
        yield
    except ValueError as error:  # it tells of a source, or of source[0], a file that it names
        message = re.sub(r"^source(\[\d+\])?: ", "", str(error))
        raise InputError(re.sub("^source(?= has)", " ".join(names), message)) from None


def checked_output(model: str) -> None:
    """Refuse a name that no model can be saved under."""
    if not model.endswith(SUFFIX):
        raise InputError(f"output is {model}, expected a name that ends in {SUFFIX}")
    folder = os.path.dirname(model) or "."
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: No such directory")


def source_of(names: list[str], sequences: str, encoding: str) -> list[Path] | Iterator[Path | str]:
    """Return what `fit` reads: files, a part at a time, and pipes, which can be read once only."""
    if not any(map(is_pipe, names)):
        return [Path(name) for name in names]
    parts = (pipe_parts(name, sequences == "lines", encoding) if is_pipe(name) else [Path(name)] for name in names)
    return chain.from_iterable(parts)


def _names_a_model(sources: list[str], kind: Kind) -> bool:
    if not any(source.endswith(SUFFIX) for source in sources):
        return False
    if len(sources) > 1:
        raise InputError(f"expected one model or texts, got {len(sources)} files with a model among them")
    for name, value in kind._asdict().items():
        if value is not None:
            raise InputError(f"{name} is given, expected none for a saved model, which needs none or has its own")
    return True
