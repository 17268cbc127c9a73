"""Graphs with softmax and sampling in them: composed, optimised, and on every scheduler."""

import pickle
import sys

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax import _threads
from tests.dask.arrays import assert_equal, assert_same, da, dask, lazy

CHAIN = fs.SamplerChain("repetition=1.5 top_k=40 temperature=0.7")
WORDS = {"top_p": 0.9, "temperature": 0.7, "details": True, "kept_set": True, "top_logprobs": 2}


def logits(rows=20, size=500):
    return (np.random.default_rng(0).standard_normal((rows, size)) * 3).astype(np.float32)


def spread():
    return da.from_array(logits(), chunks=(3, 200))


def everything():
    """Return lazy results of several kinds, and what they are without Dask."""
    state = CHAIN.start([[1, 2]] * 20)
    words = {"samplers": CHAIN, "state": state, "rng": 1}
    results = (
        lazy.sample(spread(), seed=range(20), **WORDS),
        lazy.sample(spread(), rng=1, n=3),
        lazy.sample(spread(), **words),
        lazy.softmax(spread(), axis=0),
        lazy.logsumexp(spread()),
        lazy.probabilities(spread(), top_k=3),
    )
    rows = logits()
    expected = (
        fs.sample(rows, seed=range(20), **WORDS),
        fs.sample(rows, rng=1, n=3),
        fs.sample(rows, **words),
        fs.softmax(rows, axis=0),
        fs.logsumexp(rows),
        fs.probabilities(rows, top_k=3),
    )
    return results, expected


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_schedulers_of_one_process(scheduler):
    results, expected = everything()
    assert_equal(dask.compute(*results, scheduler=scheduler), expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork")
def test_the_scheduler_of_processes():
    results, expected = everything()
    assert_equal(dask.compute(*results, scheduler="processes", num_workers=2), expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the cluster's own
def test_a_cluster_of_two_processes():
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    words = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": ":0"}
    with distributed.LocalCluster(**words) as cluster, distributed.Client(cluster) as client:
        results, expected = everything()
        assert_equal(dask.compute(*results), expected)
        held = lazy.softmax(client.persist(spread()))
        assert_equal(lazy.sample(held, rng=2).compute(), fs.sample(fs.softmax(logits()), rng=2))
        wrong = logits()
        wrong[17, 3] = np.nan
        with pytest.raises(ValueError, match=r"^logits row 17 is NaN at index 3, expected no NaN$"):
            lazy.sample(da.from_array(wrong, chunks=(3, 200)), seed=1).compute()


def test_optimised_graphs():
    results, expected = everything()
    assert_equal(dask.compute(*dask.optimize(*results), scheduler="synchronous"), expected)
    (first,) = dask.persist(results[1], scheduler="synchronous")
    assert_equal(first.compute(scheduler="synchronous"), expected[1])


def test_a_graph_survives_pickling():
    results, expected = everything()
    assert_equal(dask.compute(*pickle.loads(pickle.dumps(results)), scheduler="synchronous"), expected)


def test_among_other_operations():
    rows, array = logits(), spread()
    tokens = lazy.sample(array * 2 - array.mean(), seed=1, top_k=9)
    shifted = rows * 2 - array.mean().compute()
    assert_same(tokens[4:13:2], fs.sample(shifted, seed=1, top_k=9)[4:13:2])
    halves = da.concatenate([lazy.softmax(array[:7]), lazy.softmax(array[7:])])
    assert_same(halves, fs.softmax(rows))
    parts = da.concatenate([array[:7], array[7:]])
    assert_same(lazy.sample(parts, rng=1), fs.sample(rows, rng=1))
    inside = da.map_blocks(lambda chunk: fs.softmax(chunk), array.rechunk((6, -1)), dtype=np.float32)
    assert_same(lazy.sample(inside, rng=1), fs.sample(fs.softmax(rows), rng=1))
    again = da.map_blocks(np.negative, lazy.log_softmax(array), dtype=np.float32)
    assert_same(again, -fs.log_softmax(rows))
    assert_same(lazy.sample(da.stack([array, array]), rng=1), fs.sample(np.stack([rows, rows]), rng=1))


def test_a_generator_inside_a_chunk_is_not_asked():
    tokens = lazy.sample(spread(), rng=np.random.default_rng(3))
    found = [tokens.compute(scheduler=one) for one in ("synchronous", "threads")]
    assert np.array_equal(*found)


def test_a_chunk_asks_for_no_thread(monkeypatch):
    """Its task has a thread of Dask's, of which there are as many as CPUs."""
    asked = []
    monkeypatch.setattr(_threads, "_pool", lambda threads: asked.append(threads))
    monkeypatch.setattr(_threads, "_num_threads", 4)
    large = da.ones((8, 2**17), chunks=(4, 2**17), dtype=np.float32)
    dask.compute(lazy.softmax(large), lazy.sample(large, seed=1, details=True), scheduler="threads", num_workers=2)
    assert not asked
    with pytest.raises(AttributeError):  # the pool that is none
        fs.softmax(np.ones((8, 2**17), np.float32))
    assert asked == [4]


def test_the_message_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask.array", None)
    for name in [one for one in sys.modules if one.startswith("fastsoftmax.dask")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"^fastsoftmax.dask needs Dask: pip install 'fastsoftmax\[dask\]'$"):
        __import__("fastsoftmax.dask")


def test_names_are_those_of_the_library():
    methods = {"fit", "walk"}  # of models, which go in first here
    assert set(lazy.__all__) - methods <= set(fs.__all__)
    assert all(hasattr(fs.MarkovChain, name) for name in methods)
