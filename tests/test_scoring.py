"""Smoothing through the public methods: distributions, walks, likelihoods, text."""

import math

import numpy as np
import pytest
from scipy import stats

from fastsoftmax import MarkovChain, MarkovText
from fastsoftmax.markov.smoothing import Smoothed, checked_rule

CATS = [["the", "cat", "sat"], ["the", "dog", "sat", "down"], ["a", "cat", "ran"]]
RULES = ["add-k", "stupid-backoff", "kneser-ney"]


@pytest.fixture
def chain() -> MarkovChain:
    return MarkovChain(2).fit(CATS)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("context", [None, "the", ["the", "cat"], ["ran", "the"]])
def test_every_token_can_come_next(chain, rule, context):
    tokens, probabilities = chain.next_tokens(context, smoothing=rule)
    assert set(tokens) == {None, *chain.vocabulary}
    assert math.fsum(probabilities) == pytest.approx(1, abs=1e-12)
    assert (np.diff(probabilities) <= 0).all()
    smoothed = Smoothed(chain.transitions, chain._fitted().vocabulary, checked_rule(rule))
    ids = [chain.vocabulary.index(token) for token in ([context] if isinstance(context, str) else context or [])]
    known, expected = smoothed.probabilities(ids)
    found = dict(zip(tokens, probabilities.tolist(), strict=True))
    for token, p in zip(known.tolist(), expected.tolist(), strict=True):
        assert found[None if token < 0 else chain.vocabulary[token]] == pytest.approx(p, rel=1e-9)


def test_temperature_and_cut_offs(chain):
    tokens, cold = chain.next_tokens("the", smoothing="kneser-ney", temperature=0.5)
    _, warm = chain.next_tokens("the", smoothing="kneser-ney")
    np.testing.assert_allclose(cold, warm**2 / (warm**2).sum(), rtol=1e-9)
    assert chain.next_tokens("the", smoothing="kneser-ney", top_k=2)[0] == tokens[:2]
    assert len(chain.next_tokens("the", smoothing="add-k", k=0.01, top_p=0.9)[0]) < len(tokens)


@pytest.mark.parametrize("rule", RULES)
def test_walks_have_the_law_of_next_tokens(chain, rule):
    n = 4000
    walks = chain.walk(n, 2, start="the", smoothing=rule, seed=1)
    tokens, probabilities = chain.next_tokens("the", smoothing=rule)
    ids = [-1 if token is None else chain.vocabulary.index(token) for token in tokens]
    counts = [int((walks.ids[:, 1] == i).sum()) for i in ids]
    assert stats.chisquare(counts, probabilities * n).pvalue > 1e-4
    assert (walks.lengths == 1 + (walks.ids[:, 1] >= 0)).all()
    np.testing.assert_array_equal(chain.walk(30, 2, start="the", smoothing=rule, seed=1).ids, walks.ids[:30])


def test_walks_stop_or_restart(chain):
    stopped = chain.walk(50, 30, smoothing="kneser-ney", seed=2)
    assert all(walk == [] or walk[0] in chain.vocabulary for walk in stopped)
    assert (stopped.lengths < 30).any()
    going = chain.walk(50, 30, smoothing="kneser-ney", seed=2, on_dead_end="restart")
    assert (going.lengths == 30).all()
    for one, other, length in zip(stopped.ids, going.ids, stopped.lengths, strict=True):
        np.testing.assert_array_equal(one[:length], other[:length])
    ends = MarkovChain.from_transitions({"a": {None: 1.0}}).prune(0)
    assert list(ends.walk(2, 5, start="a", smoothing="add-k", temperature=0)) == [["a"]] * 2


@pytest.mark.parametrize("rule", RULES)
def test_likelihood_is_the_product(chain, rule):
    sequence = ["a", "dog", "ran", "down"]
    expected = 0.0
    for i in range(len(sequence) + 1):
        smoothed = Smoothed(chain.transitions, chain._fitted().vocabulary, checked_rule(rule))
        known, probabilities = smoothed.probabilities([chain.vocabulary.index(t) for t in sequence[:i]])
        token = chain.vocabulary.index(sequence[i]) if i < len(sequence) else -1
        expected += math.log(probabilities[known.tolist().index(token)])
    found = chain.log_likelihood(sequence, smoothing=rule)
    if rule == "stupid-backoff":  # scores, not probabilities
        assert found < 0
    else:
        assert found == pytest.approx(expected, rel=1e-9)
        assert chain.perplexity([sequence], smoothing=rule) == pytest.approx(math.exp(-expected / 5), rel=1e-9)
    assert chain.log_likelihood(sequence) == -math.inf
    assert chain.log_likelihood(["cow"], smoothing=rule) == -math.inf


def test_text():
    text = MarkovText(1).fit("The cat sat. The dog ran.")
    assert text.perplexity("The dog sat.", smoothing="kneser-ney") < text.perplexity("sat. The dog", smoothing="add-k")
    assert text.perplexity("The dog sat.") == math.inf
    assert len(text.next_tokens("The", smoothing="add-k")[0]) == 6
    assert text.log_likelihood("The dog sat.", smoothing="add-k", k=0.5) > text.log_likelihood(
        "The dog sat.", smoothing="add-k", k=5.0
    )


def test_a_change_of_the_chain_changes_its_smoothing(chain):
    before = chain.next_tokens("the", smoothing="add-k")
    chain.partial_fit([["the", "end"]])
    after = chain.next_tokens("the", smoothing="add-k")
    assert set(after[0]) - set(before[0]) == {"end"}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"smoothing": "laplace"}, ValueError, "smoothing is 'laplace', expected"),
        ({"smoothing": "add-k", "k": 0}, ValueError, "k is 0"),
        ({"smoothing": "stupid-backoff", "alpha": 2}, ValueError, "alpha is 2"),
        ({"smoothing": "kneser-ney", "discount": 2}, ValueError, "discount is 2"),
        ({"smoothing": "kneser-ney", "discount": [1, 2]}, ValueError, "discount has shape"),
    ],
)
def test_refuses(chain, arguments, error, message):
    for call in (
        lambda: chain.next_tokens("the", **arguments),
        lambda: chain.log_likelihood(["the"], **arguments),
        lambda: chain.perplexity([["the"]], **arguments),
        lambda: chain.walk(seed=1, **arguments),
    ):
        with pytest.raises(error, match=message):
            call()
