"""From a state and a uniform number to a slot of the table (see `table`): for sixteen walks at once, or for one.

    locate       no branch but one: where any of the rows has records, all sixteen are searched.
    locate_one   a walk alone waits for each instruction: a row without records takes two loads and a product.

Both give the same slot. In a row of three slots u = 0.8 leads to slot 2. A row with the counts 3, 3, 1 at T = 0.5 has
the runs 0 and 2.84 on the scale of u * 3: u = 0.8 asks for 2.4, in run 0, and there for edge 1.
"""

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.loads import gather
from fastsoftmax.kernels.lanes.numbers import Vector, blend, doubles_of, lane_bits, numbers, splat, truncate
from fastsoftmax.kernels.markov.table import PLAIN, Table

_LOW = np.int64(0xFFFFFFFF)
_LINE = np.int64(2**27 - 1)
_ONE, _TWO, _FOUR = np.uint64(1), np.uint64(2), np.uint64(4)


@inline
def any_lane(mask: Vector) -> bool:
    """Return whether any lane of a mask is set."""
    return bool(lane_bits(mask) != 0)


@inline
def _search(u: Vector, y: Vector, link: Vector, table: Table) -> Vector:
    """Return the edges whose running sums first exceed y, by the records of runs (see `table`)."""
    scale = doubles_of(((link & splat(np.int64(31))) + splat(np.int64(1023))) << splat(np.int64(52)))
    one, two = splat(np.int64(1)), splat(np.int64(2))
    at = (((link >> splat(np.int64(5))) & splat(_LINE)) << splat(np.int64(3))) + one
    part = truncate(u * scale)
    record = at + two * gather(table.guides, two * at - part - one)
    end = gather(table.lines, record + two)
    beyond = end <= y
    while any_lane(beyond):
        record = blend(beyond, record + two, record)
        end = gather(table.lines, record + two)
        beyond = end <= y
    begin, run = gather(table.lines, record), gather(table.words, record + one)
    inside = (y - begin) * numbers(run >> splat(np.int64(32))) / (end - begin)
    return (run & splat(_LOW)) + truncate(inside)


@inline
def locate(states: Vector, u: Vector, table: Table) -> tuple[Vector, Vector]:
    """Return the slots that u leads to, and the sizes of the rows: 0 where one is not built. States are at least 0."""
    place = gather(table.heads, states + states)
    link = gather(table.heads, states + states + splat(np.int64(1)))
    size = place >> splat(np.int64(32))
    y = u * numbers(size)
    edge = truncate(y)
    if any_lane((link & splat(_LINE << np.int64(5))) > splat(np.int64(PLAIN << 5))):
        edge = _search(u, y, link, table)
        last = size - splat(np.int64(1))
        edge = blend(edge < last, edge, last)  # rounded up, at the very end of a row
    return (place & splat(_LOW)) + edge, size


@inline
def _search_one(u: float, y: float, link: int, table: Table) -> int:
    """Do the same for one walk, whose steps are chains of loads: what only checks them is left to the branches."""
    lines, words = table.lines, table.words
    at = np.uint64(8 * ((link >> 5) & _LINE) + 1)
    part = np.uint64(int(u * 2.0**53) >> (53 - (link & 31)))  # as the product of u and 2**shift: u has 53 bits
    record = at + _TWO * np.uint64(table.guides[_TWO * at - np.uint64(1) - part])
    beyond = lines[record + _TWO] <= y
    record += _TWO * (np.uint64(beyond) + np.uint64(beyond & (lines[record + _FOUR] <= y)))
    while lines[record + _TWO] <= y:
        record += _TWO
    run = words[record + _ONE]
    first, inside, length = run & _LOW, y - lines[record], lines[record + _TWO] - lines[record]
    if inside >= length or run >> 32 > 1:  # a run of one edge needs no division
        first += int(inside * np.float64(run >> 32) / length)
    edge: int = first
    return edge


@inline
def locate_one(state: int, u: float, table: Table) -> int:
    """Return the slot that u leads to in the row of a state, which is built."""
    head = np.uint64(2 * state)
    place, link = table.heads[head], table.heads[head + _ONE]
    size = place >> 32
    y = u * np.float64(size)
    edge = int(y)
    if (link >> 5) & _LINE != PLAIN:
        edge = min(_search_one(u, y, link, table), size - 1)  # rounded up, at the very end of a row
    slot: int = (place & _LOW) + edge
    return slot
