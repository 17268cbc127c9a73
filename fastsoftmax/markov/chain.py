"""MarkovChain: count transitions between tokens, and walk at any temperature."""

import os
from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Ids
from fastsoftmax.markov.counted import Counted, Stream
from fastsoftmax.markov.counts import storage
from fastsoftmax.markov.counts.model import ONCE, Model, counted
from fastsoftmax.markov.counts.states import ids_of
from fastsoftmax.markov.counts.transitions import MAX_ORDER, MAX_TOTAL, Transitions
from fastsoftmax.markov.counts.vocabulary import Encoder, Interning, Kind, encode, encode_one, kind_of
from fastsoftmax.markov.giving import Giving
from fastsoftmax.markov.held import Held
from fastsoftmax.markov.longrun.analysis import Analysis
from fastsoftmax.markov.longrun.averages import Averages
from fastsoftmax.markov.longrun.changing import Changing
from fastsoftmax.markov.longrun.mixing import Mixing
from fastsoftmax.markov.longrun.times import Times
from fastsoftmax.markov.making import Making
from fastsoftmax.markov.smoothing.rules import checked_rule
from fastsoftmax.markov.walking import biased
from fastsoftmax.markov.walking import smoothed as smoothed_walks
from fastsoftmax.markov.walking.arguments import checked_law, key_of, progress_bar
from fastsoftmax.markov.walking.walks import Walks, checked_request, draw_walks


class MarkovChain(Counted, Making, Giving, Analysis, Times, Mixing, Averages, Changing):
    """A Markov chain over tokens, str or int: the smallest language model.

    A state is the last `order` tokens. P(next | state) is how often `next` came after `state`, over how often anything
    did. Before its start a sequence is padded with a boundary, and its end is the boundary as a next token, so that
    walks begin where sequences began and end where they ended.

    Parameters
    ----------
    order : int
        How many tokens make a state, in [0, 1024]. Of order 0 there is one state, ``()``: each token is drawn
        independently of the others, by how often it came, and the end is one of them.

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
        self._order = _checks.integer("order", order, 0, MAX_ORDER)
        self._held = Held()

    @property
    def vocabulary(self) -> list[str] | None:
        """The str tokens, by id; None if the tokens are integers, or the chain is empty."""
        model = self._held.model
        return None if model is None or model.vocabulary is None else list(model.vocabulary.tokens)

    @property
    def transitions(self) -> Transitions:
        """The table of counts, read-only arrays in canonical order. ValueError if the chain is empty."""
        return self._fitted().transitions.check()

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
        self._held.put(self._counted(sequences, None, 1, progress))
        return self

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
        model = self._held.model
        kind = None if model is None else kind_of(model.vocabulary)
        self._held.add(self._counted(sequences, kind, weight, progress), ONCE)
        return self

    def walk(
        self,
        n: int | range = 1,
        length: int = 100,
        *,
        start: Any = None,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        samplers: Any = None,
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
        n : int or range
            How many; or which, by their numbers: the walks of ``range(10, 20)`` are the last ten of the first twenty.
        length : int
            The tokens of a walk, those of the start included. One that ends earlier is padded with -1.
        start : token or sequence of tokens, optional
            What every walk begins with. Fewer tokens than the order are the beginning of a sequence or, where none
            begins so, the first tokens of a state in the middle of one: the state is drawn among those that begin with
            them, as a token is, by how often each was seen. Of more tokens, the last ones are the state. By default
            walks begin where sequences began; where none did, as in a chain of a matrix, in any state that has
            transitions, all alike.
        temperature : float >= 0
            Weights are counts ** (1 / temperature): 0 always takes the likeliest next token, inf any seen one alike.
        top_k, top_p, min_p
            Cut-offs, as in `sample`: the k likeliest; the likeliest that hold the mass p; those at least `min_p` times
            as likely as the likeliest. 0, 1 and 0 are off.
        samplers : str, SamplerChain, or samplers, optional
            A chain instead of these four, as in `sample`: it has the logarithms of the counts for logits. Of samplers
            that toss a coin, as XTC, the walk has the mean law. A state in the middle is drawn by how often each was
            seen, without samplers.
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
        of a chain takes 12 bytes a state and keeps 4 a transition. With samplers a second model of 8 bytes a state and
        16 a transition is made, in 60 a transition, and kept as the table is. With smoothing 2**27 bytes, or 32 V if
        that is more, beside those of `sample` and of `log_likelihood`.
        """
        model, law = self._fitted(), checked_law(temperature, top_k, top_p, min_p, samplers)
        rule = checked_rule(smoothing, k, alpha, discount)
        with key_of(rng, seed) as key:
            wish = checked_request(model, n, length, start, key, on_dead_end)
            if rule is not None:
                return smoothed_walks.draw(self._held.smoothed(model, rule), model, wish, law, progress)
            model = self._held.conditioned(model, law.chain)
            return draw_walks(model, self._held.tables, wish, law.filters, progress)

    def walk_from(
        self,
        starts: Any,
        length: int = 80,
        *,
        p: float = 1.0,
        q: float = 1.0,
        extend: bool = False,
        restart: float = 0.0,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        samplers: Any = None,
        rng: int | np.random.Generator | None = None,
        seed: int | None = None,
        progress: bool = False,
    ) -> Walks:
        """Draw a walk from each of some states: of a graph, for embeddings or for what is near to a node.

        Parameters
        ----------
        starts : (n,) array_like of states
            Where each walk begins: ``chain.states * 10`` is ten walks from each.
        length : int
            How many tokens a walk has at most, its start counted. A walk that comes to a dead end is padded with -1.
        p, q : float in [0.001, 1000]
            Of node2vec: after a step from t the next one goes back to t with its weight times 1/p, to a node that t
            leads to with its weight, and elsewhere with its weight times 1/q.
        extend : bool
            node2vec+: t leads to a node by what its edge weighs, of the mean weight of that node's edges, at most
            wholly. Elsewhere an edge below the mean weight of its node has its weight times min(1, 1/q).
        restart : float in [0, 1]
            How likely a walk goes to its start instead of taking a step.
        temperature, top_k, top_p, min_p, samplers
            As in `walk`: of the weights, before p and q.
        rng, seed, progress
            As in `walk`. Walk w depends on the key, its start and w alone.

        Returns
        -------
        Walks
            `ids` is an int32 array, a walk a row, as torch takes it; iteration gives lists, as gensim does.

        Raises
        ------
        KeyError
            If a start is no state of the chain.
        TypeError, ValueError
            If an argument is out of range, or the order of the chain is not 1: of order 0 all walks are in one state.

        Notes
        -----
        An edge is drawn by its weight and taken with its bias over the largest one, else another is drawn (Yang et al.,
        "KnightKing", 2019): max(1, 1/p, 1/q) over the mean bias attempts a step, of two uniform numbers each. Token t
        of walk w takes the numbers of step t, draws 0, 1, 2, ... (Grover and Leskovec, "node2vec", 2016; Liu, Hirn and
        Krishnan, "node2vec+", 2023).
        Memory: that of `walk`; with p or q 4 bytes a transition are kept, and with `extend` 24 more taken.

        Examples
        --------
        >>> ring = MarkovChain.from_edges([0, 1, 2], [1, 2, 0])
        >>> ring.walk_from([0, 2], length=4).ids
        array([[0, 1, 2, 0],
               [2, 0, 1, 2]], dtype=int32)
        """
        model, law = self._fitted(), checked_law(temperature, top_k, top_p, min_p, samplers)
        if self._order != 1:
            raise ValueError(f"the chain has order {self._order}, expected 1 to walk from states")
        bias, steps = biased.checked_bias(p, q, restart), _checks.integer("length", length, 0, 2**40)
        weighs = _checks.flag("extend", extend)
        with key_of(rng, seed) as key:
            wish = biased.GraphWalks(*biased.checked_starts(model, starts), steps, bias, weighs, key)
            drawn = self._held.conditioned(model, law.chain)
            return biased.draw(model, drawn, self._held.tables, wish, law.filters, progress)

    @classmethod
    def load(cls, path: str | os.PathLike[str], mmap: bool = True) -> Self:
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
        return cls._of(storage.load(path, "chain", mmap)[0])

    @classmethod
    def _of(cls, model: Model) -> Self:
        chain = cls(model.transitions.order)
        chain._held.put(model)
        return chain

    def __copy__(self) -> Self:
        new = type(self)(self._order)
        new._held.model = self._held.model and self._held.model._replace(text=None)
        return new

    def _counted(self, sequences: Any, kind: Kind | None, weight: int, progress: bool) -> Model:
        with progress_bar(progress, "counting tokens", None) as report:
            encoder = Encoder(Interning(), kind, report)
            transitions = counted(encoder.streams(sequences), self._order, weight)
        return Model(transitions, encoder.vocabulary())

    def _kind(self) -> tuple[str, dict[str, str]]:
        return "chain", {}

    def _ids(self, name: str, value: Any, model: Model) -> list[int]:
        return ids_of(name, value, model.vocabulary)

    def _sequence(self, source: Any, model: Model) -> Stream:
        return Stream(encode_one(source, model.vocabulary), lambda: [*source, None])

    def _sequences(self, source: Any, model: Model) -> Ids:
        return encode(source, model.vocabulary)
