"""How likely a chain holds sequences to be, and what comes next: with or without smoothing."""

import math
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from fastsoftmax.markov.model import Model, log_likelihood, next_of
from fastsoftmax.markov.smoothing import Rule, Smoothed, checked_rule
from fastsoftmax.markov.states import ids_of, state_of
from fastsoftmax.markov.transitions import Transitions
from fastsoftmax.markov.vocabulary import encode, encode_one, names_of
from fastsoftmax.markov.walks import checked_cut
from fastsoftmax.sampling import probabilities as sampled_probabilities

Ids = npt.NDArray[np.int32]


class _Chain(Protocol):
    _smoothers: "Smoothers"

    def _fitted(self) -> Model: ...


class Scoring:
    """Probabilities of given tokens, for `MarkovChain` to inherit."""

    def next_tokens(
        self: _Chain,
        context: Any,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> tuple[list[Any], npt.NDArray[np.float64]]:
        """Return what can come next, likeliest first, and how likely each is.

        Parameters
        ----------
        context : token, sequence of tokens, or None
            As `start` of `walk`; None is the beginning of a sequence.
        temperature, top_k, top_p, min_p
            As in `walk`.
        smoothing, k, alpha, discount
            As in `log_likelihood`. With smoothing every known token can come next, after any context of known tokens.

        Returns
        -------
        tokens : list
            The tokens that the cut-offs keep; None is the end of a sequence.
        probabilities : float64 array
            They add up to 1.

        Raises
        ------
        KeyError
            If nothing was seen after the context, with near matches.

        Notes
        -----
        Without smoothing O(1) in the size of the chain but for a binary search, some microseconds.
        Memory: 96 bytes a transition of the state; with smoothing 80 a known token, and the rule as `log_likelihood`.
        """
        model = self._fitted()
        cut, rule = checked_cut(temperature, top_k, top_p, min_p), checked_rule(smoothing, k, alpha, discount)
        given = ids_of("context", context, model.vocabulary)
        if rule is None:
            state = state_of("context", given, model.transitions, model.vocabulary, may_be_dead_end=False)
            ids, shares = next_of(model.transitions, state, cut)
            return names_of(ids, model.vocabulary), shares
        known, likely = self._smoothers.get(model, rule).probabilities(given)
        with np.errstate(divide="ignore"):
            kept = sampled_probabilities(np.log(likely), **cut._asdict())
        order = np.argsort(-kept, kind="stable")
        order = order[: np.count_nonzero(kept)]
        return names_of(known[order].tolist(), model.vocabulary), kept[order]

    def log_likelihood(
        self: _Chain,
        sequence: Any,
        *,
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> float:
        """Return the natural logarithm of the probability of a sequence and its end, from the start.

        Parameters
        ----------
        sequence : sequence of str or of int
            As one of those that `fit` takes.
        smoothing : {"none", "add-k", "stupid-backoff", "kneser-ney"}
            What to do about transitions that were never seen. "none": they are impossible. "add-k": every count is
            raised by `k` (Lidstone; Laplace at 1). "stupid-backoff": `alpha` times the score of a context one token
            shorter (Brants et al. 2007); scores do not add up to 1. "kneser-ney": interpolated with shorter contexts,
            whose counts are of different contexts, not of events (Chen and Goodman 1999, modified). A token that was
            never seen at all is impossible under each.
        k : float
            Of "add-k": above 0.
        alpha : float
            Of "stupid-backoff": in (0, 1].
        discount : float or three floats, optional
            Of "kneser-ney": what is taken off counts of 1, 2, and more; by default estimated for each length.

        Returns
        -------
        float
            At most 0; -inf if something is impossible.

        Raises
        ------
        TypeError, ValueError
            If the tokens are not of the chain's kind, the sequence or the chain is empty, an argument is out of range,
            or "kneser-ney" is asked of weights that are not integers.

        Notes
        -----
        The first call with a rule builds it: O(order * E log E) for E transitions.
        Memory: 24 bytes a token (100 with smoothing) and 8 a state. A rule takes 16 bytes an n-gram and 16 a context,
        of all lengths, until another one is used, and 96 a transition while it is built.
        """
        model, rule = self._fitted(), checked_rule(smoothing, k, alpha, discount)
        return likelihood(model, encode_one(sequence, model.vocabulary), rule, self._smoothers)

    def perplexity(
        self: _Chain,
        sequences: Iterable[Any],
        *,
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> float:
        """Return exp(-log likelihood / number of predicted tokens), ends included.

        That is 2 to the power of the bits a token: no base is left in it.

        Parameters
        ----------
        sequences : iterable of sequences
            As in `fit`.
        smoothing, k, alpha, discount
            As in `log_likelihood`.

        Returns
        -------
        float
            At least 1, which is certain (but for scores of "stupid-backoff"); inf if something is impossible.

        Raises
        ------
        TypeError, ValueError
            As `log_likelihood`, and if there is no sequence.

        Notes
        -----
        Memory: as `log_likelihood`.
        """
        model, rule = self._fitted(), checked_rule(smoothing, k, alpha, discount)
        stream = encode(sequences, model.vocabulary)
        return perplexity(likelihood(model, stream, rule, self._smoothers), stream.size)


class Smoothers:
    """The last used smoothing of a chain."""

    def __init__(self) -> None:
        self._last: tuple[Transitions, Rule, Smoothed] | None = None

    def get(self, model: Model, rule: Rule) -> Smoothed:
        """Return a model with smoothing, built anew unless it was the last one."""
        last = self._last
        if last is None or last[0] is not model.transitions or last[1] != rule:
            self._last = last = (model.transitions, rule, Smoothed(model.transitions, model.vocabulary, rule))
        return last[2]

    def clear(self) -> None:
        """Forget it."""
        self._last = None


def likelihood(model: Model, stream: Ids, rule: Rule | None, smoothers: Smoothers) -> float:
    """Return the natural logarithm of the probability of a stream of sequences."""
    return log_likelihood(model, stream) if rule is None else smoothers.get(model, rule).log_likelihood(stream)


def perplexity(log_likelihood: float, predicted: int) -> float:
    """Return the perplexity of so many tokens."""
    try:
        return math.exp(-log_likelihood / predicted)
    except OverflowError:
        return math.inf
