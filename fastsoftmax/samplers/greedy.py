"""Greedy: the most likely token."""

from dataclasses import dataclass

from fastsoftmax.samplers.step import COUNT, Facts, Step


@dataclass(frozen=True, eq=False)
class Greedy(Step):
    """Keep the first token alone, the most likely one.

    Notes
    -----
    It is what a temperature of 0 does. Of equals the one with the lowest index stays, as in all peers.
    Source: the mode of the distribution; there is no paper.
    """

    name = "greedy"
    way = COUNT
    followers = ()

    @staticmethod
    def limit(facts: Facts, a: float, b: float, c: float) -> float:
        """Return how many stay."""
        return 1.0
