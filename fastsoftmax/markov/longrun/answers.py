"""Answers by state: numbers to look up by label, and as an array.

The shares 10/11 and 1/11 of the states sun and rain are found["sun"] and found["rain"], and found.array.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax._checks import described
from fastsoftmax._grid import MOST_ROWS, html
from fastsoftmax._types import Floats, Ids
from fastsoftmax.markov.counts.transitions import BOUNDARY
from fastsoftmax.markov.counts.vocabulary import Vocabulary, names_of

_SHOWN = 12


class States:
    """The states of a chain, in order: each a token, or a tuple of tokens, fewer where a sequence has just begun."""

    def __init__(self, contexts: Ids, vocabulary: Vocabulary | None) -> None:
        self._contexts, self._vocabulary = contexts, vocabulary

    @cached_property
    def labels(self) -> list[Any]:
        """What each state is called."""
        if self._contexts.shape[1] == 1:
            return names_of(self._contexts[:, 0].tolist(), self._vocabulary)
        contexts = self._contexts.tolist()
        return [tuple(names_of([i for i in row if i != BOUNDARY], self._vocabulary)) for row in contexts]

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {label: place for place, label in enumerate(self.labels)}

    def place_of(self, label: Any, name: str = "") -> int:
        """Return where a state is; KeyError, which has the name of an argument, if there is none of that label."""
        try:
            return self._places[label]
        except (KeyError, TypeError):
            raise KeyError(f"{name and f'{name}: '}{described(label)} is no state of the chain") from None

    def __len__(self) -> int:
        return len(self._contexts)


class ByState(Mapping[Any, float]):
    """A number for each state: `found[state]` by its label, and all of them as `found.array`.

    Attributes
    ----------
    states : list
        The labels, in the order of the tokens: a token, or of a higher order a tuple of tokens.
    array : (S,) float64 array
        The numbers, in that order; `numpy.asarray` gives it too.
    """

    def __init__(self, states: States, array: Floats) -> None:
        self._states = states
        self.array = array
        array.flags.writeable = False

    @property
    def states(self) -> list[Any]:
        """The labels, in the order of the array."""
        return list(self._states.labels)

    def __getitem__(self, state: Any) -> float:
        return float(self.array[self._states.place_of(state)])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._states.labels)

    def __len__(self) -> int:
        return len(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.array, dtype, copy=copy)

    def __repr__(self) -> str:
        some = zip(self._states.labels[:_SHOWN], self.array[:_SHOWN].tolist(), strict=True)
        more = f", … {len(self):,} states" if len(self) > _SHOWN else ""
        return f"{{{', '.join(f'{state!r}: {number:.6g}' for state, number in some)}{more}}}"

    def _repr_html_(self) -> str:
        labels = self._states.labels[: MOST_ROWS + 1]
        numbers = [f"{number:.6g}" for number in self.array[: len(labels)].tolist()]
        return html({"state": list(map(_name, labels)), "": numbers}) + f"<p>{len(self):,} states</p>"


class BetweenStates:
    """A number for each pair of states: `found[state, other]`, and all of them as `found.array`.

    Attributes
    ----------
    states : list
        The labels of the rows and of the columns.
    array : (S, S) float64 array
        The numbers, from the state of the row to that of the column; `numpy.asarray` gives it too.
    """

    def __init__(self, states: States, array: Floats) -> None:
        self._states = states
        self.array = array
        array.flags.writeable = False

    @property
    def states(self) -> list[Any]:
        """The labels of rows and columns."""
        return list(self._states.labels)

    def __getitem__(self, pair: tuple[Any, Any]) -> float:
        state, other = pair
        return float(self.array[self._states.place_of(state), self._states.place_of(other)])

    def __len__(self) -> int:
        return len(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.array, dtype, copy=copy)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} states)\n{self.array!r}"

    def _repr_html_(self) -> str:
        names: Sequence[str] = list(map(_name, self._states.labels[: MOST_ROWS + 1]))
        columns = {name: [f"{n:.4g}" for n in self.array[: len(names), j].tolist()] for j, name in enumerate(names)}
        return html({"state": names, **columns})


def _name(label: Any) -> str:
    return " ".join(map(str, label)) if isinstance(label, tuple) and label else str(label)
