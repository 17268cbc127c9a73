"""Chains of samplers on rows of counts: a model whose weights are what the samplers leave of each row.

Walks, sentences and distributions are those of that model, without a temperature or a cut-off: one law for all.
"""

import numpy as np

from fastsoftmax.kernels.chain.counts import count_masses
from fastsoftmax.kernels.chain.memory import list_start, memory_bytes
from fastsoftmax.kernels.markov import sort
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.counts.transitions import Edges, table
from fastsoftmax.samplers.chain import SamplerChain

_ROWS = 2**16  # between two looks at signals


def conditioned(model: Model, chain: SamplerChain) -> Model:
    """Return the model whose weights are the masses that a chain leaves of each row, times the total of the row."""
    if chain.asking is not None:
        raise ValueError(f"samplers has {chain.asking.name}, expected none that asks what came before")
    transitions = model.transitions.check()
    offsets, counts = transitions.offsets, transitions.counts.astype(np.float64)
    longest = int(np.diff(offsets).max(initial=1))
    scratch = np.empty(memory_bytes(longest, 8), np.uint8)
    steps, *_ = chain.operations((), False)
    masses = np.empty(len(counts))
    for first in range(0, len(offsets) - 1, _ROWS):
        some = offsets[first : first + _ROWS + 1]
        count_masses(some, counts, steps[0], scratch, list_start(longest, 8), masses)
    kept = masses > 0.0
    before = np.concatenate(([0], np.cumsum(kept)))[offsets]
    weights = (masses * np.repeat(transitions.totals, np.diff(offsets)))[kept]
    falling = -transitions.tokens[kept]
    sort.sort_rows(before, falling, weights)  # by token, as `table` wants edges
    edges = Edges(transitions.contexts, before, -falling, weights)
    return model._replace(transitions=table(edges).with_totals(transitions.totals))
