"""Repetitions: which tokens would lengthen what the history ends with, and how long that is already.

Of the history w the match of a place i is how many tokens before i are those that w ends with. All of them together
take O(n) steps, as the prefixes of the history read backwards that begin it (Z. Galil's and D. Gusfield's Z algorithm).

Of the history 1 2 3 1 2 the match of place 2 is two tokens, 1 2; so token 3 would lengthen a repetition of two.
"""

import numpy as np

from fastsoftmax._jit import function, inline
from fastsoftmax.kernels.lanes.numbers import IntRow, WordRow
from fastsoftmax.kernels.math.radix import deal_all

_32 = np.uint64(32)


@function
def common_suffixes(tokens: IntRow, found: IntRow) -> None:
    """Fill in, for k from 1 on, how many tokens before the last k tokens are those that all of them end with."""
    size = tokens.size
    left = right = 0
    for k in range(1, size):
        length = min(right - k, found[k - left]) if k < right else 0
        while k + length < size and tokens[size - 1 - k - length] == tokens[size - 1 - length]:
            length += 1
        found[k] = length
        if k + length > right:
            left, right = k, k + length


@inline
def is_here(tokens: IntRow, at: int, sequence: IntRow) -> bool:
    """Return whether a sequence stands in some tokens from a place on."""
    if at < 0 or at + sequence.size > tokens.size:
        return False
    same = 0
    while same < sequence.size and tokens[at + same] == sequence[same]:
        same += 1
    return same == sequence.size


@inline
def longest_here(tokens: IntRow, at: int, sequences: IntRow, starts: IntRow, first: int, stop: int) -> int:
    """Return the length of the longest of the sequences first to stop that stands at a place, 0 if there is none."""
    longest = 0
    for one in range(first, stop):
        sequence = sequences[starts[one] : starts[one + 1]]
        if sequence.size > longest and is_here(tokens, at, sequence):
            longest = sequence.size
    return longest


@function
def unbroken(tokens: IntRow, sequences: IntRow, starts: IntRow, first: int, stop: int) -> int:
    """Return how many tokens there are after the last breaker, one of the sequences first to stop."""
    for at in range(tokens.size - 1, -1, -1):
        longest = longest_here(tokens, at, sequences, starts, first, stop)
        if longest > 0:
            return tokens.size - at - longest
    return tokens.size


@inline
def is_breaker(token: int, sequences: IntRow, starts: IntRow, first: int, stop: int) -> bool:
    """Return whether a token by itself is one of the sequences first to stop."""
    found = False
    for one in range(first, stop):
        found = found or (starts[one + 1] - starts[one] == 1 and sequences[starts[one]] == token)
    return found


@function
def list_matches(
    tokens: IntRow,
    until: int,
    least: int,
    alone: bool,
    sequences: IntRow,
    starts: IntRow,
    first: int,
    stop: int,
    found: IntRow,
    words: WordRow,
    others: WordRow,
) -> int:
    """List the tokens before place `until` with their longest match, where that is at least `least`.

    A word is a token in the high 32 bits and the match below, in the order of the tokens. No match goes over a breaker.
    With `alone` the first token has a match of 0. Returns how many there are.
    """
    size = tokens.size
    common_suffixes(tokens, found)
    most = unbroken(tokens, sequences, starts, first, stop)
    if size == 0 or most < least:
        return 0
    found[0] = 0
    count = 0
    for k in range(size if alone else size - 1, size - until, -1):  # the token that stands before the last k - 1
        match = min(found[k], most) if k < size else 0
        token = tokens[size - k]
        if match >= least and not is_breaker(token, sequences, starts, first, stop):
            words[count] = np.uint64(token) << _32 | np.uint64(match)
            count += 1
    deal_all(words, others, count)
    kept = 0
    for i in range(count):
        if kept > 0 and words[kept - 1] >> _32 == words[i] >> _32:
            words[kept - 1] = max(words[kept - 1], words[i])
        else:
            words[kept] = words[i]
            kept += 1
    return kept
