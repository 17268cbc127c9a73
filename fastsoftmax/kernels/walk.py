"""Markov walks: rows of counts turned into inverse distribution functions, and walks drawn from them.

    cut_row       one row at a temperature and its cut-offs: a sweep over the kept prefix, an exponential a new count
    build_rows    the table that walks read: a row is a header and its edges, side by side in 16-byte records, so that
                  the likeliest edges share a cache line with the header; an edge knows where the next row begins
    advance       one step is a uniform number, a look into the guide of a long row, and a search over one or two
                  edges. A binary search in separate arrays takes 2 to 7 times longer: it waits for each cache miss
                  in turn. Here 64 walks go in lockstep, each asks for its next record one sweep before it reads it,
                  and 16 uniform numbers of a walk are computed at once (vectorised, 2 ns each).

The record at position p: masses[2 p] (float64), links[4 p + 2], links[4 p + 3] (int32, over the same bytes).

    header of row s, at p = offsets[s] + s     total mass of the kept edges | how many are kept, 0: not built | (unused)
    edge j of it, at p + 1 + j                 running sum up to it         | token, -1: the end              | target

A target is the position of the next header, or NO_ROW. `guide[p + g]` is an edge at or before the first one whose
running sum exceeds g / kept of the total: the search of an inverse distribution function that starts there ends at the
very edge that a search from the first would find, in one or two steps on average, whatever the row (cut-points: Chen
and Asau, "On generating random variates from an empirical distribution", AIIE Transactions 6, 1974).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import overload

from fastsoftmax._jit import inline, intrinsic, jit
from fastsoftmax.kernels.exp import exp, log
from fastsoftmax.kernels.philox import uniform

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int32]
Positions = npt.NDArray[np.int64]
Counts = npt.NDArray[np.int64 | np.float64]

NO_ROW = -1  # where a walk is: at a state without a row, stopped by the end, or stopped there
ENDED = -2
DEAD_END = -3

_LANES = 64
_STEPS = 16
_GUIDED = 4  # edges; longer rows have a guide
_GUIDED_ALONE = 16  # edges; with few walks nothing hides that cache miss, and longer searches are cheaper than it
_FEW = 8


class Rows(NamedTuple):
    """The transition table: edges [offsets[s], offsets[s + 1]) leave state s, larger counts first."""

    offsets: Positions
    tokens: Ids
    counts: Counts
    targets: Ids


class Cut(NamedTuple):
    """What is done to a row before a draw, in this order; top_k = 0, top_p = 1 and min_p = 0 are off."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float


class Table(NamedTuple):
    """What walks read; zeros where a row is not built."""

    masses: Floats  # (2 R,), R = states + edges
    links: Ids  # (4 R,), the same memory
    guide: Ids  # (R,)


def prefetch(array: npt.NDArray[Any], index: int | np.int64) -> None:
    """Ask for the cache line of array[index], without waiting for it."""


@overload(prefetch, strict=False, jit_options={"forceinline": True})
def _prefetch(array: Any, index: Any) -> Any:
    return lambda array, index: _prefetch_address(array, index)


@intrinsic
def _prefetch_address(typing_context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> Any:
        i8, i32 = ir.IntType(8), ir.IntType(32)
        data = context.make_array(array)(context, builder, arguments[0]).data
        address = builder.bitcast(builder.gep(data, [arguments[1]]), i8.as_pointer())
        function_type = ir.FunctionType(ir.VoidType(), [i8.as_pointer(), i32, i32, i32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        builder.call(function, [address, i32(0), i32(3), i32(1)])  # to read, keep in all levels, data
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


@inline
def _log_ratio(count: float, largest: float) -> float:
    ratio = count / largest
    return log(ratio) if ratio > 2.0**-1000 else log(count) - log(largest)


@inline
def cut_row(counts: Counts, start: int, stop: int, cut: Cut, weights: Floats, first: int, stride: int) -> int:
    """Write the weights of a row's kept prefix to weights[first::stride] and return how many are kept.

    The counts of counts[start:stop] fall, so do the weights, and every filter keeps a prefix. The weights are relative
    to any common factor; what underflows to 0 is not kept.
    """
    kept = stop - start if cut.top_k == 0 else min(cut.top_k, stop - start)
    if cut.temperature == 0.0:
        kept = 1
    weight, total = 1.0, 0.0
    for j in range(kept):
        count = counts[start + j]
        if cut.temperature == 1.0:
            weight = np.float64(count)
        elif cut.temperature < math.inf and j > 0 and count != counts[start + j - 1]:
            weight = exp(_log_ratio(np.float64(count), np.float64(counts[start])) / cut.temperature)
            if weight == 0.0:
                kept = j
                break
        weights[first + j * stride] = weight
        total += weight
    if cut.top_p < 1.0:
        before = weights[first]
        nucleus = 1
        while nucleus < kept and before < cut.top_p * total:
            before += weights[first + nucleus * stride]
            nucleus += 1
        kept = nucleus
    while weights[first + (kept - 1) * stride] < cut.min_p * weights[first]:
        kept -= 1
    return kept


@jit
def row_weights(counts: Counts, cut: Cut, weights: Floats) -> int:
    """Write the weights of one row and return how many are kept, as `cut_row`."""
    return cut_row(counts, 0, counts.size, cut, weights, 0, 1)


@inline
def _build_row(
    row: int,
    offsets: Positions,
    tokens: Ids,
    counts: Counts,
    targets: Ids,
    cut: Cut,
    masses: Floats,
    links: Ids,
    guide: Ids,
) -> None:
    start, stop = offsets[row], offsets[row + 1]
    header = start + row
    kept = cut_row(counts, start, stop, cut, masses, 2 * (header + 1), 2)
    total = 0.0
    for j in range(kept):
        record, target = header + 1 + j, targets[start + j]
        total += masses[2 * record]
        masses[2 * record] = total
        links[4 * record + 2] = tokens[start + j]
        links[4 * record + 3] = offsets[target] + target if target >= 0 else NO_ROW
    if kept > _GUIDED:
        edge = 0
        for part in range(kept):
            # Below every u of this part, so that its rounded product with the total is not above that of u.
            bound = part / kept * (1.0 - 2.0**-48) * total
            while masses[2 * (header + 1 + edge)] <= bound:
                edge += 1
            guide[header + part] = edge
    masses[2 * header] = total
    links[4 * header + 2] = kept


@jit
def build_rows(rows: Rows, cut: Cut, start: int, stop: int, table: Table) -> None:
    """Build the rows [start, stop)."""
    offsets, tokens, counts, targets = rows
    masses, links, guide = table
    for row in range(start, stop):
        _build_row(row, offsets, tokens, counts, targets, cut, masses, links, guide)


@jit
def _build_row_at(header: int, rows: Rows, cut: Cut, table: Table) -> None:
    """Build the row whose header is there: the s with offsets[s] + s = header."""
    low, high = 0, rows.offsets.size - 2
    while low < high:
        middle = (low + high + 1) >> 1
        if rows.offsets[middle] + middle <= header:
            low = middle
        else:
            high = middle - 1
    build_rows(rows, cut, low, low + 1, table)


@inline
def _search(header: int, edge: int, target: float, masses: Floats, links: Ids) -> int:
    """Return the position of the first edge, from `edge` on, whose running sum exceeds `target`, or of the last."""
    last = header + links[4 * header + 2]
    while edge < last and masses[2 * edge] <= target:
        edge += 1
    return edge


@inline
def _restart(start: int, seed: np.uint64, step: int, walk: int, masses: Floats, links: Ids) -> int:
    """Return an edge of the start row that is not the end, by draw 1 of that position or one after it."""
    draw = 0
    while True:
        draw += 1
        u = uniform(seed, np.uint64(step), np.uint64(draw), np.uint64(walk))
        edge = _search(start, start + 1, u * masses[2 * start], masses, links)
        if links[4 * edge + 2] >= 0:
            return edge


@inline
def _keep_running(count: int, walks: Positions, headers: Positions, places: Positions) -> int:
    """Move the running walks to the front and return how many there are; the places of the others are final."""
    running = 0
    for lane in range(count):
        walk, header = walks[lane], headers[lane]
        if header < NO_ROW:
            places[walk] = header
        else:
            walks[running], headers[running] = walk, header
            running += 1
    return running


@inline
def _draw(count: int, walks: Positions, seed: np.uint64, first_step: int, last_step: int, uniforms: Floats) -> None:
    for lane in range(count):
        walk = np.uint64(walks[lane]) & np.uint64(0xFFFFFFFF)
        for step in range(first_step, last_step):
            uniforms[lane, step - first_step] = uniform(seed, np.uint64(step), np.uint64(0), walk)


@jit
def advance(
    rows: Rows,
    cut: Cut,
    table: Table,
    selection: tuple[int, int, int, int],
    seed: np.uint64,
    start: int,
    places: Positions,
    lengths: Positions,
    ids: npt.NDArray[np.int64],
) -> None:
    """Write the tokens of the selected walks and positions: (first walk, past the last, first position, past the last).

    `places` holds where each walk is: the header of its state, or NO_ROW, ENDED or DEAD_END. A walk that stops writes
    its length, and -1 over the rest of its row of `ids`. With `start` >= 0 none stops: it goes on from the header
    there, of a row that is built and holds more than the end.
    """
    masses, links, guide = table
    walks = np.empty(_LANES, np.int64)
    headers = np.empty(_LANES, np.int64)
    edges = np.empty(_LANES, np.int64)
    targets = np.empty(_LANES)
    uniforms = np.empty((_LANES, _STEPS))
    from_walk, to_walk, from_step, to_step = selection
    guided = _GUIDED if to_walk - from_walk >= _FEW else _GUIDED_ALONE
    for first_walk in range(from_walk, to_walk, _LANES):
        count = min(_LANES, to_walk - first_walk)
        for lane in range(count):
            walks[lane], headers[lane] = first_walk + lane, places[first_walk + lane]
        for first_step in range(from_step, to_step, _STEPS):
            last_step = min(first_step + _STEPS, to_step)
            count = _keep_running(count, walks, headers, places)
            _draw(count, walks, seed, first_step, last_step, uniforms)
            for step in range(first_step, last_step):
                for lane in range(count):  # read the headers, ask for the guides of long rows
                    header = headers[lane]
                    if header < 0:
                        continue
                    if links[4 * header + 2] == 0:
                        _build_row_at(header, rows, cut, table)
                    kept = links[4 * header + 2]
                    u = uniforms[lane, step - first_step]
                    targets[lane] = u * masses[2 * header]
                    edges[lane] = -1
                    if kept > guided:
                        edges[lane] = header + np.int64(u * kept)
                        prefetch(guide, edges[lane])
                for lane in range(count):  # read the guides, ask for the edges they point to
                    header, part = headers[lane], edges[lane]
                    if header >= 0:
                        edges[lane] = header + 1
                        if part >= 0:
                            edges[lane] += guide[part]
                            prefetch(masses, 2 * edges[lane])
                for lane in range(count):  # search the edges, ask for the next headers
                    header, walk = headers[lane], walks[lane]
                    if header < NO_ROW:
                        continue
                    edge = 0
                    token = np.int32(-1)
                    if header >= 0:
                        edge = _search(header, edges[lane], targets[lane], masses, links)
                        token = links[4 * edge + 2]
                    if token < 0 and start >= 0:
                        edge = _restart(start, seed, step, walk, masses, links)
                        token = links[4 * edge + 2]
                    if token < 0:
                        ids[walk, step:] = -1
                        lengths[walk] = step
                        headers[lane] = ENDED if header >= 0 else DEAD_END
                        continue
                    ids[walk, step] = token
                    following = np.int64(links[4 * edge + 3])
                    headers[lane] = following
                    if following >= 0:
                        prefetch(masses, 2 * following)
        for lane in range(count):
            places[walks[lane]] = headers[lane]


@jit
def follow(rows: Rows, totals: Counts, start: int, stream: Ids, probabilities: Floats) -> None:
    """Write the probability of every token of a stream of sequences, each followed by -1.

    It is 0 from the first unseen token of a sequence on. `start` is the row of the boundary, -1 where there is none.
    """
    row = start
    for i in range(stream.size):
        probabilities[i] = 0.0
        following = -1
        if row >= 0:
            for edge in range(rows.offsets[row], rows.offsets[row + 1]):
                if rows.tokens[edge] == stream[i]:
                    probabilities[i] = rows.counts[edge] / totals[row]
                    following = rows.targets[edge]
                    break
        row = start if stream[i] == -1 else following
