"""Lists of the tokens that filters leave, in index order: `tokens`, their logits `values`, and their `weights`.

Every filter keeps a prefix of one strict order (larger logit first, lower index first among equals), so a cut is a
logit and a number of ties.

list_tokens  one read of the groups that hold a logit at or above a threshold; tokens that reach it are listed.
keep_prefix  closes the list up in place over what a filter drops.

Of the logits 1, 3, 2, 3 the threshold 2 lists tokens 1, 2, 3 with the values 3, 2, 3; a cut at 3 with one tie leaves
token 1.
"""

import math

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import append, load
from fastsoftmax.kernels.lanes.numbers import (
    IntRow,
    Number,
    Row,
    Vector,
    count_lanes,
    indices,
    lane_bits,
    larger,
    like,
    mask_of,
    splat,
)
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, read_part, read_whole
from fastsoftmax.kernels.math.floats import following
from fastsoftmax.kernels.sampling.bisect import pad


@inline
def list_tokens(row: MaskedRow, threshold: Number, ties: int, maxima: Row, tokens: IntRow, values: Row) -> int:
    """List the tokens whose logit is at least `threshold`, which is above -inf; return how many there are.

    Of those that equal it, only the first `ties` are sure to be listed.
    """
    count = 0
    bar = splat(threshold)
    lowest = like(threshold, -math.inf)
    for group in range(groups_of(row.logits.size)):
        if lane_bits(load(maxima, group * LANES) >= bar) == 0:
            continue
        start = group * GROUP
        stop = min(start + GROUP, row.logits.size)
        own = group_row(row, group)
        for i in range(start, stop, 4 * LANES):
            if i + 4 * LANES <= row.logits.size:
                a = read_whole(own, i, threshold)
                b = read_whole(own, i + 16, threshold)
                c = read_whole(own, i + 32, threshold)
                d = read_whole(own, i + 48, threshold)
                if lane_bits(larger(larger(a, b), larger(c, d)) >= bar) == 0:
                    continue
                first = count
                count = list_lanes(a, i, bar, count, tokens, values)
                count = list_lanes(b, i + 16, bar, count, tokens, values)
                count = list_lanes(c, i + 32, bar, count, tokens, values)
                count = list_lanes(d, i + 48, bar, count, tokens, values)
            else:
                first = count
                for j in range(i, stop, LANES):
                    z = read_part(own, j, stop, lowest)
                    count = list_lanes(z, j, bar, count, tokens, values)
            for j in range(first, count):
                if values[j] == threshold:
                    ties -= 1
            if ties <= 0:
                bar = splat(following(threshold))
    return count


@inline
def list_lanes(z: Vector, i: int, bar: Vector, count: int, tokens: IntRow, values: Row) -> int:
    """List the logits of a vector that reach the bar; return how many are listed now."""
    reached = z >= bar
    append(tokens, count, indices(i), reached)
    append(values, count, z, reached)
    listed: int = count + count_lanes(reached)
    return listed


@inline
def prefix(z: Vector, bar: Vector, ties: int) -> tuple[Vector, int]:
    """Return the mask of what is above the bar and of the first `ties` that equal it, and how many ties are left."""
    equal = z == bar
    found = count_lanes(equal)
    if found <= ties:
        return z >= bar, ties - found
    bits, first = lane_bits(equal), 0
    for _ in range(ties):
        first |= bits & -bits
        bits &= bits - 1
    return (z > bar) | mask_of(first), 0


@inline
def keep_prefix(tokens: IntRow, values: Row, weights: Row | None, count: int, cut: Number, ties: int) -> int:
    """Keep what is above the cut, and the first `ties` of what equals it; return how many stay."""
    bar = splat(cut)
    pad(values, count, cut)
    kept = 0
    for i in range(0, count, LANES):
        z = load(values, i)
        stay, ties = prefix(z, bar, ties)
        append(tokens, kept, load(tokens, i), stay)
        append(values, kept, z, stay)
        if weights is not None:
            append(weights, kept, load(weights, i), stay)
        kept += count_lanes(stay)
    return kept
