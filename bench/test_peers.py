"""The peers are here, and do the same work as the library: a ratio means nothing otherwise."""

from dataclasses import asdict
from types import ModuleType

import numpy as np
import pytest

import fastsoftmax
from bench import peers
from bench.chains import Corpus
from bench.data import Rows
from bench.test_sample import PARAMS
from bench.test_softmax import FUNCTIONS

pytestmark = pytest.mark.usefixtures("untimed")
SMALL = Rows(vocabulary=500, batch=3)


@pytest.fixture
def untimed(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--alone"):
        pytest.skip("runs without peers")


@pytest.fixture(params=peers.MODULES)
def peer(request: pytest.FixtureRequest) -> ModuleType:
    if reason := peers.skipped().get(request.param.rstrip("_")):
        pytest.skip(reason)
    return next(peer for peer in peers.peers() if peer.__name__.endswith(request.param))


@pytest.mark.parametrize("temperature", [1, 0.7])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_softmax_agrees(peer: ModuleType, function: str, temperature: float) -> None:
    logits = SMALL.array()[:1]
    expected = getattr(fastsoftmax, function)(logits, temperature=temperature)
    for contestant in getattr(peer, "softmax", lambda *_: ())(function, logits, temperature):
        np.testing.assert_allclose(np.asarray(contestant.call()), expected, rtol=1e-4, err_msg=contestant.name)


@pytest.mark.parametrize("name", PARAMS)
def test_sample_draws_from_the_same_support(peer: ModuleType, name: str) -> None:
    logits, params = SMALL.array(), PARAMS[name]
    support = fastsoftmax.probabilities(logits, **asdict(params)) > 0
    for contestant in getattr(peer, "sample", lambda *_: ())(logits, params, 1):
        if contestant.role == "peer":
            for _ in range(20):
                tokens = np.asarray(contestant.call())
                assert tokens.shape == (3, 1), contestant.name
                assert support[np.arange(3)[:, None], tokens].all(), contestant.name


@pytest.mark.parametrize("order", [1, 2])
def test_walk_and_fit_run(peer: ModuleType, order: int) -> None:
    corpus = Corpus("text-small", order)
    for contestant in getattr(peer, "walk", lambda *_: ())(corpus, 3, 10):
        assert len(contestant.call()) <= 3
        assert contestant.units > 0
    for contestant in getattr(peer, "fit", lambda *_: ())(corpus):
        contestant.call()
