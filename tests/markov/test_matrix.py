"""Chains of matrices, lists of edges and graphs: against the reference, numpy, and what the peers take."""

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from fastsoftmax import MarkovChain
from tests.markov.chains import assert_same

P = [[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.1, 0.8]]
DAYS = ["sun", "rain", "snow"]
SQUARES = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(st.integers(0, 4), min_size=n, max_size=n), min_size=n, max_size=n)
)


def rows_of(chain):
    """Return {state: {next: probability}} of a chain of order 1."""
    table, names = chain.transitions, chain.vocabulary
    name = (lambda i: i) if names is None else (lambda i: None if i < 0 else names[i])
    found = {}
    for row, (context,) in enumerate(table.contexts.tolist()):
        here = slice(*table.offsets[row : row + 2])
        counts = table.counts[here]
        found[name(context)] = dict(
            zip(map(name, table.tokens[here].tolist()), (counts / counts.sum()).tolist(), strict=True)
        )
    return found


def test_a_matrix_of_probabilities():
    chain = MarkovChain.from_matrix(P, DAYS)
    assert rows_of(chain) == {
        "sun": {"sun": 0.9, "rain": 0.1},
        "rain": {"sun": 0.4, "rain": 0.4, "snow": 0.2},
        "snow": {"sun": 0.1, "rain": 0.1, "snow": 0.8},
    }
    assert chain.transitions.counts.tolist() == [9, 1, 4, 4, 2, 8, 1, 1]
    assert chain.vocabulary == DAYS
    assert MarkovChain.from_matrix(np.array(P)).vocabulary is None


@given(SQUARES, st.booleans(), st.sampled_from([0.5, 1.0, 2.0]))
def test_counts_are_those_of_the_reference(matrix, named, temperature):
    if not any(map(any, matrix)):
        return
    states = [f"s{i}" for i in range(len(matrix))] if named else None
    chain, plain = MarkovChain.from_matrix(matrix, states), reference.MarkovChain.from_matrix(matrix, states)
    assert [*chain.walk(20, 8, seed=3, temperature=temperature)] == plain.walk(20, 8, seed=3, temperature=temperature)
    first = next(i for i, row in enumerate(matrix) if any(row))
    start = {states[first] if states else first: 2}
    chain = MarkovChain.from_matrix(matrix, states, start=start)
    plain = reference.MarkovChain.from_matrix(matrix, states, start)
    assert [*chain.walk(9, 8, seed=4, on_dead_end="restart")] == plain.walk(9, 8, seed=4, on_dead_end="restart")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30))
def test_edges_are_those_of_the_reference(edges):
    if not any(weight for *_, weight in edges):
        return
    sources, targets, weights = zip(*edges, strict=True)
    for some in (weights, [w / 3 for w in weights]):
        chain, plain = (
            kind.from_edges(list(sources), list(targets), list(some)) for kind in (MarkovChain, reference.MarkovChain)
        )
        assert [*chain.walk(20, 8, seed=5)] == plain.walk(20, 8, seed=5)
    names = [f"n{i}" for i in sources], [f"n{i}" for i in targets]
    chain, plain = MarkovChain.from_edges(*names, 2), reference.MarkovChain.from_edges(*names, 2)
    assert chain.vocabulary == list(plain.ids)[1:]
    assert [*chain.walk(20, 8, seed=5)] == plain.walk(20, 8, seed=5)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "bool"])
def test_every_dtype(dtype):
    matrix = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    if np.dtype(dtype).kind == "f":
        halves = MarkovChain.from_matrix((matrix / matrix.sum(axis=1, keepdims=True)).astype(dtype))
        assert_same(halves, MarkovChain.from_matrix([[0, 2, 0], [1, 0, 1], [0, 2, 0]]))
    assert_same(MarkovChain.from_matrix(matrix.astype(dtype)), MarkovChain.from_matrix(matrix.tolist()))


def test_float32_probabilities_are_taken_within_what_they_can_tell():
    matrix = np.array([[0.1, 0.2, 0.7], [1 / 3, 1 / 3, 1 / 3], [0.05, 0.15, 0.8]], np.float32)
    assert rows_of(MarkovChain.from_matrix(matrix))[0][2] == pytest.approx(0.7)
    random = np.random.default_rng(0).random((200, 200), np.float32)
    assert len(MarkovChain.from_matrix(random / random.sum(axis=1, keepdims=True)).transitions.tokens) == 40_000


@given(st.lists(st.lists(st.integers(1, 50), min_size=3, max_size=3), min_size=3, max_size=3))
def test_fractions_are_exact(matrix):
    """Probabilities that are fractions of one number are counts, whose ratios are those fractions."""
    exact = [[Fraction(entry, sum(row)) for entry in row] for row in matrix]
    chain = MarkovChain.from_matrix([[float(p) for p in row] for row in exact])
    table = chain.transitions
    if math.lcm(*[p.denominator for row in exact for p in row]) > 10**6:
        assert table.counts.dtype == np.float64
        return
    for row in range(3):
        counts = table.counts[3 * row : 3 * row + 3].tolist()
        by_token = dict(zip(table.tokens[3 * row : 3 * row + 3].tolist(), counts, strict=True))
        assert [Fraction(by_token[j], sum(counts)) for j in range(3)] == exact[row]


def test_what_is_no_fraction_stays_a_float():
    root = math.sqrt(0.5)
    chain = MarkovChain.from_matrix([[root, 1 - root], [0.25, 0.75]])
    assert chain.transitions.counts.dtype == np.float64
    assert chain.next_tokens(0)[1].tolist() == pytest.approx([root, 1 - root])
    nearly = MarkovChain.from_matrix([[0.5, 0.5 + 9e-10], [1, 0]])
    assert nearly.next_tokens(0)[1].sum() == pytest.approx(1, abs=1e-15)


def test_sparse_matrices():
    scipy_sparse = pytest.importorskip("scipy.sparse", reason="needs SciPy: the extra analysis")
    dense = MarkovChain.from_matrix(P, DAYS)
    for kind in ("csr_array", "csc_array", "coo_array", "lil_array", "csr_matrix", "dok_array"):
        assert_same(MarkovChain.from_matrix(getattr(scipy_sparse, kind)(np.array(P)), DAYS), dense)
    doubled = scipy_sparse.coo_array(([1, 2, 1], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    assert rows_of(MarkovChain.from_matrix(doubled)) == {0: {1: 1.0}, 1: {0: 1.0}}
    assert doubled.data.tolist() == [1, 2, 1]  # as it was


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_sparse_matrix_takes_the_memory_of_its_entries(share):
    """Not of its rows: numbers of them and sums of them would be 8 GB each."""
    scipy_sparse = pytest.importorskip("scipy.sparse", reason="needs SciPy: the extra analysis")
    places = [0, 0, 5, 10**9], [5, 7, 10**9, 0]
    huge = scipy_sparse.coo_array(([share, 1 - share, 1, 1], places), shape=(10**9 + 1, 10**9 + 1))
    tracemalloc.start()
    chain = MarkovChain.from_matrix(huge)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**26
    assert chain.walk(length=3, start=5)[0] == [5, 10**9, 0]
    assert rows_of(chain)[0] == ({5: 1.0} if share == 1.0 else {5: 0.25, 7: 0.75})
    wrong = scipy_sparse.coo_array(([0.5, 0.25], ([3, 10**9], [3, 3])), shape=huge.shape)
    with pytest.raises(ValueError, match=r"the row of 3 in matrix adds up to 0\.5"):
        MarkovChain.from_matrix(wrong)


def test_data_frames_keep_their_labels():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    frame = pandas.DataFrame(P, index=DAYS, columns=DAYS)
    assert_same(MarkovChain.from_matrix(frame), MarkovChain.from_matrix(P, DAYS))
    assert_same(MarkovChain.from_matrix(frame[DAYS[::-1]]), MarkovChain.from_matrix(P, DAYS))
    today, tomorrow = ["sun", "sun", "rain", "sun"], ["rain", "sun", "snow", "sun"]
    table = pandas.crosstab(pandas.Series(today), pandas.Series(tomorrow))
    counted = MarkovChain.from_matrix(table)  # snow is among the columns alone
    assert rows_of(counted) == {"rain": {"snow": 1.0}, "sun": {"sun": 2 / 3, "rain": 1 / 3}}
    edges = pandas.DataFrame({"from": today, "to": tomorrow, "times": [1, 2, 1, 1]})
    chain = MarkovChain.from_edges(edges["from"], edges["to"], edges["times"])
    assert rows_of(chain)["sun"] == {"sun": 0.75, "rain": 0.25}
    with pytest.raises(ValueError, match="states is given, and so are the labels of a DataFrame"):
        MarkovChain.from_matrix(frame, DAYS)


def test_no_start_unless_it_is_given():
    chain = MarkovChain.from_matrix(P, DAYS)
    assert -1 not in chain.transitions.contexts
    firsts = [walk[0] for walk in chain.walk(6000, 1, seed=1, top_k=1)]
    for day in DAYS:
        assert 1800 < firsts.count(day) < 2200
    begun = MarkovChain.from_matrix(P, DAYS, start={"snow": 1, "sun": 3, "rain": 0})
    firsts = [walk[0] for walk in begun.walk(4000, 1, seed=1)]
    assert set(firsts) == {"sun", "snow"}
    assert 2850 < firsts.count("sun") < 3150
    for start in ([3, 0, 1], np.array([0.75, 0, 0.25])):
        assert [walk[0] for walk in MarkovChain.from_matrix(P, DAYS, start=start).walk(4000, 1, seed=1)] == firsts
    assert rows_of(begun)["sun"] == rows_of(chain)["sun"]


def test_dead_ends_and_absorbing_states():
    chain = MarkovChain.from_matrix([[0.5, 0.25, 0.25], [0, 0, 0], [0, 0, 1]])
    walks = chain.walk(200, 9, start=0, seed=1)
    assert {walk[-1] for walk in walks} <= {0, 1, 2}
    assert all(len(walk) == 9 or walk[-1] == 1 for walk in walks)
    assert len(chain.walk(1, 9, start=1)[0]) == 1
    with pytest.raises(ValueError, match="dead end"):
        chain.walk(200, 50, start=0, seed=1, on_dead_end="raise")
    with pytest.raises(ValueError, match="expected a chain with a start"):
        chain.walk(1, 5, on_dead_end="restart")


def test_a_pruned_chain_begins_anywhere():
    sequences = [list("ab"), list("cabab"), list("babab")]
    for order in (1, 2):
        chain, plain = (kind(order).fit(sequences).prune(2) for kind in (MarkovChain, reference.MarkovChain))
        assert [*chain.walk(30, 6, seed=1)] == plain.walk(30, 6, seed=1)
        assert all(chain.walk(30, 6, seed=1))


def test_graphs():
    networkx = pytest.importorskip("networkx", reason="needs networkx: the extra plot")
    ring = networkx.DiGraph([("a", "b", {"weight": 3}), ("a", "c", {"weight": 1}), ("b", "a"), ("c", "a")])
    assert rows_of(MarkovChain.from_graph(ring)) == {"a": {"b": 0.75, "c": 0.25}, "b": {"a": 1.0}, "c": {"a": 1.0}}
    assert rows_of(MarkovChain.from_graph(ring, weight=None))["a"] == {"b": 0.5, "c": 0.5}
    karate = networkx.karate_club_graph()
    chain = MarkovChain.from_graph(karate)
    matrix = networkx.to_numpy_array(karate)
    assert_same(chain, MarkovChain.from_matrix(matrix))
    many = networkx.MultiGraph([(0, 1), (0, 1), (0, 2), (1, 1)])
    assert rows_of(MarkovChain.from_graph(many)) == {
        0: {1: 2 / 3, 2: 1 / 3},
        1: {0: 2 / 3, 1: 1 / 3},
        2: {0: 1.0},
    }
    with pytest.raises(TypeError, match=r"sources\[0\]|nodes\[0\]: token \(0, 0\)"):
        MarkovChain.from_graph(networkx.grid_2d_graph(2, 2))
    with pytest.raises(ValueError, match="graph has no edge"):
        MarkovChain.from_graph(networkx.empty_graph(3))
    ring["a"]["b"]["weight"] = -2
    with pytest.raises(ValueError, match=r"the 'weight' of edge \('a', 'b'\) is -2, expected a finite number >= 0"):
        MarkovChain.from_graph(ring)


@pytest.mark.parametrize(
    ("matrix", "states", "error", "message"),
    [
        ([[0.5, 0.4], [1, 0]], ["a", "b"], ValueError, r"the row of 'a' in matrix adds up to 0.9, expected 1"),
        ([[0.5, 0.5], [1.5, 0]], None, ValueError, r"the row of 1 in matrix adds up to 1.5"),
        ([[1, -1], [0, 1]], None, ValueError, r"matrix\[0, 1\] is -1, expected a finite number >= 0"),
        ([[1.0, math.nan], [0, 1]], ["a", "b"], ValueError, r"matrix\['a', 'b'\] is nan"),
        ([[1.0, math.inf], [0, 1]], None, ValueError, r"matrix\[0, 1\] is inf"),
        ([[1, 0]], None, ValueError, r"matrix has shape \(1, 2\), expected a square array"),
        ([1, 0], None, ValueError, r"matrix has shape \(2,\)"),
        ([[0, 0], [0, 0]], None, ValueError, "all weights are 0"),
        (np.empty((0, 0)), None, ValueError, "all weights are 0"),
        ([["a"]], None, TypeError, "matrix has dtype"),
        ([[1, 0], [0]], None, ValueError, "matrix is ragged"),
        ([[1]], ["a", "b"], ValueError, "states has 2 labels, expected 1"),
        ([[1, 1], [1, 1]], ["a", "a"], ValueError, r"states\[1\] stands there twice"),
        ([[1, 1], [1, 1]], ["a", 1], TypeError, r"states\[1\]: token 1, expected a token of type str"),
        ([[1, 1], [1, 1]], [1.5, 2.5], TypeError, r"states\[0\]: token 1.5, expected a token of type str"),
        ([[1, 1], [1, 1]], [-1, 2], ValueError, r"states\[0\]: token -1, expected an integer in"),
        ([[1]], "a", TypeError, "states is 'a', expected a list"),
    ],
)
def test_from_matrix_refuses(matrix, states, error, message):
    with pytest.raises(error, match=message):
        MarkovChain.from_matrix(matrix, states)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([1, 2], [1]), ValueError, "targets has 1 labels, expected 2"),
        (([], []), ValueError, "sources is empty"),
        (([1], [1], [1, 2]), ValueError, r"weights has shape \(2,\), expected one number or 1"),
        (([1], [1], 0), ValueError, "weights is 0"),
        (([1], [1], [0]), ValueError, "all weights are 0"),
        (([1, 1], [1, 2], [1, -3]), ValueError, r"weights\[1\] is -3"),
        (([1, 1], [1, 2], ["a", "b"]), TypeError, "weights has dtype"),
        (([1, 1], [1, None]), TypeError, r"targets\[1\]: token None"),
        ((["a", 1], ["a", "b"]), TypeError, r"sources\[1\]: token 1, expected a token of type str"),
        ((["a"], [1]), TypeError, r"targets\[0\]: token 1"),
        ((np.array([1.0]), [1]), TypeError, r"sources\[0\]: token 1.0"),
        ((np.array([[1]]), [1]), ValueError, r"sources has shape \(1, 1\)"),
        ((np.array([2**31 - 1]), [1]), ValueError, r"sources\[0\]: token 2147483647, expected an integer in"),
        (("ab", "bc"), TypeError, "sources is 'ab', expected a list"),
        ((3, [1]), TypeError, "sources is 3, expected a list"),
    ],
)
def test_from_edges_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        MarkovChain.from_edges(*arguments)


@pytest.mark.parametrize(
    ("start", "error", "message"),
    [
        ({"fog": 1}, KeyError, "state 'fog' has no transition"),
        ({"sun": 0}, ValueError, "start has weights of 0 alone"),
        ({"sun": -1}, ValueError, r"start\['sun'\] is -1"),
        ([0, 0, 0], ValueError, "start has weights of 0 alone"),
        ([1, 1], ValueError, r"start has shape \(2,\), expected \(3,\)"),
        ([1, 1, -1], ValueError, r"start\[2\] is -1"),
        (["a", "b", "c"], TypeError, "start has dtype"),
        (3, TypeError, r"start is 3, expected a dict \{state: weight\}"),
    ],
)
def test_start_refuses(start, error, message):
    with pytest.raises(error, match=message):
        MarkovChain.from_matrix(P, DAYS, start=start)


def test_from_graph_refuses_what_is_none():
    with pytest.raises(TypeError, match="graph is 3, expected a networkx graph"):
        MarkovChain.from_graph(3)


def test_saved_and_merged(tmp_path):
    chain = MarkovChain.from_matrix(P, DAYS)
    chain.save(tmp_path / "days")
    assert_same(MarkovChain.load(tmp_path / "days"), chain)
    assert [*MarkovChain.load(tmp_path / "days").walk(5, 9, seed=1)] == [*chain.walk(5, 9, seed=1)]
    twice = MarkovChain.from_matrix(P, DAYS).merge(chain)
    np.testing.assert_array_equal(twice.transitions.counts, 2 * chain.transitions.counts)


@pytest.mark.slow
def test_a_million_edges():
    rng = np.random.default_rng(0)
    sources, targets = rng.integers(0, 50_000, (2, 10**6))
    weights = rng.random(10**6)
    sparse = pytest.importorskip("scipy.sparse", reason="needs SciPy: the extra analysis").coo_array(
        (weights, (sources, targets)), shape=(50_000, 50_000)
    )
    table = MarkovChain.from_edges(sources.astype(np.int32), targets, weights).transitions
    np.testing.assert_allclose(
        np.add.reduceat(table.counts, table.offsets[:-1]), np.asarray(sparse.sum(axis=1)).ravel()
    )
    assert len(MarkovChain.from_edges(sources, targets).transitions.tokens) == sparse.tocsr().nnz
