"""Walks that many tasks draw: those of one call."""

import numpy as np
import pytest

import fastsoftmax as fs
from tests.dask.arrays import da, dask, lazy
from tests.markov.chains import CATS, WEATHER


@pytest.fixture(autouse=True)
def _few_tokens_a_task(monkeypatch):
    monkeypatch.setattr("fastsoftmax.dask.walking._TOKENS", 100)


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"temperature": 0.5, "top_k": 2},
        {"start": "cat"},
        {"on_dead_end": "restart"},
        {"samplers": "min_p=0.5"},
        {"smoothing": "add-k"},
    ],
)
@pytest.mark.parametrize(("n", "length"), [(37, 12), (3, 200), (0, 9), (5, 0)])
def test_walks_are_those_of_one_call(words, n, length):
    chain = fs.MarkovChain(2).fit(CATS)
    if length < len([words[name] for name in words if name == "start"]):
        return
    walks = lazy.walk(chain, n, length, seed=5, **words)
    expected = chain.walk(n, length, seed=5, **words).ids
    assert walks.shape == expected.shape
    assert walks.dtype == np.int32
    assert np.array_equal(walks.compute(), expected)


@pytest.mark.parametrize("scheduler", ["threads", pytest.param("processes", marks=pytest.mark.slow), "synchronous"])
def test_schedulers(scheduler):
    chain = fs.MarkovChain.from_transitions(WEATHER)
    walks = lazy.walk(chain, 50, 20, seed=2)
    assert walks.numblocks[0] == 10
    assert np.array_equal(walks.compute(scheduler=scheduler), chain.walk(50, 20, seed=2).ids)
    often = da.stack([(walks == state).sum() for state in range(3)])
    assert often.compute(scheduler=scheduler).sum() == 1000


def test_a_generator_gives_a_key_at_once():
    chain = fs.MarkovChain.from_transitions(WEATHER)
    walks = lazy.walk(chain, 50, 20, rng=np.random.default_rng(3))
    once, again = dask.compute(walks, walks[::-1])
    assert np.array_equal(once, again[::-1])
    assert np.array_equal(once, chain.walk(50, 20, rng=np.random.default_rng(3)).ids)


def test_what_a_chain_learns_later_changes_nothing():
    chain = fs.MarkovChain.from_transitions(WEATHER)
    walks, expected = lazy.walk(chain, 50, 20, seed=4), chain.walk(50, 20, seed=4).ids
    chain.partial_fit([["fog"] * 50])
    assert np.array_equal(walks.compute(), expected)


def test_refusals_come_at_once():
    chain = fs.MarkovChain.from_transitions(WEATHER)
    with pytest.raises(KeyError, match="token 'fog' was never seen"):
        lazy.walk(chain, 9, start="fog")
    with pytest.raises(ValueError, match="temperature is -1"):
        lazy.walk(chain, 9, temperature=-1)
    with pytest.raises(TypeError, match="progress is given, expected none"):
        lazy.walk(chain, 9, progress=True)
    with pytest.raises(ValueError, match="n is -1"):
        lazy.walk(chain, -1)
    with pytest.raises(TypeError, match="chain is 3, expected a MarkovChain"):
        lazy.walk(3, 1)
    with pytest.raises(ValueError, match="the chain is empty"):
        lazy.walk(fs.MarkovChain(), 1)
    dead = fs.MarkovChain.from_transitions({"a": {"b": 1}})
    late = lazy.walk(dead, 40, 9, seed=1, on_dead_end="raise")
    with pytest.raises(ValueError, match="walk 33 came to a dead end"):
        late[33:].compute()
