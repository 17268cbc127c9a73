"""How likely a chain holds sequences to be, and what comes next: with or without smoothing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._last import Last
from fastsoftmax._types import Floats, Ids
from fastsoftmax._values import Valued
from fastsoftmax.markov.counts.model import Model, next_of
from fastsoftmax.markov.counts.model import log_probabilities as model_log_probabilities
from fastsoftmax.markov.counts.states import ids_of, state_of
from fastsoftmax.markov.counts.transitions import BOUNDARY, Transitions
from fastsoftmax.markov.counts.vocabulary import encode, encode_one, names_of
from fastsoftmax.markov.smoothing.ngrams import known_tokens, ranks_of
from fastsoftmax.markov.smoothing.rules import Rule, Smoothed, checked_rule
from fastsoftmax.markov.walking.arguments import checked_filters
from fastsoftmax.sampling import probabilities as sampled_probabilities


@dataclass(frozen=True, eq=False)
class Scores(Valued):
    """How likely each token is after those before it.

    Attributes
    ----------
    tokens : tuple
        The tokens, None for the end of a sequence.
    log_probabilities : float64 array
        The natural logarithm of the probability of each: at most 0, -inf for what is impossible, NaN for what is left
        out.
    """

    tokens: tuple[Any, ...]
    log_probabilities: Floats

    def __post_init__(self) -> None:
        self.log_probabilities.flags.writeable = False

    @property
    def skipped(self) -> int:
        """How many are left out."""
        return int(np.count_nonzero(np.isnan(self.log_probabilities)))

    @property
    def log_likelihood(self) -> float:
        """The sum of all but those left out, in nats."""
        return sum_of(self.log_probabilities)

    @property
    def perplexity(self) -> float:
        """Exp of the negative mean of all but those left out. ValueError if there are no others."""
        return perplexity_of(self.log_probabilities)


class Question(NamedTuple):
    """What probabilities are asked for."""

    rule: Rule | None
    end: bool
    skips: bool


def checked_question(end: Any, unseen: Any, smoothing: Any, k: Any, alpha: Any, discount: Any) -> Question:
    """Check the parameters of `log_likelihood`."""
    return Question(
        checked_rule(smoothing, k, alpha, discount),
        _checks.flag("end", end),
        _checks.choice("unseen", unseen, ("impossible", "skip")) == "skip",
    )


class Scoring:
    """Probabilities of given tokens, for `MarkovChain` to inherit."""

    _smoothers: "Smoothers"

    def _fitted(self) -> Model:
        raise NotImplementedError

    def next_tokens(
        self,
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
        filters, rule = checked_filters(temperature, top_k, top_p, min_p), checked_rule(smoothing, k, alpha, discount)
        given = ids_of("context", context, model.vocabulary)
        if rule is None:
            state = state_of("context", given, model.transitions, model.vocabulary, may_be_dead_end=False)
            ids, shares = next_of(model.transitions, state, filters)
            return names_of(ids, model.vocabulary), shares
        known, likely = smoothed(model, rule, self._smoothers).probabilities(given)
        with np.errstate(divide="ignore"):
            kept = sampled_probabilities(np.log(likely), **filters._asdict())
        order = np.argsort(-kept, kind="stable")
        order = order[: np.count_nonzero(kept)]
        return names_of(known[order].tolist(), model.vocabulary), kept[order]

    def scores(
        self,
        sequence: Any,
        *,
        end: bool = True,
        unseen: str = "impossible",
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> Scores:
        """Return how likely each token of a sequence is after those before it.

        Parameters
        ----------
        sequence, end, unseen, smoothing, k, alpha, discount
            As in `log_likelihood`.

        Returns
        -------
        Scores
            The tokens, None for the end, the natural logarithm of the probability of each, and their sum.

        Raises
        ------
        TypeError, ValueError
            As `log_likelihood`.

        Notes
        -----
        Memory: as `log_likelihood`, and 16 bytes a token.
        """
        model, asked = self._fitted(), checked_question(end, unseen, smoothing, k, alpha, discount)
        stream = encode_one(sequence, model.vocabulary)
        logs = log_probabilities(model, stream, asked, self._smoothers)
        return Scores(tuple([*sequence, None][: logs.size]), logs)

    def log_likelihood(
        self,
        sequence: Any,
        *,
        end: bool = True,
        unseen: str = "impossible",
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
        end : bool
            Whether the end is predicted too. False is for pieces of sequences, and for chains that have no ends, as
            those made from a matrix.
        unseen : {"impossible", "skip"}
            What to do about tokens that were never seen at all: nothing predicts them, so that the sequence is
            impossible, or they are left out, and without smoothing what is predicted from a state that holds one, too.
            `scores` tells how many are. A transition between known tokens that was never seen is impossible in any
            case, unless there is smoothing.
        smoothing : {"none", "add-k", "stupid-backoff", "kneser-ney"}
            What to do about transitions that were never seen. "none": they are impossible. "add-k": every count is
            raised by `k` (Lidstone; Laplace at 1). "stupid-backoff": `alpha` times the score of a context one token
            shorter (Brants et al. 2007); scores do not add up to 1. "kneser-ney": interpolated with shorter contexts,
            whose counts are of different contexts, not of events (Chen and Goodman 1999, modified).
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
        Memory: 24 bytes a token (100 with smoothing, 64 where tokens are skipped) and 8 a state. A rule takes 16 bytes
        an n-gram and 16 a context, of all lengths, until another one is used, and 96 a transition while it is built.
        """
        model, asked = self._fitted(), checked_question(end, unseen, smoothing, k, alpha, discount)
        stream = encode_one(sequence, model.vocabulary)
        return sum_of(log_probabilities(model, stream, asked, self._smoothers))

    def perplexity(
        self,
        sequences: Iterable[Any],
        *,
        end: bool = True,
        unseen: str = "impossible",
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
        end, unseen, smoothing, k, alpha, discount
            As in `log_likelihood`. What is left out is not among the predicted tokens.

        Returns
        -------
        float
            At least 1, which is certain (but for scores of "stupid-backoff"); inf if something is impossible.

        Raises
        ------
        TypeError, ValueError
            As `log_likelihood`, and if there is no sequence, or nothing is left to predict.

        Notes
        -----
        Memory: as `log_likelihood`.
        """
        model, asked = self._fitted(), checked_question(end, unseen, smoothing, k, alpha, discount)
        stream = encode(sequences, model.vocabulary)
        return perplexity_of(log_probabilities(model, stream, asked, self._smoothers))


Smoothers = Last[tuple[Transitions, Rule], Smoothed]


def smoothed(model: Model, rule: Rule, smoothers: Smoothers) -> Smoothed:
    """Return a model with smoothing, built anew unless it was the last one."""
    return smoothers.get((model.transitions, rule), lambda: Smoothed(model.transitions, model.vocabulary, rule))


def log_probabilities(model: Model, stream: Ids, asked: Question, smoothers: Smoothers) -> Floats:
    """Return the natural logarithm of the probability of each token of a stream of sequences; NaN for one left out.

    With the ends, or without them.
    """
    if asked.rule is None:
        logs = model_log_probabilities(model, stream)
    else:
        logs = smoothed(model, asked.rule, smoothers).log_probabilities(stream)
    if asked.skips:
        logs[_left_out(model, stream, asked.rule)] = math.nan
    return logs if asked.end else logs[stream != BOUNDARY]


def _left_out(model: Model, stream: Ids, rule: Rule | None) -> npt.NDArray[np.bool_]:
    """Tell which tokens of a stream are unknown or, without a rule, come after a state that holds one."""
    unknown = ranks_of(known_tokens(model.transitions, model.vocabulary), stream) < 0
    if rule is not None:
        return unknown
    places = np.arange(stream.size)
    last = np.maximum.accumulate(np.where(unknown, places, -1))
    begun = np.maximum.accumulate(np.where(np.append(True, stream[:-1] == BOUNDARY), places, 0))
    return np.asarray(last >= np.maximum(places - model.transitions.order, begun))


def sum_of(logs: Floats) -> float:
    """Return the sum of logarithms but for those left out."""
    left_out = np.isnan(logs)
    return math.fsum((logs[~left_out] if left_out.any() else logs).data)


def perplexity_of(logs: Floats) -> float:
    """Return the perplexity of predictions but for those left out."""
    predicted = logs.size - np.count_nonzero(np.isnan(logs))
    if predicted == 0:
        raise ValueError("nothing is left to predict, expected a token that was seen, or end=True")
    try:
        return math.exp(-sum_of(logs) / predicted)
    except OverflowError:
        return math.inf
