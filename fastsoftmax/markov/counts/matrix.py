"""Matrices, lists of edges and graphs, to models of order 1.

Each is read as a list of edges, with the states that walks start in as edges from -1; `_model` counts them.

The matrix [[0.5, 0.5], [1, 0]] of the states sun and rain is the edges sun-sun, sun-rain and rain-sun, with 1, 1 and 2.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._types import Counts, Positions
from fastsoftmax.markov.counts.counting import counted_pairs
from fastsoftmax.markov.counts.labels import Labels
from fastsoftmax.markov.counts.mapping import positive
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import BOUNDARY, table
from fastsoftmax.markov.counts.vocabulary import names_of
from fastsoftmax.markov.counts.weights import counts_of, counts_of_matrix, numbers_of

_KINDS = "a square array, a SciPy sparse matrix or a DataFrame"


class _Entries(NamedTuple):
    """The entries of a matrix, and the labels of its rows and columns, None for their numbers."""

    rows: Positions
    columns: Positions
    values: npt.NDArray[Any]
    shape: tuple[int, int]
    labels: tuple[Any, Any] | None


class _Begun(NamedTuple):
    """The states that walks start in, and their weights."""

    ids: Positions
    weights: npt.NDArray[Any]


def model_of_matrix(matrix: Any, states: Any, start: Any) -> Model:
    """Return the model of a matrix of probabilities or counts."""
    entries, known = _entries(matrix), Labels()
    if states is not None and entries.labels is not None:
        raise ValueError("states is given, and so are the labels of a DataFrame, expected one of them")
    named = entries.labels or (states, states)
    ids = [
        None if labels is None else _distinct(what, known.ids_of(what, labels), size)
        for what, labels, size in zip(_names(entries), named, entries.shape, strict=True)
    ]
    shown: list[Callable[[int], str]] = [_label(labels) for labels in named]

    def place(at: int) -> str:
        return f"matrix[{shown[0](int(entries.rows[at]))}, {shown[1](int(entries.columns[at]))}]"

    values = numbers_of("matrix", entries.values, place)
    above = values > 0
    rows, columns, values = entries.rows[above], entries.columns[above], values[above]
    counts = counts_of_matrix(values, rows, shown[0])
    if hasattr(start, "__len__") and not isinstance(start, Mapping):
        start = _begun_by_place(start, entries.shape[0], ids[0])
    return _model(_at(rows, ids[0]), _at(columns, ids[1]), counts, start, known)


def model_of_edges(sources: Any, targets: Any, weights: Any, start: Any) -> Model:
    """Return the model of a list of edges; equal ones are added up."""
    known = Labels()
    froms, tos = known.ids_of("sources", sources), known.ids_of("targets", targets)
    if froms.size != tos.size:
        raise ValueError(f"targets has {tos.size} labels, expected {froms.size} as sources has")
    if froms.size == 0:
        raise ValueError("sources is empty, expected at least one edge")
    array = _checks.as_array("weights", weights)
    if array.shape not in ((), froms.shape):
        raise ValueError(f"weights has shape {array.shape}, expected one number or {froms.size}, one for each edge")
    numbers = numbers_of("weights", array.reshape(-1), lambda at: f"weights[{at}]" if array.ndim else "weights")
    if array.ndim == 0:
        if numbers[0] == 0:
            raise ValueError("weights is 0, expected a number above 0")
        return _model(froms, tos, None if numbers[0] == 1 else counts_of(np.full(froms.size, numbers[0])), start, known)
    if not (above := numbers > 0).all():
        froms, tos, numbers = froms[above], tos[above], numbers[above]
    return _model(froms, tos, counts_of(numbers), start, known)


def model_of_graph(graph: Any, weight: Any, start: Any) -> Model:
    """Return the model of a networkx graph: an edge without a direction leads both ways, a loop once."""
    if not hasattr(graph, "edges") or not callable(getattr(graph, "is_directed", None)):
        raise TypeError(f"graph is {_checks.described(graph)}, expected a networkx graph")
    edges = list(graph.edges(data=weight, default=1)) if weight is not None else [(*e[:2], 1) for e in graph.edges()]
    if not edges:
        raise ValueError("graph has no edge, expected at least one")
    known = Labels()
    known.ids_of("nodes", list(graph))
    froms = known.ids_of("sources", [edge[0] for edge in edges])
    tos = known.ids_of("targets", [edge[1] for edge in edges])
    weights = [edge[2] for edge in edges]
    for edge, number in zip(edges, weights, strict=True):
        if isinstance(number, bool) or not isinstance(number, (int, float, np.number)):
            raise TypeError(f"the {weight!r} of edge {edge[:2]} is {_checks.described(number)}, expected a number")
    numbers = numbers_of("graph", np.array(weights), lambda at: f"the {weight!r} of edge {edges[at][:2]}")
    if not graph.is_directed():
        back = froms != tos
        froms, tos = np.append(froms, tos[back]), np.append(tos, froms[: back.size][back])
        numbers = np.append(numbers, numbers[back])
    above = numbers > 0
    return _model(froms[above], tos[above], counts_of(numbers[above]), start, known)


def _model(sources: Positions, targets: Positions, counts: Counts | None, start: Any, known: Labels) -> Model:
    """Return the model of edges, and of the states that walks start in, if they are given."""
    if sources.size == 0:
        raise ValueError("all weights are 0, expected at least one above 0")
    if start is not None:
        firsts, weights = start if isinstance(start, _Begun) else _begun_by_label(start, known)
        apart = np.flatnonzero(~(np.isin(firsts, sources) | np.isin(firsts, targets)))
        if apart.size:
            (name,) = names_of([int(firsts[apart[0]])], known.vocabulary())
            raise KeyError(f"start: state {name!r} has no transition, expected one that has")
        counts = np.concatenate((np.ones(sources.size, np.int64) if counts is None else counts, counts_of(weights)))
        sources = np.append(sources, np.full(firsts.size, BOUNDARY))
        targets = np.append(targets, firsts)
    return Model(table(counted_pairs(sources, targets, counts)), known.vocabulary())


def _begun_by_label(start: Any, known: Labels) -> _Begun:
    """Return the ids of the states that walks start in, and their weights, from {state: weight}."""
    if not isinstance(start, Mapping):
        raise TypeError(f"start is {_checks.described(start)}, expected a dict {{state: weight}}")
    begun = positive("start", start, "state")
    ids = [known.id_of(state, f"start key {state!r}") for state, _ in begun]
    return _Begun(np.array(ids, np.int64), np.array([weight for _, weight in begun]))


def _begun_by_place(start: Any, rows: int, ids: Positions | None) -> _Begun:
    """Do the same with a weight for each row."""
    weights = numbers_of("start", _checks.as_array("start", start), lambda at: f"start[{at}]")
    if weights.shape != (rows,):
        raise ValueError(f"start has shape {weights.shape}, expected {(rows,)}, a weight for each row")
    above = np.flatnonzero(weights > 0)
    if not above.size:
        raise ValueError("start has weights of 0 alone, expected at least one above 0")
    return _Begun(_at(above, ids), weights[above])


def _at(places: Positions, ids: Positions | None) -> Positions:
    """Return the ids of rows or columns; those without labels are their numbers."""
    return places if ids is None else ids[places]


def _entries(matrix: Any) -> _Entries:
    """Return the entries of anything that is a matrix."""
    if hasattr(matrix, "tocoo"):
        sparse = matrix.tocoo(copy=True)  # of a COO matrix it would be the user's own, which `sum_duplicates` changes
        if len(sparse.shape) != 2:
            raise ValueError(f"matrix has shape {sparse.shape}, expected two dimensions")
        sparse.sum_duplicates()
        return _Entries(sparse.row.astype(np.int64), sparse.col.astype(np.int64), sparse.data, _square(sparse), None)
    frame = hasattr(matrix, "columns") and hasattr(matrix, "to_numpy")
    dense = np.asarray(matrix.to_numpy()) if frame else _checks.as_array("matrix", matrix)
    if dense.ndim != 2:
        raise ValueError(f"matrix has shape {dense.shape}, expected {_KINDS}")
    if dense.dtype.kind not in "biuf":
        raise TypeError(f"matrix has dtype {dense.dtype}, expected integers or floats")
    rows, columns = np.nonzero(dense)
    labels = None
    if frame:
        names = list(matrix.columns)
        labels = (list(matrix.index) if hasattr(matrix, "index") else names, names)
    return _Entries(rows, columns, dense[rows, columns], dense.shape if frame else _square(dense), labels)


def _square(matrix: Any) -> tuple[int, int]:
    rows, columns = matrix.shape
    if rows != columns:
        raise ValueError(f"matrix has shape {matrix.shape}, expected {_KINDS}")
    return int(rows), int(columns)


def _names(entries: _Entries) -> tuple[str, str]:
    return ("matrix.index", "matrix.columns") if entries.labels else ("states", "states")


def _label(labels: Any) -> Callable[[int], str]:
    """Return what shows the label of a row or a column in a message."""
    return lambda at: repr(at if labels is None else list(labels)[at])


def _distinct(name: str, ids: Positions, size: int) -> Positions:
    """Return the ids of labels, one for each row or column and no two alike."""
    if ids.size != size:
        raise ValueError(f"{name} has {ids.size} labels, expected {size}")
    places = np.unique(ids, return_index=True)[1]
    if places.size < size:
        twice = int(np.setdiff1d(np.arange(size), places)[0])
        raise ValueError(f"{name}[{twice}] stands there twice, expected different labels")
    return ids
