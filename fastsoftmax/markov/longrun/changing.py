"""Chains made of a chain: of groups of its states, lazy, read backwards, or reversible. Needs SciPy."""

from typing import Any, NamedTuple, Self, Unpack

import numpy as np

from fastsoftmax import _checks
from fastsoftmax._types import Counts, Floats, Positions
from fastsoftmax.kernels.markov.condition import edge_masses
from fastsoftmax.markov.counts.counting import counted_pairs
from fastsoftmax.markov.counts.labels import Labels
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import BOUNDARY, MAX_TOTAL, table
from fastsoftmax.markov.counts.vocabulary import Vocabulary, names_of
from fastsoftmax.markov.counts.weights import denominator_of
from fastsoftmax.markov.longrun.asked import Asked
from fastsoftmax.markov.longrun.given import numbers_of
from fastsoftmax.markov.longrun.graph import only_class
from fastsoftmax.markov.longrun.lumping import difference, groups_of
from fastsoftmax.markov.longrun.spectrum import flows
from fastsoftmax.markov.walking.arguments import LawWords


class _Edges(NamedTuple):
    """The transitions of a chain of order 1, as ids: -1 is the beginning of a sequence as a source, its end else."""

    sources: Positions
    targets: Positions
    weights: Counts  # counts as they are at temperature 1, else probabilities
    chances: Floats
    vocabulary: Vocabulary | None


class Changing(Asked):
    """Chains made of a chain, for `MarkovChain` to inherit. They are of order 1."""

    def lumped(self, groups: Any, *, tolerance: float = 1e-9, **words: Unpack[LawWords]) -> Self:
        """Return the chain of the groups that states are in, where the groups of a walk are a Markov chain.

        That is where all states of a group go to each group with the same probability, and end with the same.

        Parameters
        ----------
        groups : dict {state: group}, Series, or list of lists of states
            Each state once. A group is a str or an int; the groups of a list are 0, 1, 2, ...
        tolerance : float in [0, 1], default 1e-9
            By how much the probabilities may differ.
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

        Returns
        -------
        MarkovChain
            Its states are the groups. At temperature 1 its counts are sums of the counts of the chain, with nothing
            rounded: those of the sequences in which each token is replaced by its group.

        Raises
        ------
        KeyError
            If `groups` has what is no state.
        ValueError
            If a state is in no group or in two, or the groups are no chain: the message names two states of one group
            and the group that they differ on. If the order is not 1.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        Strong lumpability (Kemeny and Snell, *Finite Markov Chains*, 1960, theorem 6.3.2), O(E log E). Where states
        differ within the tolerance, each counts by how often it was seen, or all alike at another temperature.
        Memory: 200 bytes a transition.

        Examples
        --------
        >>> days = MarkovChain.from_matrix([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]], ["sun", "rain", "snow"])
        >>> days.lumped({"sun": "dry", "rain": "wet", "snow": "wet"}).next_tokens("wet")
        (['wet', 'dry'], array([0.9, 0.1]))
        """
        allowed = float(_checks.fraction_per_row("tolerance", tolerance)[0])
        graph, edges, known = self._graph(words), self._edges(words, "lump its states"), Labels()
        group, names = groups_of(groups, graph.states, known)
        states = graph.contexts[graph.start + 1 :, 0]
        own = edges.sources != BOUNDARY
        place, to = np.searchsorted(states, edges.sources[own]), np.searchsorted(states, edges.targets)
        to = np.where(edges.targets == BOUNDARY, len(names), group[np.minimum(to, group.size - 1)])
        if own.any():
            gap, one, other, goal, most, least = difference(place, to[own], edges.chances[own], group)
            if gap > allowed:
                labels, shown = graph.states.labels, names_of(names, known.vocabulary())
                where = "ends" if goal == len(names) else f"is followed by group {shown[goal]!r}"
                raise ValueError(
                    f"groups has {labels[one]!r} and {labels[other]!r} in group {shown[group[one]]!r}, but the former "
                    f"{where} with probability {most:.6g}, the latter with {least:.6g}; expected the same within "
                    f"{allowed:g}"
                )
        ids = np.append(np.array(names, np.int64), BOUNDARY)
        sources = np.full(own.size, BOUNDARY, np.int64)
        sources[own] = ids[group[place]]
        return self._of(Model(table(counted_pairs(sources, ids[to], edges.weights)), known.vocabulary()))

    def lazy(self, stay: Any = 0.5, **words: Unpack[LawWords]) -> Self:
        """Return the chain that stays where it is with some probability, and takes a step otherwise.

        It has a period of 1 where it may stay; and if it may do so in all states alike, the stationary distributions of
        the chain.

        Parameters
        ----------
        stay : float in [0, 1], (S,) array_like of them, dict {state: float} or Series, default 1/2
            How likely it stays, in all states or in each; 0 in those that a dict does not have.
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`.

        Returns
        -------
        MarkovChain
            Walks begin as they did, and a dead end stays one. Of counts at temperature 1 it has counts, with nothing
            rounded, if each `stay` is a fraction of one number up to a million.

        Raises
        ------
        KeyError
            If `stay` has what is no state.
        ValueError
            If `stay` is out of range, or the order is not 1.
        ImportError, TypeError
            As `stationary`.

        Notes
        -----
        s I + (1 - s) P (Levin, Peres and Wilmer, *Markov Chains and Mixing Times*, 2009, 1.3), O(E log E).
        Memory: 200 bytes a transition.

        Examples
        --------
        >>> MarkovChain.from_matrix([[0, 1], [1, 0]]).lazy(0.25).next_tokens(0)
        ([1, 0], array([0.75, 0.25]))
        """
        graph, edges = self._graph(words), self._edges(words, "make it lazy")
        stays = numbers_of("stay", stay, graph, 0.0, 1.0)[: len(graph.contexts)]  # walks stay at an end anyway
        places = np.searchsorted(graph.contexts[:, 0], edges.sources)
        weights, sums = edges.weights, np.bincount(places, edges.weights, len(graph.contexts))
        rest: Counts
        parts = denominator_of(stays) if weights.dtype == np.int64 else None
        if parts is not None and parts * float(sums.sum()) <= MAX_TOTAL:
            held = np.rint(stays * parts).astype(np.int64)
            weights, rest = weights * (parts - held)[places], held * sums.astype(np.int64)
        else:
            weights, rest = weights * (1.0 - stays)[places], stays * sums
        some, loops = np.flatnonzero(weights), np.flatnonzero(rest)
        ids = graph.contexts[loops, 0].astype(np.int64)
        merged = counted_pairs(
            np.append(edges.sources[some], ids),
            np.append(edges.targets[some], ids),
            np.append(weights[some], rest[loops]),
        )
        return self._of(Model(table(merged), edges.vocabulary))

    def reversed(self, **words: Unpack[LawWords]) -> Self:
        """Return the chain of an endless walk that is read backwards.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        MarkovChain
            Of order 1, without a start, with the states of the recurrent class: P*[j, i] = pi[i] P[i, j] / pi[j]
            (Norris, *Markov Chains*, 1997, theorem 1.9.1).

        Raises
        ------
        ValueError
            If the order is not 1, or there is not one recurrent class.
        ImportError, TypeError, RuntimeError
            As `stationary`.
        """
        sources, targets, flow, vocabulary = self._flows(words, "reversed", "read it backwards")
        return self._of(Model(table(counted_pairs(targets, sources, flow)), vocabulary))

    def reversibilized(self, **words: Unpack[LawWords]) -> Self:
        """Return the nearest reversible chain with the same stationary distribution: half of it runs backwards.

        Parameters
        ----------
        **words
            As in `hitting_probabilities`.

        Returns
        -------
        MarkovChain
            Of order 1, without a start, with the states of the recurrent class: (P + P*) / 2, where P* is `reversed()`.

        Raises
        ------
        ValueError
            If the order is not 1, or there is not one recurrent class.
        ImportError, TypeError, RuntimeError
            As `stationary`.

        Notes
        -----
        The additive reversibilization (Fill, "Eigenvalue bounds on convergence to stationarity for nonreversible Markov
        chains", 1991). Q is reversible with the shares pi where D Q / D is symmetric, with D = diag(sqrt(pi)), and
        D (P + P*) / 2 / D is the symmetric part of D P / D. So no reversible Q with these shares has a smaller sum of
        pi[i] / pi[j] (P[i, j] - Q[i, j])**2, the weighted norm of Nielsen and Weber ("Computing the nearest reversible
        Markov chain", 2015). Their other norm has no weights, and needs a quadratic program.

        Examples
        --------
        >>> ring = MarkovChain.from_matrix([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
        >>> ring.reversibilized().next_tokens(0)
        ([1, 2], array([0.5, 0.5]))
        """
        sources, targets, flow, vocabulary = self._flows(words, "reversibilized", "make it reversible")
        both = counted_pairs(np.append(sources, targets), np.append(targets, sources), np.append(flow, flow))
        return self._of(Model(table(both), vocabulary))

    def _flows(
        self, words: LawWords, name: str, purpose: str
    ) -> tuple[Positions, Positions, Floats, Vocabulary | None]:
        """Return the steps of the one recurrent class, as ids of tokens, and how often each is taken, of all."""
        graph = self._graph(words)
        if graph.contexts.shape[1] != 1:
            raise ValueError(f"the chain has order {graph.contexts.shape[1]}, expected 1 to {purpose}")
        nodes = only_class(graph, name)
        flow = flows(graph, nodes)[0].tocoo()
        ids = graph.contexts[nodes[nodes != graph.start], 0].astype(np.int64)
        return ids[flow.row], ids[flow.col], flow.data, graph.vocabulary

    def _edges(self, words: LawWords, purpose: str) -> _Edges:
        """Return the transitions that the words keep."""
        (transitions, vocabulary, _), filters = self._at(words)
        if transitions.order != 1:
            raise ValueError(f"the chain has order {transitions.order}, expected 1 to {purpose}")
        chances = np.empty(transitions.tokens.size)
        edge_masses(transitions.rows, filters, chances)
        sources = np.repeat(transitions.contexts[:, 0], np.diff(transitions.offsets)).astype(np.int64)
        kept = chances > 0.0
        chances = chances[kept]
        weights = transitions.counts[kept] if filters.temperature == 1.0 else chances.copy()
        return _Edges(sources[kept], transitions.tokens[kept].astype(np.int64), weights, chances, vocabulary)

    @classmethod
    def _of(cls, model: Model) -> Self:
        raise NotImplementedError
