"""Cut-offs: which tokens top-k, top-p and min-p leave, without sorting.

Every filter keeps a prefix of one strict order (larger logit first, lower index first among equals), so a cut is a
logit and a number of ties. The kept tokens are a list in index order: `tokens`, their logits `values`, and `weights`.

gather       one read of the row, at the speed of the load ports: what reaches a threshold that no kept token is below.
keep_prefix  a radix descent over the list, 8 bits of the logits a level: the bin in which the mass from the top reaches
             its target, then the bins inside it. 2 levels do for most lists, 8 for any; no order of the input is slow.
"""

import math

import numpy as np

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes import (
    IntRow,
    Number,
    Row,
    bits_of,
    element,
    lane_bits,
    like,
    load_part,
    lowest_bit,
    splat,
)
from fastsoftmax.kernels.weights import block_maximum

GROUP = 512  # logits that share one maximum: a threshold skips whole groups

_0, _1, _8, _63, _255 = (np.uint64(n) for n in (0, 1, 8, 63, 255))
_56 = np.uint64(56)
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
def find_cut(values: Row, weights: Row | None, count: int, target: float) -> tuple[np.uint64, np.uint64, float]:
    """Return (key, mask, above): under the mask, the mass of the keys above `key` is `above` < target, and with it not.

    `weights` None is 1 each. Where the whole list does not reach the target, the key is that of the smallest logit.
    """
    mass = np.empty(256, np.float64)
    filled = np.empty(256, np.bool_)
    above, key, mask = 0.0, _0, _0
    while True:
        different, one = _0, _0
        found = False
        for i in range(count):
            k = key_of(values[i])
            if (k ^ key) & mask == _0:
                if not found:
                    one, found = k, True
                different |= k ^ one
        if different == _0:
            return one, ~_0, above
        shift = _56
        while shift > _0 and different >> (shift + np.uint64(7)) == _0:
            shift -= _1
        mass[:] = 0.0
        filled[:] = False
        for i in range(count):
            k = key_of(values[i])
            if (k ^ key) & mask == _0:
                digit = (k >> shift) & _255
                mass[digit] += 1.0 if weights is None else weights[i]
                filled[digit] = True
        bin_ = 255
        last = 255
        while bin_ >= 0:
            if filled[bin_]:
                last = bin_
                if above + mass[bin_] >= target:
                    break
                above += mass[bin_]
            bin_ -= 1
        if bin_ < 0:  # rounding: the mass of the bins is a little below that of the list
            bin_ = last
            above -= mass[bin_]
        key = (one >> shift) & ~_255 | np.uint64(bin_)
        key <<= shift
        mask = ~_0 << shift


@inline
def keep_prefix(tokens: IntRow, values: Row, weights: Row | None, count: int, target: float) -> int:
    """Keep a token while the mass strictly before it is below target; the first always stays. Return how many stay.

    The list is compacted in place and stays in index order. `weights` None is 1 each: target k keeps the first k.
    """
    target = max(target, _LEAST)
    key, mask, above = find_cut(values, weights, count, target)
    cut = key & mask
    kept = 0
    for i in range(count):
        k = key_of(values[i]) & mask
        if k < cut or (k == cut and above >= target):
            continue
        if k == cut:
            above += 1.0 if weights is None else weights[i]
        tokens[kept] = tokens[i]
        values[kept] = values[i]
        if weights is not None:
            weights[kept] = weights[i]
        kept += 1
    return kept


@inline
def keep_at_least(tokens: IntRow, values: Row, weights: Row, count: int, threshold: float) -> int:
    """Keep the tokens whose logit is at least the float64 `threshold`; return how many stay."""
    kept = 0
    for i in range(count):
        if np.float64(values[i]) >= threshold:
            tokens[kept] = tokens[i]
            values[kept] = values[i]
            weights[kept] = weights[i]
            kept += 1
    return kept
