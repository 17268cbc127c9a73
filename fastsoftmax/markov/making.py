"""How a chain is made of what is no sequence: weights by hand, a matrix, edges, a graph, an autoregressive process."""

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from fastsoftmax.markov.counts import autoregressive, mapping
from fastsoftmax.markov.counts import matrix as matrices
from fastsoftmax.markov.counts.counting import ordered
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import table


class Making:
    """Ways to make a chain, for `MarkovChain` to inherit."""

    @classmethod
    def _of(cls, model: Model) -> Self:
        raise NotImplementedError

    @classmethod
    def from_transitions(
        cls, transitions: Mapping[Any, Mapping[Any, float]], *, start: Mapping[Any, float] | None = None
    ) -> Self:
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

    @classmethod
    def from_matrix(cls, matrix: Any, states: Any = None, *, start: Any = None) -> Self:
        """Make a chain of order 1 from a transition matrix: entry (i, j) is how likely, or how often, j comes after i.

        Parameters
        ----------
        matrix : (n, n) array_like, SciPy sparse matrix or array, or DataFrame
            Probabilities, which add up to 1 in each row within 1e-9 (in float32 and float16: within what their digits
            allow), or whole numbers in all rows: counts, as of a crosstab. A row of zeros is a dead end. The labels of
            a DataFrame are the states; its columns may be in another order than its rows, and a state may be among
            the columns alone.
        states : sequence of str or of int, length n, optional
            The states in the order of the rows; by default 0 to n - 1.
        start : dict, {state: weight}, or (n,) array_like, optional
            How likely each state is to start a walk. By default the chain has no beginning: walks start in any state
            that has transitions, all alike, and `log_likelihood` holds every first token to be impossible.

        Returns
        -------
        MarkovChain

        Raises
        ------
        KeyError
            If `start` names a state that has no transition.
        TypeError, ValueError
            If `matrix` is none, an entry is negative or not finite, a row is neither, or a label is no str or int or
            stands there twice; the message names the state and the value.

        Notes
        -----
        Probabilities that are fractions of one number up to a million, as 0.9 and 0.1 are, become counts: nothing is
        rounded, and `merge` adds them exactly. Others stay float64, and are divided by the sum of their row.
        O(n**2), or O(E log E) for E entries of a sparse matrix, which is never made dense.
        Memory: 110 bytes an entry that is not 0, and 200 a str label.

        Examples
        --------
        >>> weather = MarkovChain.from_matrix([[0.9, 0.1], [0.5, 0.5]], ["sun", "rain"])
        >>> weather.next_tokens("rain", temperature=0.5)
        (['sun', 'rain'], array([0.5, 0.5]))
        """
        return cls._of(matrices.model_of_matrix(matrix, states, start))

    @classmethod
    def from_edges(
        cls, sources: Any, targets: Any, weights: Any = 1, *, start: Mapping[Any, float] | None = None
    ) -> Self:
        """Make a chain of order 1 from a list of edges: columns of an array, a DataFrame, a table.

        Parameters
        ----------
        sources, targets : (E,) array_like of str or of int in [0, 2**31 - 1)
            What each edge leads from, and to. str are numbered by first appearance, sources before targets.
        weights : number or (E,) array_like, default 1
            Finite and not below 0; they need not add up to 1. Edges between the same states are added up.
        start : dict, {state: weight}, optional
            As of `from_matrix`.

        Returns
        -------
        MarkovChain

        Raises
        ------
        KeyError
            If `start` names a state that has no transition.
        TypeError, ValueError
            If the columns have different lengths, or something else is no label or no weight, naming the place.

        Notes
        -----
        O(E): pairs are packed into 64 bits, sorted by their digits, and counted.
        Memory: 48 bytes an edge, 80 with weights; of str another 20, and 200 a different one.

        Examples
        --------
        >>> chain = MarkovChain.from_edges(["a", "a", "b"], ["b", "a", "a"], [3, 1, 2])
        >>> chain.next_tokens("a")
        (['b', 'a'], array([0.75, 0.25]))
        """
        return cls._of(matrices.model_of_edges(sources, targets, weights, start))

    @classmethod
    def from_graph(cls, graph: Any, weight: str | None = "weight", *, start: Mapping[Any, float] | None = None) -> Self:
        """Make a chain of order 1 from a networkx graph: a walk takes an edge as often as its weight says.

        Parameters
        ----------
        graph : networkx.Graph, DiGraph, MultiGraph or MultiDiGraph
            Its nodes are str, or int in [0, 2**31 - 1). An edge without a direction leads both ways.
        weight : str or None, default "weight"
            The attribute that is the weight of an edge, 1 where an edge has none; None: all edges have 1.
        start : dict, {state: weight}, optional
            As of `from_matrix`.

        Returns
        -------
        MarkovChain

        Raises
        ------
        KeyError
            If `start` names a state that has no transition.
        TypeError, ValueError
            If `graph` is none or has no edge, or a node or a weight is not as above, naming it.

        Notes
        -----
        O(E); parallel edges of a multigraph are added up. `from_edges` is faster where there are columns.
        Memory: 200 bytes an edge.
        """
        return cls._of(matrices.model_of_graph(graph, weight, start))

    @classmethod
    def tauchen(
        cls, n: int, rho: float, sigma: float, mu: float = 0.0, n_std: float = 3.0
    ) -> tuple[Self, npt.NDArray[np.float64]]:
        """Make a chain for y' = mu + rho y + e, with e normal, by Tauchen's method.

        Parameters
        ----------
        n : int in [2, 2000]
            How many values y may have.
        rho : float in (-1, 1)
            How much of y stays.
        sigma : float > 0
            The standard deviation of e, whose mean is 0.
        mu : float, default 0
            What is added: the mean of y is mu / (1 - rho).
        n_std : float > 0, default 3
            How far the values reach from the mean, in standard deviations of y.

        Returns
        -------
        chain : MarkovChain
            Its states are 0 to n - 1.
        values : (n,) float64 array
            What y is in each: ``values[chain.walk(length=100).ids]`` are paths of y.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range.

        Notes
        -----
        Values in equal distances; a row is the share of the normal distribution that is nearer to each value than to
        others, and the rest of a tail is that of the last one (Tauchen, "Finite state Markov-chain approximations to
        univariate and vector autoregressions", 1986). Each probability is right to some roundings, relative to the
        tail that it is a part of. O(n**2).
        Memory: 150 bytes a pair of values.

        Examples
        --------
        >>> chain, values = MarkovChain.tauchen(3, rho=0.5, sigma=1.0)
        >>> values.round(3)
        array([-3.464,  0.   ,  3.464])
        >>> chain.to_sparse().toarray().round(3)
        array([[0.5  , 0.5  , 0.   ],
               [0.042, 0.917, 0.042],
               [0.   , 0.5  , 0.5  ]])
        """
        process, reach = autoregressive.checked(n, rho, sigma, mu), autoregressive.above_0("n_std", n_std)
        matrix = autoregressive.tauchen_matrix(process, reach)
        return cls._of(matrices.model_of_matrix(matrix, None, None)), process.values(reach)

    @classmethod
    def rouwenhorst(cls, n: int, rho: float, sigma: float, mu: float = 0.0) -> tuple[Self, npt.NDArray[np.float64]]:
        """Make a chain for y' = mu + rho y + e, with e normal, by Rouwenhorst's method.

        Its y has exactly the mean, the standard deviation and the correlation rho of the process, also where rho is
        near 1.

        Parameters
        ----------
        n, rho, sigma, mu
            As in `tauchen`.

        Returns
        -------
        chain : MarkovChain
            Its states are 0 to n - 1.
        values : (n,) float64 array
            What y is in each.

        Raises
        ------
        TypeError, ValueError
            If an argument is out of range.

        Notes
        -----
        The number of heads of n - 1 coins, each of which stays as it is with probability (1 + rho) / 2 (Rouwenhorst,
        "Asset pricing implications of equilibrium business cycle models", 1995; Kopecky and Suen, "Finite state
        Markov-chain approximations to highly persistent processes", 2010). Each probability is right to some n
        roundings. O(n**3).
        Memory: 150 bytes a pair of values.

        Examples
        --------
        >>> chain, values = MarkovChain.rouwenhorst(3, rho=0.5, sigma=1.0)
        >>> chain.next_tokens(1)
        ([1, 0, 2], array([0.625 , 0.1875, 0.1875]))
        """
        process = autoregressive.checked(n, rho, sigma, mu)
        matrix = autoregressive.rouwenhorst_matrix(process)
        return cls._of(matrices.model_of_matrix(matrix, None, None)), process.values(math.sqrt(process.n - 1))
