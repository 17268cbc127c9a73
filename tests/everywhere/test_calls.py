"""The catalogue of public calls: it is whole, each call works, and gives the same again."""

import inspect

import numpy as np
import pytest

import fastsoftmax
from tests.calls import CALLS, public, things, told

CLASSES = (fastsoftmax.MarkovChain, fastsoftmax.MarkovText)
RESULTS = {
    *("BetweenStates", "ByState", "CommunicatingClass", "Details", "KeptSet"),
    *("Reason", "Scores", "TokenTable", "TopLogprobs", "Walks"),
}


def test_every_public_name_is_there():
    names = set(fastsoftmax.__all__) - RESULTS
    for cls in CLASSES:
        names |= {f"{cls.__name__}.{name}" for name, _ in inspect.getmembers(cls) if not name.startswith("_")}
    assert {name.split(",")[0] for name in CALLS} == names


@pytest.mark.parametrize("name", CALLS)
def test_a_call_gives_the_same_again(name, tmp_path):
    tiny = things(tmp_path)
    assert told(CALLS[name](tiny)) == told(CALLS[name](tiny))


def test_what_differs_is_told_apart():
    one, other = np.zeros(2), np.zeros(2, np.float32)
    assert len({told(one), told(other), told(one[:1]), told([one]), told(None)}) == 5
    walks = [fastsoftmax.MarkovChain().fit([["a", "b", "a", "c"]]).walk(9, seed=seed) for seed in (1, 2)]
    assert told(walks[0]) != told(walks[1])


def test_arguments_of_a_public_name():
    function, arguments = public("MarkovChain.prune")
    assert function is fastsoftmax.MarkovChain.prune
    assert arguments == ["min_count"]
