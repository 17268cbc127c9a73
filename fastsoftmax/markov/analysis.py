"""What a chain does in the long run: shares of time, entropy, classes and periods. Needs SciPy.

Everything here is about the endless walk, `walk(on_dead_end="restart")`, as a graph. Its nodes are the states with a row,
its edges the transitions that the cut-offs keep. After an end or a dead end a walk goes on from the start, so those edges
lead to the start state, which is a node although it emits no token. A long run is counted in tokens: the start takes no
time, and dead ends take time, although they have no row.

    graph       numpy over all edges at once: weights, cut-offs, probabilities
    classes     strongly connected components (`scipy.sparse.csgraph`)
    solution    elimination of states without subtractions, as in the algorithm of Grassmann, Taksar and Heyman
                ("Regenerative analysis and steady state distributions for Markov chains", Operations Research 33,
                1985), down to a dense matrix or to a core where it would fill up; that one by iteration
"""

import importlib
import math
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax.kernels.table import Cut, row_weights
from fastsoftmax.markov.model import Model, restart_state
from fastsoftmax.markov.states import ids_of, state_of
from fastsoftmax.markov.transitions import BOUNDARY, Transitions
from fastsoftmax.markov.walks import checked_cut

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Sparse = Any  # scipy.sparse.csr_array

_DENSE, _LARGEST_DENSE = 1000, 4000  # states: of a matrix that is cheap, and of one that is still fine
_MOST_EDGES = 4_000_000  # of a core that elimination fills up
_LEAST_ROUND = 0.02  # of the states: a round of elimination that takes fewer is not worth it
_BLOCK = 64
_FIRST_SWEEPS, _SWEEPS, _CYCLES = 300, 30, 30
_TOLERANCE = 1e-12
_TIE = 1e-12  # relative: nearer to a cut than this, a weight is on it or rounding decides


class CommunicatingClass(NamedTuple):
    """States that all lead to one another.

    Attributes
    ----------
    states : int64 array
        The rows of `chain.transitions.contexts`, in order.
    recurrent : bool
        Whether no transition leaves the class (it is closed): a walk that comes in stays in and returns to every state
        for ever. From a class that is not, a transient one, every endless walk is gone sooner or later.
    """

    states: Integers
    recurrent: bool


class _Chain(Protocol):
    def _fitted(self) -> Model: ...


class Analysis:
    """The long run of a chain, for `MarkovChain` to inherit."""

    def stationary(
        self: _Chain, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
    ) -> Floats:
        """Return the share of time that an endless walk, `walk(on_dead_end="restart")`, spends in each state.

        It is the limit of how often a state is seen in a long walk, over the number of tokens: the average over time,
        which periodic chains have too. If walks from the start may end up in several recurrent classes, it is the
        average over walks, each class weighted by how likely walks from the start are to be absorbed there. A chain
        without a start must have one recurrent class.

        Parameters
        ----------
        temperature, top_k, top_p, min_p
            As in `walk`.

        Returns
        -------
        (S,) float64 array
            Entry s is of row s of `chain.transitions.contexts`. The start, (-1, ..., -1), has 0, since it emits no
            token. The sum is 1, less the share of the dead ends: no row is theirs.

        Raises
        ------
        ImportError
            If SciPy is not there.
        ValueError
            If the chain is empty, an argument is out of range, a walk may end and has no start to go on from, or there
            is neither a start nor exactly one recurrent class.
        RuntimeError
            If a class is too large to solve directly, and iteration does not converge.

        Notes
        -----
        The start is censored (Kemeny and Snell, *Finite Markov Chains*, 1960, section 6.1): solved for as a state, then
        left out. Classes of up to 1000 states are solved by the algorithm of Grassmann, Taksar and Heyman, O(S**3)
        without subtractions: every entry is right to about S units of rounding, however small it or the probabilities
        are. Of larger ones, states that have few neighbours are eliminated in the same way, and the rest is iterated:
        O(E) a step for E transitions, until a cycle of steps on all scales changes less than 1e-12 in all. Either way
        the result is refused if it is not balanced to 1e-12 in all.

        Examples
        --------
        >>> weather = MarkovChain.from_transitions({"sun": {"sun": 0.9, "rain": 0.1}, "rain": {"sun": 1.0}})
        >>> weather.stationary().round(4)  # the start, sun, rain
        array([0.    , 0.9091, 0.0909])
        """
        graph = _graph(self._fitted().transitions, checked_cut(temperature, top_k, top_p, min_p))
        shares = _visits(graph)
        if graph.start >= 0:
            shares[graph.start] = 0.0
        return shares

    def entropy_rate(
        self: _Chain,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
        base: float = 2.0,
    ) -> float:
        """Return the entropy of an endless walk per token: in bits, or in units of the logarithm to another base.

        It is how many bits a token takes, on average, to write down walks and where each of them ends: the expected
        -log2 P of a sequence with its end, as `log_likelihood` has it, over the expected number of tokens.

        Parameters
        ----------
        temperature, top_k, top_p, min_p
            As in `walk`.
        base : float > 1
            2 is bits, math.e is nats.

        Returns
        -------
        float
            At least 0, which is a walk without choices.

        Raises
        ------
        ImportError, ValueError, RuntimeError
            As `stationary`, and if `base` is not such a number.

        Notes
        -----
        sum_s pi[s] H(s) + r H(start) (Shannon, "A mathematical theory of communication", 1948, section 7), where
        pi = `stationary()`, H(s) is the entropy of row s, the end being one of its outcomes, and r how often a token a
        walk draws from the start: after every end and dead end, and again after an end right there. An end is a choice
        like any other. Read without its ends, the bare tokens of a walk tell less where a token may both follow and
        begin: their entropy is at most this, and the same where walks never end. O(E) beside `stationary`.

        Examples
        --------
        >>> MarkovChain.from_transitions({"heads": {"heads": 1, "tails": 1}, "tails": {"heads": 1}}).entropy_rate()
        0.6666666666666666
        """
        number = _checks.per_row("base", base, (), np.float64, lambda b: (b > 1) & (b < math.inf), "a number > 1")
        graph = _graph(self._fitted().transitions, checked_cut(temperature, top_k, top_p, min_p))
        of_edges = _scipy("special").entr(graph.probabilities)
        return float(_visits(graph) @ np.bincount(graph.sources, of_edges, graph.size) / np.log(number[0]))

    def communicating_classes(
        self: _Chain, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
    ) -> list[CommunicatingClass]:
        """Return the classes of states that lead to one another, the recurrent ones first, then by smallest state.

        Parameters
        ----------
        temperature, top_k, top_p, min_p
            As in `walk`. Transitions that they cut lead nowhere.

        Returns
        -------
        list of CommunicatingClass
            Each a pair (states, recurrent). Every row of `chain.transitions.contexts` is in one class. The start is a
            state too: that of ends and dead ends, from where walks go on.

        Raises
        ------
        ImportError
            If SciPy is not there.
        ValueError
            If the chain is empty, an argument is out of range, or a walk may end and has no start to go on from.

        Notes
        -----
        O(S + E): the strongly connected components (Tarjan, "Depth-first search and linear graph algorithms", 1972).

        Examples
        --------
        >>> chain = MarkovChain.from_transitions({0: {0: 1, 1: 1}, 1: {2: 1}, 2: {1: 1}})
        >>> [(states.tolist(), recurrent) for states, recurrent in chain.communicating_classes()]
        [([2, 3], True), ([0], False), ([1], False)]
        """
        labels, closed = _classes(_graph(self._fitted().transitions, checked_cut(temperature, top_k, top_p, min_p)))
        members = _members(labels, closed.size)
        order = sorted(range(closed.size), key=lambda label: (not closed[label], members[label][0]))
        return [CommunicatingClass(members[label], bool(closed[label])) for label in order]

    def period(
        self: _Chain,
        state: Any = None,
        *,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        min_p: float = 0.0,
    ) -> int:
        """Return the period of a state: the greatest common divisor of the numbers of tokens until walks are back.

        All states of a class have the same. 1 is an aperiodic class: where a walk is tells nothing of the time.

        Parameters
        ----------
        state : token or sequence of tokens, optional
            As `start` of `walk`; () is the beginning of a sequence. By default any state of the recurrent class.
        temperature, top_k, top_p, min_p
            As in `walk`. Transitions that they cut lead nowhere.

        Returns
        -------
        int
            0 for a state that no walk comes back to.

        Raises
        ------
        ImportError
            If SciPy is not there.
        KeyError
            If nothing was seen after the state, with near matches.
        ValueError
            As `communicating_classes`, and if no state is given and there is not exactly one recurrent class.

        Notes
        -----
        O(S + E): of all edges inside the class, the greatest common divisor of how much longer the way from one state
        is by that edge than by the fewest (Denardo, "Periods of connected networks and powers of nonnegative matrices",
        Mathematics of Operations Research 2, 1977).

        Examples
        --------
        >>> MarkovChain.from_transitions({"tick": {"tock": 1}, "tock": {"tick": 1}}).period()
        2
        """
        table, vocabulary = self._fitted()
        cut = checked_cut(temperature, top_k, top_p, min_p)
        row = None
        if state is not None:
            row = state_of("state", ids_of("state", state, vocabulary), table, vocabulary, may_be_dead_end=False)
        graph = _graph(table, cut)
        labels, closed = _classes(graph)
        if row is None:
            if closed.sum() != 1:
                raise ValueError(f"state is None and the chain has {closed.sum()} recurrent classes, expected a state")
            row = int(np.flatnonzero(closed[labels])[0])
        return _period(graph, labels == labels[row], row)


def _scipy(part: str) -> Any:
    try:
        return importlib.import_module(f"scipy.{part}")
    except ImportError:
        raise ImportError("the analysis of a chain needs SciPy: pip install 'fastsoftmax[analysis]'") from None


class _Graph(NamedTuple):
    """The endless walk: an edge for every transition that the cut keeps, all of positive probability."""

    size: int
    start: int  # or -1
    sources: Integers
    targets: Integers
    probabilities: Floats
    emits: Flags  # a token: not the end
    restarts: Flags  # after the end or a dead end

    def matrix(self, edges: Flags | slice = slice(None)) -> Sparse:
        """Return the probabilities of some edges, (size, size)."""
        ends = self.sources[edges], self.targets[edges]
        return _scipy("sparse").csr_array((self.probabilities[edges], ends), shape=(self.size, self.size))


def _graph(table: Transitions, cut: Cut) -> _Graph:
    """Return the graph of the endless walk; ValueError if it ends and has nowhere to go on from."""
    sources = np.repeat(np.arange(len(table.contexts)), np.diff(table.offsets))
    weights = _weights(table, cut)
    probabilities = weights / np.bincount(sources, weights)[sources]
    kept = probabilities > 0.0
    targets = table.targets[kept].astype(np.int64)
    restarts = targets < 0
    start = restart_state(table, cut) if restarts.any() else table.find(np.full(table.order, BOUNDARY, np.int32))
    targets[restarts] = start
    emits = table.tokens[kept] != BOUNDARY
    return _Graph(len(table.contexts), start, sources[kept], targets, probabilities[kept], emits, restarts)


def _weights(table: Transitions, cut: Cut) -> Floats:
    """Return the weights of all edges, each row relative to any common factor, 0 for those that are cut.

    Rounding decides about a weight that lies on a cut: there a row is computed as walks and `next_tokens` do it.
    """
    starts, sizes = table.offsets[:-1], np.diff(table.offsets)
    counts = table.counts.astype(np.float64)
    rank = np.arange(counts.size) - np.repeat(starts, sizes)
    largest = np.repeat(counts[starts], sizes)
    if cut.temperature == 0.0:
        return (rank == 0).astype(np.float64)
    weights = counts if cut.temperature == 1.0 else _tempered(counts, largest, cut.temperature)
    first = largest if cut.temperature == 1.0 else 1.0
    if cut.top_k > 0:
        weights[rank >= cut.top_k] = 0.0
    doubtful = np.zeros(counts.size, np.bool_)
    if cut.top_p < 1.0:
        before, mass = _sums_before(weights, rank), cut.top_p * np.repeat(np.add.reduceat(weights, starts), sizes)
        doubtful |= np.abs(before - mass) <= _TIE * mass
        weights[(before >= mass) & (rank > 0)] = 0.0
    if cut.min_p > 0.0:
        doubtful |= np.abs(weights - cut.min_p * first) <= _TIE * first
        weights[weights < cut.min_p * first] = 0.0
    rows = np.unique(table.offsets.searchsorted(np.flatnonzero(doubtful), side="right") - 1)
    for start, stop in zip(table.offsets[rows].tolist(), table.offsets[rows + 1].tolist(), strict=True):
        kept = row_weights(table.counts[start:stop], cut, weights[start:stop])
        weights[start + kept : stop] = 0.0
    return weights


def _tempered(counts: Floats, largest: Floats, temperature: float) -> Floats:
    """Return (counts / largest) ** (1 / temperature), also where that quotient underflows."""
    ratios = counts / largest
    logarithms = np.log(counts) - np.log(largest)
    ordinary = ratios > 2.0**-1000
    logarithms[ordinary] = np.log(ratios[ordinary])
    return np.asarray(np.exp(logarithms / temperature))


def _sums_before(weights: Floats, rank: Integers) -> Floats:
    """Return for every edge the sum of the weights before it in its row, by doubling (Hillis and Steele, 1986).

    No sum crosses rows, so small weights do not drown in those of other rows.
    """
    sums = np.where(rank > 0, np.roll(weights, 1), 0.0)
    longest = int(rank.max(initial=0))
    reach = 1
    while reach <= longest:
        sums[reach:] += np.where(rank[reach:] >= reach, sums[:-reach], 0.0)
        reach *= 2
    return sums


def _classes(graph: _Graph) -> tuple[Integers, Flags]:
    """Return the class of every node, and which classes no edge leaves."""
    csgraph = _scipy("sparse.csgraph")
    number, labels = csgraph.connected_components(graph.matrix(), connection="strong")
    closed = np.ones(number, np.bool_)
    closed[labels[graph.sources[labels[graph.sources] != labels[graph.targets]]]] = False
    return labels.astype(np.int64), closed


def _members(labels: Integers, number: int) -> list[Integers]:
    """Return the nodes of every class, in order."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=number))[:-1])


def _period(graph: _Graph, inside: Flags, node: int) -> int:
    """Return the period of a class, which holds the node.

    Depths are counted from the start if it is inside: the ends, the only edges that emit nothing, lead there, so that
    no shortest way takes one.
    """
    csgraph = _scipy("sparse.csgraph")
    root = graph.start if graph.start >= 0 and inside[graph.start] else node
    edges = inside[graph.sources] & inside[graph.targets]
    _, parents = csgraph.breadth_first_order(graph.matrix(edges), root)
    above = np.where(parents >= 0, parents, root)
    depths = (parents >= 0).astype(np.int64)
    while depths[above].any():
        depths += depths[above]
        above = above[above]
    longer = depths[graph.sources[edges]] + graph.emits[edges] - depths[graph.targets[edges]]
    return int(np.gcd.reduce(longer))


def _visits(graph: _Graph) -> Floats:
    """Return how often an endless walk from the start is at each node, per token."""
    labels, closed = _classes(graph)
    members = _members(labels, closed.size)
    matrix = graph.matrix()
    visits = np.zeros(graph.size)
    for label, weight in _absorption(graph, labels, closed).items():
        states = members[label]
        visits[states] = weight * _shares(matrix[states][:, states])
    at_dead_ends = visits[graph.sources] @ (graph.probabilities * (graph.emits & graph.restarts))
    at_start = visits[graph.start] if graph.start >= 0 else 0.0
    return visits / (visits.sum() - at_start + at_dead_ends)


def _absorption(graph: _Graph, labels: Integers, closed: Flags) -> dict[int, float]:
    """Return the closed classes that walks from the start end up in, and how likely each is.

    With an edge from every closed class back to the start, a walk is absorbed again and again, and a class is as likely
    as it is often reached: that chain is irreducible.
    """
    if graph.start < 0:
        if closed.sum() != 1:
            raise ValueError(f"the chain has no start and {closed.sum()} recurrent classes, expected one class")
        return {int(np.flatnonzero(closed)[0]): 1.0}
    reached = _scipy("sparse.csgraph").breadth_first_order(graph.matrix(), graph.start, return_predecessors=False)
    final = np.unique(labels[reached][closed[labels[reached]]])
    if final.size == 1:
        return {int(final[0]): 1.0}
    absorbed = closed[labels]
    passing = reached[~absorbed[reached]]
    nodes = np.full(graph.size, -1)
    nodes[passing] = np.arange(passing.size)
    edges = (nodes >= 0)[graph.sources]
    nodes[absorbed] = passing.size + np.searchsorted(final, labels[absorbed])
    size = passing.size + final.size
    sources = np.append(nodes[graph.sources[edges]], np.arange(passing.size, size))
    targets = np.append(nodes[graph.targets[edges]], np.full(final.size, nodes[graph.start]))
    rates = np.append(graph.probabilities[edges], np.ones(final.size))
    reaching = _shares(_scipy("sparse").csr_array((rates, (sources, targets)), shape=(size, size)))[passing.size :]
    return dict(zip(final.tolist(), (reaching / reaching.sum()).tolist(), strict=True))


def _shares(matrix: Sparse) -> Floats:
    """Return the share of time in each node of an irreducible chain."""
    rates = _off_diagonal(matrix)
    if rates.shape[0] == 1:
        return np.ones(1)
    leaving = rates.sum(axis=1)
    jumps = _divided(rates, leaving)
    with np.errstate(all="ignore"):  # what underflows is no matter, or the test below refuses it
        flows = _balanced(jumps)
        imbalance = np.abs(flows @ jumps - flows).sum() / flows.sum()
        shares = flows * (leaving.min() / leaving)
    if not imbalance <= _TOLERANCE:
        raise RuntimeError(
            f"a class of {flows.size} states is out of balance by {imbalance:.3g}, expected 1e-12 at most"
        )
    return np.asarray(shares / shares.sum())


def _balanced(rates: Sparse) -> Floats:
    """Return the vector x, up to a factor, with as much flowing into each node as out of it: x @ rates = x * sums."""
    core, rounds = _eliminated(rates, 0.0)
    x = _gth(core.toarray()) if core.shape[0] <= _DENSE else _iterated(core)
    if x is None:
        core, more = _eliminated(core, math.inf)
        if core.shape[0] > _LARGEST_DENSE:
            raise RuntimeError(
                f"the iteration for a class of {rates.shape[0]} states does not converge, and {core.shape[0]} of them "
                f"cannot be eliminated: expected at most {_LARGEST_DENSE} of those, or a walk that mixes faster"
            )
        rounds += more
        x = _gth(core.toarray())
    for kept, gone, passed in reversed(rounds):
        part, x = x, np.empty(kept.size + gone.size)
        x[kept], x[gone] = part, part @ passed
    return x


def _gth(rates: Floats) -> Floats:
    """Return x by the algorithm of Grassmann, Taksar and Heyman, in place, a block of states at a time: O(S**3)."""
    for stop in range(len(rates), 1, -_BLOCK):
        low = max(stop - _BLOCK, 1)
        for k in range(stop - 1, low - 1, -1):
            rates[:k, k] /= rates[k, :k].sum()
            rates[low:k, :k] += np.outer(rates[low:k, k], rates[k, :k])
            rates[:low, low:k] += np.outer(rates[:low, k], rates[k, low:k])
        rates[:low, :low] += rates[:low, low:stop] @ rates[low:stop, :low]
    x = np.ones(len(rates))
    for k in range(1, len(rates)):
        x[k] = x[:k] @ rates[:k, k]
        x[: k + 1] /= max(x[k], 1.0)  # state 0 may be rarer than a float can say
    return x


def _eliminated(rates: Sparse, most: float) -> tuple[Sparse, list[tuple[Integers, Integers, Sparse]]]:
    """Return the chain as seen in a core of its nodes, and what each round of elimination took, to go back.

    A round takes nodes of which no two are neighbours (Luby, "A simple parallel algorithm for the maximal independent
    set problem", 1986) and of which each adds at most so many edges, those that add few first.
    """
    rounds = []
    random = np.random.default_rng(0)  # in a row of equals each would wait for the next
    while (size := rates.shape[0]) > _DENSE:
        sources, targets = rates.tocoo().coords
        ins, outs = np.bincount(targets, minlength=size), np.bincount(sources, minlength=size)
        added = ins * outs - ins - outs
        rank = np.empty(size, np.int64)
        rank[np.lexsort((random.random(size), added))] = np.arange(size)
        lowest = np.full(size, size)
        np.minimum.at(lowest, sources, rank[targets])
        np.minimum.at(lowest, targets, rank[sources])
        chosen = (rank < lowest) & (added <= min(most, max(np.median(added), 0.0)))
        kept, gone = np.flatnonzero(~chosen), np.flatnonzero(chosen)
        if gone.size < _LEAST_ROUND * size or rates.nnz + added[gone].sum() > max(_MOST_EDGES, rates.nnz):
            break
        of_gone, of_kept = rates[gone], rates[kept]
        passed = of_kept[:, gone]
        passed.data /= of_gone.sum(axis=1)[passed.indices]
        rates = _off_diagonal(of_kept[:, kept] + passed @ of_gone[:, kept])
        rounds.append((kept, gone, passed))
    return rates, rounds


def _iterated(rates: Sparse) -> Floats | None:
    """Return x by cycles of steps on all scales, until one changes nothing; None where they do not help."""
    leaving = rates.sum(axis=1)
    jumps = _divided(rates, leaving)
    flows = _swept(jumps, np.full(leaving.size, 1.0 / leaving.size), _FIRST_SWEEPS)
    before = math.inf
    for _ in range(_CYCLES):
        last, flows = flows, _cycle(jumps, flows)
        change = np.abs(flows - last).sum()
        if change <= _TOLERANCE:
            return np.asarray(flows / leaving)
        if not change < before / 2:
            break
        before = change
    return None


def _swept(jumps: Sparse, flows: Floats, sweeps: int) -> Floats:
    """Return the flows after so many steps, or fewer where they are at rest; lazy ones, for periodic chains."""
    for _ in range(sweeps):
        stepped = flows @ jumps
        change = np.abs(stepped - flows).sum()
        flows = (flows + stepped) / 2
        if change <= _TOLERANCE / 10:
            break
    return np.asarray(flows / flows.sum())


def _cycle(jumps: Sparse, flows: Floats) -> Floats:
    """Return the flows after sweeps, a correction between groups of nodes, and sweeps again.

    Aggregation and disaggregation (Koury, McAllister and Stewart, 1984) on many levels (Horton and Leutenegger, 1994):
    each node is grouped with the one that it shares most flow with, so that groups are what is slow to mix.
    """
    if flows.size <= _DENSE:
        return _gth(jumps.toarray())
    flows = _swept(jumps, flows, _SWEEPS)
    sparse = _scipy("sparse")
    between = jumps.multiply(flows[:, np.newaxis]).tocsr()
    both = (between + between.T).tocsr()
    rows = np.repeat(np.arange(flows.size), np.diff(both.indptr))
    strongest = np.flatnonzero(both.data == np.maximum.reduceat(both.data, both.indptr[:-1])[rows])
    nearest = sparse.csr_array((np.ones(strongest.size), (rows[strongest], both.indices[strongest])), shape=both.shape)
    number, group = _scipy("sparse.csgraph").connected_components(nearest, directed=False)
    if number > 1:
        member = sparse.csr_array((np.ones(flows.size), (np.arange(flows.size), group)), shape=(flows.size, number))
        coarse = _off_diagonal(member.T @ between @ member)
        leaving = coarse.sum(axis=1)
        flows = flows * (_cycle(_divided(coarse, leaving), leaving / leaving.sum()) / leaving)[group]
    return _swept(jumps, flows / flows.sum(), _SWEEPS)


def _off_diagonal(matrix: Sparse) -> Sparse:
    entries = matrix.tocoo()
    sources, targets = entries.coords
    off = sources != targets
    return _scipy("sparse").csr_array((entries.data[off], (sources[off], targets[off])), shape=matrix.shape)


def _divided(rates: Sparse, sums: Floats) -> Sparse:
    """Return the rows, divided by their sums."""
    divided = rates.copy()
    divided.data /= np.repeat(sums, np.diff(rates.indptr))
    return divided
