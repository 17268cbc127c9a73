"""SciPy: scipy.special."""

from collections.abc import Iterator

from scipy import special

from bench.data import Array
from bench.race import Contestant

NAME = "SciPy"
DISTRIBUTIONS = ("scipy",)


def softmax(function: str, logits: Array, temperature: float, axis: int = -1) -> Iterator[Contestant]:
    """scipy.special.softmax, log_softmax and logsumexp. SciPy has no bfloat16."""
    if logits.dtype.kind != "f":
        return
    one = getattr(special, function)
    t = logits.dtype.type(temperature)
    yield Contestant(NAME, "peer", lambda: one(logits if temperature == 1 else logits / t, axis=axis))
