"""The memory that a chain needs for a row: that of sampling, and a sorted list in float64.

A row of 1,000 float32 logits needs 62,912 bytes: 60 bytes a logit, of which a short list touches a few.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.arrays import carved
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRow, Number, Row, WordRow
from fastsoftmax.kernels.sampling.workspace import Workspace, padded, padded_length, workspace_bytes, workspace_of


class Memory(NamedTuple):
    """The memory for one row.

    "By place" is in index order, "by rank" in that of the logits, the largest first. Until the first filter asks for
    a sorted list, ranks are places.
    """

    row: Workspace  # its tokens are those of the list
    values: FloatRow  # logits by place; at the end the masses of what is kept
    logs: FloatRow  # logits by rank, less the largest, after the scales so far
    weights: FloatRow  # exp of that
    shares: FloatRow  # by rank: the probabilities before a step that changes the order
    places: IntRow  # by rank
    ranks: IntRow  # by place
    words: WordRow  # what is sorted, in the memory of the places and the ranks
    other_words: WordRow  # in that of the weights


@lru_cache
def memory_bytes(size: int, itemsize: int) -> int:
    """Return how many bytes `memory_of` needs for rows of `size` logits, in numbers of `itemsize` bytes."""
    return list_start(size, itemsize) + 40 * padded_length(size)


def list_start(size: int, itemsize: int) -> int:
    """Return at which byte the list begins: at a cache line."""
    return (workspace_bytes(size, itemsize) + 63) // 64 * 64


@inline
def memory_of(scratch: Row, start: int, size: int, number: Number) -> Memory:
    """Divide the bytes of `scratch` for a row of `size` logits; the list begins at `start`."""
    length = padded(size)
    word, integer, double = np.uint64(0), np.int32(0), 0.0
    values = carved(scratch, start, length, double)
    at = start + 8 * length
    logs = carved(scratch, at, length, double)
    at += 8 * length
    weights, other_words = carved(scratch, at, length, double), carved(scratch, at, length, word)
    at += 8 * length
    places, ranks = carved(scratch, at, length, integer), carved(scratch, at + 4 * length, length, integer)
    words = carved(scratch, at, length, word)
    shares = carved(scratch, at + 8 * length, length, double)
    row = workspace_of(scratch, size, number)
    return Memory(row, values, logs, weights, shares, places, ranks, words, other_words)
