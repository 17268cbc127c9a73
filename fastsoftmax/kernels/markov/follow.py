"""How likely a chain holds given sequences to be, token by token: one state after the other, an edge each.

A row of edges is read up to the one that was taken, a cache miss or two a token. A token that was never seen there has
the probability 0, and no edge leads on from it: the state after it is sought among all, a binary search.

In a row with the counts 3 and 1 the first token has the probability 0.75, and a third one 0.
"""

import numpy as np

from fastsoftmax._jit import jit
from fastsoftmax._types import Counts, Floats, Ids
from fastsoftmax.kernels.markov.count import row_of
from fastsoftmax.kernels.markov.table import Rows


@jit
def follow(rows: Rows, contexts: Ids, totals: Counts, stream: Ids, probabilities: Floats) -> None:
    """Write the probability of every token of a stream of sequences, each followed by -1, after those before it."""
    order = contexts.shape[1]
    context = np.full(order, -1, np.int32)
    start = row_of(contexts, context)
    row, begun = start, 0
    for i in range(stream.size):
        probabilities[i] = 0.0
        found = -1
        if row >= 0:
            for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                if rows.tokens[edge] == stream[i]:
                    found = edge
                    break
        if found >= 0:
            probabilities[i] = rows.counts[found] / totals[row]
            row = np.int64(rows.targets[found])
        if stream[i] == -1:
            row, begun = start, i + 1
        elif found < 0:
            for column in range(order):
                place = i + 1 - order + column
                context[column] = stream[place] if place >= begun else -1
            row = row_of(contexts, context)
