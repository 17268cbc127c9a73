"""Greedy: the largest."""

from collections.abc import Sequence


def keep(logits: Sequence[float]) -> list[int]:
    """Keep the first: the largest logit, and of equals the lowest index."""
    return [0] if logits else []
