"""Chains of samplers on rows of counts: walks, sentences and next tokens of Markov chains."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastsoftmax as fs
import reference
from fastsoftmax.samplers.chain import SamplerChain
from tests.samplers.strategies import chains

SEQUENCES = [list("abracadabra"), list("banana"), list("cabbage"), list("abcabcabd")]
TEXT = "The cat sat on the mat. The cat ran. A dog sat on the cat. The dog ran to the mat. The cat sat there."
CHAINS = [
    "top_k=2 temperature=0.5",
    "min_p=0.4 temperature=3.0",
    "typical=0.6",
    "xtc(0.5, 0.2) temperature=0.7",
    "top_n_sigma=1.0 top_p=0.9",
    "quadratic=0.5 p_less",
]


@given(chain=chains, context=st.sampled_from([None, "a", "b", "c"]))
def test_next_tokens_are_those_of_the_reference(chain, context):
    expected, shares = reference.MarkovChain(1).fit(SEQUENCES).next_tokens(context, samplers=str(chain))
    found, masses = fs.MarkovChain(1).fit(SEQUENCES).next_tokens(context, samplers=chain)
    assert dict(zip(found, masses, strict=True)) == pytest.approx(dict(zip(expected, shares, strict=True)))
    assert np.all(np.diff(masses) <= 1e-15)


@given(chain=chains, seed=st.integers(0, 2**64 - 1))
def test_walks_are_those_of_the_reference(chain, seed):
    expected = reference.MarkovChain(2).fit(SEQUENCES).walk(5, 12, seed=seed, samplers=str(chain))
    assert list(fs.MarkovChain(2).fit(SEQUENCES).walk(5, 12, seed=seed, samplers=chain)) == expected


@pytest.mark.parametrize("samplers", CHAINS)
def test_a_row_of_counts_is_its_logarithms(samplers):
    chain = fs.MarkovChain(1).fit(SEQUENCES)
    tokens, counts = chain.next_tokens("a")
    shares = fs.probabilities(np.log(counts), samplers=samplers)
    found, masses = chain.next_tokens("a", samplers=samplers)
    expected = {token: share for token, share in zip(tokens, shares, strict=True) if share > 0}
    assert dict(zip(found, masses, strict=True)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "words", [{"temperature": 0.5}, {"temperature": 2.0, "top_k": 2}, {"top_p": 0.7, "min_p": 0.1}]
)
def test_words_are_short_for_a_chain(words):
    chain, text = fs.MarkovChain(1).fit(SEQUENCES), fs.MarkovText(1).fit(TEXT)
    samplers = SamplerChain(" ".join(f"{name}={value}" for name, value in words.items()))
    assert list(chain.walk(9, 20, seed=1, samplers=samplers)) == list(chain.walk(9, 20, seed=1, **words))
    assert text.generate(9, seed=1, samplers=samplers) == text.generate(9, seed=1, **words)


def test_sentences_take_samplers_within_bounds():
    text = fs.MarkovText(1).fit(TEXT)
    sentences = text.generate(50, seed=1, samplers="top_k=2 temperature=3.0", min_words=3, max_words=6)
    assert {3, 4, 5, 6} >= {len(sentence.split()) for sentence in sentences if sentence}
    assert any(sentences)


def test_weights_and_starts_in_the_middle_take_samplers():
    weights = fs.MarkovChain.from_transitions({"a": {"a": 0.5, "b": 1.5, "c": 0.1}, "b": {"a": 1.0}, "c": {"a": 2.5}})
    walks = weights.walk(20, 10, start="a", samplers="top_k=2 gumbel", seed=1)
    assert {token for walk in walks for token in walk} == {"a", "b"}
    chain, twin = fs.MarkovChain(3).fit(SEQUENCES), reference.MarkovChain(3).fit(SEQUENCES)
    walks = chain.walk(20, 8, start="r", samplers="xtc(0.5, 0.2)", seed=1)
    assert list(walks) == twin.walk(20, 8, start="r", samplers="xtc(0.5, 0.2)", seed=1)


def test_smoothed_walks_sample_by_the_chain():
    chain = fs.MarkovChain(1).fit(SEQUENCES)
    walks = chain.walk(30, 9, start="a", samplers="top_k=1 temperature=2.0", smoothing="add-k", seed=1)
    assert len({tuple(walk) for walk in walks}) == 1
    tokens, _ = chain.next_tokens("a", samplers="top_k=2 temperature=2.0", smoothing="add-k")
    assert len(tokens) == 2


def test_a_value_a_row_is_refused():
    with pytest.raises(ValueError, match=r"top_k's k.* has shape \(2,\), expected one value: walks have no batch"):
        fs.MarkovChain(1).fit(SEQUENCES).walk(samplers="top_k=[1,2] gumbel")


def test_samplers_and_words_are_refused_together():
    chain = fs.MarkovChain(1).fit(SEQUENCES)
    for call in (chain.walk, lambda **words: chain.next_tokens("a", **words), fs.MarkovText(1).fit(TEXT).generate):
        with pytest.raises(ValueError, match="samplers and top_k are both given"):
            call(samplers="gumbel", top_k=2)
