"""What a chain does in the long run: shares of time, entropy, classes and periods. Needs SciPy."""

import math
from typing import Any, NamedTuple

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Floats, Positions
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.states import ids_of, state_of
from fastsoftmax.markov.longrun.balance import scipy_part
from fastsoftmax.markov.longrun.graph import classes_of, graph_of, members_of, period_of, visits_of
from fastsoftmax.markov.walking.arguments import checked_filters


class CommunicatingClass(NamedTuple):
    """States that all lead to one another.

    Attributes
    ----------
    states : int64 array
        Rows of `chain.transitions.contexts`, in order.
    recurrent : bool
        Whether no transition leaves the class: a walk that comes in stays, and returns to each state for ever. Every
        endless walk leaves the others, the transient ones, sooner or later.
    """

    states: Positions
    recurrent: bool


class Analysis:
    """The long run of a chain, for `MarkovChain` to inherit."""

    def _fitted(self) -> Model:
        raise NotImplementedError

    def stationary(self, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0) -> Floats:
        """Return the share of time that an endless walk, `walk(on_dead_end="restart")`, spends in each state.

        That is how often a long walk is there, per token: an average over time, which periodic chains have too. Where
        walks from the start end up in one of several recurrent classes, each class has the weight of how likely that
        is. A chain without a start must have one recurrent class.

        Parameters
        ----------
        temperature, top_k, top_p, min_p
            As in `walk`.

        Returns
        -------
        (S,) float64 array
            Entry s is of row s of `chain.transitions.contexts`; the start, (-1, ..., -1), emits no token and has 0. The
            sum is 1, less the share of dead ends, which have no row.

        Raises
        ------
        ImportError
            If SciPy is not there.
        ValueError
            If the chain is empty, an argument is out of range, walks end and have no start to go on from, or there is
            neither a start nor one recurrent class.
        RuntimeError
            If a class is too large for a direct solution and too slow to mix for an iteration, or too near to falling
            apart for a float64.

        Notes
        -----
        The start is solved for as a state and then censored (Kemeny and Snell, *Finite Markov Chains*, 1960, 6.1).
        Classes of up to 1000 states are solved without subtractions, in O(S**3) (Grassmann, Taksar and Heyman,
        "Regenerative analysis and steady state distributions for Markov chains", 1985): small shares and chains that
        nearly fall apart are as right as any. Larger ones are iterated, O(E) a sweep over E transitions, until sweeps
        and corrections on all scales change less than 1e-12; or factored, if they are long and narrow. A result that is
        not balanced to 1e-12 of all flow is refused.
        Memory: at most 300 bytes a transition, and about a gigabyte where a class is factored.

        Examples
        --------
        >>> weather = MarkovChain.from_transitions({"sun": {"sun": 0.9, "rain": 0.1}, "rain": {"sun": 1.0}})
        >>> weather.stationary().round(4)  # the start, sun, rain
        array([0.    , 0.9091, 0.0909])
        """
        graph = graph_of(self._fitted().transitions, checked_filters(temperature, top_k, top_p, min_p))
        shares = visits_of(graph)
        if graph.start >= 0:
            shares[graph.start] = 0.0
        return shares

    def entropy_rate(
        self,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        base: float = 2.0,
    ) -> float:
        """Return the entropy of an endless walk per token: in bits, or in units of the logarithm to another base.

        It is what sequences take to write down, ends included: the mean of -log2 P(sequence and its end), as in
        `log_likelihood`, over the mean number of tokens.

        Parameters
        ----------
        temperature, top_k, top_p, min_p
            As in `walk`.
        base : float > 1
            2 is bits, math.e is nats.

        Returns
        -------
        float
            0 for a walk without choices.

        Raises
        ------
        ImportError, ValueError, RuntimeError
            As `stationary`, and if `base` is not such a number.

        Notes
        -----
        sum_s pi[s] H(s) + r H(start), with pi = `stationary()`, H(s) the entropy of row s, the end being one of its
        outcomes, and r the draws from the start per token: one after each end or dead end, and again after an end at
        once (Shannon, "A mathematical theory of communication", 1948, section 7). So an end is a choice like any other.
        The tokens alone, with their ends rubbed out, hold at most as much, and as much where walks never end.
        Memory: as `stationary`.

        Examples
        --------
        >>> MarkovChain.from_transitions({"heads": {"heads": 1, "tails": 1}, "tails": {"heads": 1}}).entropy_rate()
        0.6666666666666666
        """
        number = _checks.per_row("base", base, (), np.float64, lambda b: (b > 1) & (b < math.inf), "a number > 1")
        graph = graph_of(self._fitted().transitions, checked_filters(temperature, top_k, top_p, min_p))
        entropies = np.bincount(graph.sources, scipy_part("special").entr(graph.probabilities), graph.size)
        return float(visits_of(graph) @ entropies / np.log(number[0]))

    def communicating_classes(
        self, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
    ) -> list[CommunicatingClass]:
        """Return the classes of states that lead to one another: the recurrent ones first, then by smallest state.

        Parameters
        ----------
        temperature, top_k, top_p, min_p
            As in `walk`: the transitions that they cut lead nowhere.

        Returns
        -------
        list of CommunicatingClass
            Pairs (states, recurrent). Each row of `chain.transitions.contexts` is in one class, also the start, where
            walks go on from after an end or a dead end.

        Raises
        ------
        ImportError, ValueError
            As `stationary`; no chain has too many classes.

        Notes
        -----
        O(S + E): strongly connected components (Tarjan, "Depth-first search and linear graph algorithms", 1972).
        Memory: at most 80 bytes a transition, and 300 a class.
        """
        labels, closed = classes_of(
            graph_of(self._fitted().transitions, checked_filters(temperature, top_k, top_p, min_p))
        )
        classes = [CommunicatingClass(*pair) for pair in zip(members_of(labels), closed.tolist(), strict=True)]
        return sorted(classes, key=lambda one: (not one.recurrent, one.states[0]))

    def period(
        self,
        state: Any = None,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
    ) -> int:
        """Return the greatest common divisor of the numbers of tokens after which walks can be back at a state.

        All states of a class have the same. With 1, an aperiodic class, where a walk is says nothing about the time.

        Parameters
        ----------
        state : token or sequence of tokens, optional
            As `start` of `walk`; () is the beginning of a sequence. By default any state of the recurrent class.
        temperature, top_k, top_p, min_p
            As in `walk`: the transitions that they cut lead nowhere.

        Returns
        -------
        int
            0 for a state that no walk comes back to.

        Raises
        ------
        KeyError
            If nothing was seen after the state, with near matches.
        ImportError, ValueError
            As `communicating_classes`, and if no state is given where there is not one recurrent class.

        Notes
        -----
        O(S + E) (Denardo, "Periods of connected networks and powers of nonnegative matrices", 1977).
        Memory: at most 112 bytes a transition.
        """
        table, vocabulary = self._fitted()
        filters, row = checked_filters(temperature, top_k, top_p, min_p), -1
        if state is not None:
            row = state_of("state", ids_of("state", state, vocabulary), table, vocabulary, may_be_dead_end=False)
        graph = graph_of(table, filters)
        labels, closed = classes_of(graph)
        if row < 0:
            if closed.sum() != 1:
                raise ValueError(f"state is None, expected a state: the chain has {closed.sum()} recurrent classes")
            row = int(closed[labels].argmax())
        return period_of(graph, labels == labels[row], row)
