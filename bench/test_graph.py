"""Chains of graphs: made of edges, their long run, and walks from nodes; against SciPy and igraph."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

import fastsoftmax
from bench import limits, peers
from bench.cases import ONE, listed
from bench.conftest import Race
from bench.graphs import WEIGHTS, Graph, chain_of
from bench.race import Contestant
from bench.results import Case

SMALL, MIDDLE, LARGE = Graph("ways", 1_000, 10), Graph("ways", 100_000, 10), Graph("ways", 1_000_000, 10)
DENSE, LINKS, MANY = Graph("ways", 10_000, 100), Graph("links", 20_000, 25), Graph("links", 200_000, 25)
PLAIN, BIASED = (1.0, 1.0), ((1.0, 0.5), (0.5, 2.0), (4.0, 0.25))  # p and q
LENGTH = 80

EDGES = listed(quick=itertools.product(WEIGHTS, [MIDDLE]), full=itertools.product(WEIGHTS, [LARGE]))
ASKED = listed(quick=itertools.product(["stationary", "hitting_times"], [SMALL, MIDDLE]), full=[("stationary", DENSE)])
BIASES = listed(quick=itertools.product([PLAIN, *BIASED], [LINKS]), full=itertools.product([PLAIN, *BIASED], [MANY]))


def case_of(name: str, graph: Graph, unit: str, **facts: float | str) -> Case:
    """Return a case, which has one thread."""
    own = {"states": graph.states, "edges": graph.edges, "threads": 1, **facts}
    return Case("graph", name, f"{graph}-{ONE}", own, unit)


@pytest.mark.parametrize(("kind", "graph"), EDGES)
def test_from_edges(race: Race, kind: str, graph: Graph) -> None:
    (sources, targets), weights = graph.ends, graph.weights(kind)
    others = itertools.chain(limits.copy(np.stack([sources, targets])), peers.contestants("from_edges", graph, kind))
    case = case_of(f"from_edges, {kind}", graph, "edges", weights=kind)
    race(case, graph.edges, lambda: fastsoftmax.MarkovChain.from_edges(sources, targets, weights), others)


@pytest.mark.parametrize(("name", "graph"), ASKED)
def test_long_run(race: Race, name: str, graph: Graph) -> None:
    chain = chain_of(graph, WEIGHTS[2])
    ask = chain.stationary if name == "stationary" else lambda: chain.hitting_times(0)
    race(case_of(name, graph, "calls"), 1, ask, peers.contestants(name, chain.to_sparse()))


@pytest.mark.parametrize(("bias", "graph"), BIASES)
def test_walk_from(race: Race, bias: tuple[float, float], graph: Graph) -> None:
    chain, (p, q) = chain_of(graph, WEIGHTS[0]), bias
    starts = np.random.default_rng(0).permutation(np.array(chain.states))[: graph.states // 4]

    def plain() -> Iterator[Contestant]:
        yield Contestant("walk", "aside", lambda: chain.walk(len(starts), LENGTH, seed=0))

    case = case_of(f"walk_from, p={p:g}, q={q:g}", graph, "steps", n=len(starts), length=LENGTH, p=p, q=q)
    others = itertools.chain(plain(), peers.contestants("walk_from", graph, starts, LENGTH) if bias == PLAIN else ())
    race(case, len(starts) * LENGTH, lambda: chain.walk_from(starts, LENGTH, p=p, q=q, seed=0), others)
