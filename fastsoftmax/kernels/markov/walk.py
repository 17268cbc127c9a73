"""Walks drawn from a table, many in lockstep.

    advance    one step of a walk is a uniform number, a gather of its state's head, one of its slot (see `table`), and
               for rows of several runs a search. Lanes of sixteen walks: nothing in a step depends on another walk, and
               no branch on what was drawn, but in a search. Up to 64 walks take a step before any takes the next, so
               that their cache misses overlap: heads and slots are asked for one sweep before they are read. A walk
               that ends leaves its lane to the next one, so lanes are always busy.

Limited by arithmetic where the table is in cache (a third of it the uniform numbers), then by two cache misses a step.

In a state after which a came three times and b once, four slots are a, a, a, b; u = 0.8 takes slot 3, and b.
"""

import numpy as np
import numpy.typing as npt

from fastsoftmax._jit import inline, jit
from fastsoftmax._types import Floats, Ids, Positions
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import borrowed, gather, load, prefetch, store, store_part
from fastsoftmax.kernels.lanes.numbers import (
    Vector,
    blend,
    counting,
    doubles_of,
    first_lane,
    lane_bits,
    lowest_bit,
    numbers,
    splat,
    truncate,
)
from fastsoftmax.kernels.markov.table import OVER, PLAIN, Rows, Table, build_row
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.kernels.math.philox import uniform, uniforms

# places[i] is a state (>= 0), or: OVER where the walk has ended; -2 - token where its last token leads to a state
# without a row (NO_ROW: whichever token); DEAD_END where it stopped there.
NO_ROW = -2
DEAD_END = -(2**40)

WIDEST = 64  # walks in lockstep
STEPS = LANES  # between two flushes of their tokens
_LOW = np.int64(0xFFFFFFFF)


@inline
def _any(mask: Vector) -> bool:
    return bool(lane_bits(mask) != 0)


@inline
def _search(u: Vector, y: Vector, link: Vector, lines: Floats, words: Positions, guides: Ids) -> Vector:
    """Return the edges whose running sums first exceed y, by the records of runs (see `table`)."""
    scale = doubles_of(((link & splat(np.int64(31))) + splat(np.int64(1023))) << splat(np.int64(52)))
    one, two = splat(np.int64(1)), splat(np.int64(2))
    at = (((link >> splat(np.int64(5))) & splat(np.int64(2**27 - 1))) << splat(np.int64(3))) + one
    part = truncate(u * scale)
    record = at + two * gather(guides, two * at - part - one)
    end = gather(lines, record + two)
    beyond = end <= y
    while _any(beyond):
        record = blend(beyond, record + two, record)
        end = gather(lines, record + two)
        beyond = end <= y
    begin, run = gather(lines, record), gather(words, record + one)
    inside = (y - begin) * numbers(run >> splat(np.int64(32))) / (end - begin)
    return (run & splat(_LOW)) + truncate(inside)


@inline
def _locate(
    states: Vector, u: Vector, heads: Positions, lines: Floats, words: Positions, guides: Ids
) -> tuple[Vector, Vector]:
    """Return the slots that u leads to, and the sizes of the rows: 0 where one is not built. States are at least 0."""
    place = gather(heads, states + states)
    link = gather(heads, states + states + splat(np.int64(1)))
    size = place >> splat(np.int64(32))
    y = u * numbers(size)
    edge = truncate(y)
    if _any((link & splat(np.int64((2**27 - 1) << 5))) > splat(np.int64(PLAIN << 5))):
        edge = _search(u, y, link, lines, words, guides)
        last = size - splat(np.int64(1))
        edge = blend(edge < last, edge, last)  # rounded up, at the very end of a row
    return (place & splat(_LOW)) + edge, size


@inline
def _not_below_0(states: Vector) -> Vector:
    zero = splat(np.int64(0))
    return blend(states >= zero, states, zero)


@inline
def _tokens(states: Vector, heads: Positions) -> Vector:
    """Return the token that led to each state, -1 for OVER."""
    known = _not_below_0(states)
    link = gather(heads, known + known + splat(np.int64(1)))
    return blend(states == known, link >> splat(np.int64(32)), splat(np.int64(-2)) - states)


@inline
def _restart(
    start: int,
    seed: np.uint64,
    step: int,
    walk: int,
    heads: Positions,
    lines: Floats,
    words: Positions,
    guides: Ids,
    slots: Ids,
) -> int:
    """Return the state after a beginning that is not the end, by draw 1 of that position or one after it."""
    draw = 0
    while True:
        draw += 1
        u = uniform(seed, np.uint64(step), np.uint64(draw), np.uint64(walk) & np.uint64(_LOW))
        found, _ = _locate(splat(np.int64(start)), splat(u), heads, lines, words, guides)
        state = int(slots[first_lane(found)])
        if state != OVER:
            return state


@jit
def advance(
    rows: Rows,
    filters: Filters,
    table: Table,
    selection: tuple[int, int, int, int],
    seed: np.uint64,
    start: int,
    places: Positions,
    lengths: Positions,
    ids: npt.NDArray[np.int32],
) -> bool:
    """Write the tokens of the selected walks and positions: (first walk, past the last, first position, past the last).

    `places` holds where each walk is: its state, or one of the values above. A walk that stops writes its length, and
    -1 over the rest of its row of `ids`. With `start` >= 0 none stops: it goes on from the state there, of a row that
    is built and holds more than the end. The row of state 0 is built too: lanes without a walk wander from there.

    Rows are built when a walk comes to them. Returns False where the table has no room for one: the selection is to be
    drawn anew, from the places where it was, with a larger table.
    """
    heads, lines, words = borrowed(table.heads), borrowed(table.lines), borrowed(table.words)
    guides, slots = borrowed(table.guides), borrowed(table.slots)
    flat = borrowed(ids).reshape(-1)
    from_walk, to_walk, from_step, to_step = selection
    length = ids.shape[1]
    walks, steps = np.empty(WIDEST, np.int64), np.empty(WIDEST, np.int64)
    states, drawn, dead = np.zeros(WIDEST, np.int64), np.empty(WIDEST, np.int64), np.zeros(WIDEST, np.bool_)
    trail = np.zeros(STEPS * WIDEST, np.int64)
    numbers_drawn = np.zeros(WIDEST * STEPS)
    running, next_walk = 0, from_walk
    while True:
        # Fill the lanes that walks have left with the next ones that still go.
        while running < WIDEST and next_walk < to_walk:
            if places[next_walk] >= 0 or OVER > places[next_walk] > DEAD_END:
                walks[running], steps[running] = next_walk, from_step
                states[running], dead[running] = places[next_walk], False
                running += 1
            next_walk += 1
        if running == 0:
            return True
        width = (running + LANES - 1) // LANES * LANES
        states[running:width] = 0  # lanes without a walk wander, so that no step asks whether a lane has one
        for lane in range(running):
            stream = np.uint64(walks[lane]) & np.uint64(_LOW)
            store(numbers_drawn, lane * STEPS, uniforms(seed, np.uint64(steps[lane]), np.uint64(0), stream))
        for step in range(STEPS):
            for first in range(0, width, LANES):
                known = _not_below_0(load(states, first))
                u = gather(numbers_drawn, counting(np.int64(first * STEPS + step), np.int64(STEPS)))
                found, size = _locate(known, u, heads, lines, words, guides)
                if _any(size == splat(np.int64(0))):  # a walk is the first to come to a row
                    for lane in range(first, first + LANES):
                        state = max(states[lane], 0)
                        if heads[2 * state] == 0 and not build_row(state, rows, filters, table):
                            return False
                    found, size = _locate(known, u, heads, lines, words, guides)
                store(drawn, first, found)
                for lane in range(first, first + LANES):
                    prefetch(slots, drawn[lane])
            for first in range(0, width, LANES):
                here = load(states, first)
                following = blend(here >= splat(np.int64(0)), gather(slots, load(drawn, first)), here)
                store(states, first, following)
                stuck = here < splat(np.int64(OVER))
                if start >= 0:
                    stuck = stuck | (following == splat(np.int64(OVER)))
                marks = lane_bits(stuck)
                while marks != 0:
                    lane = first + lowest_bit(marks)
                    marks &= marks - 1
                    if lane >= running:  # without a walk: back to where there is a row
                        states[lane] = 0
                    elif start >= 0:  # on from the beginning of a sequence
                        states[lane] = _restart(
                            start, seed, steps[lane] + step, walks[lane], heads, lines, words, guides, slots
                        )
                    else:  # a dead end, which is not the end of a sequence
                        states[lane], dead[lane] = OVER, True
                store(trail, step * WIDEST + first, load(states, first))
                for lane in range(first, first + LANES):
                    prefetch(heads, 2 * states[lane])
        for lane in range(running):
            if states[lane] >= 0 and heads[2 * states[lane]] == 0 and not build_row(states[lane], rows, filters, table):
                return False
        kept = 0
        for lane in range(running):
            walk, step = walks[lane], steps[lane]
            stop = min(step + STEPS, to_step)
            passed = gather(trail, counting(np.int64(lane), np.int64(WIDEST)))
            place = trail[(stop - step - 1) * WIDEST + lane]
            first = walk * length + step
            if stop - step == STEPS:
                store(flat, first, _tokens(passed, heads))
            else:
                store_part(flat, first, first + stop - step, _tokens(passed, heads))
            if place == OVER:
                ended = lane_bits(passed == splat(np.int64(OVER)))
                lengths[walk] = step + lowest_bit(ended)
                places[walk] = DEAD_END if dead[lane] else OVER
                flat[first + stop - step : (walk + 1) * length] = -1
            elif stop == to_step:
                places[walk] = place
            else:
                walks[kept], steps[kept], states[kept], dead[kept] = walk, stop, states[lane], dead[lane]
                kept += 1
        running = kept
