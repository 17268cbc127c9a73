"""Top-k: a number of tokens."""

from collections.abc import Sequence

from reference.samplers.common import integer, one_of, prefix


def keep(logits: Sequence[float], k: int = 0, ties: str = "first") -> list[int]:
    """Keep the k largest.

    A. Fan, M. Lewis and Y. Dauphin, "Hierarchical neural story generation" (2018), arXiv 1805.04833.
    k=0 and k=-1 are off. ties="all" keeps everything that equals the k-th, too.
    """
    integer("top_k.k", k, -1)
    one_of("top_k.ties", ties, ("first", "all"))
    return prefix(logits, k if k > 0 else len(logits), ties=ties)
