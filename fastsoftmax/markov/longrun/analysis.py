"""What a chain does in the long run: shares of time, entropy, classes and periods. Needs SciPy."""

import math
from typing import Any, NamedTuple, Unpack

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Flags
from fastsoftmax.markov.counts.states import ids_of, state_of
from fastsoftmax.markov.longrun.answers import ByState
from fastsoftmax.markov.longrun.asked import Asked
from fastsoftmax.markov.longrun.balance import scipy_part
from fastsoftmax.markov.longrun.given import first_of
from fastsoftmax.markov.longrun.graph import (
    Graph,
    all_classes,
    classes_of,
    period_of,
    recurrent_classes,
    shares_in,
    visits_of,
)
from fastsoftmax.markov.longrun.steps import after
from fastsoftmax.markov.walking.arguments import LawWords


class CommunicatingClass(NamedTuple):
    """States that all lead to one another.

    Attributes
    ----------
    states : list
        Their labels, in order: a token each, or of a higher order a tuple of tokens.
    recurrent : bool
        Whether no transition leaves the class: a walk that comes in stays, and returns to each state for ever. Every
        endless walk leaves the others, the transient ones, sooner or later. A dead end of a chain without a start is
        recurrent, too: walks stay there.
    """

    states: list[Any]
    recurrent: bool


class Analysis(Asked):
    """The long run of a chain, for `MarkovChain` to inherit."""

    def distribution(self, steps: int, start: Any = None, **words: Unpack[LawWords]) -> ByState:
        """Return how likely each state is after some tokens.

        Parameters
        ----------
        steps : int
            How many tokens after the start, at least 0, which is the start itself.
        start : token, sequence of tokens, or dict {state: weight}, optional
            Where walks are at first: in one state, or in each by its share of the weights. By default at the beginning
            of a sequence, which is no state: all are 0 before the first token. Of a chain without a beginning in any
            state that has transitions, all alike.
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

        Returns
        -------
        ByState
            The sum is 1, less the share of walks that have come to an end where the chain has no start.

        Raises
        ------
        KeyError
            If the start was never seen.
        ImportError, TypeError, ValueError
            As `stationary`.

        Notes
        -----
        mu P**steps, a step at a time (Kemeny and Snell, *Finite Markov Chains*, 1960, 2.1): O(E) each, right to some
        `steps` roundings. Where sequences end, the next one begins at once: the start takes no time.
        Memory: at most 300 bytes a transition.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> weather.distribution(2, "rain")
        {'sun': 0.7, 'rain': 0.3}
        """
        count, graph = _checks.integer("steps", steps, 0), self._graph(words)
        return graph.by_state(after(graph, first_of(start, self._fitted(), graph), count))

    def stationary(self, **words: Unpack[LawWords]) -> ByState:
        """Return the share of time that an endless walk, `walk(on_dead_end="restart")`, spends in each state.

        That is how often a long walk is there, per token: an average over time, which periodic chains have too. Where
        walks from the start end up in one of several recurrent classes, each class has the weight of how likely that
        is. A chain without a start must have one recurrent class; `stationary_distributions` takes any.

        Parameters
        ----------
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

        Returns
        -------
        ByState
            The sum is 1. Dead ends are states, the start is none: it emits no token.

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
        >>> weather.stationary()
        {'sun': 0.909091, 'rain': 0.0909091}
        """
        graph = self._graph(words)
        return graph.by_state(visits_of(graph))

    def stationary_distributions(self, **words: Unpack[LawWords]) -> list[ByState]:
        """Return the stationary distribution of each recurrent class, in the order of `communicating_classes`.

        Any mixture of them is stationary, and nothing else is.

        Parameters
        ----------
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

        Returns
        -------
        list of ByState
            Each has the sum 1, and 0 outside of its class. A dead end without a start to go on from is a class.

        Raises
        ------
        ImportError, ValueError, RuntimeError
            As `stationary`; no chain has too many classes.

        Notes
        -----
        As `stationary`, a class at a time. Memory: 8 bytes a state and class beside that of `stationary`.

        Examples
        --------
        >>> MarkovChain.from_matrix([[1, 0], [0, 1]], ["a", "b"]).stationary_distributions()
        [{'a': 1, 'b': 0}, {'a': 0, 'b': 1}]
        """
        graph, found = self._graph(words), []
        for nodes in recurrent_classes(graph):
            shares = np.zeros(graph.size)
            shares[nodes] = shares_in(graph, nodes)
            shares[: graph.start + 1] = 0.0
            found.append(graph.by_state(shares / shares.sum()))
        return found

    def entropy_rate(self, *, base: float = 2.0, **words: Unpack[LawWords]) -> float:
        """Return the entropy of an endless walk per token: in bits, or in units of the logarithm to another base.

        It is what sequences take to write down, ends included: the mean of -log2 P(sequence and its end), as in
        `log_likelihood`, over the mean number of tokens.

        Parameters
        ----------
        base : float > 1
            2 is bits, math.e is nats.
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

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
        graph = self._graph(words)
        entropies = np.bincount(graph.sources, scipy_part("special").entr(graph.probabilities), graph.size)
        return float(visits_of(graph) @ entropies / np.log(number[0]))

    def communicating_classes(self, **words: Unpack[LawWords]) -> list[CommunicatingClass]:
        """Return the classes of states that lead to one another: the recurrent ones first, then by first state.

        Parameters
        ----------
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`: the transitions that they cut lead nowhere.

        Returns
        -------
        list of CommunicatingClass
            Pairs (states, recurrent); each state is in one class. Ways over the start count, where walks go on from an
            end or a dead end, but the start is no state.

        Raises
        ------
        ImportError, ValueError
            As `stationary`; no chain has too many classes.

        Notes
        -----
        O(S + E): strongly connected components (Tarjan, "Depth-first search and linear graph algorithms", 1972).
        Memory: at most 80 bytes a transition, and 300 a class.
        """
        graph = self._graph(words)
        names = graph.states.labels
        found = []
        for nodes, recurrent in all_classes(graph):
            own = nodes[nodes > graph.start] - (graph.start + 1)
            found.append(CommunicatingClass([names[place] for place in own.tolist()], recurrent))
        return found

    def period(self, state: Any = None, **words: Unpack[LawWords]) -> int:
        """Return the greatest common divisor of the numbers of tokens after which walks can be back at a state.

        All states of a class have the same. With 1, an aperiodic class, where a walk is says nothing about the time.

        Parameters
        ----------
        state : token or sequence of tokens, optional
            As `start` of `walk`; () is the beginning of a sequence. By default any state of the recurrent class.
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`: the transitions that they cut lead nowhere.

        Returns
        -------
        int
            0 for a state that no walk comes back to.

        Raises
        ------
        KeyError
            If the state was never seen, with near matches.
        ImportError, ValueError
            As `communicating_classes`, and if no state is given where there is not one recurrent class.

        Notes
        -----
        O(S + E) (Denardo, "Periods of connected networks and powers of nonnegative matrices", 1977).
        Memory: at most 112 bytes a transition.
        """
        graph = self._graph(words)
        inside, node = self._class_of(graph, state)
        return period_of(graph, inside, node)[0]

    def cyclic_classes(self, state: Any = None, **words: Unpack[LawWords]) -> list[list[Any]]:
        """Return the states of a class in the order in which walks come through them, as many lists as its period.

        From a state of one list a walk comes to one of the next, and from the last to the first.

        Parameters
        ----------
        state, **words
            As in `period`.

        Returns
        -------
        list of lists of states
            The first holds `state`, or the first state of the class; one list if the class is aperiodic.

        Raises
        ------
        KeyError
            If the state was never seen, with near matches.
        ImportError, ValueError
            As `period`, and for a state that no walk comes back to.

        Notes
        -----
        As `period` (Kemeny and Snell, *Finite Markov Chains*, 1960, 1.4).

        Examples
        --------
        >>> MarkovChain.from_matrix([[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]).cyclic_classes()
        [[0, 2], [1]]
        """
        graph = self._graph(words)
        inside, node = self._class_of(graph, state)
        period, depths = period_of(graph, inside, node)
        if period == 0:
            raise ValueError("state is one that no walk comes back to, expected a recurrent one")
        names, nodes = graph.states.labels, np.flatnonzero(inside)
        nodes = nodes[nodes > graph.start]
        turns = (depths[nodes] - depths[node if node > graph.start else nodes[0]]) % period
        return [[names[place] for place in nodes[turns == turn] - graph.start - 1] for turn in range(period)]

    def _class_of(self, graph: Graph, state: Any) -> tuple[Flags, int]:
        """Return which nodes are in the class of a state, or in the one recurrent class, and a node of it."""
        table, vocabulary, _ = self._fitted()
        node = -1
        if state is not None:
            context = ids_of("state", state, vocabulary)
            state_of("state", context, table, vocabulary, may_be_dead_end=True)
            node = graph.node_of(context)
        labels, closed = classes_of(graph)
        if node < 0:
            if closed.sum() != 1:
                raise ValueError(f"state is None, expected a state: the chain has {closed.sum()} recurrent classes")
            node = int(closed[labels].argmax())
        return labels == labels[node], node
