"""Walks of order 0: every token is drawn from the same row, whatever came before, and no step waits for another.

So a vector holds sixteen steps of one walk, where those of `walk` hold a step of sixteen walks. Limited by arithmetic,
two thirds of it the uniform numbers; the row is in cache.

The slots (see `table`) have -2 - token, for there is no state to tell the token by. In a row in which a was seen three
times and b once, four slots are a, a, a, b; u = 0.8 takes slot 3, and b.
"""

import numpy as np
import numpy.typing as npt

from fastsoftmax._jit import jit
from fastsoftmax._types import Positions
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import gather, store, store_part
from fastsoftmax.kernels.lanes.numbers import lane_bits, lowest_bit, splat
from fastsoftmax.kernels.markov.locate import locate
from fastsoftmax.kernels.markov.table import OVER, Table, borrowed_table
from fastsoftmax.kernels.markov.walk import restarted
from fastsoftmax.kernels.math.philox import uniforms

_LOW = np.uint64(0xFFFFFFFF)


@jit
def independent(
    table: Table,
    selection: tuple[int, int, int, int],
    first: int,
    seed: np.uint64,
    restarts: bool,
    places: Positions,
    lengths: Positions,
    ids: npt.NDArray[np.int32],
) -> None:
    """Do as `advance` of `walk`: write the tokens of the selected walks and positions, from row 0, which is built."""
    table = borrowed_table(table)
    flat = borrowed(ids).reshape(-1)
    from_walk, to_walk, from_step, to_step = selection
    length = ids.shape[1]
    for walk in range(from_walk, to_walk):
        if places[walk] < 0:
            continue
        for step in range(from_step, to_step, LANES):
            u = uniforms(seed, np.uint64(step), np.uint64(0), np.uint64(first + walk) & _LOW)
            slots, _ = locate(splat(np.int64(0)), u, table)
            found = gather(table.slots, slots)
            at, count = walk * length + step, min(LANES, to_step - step)
            if count == LANES:
                store(flat, at, splat(np.int64(-2)) - found)
            else:
                store_part(flat, at, at + count, splat(np.int64(-2)) - found)
            ended = lane_bits(found == splat(np.int64(OVER))) & ((1 << count) - 1)
            if ended != 0 and not restarts:
                lengths[walk], places[walk] = step + lowest_bit(ended), OVER
                flat[walk * length + lengths[walk] : (walk + 1) * length] = -1
                break
            while ended != 0:
                lane = lowest_bit(ended)
                ended &= ended - 1
                flat[at + lane] = -2 - restarted(0, seed, step + lane, first + walk, table)
