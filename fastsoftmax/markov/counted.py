"""What MarkovChain and MarkovText have in common: counts, what these make likely, and a file."""

import os
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, Self

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._grid import html
from fastsoftmax._types import Floats, Ids
from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts import storage
from fastsoftmax.markov.counts.model import Model, next_of
from fastsoftmax.markov.counts.states import state_of
from fastsoftmax.markov.counts.transitions import MAX_TOTAL
from fastsoftmax.markov.counts.vocabulary import names_of
from fastsoftmax.markov.held import Held
from fastsoftmax.markov.scores import Scores, checked_question, log_probabilities, perplexity_of, sum_of
from fastsoftmax.markov.smoothing.rules import checked_rule
from fastsoftmax.markov.walking.arguments import LawWords, checked_law, law_of
from fastsoftmax.sampling import probabilities as sampled_probabilities


class Stream(NamedTuple):
    """Ids of sequences, each followed by the boundary, and a function that gives their tokens, None for an end."""

    ids: Ids
    tokens: Callable[[], list[Any]]


class Counted:
    """Counts, and what they make likely. The last four methods say what tokens are made of."""

    _order: int
    _held: Held

    @property
    def order(self) -> int:
        """How many tokens make a state."""
        return self._order

    def __repr__(self) -> str:
        name, model = type(self).__name__, self._held.model
        if model is None:
            return f"{name}(order={self._order}), empty"
        states, edges = len(model.transitions.contexts), len(model.transitions.tokens)
        return f"{name}(order={self._order}), {states} states, {edges} transitions"

    def _repr_html_(self) -> str:
        model, counts = self._held.model, (0, 0)
        if model is not None:
            counts = len(model.transitions.contexts), len(model.transitions.tokens)
        rows = {"order": self._order, "states": counts[0], "transitions": counts[1]}
        return html({type(self).__name__: [*rows], "": [f"{count:,}" for count in rows.values()]})

    def merge(self, other: Self, weight: float | Fraction = 1) -> Self:
        """Add the counts of another model of the same kind and order, `weight` times.

        Models fitted to the parts of a corpus and merged in order equal one fitted to the whole, bit for bit.
        O(E) for E transitions of both, if they number the same tokens, else O(E log E).

        Parameters
        ----------
        other : MarkovChain or MarkovText
            Of the class of this one, with tokens of the same kind; those that are new here come after the known ones in
            the vocabulary. Where this one keeps its text, the text of `other` is added to it.
        weight : int, float or Fraction
            Above 0: an integer, or a ratio of integers up to 10**6. Counts stay whole: for three tenths, 0.3, those of
            this model are multiplied by 10, and those of the other by 3. So a next weight is one beside counts that are
            ten times as large: give several models integers, for halves and tenths 5 and 1.

        Returns
        -------
        MarkovChain or MarkovText
            This one.

        Raises
        ------
        TypeError, ValueError
            If `other` is not of this class, order and kind of token, the counts add up to more than 2**53, or this one
            alone keeps its text, which `novelty` needs all of.

        Notes
        -----
        Memory: the new model, 12 bytes a transition of both, and 64 a transition of `other` if its tokens are numbered
        otherwise; a text that is kept is 4 bytes a word.
        """
        share = _checks.ratio("weight", weight, MAX_TOTAL)
        if not isinstance(other, type(self)):
            raise TypeError(f"other is {_checks.described(other)}, expected a {type(self).__name__}")
        if other._order != self._order:
            raise ValueError(f"other has order {other._order}, expected {self._order}")
        self._add(other, share)
        return self

    def prune(self, min_count: float) -> Self:
        """Drop the transitions with a count below `min_count`, and the states that are left with none.

        Parameters
        ----------
        min_count : float
            At least 0.

        Returns
        -------
        MarkovChain or MarkovText
            This one.

        Raises
        ------
        TypeError, ValueError
            If `min_count` is not such a number, or the chain is empty.

        Notes
        -----
        Memory: the new model, and 24 bytes a transition.
        """
        least = float(_checks.per_row("min_count", min_count, (), np.float64, lambda n: n >= 0, "a number >= 0")[0])
        self._held.fitted()
        self._held.swap(lambda model: model and model._replace(transitions=model.transitions.pruned(least)))
        return self

    def next_tokens(
        self,
        context: Any,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        samplers: Any = None,
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> tuple[list[Any], Floats]:
        """Return what can come next, likeliest first, and how likely each is.

        Parameters
        ----------
        context : token, sequence of tokens, text, or None
            As `start` of `MarkovChain.walk` or of `MarkovText.generate`; None is the beginning of a sequence.
        temperature, top_k, top_p, min_p, samplers
            As in `MarkovChain.walk`.
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
        law = checked_law(temperature, top_k, top_p, min_p, samplers)
        rule = checked_rule(smoothing, k, alpha, discount)
        given = self._ids("context", context, model)
        if rule is None:
            state = state_of("context", given, model.transitions, model.vocabulary, may_be_dead_end=False)
            ids, likely = next_of(self._held.conditioned(model, law.chain).transitions, state, law.filters)
            return names_of(ids, model.vocabulary), likely
        known, likely = self._held.smoothed(model, rule).probabilities(given)
        with np.errstate(divide="ignore"):
            kept = sampled_probabilities(np.log(likely), **law.words())
        order = np.argsort(-kept, kind="stable")
        order = order[: np.count_nonzero(kept)]
        return names_of(known[order].tolist(), model.vocabulary), kept[order]

    def scores(
        self,
        source: Any,
        *,
        end: bool = True,
        unseen: str = "impossible",
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> Scores:
        """Return how likely each token of `source` is after those before it.

        Parameters
        ----------
        source, end, unseen, smoothing, k, alpha, discount
            As in `log_likelihood`.

        Returns
        -------
        Scores
            The tokens, None for an end, the natural logarithm of the probability of each, and their sum.

        Raises
        ------
        TypeError, ValueError
            As `log_likelihood`.

        Notes
        -----
        Memory: as `log_likelihood`, and 16 bytes a token.

        Examples
        --------
        >>> from fastsoftmax import MarkovText
        >>> found = MarkovText(1).fit("The cat sat. The dog sat.").scores("The cow sat.", unseen="skip")
        >>> found.tokens
        ('The', 'cow', 'sat.', None)
        >>> found.log_probabilities
        array([ 0., nan, nan,  0.])
        """
        model, asked = self._fitted(), checked_question(end, unseen, smoothing, k, alpha, discount)
        stream = self._sequence(source, model)
        logs = log_probabilities(self._held, model, stream.ids, asked)
        return Scores(tuple([token for token in stream.tokens() if asked.end or token is not None]), logs)

    def log_likelihood(
        self,
        source: Any,
        *,
        end: bool = True,
        unseen: str = "impossible",
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
    ) -> float:
        """Return the natural logarithm of the probability of `source`, from the start to the end of each sequence.

        Parameters
        ----------
        source : sequence of str or of int, or text
            Of a MarkovChain one sequence, as one of those that `fit` takes; of a MarkovText text, as `fit` takes it.
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
            If the tokens are not of the chain's kind, the source or the chain is empty, an argument is out of range, or
            "kneser-ney" is asked of weights that are not integers.

        Notes
        -----
        The first call with a rule builds it: O(order * E log E) for E transitions.
        Memory: 24 bytes a token (100 with smoothing, 64 where tokens are skipped) and 8 a state; of text 12 bytes a
        token more, and 256 MiB for 16 MiB of it at a time. A rule takes 16 bytes an n-gram and 16 a context, of all
        lengths, until another one is used, and 96 a transition while it is built.
        """
        model, asked = self._fitted(), checked_question(end, unseen, smoothing, k, alpha, discount)
        return sum_of(log_probabilities(self._held, model, self._sequence(source, model).ids, asked))

    def perplexity(
        self,
        source: Any,
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
        source : iterable of sequences, or text
            As `fit` takes it.
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
        return perplexity_of(log_probabilities(self._held, model, self._sequences(source, model), asked))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one safetensors file, whole or not at all.

        Parameters
        ----------
        path : str or path
            A file that is there already is replaced; the new one has its permissions.

        Raises
        ------
        OSError, ValueError
            If the file cannot be written; if the chain is empty, or a token is not valid Unicode.

        Notes
        -----
        A text that is kept is in the file too, 4 bytes a token and as much for each end.
        Memory: 300 bytes a str token, and what the first `walk` of a chain takes; 4 bytes a token of a kept text that
        came in parts. Some versions of safetensors copy the chain.
        """
        kind, settings = self._kind()
        storage.save(path, kind, self._fitted(), settings)

    def _fitted(self) -> Model:
        return self._held.fitted()

    def _at(self, words: LawWords) -> tuple[Model, Filters]:
        law = law_of(words)
        return self._held.conditioned(self._fitted(), law.chain), law.filters

    def _add(self, other: Self, weight: Fraction) -> None:
        if other._held.model is not None:
            self._held.add(other._held.model._replace(text=None), weight)

    def _kind(self) -> tuple[str, dict[str, str]]:
        """Return the kind of model that a file holds, and what else the file says of it."""
        raise NotImplementedError

    def _ids(self, name: str, value: Any, model: Model) -> list[int]:
        """Return the ids of a start or a context, the argument `name`."""
        raise NotImplementedError

    def _sequence(self, source: Any, model: Model) -> Stream:
        """Return the stream of what `log_likelihood` takes."""
        raise NotImplementedError

    def _sequences(self, source: Any, model: Model) -> Ids:
        """Return the stream of what `perplexity` takes."""
        raise NotImplementedError
