"""Kernels for tests that have to reach inside of one, in a file that is seldom edited: they take a while to compile."""

import numpy as np

from fastsoftmax._jit import jit
from fastsoftmax.kernels.lanes.rows import MaskedRow
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.kernels.sampling.draw import draw_group
from fastsoftmax.kernels.sampling.groups import groups_of
from fastsoftmax.kernels.sampling.keep import keep
from fastsoftmax.kernels.sampling.places import place_at
from fastsoftmax.kernels.sampling.redraw import place_exactly
from fastsoftmax.kernels.sampling.workspace import workspace_of
from fastsoftmax.kernels.softmax.weights import scale_of


@jit
def token_at(logits: np.ndarray, top_p: float, us: np.ndarray, scratch: np.ndarray, out: np.ndarray) -> None:
    """Fill in the token at each u."""
    scale = scale_of(1.0, logits[0])
    workspace = workspace_of(scratch, logits.size, logits[0])
    row = MaskedRow(logits, None, None)
    row_largest, kept = keep(row, scale, 1.0, Filters(1.0, 0, top_p, 0.0), logits[0], workspace)
    groups = groups_of(kept.size)
    for i in range(us.size):
        target = us[i] * workspace.sums[groups - 1]
        group = draw_group(workspace.sums, groups, target)
        place = place_at(target, group, -1, kept, row, row_largest, scale, workspace)
        if place < 0:
            place = place_exactly(us[i], False, kept, row, np.float64(row_largest), 1.0, workspace)
        out[i] = workspace.tokens[place] if kept.listed else place
