"""What a chain gives to other libraries: a matrix, a data frame, a graph, a table of n-grams."""

import importlib
from typing import Any, Unpack

import numpy as np

from fastsoftmax.kernels.markov.condition import edge_masses
from fastsoftmax.markov.longrun.asked import Asked
from fastsoftmax.markov.longrun.balance import sparse
from fastsoftmax.markov.longrun.graph import Graph
from fastsoftmax.markov.walking.arguments import LawWords

_MOST_CELLS = 10**8  # of a data frame


class Giving(Asked):
    """Ways out of a chain, for `MarkovChain` to inherit."""

    @property
    def states(self) -> list[Any]:
        """The labels of all states, dead ends too, in the order of answers and matrices.

        A label is a token, or of a higher order a tuple of tokens, fewer where a sequence has just begun. The beginning
        of a sequence is no state. ValueError if the chain is empty.
        """
        return list(self._graph({}).states.labels)

    def to_sparse(self, **words: Unpack[LawWords]) -> Any:
        """Return the transition matrix, which `from_matrix` takes.

        Parameters
        ----------
        **words
            temperature, top_k, top_p, min_p or samplers, as in `walk`: the probabilities at a temperature, or as
            samplers leave them.

        Returns
        -------
        (S, S) scipy.sparse.csr_array of float64
            Rows and columns are in the order of `states`. A row adds up to 1, less how likely sequences end there; that
            of a dead end is empty.

        Raises
        ------
        ImportError
            If SciPy is not there.
        TypeError, ValueError
            If the chain is empty, or an argument is out of range.

        Notes
        -----
        O(E). Memory: 100 bytes a transition.

        Examples
        --------
        >>> MarkovChain.from_matrix([[9, 1], [5, 5]]).to_sparse(temperature=0.5).toarray().round(3)
        array([[0.988, 0.012],
               [0.5  , 0.5  ]])
        """
        graph = self._graph(words)
        sources, targets, probabilities = _between_states(graph)
        return sparse(probabilities, sources, targets, len(graph.states))

    def to_frame(self, **words: Unpack[LawWords]) -> Any:
        """Return the transition matrix as a DataFrame, with the states as labels; `from_matrix` takes it.

        Parameters
        ----------
        **words
            As in `to_sparse`.

        Returns
        -------
        pandas.DataFrame
            The probabilities from the state of the row to that of the column.

        Raises
        ------
        ImportError
            If pandas is not there.
        TypeError, ValueError
            As `to_sparse`, and if there are more than 10,000 states.

        Notes
        -----
        Memory: 8 bytes a pair of states.
        """
        pandas, graph = _package("pandas", "to_frame"), self._graph(words)
        size = len(graph.states)
        if size**2 > _MOST_CELLS:
            raise ValueError(f"the chain has {size:,} states, expected at most 10,000: to_sparse takes any")
        sources, targets, probabilities = _between_states(graph)
        cells = np.zeros((size, size))
        cells[sources, targets] = probabilities
        labels = pandas.Index(graph.states.labels, tupleize_cols=False)
        return pandas.DataFrame(cells, index=labels, columns=labels)

    def to_networkx(self, **words: Unpack[LawWords]) -> Any:
        """Return the states and the transitions between them as a graph, which `from_graph` takes.

        Parameters
        ----------
        **words
            As in `to_sparse`: transitions that they cut are not there.

        Returns
        -------
        networkx.DiGraph
            The states are the nodes; "weight" is the probability of a transition.

        Raises
        ------
        ImportError
            If networkx is not there.
        TypeError, ValueError
            As `to_sparse`.

        Notes
        -----
        Memory: 500 bytes a transition.
        """
        networkx, graph = _package("networkx", "to_networkx"), self._graph(words)
        labels = graph.states.labels
        made = networkx.DiGraph()
        made.add_nodes_from(labels)
        sources, targets, probabilities = (column.tolist() for column in _between_states(graph))
        made.add_weighted_edges_from(
            (labels[one], labels[other], p) for one, other, p in zip(sources, targets, probabilities, strict=True)
        )
        return made

    def to_arrow(self, **words: Unpack[LawWords]) -> Any:
        """Return the counts of n-grams as a table of Arrow, a row for each, which pandas, polars and DuckDB take.

        Parameters
        ----------
        **words
            As in `to_sparse`: what `probability` is at.

        Returns
        -------
        pyarrow.Table
            The columns token_1 to token_n are the state, null before the beginning of a sequence, `next` what comes
            after it, null for the end, `count` how often, and `probability` how likely; 0 for what `words` cut.

        Raises
        ------
        ImportError
            If pyarrow is not there.
        TypeError, ValueError
            As `to_sparse`.

        Notes
        -----
        In canonical order: by state, then larger counts first. Samplers put what they leave in the order of its weight,
        so that counts are weights then. str are dictionaries: each is stored once. Memory: 24 bytes a transition, and 4
        times the order.
        """
        arrow, (model, filters) = _package("pyarrow", "to_arrow"), self._at(words)
        table = model.transitions.check()
        probabilities = np.empty(table.tokens.size)
        edge_masses(table.rows, filters, probabilities)
        states = np.repeat(np.arange(len(table.contexts)), np.diff(table.offsets))

        def column(ids: Any) -> Any:
            numbers = arrow.array(ids, mask=ids < 0)
            if model.vocabulary is None:
                return numbers
            return arrow.DictionaryArray.from_arrays(numbers, arrow.array(list(model.vocabulary.tokens)))

        columns = {f"token_{place + 1}": column(ids[states]) for place, ids in enumerate(table.contexts.T)}
        columns |= {"next": column(table.tokens), "count": arrow.array(table.counts)}
        return arrow.table(columns | {"probability": arrow.array(probabilities)})


def _between_states(graph: Graph) -> tuple[Any, Any, Any]:
    """Return the transitions between states: where from, where to, how likely."""
    own = graph.emits & (graph.sources != graph.start)
    first = graph.start + 1
    if graph.contexts.shape[1] == 0 and own.any():  # all lead from the one state back to it
        return np.zeros(1, np.int64), np.zeros(1, np.int64), graph.probabilities[own].sum(keepdims=True)
    return graph.sources[own] - first, graph.targets[own] - first, graph.probabilities[own]


def _package(name: str, method: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(f"{method} needs {name}: pip install {name}") from None
