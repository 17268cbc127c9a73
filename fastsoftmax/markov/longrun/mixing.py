"""How fast walks forget where they began, and whether they run backwards alike. Needs SciPy."""

from typing import Any, Unpack

import numpy as np

from fastsoftmax import _checks
from fastsoftmax.markov.longrun.answers import BetweenStates
from fastsoftmax.markov.longrun.asked import Asked
from fastsoftmax.markov.longrun.given import flags_of
from fastsoftmax.markov.longrun.graph import only_class, visits_of
from fastsoftmax.markov.longrun.passage import MOST_DENSE, time_to, times_between, visits_to
from fastsoftmax.markov.longrun.spectrum import flows, runs_both_ways, second_eigenvalue, steps_to_mix, tokens_matrix
from fastsoftmax.markov.walking.arguments import LawWords

_NEAR = "a number in [1e-9, 1)"


class Mixing(Asked):
    """How a chain mixes, for `MarkovChain` to inherit: of its one recurrent class, in tokens."""

    def kemeny_constant(self, **words: Unpack[LawWords]) -> float:
        """Return how many tokens a walk takes to a state drawn from the stationary distribution, on average.

        It is the same wherever the walk begins (Kemeny and Snell, *Finite Markov Chains*, 1960, theorem 4.4.10, less
        1: a state is 0 tokens away from itself).

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        float
            Of the recurrent class.

        Raises
        ------
        ValueError
            If there is not one recurrent class, or it has more than 5000 states, and as `stationary`.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        As `mean_first_passage_times`.

        Examples
        --------
        >>> round(MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]]).kemeny_constant(), 9)
        1.666666667
        """
        graph = self._graph(words)
        nodes = only_class(graph, "kemeny_constant")
        times, (_, shares) = times_between(graph, nodes), flows(graph, nodes)
        return float(times[-1, nodes != graph.start] @ shares)

    def spectral_gap(self, **words: Unpack[LawWords]) -> float:
        """Return 1 less the modulus of the second largest eigenvalue: by which share a walk forgets, a token.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        float
            Of the recurrent class: 0 if it is periodic, 1 if it forgets at once.

        Raises
        ------
        ValueError
            If there is not one recurrent class, and as `stationary`.
        RuntimeError
            If the eigenvalues of a large class do not converge.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        All eigenvalues of up to 1000 states, O(S**3); of more the largest two by Arnoldi's method (ARPACK). The error
        is some roundings times the condition of the eigenvalue (Levin, Peres and Wilmer, *Markov Chains and Mixing
        Times*, 2009, 12.1).
        """
        graph = self._graph(words)
        return 1.0 - second_eigenvalue(tokens_matrix(graph, only_class(graph, "spectral_gap")))

    def mixing_time(self, distance: float = 0.25, **words: Unpack[LawWords]) -> int:
        """Return after how many tokens a walk is near to the stationary distribution, wherever it began.

        Parameters
        ----------
        distance : float in [1e-9, 1), default 1/4
            The largest distance in total variation: half of the sum of all differences.
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        int
            Of the recurrent class (Levin, Peres and Wilmer, *Markov Chains and Mixing Times*, 2009, 4.5).

        Raises
        ------
        ValueError
            If there is not one recurrent class, it is periodic, or it has more than 2000 states; and as `stationary`.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        Powers of the matrix, O(S**3 log t) for a time of t tokens.
        Memory: 60 bytes a pair of states, and 8 for each bit of t.
        """
        check = _checks.per_row("distance", distance, (), np.float64, lambda d: (d >= 1e-9) & (d < 1), _NEAR)
        graph = self._graph(words)
        nodes = only_class(graph, "mixing_time")
        matrix, (_, shares) = tokens_matrix(graph, nodes), flows(graph, nodes)
        if len(shares) > 1 and second_eigenvalue(matrix) > 1.0 - 1e-12:
            raise ValueError("the chain is periodic, or as good as, and never mixes; expected an aperiodic one")
        return steps_to_mix(matrix, shares, float(check[0]))

    def sensitivity(self, state: Any, **words: Unpack[LawWords]) -> BetweenStates:
        """Return how the share of time in a state changes with each transition probability.

        Parameters
        ----------
        state : token, or tuple of tokens
            A label, as `states` has them.
        **words
            As in `hitting_probabilities`: the probabilities are those at a temperature, or as samplers leave them.

        Returns
        -------
        BetweenStates
            From i to k it is the derivative of `stationary()[state]` by P[i, k], how likely the token after i leads to
            k, the other probabilities of row i going down in the ratio of the stationary distribution. So if E is added
            to P, and its rows add up to 0, the share changes by the sum of the derivatives times E, but for what is
            quadratic in E.

        Raises
        ------
        KeyError
            If `state` is no state of the chain.
        ValueError
            If there is not one recurrent class, or there are more than 5000 states; and as `stationary`.
        ImportError, TypeError, RuntimeError
            As `hitting_times`.

        Notes
        -----
        pi[i] A[k, state] with the group inverse A of I - P (Meyer, "The role of the group generalized inverse in the
        theory of finite Markov chains", 1975; Caswell, *Sensitivity Analysis: Matrix Methods in Demography and
        Ecology*, 2019, 11), which is pi[state] times the mean time to `state` less the time from k (Cho and Meyer,
        "Markov chain sensitivity measured by mean first passage times", 2000). The error is that of `hitting_times`, of
        the largest time, times both shares. Memory: 8 bytes a pair of states beside that of `hitting_times`.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> found = weather.sensitivity("rain")
        >>> round(found["sun", "rain"] - found["sun", "sun"], 6)  # if it rains more often after sun
        1.388889
        """
        graph = self._graph(words)
        goal = flags_of("state", [state], self._fitted(), graph)
        only_class(graph, "sensitivity")
        size, first = len(graph.states), graph.start + 1
        if size > MOST_DENSE:
            raise ValueError(f"{size} states make a matrix too large, expected at most {MOST_DENSE}")
        shares = visits_of(graph)
        if shares[goal][0] > 0.0:
            times = time_to(graph, goal)
            nearer = shares[goal] * (shares[first:] @ times[first:] - times)
        else:
            nearer = visits_to(graph, int(goal.argmax()))
        return BetweenStates(graph.states, np.outer(shares[first:], nearer[first:]))

    def is_reversible(self, **words: Unpack[LawWords]) -> bool:
        """Whether an endless walk read backwards has the same law: each transition is as frequent as the one back.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        bool
            Whether pi[i] P[i, j] = pi[j] P[j, i] within a share of 1e-12, in the recurrent class (Kolmogorov, 1936).

        Raises
        ------
        ImportError, TypeError, ValueError, RuntimeError
            As `stationary`, and if there is not one recurrent class.
        """
        graph = self._graph(words)
        return runs_both_ways(flows(graph, only_class(graph, "is_reversible"))[0])
