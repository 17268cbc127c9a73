"""MarkovChain: count transitions between tokens, and walk at any temperature."""

import os
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Self

import numpy as np

from fastsoftmax import _checks, _threads
from fastsoftmax.markov.counts import mapping, storage
from fastsoftmax.markov.counts.counting import ordered
from fastsoftmax.markov.counts.model import ONCE, Model, counted, merged
from fastsoftmax.markov.counts.transitions import MAX_ORDER, MAX_TOTAL, Transitions, table
from fastsoftmax.markov.counts.vocabulary import Encoder, Interning, Kind, kind_of
from fastsoftmax.markov.longrun.analysis import Analysis
from fastsoftmax.markov.scoring import Scoring, Smoothers, smoothed
from fastsoftmax.markov.smoothing.rules import checked_rule
from fastsoftmax.markov.walking import smoothed as smoothed_walks
from fastsoftmax.markov.walking.arguments import checked_filters, key_of, progress_bar
from fastsoftmax.markov.walking.walks import TableCache, Walks, checked_request, draw_walks

_swapping = _threads.lock()  # held for a comparison and an assignment, never for work


class MarkovChain(Scoring, Analysis):
    """A Markov chain over tokens, str or int: the smallest language model.

    A state is the last `order` tokens. P(next | state) is how often `next` came after `state`, over how often anything
    did. Before its start a sequence is padded with a boundary, and its end is the boundary as a next token, so that
    walks begin where sequences began and end where they ended.

    Parameters
    ----------
    order : int
        How many tokens make a state, in [1, 1024].

    Notes
    -----
    Any number of threads may use one chain at the same time, also while others change it.

    Examples
    --------
    >>> chain = MarkovChain().fit([["the", "cat", "sat"], ["the", "dog", "sat"]])
    >>> list(chain.walk(2, seed=1))
    [['the', 'dog', 'sat'], ['the', 'cat', 'sat']]
    """

    def __init__(self, order: int = 1) -> None:
        self._order = _checks.integer("order", order, 1, MAX_ORDER)
        self._model: Model | None = None
        self._tables, self._smoothers = TableCache(), Smoothers()

    @property
    def order(self) -> int:
        """How many tokens make a state."""
        return self._order

    @property
    def vocabulary(self) -> list[str] | None:
        """The str tokens, by id; None if the tokens are integers, or the chain is empty."""
        model = self._model
        return None if model is None or model.vocabulary is None else list(model.vocabulary.tokens)

    @property
    def transitions(self) -> Transitions:
        """The table of counts, read-only arrays in canonical order. ValueError if the chain is empty."""
        return self._fitted().transitions.check()

    def __repr__(self) -> str:
        model = self._model
        if model is None:
            return f"MarkovChain(order={self._order}), empty"
        states, edges = len(model.transitions.contexts), len(model.transitions.tokens)
        return f"MarkovChain(order={self._order}), {states} states, {edges} transitions"

    def fit(self, sequences: Iterable[Any], *, progress: bool = False) -> Self:
        """Forget everything and count the transitions of `sequences`.

        Parameters
        ----------
        sequences : iterable of sequences of str, or of int in [0, 2**31 - 1)
            Lists, tuples, generators or arrays. A one-dimensional integer array is one sequence, a two-dimensional one
            is a sequence a row.
        progress : bool
            Show how many tokens were counted (needs rich).

        Returns
        -------
        MarkovChain

        Raises
        ------
        TypeError
            If `sequences` or one of them is a str or bytes, or the tokens are not all str or all int.
        ValueError
            If there is no sequence, an empty one, or an integer out of range. The chain is then as before.

        Notes
        -----
        O(n log n) for n tokens: integers are packed, sorted and run-length counted, a part at a time.
        Memory: the model, 12 bytes a transition, 8 + 4 `order` a state and 200 a different str token, twice that if
        there are several parts; 16 bytes a token of one part (28 + 6 `order` if order + 1 tokens do not fit into 64
        bits), which are 2**28 tokens of an array or 2**26 of an iterable; 4 a token of an array, and 12 of the longest
        sequence.
        """
        return self._put(self._counted(sequences, None, 1, progress))

    def partial_fit(self, sequences: Iterable[Any], weight: int = 1, *, progress: bool = False) -> Self:
        """Add the transitions of `sequences` to the counts, each `weight` times.

        All E transitions are copied, so that many sequences at once are faster than one at a time.

        Parameters
        ----------
        sequences : iterable of sequences
            As in `fit`.
        weight : int
            At least 1.
        progress : bool
            As in `fit`.

        Returns
        -------
        MarkovChain

        Raises
        ------
        TypeError, ValueError
            As in `fit`, and if the tokens are not of the chain's kind, or the counts add up to more than 2**53.

        Notes
        -----
        Memory: that of `fit` for the new sequences, then that of `merge`.
        """
        weight = _checks.integer("weight", weight, 1, MAX_TOTAL)
        model = self._model
        kind = None if model is None else kind_of(model.vocabulary)
        return self._add(self._counted(sequences, kind, weight, progress), ONCE)

    def merge(self, other: "MarkovChain", weight: float | Fraction = 1) -> Self:
        """Add the counts of another chain of the same order, `weight` times.

        Chains fitted to the parts of a corpus and merged in order equal one fitted to the whole, bit for bit.
        O(E) for E transitions of both, if they number the same tokens, else O(E log E).

        Parameters
        ----------
        other : MarkovChain
            Its tokens are of the same kind; those that are new here come after the known ones in `vocabulary`.
        weight : int, float or Fraction
            Above 0: an integer, or a ratio of integers up to 10**6. Counts stay whole: for three tenths, 0.3, those of
            this chain are multiplied by 10, and those of the other by 3.

        Returns
        -------
        MarkovChain

        Raises
        ------
        TypeError, ValueError
            If `other` is not a chain of this order and kind of token, or the counts add up to more than 2**53.

        Notes
        -----
        Memory: the new model, 12 bytes a transition of both, and 64 a transition of `other` if its tokens are numbered
        otherwise.
        """
        share = _checks.ratio("weight", weight, MAX_TOTAL)
        if not isinstance(other, MarkovChain):
            raise TypeError(f"other is {_checks.described(other)}, expected a MarkovChain")
        if other._order != self._order:
            raise ValueError(f"other has order {other._order}, expected {self._order}")
        part = other._model
        return self if part is None else self._add(part, share)

    def prune(self, min_count: float) -> Self:
        """Drop the transitions with a count below `min_count`, and the states that are left with none.

        Parameters
        ----------
        min_count : float
            At least 0.

        Returns
        -------
        MarkovChain

        Raises
        ------
        TypeError, ValueError
            If `min_count` is not such a number, or the chain is empty.

        Notes
        -----
        Memory: the new model, and 24 bytes a transition.
        """
        least = float(_checks.per_row("min_count", min_count, (), np.float64, lambda n: n >= 0, "a number >= 0")[0])
        self._fitted()
        return self._swap(lambda model: model and model._replace(transitions=model.transitions.pruned(least)))

    @classmethod
    def from_transitions(
        cls, transitions: Mapping[Any, Mapping[Any, float]], *, start: Mapping[Any, float] | None = None
    ) -> "MarkovChain":
        """Make a chain from weights written by hand.

        Parameters
        ----------
        transitions : dict of dicts, {state: {next token: weight}}
            A state is a token, or a tuple of `order` tokens. Weights are finite and need not add up to 1; a next token
            of weight 0 is none. None as a next token is the end. States without a row are dead ends.
        start : dict, {state: weight}, optional
            How likely each state is to start a walk; by default all that have a row are equally likely.

        Returns
        -------
        MarkovChain
            Of the order that the states have.

        Raises
        ------
        TypeError, ValueError
            Naming the state, the token and what is wrong.

        Notes
        -----
        Memory: 150 bytes a transition; 150 bytes, and 20 times the order, for each token of a state.

        Examples
        --------
        >>> weather = MarkovChain.from_transitions({"sun": {"sun": 0.9, "rain": 0.1}, "rain": {"sun": 1.0}})
        """
        edges, vocabulary = mapping.edges_of(transitions, start)
        return cls._of(Model(table(ordered(edges)), vocabulary))

    def walk(
        self,
        n: int = 1,
        length: int = 100,
        *,
        start: Any = None,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        rng: int | np.random.Generator | None = None,
        seed: int | None = None,
        on_dead_end: str = "stop",
        smoothing: str = "none",
        k: float = 1.0,
        alpha: float = 0.4,
        discount: Any = None,
        progress: bool = False,
    ) -> Walks:
        """Draw `n` walks of up to `length` tokens.

        Parameters
        ----------
        n, length : int
            `length` counts the start tokens. A walk that ends earlier is padded with -1.
        start : token or sequence of tokens, optional
            What every walk begins with. Fewer tokens than the order are the beginning of a sequence or, where none
            begins so, the first tokens of a state in the middle of one: the state is drawn among those that begin with
            them, as a token is, by how often each was seen. Of more tokens, the last ones are the state. By default
            walks begin where sequences began.
        temperature : float >= 0
            Weights are counts ** (1 / temperature): 0 always takes the likeliest next token, inf any seen one alike.
        top_k, top_p, min_p
            Cut-offs, as in `sample`: the k likeliest; the likeliest that hold the mass p; those at least `min_p` times
            as likely as the likeliest. 0, 1 and 0 are off.
        rng : None, int or numpy.random.Generator
            A 64-bit key is drawn from it (SPEC 7).
        seed : int in [0, 2**64), optional
            The key itself. Walk w depends on the key and w alone: not on n, nor on the number of threads.
        on_dead_end : {"stop", "restart", "raise"}
            What to do at a state that nothing was seen after. With "restart" a walk that came to an end or a dead end
            goes on from the beginning of a sequence, so that every walk is `length` long.
        smoothing, k, alpha, discount
            As in `log_likelihood`. With smoothing every known token can come next, and each is drawn as `sample` does,
            from the logarithms of all probabilities, with seed key + w and the position as step: O(V) a token.
        progress : bool
            Show a progress bar (needs rich).

        Returns
        -------
        Walks

        Raises
        ------
        KeyError
            If the start was never seen, with near matches.
        ValueError
            If an argument is out of range, the start is longer than `length`, "restart" has nowhere to begin, or
            "raise" came to a dead end.

        Notes
        -----
        Memory: the walks, 4 bytes a token and 24 a walk; and a table that is kept until walks have another temperature
        or cut-off, as it is made at most 32 bytes a state and 104 a transition (256 at temperature 1). The first walk
        of a chain takes 12 bytes a state and keeps 4 a transition. With smoothing 2**27 bytes, or 32 V if that is more,
        beside those of `sample` and of `log_likelihood`.
        """
        model, filters = self._fitted(), checked_filters(temperature, top_k, top_p, min_p)
        rule = checked_rule(smoothing, k, alpha, discount)
        with key_of(rng, seed) as key:
            wish = checked_request(model, n, length, start, key, on_dead_end)
            if rule is not None:
                return smoothed_walks.draw(smoothed(model, rule, self._smoothers), model, wish, filters, progress)
            return draw_walks(model, self._tables, wish, filters, progress)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the chain to one safetensors file, whole or not at all.

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
        Memory: 300 bytes a str token, and what the first `walk` of a chain takes. Some versions of safetensors copy the
        chain.
        """
        storage.save(path, "chain", *self._fitted())

    @classmethod
    def load(cls, path: str | os.PathLike[str], mmap: bool = True) -> "MarkovChain":
        """Read a chain that `save` wrote.

        Parameters
        ----------
        path : str or path
        mmap : bool
            Map the file into memory instead of reading it: processes share it, and it must not be cut short or
            written over while they use it (`save` never does that: it renames a new file into its place). Of more than
            32 MiB only the header is read at first: a few steps, and `next_tokens`, read the rows that they come to.
            Whatever a file holds, to load it takes at most 16 times its size in memory.

        Returns
        -------
        MarkovChain

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        TypeError, ValueError
            If `path` is not a path, or the file is truncated, changed or something else, naming what is wrong. Where
            the contents were not read at first, changes raise it in the first call that needs all of them.

        Notes
        -----
        Memory: where only the header is read, nothing. Otherwise, or in the first call that needs all, 200 bytes a str
        token, and half the size of the file while it is checked; without `mmap` the file too.
        """
        transitions, vocabulary, _ = storage.load(path, "chain", mmap)
        return cls._of(Model(transitions, vocabulary))

    @classmethod
    def _of(cls, model: Model) -> "MarkovChain":
        return cls(model.transitions.order)._put(model)

    def __getstate__(self) -> dict[str, Any]:
        return {"_order": self._order, "_model": self._model}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _tables=TableCache(), _smoothers=Smoothers())

    def _counted(self, sequences: Any, kind: Kind | None, weight: int, progress: bool) -> Model:
        with progress_bar(progress, "counting tokens", None) as report:
            encoder = Encoder(Interning(), kind, report)
            transitions = counted(encoder.streams(sequences), self._order, weight)
        return Model(transitions, encoder.vocabulary())

    def _fitted(self) -> Model:
        model = self._model
        if model is None:
            raise ValueError("the chain is empty, expected a call of fit first")
        return model

    def _put(self, model: Model) -> Self:
        return self._swap(lambda _: model)

    def _add(self, part: Model, weight: Fraction) -> Self:
        return self._swap(lambda model: merged(model, part, weight))

    def _swap(self, build: Callable[[Model | None], Model | None]) -> Self:
        """Replace the model by build(model), built again if another thread replaced it meanwhile."""
        while True:
            model = self._model
            built = build(model)
            with _swapping:
                if self._model is model:
                    self._model = built
                    break
        self._tables.clear()
        self._smoothers.clear()
        return self
