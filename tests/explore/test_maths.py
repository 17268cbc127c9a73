"""What the page computes is what the reference does: values to 1e-12, and the same tokens for the same seed."""

import json

import numpy as np
import pytest

from reference import chain as reference
from reference.markov import MarkovChain
from reference.samplers import EDITS, KEEPERS, SAMPLERS

pytestmark = pytest.mark.slow  # most in a page of a browser
CHAINS = [
    "",
    "temperature=0.7 top_k=5 top_p=0.9 min_p=0.05",
    "temperature=inf",
    "temperature=0",
    "top_k(3, ties=all) temperature=2.0",
    "top_p(0.7, crossing=drop, min_keep=2)",
    "top_p(0.8, equal=keep, ties=all) temperature=0.5",
    "temperature=0.5 top_p(0.6, of=all)",
    "min_p(0.3, min_keep=3)",
    "typical=0.6",
    "typical(0.5, ties=all, equal=keep, min_keep=2) temperature=1.5",
    "epsilon=0.08",
    "eta(0.1, ties=all)",
    "top_a=0.5",
    "tail_free=0.8",
    "tail_free(0.5, crossing=keep)",
    "top_n_sigma=1.0",
    "top_n_sigma(0.7, sigma=sample)",
    "top_h=0.5",
    "top_h(0.6, rule=transformers)",
    "p_less",
    "min_k=2.0",
    "p_step=0.5",
    "xtc(0.5, 0.1) temperature=0.8",
    "min_p=0.01 xtc(0.3, 0.1, equal=drop, ties=all) xtc(0.7, 0.2)",
    "greedy",
    "dynamic_temperature(0.5, 2.0, exponent=1.5)",
    "quadratic(0.3, curve=2.0) min_p=0.02",
    "top_k=6 adaptive_p=0.2",
    "top_k=6 gumbel",
    "adaptive_p=0.3 gumbel",
    "gumbel(draws=distinct)",
]
RUN = """async ([rows, chains, seed, n]) => {
    const { parse, probabilities, sample } = await import("/maths/chain.js");
    return chains.map((text) => rows.map((row) => {
        const logits = row.map(Number), steps = parse(text);
        return [probabilities(logits, steps), sample(logits, steps, seed, 0, n, 3)];
    }));
}"""
WALK = """async ([text, order, temperatures, seed]) => {
    const { fit, walk } = await import("/maths/markov.js");
    const chain = fit(text, order);
    return temperatures.map((t) => [0, 1, 2, 3].map((w) => walk(chain, 12, t, seed, w).map(({ word }) => word)));
}"""


def rows():
    generator = np.random.default_rng(3)
    yield [3.0, 2.0, 1.0, 4.0]
    yield [0.1, 0.0, 0.5, 1.0, 4.0, 0.6]
    yield [2.0]
    yield [1.0, 1.0, 1.0, 1.0, 1.0]
    yield [0.0, -np.inf, 3.0, 3.0, -700.0]
    yield [1.0, np.inf, np.inf, 2.0]
    for size in (7, 40, 150):
        yield (generator.normal(size=size) * 2).tolist()
        yield np.log(generator.integers(1, 6, size=size)).tolist()


def test_values_and_draws_are_those_of_the_reference(opened):
    page, seed = opened(), 2**53 - 2
    every = list(rows())
    found = page.evaluate(RUN, [[[str(z).replace("inf", "Infinity") for z in row] for row in every], CHAINS, seed, 40])
    for text, answers in zip(CHAINS, found, strict=True):
        for row, (shares, tokens) in zip(every, answers, strict=True):
            expected = reference.probabilities(row, text)
            assert np.allclose(shares, expected, rtol=1e-12, atol=1e-300), (text, row)
            assert [p > 0 for p in shares] == [p > 0 for p in expected], (text, row)
            assert tokens == reference.sample(row, text, n=40, seed=seed, step=3), (text, row)


def test_it_has_every_sampler_that_needs_no_history(opened):
    names = opened().evaluate('async () => Object.keys((await import("/maths/samplers.js")).SAMPLERS)')
    assert set(names) == set(SAMPLERS) - set(EDITS) - (set(KEEPERS) - {"adaptive_p"})


@pytest.mark.parametrize("order", [1, 2, 3])
def test_walks_are_those_of_the_reference(opened, order):
    text = (
        "the cat sat on the mat\n\nthe dog sat on the cat\r\nמה זה זה\n🦊 🦊 the\tcat\u2028a\u00a0dog saw  the dog\na"
    )
    sequences = [line.split() for line in text.splitlines() if line.split()]
    chain, temperatures = MarkovChain(order).fit(sequences), [0, 0.1, 0.5, 1, 3]
    found = opened().evaluate(WALK, [text, order, temperatures, 9])
    assert found == [chain.walk(4, 12, temperature=float(t), seed=9) for t in temperatures]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topp=1", "at character 1: no sampler topp, expected top_k, top_p"),
        ("top_k=2 top_p=1.5", "at character 9: top_p's p is 1.5, expected a number in [0, 1]"),
        ("top_k=2.5", "top_k's k is 2.5, expected an integer >= -1"),
        ("top_k(2, tie=all)", "top_k has no field tie, expected k, ties"),
        ("top_k(2, k=3)", "top_k has k twice"),
        ("top_k(2, ties=some)", "top_k's ties is some, expected first or all"),
        ("top_k=2, top_p=1", "at character 1: top_k=2, top_p=1, expected name=value"),
        ("min_k=inf", "min_k's tau is inf, expected a number >= 0"),
        ("gumbel top_k=3", "top_k after gumbel, which must be last"),
    ],
)
def test_a_wrong_chain_is_told(opened, text, message):
    run = 'async (text) => { try { (await import("/maths/chain.js")).parse(text) } catch (e) { return e.message } }'
    assert message in opened().evaluate(run, text)


def test_what_was_recorded_is_a_distribution():
    from fastsoftmax.explore import PAGE

    recorded = json.loads((PAGE / "data" / "smollm2.json").read_text(encoding="utf-8"))
    assert len(recorded["prompts"]) == 12
    for prompt in recorded["prompts"]:
        assert len(prompt["tokens"]) == len(prompt["logits"]) == 200
        assert prompt["logits"] == sorted(prompt["logits"], reverse=True)
        assert 0.5 < prompt["share"] < 1
    assert len(recorded["story"]["texts"]) == len(recorded["story"]["temperatures"])
