"""The kernel that changes logits for what came before: each edit of a chain in turn, a few tokens of each row.

It takes O(history) time a row and no pass over it; random reads of the row limit it where many distinct tokens came.

Of the logits 1, 3 and 2 "repetition=2.0" makes 1, 1.5 and 2 after the history 1.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import function, inline, jit
from fastsoftmax.kernels.history.counts import Table, borrowed_table
from fastsoftmax.kernels.history.matches import is_here, list_matches
from fastsoftmax.kernels.history.rules import edit_of
from fastsoftmax.kernels.history.tokens import Tokens, borrowed_tokens, window_of
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRow, Number, Row, Rows, WordRow, like
from fastsoftmax.samplers.edit import COUNTS, FORCED, LISTED, MATCHES

_32 = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


class Listed(NamedTuple):
    """The sequences that the edits of a chain list (see `fastsoftmax.samplers.edit.Listed`)."""

    tokens: IntRow
    starts: IntRow
    values: FloatRow


class Past(NamedTuple):
    """The history of one row."""

    tokens: IntRow
    prompt: int
    distinct: IntRow  # the tokens of its table
    counts: Rows


@inline
def set_by(rule: Row, x: float, token: int, row: Row, number: Number) -> None:
    """Give a token the logit that an edit makes of its own; `x` is what the edit's source tells of the token."""
    row[token] = like(number, edit_of(rule[0], np.float64(row[token]), x, rule[4], rule[5], rule[6]))


@inline
def edit_counted(rules: Rows, past: Past, row: Row, number: Number) -> None:
    """Apply edits of what came: each token goes through all of them in turn."""
    for i in range(past.distinct.size):
        for index in range(len(rules)):
            count = past.counts[i, int(rules[index, 10])]
            if rules[index, 1] == COUNTS and count > 0:
                set_by(rules[index], np.float64(count), past.distinct[i], row, number)


@inline
def edit_matches(
    rule: Row, past: Past, listed: Listed, found: IntRow, words: WordRow, others: WordRow, row: Row, number: Number
) -> None:
    """Apply an edit of repetitions: those in the prompt, or in all of the history."""
    size = past.tokens.size
    first, _ = window_of(0, int(rule[3]), past.prompt, size)
    _, stop = window_of(int(rule[2]), 0, past.prompt, size)
    own, sequences, starts = past.tokens[first:], listed.tokens, listed.starts
    least, alone, breaker, end = int(rule[7]), rule[11] != 0.0, int(rule[8]), int(rule[9])
    count = list_matches(own, stop - first, least, alone, sequences, starts, breaker, end, found, words, others)
    for i in range(count):
        set_by(rule, np.float64(words[i] & _LOW), int(words[i] >> _32), row, number)


@inline
def edit_listed(rule: Row, past: Past, listed: Listed, row: Row, number: Number) -> None:
    """Apply an edit of listed sequences: the last token of each that the history ends with, but for that token."""
    first, stop = window_of(int(rule[2]), 0, past.prompt, past.tokens.size)
    if 0.0 < rule[4] <= stop - first:
        return
    own = past.tokens[first:stop]
    for one in range(int(rule[8]), int(rule[9])):
        sequence = listed.tokens[listed.starts[one] : listed.starts[one + 1]]
        begin, last = sequence[: sequence.size - 1], sequence[sequence.size - 1]
        if last < row.size and is_here(own, own.size - begin.size, begin):
            set_by(rule, listed.values[one], last, row, number)


@inline
def force(rule: Row, past: Past, row: Row, number: Number) -> None:
    """Leave one token, where the output has so many."""
    if past.tokens.size - past.prompt == int(rule[5]):
        kept = row[int(rule[4])]
        row[:] = like(number, -math.inf)
        row[int(rule[4])] = kept


@function
def edit_row(
    rules: Rows,
    past: Past,
    listed: Listed,
    found: IntRow,
    words: WordRow,
    others: WordRow,
    row: Row,
    number: Number,
) -> None:
    """Apply the edits of a chain to a row, in turn."""
    index = 0
    while index < len(rules):
        stop = index + 1
        source = int(rules[index, 1])
        if source == COUNTS:
            while stop < len(rules) and int(rules[stop, 1]) == COUNTS:
                stop += 1
            edit_counted(rules[index:stop], past, row, number)
        elif source == MATCHES:
            edit_matches(rules[index], past, listed, found, words, others, row, number)
        elif source == LISTED:
            edit_listed(rules[index], past, listed, row, number)
        elif source == FORCED:
            force(rules[index], past, row, number)
        index = stop


@jit
def edit(
    rows: Rows,
    edits: Rows,
    listed: Listed,
    history: Tokens,
    table: Table,
    number: Number,
    found: IntRow,
    words: WordRow,
    others: WordRow,
) -> None:
    """Apply the edits of a chain to rows of logits.

    `edits` (see `EditOperation`) has those of each row, or of all. `found`, `words` and `others` are memory for the
    longest history. The tokens of the histories are below V.
    """
    rows, edits = borrowed(rows), borrowed(edits)
    history, table = borrowed_tokens(history), borrowed_table(table)
    listed = Listed(borrowed(listed.tokens), borrowed(listed.starts), borrowed(listed.values))
    found, words, others = borrowed(found), borrowed(words), borrowed(others)
    for index in range(len(rows)):
        start, own = history.starts[index], slice(table.offsets[index], table.offsets[index + 1])
        tokens = history.tokens[start : start + history.lengths[index]]
        past = Past(tokens, history.prompts[index], table.tokens[own], table.counts[own])
        rules = edits[min(index, len(edits) - 1)]
        edit_row(rules, past, listed, found, words, others, rows[index], number)
