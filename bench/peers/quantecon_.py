"""QuantEcon: MarkovChain.simulate_indices over a dense or a sparse matrix. One thread."""

from collections.abc import Iterator

import numpy as np
import quantecon

from bench.chains import Corpus
from bench.peers.matrix import STEPS, transition_matrix
from bench.race import Contestant

NAME = "QuantEcon"
DISTRIBUTIONS = ("quantecon",)

LARGEST_DENSE = 2_000  # states


def walk(corpus: Corpus, n: int, length: int) -> Iterator[Contestant]:
    """Paths from the boundary, which is a state here: an end goes on at the beginning of another sequence."""
    matrix = transition_matrix(corpus)
    walks = max(1, min(n, STEPS // length))
    matrices = {f"{NAME} (sparse)": matrix}
    if matrix.shape[0] <= LARGEST_DENSE:
        matrices[f"{NAME} (dense)"] = matrix.toarray()
    for name, some in matrices.items():
        chain = quantecon.MarkovChain(some)
        starts, rng = np.zeros(walks, np.int64), np.random.default_rng(0)
        yield Contestant(
            name,
            "peer",
            lambda chain=chain, starts=starts, rng=rng: chain.simulate_indices(length, init=starts, random_state=rng),
            units=walks * (length - 1),
        )
