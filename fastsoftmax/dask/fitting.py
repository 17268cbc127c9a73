"""Counting on a cluster: parts are fitted where they are, and merged in order, a few at a time.

Counts are whole numbers, and models that are merged in order are the model of the whole, bit for bit. So it does not
matter how many parts there are, who counts them, or how often one is counted again since a worker died.

Of 20 parts three models are made, of eight, eight and four parts, and these are added up.
"""

import copy
import sys
from collections.abc import Iterator, Sized
from contextlib import redirect_stdout
from typing import Any, TypeVar

import dask
import dask.array as da
import numpy as np
from dask.delayed import Delayed

from fastsoftmax import MarkovChain, MarkovText, _checks
from fastsoftmax.dask.files import parts_of_files
from fastsoftmax.markov.reading.tokens import NoWordsError

Model = TypeVar("Model", MarkovChain, MarkovText)

BLOCK = 2**26  # bytes of a file that one task reads
_TOGETHER = 8  # models that one task adds up


def fit(model: Model, source: Any, *, blocksize: int = BLOCK, progress: bool = False) -> Model:
    """Fit a chain or a model of text on the workers of a Dask cluster, or on the threads of this machine.

    The model is the one that its own `fit` makes of the same sequences or documents, bit for bit.

    Parameters
    ----------
    model : MarkovChain or MarkovText
        An empty one, which says the order, and what tokens and sentences are. Functions of its own must be such that
        can be pickled.
    source : bag, array, series, delayed, paths
        A dask bag of sequences, or of documents for a MarkovText. A two-dimensional dask array of integers, a sequence
        a row; a one-dimensional one is one sequence, which one worker counts. A column of a dask data frame. What
        `dask.delayed` made, or a list of such: each gives what the model's `fit` takes. For a MarkovText also a path
        or several, with ``*`` and with the protocols of fsspec, as in ``"s3://bucket/*.txt.gz"``: the workers read
        them, so that all of them must see the same files.
    blocksize : int
        How many bytes of a file one task reads. Larger files are cut after two line feeds, or after one if the
        sequences are lines. Files that are compressed, or in UTF-16 or UTF-32, are not cut, and one that has no such
        place, as one of paragraphs with CR LF, is read whole by one task.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    MarkovChain or MarkovText
        The model.

    Raises
    ------
    FileNotFoundError
        If there is no file of such a path.
    TypeError, ValueError
        If the model is not empty or the source is none of these, and as the model's `fit` does. The model is then as
        before.
    distributed.KilledWorker
        If a part has ended several workers, perhaps since it needs more memory than they have.

    Notes
    -----
    Memory of a worker: that of `fit` for a part, or eight models and their sum. This process gets the whole model. What
    goes from one process to another are counts: 12 bytes a different transition of a part, and its tokens.

    Examples
    --------
    >>> import dask.bag, fastsoftmax as fs, fastsoftmax.dask
    >>> documents = dask.bag.from_sequence(["The cat sat.", "The dog ran."], npartitions=2)
    >>> fastsoftmax.dask.fit(fs.MarkovText(order=1), documents)
    MarkovText(order=1), 6 states, 7 transitions
    """
    if not isinstance(model, (MarkovChain, MarkovText)):
        raise TypeError(f"model is {_checks.described(model)}, expected a MarkovChain or a MarkovText")
    if model._held.model is not None:
        raise ValueError(f"model is {model!r}, expected an empty one")
    size, shows = _checks.integer("blocksize", blocksize, 1), _checks.flag("progress", progress)
    fitted, summed = dask.delayed(_fitted, pure=False), dask.delayed(_summed, pure=False)
    models = [fitted(model, part) for part in _parts(model, source, size)]
    while len(models) > 1:
        models = [summed(models[first : first + _TOGETHER]) for first in range(0, len(models), _TOGETHER)]
    total = _computed(models[0], shows) if models else None
    if total is None:
        raise ValueError("source has no sequences, expected at least one")
    return model.merge(total)


def _parts(model: MarkovChain | MarkovText, source: Any, blocksize: int) -> list[Any]:
    """Return what tasks fit the model to, in order."""
    if isinstance(source, Delayed):
        return [source]
    if hasattr(source, "columns") and source.ndim == 2:
        raise TypeError("source is a data frame, expected one of its columns")
    if hasattr(source, "to_delayed"):
        if isinstance(source, da.Array):
            source = source.rechunk({source.ndim - 1: -1})
        blocks = source.to_delayed()
        return list(np.ravel(blocks)) if isinstance(blocks, np.ndarray) else list(blocks)
    if isinstance(source, list) and source and all(isinstance(part, Delayed) for part in source):
        return source
    if isinstance(model, MarkovText):
        return parts_of_files(source, model, blocksize)
    raise TypeError(f"source is {_checks.described(source)}, expected a dask collection, or what dask.delayed made")


def _fitted(empty: Model, part: Any) -> Model | None:
    """Return a model fitted to a part, or None where the part holds nothing."""
    found = list(part) if isinstance(part, Iterator) else part
    if isinstance(found, Sized) and not len(found):
        return None
    try:
        return copy.copy(empty).fit(found)
    except NoWordsError:
        return None


def _summed(models: list[Model | None]) -> Model | None:
    """Return the sum of neighbours. They stay as they are: a task may run again."""
    some = [model for model in models if model is not None]
    while len(some) > 1:
        pairs = [some[first : first + 2] for first in range(0, len(some), 2)]
        some = [copy.copy(pair[0]).merge(pair[1]) if len(pair) > 1 else pair[0] for pair in pairs]
    return some[0] if some else None


def _computed(task: Delayed, shows: bool) -> Any:
    """Return what a task makes, on the cluster whose client is the current one, or else on threads."""
    if not shows:
        return task.compute()
    from dask.diagnostics import ProgressBar

    try:
        from distributed import get_client, progress

        client = get_client()
    except (ImportError, ValueError):  # no cluster
        with ProgressBar(out=sys.stderr):
            return task.compute()
    future = client.compute(task)
    with redirect_stdout(sys.stderr):
        progress(future, notebook=False)
    return future.result()
