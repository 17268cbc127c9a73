"""What walks give on average: functions of the state over time, rewards, transitions. Needs SciPy."""

from typing import Any, Unpack

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Floats
from fastsoftmax.markov.longrun.answers import ByState
from fastsoftmax.markov.longrun.asked import Asked
from fastsoftmax.markov.longrun.balance import sparse
from fastsoftmax.markov.longrun.given import first_of, numbers_of
from fastsoftmax.markov.longrun.graph import transitions_of, visits_of
from fastsoftmax.markov.longrun.passage import discounted
from fastsoftmax.markov.longrun.steps import MOST_STEPS, steps_of
from fastsoftmax.markov.walking.arguments import LawWords


class Averages(Asked):
    """Means over walks, for `MarkovChain` to inherit.

    A function of the state is {state: number}, or a Series, with 0 for all states that are not there, or an array in
    the order of `states`. Where a chain has a start, walks go on from it after an end or a dead end, without a token
    between; where it has none, they stop there.
    """

    def expected_values(self, values: Any, steps: int, start: Any = None, **words: Unpack[LawWords]) -> Floats:
        """Return the mean of a function of the state after 0, 1, 2, ... tokens.

        Parameters
        ----------
        values : dict {state: number}, Series, or (S,) array_like
            The function; a dict is 0 at all other states.
        steps : int
            After how many tokens the last mean is, at least 0.
        start, **words
            As in `distribution`.

        Returns
        -------
        (steps + 1,) float64 array
            Entry t is the sum of `values` times `distribution(t, start)`.

        Raises
        ------
        KeyError
            If the start was never seen, or `values` has what is no state.
        ImportError, TypeError, ValueError
            As `stationary`, and if a value is not finite.

        Notes
        -----
        mu P**t f, O(E) a token, right to some t roundings of the largest value: the relaxation of f, as in Noé et al.,
        "Dynamical fingerprints for probing individual relaxation processes", 2011. Memory: 300 bytes a transition.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> weather.expected_values({"rain": 1}, 3, start="rain")
        array([1.  , 0.5 , 0.3 , 0.22])
        """
        count, graph = _checks.integer("steps", steps, 0, MOST_STEPS), self._graph(words)
        shares, function = first_of(start, self._fitted(), graph), numbers_of("values", values, graph)
        step, found = steps_of(graph), np.empty(count + 1)
        for time in range(count + 1):
            found[time] = shares @ function
            shares = step.forward(shares)
        return found

    def time_correlations(
        self, values: Any, steps: int, other: Any = None, *, start: Any = None, **words: Unpack[LawWords]
    ) -> Floats:
        """Return the mean of one function of the state now times another one 0, 1, 2, ... tokens later.

        Parameters
        ----------
        values : dict {state: number}, Series, or (S,) array_like
            The function of the state now; a dict is 0 at all other states.
        steps : int
            After how many tokens the last mean is, at least 0.
        other : dict {state: number}, Series, or (S,) array_like, optional
            The function of the state later; by default the same.
        start : token, sequence of tokens, or dict {state: weight}, optional
            Where a walk is now; by default in each state by its share of time, `stationary()`.
        **words
            As in `distribution`.

        Returns
        -------
        (steps + 1,) float64 array
            Covariances, if the mean was taken from the values: ``values - values @ shares`` with
            ``shares = chain.stationary().array``. Correlations, if they are divided by the first of them, too.

        Raises
        ------
        KeyError
            If the start was never seen, or `values` or `other` has what is no state.
        ImportError, TypeError, ValueError, RuntimeError
            As `stationary`, and if a value is not finite.

        Notes
        -----
        E[f(X_0) g(X_t)] = sum_i mu[i] f[i] (P**t g)[i], O(E) a token, right to some t roundings of the largest product
        (Noé et al., "Dynamical fingerprints for probing individual relaxation processes", 2011).
        Memory: 300 bytes a transition.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> weather.time_correlations([1, -5], 2)  # the mean is 0
        array([5. , 2. , 0.8])
        """
        count, graph = _checks.integer("steps", steps, 0, MOST_STEPS), self._graph(words)
        shares = visits_of(graph) if start is None else first_of(start, self._fitted(), graph)
        now = shares * numbers_of("values", values, graph)
        later = numbers_of("values" if other is None else "other", values if other is None else other, graph)
        step, found = steps_of(graph), np.empty(count + 1)
        for time in range(count + 1):
            found[time] = now @ later
            now = step.forward(now)
        return found

    def expected_rewards(
        self, rewards: Any, steps: int | None = None, *, discount: float = 1.0, **words: Unpack[LawWords]
    ) -> ByState:
        """Return what a walk from each state earns on average, if each state gives a reward.

        Parameters
        ----------
        rewards : dict {state: number}, Series, or (S,) array_like
            What a walk gets where it begins, and with each token that leads to a state; a dict is 0 at all others.
        steps : int, optional
            How many tokens it takes, at least 0; by default it goes on for ever, which needs a discount below 1.
        discount : float in [0, 1], default 1
            What the reward of a token is worth one token earlier.
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

        Returns
        -------
        ByState
            A walk that has stopped earns nothing more.

        Raises
        ------
        KeyError
            If `rewards` has what is no state.
        ValueError
            If a reward is not finite, or `discount` is 1 and `steps` is not given.
        RuntimeError
            If the equations of more than 1000 states cannot be solved to a remainder of 1e-9.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        The sum of discount**t P**t r for t from 0 to `steps` (Howard, *Dynamic Programming and Markov Processes*, 1960,
        2), by O(E) a token, right to some `steps` roundings; or v = r + discount P v, solved as `hitting_times`: gains
        and losses apart, each right to a share of S roundings up to 1000 states, to 1e-9 / (1 - discount) of the
        largest reward with more. Memory: as `hitting_probabilities`.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> weather.expected_rewards({"sun": 1}, 2)
        {'sun': 2.76, 'rain': 1.2}
        >>> weather.expected_rewards({"sun": 1}, discount=0.5)
        {'sun': 1.875, 'rain': 0.625}
        """
        factor = float(_checks.fraction_per_row("discount", discount)[0])
        count = None if steps is None else _checks.integer("steps", steps, 0)
        if count is None and factor == 1.0:
            raise ValueError("discount is 1, expected a number in [0, 1) for a walk without an end, or steps")
        graph = self._graph(words)
        gains = numbers_of("rewards", rewards, graph)
        if count is None:
            return graph.by_state(discounted(graph, gains, factor))
        step, sums = steps_of(graph), gains
        for _ in range(count):
            sums = gains + factor * step.backward(sums)
        return graph.by_state(sums)

    def expected_transitions(self, steps: int, start: Any = None, **words: Unpack[LawWords]) -> Any:
        """Return how often a walk takes each transition on average, within some tokens.

        Parameters
        ----------
        steps, start, **words
            As in `distribution`.

        Returns
        -------
        (S, S) scipy.sparse.csr_array of float64
            Rows and columns are in the order of `states`. They add up to `steps`, less how often the next token is the
            first of a sequence, or comes after a dead end, or there is none.

        Raises
        ------
        KeyError
            If the start was never seen.
        ImportError, TypeError, ValueError
            As `stationary`.

        Notes
        -----
        The sum of (mu P**t)[i] P[i, j] for t below `steps`, O(E) a token. Memory: 300 bytes a transition.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> weather.expected_transitions(2, "rain").toarray()
        array([[0.45, 0.05],
               [0.75, 0.75]])
        """
        count, graph = _checks.integer("steps", steps, 0), self._graph(words)
        shares, step, visits = first_of(start, self._fitted(), graph), steps_of(graph), np.zeros(graph.size)
        for _ in range(count):
            visits += shares
            shares = step.forward(shares)
        sources, targets, probabilities = transitions_of(graph)
        return sparse(visits[graph.start + 1 :][sources] * probabilities, sources, targets, len(graph.states))
