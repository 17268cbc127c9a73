"""Kernels: draws from what a chain leaves of each row, its distribution, and its tokens.

After the steps what is left is put back in index order, with its masses, and a draw looks for its token as that of
`fastsoftmax.kernels.sampling` does. A sampler that tosses a coin, as XTC, has two outcomes: each is computed once, and
gives its tokens to the draws whose coin fell so.

Of the logits 3, 2 and 1 "top_k=2" leaves the masses 1 and 0.368 of tokens 0 and 1; u = 0.8 asks for 1.094 of 1.368 and
draws token 1.
"""

import math

import numpy as np

from fastsoftmax._jit import function, inline, jit
from fastsoftmax.kernels.chain.cut import draw_cut
from fastsoftmax.kernels.chain.memory import Memory, memory_of
from fastsoftmax.kernels.chain.row import keep_chain, leading
from fastsoftmax.kernels.chain.rules import learn_of
from fastsoftmax.kernels.chain.steps import CUT, Band
from fastsoftmax.kernels.history.tokens import Edits
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.loads import element
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRows, Number, Row, Rows, if_given, like
from fastsoftmax.kernels.lanes.rows import GROUP, MaskedRow, fill_row, groups_of, write
from fastsoftmax.kernels.math.exp import log, log1p
from fastsoftmax.kernels.math.philox import COIN, GUMBEL_NOISE, key_of, uniform
from fastsoftmax.kernels.sampling.describe import Facts as Told
from fastsoftmax.kernels.sampling.describe import facts_at
from fastsoftmax.kernels.sampling.draw import Draws, add_pieces, draw_group, draw_within
from fastsoftmax.kernels.sampling.groups import list_masses
from fastsoftmax.kernels.sampling.workspace import edited, row_at
from fastsoftmax.samplers.step import AFTER, GUMBEL, REWEIGH


@inline
def coins_of(steps: Rows) -> int:
    """Return how many steps of a chain toss a coin."""
    coins = 0
    for index in range(len(steps)):
        coins += 1 if int(steps[index, 1]) == AFTER else 0
    return coins


@function
def outcome_of(steps: Rows, draws: Draws, draw: int) -> int:
    """Return how the coins of a draw fall: a bit for each, the first the lowest."""
    outcome = coin = 0
    for index in range(len(steps)):
        if int(steps[index, 1]) == AFTER:
            seed = key_of(draws.seed, COIN, coin)
            u = uniform(seed, draws.step, draws.first + np.uint64(draw), draws.stream)
            outcome |= (1 if u < steps[index, 3] else 0) << coin
            coin += 1
    return outcome


@inline
def chance_of(steps: Rows, outcome: int) -> float:
    """Return the probability that the coins fall so."""
    chance = 1.0
    for index in range(len(steps)):
        if int(steps[index, 1]) == AFTER:
            chance *= steps[index, 3] if outcome & 1 else 1.0 - steps[index, 3]
            outcome >>= 1
    return chance


@function
def put_back(band: Band, memory: Memory) -> int:
    """Put what is left of a list in index order: its tokens, its masses in `values`, and ranks; return its size."""
    tokens, masses, places, ranks = memory.row.tokens, memory.values, memory.places, memory.ranks
    for i in range(band.listed):
        ranks[places[i]] = i
    kept = 0
    for place in range(band.listed):
        rank = ranks[place]
        if band.first <= rank < band.last:
            tokens[kept], masses[kept], ranks[kept] = tokens[place], memory.weights[rank], rank
            kept += 1
    return kept


@function
def draw_token(u: float, count: int, memory: Memory) -> int:
    """Return the place among what is left whose running mass is the first to exceed u of the whole."""
    sums, masses, pieces = memory.row.sums, memory.values, memory.row.pieces
    groups = groups_of(count)
    target = u * sums[groups - 1]
    group = draw_group(sums, groups, target)
    start, stop = group * GROUP, min(group * GROUP + GROUP, count)
    before = sums[group - 1] if group > 0 else 0.0
    add_pieces(masses, start, stop, 0.0, pieces)
    return draw_within(masses, start, stop, (target - before) / (sums[group] - before), pieces, 0.0)[0]


@function
def draw_gumbel(
    seed: np.uint64, draws: Draws, count: int, memory: Memory, ceiling: float, before: int
) -> tuple[float, int]:
    """Return (noisy, place): the largest logit plus noise among what is left, below `ceiling` or after `before` at it.

    The place is -1 where there is none.
    """
    best, chosen = -math.inf, -1
    for place in range(count):
        u = uniform(seed, draws.step, np.uint64(memory.row.tokens[place]), draws.stream)
        noisy = memory.logs[memory.ranks[place]] - log(-log(u))
        if noisy > best and (noisy < ceiling or (noisy == ceiling and place > before)):
            best, chosen = noisy, place
    return best, chosen


@inline
def distribution(
    row: MaskedRow, steps: Rows, outcome: int, number: Number, memory: Memory, left: FloatRow | None
) -> int:
    """Put what a chain leaves of a row in index order, and sum it up; return its size, -1 without a distribution."""
    row_largest, band = keep_chain(row, steps, outcome, number, memory, left, None)
    return gather(row_largest, band, memory)


@function
def gather(row_largest: Number, band: Band, memory: Memory) -> int:
    """Do what `distribution` does, of a band."""
    if not row_largest > -math.inf:  # NaN, or nothing is left
        return -1
    kept = put_back(band, memory)
    list_masses(memory.values, kept, 0.0, memory.row.sums)
    return kept


@if_given
def tell_set(told: Told, left: FloatRow, kept: int, memory: Memory) -> None:
    """Fill in what is to know of a set that is drawn from, and write it out where there is a place for it.

    The last of `left` gets the logarithm of its mass.
    """
    lighter, energy, largest = 0.0, 0.0, True
    for place in range(kept):
        mass = memory.values[place]
        if largest and mass == 1.0:
            largest = False
            continue
        lighter += mass
        energy -= mass * max(memory.logs[memory.ranks[place]], -1e150)
    left[left.size - 1] = log1p(lighter)
    told.kept[0] = kept
    told.entropy[0] = log1p(lighter) + energy / (1.0 + lighter)
    told.kept_mass[0] = min(left[left.size - 2], 1.0)
    first = told.places[0]
    if first >= 0:
        total = memory.row.sums[groups_of(kept) - 1]
        for place in range(kept):
            told.tokens[first + place] = memory.row.tokens[place]
            told.masses[first + place] = memory.values[place] / total


@if_given
def tell_draw(told: Told, left: FloatRow, draw: int, place: int, memory: Memory) -> None:
    """Fill in what is to know of a draw."""
    rank = memory.ranks[place] if place >= 0 else -1
    told.ranks[draw] = rank
    told.logprobs[draw] = memory.logs[rank] - left[left.size - 1] if place >= 0 else -math.inf


@function
def learn(steps: Rows, share: float, before: float) -> None:
    """Tell each step that keeps a number of a drawn token: its probability, and that before a step that reweighs."""
    for index in range(len(steps)):
        step = steps[index]
        if step[11] == 1.0:
            seen = before if int(step[1]) == REWEIGH else share
            step[12] = learn_of(step[0], seen, step[3], step[4], step[5])


@jit
def sample(
    logits: Rows,
    allowed: Rows | None,
    edits: Edits | None,
    steps: Rows,
    words: Rows,
    stream: int,
    stride: int,
    first_draw: int,
    number: Number,
    scratch: Row,
    start: int,
    out: IntRows,
    left: Rows | None,
    details: Told | None,
) -> int:
    """Write out.shape[1] tokens of each row to `out`, from draw first_draw on; row i has stream + stride * i.

    `steps` (see `Operation`; what one learns from a draw is written there) and `words` (seed and step) have an entry
    for each row, or one for all. `scratch` has the list's memory from byte `start` on. Returns the first row without a
    distribution, or -1. `details` are those of the set that the first draw of a row comes from; `left` has their
    memory, two numbers more than there are steps.
    """
    rows, size = logits.shape
    logits, allowed, out = borrowed(logits), borrowed(allowed), borrowed(out)
    steps, words, left = borrowed(steps), borrowed(words), borrowed(left)
    scratch = borrowed(scratch)
    memory = memory_of(scratch, start, size, number)
    for index in range(rows):
        row, own = edited(edits, row_at(logits, allowed, index), index, scratch), steps[min(index, len(steps) - 1)]
        word = min(index, len(words) - 1)
        draws = Draws(words[word, 0], words[word, 1], np.uint64(first_draw), np.uint64(stream + stride * index))
        told, after = facts_at(details, index), left_at(left, index)
        gumbel = len(own) > 0 and int(own[len(own) - 1, 1]) == GUMBEL
        distinct = gumbel and own[len(own) - 1, 5] == 1.0
        outcomes = 1 << coins_of(own)
        first_outcome = outcome_of(own, Draws(draws.seed, draws.step, np.uint64(0), draws.stream), 0)
        for i in range(outcomes):
            outcome = (first_outcome + 1 + i) % outcomes  # that of the first draw comes last: what is told is of it
            kept, noisy, place = 0, math.inf, -1
            for j in range(-1, out.shape[1]):
                if j < 0 and outcome != first_outcome:
                    continue
                if j >= 0 and outcomes > 1 and outcome_of(own, draws, j) != outcome:
                    continue
                if kept == 0:
                    if left is None:
                        row_largest, band = keep_chain(row, own, outcome, number, memory, None, True)
                        if band.state == CUT:
                            cut, slope = like(number, band.needed), leading(own)[1]
                            if out.shape[1] > 0:
                                share = draw_cut(row, cut, row_largest, slope, draws, memory, out[index]) / band.mass
                                learn(own, share, share)
                            break
                    else:  # details tell of a list
                        row_largest, band = keep_chain(row, own, outcome, number, memory, after, None)
                    kept = gather(row_largest, band, memory)
                    if kept < 0:
                        return index
                    tell_set(told, after, kept, memory)
                    for _ in range(first_draw if distinct else 0):  # those that came before
                        noisy, place = draw_gumbel(
                            key_of(draws.seed, GUMBEL_NOISE, 0), draws, kept, memory, noisy, place
                        )
                if j < 0:  # the row is looked at also without a draw
                    continue
                if distinct:
                    noisy, place = draw_gumbel(key_of(draws.seed, GUMBEL_NOISE, 0), draws, kept, memory, noisy, place)
                elif gumbel:
                    seed = key_of(draws.seed, GUMBEL_NOISE, draws.first + np.uint64(j))
                    _, place = draw_gumbel(seed, draws, kept, memory, math.inf, -1)
                else:
                    u = uniform(draws.seed, draws.step, draws.first + np.uint64(j), draws.stream)
                    place = draw_token(u, kept, memory)
                tell_draw(told, after, j, place, memory)
                out[index, j] = memory.row.tokens[place] if place >= 0 else -1
                if j == 0 and place >= 0:  # who learns draws one token
                    share = memory.values[place] / memory.row.sums[groups_of(kept) - 1]
                    learn(own, share, memory.shares[memory.ranks[place]])
    return -1


@if_given
def left_at(left: Rows, row: int) -> FloatRow:
    """Return a row's numbers of tokens left."""
    own: FloatRow = left[row]
    return own


@jit
def probabilities(
    logits: Rows,
    allowed: Rows | None,
    edits: Edits | None,
    steps: Rows,
    number: Number,
    scratch: Row,
    start: int,
    out: Rows,
) -> int:
    """Write the distribution that `sample` draws from to each row of `out`, the mean over its coins.

    Returns what `sample` returns.
    """
    rows, size = logits.shape
    logits, allowed, out, steps = borrowed(logits), borrowed(allowed), borrowed(out), borrowed(steps)
    scratch = borrowed(scratch)
    memory = memory_of(scratch, start, size, number)
    for index in range(rows):
        row, own = edited(edits, row_at(logits, allowed, index), index, scratch), steps[min(index, len(steps) - 1)]
        row_out = out[index]
        coins = coins_of(own)
        written = False
        for outcome in range(1 << coins):
            chance = chance_of(own, outcome)
            if chance == 0.0:
                continue
            kept = distribution(row, own, outcome, number, memory, None)
            if kept < 0:
                return index
            if not written:
                fill_row(row_out, like(number, 0.0))
            share = chance / memory.row.sums[groups_of(kept) - 1]
            for place in range(kept):
                token = memory.row.tokens[place]
                before = element(row_out, token, number) if written else like(number, 0.0)
                write(row_out, token, like(number, before + share * memory.values[place]))
            written = True
    return -1
