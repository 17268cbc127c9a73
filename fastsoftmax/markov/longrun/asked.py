"""What all questions about the long run begin with: the graph of the chain, as it is asked for."""

from fastsoftmax.kernels.math.filters import Filters
from fastsoftmax.markov.counts.model import Model
from fastsoftmax.markov.longrun.graph import Graph, graph_of
from fastsoftmax.markov.walking.arguments import LawWords


class Asked:
    """A chain that is asked about its long run."""

    def _fitted(self) -> Model:
        """Return what the chain knows. ValueError if it is empty."""
        raise NotImplementedError

    def _at(self, words: LawWords) -> tuple[Model, Filters]:
        """Return the model that the words ask for, and what its rows are filtered by."""
        raise NotImplementedError

    def _graph(self, words: LawWords) -> Graph:
        """Return the graph of the chain at a temperature, or as samplers leave it."""
        return graph_of(*self._at(words))
