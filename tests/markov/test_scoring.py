"""Smoothing through the public methods: distributions, walks, likelihoods, text."""

import math

import numpy as np
import pytest
from hypothesis import given
from scipy import stats

import reference
from fastsoftmax import MarkovChain, MarkovText
from fastsoftmax.markov.smoothing.rules import Smoothed, checked_rule
from tests.cases import examples
from tests.markov.chains import CATS, INF, orders, tokens

RULES = ["add-k", "stupid-backoff", "kneser-ney"]


@pytest.fixture
def chain():
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


UNSEEN = [["the", "cow", "sat", "down"], ["moo"], ["the", "cat", "ran", "cow", "a", "cat"], ["a", "dog"]]


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("unseen", ["impossible", "skip"])
@pytest.mark.parametrize("end", [True, False])
def test_scores_are_those_of_the_reference(order, unseen, end):
    chain, plain = MarkovChain(order).fit(CATS), reference.MarkovChain(order).fit(CATS)
    logs = []
    for sequence in CATS + UNSEEN:
        found = chain.scores(sequence, end=end, unseen=unseen)
        expected = plain.scores(sequence, end=end, unseen=unseen)
        logs += expected
        np.testing.assert_allclose(found.log_probabilities, expected, rtol=1e-12)
        assert found.tokens == (*sequence, None)[: len(expected)]
        assert found.skipped == np.isnan(expected).sum()
        likelihood = chain.log_likelihood(sequence, end=end, unseen=unseen)
        assert found.log_likelihood == likelihood == pytest.approx(np.nansum(expected))
        if found.skipped < len(expected):
            assert found.perplexity == chain.perplexity([sequence], end=end, unseen=unseen)
    kept = [log for log in logs if not math.isnan(log)]
    perplexity = chain.perplexity(CATS + UNSEEN, end=end, unseen=unseen)
    assert perplexity == pytest.approx(math.inf if -math.inf in kept else math.exp(-math.fsum(kept) / len(kept)))


@pytest.mark.parametrize("rule", RULES)
def test_scores_with_smoothing_leave_out_unseen_tokens_alone(chain, rule):
    """What follows one backs off to a shorter context, as after any context that was never seen."""
    found = chain.scores(["the", "cow", "sat"], smoothing=rule, unseen="skip")
    assert np.isnan(found.log_probabilities).tolist() == [False, True, False, False]
    assert np.isfinite(found.log_probabilities[[0, 2, 3]]).all()
    assert found.skipped == 1
    impossible = chain.scores(["the", "cow", "sat"], smoothing=rule)
    np.testing.assert_array_equal(impossible.log_probabilities[[0, 2, 3]], found.log_probabilities[[0, 2, 3]])
    assert impossible.log_probabilities[1] == impossible.log_likelihood == -math.inf


def test_after_what_was_never_seen_the_state_is_known_again():
    chain = MarkovChain(2).fit([["a", "b", "c", "d", "e"]])
    found = chain.scores(["a", "c", "b", "c", "d"])
    assert found.log_probabilities.tolist() == [0, -math.inf, -math.inf, -math.inf, 0, -math.inf]


def test_chains_without_ends_are_scored_without_ends():
    weather = MarkovChain.from_transitions({"sun": {"sun": 0.9, "rain": 0.1}, "rain": {"sun": 0.5, "rain": 0.5}})
    assert weather.log_likelihood(["sun", "sun", "rain"]) == -math.inf
    assert weather.log_likelihood(["sun", "sun", "rain"], end=False) == pytest.approx(math.log(0.5 * 0.9 * 0.1))
    dna = MarkovChain(1).fit([list("GATTACA")])
    assert dna.log_likelihood(list("GATT"), end=False) == pytest.approx(math.log(1 / 3 * 1 / 2))
    assert dna.perplexity([list("GATT"), list("GA")], end=False) == pytest.approx(6 ** (1 / 6))
    integers = MarkovChain(1).fit([[3, 2**31 - 3, 3]])
    found = integers.scores([3, 7, 2**31 - 3], unseen="skip", end=False)
    assert np.isnan(found.log_probabilities).tolist() == [False, True, True]


def test_scores_of_text():
    text = MarkovText(1).fit("The cat sat. The dog sat.")
    found = text.scores("The cow sat. A dog sat.", unseen="skip")
    assert found.tokens == ("The", "cow", "sat.", None, "A", "dog", "sat.", None)
    assert found.skipped == 4
    assert found.log_likelihood == 0 == text.log_likelihood("The cow sat. A dog sat.", unseen="skip")
    assert text.perplexity("The cow sat.", unseen="skip") == 1.0
    assert text.perplexity("The cat sat.", end=False) == pytest.approx(2 ** (1 / 3))
    assert text.scores("The cat sat.", end=False).tokens == ("The", "cat", "sat.")
    assert found == text.scores("The cow sat. A dog sat.", unseen="skip")
    assert hash(found) == hash(text.scores("The cow sat. A dog sat.", unseen="skip"))


def test_scores_are_refused(chain):
    with pytest.raises(ValueError, match="nothing is left to predict, expected a token that was seen, or end=True"):
        chain.perplexity([["moo"]], unseen="skip", end=False)
    with pytest.raises(ValueError, match="unseen is 'ignore', expected one of 'impossible', 'skip'"):
        chain.log_likelihood(["the"], unseen="ignore")
    with pytest.raises(TypeError, match="end is 'no', expected True or False"):
        chain.scores(["the"], end="no")


@given(tokens, orders)
@examples(60)
def test_likelihood_is_that_of_the_reference(sequences, order):
    chain, plain = MarkovChain(order).fit(sequences), reference.MarkovChain(order).fit(sequences)
    for sequence in sequences:
        assert chain.log_likelihood(sequence) == pytest.approx(plain.log_likelihood(sequence), rel=1e-12, abs=1e-12)
    assert chain.perplexity(sequences) == pytest.approx(plain.perplexity(sequences), rel=1e-12)
    held = [sequence[::-1] for sequence in sequences]
    assert chain.perplexity(held) == pytest.approx(plain.perplexity(held), rel=1e-12)


def test_likelihood_by_hand():
    chain = MarkovChain().fit(CATS)
    assert chain.log_likelihood(["the", "cat", "sat"]) == pytest.approx(math.log(2 / 3 * 1 / 2 * 1 / 2 * 1 / 2))
    assert chain.log_likelihood(["cat"]) == -INF
    assert chain.log_likelihood(["the", "cow", "sat"]) == -INF
    assert chain.log_likelihood(["the", "cow"]) == -INF
    assert chain.perplexity([["a", "cat", "ran"], ["moo"]]) == INF
    assert MarkovChain(3).fit([[1, 2], [1, 2]]).perplexity([[1, 2]]) == 1.0
    assert MarkovChain().fit([[1, 2]]).log_likelihood(np.array([1, 2])) == 0.0
    assert MarkovChain().fit([[1, 2]]).log_likelihood([1, 77]) == -INF
