"""Cut-offs: which tokens top-k, top-p and min-p leave, without sorting.

Every filter keeps a prefix of one strict order (larger logit first, lower index first among equals), so a cut is a
logit and a number of ties. The kept tokens are a list in index order: `tokens`, their logits `values`, and `weights`.

gather       one read of the row, at the speed of the load ports: what reaches a threshold that no kept token is below.
keep_prefix  a radix descent over the list, 8 bits of the logits a level: the bin in which the mass from the top reaches
             its target, then that bin alone. 3 sweeps over the list, then ever less; no order of the input is slow.
"""

import math
from typing import Any

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes import IntRow, Number, Row, bits_of, lane_bits, like, lowest_bit, splat
from fastsoftmax.kernels.memory import element, load_part
from fastsoftmax.kernels.weights import block_maximum

PIECE = 2048
GROUP = 512  # logits that share one maximum: a threshold skips whole groups

_0, _1, _56, _63, _255 = (np.uint64(n) for n in (0, 1, 56, 63, 255))
_LEAST = 2.0**-1022


@inline
def group_maxima(logits: Row, number: Number, maxima: Row) -> Number:
    """Fill in the maximum of each group of a row; return that of the row, or NaN where one is NaN."""
    row_largest = like(number, -math.inf)
    for group in range(maxima.size):
        start = group * GROUP
        largest = block_maximum(logits, start, min(start + GROUP, logits.size), number)
        if math.isnan(largest):
            return largest
        maxima[group] = largest
        row_largest = max(row_largest, largest)
    return row_largest


@inline
def gather(logits: Row, threshold: Number, maxima: Row, tokens: IntRow, values: Row) -> int:
    """List the tokens whose logit is at least `threshold`; return how many there are."""
    count = 0
    bar = splat(threshold)
    fill = like(threshold, math.nan)  # reaches no threshold, not even -inf
    for group in range(maxima.size):
        if maxima[group] < threshold:
            continue
        start = group * GROUP
        stop = min(start + GROUP, logits.size)
        for i in range(start, stop, 16):
            bits = lane_bits(load_part(logits, i, stop, fill) >= bar)
            while bits != 0:
                token = i + lowest_bit(bits)
                tokens[count] = token
                values[count] = element(logits, token, threshold)
                count += 1
                bits &= bits - 1
    return count


@inline
def key_of(logit: Number) -> np.uint64:
    """Return an unsigned integer that orders as the logits do; 0.0 and -0.0 are one."""
    bits = np.uint64(bits_of(np.float64(logit) + 0.0))
    return ~bits if bits >> _63 else bits | (_1 << _63)


@inline
def find_cut(values: Row, weights: Row | None, count: int, target: float) -> tuple[np.uint64, float]:
    """Return (key, above): the mass of the keys above `key` is `above` < target, and with those that equal it, not.

    `weights` None is 1 each. Where the whole list does not reach the target, the key is that of the smallest logit.
    """
    mass = np.empty(256, np.float64)
    piece_mass = np.empty(256, np.float64)
    members = np.empty(256, np.int64)
    list_values: Row = values
    list_weights: Any = weights
    above = 0.0
    while True:
        first = key_of(list_values[0])
        different = _0
        for i in range(1, count):
            different |= key_of(list_values[i]) ^ first
        if different == _0:
            return first, above
        shift = _56
        while shift > _0 and different >> (shift + np.uint64(7)) == _0:
            shift -= _1
        mass[:] = 0.0
        members[:] = 0
        for start in range(0, count, PIECE):  # short sums of their own lose less than one long sum
            piece_mass[:] = 0.0
            for i in range(start, min(start + PIECE, count)):
                digit = (key_of(list_values[i]) >> shift) & _255
                piece_mass[digit] += 1.0 if weights is None else list_weights[i]
                members[digit] += 1
            mass += piece_mass
        chosen = last = 255
        while chosen >= 0:
            if members[chosen] > 0:
                last = chosen
                if above + mass[chosen] >= target:
                    break
                above += mass[chosen]
            chosen -= 1
        if chosen < 0:  # rounding: the mass of the bins is a little below that of the list
            chosen = last
            above -= mass[last]
        # From here on only the members of that bin matter.
        bin_values = np.empty(members[chosen], values.dtype)
        bin_weights: Any = None if weights is None else np.empty(members[chosen], weights.dtype)
        found = 0
        for i in range(count):
            if (key_of(list_values[i]) >> shift) & _255 == np.uint64(chosen):
                bin_values[found] = list_values[i]
                if weights is not None:
                    bin_weights[found] = list_weights[i]
                found += 1
        list_values, list_weights, count = bin_values, bin_weights, found


@inline
def keep_prefix(tokens: IntRow, values: Row, weights: Row | None, count: int, target: float) -> int:
    """Keep a token while the mass strictly before it is below target; the first always stays. Return how many stay.

    The list is compacted in place and stays in index order. `weights` None is 1 each: target k keeps the first k.
    """
    target = max(target, _LEAST)
    cut, above = find_cut(values, weights, count, target)
    kept = ties = 0
    for i in range(count):
        key = key_of(values[i])
        weight = 1.0 if weights is None else np.float64(weights[i])
        if key < cut or (key == cut and above + ties * weight >= target):
            continue
        if key == cut:
            ties += 1
        tokens[kept] = tokens[i]
        values[kept] = values[i]
        if weights is not None:
            weights[kept] = weights[i]
        kept += 1
    return kept


@inline
def keep_near(tokens: IntRow, values: Row, weights: Row, count: int, largest: Number, distance: float) -> int:
    """Keep the tokens whose logit is at most `distance` below `largest`; return how many stay.

    The difference of two logits that are near is exact, where `largest` less `distance` would be rounded.
    """
    kept = 0
    for i in range(count):
        if np.float64(largest) - np.float64(values[i]) <= distance:
            tokens[kept] = tokens[i]
            values[kept] = values[i]
            weights[kept] = weights[i]
            kept += 1
    return kept
