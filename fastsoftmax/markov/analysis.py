"""What a chain does in the long run: shares of time, entropy, classes and periods. Needs SciPy.

All of it is about the endless walk, `walk(on_dead_end="restart")`, as a graph. Nodes are the states with a row, edges the
transitions that the cut-offs keep. After an end or a dead end a walk goes on from the start: those edges lead to the
start, which is a node although it emits no token. Time is counted in tokens: the start takes none, dead ends take some,
although they have no row.
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

_TIE = 1e-12  # relative: a weight nearer to a cut than this is on it, or rounding decides
_DENSE = 1000  # states: the dense algorithm takes as long as a few hundred sweeps of an iteration
_BLOCK = 64
_LEAST_ROUND = 0.02  # of the states: a round of elimination that takes fewer is not worth it
_FIRST_SWEEPS, _SWEEPS, _CYCLES = 300, 30, 30
_TOLERANCE = 1e-12
_WIDEST = 10**8  # entries of a factor, at most: one gigabyte


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

        Examples
        --------
        >>> MarkovChain.from_transitions({"heads": {"heads": 1, "tails": 1}, "tails": {"heads": 1}}).entropy_rate()
        0.6666666666666666
        """
        number = _checks.per_row("base", base, (), np.float64, lambda b: (b > 1) & (b < math.inf), "a number > 1")
        graph = _graph(self._fitted().transitions, checked_cut(temperature, top_k, top_p, min_p))
        entropies = np.bincount(graph.sources, _scipy("special").entr(graph.probabilities), graph.size)
        return float(_visits(graph) @ entropies / np.log(number[0]))

    def communicating_classes(
        self: _Chain, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
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
        """
        labels, closed = _classes(_graph(self._fitted().transitions, checked_cut(temperature, top_k, top_p, min_p)))
        classes = [CommunicatingClass(*pair) for pair in zip(_members(labels), closed.tolist(), strict=True)]
        return sorted(classes, key=lambda one: (not one.recurrent, one.states[0]))

    def period(
        self: _Chain,
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
        """
        table, vocabulary = self._fitted()
        cut, row = checked_cut(temperature, top_k, top_p, min_p), -1
        if state is not None:
            row = state_of("state", ids_of("state", state, vocabulary), table, vocabulary, may_be_dead_end=False)
        graph = _graph(table, cut)
        labels, closed = _classes(graph)
        if row < 0:
            if closed.sum() != 1:
                raise ValueError(f"state is None, expected a state: the chain has {closed.sum()} recurrent classes")
            row = int(closed[labels].argmax())
        return _period(graph, labels == labels[row], row)


class _Graph(NamedTuple):
    """The endless walk: an edge for every transition that the cut keeps."""

    size: int
    start: int  # or -1
    sources: Integers
    targets: Integers
    probabilities: Floats
    emits: Flags  # a token: not the end
    restarts: Flags  # after the end or a dead end

    def matrix(self) -> Sparse:
        """Return the probabilities, (size, size)."""
        return _sparse(self.probabilities, self.sources, self.targets, self.size)


def _scipy(part: str) -> Any:
    try:
        return importlib.import_module(f"scipy.{part}")
    except ImportError:
        raise ImportError("the analysis of a chain needs SciPy: pip install 'fastsoftmax[analysis]'") from None


def _sparse(entries: npt.NDArray[Any], rows: Integers, columns: Integers, size: int, width: int = -1) -> Sparse:
    return _scipy("sparse").csr_array((entries, (rows, columns)), shape=(size, width if width >= 0 else size))


def _graph(table: Transitions, cut: Cut) -> _Graph:
    """Return the graph of the endless walk; ValueError if it ends and has no start to go on from."""
    size = len(table.contexts)
    sources = np.repeat(np.arange(size), np.diff(table.offsets))
    weights = _weights(table, cut)
    probabilities = weights / np.bincount(sources, weights, size)[sources]
    kept = probabilities > 0.0
    targets = table.targets[kept].astype(np.int64)
    restarts = targets < 0
    start = restart_state(table, cut) if restarts.any() else table.find(np.full(table.order, BOUNDARY, np.int32))
    targets[restarts] = start
    return _Graph(size, start, sources[kept], targets, probabilities[kept], table.tokens[kept] != BOUNDARY, restarts)


def _weights(table: Transitions, cut: Cut) -> Floats:
    """Return the weights of all edges, relative to any factor common to a row; 0 for those that are cut.

    Where rounding would decide whether a weight is cut, its row is computed as walks and `next_tokens` do it.
    """
    starts, sizes = table.offsets[:-1], np.diff(table.offsets)
    counts, rank = table.counts.astype(np.float64), np.arange(table.counts.size) - np.repeat(starts, sizes)
    if cut.temperature == 0.0:
        return (rank == 0).astype(np.float64)
    weights = counts
    if cut.temperature != 1.0:
        largest = np.repeat(counts[starts], sizes)
        ratios, logarithms = counts / largest, np.log(counts) - np.log(largest)
        ordinary = ratios > 2.0**-1000
        logarithms[ordinary] = np.log(ratios[ordinary])
        weights = np.exp(logarithms / cut.temperature)
    if cut.top_k > 0:
        weights[rank >= cut.top_k] = 0.0
    ties = np.zeros(rank.size, np.bool_)
    if cut.top_p < 1.0:
        before, mass = _sums_before(weights, rank), cut.top_p * np.repeat(np.add.reduceat(weights, starts), sizes)
        ties |= np.abs(before - mass) <= _TIE * mass
        weights[(before >= mass) & (rank > 0)] = 0.0
    if cut.min_p > 0.0:
        least = cut.min_p * np.repeat(weights[starts], sizes)
        ties |= np.abs(weights - least) <= _TIE * least
        weights[weights < least] = 0.0
    rows = np.unique(table.offsets.searchsorted(np.flatnonzero(ties), side="right") - 1)
    for start, stop in zip(table.offsets[rows].tolist(), table.offsets[rows + 1].tolist(), strict=True):
        kept = row_weights(table.counts[start:stop], cut, weights[start:stop])
        weights[start + kept : stop] = 0.0
    return weights


def _sums_before(weights: Floats, rank: Integers) -> Floats:
    """Return the sum of the weights before each in its row, by doubling: small rows do not drown in large ones."""
    sums = np.where(rank > 0, np.roll(weights, 1), 0.0)
    reach, longest = 1, rank.max(initial=0)
    while reach <= longest:
        sums[reach:] += np.where(rank[reach:] >= reach, sums[:-reach], 0.0)
        reach *= 2
    return sums


def _classes(graph: _Graph) -> tuple[Integers, Flags]:
    """Return the class of every node, and which classes no edge leaves."""
    number, labels = _scipy("sparse.csgraph").connected_components(graph.matrix(), connection="strong")
    closed = np.ones(number, np.bool_)
    closed[labels[graph.sources[labels[graph.sources] != labels[graph.targets]]]] = False
    return labels, closed


def _members(labels: Integers) -> list[Integers]:
    """Return the nodes of every class, in order."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels)))[:-1]


def _period(graph: _Graph, inside: Flags, node: int) -> int:
    """Return the period of the class that the node is in: of how much longer each edge is than the shortest way.

    Ways begin at the start, if it is inside: ends, the only edges that emit nothing, lead there, so none takes one.
    """
    root = graph.start if graph.start >= 0 and inside[graph.start] else node
    edges = inside[graph.sources] & inside[graph.targets]
    sources, targets = graph.sources[edges], graph.targets[edges]
    within = _sparse(np.ones(sources.size), sources, targets, graph.size)
    _, above = _scipy("sparse.csgraph").breadth_first_order(within, root)
    depths = (above >= 0).astype(np.int64)
    above[above < 0] = root
    while depths[above].any():  # a way twice as long each time
        depths, above = depths + depths[above], above[above]
    return int(np.gcd.reduce(depths[sources] + graph.emits[edges] - depths[targets]))


def _visits(graph: _Graph) -> Floats:
    """Return how often an endless walk from the start is at each node, per token."""
    labels, closed = _classes(graph)
    members, matrix = _members(labels), graph.matrix()
    visits = np.zeros(graph.size)
    for label, weight in _absorption(graph, labels, closed).items():
        states = members[label]
        visits[states] = weight * _shares(matrix[states][:, states])
    tokens = visits[graph.sources] @ (graph.probabilities * graph.emits * graph.restarts)  # at dead ends
    tokens += visits.sum() - (visits[graph.start] if graph.start >= 0 else 0.0)
    return visits / tokens


def _absorption(graph: _Graph, labels: Integers, closed: Flags) -> dict[int, float]:
    """Return the closed classes that walks from the start end up in, and how likely each is.

    With an edge from each of them back to the start, a class is as likely as it is often reached.
    """
    if graph.start < 0:
        if closed.sum() != 1:
            raise ValueError(f"the chain has no start and {closed.sum()} recurrent classes, expected one class")
        return {int(closed.argmax()): 1.0}
    reached = _scipy("sparse.csgraph").breadth_first_order(graph.matrix(), graph.start, return_predecessors=False)
    absorbed = closed[labels]
    final = np.unique(labels[reached[absorbed[reached]]])
    if final.size == 1:
        return {int(final[0]): 1.0}
    passing = reached[~absorbed[reached]]
    size = passing.size + final.size
    nodes = np.full(graph.size, -1)
    nodes[passing] = np.arange(passing.size)
    edges = nodes[graph.sources] >= 0
    nodes[absorbed] = passing.size + np.searchsorted(final, labels[absorbed])
    sources = np.append(nodes[graph.sources[edges]], np.arange(passing.size, size))
    targets = np.append(nodes[graph.targets[edges]], np.full(final.size, nodes[graph.start]))
    often = _shares(_sparse(np.append(graph.probabilities[edges], np.ones(final.size)), sources, targets, size))
    often = often[passing.size :]
    return dict(zip(final.tolist(), (often / often.sum()).tolist(), strict=True))


def _shares(matrix: Sparse) -> Floats:
    """Return the share of time in each node of an irreducible chain."""
    rates = _off_diagonal(matrix)
    if rates.shape[0] == 1:
        return np.ones(1)
    leaving = rates.sum(axis=1)
    jumps = _divided(rates, leaving)
    with np.errstate(all="ignore"):  # what underflows does not matter, or is refused below
        flows = _balanced(jumps)
        imbalance = np.abs(flows @ jumps - flows).sum() / flows.sum()
        shares = flows * (leaving.min() / leaving)
    if not imbalance <= _TOLERANCE:
        raise RuntimeError(
            f"a class of {flows.size} states has an imbalance of {imbalance:.3g}, expected at most 1e-12"
        )
    return np.asarray(shares / shares.sum())


def _balanced(rates: Sparse) -> Floats:
    """Return x, up to a factor, with as much flow into every node as out of it: x @ rates = x * rates.sum(axis=1)."""
    core, rounds = _eliminated(rates)
    x = _gth(core.toarray()) if core.shape[0] <= _DENSE else _iterated(core)
    for kept, gone, passed in reversed(rounds):
        part, x = x, np.empty(kept.size + gone.size)
        x[kept], x[gone] = part, part @ passed
    return x


def _gth(rates: Floats) -> Floats:
    """Return x by the algorithm of Grassmann, Taksar and Heyman, in place, a block of states at a time."""
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
        x[: k + 1] /= max(x[k], 1.0)  # state 0 may be too rare to measure by
    return x


def _eliminated(rates: Sparse) -> tuple[Sparse, list[tuple[Integers, Integers, Sparse]]]:
    """Return the chain as a core of its nodes sees it, and what each round of elimination took, to go back.

    A round takes nodes that add no edges, no two of them neighbours (Luby, "A simple parallel algorithm for the maximal
    independent set problem", 1986). Long ways without a choice, which texts are full of, shrink to nothing.
    """
    rounds = []
    random = np.random.default_rng(0)
    while (size := rates.shape[0]) > _DENSE:
        sources, targets = rates.tocoo().coords
        ins, outs = np.bincount(targets, minlength=size), np.bincount(sources, minlength=size)
        rank = np.where(ins * outs <= ins + outs, random.permutation(size), size)
        lowest = np.full(size, size)
        np.minimum.at(lowest, sources, rank[targets])
        np.minimum.at(lowest, targets, rank[sources])
        kept, gone = np.flatnonzero(rank >= lowest), np.flatnonzero(rank < lowest)
        if gone.size < _LEAST_ROUND * size:
            break
        of_gone, of_kept = rates[gone], rates[kept]
        passed = of_kept[:, gone]
        passed.data /= of_gone.sum(axis=1)[passed.indices]
        rates = _off_diagonal(of_kept[:, kept] + passed @ of_gone[:, kept])
        rounds.append((kept, gone, passed))
    return rates, rounds


def _iterated(rates: Sparse) -> Floats:
    """Return x by cycles of steps on all scales, until one changes nothing, or by factors if they do not help."""
    leaving = rates.sum(axis=1)
    jumps = _divided(rates, leaving)
    flows = _swept(jumps, np.ones(leaving.size), _FIRST_SWEEPS)
    before = math.inf
    for _ in range(_CYCLES):
        last, flows = flows, _cycle(jumps, flows)
        change = np.abs(flows - last).sum()
        if change <= _TOLERANCE:
            break
        if not change < before / 2:
            flows = _factored(jumps, int(last.argmax()))
            break
        before = change
    return np.asarray(flows / leaving)


def _swept(jumps: Sparse, flows: Floats, sweeps: int) -> Floats:
    """Return the flows after steps of the lazy chain, which is not periodic, until they are at rest or out of sweeps."""
    flows = flows / flows.sum()
    for _ in range(sweeps):
        stepped = flows @ jumps
        change = np.abs(stepped - flows).sum()
        flows = (flows + stepped) / 2
        if change <= _TOLERANCE / 10:
            break
    return flows


def _cycle(jumps: Sparse, flows: Floats) -> Floats:
    """Return the flows after sweeps, a correction between groups of nodes, and sweeps again.

    Aggregation and disaggregation (Koury, McAllister and Stewart, 1984) on many levels (Horton and Leutenegger, 1994):
    a node is grouped with the one that it shares most flow with, so that what is slow to mix is between groups.
    """
    if flows.size <= _DENSE:
        return _gth(jumps.toarray())
    flows = _swept(jumps, flows, _SWEEPS)
    sources, targets = jumps.tocoo().coords
    between = _sparse(jumps.data * flows[sources], sources, targets, flows.size)
    sources, targets, shared = *(both := (between + between.T).tocoo()).coords, both.data
    most = np.zeros(flows.size)
    np.maximum.at(most, sources, shared)
    strong = shared == most[sources]
    nearest = _sparse(shared[strong], sources[strong], targets[strong], flows.size)
    number, group = _scipy("sparse.csgraph").connected_components(nearest, directed=False)
    if number > 1:
        member = _sparse(np.ones(flows.size), np.arange(flows.size), group, flows.size, number)
        coarse = _off_diagonal(member.T @ between @ member)
        leaving = coarse.sum(axis=1)
        flows = flows * (_cycle(_divided(coarse, leaving), leaving) / leaving)[group]
    return _swept(jumps, flows, _SWEEPS)


def _factored(jumps: Sparse, top: int) -> Floats:
    """Return the flows by sparse factors, with that of one node given; RuntimeError if the graph is too wide."""
    size = jumps.shape[0]
    place = np.argsort(_scipy("sparse.csgraph").reverse_cuthill_mckee(jumps))
    sources, targets = jumps.tocoo().coords
    width = int(np.abs(place[sources] - place[targets]).max())
    if size * width > _WIDEST:
        raise RuntimeError(
            f"a class does not converge: {size} of its states mix slowly, in a graph {width} wide; "
            f"expected a walk that mixes faster, as at a higher temperature, or less than {_WIDEST // size} wide"
        )
    others = np.delete(np.arange(size), top)
    balance = (_scipy("sparse").eye_array(size) - jumps.T).tocsc()[others][:, others]
    factors = _scipy("sparse.linalg").splu(
        balance, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    return np.insert(factors.solve(jumps[[top]].toarray()[0, others]), top, 1.0)


def _off_diagonal(matrix: Sparse) -> Sparse:
    entries = matrix.tocoo()
    sources, targets = entries.coords
    off = sources != targets
    return _sparse(entries.data[off], sources[off], targets[off], matrix.shape[0])


def _divided(rates: Sparse, sums: Floats) -> Sparse:
    """Return the rows, divided by their sums."""
    divided = rates.copy()
    divided.data /= np.repeat(sums, np.diff(rates.indptr))
    return divided
