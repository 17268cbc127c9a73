"""What a chain gives to SciPy, pandas, networkx and Arrow, and takes back."""

import sys

import numpy as np
import pytest

from fastsoftmax import MarkovChain
from tests.markov.chains import CATS, WEATHER, assert_same

P = [[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.1, 0.8]]
DAYS = ["sun", "rain", "snow"]


def test_states():
    assert MarkovChain.from_matrix(P, DAYS).states == DAYS
    assert MarkovChain.from_matrix([[0, 1, 1], [0, 0, 0], [1, 0, 0]]).states == [0, 1, 2]  # 1 is a dead end
    assert MarkovChain(1).fit(CATS).states == ["the", "cat", "sat", "dog", "down", "a", "ran"]
    assert MarkovChain(2).fit([list("ab")]).states == [("a",), ("a", "b")]
    with pytest.raises(ValueError, match="the chain is empty"):
        _ = MarkovChain().states


def test_to_sparse():
    pytest.importorskip("scipy", reason="needs SciPy: the extra analysis")
    chain = MarkovChain.from_matrix(P, DAYS)
    np.testing.assert_array_equal(chain.to_sparse().toarray(), P)
    assert_same(MarkovChain.from_matrix(chain.to_sparse(), DAYS), chain)
    cold = chain.to_sparse(temperature=0.5).toarray()
    for row, day in enumerate(DAYS):
        found = dict(zip(*chain.next_tokens(day, temperature=0.5), strict=True))
        np.testing.assert_allclose(cold[row], [found.get(other, 0.0) for other in DAYS], rtol=1e-15)
    assert chain.to_sparse(samplers="top_k=1").nnz == 3
    ending = MarkovChain(1).fit([list("ab"), list("abc")])  # a, b, c: after b comes the end or c
    np.testing.assert_allclose(ending.to_sparse().toarray(), [[0, 1, 0], [0, 0, 0.5], [0, 0, 0]])


def test_to_frame():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    chain = MarkovChain.from_matrix(P, DAYS)
    frame = chain.to_frame()
    assert frame.loc["rain", "snow"] == 0.2
    assert_same(MarkovChain.from_matrix(frame), chain)
    assert chain.to_frame(top_k=1).loc["rain"].tolist() == [1, 0, 0]
    twos = MarkovChain(2).fit([list("abab")]).to_frame()
    assert isinstance(twos.index, pandas.Index)
    assert list(twos.columns) == [("a",), ("a", "b"), ("b", "a")]
    with pytest.raises(ValueError, match="the chain has 20,000 states, expected at most 10,000"):
        MarkovChain.from_edges(np.arange(20_000), np.arange(20_000)).to_frame()


def test_to_networkx():
    networkx = pytest.importorskip("networkx", reason="needs networkx: the extra plot")
    chain = MarkovChain.from_matrix(P, DAYS)
    graph = chain.to_networkx()
    assert graph["rain"]["snow"]["weight"] == 0.2
    assert networkx.to_numpy_array(graph, nodelist=DAYS).tolist() == P
    back = MarkovChain.from_graph(graph)
    np.testing.assert_allclose(back.next_tokens("rain")[1], chain.next_tokens("rain")[1])
    assert set(chain.to_networkx(temperature=0).edges) == {("sun", "sun"), ("rain", "sun"), ("snow", "snow")}


def test_to_arrow():
    pytest.importorskip("pyarrow", reason="needs pyarrow")
    chain = MarkovChain(2).fit([list("abab"), list("ab")])
    rows = chain.to_arrow(temperature=0.5).to_pylist()
    assert rows[0] == {"token_1": None, "token_2": None, "next": "a", "count": 2, "probability": 1.0}
    ends = {row["next"]: (row["count"], row["probability"]) for row in rows if row["token_1"] == "a"}
    assert ends == {None: (2, pytest.approx(0.8)), "a": (1, pytest.approx(0.2))}
    numbers = MarkovChain.from_transitions(WEATHER).to_arrow(top_k=1).to_pydict()
    assert sum(numbers["probability"]) == 4
    assert MarkovChain(1).fit([[3, 5]]).to_arrow()["next"].to_pylist() == [3, 5, None]


@pytest.mark.parametrize("name", ["pandas", "networkx", "pyarrow", "scipy"])
def test_without_the_package(monkeypatch, name):
    chain = MarkovChain.from_matrix(P, DAYS)
    method = {"pandas": "to_frame", "networkx": "to_networkx", "pyarrow": "to_arrow", "scipy": "to_sparse"}[name]
    monkeypatch.setitem(sys.modules, "scipy.sparse" if name == "scipy" else name, None)
    with pytest.raises(ImportError, match=r"fastsoftmax\[analysis\]" if name == "scipy" else f"{method} needs {name}"):
        getattr(chain, method)()
