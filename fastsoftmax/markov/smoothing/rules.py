"""Smoothing: probabilities for what a Markov chain never saw, from the n-grams of all lengths that it did see.

Each rule is a line of levels, one for each length of context, from none to the order. A level gives every n-gram that
was seen a share, and every context a rest, the factor of what the shorter contexts say:

    add-k, kneser-ney   P(w | a h) = share(a h w) + rest(a h) * P(w | h), and below the levels 1 / V
    stupid-backoff      S(w | a h) = share(a h w) if seen, else alpha * S(w | h), and below the levels 0

A context that was never seen has no shares, and a rest of 1, or alpha. One that begins before a sequence is padded
with the boundary, and a shorter context loses boundaries as it does tokens, so that the boundary is a token like any
other, but one that is never next, except as the end.

Of the sequences a b and a: after a came b once and the end once, and there are three tokens, a, b and the end. With
add-k, k = 1, each count is raised by 1: b and the end have 2/5, a has 1/5.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._types import Floats, Ids, Positions
from fastsoftmax.markov.counts.transitions import MAX_TOTAL, Transitions, last_of
from fastsoftmax.markov.counts.vocabulary import Vocabulary
from fastsoftmax.markov.smoothing.ngrams import Keys, NGrams, before, find, known_tokens, longest, ranks_of, shorter

Discounts = tuple[float, float, float]

RULES = ("none", "add-k", "stupid-backoff", "kneser-ney")
FALLBACK: Discounts = (0.5, 1.0, 1.5)  # as KenLM's --discount_fallback


class Rule(NamedTuple):
    """A rule of smoothing and its parameters: rules are equal if they do the same."""

    smoothing: str
    k: float = 1.0
    alpha: float = 0.4
    discount: Discounts | None = None


class Level(NamedTuple):
    """What a rule says about the contexts of one length: keys as in `ngrams`."""

    contexts: Keys  # (C,)
    ngrams: Keys  # (N,)
    shares: Floats  # (N,)
    rests: Floats  # (C,)


def checked_rule(smoothing: Any, k: Any = 1.0, alpha: Any = 0.4, discount: Any = None) -> Rule | None:
    """Check the parameters of a rule; None is no smoothing.

    Parameters
    ----------
    smoothing : {"none", "add-k", "stupid-backoff", "kneser-ney"}
    k : float > 0
        Of "add-k": what is added to every count, at most 2**53; 1 is Laplace's rule, less is Lidstone's.
    alpha : float in (0, 1]
        Of "stupid-backoff": the factor of a shorter context.
    discount : None, float in [0, 1], or three floats in [0, 1], [0, 2] and [0, 3]
        Of "kneser-ney": what is taken off every count, or off counts of 1, 2, and 3 or more, at every level. By
        default three for each level are estimated from its counts of counts.

    Raises
    ------
    TypeError, ValueError
        If one of them is not that, also of a rule that does not use it.
    """
    usual = type(smoothing) is str and smoothing == "none"
    if usual and discount is None and type(k) is type(alpha) is float and (k, alpha) == (1.0, 0.4):
        return None  # the defaults: no checks in the way of a call of microseconds
    name = _checks.choice("smoothing", smoothing, RULES)
    added = _number("k", k, lambda x: (x > 0) & (x <= MAX_TOTAL), "a number > 0, at most 2**53")
    factor = _number("alpha", alpha, lambda x: (x > 0) & (x <= 1), "a number in (0, 1]")
    taken = None if discount is None else _checked_discounts(discount)
    rules = {
        "none": None,
        "add-k": Rule(name, k=added),
        "stupid-backoff": Rule(name, alpha=factor),
        "kneser-ney": Rule(name, discount=taken),
    }
    return rules[name]


def _number(name: str, value: Any, accepted: _checks.Check, expected: str) -> float:
    return float(_checks.per_row(name, value, (), np.float64, accepted, expected)[0])


def _checked_discounts(value: Any) -> Discounts:
    shape = _checks.as_array("discount", value).shape
    if shape == ():
        taken = _number("discount", value, lambda d: (d >= 0) & (d <= 1), "a number in [0, 1]")
        return taken, taken, taken
    expected = "None, a number, or three numbers in [0, 1], [0, 2] and [0, 3]"
    if shape != (3,):
        raise ValueError(f"discount has shape {shape}, expected {expected}")
    one, two, more = _checks.per_row(
        "discount", value, None, np.float64, lambda d: (d >= 0) & (d <= [1, 2, 3]), expected
    ).tolist()
    return one, two, more


class Smoothed:
    """A Markov chain with smoothing: every known token has a probability after every context.

    Parameters
    ----------
    transitions : Transitions
        Not empty.
    vocabulary : Vocabulary or None
        Of the chain. The known tokens, V of them, are those of the vocabulary, or all integers in the transitions, and
        the end.
    rule : Rule
        From `checked_rule`. For contexts h, tokens w, and counts c, h' being h without its first token:

        - "add-k": P(w | h) = (c(h w) + k) / (c(h) + k V) after a whole state h.
        - "stupid-backoff" [1]_: S(w | h) = c(h w) / c(h), or alpha S(w | h') if h w was never seen; at last c(w) / c().
          Scores do not add up to 1. A token without counts, as pruning leaves, has the score 0.
        - "kneser-ney" [2]_: P(w | h) = max(c(h w) - D, 0) / c(h) + (the sum of all D over c(h)) P(w | h'), where D
          depends on the count of h w; below h = () is 1 / V. Counts of contexts shorter than a state are continuation
          counts: from how many n-grams one token longer they come. Discounts that are not given are estimated for each
          level as [2]_ does; where counts of counts are too few for that, because none is 1, 2 or 3, or the estimate
          is below 0, they are 0.5, 1 and 1.5, as in KenLM.

    Attributes
    ----------
    order : int
        How many tokens make a state.
    size : int
        V.

    Raises
    ------
    ValueError
        If there are no transitions, or for "kneser-ney" if counts are not integers.

    Notes
    -----
    Sorts, O(order * E log E) for E transitions, into at most 16 bytes an n-gram and 16 a context, of all lengths. What
    is built is never changed, so that threads may share it.

    "add-k" and "stupid-backoff" are Lidstone and StupidBackoff of nltk.lm, and "kneser-ney" with one `discount` is its
    KneserNeyInterpolated: that has no 1 / V, but where every known token was counted the lowest level gives to each
    what it took from it. KenLM and SRILM pad with one boundary, and count n-grams that begin with it as they are, not
    their continuations, so that theirs is this "kneser-ney" for an order of 1, where there are none. (KenLM's unknown
    word is one more in V.) For higher orders, perplexities of a text and of words differed by less than a hundredth.

    References
    ----------
    .. [1] T. Brants, A. C. Popat, P. Xu, F. J. Och, J. Dean, "Large language models in machine translation",
       EMNLP-CoNLL 2007.
    .. [2] S. F. Chen, J. Goodman, "An empirical study of smoothing techniques for language modeling", Computer Speech
       and Language 13, 1999: equation 26, and interpolated modified Kneser-Ney.
    """

    def __init__(self, transitions: Transitions, vocabulary: Vocabulary | None, rule: Rule) -> None:
        if not transitions.tokens.size:
            raise ValueError(f"smoothing is {rule.smoothing!r}, expected a chain that has transitions")
        if rule.smoothing == "kneser-ney" and transitions.counts.dtype != np.int64:
            raise ValueError("smoothing is 'kneser-ney', expected a chain of integer counts: it has weights")
        transitions.check()
        self.order = transitions.order
        self._known = known_tokens(transitions, vocabulary)
        self._known.flags.writeable = False
        self.size = self._known.size
        self._levels = _levels(transitions, self._known, rule)
        self._scores = rule.smoothing == "stupid-backoff"
        self._below, self._unseen = (0.0, rule.alpha) if self._scores else (1 / self.size, 1.0)

    def probabilities(self, context: list[int]) -> tuple[Ids, Floats]:
        """Return how likely each known token is to be next, and the end.

        Parameters
        ----------
        context : list of int
            Ids, known or not. The last `order` of them are the state; fewer are the beginning of a sequence.

        Returns
        -------
        tokens : (V,) int32 array, read-only
            Sorted: -1, the end, and all known ids.
        probabilities : (V,) float64 array
            They add up to 1; scores of "stupid-backoff" are divided by their sum.

        Notes
        -----
        O(order * V), and a few binary searches.
        """
        size = self.size
        state = np.array(last_of(context, self.order), np.int32)
        ranks = ranks_of(self._known, state)[::-1].tolist()
        result = np.full(size, self._below)
        place = np.zeros(1, np.int64)
        for level, rank in zip(self._levels, [0, *ranks], strict=True):
            place = find(level.contexts, _keys(place, np.array([rank]), size))
            if place[0] < 0:
                break  # nor was a longer context seen; a factor of all scores does not matter
            start, stop = level.ngrams.searchsorted([place[0] * size, (place[0] + 1) * size])
            seen = level.ngrams[start:stop] - place[0] * size
            result *= level.rests[place[0]]
            result[seen] = self._raised(result[seen], level.shares[start:stop])
        return self._known, result / result.sum() if self._scores else result

    def log_probabilities(self, stream: Ids) -> Floats:
        """Return the natural logarithm of the probability of every token of a stream of sequences, and of their ends.

        Parameters
        ----------
        stream : (n,) int32 array
            Ids of sequences, each followed by -1.

        Returns
        -------
        (n,) float64 array
            At most 0; -inf for an unknown token. For "stupid-backoff", of the scores.

        Notes
        -----
        O(order * n log n), by sorting what is looked up.
        """
        size = self.size
        ranks = ranks_of(self._known, stream)
        result = np.where(ranks >= 0, self._below, 0.0)
        places = np.zeros(ranks.size, np.int64)
        for length, level in enumerate(self._levels):
            if length:
                places = find(level.contexts, _keys(places, before(ranks, length), size))
            result *= np.where(places >= 0, level.rests[places], self._unseen)
            ngrams = find(level.ngrams, _keys(places, ranks, size))
            seen = np.flatnonzero(ngrams >= 0)
            result[seen] = self._raised(result[seen], level.shares[ngrams[seen]])
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(result, out=result))

    def _raised(self, lower: Floats, shares: Floats) -> Floats:
        return shares if self._scores else lower + shares


def _keys(places: Positions, ranks: Positions, size: int) -> Keys:
    """Return the keys of (context, token), -1 where one of them is unknown."""
    return np.where((places >= 0) & (ranks >= 0), places * size + ranks, -1)


def _levels(transitions: Transitions, known: Ids, rule: Rule) -> list[Level]:
    """Return the levels, that of no context first."""
    contexts, ngrams = longest(transitions, known)
    levels = []
    for length in range(transitions.order, -1, -1):
        own = contexts[length]
        if rule.smoothing == "add-k" and length < transitions.order:
            levels.append(Level(own, own[:0], np.empty(0), np.ones(own.size)))
            continue
        levels.append(Level(own, ngrams.contexts * known.size + ngrams.tokens, *_shared(ngrams, known.size, rule)))
        if length:
            ngrams, extensions = shorter(ngrams, own // known.size, known.size)
            if rule.smoothing == "kneser-ney":
                ngrams = ngrams._replace(counts=extensions)
    return levels[::-1]


def _shared(ngrams: NGrams, size: int, rule: Rule) -> tuple[Floats, Floats]:
    """Return the share of every n-gram and the rest of every context."""
    totals = _summed(ngrams.contexts, ngrams.counts)
    if rule.smoothing == "add-k":
        added = rule.k * size
        return ngrams.counts / (totals + added)[ngrams.contexts], added / (totals + added)
    if rule.smoothing == "stupid-backoff":
        return ngrams.counts / totals[ngrams.contexts], np.full(totals.size, rule.alpha)
    discounts = np.array(rule.discount or estimated_discounts(ngrams.counts))
    taken = discounts[np.minimum(ngrams.counts, 3).astype(np.int64) - 1]
    return (ngrams.counts - taken) / totals[ngrams.contexts], _summed(ngrams.contexts, taken) / totals


def _summed(contexts: Positions, values: Floats) -> Floats:
    return np.asarray(np.bincount(contexts, values), np.float64)


def estimated_discounts(counts: npt.NDArray[np.float64]) -> Discounts:
    """Return what to take off counts of 1, of 2, and of 3 or more (Chen and Goodman 1999, equation 26).

    Parameters
    ----------
    counts : (N,) float64 array
        Whole numbers > 0.

    Returns
    -------
    tuple of three floats
        In [0, 1], [0, 2] and [0, 3]. (0.5, 1, 1.5) if one of the three counts is nowhere, or an estimate is below 0.
    """
    ones, twos, threes, fours = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if not (ones and twos and threes):
        return FALLBACK
    portion = ones / (ones + 2 * twos)
    estimates = 1 - 2 * portion * twos / ones, 2 - 3 * portion * threes / twos, 3 - 4 * portion * fours / threes
    return estimates if min(estimates) >= 0 else FALLBACK
