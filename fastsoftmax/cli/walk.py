"""The command `walk`: one walk that never ends, as a stream of tokens."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fastsoftmax import MarkovChain, MarkovText, Walks
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import InputError
from fastsoftmax.cli.models import Kind, any_model
from fastsoftmax.markov.reading.clean import cleaned
from fastsoftmax.markov.reading.tokens import characters

MANY = 2**20  # tokens: half a second or so
_BLOCK = 2**16  # tokens that are written at once


def walk(sources: list[str], kind: Kind, length: int, start: str | None, params: dict[str, Any], as_json: bool) -> None:
    """Print a walk of so many tokens."""
    if length < 0:
        raise InputError(f"length is {length}, expected an integer >= 0")
    model = any_model(sources, kind)
    chain = model.chain if isinstance(model, MarkovText) else model
    between = "" if isinstance(model, MarkovText) and model.tokens == "characters" else " "
    shows_progress = length >= MANY and output.progress_shows()
    begin = None if start is None else _start(start, model)
    walks = chain.walk(1, length, start=begin, on_dead_end="restart", progress=shows_progress, **params)
    with output.progress(shows_progress and not output.on_terminal()) as bar:
        blocks = bar.track(_blocks(walks), total=-(-length // _BLOCK), description="writing")
        if as_json:
            _write((json.dumps(block)[1:-1] for block in blocks), '{"tokens": [', ", ", "]}\n")
        else:
            _write((between.join(map(str, block)) for block in blocks), "", between, "\n")


def _write(texts: Iterable[str], opening: str, between: str, closing: str) -> None:
    """Write texts one by one: all of them may not fit into memory."""
    output.write(opening, end="")
    for number, text in enumerate(texts):
        output.write((between if number else "") + text, end="")
    output.write(closing, end="")


def _blocks(walks: Walks) -> Iterator[list[Any]]:
    """Yield the tokens of the first walk, some at a time."""
    names: dict[int, str] = {}  # of what was met: of a large file the others are not read
    for first in range(0, walks.ids.shape[1], _BLOCK):
        ids = walks.ids[0, first : first + _BLOCK]
        if walks.vocabulary is None:
            yield ids.tolist()
            continue
        for identifier in np.unique(ids).tolist():
            if identifier not in names:
                names[identifier] = walks.vocabulary[identifier]
        yield [names[identifier] for identifier in ids.tolist()]


def _start(start: str, model: MarkovChain | MarkovText) -> list[Any]:
    """Return the tokens of a start."""
    words = cleaned(start).split()
    if isinstance(model, MarkovChain) and model.vocabulary is None:
        try:
            return [int(word) for word in words]
        except ValueError:
            raise InputError(f"start is {start!r}, expected integers: the model has no words") from None
    if isinstance(model, MarkovChain) or model.tokens != "characters":
        return words
    return characters(cleaned(start, spaced=False) if model.sequences == "lines" else " ".join(words))
