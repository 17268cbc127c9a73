"""Mirostat 2: a bound on the surprise that follows how surprising the tokens are that it gives."""

from dataclasses import dataclass

from fastsoftmax.samplers.step import LEAST, LN2, LOG_MASS, Facts
from fastsoftmax.samplers.surprise import Surprise


@dataclass(frozen=True, eq=False)
class Mirostat2(Surprise):
    """Keep what is not more surprising than mu: -log2 p <= mu.

    After a draw, mu goes down by `eta` times what the surprise of the token, -log2 p in what was kept, is above `tau`.

    Parameters
    ----------
    tau : float, default 5.0
        The surprise that is aimed at, in bits.
    eta : float, default 0.1
        How fast mu follows.

    Notes
    -----
    mu, in bits, begins as 2 tau, and the state keeps it in float32. One token at least is kept. In llama.cpp mirostat
    drops all samplers but temperature; a pull request of vLLM takes the surprise in the whole row.
    Source: Basu et al., "Mirostat: a neural text decoding algorithm that directly controls perplexity" (2020), arXiv
    2007.14966, and its second version in the authors' code.
    """

    name = "mirostat_2"
    way, needs = LEAST, LOG_MASS

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return the least logit."""
        return facts.log_mass - c * LN2
