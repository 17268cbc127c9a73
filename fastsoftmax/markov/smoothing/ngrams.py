"""The n-grams of a Markov chain, of every length, sorted to be looked up: what smoothing reads.

Contexts are a tree that grows to the left, as a backoff shortens to the right: the parent of (a, b, c) is (b, c), the
root is (). A context is known by its place among the sorted keys of its length, parent * V + first token, and an
n-gram by its place among the keys context * V + last token. So no n-gram is too long for a key of 63 bits.

Of the bigrams (a, b) and (b, b) with V = 2 the contexts of length 1 are a and b, the keys 0 and 1 under the root, and
the n-grams are the keys 0 * 2 + 1 and 1 * 2 + 1.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax._types import Floats, Ids, Positions
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions
from fastsoftmax.markov.counts.vocabulary import Vocabulary

Keys = npt.NDArray[np.int64]

_KEY = 63  # bits


class NGrams(NamedTuple):
    """The different n-grams of one length, sorted by context and then by last token."""

    contexts: Positions  # (N,), among the contexts of their length
    tokens: Positions  # (N,), the last token's rank
    counts: Floats  # (N,)


def known_tokens(transitions: Transitions, vocabulary: Vocabulary | None) -> Ids:
    """Return (V,) the ids that a chain knows, sorted, the boundary first: its str tokens, or the integers in use."""
    if vocabulary is not None:
        return np.arange(BOUNDARY, len(vocabulary), dtype=np.int32)
    ids = np.concatenate([np.array([BOUNDARY], np.int32), transitions.contexts.ravel(), transitions.tokens])
    ids.sort()
    return ids[_firsts(ids)]


def ranks_of(known: Ids, ids: Ids) -> Positions:
    """Return the places of ids, of any shape, among the known ones, -1 for an unknown one."""
    if known[-1] == known.size - 2:  # no gaps
        return np.where((ids >= BOUNDARY) & (ids <= known[-1]), ids + np.int64(1), -1)
    places = np.minimum(known.searchsorted(ids), known.size - 1)
    return np.where(known[places] == ids, places, -1)


def find(keys: Keys, wanted: Keys) -> Positions:
    """Return the place of every wanted key among sorted ones, or -1; a negative key is none."""
    found = np.full(wanted.size, -1, np.int64)
    asked = np.flatnonzero(wanted >= 0)
    if not asked.size or not keys.size:
        return found
    asked = asked[_sorting(wanted[asked])]  # neighbours share cache lines: several times faster than in any order
    sought = wanted[asked]
    places = np.minimum(keys.searchsorted(sought), keys.size - 1)
    found[asked] = np.where(keys[places] == sought, places, -1)
    return found


def longest(transitions: Transitions, known: Ids) -> tuple[list[Keys], NGrams]:
    """Return the sorted keys of the contexts of each length, from 0 to the order, and the n-grams of the longest.

    O(order * S + E) but for the sorts, of S states for each token of a state and of E transitions.
    """
    contexts = [np.zeros(1, np.int64)]
    places = np.zeros(len(transitions.contexts), np.int64)
    for column in transitions.contexts.T[::-1]:
        keys = places * known.size + ranks_of(known, column)
        sorting, starts = _groups(keys)
        contexts.append(keys[sorting[starts]])
        places[sorting] = np.repeat(np.arange(starts.size), np.diff(starts, append=sorting.size))
    rows = np.repeat(places, np.diff(transitions.offsets))
    tokens = ranks_of(known, transitions.tokens)
    sorting = _sorting(rows * known.size + tokens)
    return contexts, NGrams(rows[sorting], tokens[sorting], transitions.counts[sorting].astype(np.float64))


def shorter(ngrams: NGrams, parents: Positions, size: int) -> tuple[NGrams, Floats]:
    """Return the n-grams without their first tokens, counts added up, and from how many different ones each comes.

    `parents` are those of the contexts of the given ones, `size` is the number of known tokens.
    """
    contexts = parents[ngrams.contexts]
    sorting, starts = _groups(contexts * size + ngrams.tokens)
    first = sorting[starts]
    sums = np.add.reduceat(ngrams.counts[sorting], starts)
    extensions = np.diff(starts, append=sorting.size).astype(np.float64)
    return NGrams(contexts[first], ngrams.tokens[first], sums), extensions


def before(ranks: Positions, distance: int) -> Positions:
    """Return for every token of a stream the one so many places before it in its sequence, or the boundary.

    The stream holds the ranks of sequences, each followed by 0, the boundary's.
    """
    starts = np.flatnonzero(np.append(True, ranks[:-1] == 0))
    depths = np.arange(ranks.size) - np.repeat(starts, np.diff(starts, append=ranks.size))
    inside = np.flatnonzero(depths >= distance)
    tokens = np.zeros_like(ranks)
    tokens[inside] = ranks[inside - distance]
    return tokens


def _groups(keys: Keys) -> tuple[Positions, Positions]:
    """Return an order that sorts the keys, and where in it each different one begins."""
    sorting = _sorting(keys)
    return sorting, np.flatnonzero(_firsts(keys[sorting]))


def _firsts(ordered: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    return np.append(True, ordered[1:] != ordered[:-1])


def _sorting(keys: Keys) -> Positions:
    """Return an order that sorts keys >= 0. A sort of (key, place) in one word, if it fits, is the fastest."""
    bits = keys.size.bit_length()
    if int(keys.max()) >> (_KEY - bits):
        return keys.argsort()
    words = (keys << bits) | np.arange(keys.size)
    words.sort()
    return words & ((1 << bits) - 1)
