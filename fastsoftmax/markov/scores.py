"""How likely tokens are after those before them: a logarithm for each, their sum, their perplexity.

Of three tokens with the probabilities 1/2, 1/4 and 1 the logarithms are -0.69, -1.39 and 0, their sum is -2.08, the
log-likelihood in nats, and the perplexity is exp(2.08 / 3) = 2.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._types import Floats, Ids
from fastsoftmax._values import Valued
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.model import log_probabilities as model_log_probabilities
from fastsoftmax.markov.counts.transitions import BOUNDARY
from fastsoftmax.markov.held import Held
from fastsoftmax.markov.smoothing.ngrams import known_tokens, ranks_of
from fastsoftmax.markov.smoothing.rules import Rule, checked_rule


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


def log_probabilities(held: Held, model: Model, stream: Ids, asked: Question) -> Floats:
    """Return the natural logarithm of the probability of each token of a stream of sequences; NaN for one left out.

    With the ends, or without them.
    """
    if asked.rule is None:
        logs = model_log_probabilities(model, stream)
    else:
        logs = held.smoothed(model, asked.rule).log_probabilities(stream)
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
