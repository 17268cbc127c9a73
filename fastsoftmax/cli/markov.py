"""The commands about text: `fit` makes a model of it, `generate` speaks from one."""

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fastsoftmax import MarkovText
from fastsoftmax.cli import output
from fastsoftmax.cli.corpus import sentences
from fastsoftmax.cli.inputs import STDIN, InputError, read_text

DEFAULT_ORDER = 2
MANY = 100_000  # sentences: a second or so
_SUFFIX = ".safetensors"
_BLANK_LINE = re.compile(r"\n\s*\n")
_PART = 2**20  # characters between two looks at the progress bar


def fit(texts: list[str], model: str, order: int) -> None:
    """Fit a model to text files, save it, and print what it holds."""
    if not model.endswith(_SUFFIX):
        raise InputError(f"output is {model}, expected a name that ends in {_SUFFIX}")
    folder = os.path.dirname(model) or "."
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: No such directory")
    text = _fitted(texts, order)
    text.save(model)
    table, vocabulary = text.chain.transitions, text.chain.vocabulary or []
    ends = int(table.counts[table.tokens < 0].sum())
    words = int(table.counts.sum()) - ends
    output.write(
        f"{model}: order {order}, {ends:,} sentences, {words:,} words ({len(vocabulary):,} different), "
        f"{len(table.contexts):,} states, {table.tokens.size:,} transitions, {os.path.getsize(model):,} bytes"
    )


def generate(sources: list[str], order: int | None, params: dict[str, Any], as_json: bool) -> None:
    """Print sentences from a saved model, or from one that is fitted to texts on the spot."""
    shows_progress = params["n"] >= MANY and sys.stderr is not None and sys.stderr.isatty()
    found = _model(sources, order).generate(**params, progress=shows_progress)
    if as_json:
        output.write_json({"sentences": found})
    elif found:
        output.write("\n".join(found))


def _model(sources: list[str], order: int | None) -> MarkovText:
    if not any(source.endswith(_SUFFIX) for source in sources):
        return _fitted(sources, DEFAULT_ORDER if order is None else order)
    if len(sources) > 1:
        raise InputError(f"expected one model or texts, got {len(sources)} files with a model among them")
    if order is not None:
        raise InputError("order is given, expected none: a saved model has its own")
    return MarkovText.load(sources[0])


def _fitted(texts: list[str], order: int) -> MarkovText:
    """Return a model of text files; without any, of Python's language reference."""
    if not texts:
        try:
            return MarkovText(order).fit(sentences())
        except ModuleNotFoundError:
            raise InputError("this Python has no language reference (pydoc_data), expected a model or texts") from None
    with output.progress() as bar:
        size = sum(os.path.getsize(name) for name in texts if name != STDIN)
        task = bar.add_task("reading", total=None if STDIN in texts else size)
        return MarkovText(order).fit(_parts(texts, lambda count: bar.advance(task, count)))


def _parts(names: Iterable[str], advance: Callable[[int], object]) -> Iterator[str]:
    """Yield the texts of files, cut at blank lines, which no sentence crosses."""
    for name in names:
        text, start = read_text(name), 0
        while start < len(text):
            blank = _BLANK_LINE.search(text, start + _PART)
            stop = blank.end() if blank else len(text)
            yield text[start:stop]
            advance(stop - start)
            start = stop
