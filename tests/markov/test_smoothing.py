"""Smoothing: against its definitions, nltk.lm and KenLM; sums, unknown tokens, real text, and what is refused."""

import math
import pydoc_data.topics
import re
from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reference
from fastsoftmax.markov import MarkovChain
from fastsoftmax.markov.counts.vocabulary import UNKNOWN, Vocabulary, encode
from fastsoftmax.markov.smoothing.ngrams import find
from fastsoftmax.markov.smoothing.rules import FALLBACK, Rule, Smoothed, checked_rule, estimated_discounts
from reference import smoothing as definitions
from tests.cases import examples

INF = math.inf
MANY = [[0, 1, 2, 1, 0, 1], [1, 1, 2, 0, 1], [2, 1, 0], [0, 1, 2, 3], [3]]
WORDS = [["the", "cat", "sat"], ["the", "dog", "sat", "down"], ["a", "cat", "ran"], ["a", "cat", "sat"]]

RULES = [
    ({"smoothing": "add-k"}, definitions.add_k()),
    ({"smoothing": "add-k", "k": 0.01}, definitions.add_k(0.01)),
    ({"smoothing": "stupid-backoff"}, definitions.stupid_backoff()),
    ({"smoothing": "stupid-backoff", "alpha": 1}, definitions.stupid_backoff(1)),
    ({"smoothing": "kneser-ney"}, definitions.kneser_ney()),
    ({"smoothing": "kneser-ney", "discount": 0.75}, definitions.kneser_ney(0.75)),
    ({"smoothing": "kneser-ney", "discount": 1}, definitions.kneser_ney(1)),
    ({"smoothing": "kneser-ney", "discount": (0.5, 1.25, 3)}, definitions.kneser_ney((0.5, 1.25, 3))),
]
PROPER = [words for words, _ in RULES if words["smoothing"] != "stupid-backoff"]

tokens = st.one_of(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=8), min_size=1, max_size=12),
    st.lists(st.lists(st.sampled_from("abcdé中"), min_size=1, max_size=8), min_size=1, max_size=12),
    st.lists(st.lists(st.integers(0, 2**31 - 2), min_size=1, max_size=5), min_size=1, max_size=6),
)
orders = st.integers(0, 4)


def vocabulary_of(chain):
    return None if chain.vocabulary is None else Vocabulary(chain.vocabulary)


def smoothed(chain, smoothing, **words):
    return Smoothed(chain.transitions, vocabulary_of(chain), checked_rule(smoothing, **words))


def likelihood(chain, model, sequences):
    return math.fsum(model.log_probabilities(encode(sequences, vocabulary_of(chain))))


def states_of(chain):
    """Return states that were seen and some that were not, with unknown tokens, and beginnings, as ids."""
    seen = [[token for token in state if token >= 0] for state in chain.transitions.contexts.tolist()]
    known = {token for state in seen for token in state}
    some = [*sorted(known)[:3], UNKNOWN]
    return [*seen[:20], *map(list, product(some, repeat=2)), [], [UNKNOWN] * 9, *([token] * 4 for token in some)]


# --- against the definitions ------------------------------------------------------------------------


@given(tokens, orders, st.sampled_from(RULES))
@examples(120)
def test_probabilities_are_those_of_the_reference(sequences, order, rule):
    chain, plain = MarkovChain(order).fit(sequences), reference.MarkovChain(order).fit(sequences)
    model = smoothed(chain, **rule[0])
    for context in states_of(chain):
        found, probabilities = model.probabilities(context)
        state = tuple(([-1] * order + context)[len(context) :])
        expected = definitions.distribution(plain, state, rule[1])
        assert (found.dtype, probabilities.dtype) == (np.int32, np.float64)
        assert found.tolist() == list(expected)
        np.testing.assert_allclose(probabilities, list(expected.values()), rtol=1e-11, atol=1e-15)
        assert probabilities.sum() == pytest.approx(1, rel=1e-12)


@given(tokens, orders, st.sampled_from(RULES))
@examples(120)
def test_likelihood_is_that_of_the_reference(sequences, order, rule):
    chain, plain = MarkovChain(order).fit(sequences), reference.MarkovChain(order).fit(sequences)
    model = smoothed(chain, **rule[0])
    held = [*sequences, *(sequence[::-1] for sequence in sequences), sequences[0] + sequences[-1]]
    each = [definitions.log_likelihood(plain, [plain.ids[token] for token in one], rule[1]) for one in held]
    assert likelihood(chain, model, held) == pytest.approx(math.fsum(each), rel=1e-11, abs=1e-11)
    assert likelihood(chain, model, held[:1]) == pytest.approx(each[0], rel=1e-11, abs=1e-11)


@given(tokens, orders, st.sampled_from(PROPER))
@examples(60)
def test_likelihood_is_the_sum_of_logarithms(sequences, order, words):
    chain = MarkovChain(order).fit(sequences)
    model = smoothed(chain, **words)
    logarithms = []
    for sequence in [sequences[0][::-1], sequences[-1]]:
        ids = encode([sequence], vocabulary_of(chain)).tolist()
        for t, token in enumerate(ids):
            found, probabilities = model.probabilities(ids[:t])
            likely = probabilities[found == token][0]
            logarithms.append(math.log(likely) if likely > 0 else -INF)  # where a discount is estimated as 0
    held = [sequences[0][::-1], sequences[-1]]
    assert likelihood(chain, model, held) == pytest.approx(math.fsum(logarithms), rel=1e-11, abs=1e-11)


@pytest.mark.parametrize("rule", RULES)
def test_pruned_words(rule):
    """Words without counts are known still: all but stupid-backoff, which has nothing to score, expect them."""
    chain, plain = MarkovChain(2).fit(WORDS).prune(2), reference.MarkovChain(2).fit(WORDS).prune(2)
    model = smoothed(chain, **rule[0])
    for state in [(-1, -1), (-1, 0), (0, 1), (5, 1), (6, 6)]:
        expected = definitions.distribution(plain, state, rule[1])
        found, probabilities = model.probabilities([token for token in state if token >= 0])
        assert found.tolist() == list(expected) == [-1, *range(7)]
        np.testing.assert_allclose(probabilities, list(expected.values()), rtol=1e-12)
        assert (probabilities > 0).all() == (rule[0]["smoothing"] != "stupid-backoff")


# --- by hand ------------------------------------------------------------------------------------------


def test_add_k_by_hand():
    chain = MarkovChain().fit(WORDS)  # the: cat, dog; V is 7 words and the end
    model = smoothed(chain, "add-k", k=0.5)
    found, probabilities = model.probabilities([0])
    assert (model.order, model.size) == (1, 8)
    assert chain.vocabulary == ["the", "cat", "sat", "dog", "down", "a", "ran"]
    assert found.tolist() == [-1, 0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(probabilities, np.array([0.5, 0.5, 1.5, 0.5, 1.5, 0.5, 0.5, 0.5]) / (2 + 8 * 0.5))
    assert smoothed(chain, "add-k").probabilities([UNKNOWN])[1].tolist() == [1 / 8] * 8


def test_stupid_backoff_by_hand():
    chain = MarkovChain(2).fit(WORDS)
    model = smoothed(chain, "stupid-backoff", alpha=0.5)
    # (-, -) the; (-, the) cat; (the, cat) sat; (cat, sat) end: 2/4, 1/2, 1/1, 2/2
    assert likelihood(chain, model, [["the", "cat", "sat"]]) == pytest.approx(math.log(1 / 4))
    # (-, -) ran: 1/17 of all tokens and ends, backed off twice; (-, ran) end: nor was (-, ran) seen, but ran once
    assert likelihood(chain, model, [["ran"]]) == pytest.approx(math.log(0.25 / 17 * 0.5))


def test_kneser_ney_by_hand():
    chain = MarkovChain().fit([["a", "b"], ["a", "b"], ["c", "b"]])
    found, probabilities = smoothed(chain, "kneser-ney", discount=0.5).probabilities([0])
    # after a: b twice. Pairs: -a, -c, ab, cb, b-: b comes from two of five, the others and the end from one
    lowest = np.array([1, 1, 2, 1]) / 5
    np.testing.assert_allclose(probabilities, [0, 0, 1.5 / 2, 0] + 0.5 / 2 * lowest)
    assert found.tolist() == [-1, 0, 1, 2]


def test_estimated_discounts_by_hand():
    counts = np.repeat([1.0, 2.0, 3.0, 4.0, 7.0], [20, 10, 6, 3, 5])  # Y = 20 / (20 + 2 * 10)
    expected = 1 - 2 * 0.5 * 10 / 20, 2 - 3 * 0.5 * 6 / 10, 3 - 4 * 0.5 * 3 / 6
    assert estimated_discounts(counts) == pytest.approx(expected)
    assert definitions.estimated_discounts(counts.tolist()) == pytest.approx(expected)
    assert estimated_discounts(np.repeat([1.0, 2.0, 3.0], [20, 10, 6]))[2] == 3


@pytest.mark.parametrize(
    "counts", [[1.0] * 9, [2.0, 3.0, 4.0], [1.0, 2.0, 4.0], [1.0, 3.0, 4.0], [1.0] * 8 + [2.0] + [3.0] * 9]
)
def test_discounts_that_cannot_be_estimated(counts):
    assert estimated_discounts(np.array(counts)) == FALLBACK == definitions.estimated_discounts(counts)


# --- against others -----------------------------------------------------------------------------------


def nltk_model(make, sequences, order):
    """Return a model of nltk.lm that counts as a chain does: every n-gram of a padded sequence that ends in a token.

    Its label of unknown words is the end, so that its vocabulary has the chain's size.
    """
    lm = pytest.importorskip("nltk.lm", reason="nltk is what this is compared with")
    words = [token for sequence in sequences for token in sequence]
    model = make(lm)(order=order + 1, vocabulary=lm.Vocabulary(words, unk_label="</s>"))
    for sequence in sequences:
        padded = ["<s>"] * order + [*sequence, "</s>"]
        ends = range(order + 1, len(padded) + 1)
        model.counts.update([[tuple(padded[end - n : end]) for end in ends for n in range(1, order + 2)]])
    return model


NLTK = [
    (lambda lm: lm.Laplace, {"smoothing": "add-k"}),
    (lambda lm: partial(lm.Lidstone, 0.1), {"smoothing": "add-k", "k": 0.1}),
    (lambda lm: lm.StupidBackoff, {"smoothing": "stupid-backoff"}),
    (lambda lm: partial(lm.StupidBackoff, 0.7), {"smoothing": "stupid-backoff", "alpha": 0.7}),
    (lambda lm: lm.KneserNeyInterpolated, {"smoothing": "kneser-ney", "discount": 0.1}),
    (lambda lm: partial(lm.KneserNeyInterpolated, discount=0.75), {"smoothing": "kneser-ney", "discount": 0.75}),
]


@given(
    st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=7), min_size=1, max_size=10),
    st.integers(0, 3),
    st.sampled_from(NLTK),
)
@examples(120)
def test_nltk(sequences, order, rule):
    """All contexts, and whole sequences with their beginnings and ends, of the model as it is in nltk.lm."""
    assume(order or rule[1]["smoothing"] != "kneser-ney")  # of single tokens theirs divides by zero
    chain = MarkovChain(order).fit(sequences)
    model, theirs = smoothed(chain, **rule[1]), nltk_model(rule[0], sequences, order)
    names = chain.vocabulary
    for context in states_of(chain):
        padded = (["<s>"] * order + ["?" if token < 0 else names[token] for token in context])[len(context) :]
        scores = [theirs.unmasked_score(word, tuple(padded)) for word in ["</s>", *names]]
        expected = np.array(scores) / (sum(scores) if rule[1]["smoothing"] == "stupid-backoff" else 1)
        np.testing.assert_allclose(model.probabilities(context)[1], expected, rtol=1e-11)
    for sequence in [*sequences[:4], sequences[0][::-1], list(names) * 2]:
        padded = ["<s>"] * order + [*sequence, "</s>"]
        windows = [padded[t - order : t + 1] for t in range(order, len(padded))]
        logarithms = [math.log(theirs.unmasked_score(word, tuple(context))) for *context, word in windows]
        assert likelihood(chain, model, [sequence]) == pytest.approx(math.fsum(logarithms), rel=1e-11)


def test_kenlm():
    """Modified Kneser-Ney of pairs, as `lmplz -o 2` of KenLM (commit 4cb443e) has it; its unknown word is one more."""
    state, sequences = 1, []
    for _ in range(60):
        sequences.append([])
        for _ in range(9):
            state = (state * 1103515245 + 12345) % 2**31
            sequences[-1].append(str(int((state / 2**31) ** 3 * 100)))
    chain = MarkovChain().fit(sequences)
    vocabulary = Vocabulary([*chain.vocabulary, "<unk>"])
    model = Smoothed(chain.transitions, vocabulary, checked_rule("kneser-ney"))
    for text, log10 in (
        ("13 0 2 15 85 0 34 1 12", -13.3430836),
        ("0 1 2", -4.3122940),
        ("40 7 7 0", -7.4923366),
        ("3", -3.1642634),
    ):
        assert math.fsum(model.log_probabilities(encode([text.split()], vocabulary))) / math.log(10) == pytest.approx(
            log10, abs=2e-6
        )


# --- text, unknown tokens, weights ---------------------------------------------------------------------


def test_perplexity_of_a_real_text():
    text = "\n".join(pydoc_data.topics.topics[name] for name in sorted(pydoc_data.topics.topics))
    sentences = [re.findall(r"\w+|[^\w\s]", part.lower()) for part in re.split(r"\n\s*\n|(?<=\.)\s", text)]
    sentences = [sentence for sentence in sentences if sentence]
    chain = MarkovChain(2).fit([sentence for i, sentence in enumerate(sentences) if i % 10])
    held = encode([sentence for i, sentence in enumerate(sentences) if i % 10 == 0], vocabulary_of(chain))
    held = held[held != UNKNOWN]
    rules = [
        {"smoothing": "kneser-ney"},
        {"smoothing": "kneser-ney", "discount": 0.75},
        {"smoothing": "add-k", "k": 0.01},
        {"smoothing": "add-k"},
    ]
    perplexities = [math.exp(-math.fsum(smoothed(chain, **rule).log_probabilities(held)) / held.size) for rule in rules]
    assert perplexities == sorted(perplexities)
    assert 5 < perplexities[0] < perplexities[2] / 2
    assert perplexities[3] < len(chain.vocabulary)


@pytest.mark.parametrize("words", [rule for rule, _ in RULES])
def test_unknown_tokens(words):
    for sequences, unknown in ((WORDS, "cow"), (MANY, 77)):
        for order in (1, 2, 3):
            chain = MarkovChain(order).fit(sequences)
            model = smoothed(chain, **words)
            assert likelihood(chain, model, [[unknown]]) == -INF
            assert likelihood(chain, model, [sequences[0], [unknown, sequences[0][0]]]) == -INF
            assert -INF < likelihood(chain, model, [sequences[0]]) < 0
            for one, other in (([UNKNOWN] * order, [99] * order), ([UNKNOWN, 1], [99, 1])):
                np.testing.assert_array_equal(model.probabilities(one)[1], model.probabilities(other)[1])


def test_weights():
    table = {"a": {"b": 0.25, "a": 1.5}, "b": {None: 0.5, "a": 2}}
    chain, plain = MarkovChain.from_transitions(table), reference.MarkovChain.from_transitions(table)
    for words, rule in RULES[:4]:
        model = smoothed(chain, **words)
        for context in ([], [0], [1], [UNKNOWN]):
            expected = definitions.distribution(plain, tuple(context or [-1]), rule)
            np.testing.assert_allclose(model.probabilities(context)[1], list(expected.values()), rtol=1e-12)
        expected = definitions.log_likelihood(plain, [1, 1, 0, 0], rule)
        assert likelihood(chain, model, [["b", "b", "a", "a"]]) == pytest.approx(expected)
    with pytest.raises(ValueError, match="smoothing is 'kneser-ney', expected a chain of integer counts"):
        smoothed(chain, "kneser-ney")
    whole = MarkovChain.from_transitions({"a": {"b": 2, "a": 1}})
    assert smoothed(whole, "kneser-ney").probabilities([0])[1].sum() == pytest.approx(1)


def test_huge_weights_and_k():
    chain = MarkovChain.from_transitions({"a": {"b": 1e308, "a": 5e307}, "b": {"a": 1e-300}})
    for words in ({"smoothing": "add-k", "k": 2.0**53}, {"smoothing": "add-k", "k": 5e-324}, RULES[2][0]):
        for context in ([], [0], [1]):
            assert smoothed(chain, **words).probabilities(context)[1].sum() == pytest.approx(1)


def test_a_chain_that_never_ends():
    """The end is a token that can be next, whether it was seen or not; stupid-backoff has no score for it then."""
    chain = MarkovChain.from_transitions({1: {2: 3}, 2: {1: 2, 2: 1}})
    for words, _ in RULES:
        found, probabilities = smoothed(chain, **words).probabilities([1])
        assert found[0] == -1
        if words["smoothing"] == "stupid-backoff":
            assert probabilities[0] == 0
            assert likelihood(chain, smoothed(chain, **words), [[1, 2]]) == -INF
        else:
            assert probabilities[0] > 0


def test_no_discount_is_no_smoothing():
    chain = MarkovChain(2).fit(WORDS)
    model = smoothed(chain, "kneser-ney", discount=0)
    assert likelihood(chain, model, WORDS) == pytest.approx(sum(map(chain.log_likelihood, WORDS)))
    assert likelihood(chain, model, [["the", "cat", "ran", "down"]]) == -INF


def test_what_is_returned_is_read_only():
    model = smoothed(MarkovChain().fit(WORDS), "add-k")
    with pytest.raises(ValueError, match="read-only"):
        model.probabilities([])[0][0] = 5


@pytest.mark.parametrize("largest", [9, 2**62])
def test_find(largest):
    """Also keys too wide to be sorted together with their places."""
    keys = np.array([0, 3, 7, largest])
    assert find(keys, np.array([largest, 4, 0, -1, 7, 7, largest - 1])).tolist() == [3, -1, 0, -1, 2, 2, -1]
    assert find(keys[:0], np.array([1, -1])).tolist() == [-1, -1]


# --- what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"smoothing": "laplace"}, ValueError, "smoothing is 'laplace', expected one of 'none', 'add-k', 'stupid-ba"),
        ({"smoothing": None}, TypeError, "smoothing is None, expected one of"),
        ({"k": 0}, ValueError, "k is 0.0, expected a number > 0"),
        ({"k": -1.0}, ValueError, "k is -1.0, expected a number > 0"),
        ({"k": math.nan}, ValueError, "k is nan, expected a number > 0"),
        ({"k": INF}, ValueError, r"k is inf, expected a number > 0, at most 2\*\*53"),
        ({"k": "1"}, TypeError, "k is '1' .*, expected a number > 0"),
        ({"k": [1.0, 2.0]}, ValueError, r"k has shape \(2,\)"),
        ({"alpha": 0}, ValueError, r"alpha is 0.*, expected a number in \(0, 1\]"),
        ({"alpha": 1.5}, ValueError, r"alpha is 1.5, expected a number in \(0, 1\]"),
        ({"alpha": math.nan}, ValueError, "alpha is nan"),
        ({"alpha": True}, TypeError, "alpha is True"),
        ({"discount": -0.1}, ValueError, r"discount is -0.1, expected a number in \[0, 1\]"),
        ({"discount": 1.5}, ValueError, r"discount is 1.5, expected a number in \[0, 1\]"),
        ({"discount": math.nan}, ValueError, "discount is nan"),
        ({"discount": "a"}, TypeError, "discount is 'a'"),
        ({"discount": (0.5, 2.5, 1)}, ValueError, r"discount\[1\] is 2.5, expected None, a number, or three numbers"),
        ({"discount": (1.5, 1, 1)}, ValueError, r"discount\[0\] is 1.5, expected"),
        ({"discount": (0.5, 1)}, ValueError, r"discount has shape \(2,\), expected None, a number, or three numbers"),
        ({"discount": ["a", "b", "c"]}, TypeError, "discount is"),
    ],
)
@pytest.mark.parametrize("smoothing", ["none", "kneser-ney"])
def test_refused(smoothing, words, error, message):
    with pytest.raises(error, match=message):
        checked_rule(**{"smoothing": smoothing, **words})


def test_rules_are_equal_if_they_do_the_same():
    assert checked_rule("none", k=3) is None
    assert checked_rule("add-k", alpha=0.3) == checked_rule("add-k", k=np.float32(1)) == Rule("add-k")
    assert checked_rule("kneser-ney", discount=1) == checked_rule("kneser-ney", discount=np.ones(3))
    assert len({checked_rule("add-k"), checked_rule("add-k", k=2), checked_rule("add-k", k=2.0)}) == 2


@pytest.mark.parametrize("words", [rule for rule, _ in RULES])
def test_an_emptied_chain(words):
    chain = MarkovChain().fit(WORDS).prune(100)
    with pytest.raises(ValueError, match=f"smoothing is '{words['smoothing']}', expected a chain that has transitions"):
        smoothed(chain, **words)


@pytest.mark.parametrize(
    ("chain", "words"),
    [
        (MarkovChain().fit([[f"w{i}"] for i in range(50)]), {"smoothing": "kneser-ney", "temperature": 0}),
        (MarkovChain().fit([[f"w{i}"] for i in range(50)]), {"smoothing": "stupid-backoff", "top_k": 1}),
        (MarkovChain().fit([[f"w{i}", "x"] for i in range(5)]).prune(2), {"smoothing": "stupid-backoff"}),
    ],
)
def test_a_walk_that_could_only_restart(chain, words):
    with pytest.raises(ValueError, match=r'on_dead_end is "restart", expected a start that goes on: it ends at once'):
        chain.walk(2, 5, on_dead_end="restart", **words)
