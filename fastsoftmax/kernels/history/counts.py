"""How often tokens came: a table of the distinct tokens of each row, in their order, with a count for each window.

tabulate  of whole histories: a sort.
advance   of histories that got longer: a copy of the table, where a search and a shift change an entry or two for each
          token. It is limited by the copy, 8 bytes a distinct token.

The history 5 7 5 has the table 5: 2, 7: 1; for the window of the last token it has 5: 1.
"""

import numpy as np

from fastsoftmax._jit import function, inline, jit
from fastsoftmax.kernels.history.tokens import Table, Tokens, borrowed_table, borrowed_tokens
from fastsoftmax.kernels.lanes.arrays import borrowed, first_not_below
from fastsoftmax.kernels.lanes.numbers import IntRow, IntRows, WordRow
from fastsoftmax.kernels.math.radix import deal_all
from fastsoftmax.samplers.edit import PARTS

_32 = np.uint64(32)
_LOW = np.uint64(2**32 - 1)


OUTPUT, PROMPT = PARTS.index("output"), PARTS.index("prompt")


@inline
def window_of(of: int, last: int, prompt: int, length: int) -> tuple[int, int]:
    """Return where a window of a history begins and ends: one of its parts, or the last so many tokens of that."""
    first = prompt if of == OUTPUT else 0
    stop = prompt if of == PROMPT else length
    if last > 0:
        first = max(first, stop - last)
    return first, max(first, stop)


@inline
def window_at(windows: IntRows, row: int, column: int, prompt: int, length: int) -> tuple[int, int]:
    """Return where a window of a row begins and ends; `windows` has the part and the last of each column."""
    own = windows[min(row, len(windows) - 1)]
    return window_of(own[2 * column], own[2 * column + 1], prompt, length)


@jit
def tabulate(history: Tokens, windows: IntRows, words: WordRow, others: WordRow, table: Table) -> None:
    """Fill in the table of some histories; `words` and `others` are memory for the longest one."""
    history, table = borrowed_tokens(history), borrowed_table(table)
    windows, words, others = borrowed(windows), borrowed(words), borrowed(others)
    columns = windows.shape[1] // 2
    at = 0
    for row in range(len(history.starts)):
        start, length, prompt = history.starts[row], history.lengths[row], history.prompts[row]
        table.offsets[row] = at
        for i in range(length):
            words[i] = np.uint64(history.tokens[start + i]) << _32 | np.uint64(i)
        deal_all(words, others, length)
        for i in range(length):
            token, place = int(words[i] >> _32), int(words[i] & _LOW)
            new = at == table.offsets[row] or table.tokens[at - 1] != token
            for column in range(columns):
                first, stop = window_at(windows, row, column, prompt, length)
                if first <= place < stop:
                    if new:
                        begin_entry(table, columns, at, token)
                        at += 1
                        new = False
                    table.counts[(at - 1) * columns + column] += 1
    table.offsets[len(history.starts)] = at


@inline
def copy_entry(table: Table, columns: int, i: int, j: int) -> None:
    """Copy a token and its counts to another place."""
    table.tokens[j] = table.tokens[i]
    for column in range(columns):
        table.counts[j * columns + column] = table.counts[i * columns + column]


@inline
def begin_entry(table: Table, columns: int, i: int, token: int) -> None:
    """Write a token that did not come yet."""
    table.tokens[i] = token
    for column in range(columns):
        table.counts[i * columns + column] = 0


@function
def change(table: Table, columns: int, first: int, stop: int, token: int, column: int, by: int) -> int:
    """Change a count of the row between `first` and `stop`, where there is room for an entry; return its new end."""
    tokens, counts = table.tokens, table.counts
    low = first_not_below(tokens, first, stop, token)
    if low == stop or tokens[low] != token:
        for i in range(stop, low, -1):
            copy_entry(table, columns, i - 1, i)
        begin_entry(table, columns, low, token)
        stop += 1
    counts[low * columns + column] += by
    for other in range(columns):
        if counts[low * columns + other] > 0:
            return stop
    for i in range(low + 1, stop):
        copy_entry(table, columns, i, i - 1)
    return stop - 1


@jit
def advance(history: Tokens, before: IntRow, windows: IntRows, table: Table, out: Table) -> None:
    """Fill in the table of histories that were shorter `before`, from that of the shorter ones.

    `out` has room for an entry more in each row for each token that came to it.
    """
    history, table, out = borrowed_tokens(history), borrowed_table(table), borrowed_table(out)
    before, windows = borrowed(before), borrowed(windows)
    columns = windows.shape[1] // 2
    at = 0
    for row in range(len(history.starts)):
        start, prompt = history.starts[row], history.prompts[row]
        first, last = table.offsets[row], table.offsets[row + 1]
        for i in range(last - first):
            out.tokens[at + i] = table.tokens[first + i]
        for i in range((last - first) * columns):
            out.counts[at * columns + i] = table.counts[first * columns + i]
        stop = at + last - first
        for length in range(before[row], history.lengths[row]):
            for column in range(columns):
                begin, end = window_at(windows, row, column, prompt, length)
                now, until = window_at(windows, row, column, prompt, length + 1)
                if until > end:
                    stop = change(out, columns, at, stop, history.tokens[start + length], column, 1)
                if now > begin:
                    stop = change(out, columns, at, stop, history.tokens[start + begin], column, -1)
        out.offsets[row] = at
        at = stop
    out.offsets[len(history.starts)] = at
