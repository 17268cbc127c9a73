"""sample and probabilities: the whole road from a row of logits to tokens, the same for both.

    group maxima          1 read, at the speed of the load ports
    total mass            1 read from cache, an exponential an element; only for top-p without top-k, or no filter
    gather                what can be kept, by a threshold: only the groups that reach it are read again
    top-k, top-p, min-p   on that list, in this order
    draw                  a binary search in the running sums of the list

Without a filter the list is never made: a draw finds its block from the blocks' sums, then its token in the block.
Rows are independent; a row whose `status` is not 0 has no distribution and gets no token.
"""

import math
from typing import Any

import numpy as np

from fastsoftmax._jit import inline, jit
from fastsoftmax.kernels.draw import draw, running_sums
from fastsoftmax.kernels.exp import log
from fastsoftmax.kernels.lanes import FloatRow, IntRow, IntRows, Number, Row, Rows, WordRow, like
from fastsoftmax.kernels.memory import element
from fastsoftmax.kernels.philox import uniform
from fastsoftmax.kernels.select import (
    GROUP,
    find_cut,
    gather,
    group_maxima,
    keep_near,
    keep_prefix,
    key_of,
)
from fastsoftmax.kernels.softmax import block_buffers, fill_row, softmax_row, write
from fastsoftmax.kernels.weights import BLOCK, Scale, block_weights, scale_of, weight_of

Parameters = tuple[FloatRow, IntRow, FloatRow, FloatRow]  # temperature, top_k, top_p, min_p
Workspace = tuple[Row, FloatRow, IntRow, Row, Row, FloatRow]

FINE, NAN, EMPTY = 0, 1, 2


@inline
def block_sums(logits: Row, row_largest: Number, scale: Scale, sums: FloatRow, weights: Row | None) -> float:
    """Fill in the weights and the running sums of the blocks, relative to the row's maximum; return the total."""
    total = 0.0
    for start in range(0, logits.size, BLOCK):
        total += block_weights(logits, start, min(start + BLOCK, logits.size), row_largest, scale, weights)
        sums[start // BLOCK] = total
    return total


@inline
def kth_maximum(maxima: Row, k: int, number: Number) -> Number:
    """Return a logit that at least k of the row's reach: the k-th largest group maximum, or -inf for fewer groups."""
    least = like(number, -math.inf)
    if k > maxima.size:
        return least
    key, _ = find_cut(maxima, None, maxima.size, np.float64(k))
    least = like(number, math.inf)
    for group in range(maxima.size):
        if key_of(maxima[group]) >= key:
            least = min(least, maxima[group])
    return least


@inline
def first_at(logits: Row, maxima: Row, row_largest: Number) -> int:
    """Return the first token with the largest logit."""
    group = 0
    while maxima[group] != row_largest:
        group += 1
    token = group * GROUP
    while element(logits, token, row_largest) != row_largest:
        token += 1
    return token


@inline
def below(row_largest: Number, distance: float) -> Number:
    """Return a logit at or a little below row_largest - distance, for a threshold that may let too much pass."""
    largest = np.float64(row_largest)
    return like(row_largest, largest - distance - 2.0**-20 * (abs(largest) + distance))


@inline
def keep(
    logits: Row,
    scale: Scale,
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    row_largest: Number,
    workspace: Workspace,
) -> int:
    """List the tokens that the filters leave, with their weights; return how many. At least one filter is on."""
    maxima, sums, tokens, values, weights, _ = workspace
    limited = top_k > 0 and top_k < logits.size
    distance = math.inf  # min-p: how far below the largest logit one may be
    if temperature < math.inf and row_largest < math.inf:
        distance = -temperature * log(min_p)
    total = 0.0
    if row_largest == math.inf:
        threshold = row_largest
    elif limited:
        threshold = kth_maximum(maxima, top_k, row_largest)
    else:
        threshold = below(row_largest, distance)
        if top_p < 1.0:
            total = block_sums(logits, row_largest, scale, sums, None)
            if temperature < math.inf:
                # All the logits below a bound weigh at most V times its weight. Where that is less than (1 - p) of the
                # mass, none of them is in the nucleus; half of it leaves room for rounding.
                share = 0.5 * (1.0 - top_p) * total / weight_of(row_largest, scale)[1] / logits.size
                threshold = max(threshold, below(row_largest, -temperature * log(share)))
    count = gather(logits, threshold, maxima, tokens, values)
    if limited:
        count = keep_prefix(tokens, values, None, count, np.float64(top_k))
    listed = block_sums(values[:count], row_largest, scale, sums, weights)
    if top_p < 1.0:
        count = keep_prefix(tokens, values, weights, count, top_p * (total if total > 0.0 else listed))
    if distance < math.inf:
        count = keep_near(tokens, values, weights, count, row_largest, distance)
    return count


@inline
def block_running_sums(logits: Row, scale: Scale, row_largest: Number, block: int, workspace: Workspace) -> None:
    """Fill in the running masses of the tokens of a block."""
    _, _, _, _, weights, running = workspace
    start, stop = block * BLOCK, min((block + 1) * BLOCK, logits.size)
    block_weights(logits, start, stop, row_largest, scale, weights)
    running_sums(weights[start:stop], stop - start, running[start:stop])


@inline
def draw_from_row(
    logits: Row, scale: Scale, row_largest: Number, target: float, ready: bool, workspace: Workspace
) -> int:
    """Return the first token whose running mass exceeds `target`: its block first, by the running sums of the blocks.

    `ready` says that the running masses in all blocks are filled in already.
    """
    _, sums, _, _, _, running = workspace
    block = draw(sums, 0, sums.size, target)
    if not ready:
        block_running_sums(logits, scale, row_largest, block, workspace)
    before = sums[block - 1] if block > 0 else 0.0
    return draw(running, block * BLOCK, min((block + 1) * BLOCK, logits.size), target - before)


@inline
def status_of(row_largest: Number) -> int:
    """Return whether a row has a distribution, or why not."""
    if math.isnan(row_largest):
        return NAN
    return FINE if row_largest > -math.inf else EMPTY


@inline
def filtered(size: int, top_k: int, top_p: float, min_p: float) -> bool:
    """Return whether any filter is on."""
    return (top_k > 0 and top_k < size) or top_p < 1.0 or min_p > 0.0


@inline
def at(parameter: Row, row: int) -> Any:
    """Return a row's entry of a parameter: there is one for all rows, or one a row."""
    return parameter[min(row, parameter.size - 1)]


@inline
def parameters_at(parameters: Parameters, row: int) -> tuple[float, int, float, float]:
    """Return a row's temperature, top_k, top_p and min_p."""
    temperatures, top_ks, top_ps, min_ps = parameters
    return at(temperatures, row), at(top_ks, row), at(top_ps, row), at(min_ps, row)


@jit
def sample(
    logits: Rows,
    parameters: Parameters,
    seeds: WordRow,
    steps: WordRow,
    stream: int,
    stride: int,
    first_draw: int,
    number: Number,
    workspace: Workspace,
    out: IntRows,
    status: IntRow,
) -> None:
    """Write out.shape[1] tokens of each row to `out`, from draw first_draw on; row i has stream + stride * i."""
    maxima, sums, tokens, _, weights, running = workspace
    many = out.shape[1] * BLOCK > logits.shape[1]  # to go over the row once is less than a block for each draw
    for row in range(logits.shape[0]):
        row_logits = logits[row]
        temperature, top_k, top_p, min_p = parameters_at(parameters, row)
        row_largest = group_maxima(row_logits, number, maxima)
        status[row] = status_of(row_largest)
        if status[row] != FINE:
            continue
        if temperature == 0.0:
            out[row, :] = first_at(row_logits, maxima, row_largest)
            continue
        scale = scale_of(temperature, number)
        kept = 0
        if filtered(row_logits.size, top_k, top_p, min_p):
            kept = keep(row_logits, scale, temperature, top_k, top_p, min_p, row_largest, workspace)
            total = running_sums(weights, kept, running)
        else:
            total = block_sums(row_logits, row_largest, scale, sums, None)
            if many:
                for block in range(sums.size):
                    block_running_sums(row_logits, scale, row_largest, block, workspace)
        row_stream = np.uint64(stream + stride * row)
        for j in range(out.shape[1]):
            target = uniform(at(seeds, row), at(steps, row), np.uint64(first_draw + j), row_stream) * total
            if kept > 0:
                out[row, j] = tokens[draw(running, 0, kept, target)]
            else:
                out[row, j] = draw_from_row(row_logits, scale, row_largest, target, many, workspace)


@jit
def probabilities(
    logits: Rows, parameters: Parameters, number: Number, workspace: Workspace, out: Rows, status: IntRow
) -> None:
    """Write the distribution that `sample` draws from to each row of `out`."""
    maxima, _, tokens, _, weights, running = workspace
    buffers = block_buffers(logits.shape[1], number)
    for row in range(logits.shape[0]):
        row_logits, row_out = logits[row], out[row]
        temperature, top_k, top_p, min_p = parameters_at(parameters, row)
        row_largest = group_maxima(row_logits, number, maxima)
        status[row] = status_of(row_largest)
        if status[row] != FINE:
            continue
        if temperature == 0.0:
            fill_row(row_out, like(number, 0.0))
            write(row_out, first_at(row_logits, maxima, row_largest), like(number, 1.0))
            continue
        scale = scale_of(temperature, number)
        if not filtered(row_logits.size, top_k, top_p, min_p):
            softmax_row(row_logits, scale, number, weights, buffers, False, row_out)
            continue
        kept = keep(row_logits, scale, temperature, top_k, top_p, min_p, row_largest, workspace)
        total = running_sums(weights, kept, running)
        fill_row(row_out, like(number, 0.0))
        for i in range(kept):
            write(row_out, tokens[i], like(number, weights[i] / total))


@jit
def first_nan(logits: Row, number: Number) -> int:
    """Return the index of the first NaN of a row that has one."""
    i = 0
    while not math.isnan(element(logits, i, number)):
        i += 1
    return i
