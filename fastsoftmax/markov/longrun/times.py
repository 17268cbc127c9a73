"""Whether walks come to a state, and when. Needs SciPy."""

from typing import Any, Unpack

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Flags, Floats, Positions
from fastsoftmax.markov.longrun.answers import BetweenStates, ByState, States
from fastsoftmax.markov.longrun.asked import Asked
from fastsoftmax.markov.longrun.given import first_of, flags_of
from fastsoftmax.markov.longrun.graph import Graph, classes_of, only_class, recurrent_classes
from fastsoftmax.markov.longrun.passage import chance_of, recurrences_of, time_to, times_between, visits_before
from fastsoftmax.markov.longrun.steps import MOST_STEPS, steps_of
from fastsoftmax.markov.walking.arguments import LawWords


class Times(Asked):
    """Chances and times of a chain, for `MarkovChain` to inherit; all are in tokens.

    Where a chain has a start, walks go on from it after an end or a dead end, as with on_dead_end="restart"; where it
    has none, they stop there.
    """

    def hitting_probabilities(self, targets: Any, **words: Unpack[LawWords]) -> ByState:
        """Return how likely a walk from each state ever comes to one of the targets.

        Parameters
        ----------
        targets : state, or list of states
            Labels: a token each, or of a higher order a tuple of tokens, as `states` has them.
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

        Returns
        -------
        ByState
            1 at the targets, and exactly 1 and 0 where no way leads past them or to them.

        Raises
        ------
        KeyError
            If a target is no state of the chain.
        ImportError, TypeError, ValueError
            As `stationary`.
        RuntimeError
            If the equations of more than 1000 states cannot be solved to a remainder of 1e-9.

        Notes
        -----
        The least solution of h = P h with h = 1 at the targets (Norris, *Markov Chains*, 1997, theorem 1.3.2). Up to
        1000 states in O(S**3) without subtractions, each right to some S roundings; more by GMRES and refinement, O(E)
        a step, with an error of at most 1e-9 times the mean time until all is decided.
        Memory: at most 300 bytes a transition and 500 a state, or what sparse factors take.

        Examples
        --------
        >>> ruin = MarkovChain.from_matrix([[1, 0, 0, 0], [0.5, 0, 0.5, 0], [0, 0.5, 0, 0.5], [0, 0, 0, 1]])
        >>> ruin.hitting_probabilities(3)
        {0: 0, 1: 0.333333, 2: 0.666667, 3: 1}
        """
        graph = self._graph(words)
        return graph.by_state(chance_of(graph, flags_of("targets", targets, self._fitted(), graph)))

    def hitting_times(self, targets: Any, **words: Unpack[LawWords]) -> ByState:
        """Return how many tokens a walk from each state takes to the first of the targets, on average.

        Parameters
        ----------
        targets, **words
            As in `hitting_probabilities`.

        Returns
        -------
        ByState
            0 at the targets; inf where a walk may never come to one.

        Raises
        ------
        KeyError, ImportError, TypeError, ValueError, RuntimeError
            As `hitting_probabilities`.

        Notes
        -----
        The least solution of t = 1 + P t with t = 0 at the targets (Norris, *Markov Chains*, 1997, theorem 1.3.5),
        solved as `hitting_probabilities`; of more than 1000 states each is right to a share of 1e-9, or of 1e-13 times
        the largest time, if that is more.

        Examples
        --------
        >>> MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"]).hitting_times("rain")
        {'sun': 10, 'rain': 0}
        """
        graph = self._graph(words)
        return graph.by_state(time_to(graph, flags_of("targets", targets, self._fitted(), graph)))

    def first_passage_probabilities(
        self, targets: Any, steps: int, start: Any = None, **words: Unpack[LawWords]
    ) -> Floats:
        """Return how likely a walk comes to one of the targets for the first time after 1, 2, 3, ... tokens.

        Parameters
        ----------
        targets : state, or list of states
            As in `hitting_times`.
        steps : int
            How many tokens are looked at, at least 0.
        start, **words
            As in `distribution`.

        Returns
        -------
        (steps,) float64 array
            Entry t is the probability for t + 1 tokens. A walk that begins at a target comes back to one.

        Raises
        ------
        KeyError
            If the start was never seen, or a target is no state of the chain.
        ImportError, TypeError, ValueError
            As `stationary`.

        Notes
        -----
        What a step brings to the targets, which do not go on (Feller, *An Introduction to Probability Theory and Its
        Applications* I, 1968, XIII), O(E) a token, without subtractions. Memory: 300 bytes a transition.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> weather.first_passage_probabilities("rain", 3, start="sun")
        array([0.1  , 0.09 , 0.081])
        """
        count, graph = _checks.integer("steps", steps, 0, MOST_STEPS), self._graph(words)
        goal = flags_of("targets", targets, self._fitted(), graph)
        shares, step, found = first_of(start, self._fitted(), graph), steps_of(graph), np.empty(count)
        shares = np.where(graph.stops, 0.0, shares)  # who has stopped comes nowhere
        for time in range(count):
            shares = step.forward(shares)
            found[time] = shares[goal].sum()
            shares[goal] = 0.0
        return found

    def absorption_probabilities(self, **words: Unpack[LawWords]) -> list[ByState]:
        """Return how likely a walk from each state ends up in each recurrent class, in `communicating_classes`' order.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        list of ByState
            One for each recurrent class; at each state they add up to 1, but for walks that come to an end.

        Raises
        ------
        ImportError, TypeError, ValueError, RuntimeError
            As `hitting_probabilities`.

        Notes
        -----
        `hitting_probabilities` of each class (Kemeny and Snell, *Finite Markov Chains*, 1960, theorem 3.3.7).
        """
        graph = self._graph(words)
        return [graph.by_state(chance_of(graph, _flags(graph, nodes))) for nodes in recurrent_classes(graph)]

    def absorption_times(self, **words: Unpack[LawWords]) -> ByState:
        """Return how many tokens a walk from each state takes to a recurrent class, on average: 0 inside of one.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        ByState
            An end of a chain without a start is where walks stay, too.

        Raises
        ------
        ImportError, TypeError, ValueError, RuntimeError
            As `hitting_probabilities`.

        Notes
        -----
        `hitting_times` of all recurrent states (Kemeny and Snell, *Finite Markov Chains*, 1960, theorem 3.3.5).
        """
        graph = self._graph(words)
        labels, closed = classes_of(graph)
        return graph.by_state(time_to(graph, closed[labels]))

    def fundamental_matrix(self, **words: Unpack[LawWords]) -> BetweenStates:
        """Return how often a walk from one transient state is at another, on average, before it is absorbed.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        BetweenStates
            Of the transient states alone, that in which it begins counted.

        Raises
        ------
        ValueError
            If there are more than 5000 transient states, and as `stationary`.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        (I - Q)**-1 (Kemeny and Snell, *Finite Markov Chains*, 1960, definition 3.2.2), O(S**3) without subtractions:
        each entry is right to some S roundings. Memory: 60 bytes a pair of states.

        Examples
        --------
        >>> MarkovChain.from_matrix([[0.5, 0.5], [0, 1]], ["ill", "well"]).fundamental_matrix()["ill", "ill"]
        2.0
        """
        graph = self._graph(words)
        labels, closed = classes_of(graph)
        nodes = np.flatnonzero(~closed[labels])
        visits, asked = visits_before(graph, nodes), nodes > graph.start
        return BetweenStates(States(graph.contexts[nodes[asked]], graph.vocabulary), visits[np.ix_(asked, asked)])

    def mean_first_passage_times(self, **words: Unpack[LawWords]) -> BetweenStates:
        """Return how many tokens a walk takes from each state to each other one, on average.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        BetweenStates
            Column j is `hitting_times(j)`: 0 on the diagonal, where `recurrence_times` has the way back.

        Raises
        ------
        ValueError
            If the chain has several classes, or more than 5000 states, and as `stationary`.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        From the visits to all states between two visits to the first, O(S**3), with an error of some S roundings of the
        largest time (Kemeny and Snell, *Finite Markov Chains*, 1960, 4.4). Memory: 100 bytes a pair of states.
        """
        graph = self._graph(words)
        nodes = only_class(graph, "mean_first_passage_times", whole=True)
        asked = nodes > graph.start
        return BetweenStates(graph.states, times_between(graph, nodes)[np.ix_(asked, asked)])

    def recurrence_times(self, **words: Unpack[LawWords]) -> ByState:
        """Return how many tokens a walk takes from each state back to it, on average: inf for transient states.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        ByState
            1 over the share of the state in the stationary distribution of its class (Kac, 1947).

        Raises
        ------
        ImportError, TypeError, ValueError, RuntimeError
            As `stationary_distributions`.
        """
        graph = self._graph(words)
        return graph.by_state(recurrences_of(graph))


def _flags(graph: Graph, nodes: Positions) -> Flags:
    flags = np.zeros(graph.size, np.bool_)
    flags[nodes] = True
    return flags
