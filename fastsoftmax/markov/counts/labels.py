"""Labels of states to ids, one by one or a column at a time: str by order of first appearance, integers as they are.

The columns ["a", "b"] and ["b", "c"] become 0, 1 and 1, 2, and the vocabulary is a, b, c.
"""

from typing import Any

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Positions
from fastsoftmax.markov.counts.transitions import MAX_ID
from fastsoftmax.markov.counts.vocabulary import Interning, Kind, Vocabulary, is_integer

_ALIKE = "tokens are all str or all int"


class Labels:
    """Ids of labels of one kind, which the first of them decides if it is not given."""

    def __init__(self, kind: Kind | None = None) -> None:
        self._kind = kind
        self._ids = Interning()

    def id_of(self, label: Any, place: str) -> int:
        """Return the id of one label; TypeError or ValueError, which names the place, for what is none."""
        kind = self._kind = self._kind or ("int" if is_integer(label) else "str")
        if kind == "str" and isinstance(label, str):
            return self._ids[label]
        if kind == "str" or not is_integer(label):
            raise TypeError(f"{place}: token {_checks.described(label)}, expected a token of type {kind}: {_ALIKE}")
        if not 0 <= label <= MAX_ID:
            raise ValueError(f"{place}: token {label}, expected an integer in [0, 2**31 - 1)")
        return int(label)

    def ids_of(self, name: str, labels: Any) -> Positions:
        """Return the ids of a column of labels: an array, a list, a Series."""
        if isinstance(labels, (str, bytes)):
            raise TypeError(f"{name} is {_checks.described(labels)}, expected a list or an array of labels")
        if hasattr(labels, "__array__"):  # a list stays one: NumPy would make str of [1, "a"]
            array = _checks.as_array(name, labels)
            if array.ndim != 1:
                raise ValueError(f"{name} has shape {array.shape}, expected one dimension")
            if array.dtype.kind in "iu" and self._kind != "str" and array.size:
                self._kind = "int"
                return _in_range(name, array)
            labels = array.tolist()
        try:
            labels = list(labels)
        except TypeError:
            raise TypeError(f"{name} is {_checks.described(labels)}, expected a list or an array of labels") from None
        if set(map(type, labels)) == {str} and self._kind != "int":
            self._kind = "str"
            return np.fromiter(map(self._ids.__getitem__, labels), np.int64, len(labels))
        return np.array([self.id_of(label, f"{name}[{i}]") for i, label in enumerate(labels)], np.int64)

    def vocabulary(self) -> Vocabulary | None:
        """Return the vocabulary of all labels so far, None for integers."""
        return Vocabulary(self._ids) if self._kind == "str" else None


def _in_range(name: str, array: Any) -> Positions:
    if int(array.min()) < 0 or int(array.max()) > MAX_ID:
        place = int(np.flatnonzero((array < 0) | (array > MAX_ID))[0])
        raise ValueError(f"{name}[{place}]: token {array[place]}, expected an integer in [0, 2**31 - 1)")
    return np.asarray(array, np.int64)
