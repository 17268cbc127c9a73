"""Walks drawn from a table, many in lockstep.

    together     up to 64 walks take a step before any takes the next, so that their cache misses overlap: heads and
                 slots (see `table`) are asked for one sweep before they are read. Sixteen walks are a vector, and no
                 branch depends on what was drawn, but in a search. A walk that ends leaves its lane to the next one.
    one by one   a few walks would leave most lanes idle. Each takes its steps by itself, as `locate_one` finds them.

Limited by arithmetic where the table is in cache (a third of it the uniform numbers), then by two cache misses a step.
One walk waits for every instruction from a state to the next one: some 40 cycles where the table is in cache.

In a state after which a came three times and b once, four slots are a, a, a, b; u = 0.8 takes slot 3, and b.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax._jit import inline, jit
from fastsoftmax._types import Floats, Positions
from fastsoftmax.kernels.lanes.arrays import borrowed, on_stack
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import gather, load, prefetch, store, store_part
from fastsoftmax.kernels.lanes.numbers import Vector, blend, counting, lane_bits, lowest_bit, splat
from fastsoftmax.kernels.markov.locate import any_lane, locate, locate_one
from fastsoftmax.kernels.markov.table import OVER, Rows, Table, borrowed_table, build_row
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.kernels.math.philox import uniform, uniforms

# places[i] is a state (>= 0), or: OVER where the walk has ended; -2 - token where its last token leads to a state
# without a row (NO_ROW: whichever token); DEAD_END where it stopped there.
NO_ROW = -2
DEAD_END = -(2**40)

WIDEST = 64  # walks in lockstep
FEW = 4  # walks or fewer are faster one by one
STEPS = LANES  # between two flushes of their tokens
_LOW = np.int64(0xFFFFFFFF)
_a_lane, _a_step_of_a_lane = on_stack(WIDEST), on_stack(WIDEST * STEPS)


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


class Lanes(NamedTuple):
    """The walks that run: which they are, at which step, in which state, and what they draw from step to step."""

    first: int  # the number of the first walk
    walks: Positions  # rows of the walks, whose numbers come after it
    steps: Positions
    states: Positions
    slots: Positions  # that a step leads to
    dead: npt.NDArray[np.bool_]  # whether a walk came to a dead end
    uniforms: Floats  # STEPS a lane
    trail: Positions  # the states after each step, WIDEST a step


@inline
def restarted(start: int, seed: np.uint64, step: int, walk: int, table: Table) -> int:
    """Return the state after a beginning that is not the end, by draw 1 of that position or one after it."""
    draw = 0
    while True:
        draw += 1
        u = uniform(seed, np.uint64(step), np.uint64(draw), np.uint64(walk) & np.uint64(_LOW))
        state = int(table.slots[locate_one(start, u, table)])
        if state != OVER:
            return state


@inline
def _after_stop(lane: int, step: int, start: int, seed: np.uint64, lanes: Lanes, table: Table) -> int:
    """Return where a walk that cannot go on is next: at a new beginning, or at its end."""
    if start >= 0:
        return restarted(start, seed, lanes.steps[lane] + step, lanes.first + lanes.walks[lane], table)
    lanes.dead[lane] = True
    return OVER


@inline
def _step_one_by_one(
    running: int, start: int, seed: np.uint64, lanes: Lanes, rows: Rows, filters: Filters, table: Table
) -> bool:
    """Take STEPS steps of a few walks; return False where the table has no room for a row."""
    heads, slots = table.heads, table.slots
    for lane in range(running):
        state = lanes.states[lane]
        for step in range(STEPS):
            stopped = state < OVER
            if state >= 0:
                if heads[np.uint64(2 * state)] == 0 and not build_row(state, rows, filters, table):
                    return False
                state = np.int64(slots[np.uint64(locate_one(state, lanes.uniforms[lane * STEPS + step], table))])
            if stopped or (start >= 0 and state == OVER):
                state = np.int64(_after_stop(lane, step, start, seed, lanes, table))
            lanes.trail[step * WIDEST + lane] = state
        lanes.states[lane] = state
    return True


@inline
def _step_together(
    running: int, start: int, seed: np.uint64, lanes: Lanes, rows: Rows, filters: Filters, table: Table
) -> bool:
    """Do the same for many walks, sixteen at a time."""
    heads, states = table.heads, lanes.states
    width = (running + LANES - 1) // LANES * LANES
    states[running:width] = 0  # lanes without a walk wander, so that no step asks whether a lane has one
    for step in range(STEPS):
        for first in range(0, width, LANES):
            known = _not_below_0(load(states, first))
            u = gather(lanes.uniforms, counting(np.int64(first * STEPS + step), np.int64(STEPS)))
            found, size = locate(known, u, table)
            if any_lane(size == splat(np.int64(0))):  # a walk is the first to come to a row
                for lane in range(first, first + LANES):
                    state = max(states[lane], 0)
                    if heads[2 * state] == 0 and not build_row(state, rows, filters, table):
                        return False
                found, size = locate(known, u, table)
            store(lanes.slots, first, found)
            for lane in range(first, first + LANES):
                prefetch(table.slots, lanes.slots[lane])
        for first in range(0, width, LANES):
            here = load(states, first)
            following = blend(here >= splat(np.int64(0)), gather(table.slots, load(lanes.slots, first)), here)
            store(states, first, following)
            stuck = here < splat(np.int64(OVER))
            if start >= 0:
                stuck = stuck | (following == splat(np.int64(OVER)))
            marks = lane_bits(stuck)
            while marks != 0:
                lane = first + lowest_bit(marks)
                marks &= marks - 1
                # A lane without a walk goes back to where there is a row.
                states[lane] = 0 if lane >= running else _after_stop(lane, step, start, seed, lanes, table)
            store(lanes.trail, step * WIDEST + first, load(states, first))
            for lane in range(first, first + LANES):
                prefetch(heads, 2 * states[lane])
    return True


@jit
def advance(
    rows: Rows,
    filters: Filters,
    table: Table,
    selection: tuple[int, int, int, int],
    first: int,
    seed: np.uint64,
    start: int,
    places: Positions,
    lengths: Positions,
    ids: npt.NDArray[np.int32],
) -> bool:
    """Write the tokens of the selected walks and positions: (first walk, past the last, first position, past the last).

    Row i of `ids` is the walk of number first + i. `places` holds where each walk is: its state, or one of the values
    above. A walk that stops writes its length, and -1 over the rest of its row. With `start` >= 0 none stops: it goes
    on from the state there, of a row that is built and holds more than the end. The row of state 0 is built too: lanes
    without a walk wander from there.

    Rows are built when a walk comes to them. Returns False where the table has no room for one: the selection is to be
    drawn anew, from the places where it was, with a larger table.
    """
    table = borrowed_table(table)
    heads = table.heads
    flat = borrowed(ids).reshape(-1)
    from_walk, to_walk, from_step, to_step = selection
    length = ids.shape[1]
    walks, steps, states = _a_lane(np.int64(0)), _a_lane(np.int64(0)), _a_lane(np.int64(0))
    dead, trail = _a_lane(False), _a_step_of_a_lane(np.int64(0))
    lanes = Lanes(first, walks, steps, states, _a_lane(np.int64(0)), dead, _a_step_of_a_lane(0.0), trail)
    for i in range(lanes.uniforms.size):  # lanes without a walk draw too
        lanes.uniforms[i] = 0.0
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
        for lane in range(running):
            stream = np.uint64(first + walks[lane]) & np.uint64(_LOW)
            store(lanes.uniforms, lane * STEPS, uniforms(seed, np.uint64(steps[lane]), np.uint64(0), stream))
        if running <= FEW:
            if not _step_one_by_one(running, start, seed, lanes, rows, filters, table):
                return False
        elif not _step_together(running, start, seed, lanes, rows, filters, table):
            return False
        for lane in range(running):
            if states[lane] >= 0 and heads[2 * states[lane]] == 0 and not build_row(states[lane], rows, filters, table):
                return False
        kept = 0
        for lane in range(running):
            walk, step = walks[lane], steps[lane]
            stop = min(step + STEPS, to_step)
            passed = gather(trail, counting(np.int64(lane), np.int64(WIDEST)))
            place = trail[(stop - step - 1) * WIDEST + lane]
            at = walk * length + step
            if stop - step == STEPS:
                store(flat, at, _tokens(passed, heads))
            else:
                store_part(flat, at, at + stop - step, _tokens(passed, heads))
            if place == OVER:
                ended = lane_bits(passed == splat(np.int64(OVER)))
                lengths[walk] = step + lowest_bit(ended)
                places[walk] = DEAD_END if dead[lane] else OVER
                flat[at + stop - step : (walk + 1) * length] = -1
            elif stop == to_step:
                places[walk] = place
            else:
                walks[kept], steps[kept], states[kept], dead[kept] = walk, stop, states[lane], dead[lane]
                kept += 1
        running = kept
