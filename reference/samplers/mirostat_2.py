"""Mirostat 2: what is too surprising goes, and how surprising that is follows from the tokens drawn before."""

import math
from collections.abc import Sequence

from reference.samplers.common import at_least, between
from reference.samplers.mirostat import LARGEST, first, learn

__all__ = ["first", "keep", "learn"]


def keep(logits: Sequence[float], tau: float = 5.0, eta: float = 0.1, *, number: float | None = None) -> list[int]:
    """Keep each whose surprise -log2 p is at most mu, the number that is kept, but at least one.

    S. Basu et al. (2020), as mirostat; version 2 is that of the authors' code.
    """
    between("mirostat_2.tau", tau, 0, LARGEST)
    between("mirostat_2.eta", eta, 0, LARGEST)
    return at_least(logits, -math.log(2) * (first(tau, eta) if number is None else number))
