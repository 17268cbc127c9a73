"""What the edits of a chain make of a row of logits for what came before it.

An edit changes a few logits. The row itself stays as it is: a group of 512 in which one changes is copied, and the copy
stands for it (see `Overlay`). A history of 100 tokens in 57 groups takes 6 to 9 us where the row is in the cache and 15
from memory (AMD EPYC Zen 4), limited by the copies.

Of the logits 1, 3 and 2 "repetition=2.0" makes 1, 1.5 and 2 after the history 1.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.history.counts import window_of
from fastsoftmax.kernels.history.matches import is_here, list_matches
from fastsoftmax.kernels.history.rules import edit_of
from fastsoftmax.kernels.history.tokens import Edits, Listed, borrowed_table, borrowed_tokens
from fastsoftmax.kernels.lanes.arrays import borrowed, carved
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load, load_part, store
from fastsoftmax.kernels.lanes.numbers import (
    IntRow,
    Number,
    Row,
    Rows,
    WordRow,
    like,
    splat,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, Overlay, groups_of, laid_over
from fastsoftmax.samplers.edit import (
    ALONE,
    CODE,
    COLUMN,
    COUNTS,
    FIRST,
    FORCED,
    LAST,
    LEAST,
    LISTED,
    MATCHES,
    OF,
    SOURCE,
    STOP,
    A,
    B,
    C,
)

_32 = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


class Past(NamedTuple):
    """The history of one row."""

    tokens: IntRow
    prompt: int
    distinct: IntRow  # the tokens of its table
    counts: IntRow  # of each, one for each window
    columns: int  # windows


class Memory(NamedTuple):
    """Memory for the longest history, in which repetitions are looked for."""

    found: IntRow
    words: WordRow
    others: WordRow


class Rule(NamedTuple):
    """The code of an edit and its parameters."""

    code: float
    a: float
    b: float
    c: float


@inline
def rule_of(rule: Row) -> Rule:
    """Return the rule of an edit, out of memory that may be written to meanwhile for all that the compiler knows."""
    return Rule(rule[CODE], rule[A], rule[B], rule[C])


class Target(NamedTuple):
    """A row, and the copies in which edits change its logits."""

    logits: Row
    overlay: Overlay


def overlay_bytes(size: int, itemsize: int, longest: int) -> int:
    """Return how many bytes the edits of a row of `size` logits need."""
    groups = -(-size // GROUP)
    return 64 * (groups // 16 + 2) + (groups + 1) * GROUP * itemsize + 20 * (longest + 16)


@inline
def overlay_of(scratch: Row, start: int, size: int, longest: int, number: Number) -> tuple[Overlay, Memory]:
    """Divide the bytes of `scratch` from `start` on: copies of groups, none so far, and memory for the history.

    After the slots there are how many copies there are, and the one that `force` lets groups share.
    """
    groups = groups_of(size)
    slots = carved(scratch, start, groups + 3, np.int32(0))
    at = start + 64 * (groups // 16 + 2)
    copies = carved(scratch, at, (groups + 1) * GROUP, number)
    at += (groups + 1) * GROUP * copies.itemsize
    words, others = carved(scratch, at, longest, np.uint64(0)), carved(scratch, at + 8 * longest, longest, np.uint64(0))
    found = carved(scratch, at + 16 * longest, longest, np.int32(0))
    for i in range(slots.size):
        slots[i] = -1
    slots[groups + 1] = 0
    return Overlay(slots, copies), Memory(found, words, others)


@inline
def place_of(token: int, row: Target) -> int:
    """Return where the copies have a token, whose group is copied if it was not yet."""
    slots, group = row.overlay.slots, token // GROUP
    slot, shared = int(slots[group]), int(slots[slots.size - 1])
    if slot < 0 or slot == shared:
        copy_group(group, row)
        slot = int(slots[group])
    return slot * GROUP + token % GROUP


@function
def copy_group(group: int, row: Target) -> None:
    """Copy a group, so that its logits may change."""
    slots, copies = row.overlay
    logits, start, own = laid_over(row.overlay, row.logits, group), group * GROUP, int(slots[slots.size - 2])
    size = min(GROUP, row.logits.size - start)
    whole = size // LANES * LANES
    for i in range(0, whole, LANES):
        store(copies, own * GROUP + i, load(logits, start + i))
    if whole < size:
        store(copies, own * GROUP + whole, load_part(logits, start + whole, row.logits.size, copies[0]))
    slots[group], slots[slots.size - 2] = own, own + 1


@inline
def set_at(rule: Rule, x: float, place: int, row: Target, number: Number) -> None:
    """Give a logit the value that an edit makes of it; `x` is what the edit's source tells of the token."""
    copies = row.overlay.copies
    copies[place] = like(number, edit_of(rule.code, np.float64(copies[place]), x, rule.a, rule.b, rule.c))


@inline
def edit_counted(rules: Rows, past: Past, memory: Memory, row: Target, number: Number) -> None:
    """Apply edits of what came: where the logits are is looked up once."""
    places = memory.found
    for i in range(past.distinct.size):
        places[i] = place_of(past.distinct[i], row)
    for index in range(len(rules)):
        rule, column = rule_of(rules[index]), int(rules[index, COLUMN])
        for i in range(past.distinct.size):
            count = past.counts[i * past.columns + column]
            if count > 0:
                set_at(rule, np.float64(count), places[i], row, number)


@inline
def edit_matches(rule: Row, past: Past, listed: Listed, memory: Memory, row: Target, number: Number) -> None:
    """Apply an edit of repetitions: those in the prompt, or in all of the history."""
    found, words, others = memory
    size = past.tokens.size
    first, _ = window_of(0, int(rule[LAST]), past.prompt, size)
    _, stop = window_of(int(rule[OF]), 0, past.prompt, size)
    own, sequences, starts = past.tokens[first:], listed.tokens, listed.starts
    least, alone, breaker, end = int(rule[LEAST]), rule[ALONE] != 0.0, int(rule[FIRST]), int(rule[STOP])
    count = list_matches(own, stop - first, least, alone, sequences, starts, breaker, end, found, words, others)
    for i in range(count):
        place = place_of(int(words[i] >> _32), row)
        set_at(rule_of(rule), np.float64(words[i] & _LOW), place, row, number)


@inline
def edit_listed(rule: Row, past: Past, listed: Listed, row: Target, number: Number) -> None:
    """Apply an edit of listed sequences: the last token of each that the history ends with, but for that token."""
    first, stop = window_of(int(rule[OF]), 0, past.prompt, past.tokens.size)
    if 0.0 < rule[A] <= stop - first:
        return
    own = past.tokens[first:stop]
    for one in range(int(rule[FIRST]), int(rule[STOP])):
        sequence = listed.tokens[listed.starts[one] : listed.starts[one + 1]]
        begin, last = sequence[: sequence.size - 1], sequence[sequence.size - 1]
        if is_here(own, own.size - begin.size, begin):
            set_at(rule_of(rule), listed.values[one], place_of(last, row), row, number)


@inline
def force(rule: Row, past: Past, row: Target, number: Number) -> None:
    """Leave one token, where the output has so many: all groups share one copy of nothing, but for that token's."""
    if past.tokens.size - past.prompt != int(rule[B]):
        return
    slots, copies = row.overlay.slots, row.overlay.copies
    token = int(rule[A])
    kept = copies[place_of(token, row)]
    for group in range(slots.size - 3):
        slots[group] = 0
    slots[slots.size - 2], slots[slots.size - 1] = 1, 0
    for i in range(0, GROUP, LANES):
        store(copies, i, splat(like(number, -math.inf)))
    copies[place_of(token, row)] = kept


@function
def edit_row(rules: Rows, past: Past, listed: Listed, memory: Memory, row: Target, number: Number) -> None:
    """Apply the edits of a chain to a row with an overlay, in turn."""
    index = 0
    while index < len(rules):
        stop = index + 1
        source = int(rules[index, SOURCE])
        if source == COUNTS:
            while stop < len(rules) and int(rules[stop, SOURCE]) == COUNTS:
                stop += 1
            edit_counted(rules[index:stop], past, memory, row, number)
        elif source == MATCHES:
            edit_matches(rules[index], past, listed, memory, row, number)
        elif source == LISTED:
            edit_listed(rules[index], past, listed, row, number)
        elif source == FORCED:
            force(rules[index], past, row, number)
        index = stop


def edited_row(edits: Edits, row: MaskedRow, index: int, scratch: Row) -> MaskedRow:
    """Return a row as the edits leave it."""
    history, table, listed = borrowed_tokens(edits.history), borrowed_table(edits.table), edits.listed
    listed = Listed(borrowed(listed.tokens), borrowed(listed.starts), borrowed(listed.values))
    rules, columns = borrowed(edits.rules), edits.columns
    start, first, stop = history.starts[index], table.offsets[index], table.offsets[index + 1]
    own = history.tokens[start : start + history.lengths[index]]
    counts = table.counts[first * columns : stop * columns]
    past = Past(own, history.prompts[index], table.tokens[first:stop], counts, columns)
    overlay, memory = overlay_of(scratch, edits.start, row.logits.size, edits.longest, row.logits[0])
    edit_row(rules[min(index, len(rules) - 1)], past, listed, memory, Target(row.logits, overlay), row.logits[0])
    return MaskedRow(row.logits, row.allowed, overlay)
