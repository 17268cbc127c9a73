"""What other libraries' penalties and bans answer, from their own tests, is what our edits and their twins give."""

import numpy as np
import pytest

import fastsoftmax as fs
from reference import chain as reference
from tests.vectors import edits

CASES = edits.load()
NAMES = [name for name, case in CASES.items() if case["sampler"] != "dry_max_exponent"]


@pytest.mark.parametrize("name", NAMES)
def test_peers(name):
    if name in edits.SKIPPED:
        pytest.skip(edits.SKIPPED[name])
    case = CASES[name]
    question = edits.question_of(case)
    logits, text, history, prompt = question
    twin = reference.edited(logits, text, history, prompt)
    single = np.array(twin, np.float32).tolist()
    assert edits.answers(case, question, single), (question, twin)
    chain = fs.SamplerChain(text)
    state = chain.start(history[:prompt]).accept(history[prompt:])
    found = fs.probabilities(np.array(logits, np.float32), samplers=chain, state=state)
    assert np.allclose(found, fs.softmax(np.array(single)), rtol=1e-5, atol=1e-7)


def test_the_exponent_of_dry_is_clamped():
    """int(88.7228391 / log(base)) in float32, as llama.cpp has it; 0 is no clamp."""
    for case in (case for case in CASES.values() if case["sampler"] == "dry_max_exponent"):
        base, most = case["params"]["base"], case["expected"]["values"]
        history, exponent = [1] * 400, most or 399
        text = f"dry({base**-exponent!r}, base={base!r}, allowed_length=0)"
        assert reference.edited([0.0, 0.0], text, history, 0)[1] == pytest.approx(-1.0, rel=1e-9)
        chain = fs.SamplerChain(text)
        found = np.log(fs.probabilities(np.zeros(2), samplers=chain, state=chain.start(history)))
        assert found[0] - found[1] == pytest.approx(1.0, rel=1e-9)
