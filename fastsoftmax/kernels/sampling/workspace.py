"""The memory that sampling from a row needs, in one array of bytes that Python keeps between calls.

A row of 1,000 float32 logits needs 21,200 bytes, one of 128,256 needs 2.6 MB: 20 bytes a logit.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.arrays import carved
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRow, Number, Row, Rows, given_or, if_given
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, groups_of
from fastsoftmax.kernels.math.filters import Filters


class Workspace(NamedTuple):
    """The memory for one row: what is known of its groups, a list of tokens, and two spare rows."""

    maxima: Row  # of every sixteenth of each group
    sums: FloatRow  # running masses: of the groups, or of a list by 512
    tokens: IntRow  # of the list; where there is none, counts at the end of each group
    values: Row  # logits of the list
    weights: Row  # of the list, or of one group
    spare_values: Row
    spare_weights: Row
    targets: FloatRow  # of draws; in the memory of the spare values
    order: IntRow  # of draws by group; in that of the spare weights, as is the next
    ends: IntRow  # of each group in that order
    pieces: FloatRow  # running masses of the pieces of one group


@lru_cache
def workspace_bytes(size: int, itemsize: int) -> int:
    """Return how many bytes `workspace_of` needs for rows of `size` logits, in numbers of `itemsize` bytes."""
    groups, padded = -(-size // GROUP), padded_length(size)
    return (groups * LANES + 2 * LANES + 4 * padded) * itemsize + 8 * groups + 64 + 4 * padded + 8 * LANES


def padded_length(size: int) -> int:
    """Return the length of a list: two vectors more than it holds, since lists end so and vectors are written whole."""
    return (max(size, GROUP) + LANES - 1) // LANES * LANES + 2 * LANES


padded = inline(padded_length)


@inline
def workspace_of(scratch: Row, size: int, number: Number) -> Workspace:
    """Divide the bytes of `scratch` for a row of `size` logits."""
    length = padded(size)
    groups = groups_of(size)
    integer, double = np.int32(0), 0.0
    lane_values = groups * LANES + 2 * LANES
    maxima = carved(scratch, 0, lane_values, number)
    row = length * maxima.itemsize
    at = lane_values * maxima.itemsize
    values, weights = carved(scratch, at, length, number), carved(scratch, at + row, length, number)
    at += 2 * row
    spare_values, spare_weights = carved(scratch, at, length, number), carved(scratch, at + row, length, number)
    most = row // 8  # draws at a time
    targets, order = carved(scratch, at, most, double), carved(scratch, at + row, most, integer)
    ends = carved(scratch, at + row + 4 * most, row // 4 - most, integer)
    at += 2 * row
    sums, pieces = carved(scratch, at, groups, double), carved(scratch, at + 8 * groups, 8, double)
    tokens = carved(scratch, at + 8 * groups + 64, length, integer)
    return Workspace(maxima, sums, tokens, values, weights, spare_values, spare_weights, targets, order, ends, pieces)


@if_given
def filters_at(filters: Rows, temperature: float, row: int) -> Filters:
    """Return the filters of a row of logits: the same for all rows, or one a row."""
    i = min(row, filters.shape[0] - 1)
    return Filters(temperature, int(filters[i, 0]), filters[i, 1], filters[i, 2])


@if_given
def bits_at(allowed: Rows, row: int) -> Row:
    """Return the bits of a row's allowed tokens, which all rows may share."""
    bits: Row = allowed[min(row, allowed.shape[0] - 1)]
    return bits


def _load_edited() -> Callable[..., Any]:
    from fastsoftmax.kernels.history.edits import edited_row  # and with it the samplers, which words do without

    return edited_row


edited = given_or(_load_edited, lambda edits, row, index, scratch: row)
"""Of edits, a row, its index and the scratch memory: the row as the edits leave it; without edits the row itself."""


@inline
def row_at(logits: Rows, allowed: Rows | None, row: int) -> MaskedRow:
    """Return a row of logits, and what is allowed of it."""
    return MaskedRow(logits[row], bits_at(allowed, row), None)
