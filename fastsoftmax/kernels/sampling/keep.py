"""What the filters keep of a row, and the masses that a draw chooses from: a short list, or a cut of the row.

list      Tokens that reach a lower bound are listed, then top-k, top-p and min-p cut the list, in this order. The
          maxima of the groups give the bound: a logit that k maxima reach, or that maxima with the mass p reach.
unlisted  There is no list where no filter is on; or where top-k is off, the row has more than 1,024 logits and every
          second maximum reaches the bound, as for a nucleus of many tokens or a low min-p: the row itself is cut.

Of the logits 1, 3, 2, 3 top-k = 2 keeps tokens 1 and 3: the cut is the logit 3, with two ties. top-p = 0.39 keeps token
1 alone, whose mass 0.399 reaches it: the same cut, with one tie.
"""

import math
from typing import NamedTuple

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.llvm import LANES
from fastsoftmax.kernels.lanes.loads import load
from fastsoftmax.kernels.lanes.numbers import FloatRow, Number, Row, Rows, lane_bits, like, lowest_bit, splat
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, group_row, read_part
from fastsoftmax.kernels.math.exp import log
from fastsoftmax.kernels.math.filters import Filters, nucleus_mass
from fastsoftmax.kernels.math.floats import following
from fastsoftmax.kernels.sampling.bisect import find_cut, weight_at
from fastsoftmax.kernels.sampling.exact import NEAR, cut_at, decided
from fastsoftmax.kernels.sampling.groups import group_maxima, list_masses, list_weights
from fastsoftmax.kernels.sampling.light import group_masses
from fastsoftmax.kernels.sampling.listing import keep_prefix, list_tokens
from fastsoftmax.kernels.sampling.threshold import MANY, is_long, kth_maximum, least_near, nucleus_maximum
from fastsoftmax.kernels.sampling.unlisted import cut_masses, cut_row
from fastsoftmax.kernels.sampling.workspace import Workspace, filters_at
from fastsoftmax.kernels.softmax.weights import Scale, scale_of, weight_of


class Kept(NamedTuple):
    """The kept set of a row.

    It is a list of `size` tokens in the workspace, or, where it is not `listed`, all tokens above `cut` and the first
    `ties` that equal it.
    """

    listed: bool
    size: int
    cut: Number
    ties: int


@inline
def cut_list(
    row: MaskedRow,
    scale: Scale,
    filters: Filters,
    least: Number,
    threshold: Number,
    row_largest: Number,
    total: float,
    workspace: Workspace,
) -> int:
    """List the tokens that the filters leave, none of which is below the threshold; return how many.

    `least` is what min-p allows. `total` is the row's mass, where top-p is on and top-k is not.
    """
    maxima, sums = workspace.maxima, workspace.sums
    tokens, values, weights = workspace.tokens, workspace.values, workspace.weights
    spare_values, spare_weights = workspace.spare_values, workspace.spare_weights
    size = row.logits.size
    top_k, top_p = filters.top_k, filters.top_p
    by_count = limited(top_k, size)
    count = list_tokens(row, threshold, top_k if by_count else size, maxima, tokens, values)
    if by_count and count > top_k:
        logit, above = find_cut(values, None, count, row_largest, float(top_k), spare_values, None)
        count = keep_prefix(tokens, values, None, count, logit, top_k - int(above))
    listed = list_weights(values, count, row_largest, scale, weights)
    if top_p < 1.0:
        target = nucleus_mass(top_p, listed if by_count else total)
        if target < listed * (1.0 + NEAR):
            logit, above = find_cut(values, weights, count, row_largest, target, spare_values, spare_weights)
            cut = cut_at(logit, weight_at(logit, values, weights), above, target, count)
            listed_part = MaskedRow(values[:count], None, None)
            cut = decided(row_largest, listed_part, row, by_count, filters, cut)
            count = keep_prefix(tokens, values, weights, count, cut.logit, cut.ties)
    if least > threshold:
        count = keep_prefix(tokens, values, weights, count, least, count)
    list_masses(weights, count, row_largest, sums)
    return count


@inline
def first_at(row: MaskedRow, maxima: Row, row_largest: Number) -> int:
    """Return the first token with the largest logit."""
    top = splat(row_largest)
    group = 0
    while lane_bits(load(maxima, group * LANES) == top) == 0:
        group += 1
    token, own = group * GROUP, group_row(row, group)
    fill = like(row_largest, -math.inf)
    bits = 0
    while bits == 0:
        bits = lane_bits(read_part(own, token, row.logits.size, fill) == top)
        token += LANES
    return token - LANES + int(lowest_bit(bits))


@inline
def keep_at(
    row: MaskedRow, index: int, temperatures: FloatRow, filters: Rows | None, number: Number, workspace: Workspace
) -> tuple[float, Scale, Number, Kept]:
    """Return the temperature and the scale of a row, and what `keep` returns for its own filters or those of all."""
    temperature = temperatures[min(index, temperatures.size - 1)]
    scale = scale_of(temperature, number)
    row_filters = filters_at(filters, temperature, index)
    row_largest, kept = keep(row, scale, temperature, row_filters, number, workspace)
    return temperature, scale, row_largest, kept


@inline
def keep(
    row: MaskedRow, scale: Scale, temperature: float, filters: Filters | None, number: Number, workspace: Workspace
) -> tuple[Number, Kept]:
    """Return the row's largest logit and the kept set; `sums` gets the running masses of its groups.

    Where the largest logit is NaN or -inf, there is no distribution, and the kept set is void.
    """
    if filters is None:
        return keep_all(row, scale, temperature, number, workspace)
    return keep_some(row, scale, filters, number, workspace)


@function
def keep_all(
    row: MaskedRow, scale: Scale, temperature: float, number: Number, workspace: Workspace
) -> tuple[Number, Kept]:
    """Do what `keep` does where no filter is on: keep all of the row, or at T = 0 the first of the largest."""
    maxima, sums = workspace.maxima, workspace.sums
    tokens, values, weights = workspace.tokens, workspace.values, workspace.weights
    size, lowest = row.logits.size, following(like(number, -math.inf))
    if temperature > 0.0:
        row_largest, _ = group_masses(row, scale, number, maxima, sums, (values, weights), None)
        return row_largest, Kept(False, size, lowest, size)
    row_largest = group_maxima(row, number, maxima)
    if row_largest > -math.inf:
        tokens[0] = first_at(row, maxima, row_largest)
        values[0] = row_largest
        weights[0] = weight_of(row_largest, scale)[0]
        sums[0] = np.float64(weights[0])
    return row_largest, Kept(True, 1, lowest, 0)


@function
def keep_some(
    row: MaskedRow, scale: Scale, filters: Filters, number: Number, workspace: Workspace
) -> tuple[Number, Kept]:
    """Do what `keep` does where filters are on, though perhaps not in this row."""
    maxima, sums = workspace.maxima, workspace.sums
    values, weights = workspace.values, workspace.weights
    temperature, top_k, top_p, min_p = filters
    size = row.logits.size
    if temperature == 0.0 or not filtered(size, filters):  # T = 0 takes the first of the largest, whatever they say
        return keep_all(row, scale, temperature, number, workspace)
    by_count = limited(top_k, size)
    lowest = following(like(number, -math.inf))
    total = 0.0
    if top_p < 1.0 and not by_count:  # top-p alone needs the mass of the row
        row_largest, total = group_masses(row, scale, number, maxima, sums, (values, weights), None)
    else:
        row_largest = group_maxima(row, number, maxima)
    if not row_largest > -math.inf:
        return row_largest, Kept(False, 0, lowest, 0)
    least = lowest  # min-p is a bound of the logits; it is off at T = inf, and where only +inf has any mass
    if min_p > 0.0 and temperature < math.inf and row_largest < math.inf:
        least = least_near(row_largest, -temperature * log(min_p))
    threshold = least  # no kept token is below it
    if row_largest == math.inf:
        threshold = row_largest
    elif by_count:
        threshold = max(kth_maximum(top_k, row_largest, size, workspace), lowest)
    elif top_p < 1.0:
        threshold = max(threshold, nucleus_maximum(top_p * total, row_largest, size, scale, workspace))
    # A list of every second token costs more than a second read of the row.
    if size > MANY and not by_count and row_largest < math.inf and is_long(threshold, row_largest, size, workspace):
        cut, ties = least, size
        if top_p < 1.0:
            cut, ties = cut_row(row, scale, filters, row_largest, total, workspace)
        if top_p == 1.0 or least > cut:  # min-p alone, or it cuts more than top-p
            cut, ties = least, size
            cut_masses(row, scale, cut, row_largest, workspace)
        return row_largest, Kept(False, size, cut, ties)
    count = cut_list(row, scale, filters, least, threshold, row_largest, total, workspace)
    return row_largest, Kept(True, count, lowest, 0)


@inline
def limited(top_k: int, size: int) -> bool:
    """Return whether top-k is on."""
    return top_k > 0 and top_k < size


@inline
def filtered(size: int, filters: Filters) -> bool:
    """Return whether any filter is on."""
    return limited(filters.top_k, size) or filters.top_p < 1.0 or filters.min_p > 0.0
