"""The transition table of a Markov chain: rows of counts in canonical order. It is never changed, only replaced."""

from dataclasses import InitVar, dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax.kernels import count as kernels
from fastsoftmax.kernels.table import Rows

BOUNDARY = -1
MAX_ID = 2**31 - 2
MAX_TOTAL = 2**53

Ids = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64 | np.float64]


class Edges(NamedTuple):
    """The edges [offsets[i], offsets[i + 1]) leave contexts[i]. Sorted ones are in the order of context and token."""

    contexts: Ids  # (rows, order)
    offsets: npt.NDArray[np.int64]  # (rows + 1,)
    tokens: Ids  # (edges,)
    counts: Counts  # (edges,)


@dataclass(frozen=True, eq=False)
class Transitions:
    """Counted transitions in canonical order: one table for one content, whatever the way it was made."""

    contexts: Ids
    """(S, order): the last tokens of every state, sorted column by column; the boundary, -1, is before the start."""
    offsets: npt.NDArray[np.int64]
    """(S + 1,): the edges [offsets[s], offsets[s + 1]) leave state s; no row is empty."""
    tokens: Ids
    """(E,): the next token, -1 for the end; in a row larger counts come first, then smaller tokens."""
    counts: Counts
    """(E,): how often it came next, positive: int64, or float64 for weights that are not whole."""
    linked: InitVar[Ids | None] = None

    def __post_init__(self, linked: Ids | None) -> None:
        if linked is not None:
            _freeze(linked)
            self.__dict__["targets"] = linked
        for array in (self.contexts, self.offsets, self.tokens, self.counts):
            _freeze(array)

    def __reduce__(self) -> tuple[Any, ...]:  # by way of __init__: copies too are read-only
        return Transitions, (self.contexts, self.offsets, self.tokens, self.counts, self.__dict__.get("targets"))

    @cached_property
    def targets(self) -> Ids:
        """(E,): the state that the edge leads to, -1 for the end and for states without a row.

        Made when it is first asked for, by a walk or a save: a hash table of the states, and a look into it for every
        edge, take longer than counting.
        """
        targets: Ids = np.empty(self.tokens.size, np.int32)
        slots = kernels.hash_slots(len(self.contexts))
        kernels.link(self.contexts, self.offsets, self.tokens, slots, targets)
        _freeze(targets)
        return targets

    @property
    def order(self) -> int:
        """How many tokens make a state."""
        return int(self.contexts.shape[1])

    @cached_property
    def totals(self) -> Counts:
        """The sum of the counts of every row."""
        return np.add.reduceat(self.counts, self.offsets[:-1]) if len(self.contexts) else self.counts

    @property
    def rows(self) -> Rows:
        """What the kernels of walks read."""
        return Rows(self.offsets, self.tokens, self.counts, self.targets, self.contexts[:, -1])

    def edges(self, weight: int = 1) -> Edges:
        """Return all edges, sorted, their counts times `weight`."""
        total = int(self.counts.sum()) * weight
        if total > MAX_TOTAL and self.counts.dtype == np.int64:
            raise ValueError(f"weight is {weight}: the counts would add up to {total:.6g}, expected at most 2**53")
        with np.errstate(over="ignore"):  # weights that become inf are refused with the table
            counts = self.counts * weight
        falling = -self.tokens
        kernels.sort_rows(self.offsets, falling, counts)
        return Edges(self.contexts, self.offsets, -falling, counts)

    def find(self, context: Ids) -> int:
        """Return the state with that context, or -1."""
        return int(kernels.find(self.contexts, context))

    def leads_to(self, context: Ids) -> bool:
        """Whether an edge leads to that context, which may have no row (a dead end). Reads all edges."""
        arrivals = np.flatnonzero(self.tokens == context[-1])
        rows = self.offsets.searchsorted(arrivals, side="right") - 1
        return bool((self.contexts[rows, 1:] == context[:-1]).all(axis=1).any())

    def pruned(self, min_count: float) -> "Transitions":
        """Return the table of the edges with a count of at least `min_count`."""
        kept = self.counts >= min_count
        before = np.concatenate(([0], np.cumsum(kept)))[self.offsets]
        rows = np.flatnonzero(np.diff(before))
        offsets = np.append(before[rows], before[-1])
        return Transitions(self.contexts[rows], offsets, self.tokens[kept], self.counts[kept])


def table(edges: Edges) -> Transitions:
    """Return the table of sorted edges, which lose their order."""
    check_total(edges.counts)
    kernels.sort_rows(edges.offsets, edges.counts, edges.tokens)
    return Transitions(*edges)


def _freeze(array: npt.NDArray[Any]) -> None:
    array.flags.writeable = False


def check_total(counts: Counts) -> None:
    """Refuse counts that a float64 cannot add up exactly, and weights that add up to inf."""
    with np.errstate(over="ignore"):
        total = counts.sum(dtype=np.float64)
    if counts.dtype == np.float64:
        if not total < np.inf:
            raise ValueError(f"the weights add up to {total}, expected a finite sum")
    elif total > MAX_TOTAL:
        raise ValueError(f"the counts add up to {total:.6g}, expected at most 2**53")
