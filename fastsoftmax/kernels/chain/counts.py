"""Kernel: what a chain leaves of rows of counts, as it would of their logarithms.

A row of counts is short, sorted already, and has no first read: each step is a loop over it.

Of the counts 4, 2 and 1 "top_k=2 temperature=0.5" leaves the masses 16 / 20 and 4 / 20, and 0.
"""

import numpy as np

from fastsoftmax._jit import jit
from fastsoftmax._types import Counts, Floats
from fastsoftmax.kernels.chain.draw import chance_of, coins_of, put_back
from fastsoftmax.kernels.chain.memory import memory_of
from fastsoftmax.kernels.chain.row import nothing_known
from fastsoftmax.kernels.chain.steps import run, weigh
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.numbers import IntRow, Row, Rows
from fastsoftmax.kernels.math.exp import log
from fastsoftmax.kernels.sampling.groups import list_masses


@jit
def count_masses(offsets: IntRow, counts: Counts, steps: Rows, scratch: Row, start: int, out: Floats) -> None:
    """Write the probability of each count of the rows, the mean over coins; 0 for what the chain drops.

    Row i has the counts [offsets[i], offsets[i + 1]), positive, the larger ones first. `scratch` has memory for the
    longest of them, from byte `start` on that of the list.
    """
    offsets, counts, steps, out = borrowed(offsets), borrowed(counts), borrowed(steps), borrowed(out)
    for row in range(len(offsets) - 1):
        first, size = offsets[row], int(offsets[row + 1] - offsets[row])
        memory = memory_of(borrowed(scratch), start, size, 0.0)
        for i in range(size):
            out[first + i] = 0.0
        for outcome in range(1 << coins_of(steps)):
            chance = chance_of(steps, outcome)
            if chance == 0.0:
                continue
            largest = log(np.float64(counts[first]))
            for i in range(size):
                memory.row.tokens[i] = i
                memory.values[i] = log(np.float64(counts[first + i]))
                memory.logs[i] = memory.values[i] - largest
            weigh(memory.logs, memory.weights, 0, size)
            band = run(steps, 0, outcome, nothing_known(), size, memory, None)
            kept = put_back(band, memory)
            total = list_masses(memory.values, kept, 0.0, memory.row.sums)
            for place in range(kept):
                out[first + memory.row.tokens[place]] += chance * memory.values[place] / total
