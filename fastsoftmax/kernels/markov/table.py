"""Rows of counts turned into inverse distribution functions, which walks draw from.

A draw takes the first edge, in the row's order, whose running sum exceeds u times the total. Edges of equal count stand
side by side, a run, and in a run the edge is one division away; so a table knows runs, not edges. There are few: a
row of t observations has less than sqrt(2 t) different counts, and each costs one exponential.

    build_rows    one sweep over the counts of a row (limited by memory), little work a run

Every row becomes slots, 4 bytes each, that say where a draw leads to:

    one run               its edges: slot floor(u * size)
    T = 1, small counts   each edge as often as it was seen: slot floor(u * total) of the corpus itself, no search.
                          Two cache misses a step, for the head and for the slot; 1.5 to 1.8 times as fast as a search
    several runs          its edges, and a record for every run: the search begins where a guide says (cut-points: Chen
                          and Asau, "On generating random variates from an empirical distribution", AIIE Transactions 6,
                          1974) and goes on for less than one run on average, whatever the row

Which one is a matter of the row alone, so that no walk depends on when and how its table was built. Alias tables
would need two candidates a slot, and are another map from u to tokens: not the inverse distribution function.

    heads[2 s]       first slot (32 bits) | size, 0 where the row is not built (32 bits): of the slots, or of the edges
    heads[2 s + 1]   shift (5 bits) | line of the records (27 bits) | last token of the state (32 bits)

    records of a row, from words[8 line + 1] on: where run r begins, on the scale of u * size | first edge (32 bits),
    length (32 bits); after the last one where the next would begin. The guide stands before them and is read downwards:
    the first run of part g of 2**shift is guides[16 line + 1 - g]. Rows of two or three runs are one cache line.

A slot holds the next state; OVER for the end; -2 - token for a token that leads to no state with a row.

A row with the counts 3, 3, 1, 1, 1 has two runs, of two and three edges. At T = 1 it is nine slots, and u = 0.5 takes
slot 4, the second edge. At T = 0.5 its weights are 9 and 1: u = 0.5 asks for 10.5 of 21, the second edge of run 0.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import function, inline, jit
from fastsoftmax._types import Counts, Floats, Ids, Positions
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.math.exp import exp, log
from fastsoftmax.kernels.math.filters import Filters, nucleus_mass, ties_within

OVER = -1
PLAIN = 0  # the line that rows without records, and those not built, point to: a run of 2**31 edges, one a unit

_REPEATED = 32  # slots an edge, at most, for which repeating edges beats searching runs
_FEW = 3  # runs that need no guide
_MOST_SLOTS = 2**32 - 1
_MOST_LINES = 2**27 - 1
_MOST_TOKEN = 2**31 - 2
_LARGE = 2.0**960  # no row of counts below it adds up to inf


class Rows(NamedTuple):
    """The transition table: edges [offsets[s], offsets[s + 1]) leave state s, larger counts first."""

    offsets: Positions
    tokens: Ids
    counts: Counts
    targets: Ids
    lasts: Ids  # the last token of every state


class Table(NamedTuple):
    """What walks read, and how much of it is filled."""

    heads: Positions
    lines: Floats
    words: Positions  # the same memory
    guides: Ids  # the same memory
    slots: Ids
    filled: Positions  # (3,): slots, lines, the row that there was no room for; -1 - row for one that is not sound


def empty(states: int, slots: int, lines: int) -> Table:
    """Return a table without rows, with room for so many slots and lines of 64 bytes."""
    memory = np.empty(8 * lines)
    table = Table(
        np.zeros(2 * states, np.int64),
        memory,
        memory.view(np.int64),
        memory.view(np.int32),
        np.empty(slots, np.int32),
        np.array([0, PLAIN + 1, 0]),
    )
    table.guides[1] = 0
    memory[1] = 0.0
    table.words[2] = -(2**63)
    memory[3] = 2.0**31
    return table


def room(edges: int) -> tuple[int, int]:
    """Return how many slots and lines a row of so many edges may take."""
    return _REPEATED * edges, edges // 2 + 4


def grown(table: Table, slots: int, lines: int) -> Table:
    """Return the table with room for at least so many more slots and lines.

    Raises
    ------
    ValueError
        If they cannot be numbered.
    """
    filled_slots, filled_lines, _ = table.filled.tolist()
    if filled_slots + slots > _MOST_SLOTS or filled_lines + lines > _MOST_LINES:
        raise ValueError(
            "the chain's table for walks takes more than 2**32 slots or 2**27 lines, expected a smaller chain"
        )
    larger = empty(
        0, _enough(table.slots.size, filled_slots + slots), _enough(table.lines.size // 8, filled_lines + lines)
    )
    larger.slots[:filled_slots] = table.slots[:filled_slots]
    larger.lines[: 8 * filled_lines] = table.lines[: 8 * filled_lines]
    return larger._replace(heads=table.heads, filled=table.filled)


def _enough(size: int, needed: int) -> int:
    """Return a size that is large enough, and grows so fast that all copies together are one more copy."""
    return size if size >= needed else max(needed, 2 * size)


@inline
def _log_ratio(count: float, largest: float) -> float:
    ratio = count / largest
    return log(ratio) if ratio > 2.0**-1000 else log(count) - log(largest)


@inline
def _run_end(counts: Counts, edge: int, stop: int) -> int:
    """Return the edge after those with the same count as this one."""
    count = counts[edge]
    while edge < stop and counts[edge] == count:
        edge += 1
    return edge


@inline
def _runs(counts: Counts, start: int, stop: int) -> int:
    runs = 0
    while start < stop:
        start = _run_end(counts, start, stop)
        runs += 1
    return runs


@inline
def _first(record: int) -> int:
    return record & 0xFFFFFFFF


@inline
def _length(record: int) -> int:
    return (record >> 32) & 0xFFFFFFFF


@inline
def cut_runs(counts: Counts, start: int, stop: int, filters: Filters, lines: Floats, words: Positions, at: int) -> int:
    """Write the runs of a row that the cut keeps, as records from `at` on, and return how many there are.

    In the place of where it begins a record holds the weight of an edge: its count at T = 1, else relative to the
    largest. The counts fall and so do the weights: every filter keeps a prefix. What underflows to 0 is not kept.
    """
    if filters.temperature == 0.0:
        stop = start + 1
    elif filters.top_k > 0:
        stop = min(stop, start + filters.top_k)
    largest = np.float64(counts[start])
    runs, total = 0, 0.0
    edge = start
    while edge < stop:
        count = np.float64(counts[edge])
        weight = count if filters.temperature == 1.0 else 1.0
        if count != largest and filters.temperature != 1.0 and filters.temperature < math.inf:
            weight = exp(_log_ratio(count, largest) / filters.temperature)
            if weight == 0.0:
                break
        end = stop if filters.temperature == math.inf else _run_end(counts, edge, stop)
        lines[at + 2 * runs] = weight
        words[at + 2 * runs + 1] = (edge - start) | ((end - edge) << 32)
        total += (end - edge) * weight
        runs += 1
        edge = end
    if filters.top_p < 1.0:
        runs = _nucleus(nucleus_mass(filters.top_p, total), runs, lines, words, at)
    while lines[at + 2 * (runs - 1)] < filters.min_p * lines[at]:
        runs -= 1
    return runs


@inline
def _nucleus(mass: float, runs: int, lines: Floats, words: Positions, at: int) -> int:
    """Cut the runs after the first edge up to which there is `mass`, and return how many are left."""
    before = 0.0
    for run in range(runs):
        weight, record = lines[at + 2 * run], words[at + 2 * run + 1]
        length = _length(record)
        if before + length * weight >= mass:
            kept = ties_within(weight, before, mass, length)
            words[at + 2 * run + 1] = _first(record) | (kept << 32)
            return run + 1
        before += length * weight
    return runs


@jit
def row_weights(counts: Counts, filters: Filters, weights: Floats) -> int:
    """Write the weights of one row, relative to any common factor, and return how many the cut keeps."""
    lines = np.empty(2 * counts.size)
    words = lines.view(np.int64)
    kept = 0
    for run in range(cut_runs(counts, 0, counts.size, filters, lines, words, 0)):
        length = _length(words[2 * run + 1])
        weights[kept : kept + length] = lines[2 * run]
        kept += length
    return kept


@inline
def _slot(target: np.int32, token: np.int32) -> np.int32:
    if target >= 0:
        return target
    return np.int32(OVER) if token < 0 else np.int32(-2 - token)


@inline
def _repeats(runs: int, kept: int, lines: Floats, words: Positions, at: int) -> int:
    """Return how many slots the edges of a row take, each as often as its weight says; 0 if that is not worth it."""
    total = 0.0
    for run in range(runs):
        weight = lines[at + 2 * run]
        total += weight * _length(words[at + 2 * run + 1])
        if weight != math.floor(weight) or total > _REPEATED * kept:
            return 0
    return int(total)


@inline
def _write_records(runs: int, kept: int, shift: int, lines: Floats, words: Positions, guides: Ids, at: int) -> None:
    """Replace the weights of the records by where each run begins, on the scale of `kept`, and write the guide."""
    total = 0.0
    for run in range(runs):
        total += lines[at + 2 * run] * _length(words[at + 2 * run + 1])
    before = 0.0
    for run in range(runs):
        mass = lines[at + 2 * run] * _length(words[at + 2 * run + 1])
        lines[at + 2 * run] = before / total * kept
        before += mass
    lines[at + 2 * runs] = kept
    run = 0
    for part in range(1 << shift):
        # Below every u of this part, so that its rounded product with the size is not below either.
        bound = part / (1 << shift) * (1.0 - 2.0**-48) * kept
        while lines[at + 2 * (run + 1)] <= bound:
            run += 1
        guides[2 * at - 1 - part] = run


@inline
def borrowed_table(table: Table) -> Table:
    """Return the table, whose arrays are no longer counted each time that a helper is given them."""
    heads, lines, words = borrowed(table.heads), borrowed(table.lines), borrowed(table.words)
    return Table(heads, lines, words, borrowed(table.guides), borrowed(table.slots), borrowed(table.filled))


@inline
def is_sound(row: int, rows: Rows) -> bool:
    """Whether a row is one that `build_row` can take: a file may hold anything, and nobody has read it before.

    Nothing leads out of the arrays, tokens can be written as -2 - token, and the counts fall and have a finite sum.
    """
    offsets, counts = borrowed(rows.offsets), borrowed(rows.counts)
    tokens, targets = borrowed(rows.tokens), borrowed(rows.targets)
    start, stop = offsets[row], offsets[row + 1]
    if not 0 <= start < stop <= tokens.size:
        return False
    sound = (counts[start] < math.inf) & (counts[stop - 1] > 0)
    for edge in range(start, stop):
        sound &= (tokens[edge] >= -1) & (tokens[edge] <= _MOST_TOKEN)
        sound &= (targets[edge] >= -1) & (targets[edge] < offsets.size - 1)
        sound &= counts[edge] <= counts[max(edge - 1, start)]
    if sound and counts[start] > _LARGE:
        total = 0.0
        for edge in range(start, stop):
            total += counts[edge]
        sound = total < math.inf
    return bool(sound)


@jit
def row_is_sound(row: int, rows: Rows) -> bool:
    """As `is_sound`."""
    return is_sound(row, rows)


@function
def build_row(row: int, rows: Rows, filters: Filters, table: Table) -> bool:
    """Build one row; return False, and leave it, if it is not sound or the table has no room."""
    offsets, counts = borrowed(rows.offsets), borrowed(rows.counts)
    tokens, targets = borrowed(rows.tokens), borrowed(rows.targets)
    heads, lines, words, guides, slots, filled = table
    if not is_sound(row, rows):  # from a damaged file: the caller asks it what is wrong
        filled[2] = -1 - row
        return False
    start, stop = offsets[row], offsets[row + 1]
    runs = _runs(counts, start, stop)
    shift = 0  # the guide has two parts a run, so that a search goes on for less than one run on average
    while (1 << shift) < 2 * runs and runs > _FEW:
        shift += 1
    line = filled[1] + ((1 << shift) + 13) // 16
    slot = filled[0]
    if 8 * line + 2 * runs + 2 > lines.size or slot + _REPEATED * (stop - start) > slots.size:  # the caller makes room
        filled[2] = row
        return False
    at = 8 * line + 1
    runs = cut_runs(counts, start, stop, filters, lines, words, at)
    last = words[at + 2 * runs - 1]
    kept = _first(last) + _length(last)
    size = kept
    if runs > 1 and filters.temperature == 1.0:
        size = _repeats(runs, kept, lines, words, at)
    if runs > 1 and size > kept:  # each edge as often as it was seen: no search
        for edge in range(start, start + kept):
            count = np.int64(counts[edge])
            for i in range(slot, slot + count):
                slots[i] = _slot(targets[edge], tokens[edge])
            slot += count
        runs = 1
    else:
        size = kept
        for edge in range(start, start + kept):
            slots[slot + edge - start] = _slot(targets[edge], tokens[edge])
    if runs > 1:
        _write_records(runs, kept, shift, lines, words, guides, at)
        filled[1] = line + (2 * runs + 9) // 8
    else:
        line, shift = PLAIN, 0
    heads[2 * row + 1] = shift | (line << 5) | (np.int64(rows.lasts[row]) << 32)
    heads[2 * row] = filled[0] | (size << 32)
    filled[0] += size
    return True


@jit
def build_rows(rows: Rows, filters: Filters, start: int, stop: int, table: Table) -> int:
    """Build the rows [start, stop) that are not built, and return the first that there is no room for, or `stop`."""
    table = borrowed_table(table)
    for row in range(start, stop):
        if table.heads[2 * row] == 0 and not build_row(row, rows, filters, table):
            return row
    return stop
