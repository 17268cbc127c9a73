"""sample and probabilities: the whole road from a row of logits to tokens, the same for both.

    keep   1 read for the largest logits, at the speed of the load ports; with an exponential an element for the masses,
           for top-p without top-k and where no filter is on. Then what the filters leave: a short list, or a cut.
    draw   group, piece, token, by running masses; without a list, only the weights of the group drawn are computed.
           A draw too near to a boundary for float32 is decided again by float64.

Rows are independent. `allowed` is None or has the bits of each row (see `loads.allow`), or of one for all. `edits` is
None or has what a chain makes of a row for what came before it.

Of the logits 1, 3, 2 at T = 1 top-k = 2 lists tokens 1 and 2 with the weights 1 and 0.368; u = 0.8 asks for 1.094 of
1.368, and draws token 2.
"""

import math

import numpy as np

from fastsoftmax._jit import jit
from fastsoftmax.kernels.history.tokens import Edits
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load, store_part
from fastsoftmax.kernels.lanes.numbers import (
    FloatRow,
    IntRows,
    Number,
    Row,
    Rows,
    lane_bits,
    like,
    lowest_bit,
    splat,
    unordered,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, fill_row, groups_of, read_part, write
from fastsoftmax.kernels.sampling.describe import Facts, describe, facts_at
from fastsoftmax.kernels.sampling.draw import Draws
from fastsoftmax.kernels.sampling.groups import group_sum
from fastsoftmax.kernels.sampling.keep import keep_at
from fastsoftmax.kernels.sampling.places import draw_places
from fastsoftmax.kernels.sampling.unlisted import cut_weights
from fastsoftmax.kernels.sampling.workspace import edited, row_at, workspace_of


@jit
def sample(
    logits: Rows,
    allowed: Rows | None,
    edits: Edits | None,
    temperatures: FloatRow,
    filters: Rows | None,
    words: Rows,
    stream: int,
    stride: int,
    first_draw: int,
    number: Number,
    scratch: Row,
    out: IntRows,
    details: Facts | None,
) -> int:
    """Write out.shape[1] tokens of each row to `out`, from draw first_draw on; row i has stream + stride * i.

    `temperatures`, `filters` (top_k, top_p, min_p) and `words` (seed and step) have an entry for each row, or one for
    all. Returns the first row without a distribution, or -1. `filters` None, where no filter is on, and `details` None
    cost nothing, nor are they compiled.
    """
    rows, size = logits.shape
    logits, allowed, out = borrowed(logits), borrowed(allowed), borrowed(out)
    temperatures, filters, words = borrowed(temperatures), borrowed(filters), borrowed(words)
    scratch = borrowed(scratch)
    workspace = workspace_of(scratch, size, number)
    tokens = workspace.tokens
    for index in range(rows):
        row = edited(edits, row_at(logits, allowed, index), index, scratch)
        temperature, scale, row_largest, kept = keep_at(row, index, temperatures, filters, number, workspace)
        if not row_largest > -math.inf:  # NaN, or nothing is left: no distribution
            return index
        word = min(index, words.shape[0] - 1)
        draws = Draws(words[word, 0], words[word, 1], np.uint64(first_draw), np.uint64(stream + stride * index))
        draw_places(draws, kept, row, temperature, row_largest, scale, workspace, out[index])
        describe(facts_at(details, index), kept, out[index], row, temperature, scale, row_largest, workspace)
        if kept.listed:
            for j in range(out.shape[1]):
                out[index, j] = tokens[out[index, j]]
    return -1


@jit
def probabilities(
    logits: Rows,
    allowed: Rows | None,
    edits: Edits | None,
    temperatures: FloatRow,
    filters: Rows | None,
    number: Number,
    scratch: Row,
    out: Rows,
) -> int:
    """Write the distribution that `sample` draws from to each row of `out`; return what `sample` returns."""
    rows, size = logits.shape
    logits, allowed, out = borrowed(logits), borrowed(allowed), borrowed(out)
    temperatures, filters = borrowed(temperatures), borrowed(filters)
    scratch = borrowed(scratch)
    workspace = workspace_of(scratch, size, number)
    sums, tokens, weights = workspace.sums, workspace.tokens, workspace.weights
    for index in range(rows):
        row, row_out = edited(edits, row_at(logits, allowed, index), index, scratch), out[index]
        _, scale, row_largest, kept = keep_at(row, index, temperatures, filters, number, workspace)
        if not row_largest > -math.inf:  # NaN, or nothing is left: no distribution
            return index
        fill_row(row_out, like(number, 0.0))
        if kept.listed:
            total = sums[groups_of(kept.size) - 1]
            for i in range(kept.size):
                write(row_out, tokens[i], like(number, weights[i] / total))
            continue
        total = 0.0
        for group in range(groups_of(size)):
            cut_weights(kept.cut, kept.ties, row, group, row_largest, scale, workspace)
            total += group_sum(weights, 0, min(GROUP, size - group * GROUP), number)
        whole = splat(like(number, total))
        for group in range(groups_of(size)):
            cut_weights(kept.cut, kept.ties, row, group, row_largest, scale, workspace)
            start = group * GROUP
            for i in range(start, min(start + GROUP, size), LANES):
                store_part(row_out, i, size, load(weights, i - start) / whole)
    return -1


@jit
def first_nan(logits: Row, allowed: Row | None, number: Number) -> int:
    """Return the index of the first NaN among the allowed tokens of a row, or -1."""
    row = MaskedRow(logits, allowed, None)
    for start in range(0, logits.size, LANES):
        z = read_part(row, start, logits.size, like(number, 0.0))
        bits = lane_bits(unordered(z, z))
        if bits != 0:
            return start + int(lowest_bit(bits))
    return -1
