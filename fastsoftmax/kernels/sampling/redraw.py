"""Draws decided again, where the masses that they were drawn by are too near to a boundary to tell.

A draw falls between two running masses. Those of light weights may be wrong by NEAR of the row's mass, those of a cut
by NEAR_CUT, and those of a list by CLOSE. A draw that is nearer to a boundary is decided by weights of float64. They
take one read of the kept set, the same for all draws of a row, limited by an exponential an element: four times as long
as the light read. A draw asks for it with the probability 2 NEAR for each token that is likelier than that: for one row
in 600 of a language model, and for every eighth of 128,256 equal logits.

Of 100,000 equal logits u = 0.5 asks for just half of the mass. The running mass of 50,000 tokens is that half, which
does not exceed it, so token 50,000 is drawn; light masses, wrong by a hundredth of a token, might say 49,999.
"""

import math

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load_part, store_part
from fastsoftmax.kernels.lanes.numbers import IntRow, Number, Row, by_type, like
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, groups_of, read
from fastsoftmax.kernels.math.floats import following
from fastsoftmax.kernels.math.philox import uniform
from fastsoftmax.kernels.sampling.draw import Draws, add_pieces, draw_group, draw_within
from fastsoftmax.kernels.sampling.exact import CLOSE, weights_of
from fastsoftmax.kernels.sampling.groups import group_sum
from fastsoftmax.kernels.sampling.keep import Kept
from fastsoftmax.kernels.sampling.unlisted import drop_below
from fastsoftmax.kernels.sampling.workspace import Workspace
from fastsoftmax.kernels.softmax.weights import Scale, block_memory, scale_of

# Of the mass of all. Where a mass may be wrong by e of itself, a share is wrong by e / 2 at most. A light weight may be
# wrong by 1.7e-7, and each addition by 6e-8: there are ten in a group of a row, and seventeen in one of a cut.
NEAR, NEAR_CUT = 2.0**-21, 2.0**-20


def _near(number: Number, kept: Kept) -> float:
    if kept.listed:
        return CLOSE
    return NEAR_CUT if kept.cut > following(like(number, -math.inf)) else NEAR


near_of = by_type(_near, lambda number, kept: 0.0)
"""How near to a boundary a draw may be, relative to the mass of all; float64 is exact from the beginning."""


@inline
def group_exactly(
    group: int,
    kept: Kept,
    row: MaskedRow,
    largest: float,
    scale: Scale,
    values: Row,
    weights: Row,
    workspace: Workspace,
) -> int:
    """Write the weights of a group in float64, 0 for what is not kept; return how many logits it has."""
    start = group * GROUP
    size = min(GROUP, kept.size - start)
    if kept.listed:
        for i in range(0, size, LANES):
            store_part(values, i, size, load_part(workspace.values, start + i, kept.size, 0.0))
        weights_of(values, size, largest, scale, weights)
        return size
    own = group_row(row, group)
    for i in range(0, size, LANES):
        store_part(values, i, size, read(own, start + i, largest))
    weights_of(values, size, largest, scale, weights)
    if kept.cut > following(like(kept.cut, -math.inf)):
        drop_below(np.float64(kept.cut), kept.ties, row, group, weights, workspace.tokens)
    return size


@function
def place_exactly(
    u: float, weighed: bool, kept: Kept, row: MaskedRow, largest: float, temperature: float, workspace: Workspace
) -> int:
    """Return the place in the kept set whose running mass is the first to exceed u of all, by float64.

    Unless it was `weighed` before, `sums` gets the running masses of its groups.
    """
    scale = scale_of(temperature, 0.0)
    values, weights = block_memory(0.0), block_memory(0.0)
    sums, pieces, groups = workspace.sums, workspace.pieces, groups_of(kept.size)
    total = 0.0
    for group in range(0 if weighed else groups):
        size = group_exactly(group, kept, row, largest, scale, values, weights, workspace)
        total += group_sum(weights, 0, size, 0.0)
        sums[group] = total
    target = u * sums[groups - 1]
    group = draw_group(sums, groups, target)
    size = group_exactly(group, kept, row, largest, scale, values, weights, workspace)
    add_pieces(weights, 0, size, 0.0, pieces)
    before = sums[group - 1] if group > 0 else 0.0
    share = (target - before) / (sums[group] - before)
    return group * GROUP + draw_within(weights, 0, size, share, pieces, 0.0)[0]


def _redraw(
    row_largest: Number, draws: Draws, kept: Kept, row: MaskedRow, temperature: float, workspace: Workspace, out: IntRow
) -> None:
    weighed = False
    for j in range(out.size):
        if out[j] < 0:
            u = uniform(draws.seed, draws.step, draws.first + np.uint64(j), draws.stream)
            out[j] = place_exactly(u, weighed, kept, row, np.float64(row_largest), temperature, workspace)
            weighed = True


def _drawn_already(
    row_largest: Number, draws: Draws, kept: Kept, row: MaskedRow, temperature: float, workspace: Workspace, out: IntRow
) -> None:
    return


redraw = by_type(_redraw, _drawn_already)
"""Write the place of each draw that is -1 so far: of float32, since float64 decides at once."""
