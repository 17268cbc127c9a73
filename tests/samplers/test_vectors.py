"""What other libraries' samplers answer, from their own tests, is what ours leave."""

import numpy as np
import pytest

import fastsoftmax as fs
from tests import vectors

CASES = vectors.load()
STEPWISE = [name for name, case in CASES.items() if case["expected"]["kind"] == "kept_after_each_step"]


@pytest.mark.parametrize("name", [name for name in CASES if name not in STEPWISE])
def test_peers(name):
    case = CASES[name]
    if name in vectors.SKIPPED:
        pytest.skip(vectors.SKIPPED[name])
    found = fs.probabilities(np.array(vectors.logits_of(case)), samplers=vectors.chain_of(case)).tolist()
    assert vectors.seen(case, found) == pytest.approx(vectors.expected(case), abs=vectors.tolerance_of(case))


@pytest.mark.parametrize("name", STEPWISE)
def test_peers_step_by_step(name):
    case = CASES[name]
    logits, counts = np.array(vectors.logits_of(case)), vectors.kept_after_each_step(case)
    details = fs.sample(logits, samplers=counts[-1][0], seed=0, details=True, kept_set=True)
    assert details.kept_after.tolist() == [count for _, count in counts]
    tokens = details.kept_set.tokens
    assert (tokens.min(), tokens.max()) == vectors.smallest_and_largest(case)
