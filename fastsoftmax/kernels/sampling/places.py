"""The places of draws in a kept set: group, piece, token, by running masses.

Without a list, only the weights of the groups drawn are computed. A draw too near to a boundary for float32 is decided
again by float64.

Of a list with the weights 1 and 0.368 the uniform number 0.8 asks for 1.094 of 1.368: place 1.
"""

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.arrays import add_before
from fastsoftmax.kernels.lanes.numbers import IntRow, Number
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, groups_of
from fastsoftmax.kernels.math.philox import uniform
from fastsoftmax.kernels.sampling.draw import Draws, add_pieces, draw_group, draw_within
from fastsoftmax.kernels.sampling.keep import Kept
from fastsoftmax.kernels.sampling.redraw import near_of, redraw
from fastsoftmax.kernels.sampling.unlisted import cut_weights
from fastsoftmax.kernels.sampling.workspace import Workspace
from fastsoftmax.kernels.softmax.weights import Scale


@inline
def place_at(
    target: float,
    group: int,
    seen: int,
    kept: Kept,
    row: MaskedRow,
    row_largest: Number,
    scale: Scale,
    workspace: Workspace,
) -> int:
    """Return the place in the kept set, in the list or the row, whose running mass is the first to exceed the target.

    It lies in `group`, or is -1 where the target is too near to a running mass to tell. `seen` is the group whose
    pieces, and whose weights where there is no list, are in the workspace already, -1 for none; those of `group` are
    afterwards.
    """
    sums, weights, pieces = workspace.sums, workspace.weights, workspace.pieces
    start = group * GROUP
    stop = min(start + GROUP, kept.size)
    first = start if kept.listed else 0
    if group != seen:
        if not kept.listed:
            cut_weights(kept.cut, kept.ties, row, group, row_largest, scale, workspace)
        add_pieces(weights, first, first + stop - start, row_largest, pieces)
    before = sums[group - 1] if group > 0 else 0.0
    mass = sums[group] - before
    share = (target - before) / mass
    place, distance = draw_within(weights, first, first + stop - start, share, pieces, row_largest)
    near = near_of(row_largest, kept) * sums[groups_of(kept.size) - 1]
    return start - first + place if distance * mass >= near else -1


@inline
def draw_places(
    draws: Draws,
    kept: Kept,
    row: MaskedRow,
    temperature: float,
    row_largest: Number,
    scale: Scale,
    workspace: Workspace,
    out: IntRow,
) -> None:
    """Write the place of each draw, group after group: each group's weights are computed once.

    As many draws at a time as there is memory for are sorted by counting.
    """
    targets, order, ends, sums = workspace.targets, workspace.order, workspace.ends, workspace.sums
    groups = groups_of(kept.size)
    undecided = False
    for begin in range(0, out.size, targets.size):
        stop = min(begin + targets.size, out.size)
        for group in range(groups):
            ends[group] = 0
        for j in range(begin, stop):
            u = uniform(draws.seed, draws.step, draws.first + np.uint64(j), draws.stream)
            targets[j - begin] = u * sums[groups - 1]
        for j in range(begin, stop):
            out[j] = draw_group(sums, groups, targets[j - begin])
            ends[out[j]] += 1
        add_before(ends[:groups])
        for j in range(begin, stop):  # draws of one group stand in a row, in the order in which they were asked for
            order[ends[out[j]]] = j - begin
            ends[out[j]] += 1
        seen = -1
        for i in range(stop - begin):
            j = begin + order[i]
            group = out[j]
            out[j] = place_at(targets[order[i]], group, seen, kept, row, row_largest, scale, workspace)
            undecided = undecided or out[j] < 0
            seen = group
    if undecided:
        redraw(row_largest, draws, kept, row, temperature, workspace, out)
