"""Shares of time in the nodes of an irreducible chain, of any size. Needs SciPy.

    nodes that add no edges     are eliminated, in rounds: long ways without a choice, which texts are full of
    up to 1,000 nodes           the algorithm of Grassmann, Taksar and Heyman, without subtractions
    more, that mix fast         steps of the chain, until no change is to come
    more                        these, with corrections between groups on many levels
    where these do not help     sparse factors

Without subtractions shares are right however rare a transition is (Grassmann, Taksar and Heyman, "Regenerative analysis
and steady state distributions for Markov chains", Operations Research 33, 1985).

Where sun stays with 0.9 and rain always turns to sun, 10 of 11 tokens are sun: 10/11 * 0.1 = 1/11 * 1.
"""

import importlib
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax._types import Floats, Positions

Sparse = Any  # scipy.sparse.csr_array

_DENSE = 1000  # states: the dense algorithm takes as long as a few hundred sweeps of an iteration
_BLOCK = 64
_LEAST_ROUND = 0.02  # of the states: a round of elimination that takes fewer is not worth it
_FIRST_SWEEPS, _SWEEPS, _CYCLES = 300, 30, 30
_TOLERANCE = 1e-12
_QUICK_STEPS, _FIRST_STEPS, _QUICK_RATIO = 120, 8, 0.75
WIDEST = 3 * 10**8  # states times the width of their graph, for factors of about a gigabyte


def scipy_part(part: str) -> Any:
    """Return a module of SciPy, which only the analysis of chains needs."""
    try:
        return importlib.import_module(f"scipy.{part}")
    except ImportError:
        raise ImportError("the analysis of a chain needs SciPy: pip install 'fastsoftmax[analysis]'") from None


def sparse(entries: npt.NDArray[Any], rows: Positions, columns: Positions, size: int, width: int = -1) -> Sparse:
    """Return a sparse matrix of `size` rows, square unless its width is given."""
    return scipy_part("sparse").csr_array((entries, (rows, columns)), shape=(size, width if width >= 0 else size))


def shares(matrix: Sparse) -> Floats:
    """Return the share of time in each node of an irreducible chain."""
    if matrix.shape[0] == 1:
        return np.ones(1)
    if matrix.shape[0] > _DENSE and (mixed := _mixed(matrix)) is not None:
        return mixed
    rates = _off_diagonal(matrix)
    leaving = rates.sum(axis=1)
    jumps = _divided(rates, leaving)
    with np.errstate(all="ignore"):  # what underflows does not matter, or is refused below
        flows = _balanced(jumps)
        imbalance = np.abs(flows @ jumps - flows).sum() / flows.sum()
        found = flows * (leaving.min() / leaving)
    if not imbalance <= _TOLERANCE:
        raise RuntimeError(
            f"a class of {flows.size} states has an imbalance of {imbalance:.3g}, expected at most 1e-12"
        )
    return np.asarray(found / found.sum())


def _mixed(matrix: Sparse) -> Floats | None:
    """Return the shares after some steps of a chain that forgets a quarter of what it knows in each; None for others.

    What a step changes shrinks by a factor r, so that r / (1 - r) times the last change is still to come.
    """
    back = matrix.T.tocsr()
    found, changes = np.full(back.shape[0], 1.0 / back.shape[0]), list[float]()
    while len(changes) < _QUICK_STEPS:
        last, found = found, back @ found
        changes.append(float(np.abs(found - last).sum()))
        if changes[-1] == 0.0:
            return np.asarray(found)
        if len(changes) > _FIRST_STEPS:
            ratio = (changes[-1] / changes[-1 - _FIRST_STEPS]) ** (1 / _FIRST_STEPS)
            if ratio < 1.0 and changes[-1] * ratio <= _TOLERANCE / 10 * (1.0 - ratio):
                return np.asarray(found / found.sum())
            if ratio > _QUICK_RATIO and len(changes) > 2 * _FIRST_STEPS:
                return None
    return None


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


def _eliminated(rates: Sparse) -> tuple[Sparse, list[tuple[Positions, Positions, Sparse]]]:
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
    """Return the flows after steps of the lazy chain, which has no period, until they rest or the sweeps are over."""
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
    between = sparse(jumps.data * flows[sources], sources, targets, flows.size)
    both = (between + between.T).tocoo()
    (sources, targets), shared = both.coords, both.data
    most = np.zeros(flows.size)
    np.maximum.at(most, sources, shared)
    strong = shared == most[sources]
    nearest = sparse(shared[strong], sources[strong], targets[strong], flows.size)
    number, group = scipy_part("sparse.csgraph").connected_components(nearest, directed=False)
    if number > 1:
        member = sparse(np.ones(flows.size), np.arange(flows.size), group, flows.size, number)
        coarse = _off_diagonal(member.T @ between @ member)
        leaving = coarse.sum(axis=1)
        flows = flows * (_cycle(_divided(coarse, leaving), leaving) / leaving)[group]
    return _swept(jumps, flows, _SWEEPS)


def _factored(jumps: Sparse, top: int) -> Floats:
    """Return the flows by sparse factors, with that of one node given; RuntimeError if the graph is too wide."""
    size = jumps.shape[0]
    place = np.argsort(scipy_part("sparse.csgraph").reverse_cuthill_mckee(jumps))
    sources, targets = jumps.tocoo().coords
    width = int(np.abs(place[sources] - place[targets]).max())
    if size * width > WIDEST:
        raise RuntimeError(
            f"a class does not converge: {size} of its states mix slowly, in a graph {width} wide; "
            f"expected a walk that mixes faster, as at a higher temperature, or less than {WIDEST // size} wide"
        )
    others = np.delete(np.arange(size), top)
    balance = (scipy_part("sparse").eye_array(size) - jumps.T).tocsc()[others][:, others]
    factors = scipy_part("sparse.linalg").splu(
        balance, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    return np.insert(factors.solve(jumps[[top]].toarray()[0, others]), top, 1.0)


def _off_diagonal(matrix: Sparse) -> Sparse:
    entries = matrix.tocoo()
    sources, targets = entries.coords
    off = sources != targets
    return sparse(entries.data[off], sources[off], targets[off], matrix.shape[0])


def _divided(rates: Sparse, sums: Floats) -> Sparse:
    """Return the rows, divided by their sums."""
    divided = rates.copy()
    divided.data /= np.repeat(sums, np.diff(rates.indptr))
    return divided
