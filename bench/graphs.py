"""Graphs: seeded edges at random, weights and all, as arrays of sources and targets.

In "ways" every state has as many ways out as any other, one of them to the next state, so that all are one class. In
"links" an edge goes both ways, and some states have many, as in networks of links.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

import fastsoftmax
from bench.data import SEED

Numbers = npt.NDArray[np.int64]
WEIGHTS = "no weights", "whole weights", "weights"


@dataclass(frozen=True)
class Graph:
    """Edges among so many states, `ways` a state on average."""

    kind: str
    states: int
    ways: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.states}x{self.ways}"

    @property
    def edges(self) -> int:
        """How many edges are given; a few are the same."""
        return self.states * self.ways

    @property
    def ends(self) -> tuple[Numbers, Numbers]:
        """The sources and targets of all edges."""
        return _ends(self)

    def weights(self, kind: str) -> int | npt.NDArray[np.int64] | npt.NDArray[np.float64]:
        """Return a weight for each edge, or 1 for all: `kind` is one of `WEIGHTS`."""
        rng = np.random.default_rng((SEED, self.edges))
        if kind == WEIGHTS[0]:
            return 1
        return rng.integers(1, 10, self.edges) if kind == WEIGHTS[1] else rng.random(self.edges)


@lru_cache(maxsize=1)
def _ends(graph: Graph) -> tuple[Numbers, Numbers]:
    rng, states = np.random.default_rng((SEED, graph.states, graph.ways)), graph.states
    if graph.kind == "links":
        one, other = (
            (rng.random(graph.edges // 2) ** 1.5 * states).astype(np.int64),
            rng.integers(0, states, graph.edges // 2),
        )
        return np.concatenate([one, other]), np.concatenate([other, one])
    sources, targets = np.repeat(np.arange(states), graph.ways), rng.integers(0, states, graph.edges)
    targets[:: graph.ways] = (np.arange(states) + 1) % states
    return sources, targets


@lru_cache(maxsize=1)
def chain_of(graph: Graph, kind: str) -> fastsoftmax.MarkovChain:
    """Return the chain of a graph with weights of a kind."""
    return fastsoftmax.MarkovChain.from_edges(*graph.ends, graph.weights(kind))
