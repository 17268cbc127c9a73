"""SamplerChain: its string, its values, what it refuses, and what takes one."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given

import fastsoftmax as fs
from fastsoftmax.samplers import XTC, MinP, Temperature, TopK
from fastsoftmax.samplers.chain import SamplerChain
from reference import chain as reference
from tests.samplers.strategies import chains

ROW = np.array([3.0, 2.0, 1.0, 4.0, 0.5], np.float32)


@given(chain=chains)
def test_a_chain_is_what_its_string_and_its_json_say(chain):
    assert SamplerChain(str(chain)) == chain
    assert hash(SamplerChain(str(chain))) == hash(chain)
    assert SamplerChain.from_json(chain.to_json()) == chain
    assert pickle.loads(pickle.dumps(chain)) == chain
    assert copy.deepcopy(chain) == chain


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", []),
        ("top_k=2 temperature=0.5", [TopK(2), Temperature(0.5)]),
        (" min_p( 0.05 , min_keep=3 )\n", [MinP(0.05, 3)]),
        ("top_k(k=40, ties='all')", [TopK(40, "all")]),
        ("xtc(0.5, 0.2)", [XTC(0.5, 0.2)]),
        ("temperature=inf", [Temperature(np.inf)]),
        ("temperature=[0.5,1.0]", [Temperature([0.5, 1.0])]),
    ],
)
def test_strings(text, steps):
    assert SamplerChain(text) == SamplerChain(steps)


def test_chains_are_put_together():
    chain = SamplerChain("top_k=40", "top_p=0.9") + "temperature=0.8"
    assert str(chain) == "top_k=40 top_p=0.9 temperature=0.8"
    assert str("min_p=0.1" + chain[1:]) == "min_p=0.1 top_p=0.9 temperature=0.8"
    assert len(chain) == 3
    assert [step.name for step in chain] == ["top_k", "top_p", "temperature"]
    assert chain[0] == TopK(40)
    assert chain != SamplerChain("top_k=40 top_p=0.9")
    with pytest.raises(AttributeError, match="frozen"):
        chain.steps = ()


@pytest.mark.parametrize(
    ("samplers", "message"),
    [
        ("top_q=3", r"no sampler 'top_q' \(at character 1 of 'top_q=3'\) \(did you mean top_p\?\)"),
        ("top_k=2 top_p=1.5", r"top_p's p is 1.5, expected a number in \[0, 1\]"),
        ("top_k=-2", "top_k's k is -2, expected an integer >= -1"),
        ("top_k(40, tie=all)", r"no parameter 'tie' \(did you mean ties\?\), expected k, ties"),
        ("top_k(40, ties=some)", "top_k's ties is 'some', expected one of 'first', 'all'"),
        ("top_p(0.5, p=0.5)", "has p twice"),
        ("p_less=1", "has 1 values, expected at most 0"),
        ("top_k(", r"no '\)' for top_k\("),
        ("top_k=", "no value after top_k="),
        ("top_k(k=)", "expected numbers or words"),
        ("7", "expected the name of a sampler"),
        ("top_k(2)top_p=1", "expected a blank"),
        ("gumbel top_k=3", "has top_k after gumbel, expected nothing after it"),
        ("adaptive_p=0.5 top_k=3", "has top_k after adaptive_p, expected gumbel after it"),
        ("top_k=2 temperature=2 top_p(0.5, of=all)", "after a scale after a filter, expected it before"),
        ("typical=0.9 top_p(0.5, of=all)", "after what drops tokens from the front, expected it before"),
        ("xtc=0.1 " * 5, r"has 5 that toss a coin \(xtc\), expected at most 4"),
    ],
)
def test_refusals(samplers, message):
    with pytest.raises(ValueError, match=message):
        SamplerChain(samplers)


@pytest.mark.parametrize("samplers", [3, b"top_k=2", {"top_k": 2}, [None]])
def test_what_is_no_sampler_is_refused(samplers):
    with pytest.raises(TypeError, match="expected a string, samplers or a SamplerChain"):
        fs.sample(ROW, samplers=samplers)


def test_a_wrong_parameter_of_one_row_is_named():
    with pytest.raises(ValueError, match=r"top_k's k\[1\] is -3, expected an integer >= -1"):
        TopK([1, -3])
    with pytest.raises(ValueError, match=r"min_p's p has shape \(3,\), expected a scalar or a shape that broadcasts"):
        fs.sample(np.zeros((2, 5)), samplers=[MinP([0.1, 0.2, 0.3]), "temperature=0.5"])
    with pytest.raises(TypeError, match=r"top_k's k is 2.5 .* expected an integer"):
        TopK(2.5)


def test_a_chain_and_words_are_refused_together():
    for call in (fs.sample, fs.probabilities):
        with pytest.raises(ValueError, match="samplers and top_k are both given, expected one"):
            call(ROW, samplers="min_p=0.1", top_k=2)
    with pytest.raises(ValueError, match="a chain and top_k are both given"):
        fs.Sampler("min_p=0.1", top_k=2)
    with pytest.raises(ValueError, match="a chain and samplers are both given"):
        fs.Sampler("min_p=0.1", samplers="top_k=2")


@pytest.mark.parametrize(
    "words", [{}, {"temperature": 0.7}, {"top_p": 0.9}, {"temperature": 2.0, "top_k": 3, "min_p": 0.1}]
)
def test_words_are_short_for_a_chain(words):
    chain = SamplerChain(" ".join(f"{name}={value}" for name, value in words.items()))
    assert chain.words == words
    assert np.array_equal(fs.probabilities(ROW, samplers=chain), fs.probabilities(ROW, **words))
    assert fs.sample(ROW, samplers=chain, seed=3, n=9).tolist() == fs.sample(ROW, seed=3, n=9, **words).tolist()


def test_the_order_counts():
    last = fs.probabilities(ROW, samplers="min_p=0.2 temperature=3.0")
    first = fs.probabilities(ROW, samplers="temperature=3.0 min_p=0.2")
    assert np.count_nonzero(last) == 2
    assert np.count_nonzero(first) == 5


def test_parameters_may_be_one_a_row():
    rows = np.stack([ROW, ROW[::-1]])
    chain = SamplerChain(TopK([1, 3]), "temperature=0.5")
    each = [fs.probabilities(row, samplers=f"top_k={k} temperature=0.5") for row, k in zip(rows, (1, 3), strict=True)]
    assert np.array_equal(fs.probabilities(rows, samplers=chain), each)
    assert fs.probabilities(ROW, samplers=chain).shape == (2, 5)


def test_details_tell_of_each_step():
    details = fs.sample(ROW, samplers="top_k=4 top_p=0.9 temperature=0.5", seed=1, details=True, n=2)
    assert details.kept_after.tolist() == [4, 3, 3]
    words = fs.sample(ROW, temperature=0.5, top_p=0.9, seed=1, details=True, n=2)
    chain = fs.sample(ROW, samplers="temperature=0.5 top_p=0.9", seed=1, details=True, n=2)
    assert chain.kept_after.tolist() == [5, 2]
    for name in ("tokens", "ranks", "kept"):
        assert np.array_equal(getattr(chain, name), getattr(words, name))
    for name in ("logprobs", "raw_logprobs", "kept_mass", "entropy"):
        assert np.allclose(getattr(chain, name), getattr(words, name), rtol=1e-6)


def test_a_sampler_takes_a_chain_and_keeps_its_step():
    sampler = fs.Sampler("min_p=0.1 xtc(0.5, 0.1)", seed=3)
    assert repr(sampler) == "Sampler('min_p=0.1 xtc=0.5', seed=3, step=0)"
    tokens = [int(sampler(ROW)) for _ in range(5)]
    assert tokens == [int(fs.sample(ROW, samplers="min_p=0.1 xtc(0.5, 0.1)", seed=3, step=i)) for i in range(5)]
    assert pickle.loads(pickle.dumps(sampler)).params == sampler.params


def test_xtc_averages_its_coin():
    with_coin = fs.sample(ROW, samplers="xtc(0.3, 0.1)", seed=1, n=100_000)
    shares = np.bincount(with_coin, minlength=5) / 100_000
    expected = fs.probabilities(ROW, samplers="xtc(0.3, 0.1)")
    assert np.abs(shares - expected).max() < 0.01


def test_gumbel_draws_from_the_same_distribution():
    tokens = fs.sample(ROW, samplers="top_k=3 gumbel", seed=1, n=100_000)
    expected = fs.probabilities(ROW, samplers="top_k=3")
    assert np.abs(np.bincount(tokens, minlength=5) / 100_000 - expected).max() < 0.01
    nudged = ROW + np.array([0, 0, 0, 0.01, 0], np.float32)
    assert np.mean(fs.sample(nudged, samplers="top_k=3 gumbel", seed=1, n=10_000) == tokens[:10_000]) > 0.99


def test_distinct_draws_are_without_replacement():
    chain = "top_k=4 gumbel(draws=distinct)"
    tokens = fs.sample(ROW, samplers=chain, seed=1, n=6)
    assert sorted(tokens[:4]) == [0, 1, 2, 3]
    assert tokens[4:].tolist() == [-1, -1]
    assert tokens.tolist() == reference.sample(ROW.tolist(), chain, seed=1, n=6)
    details = fs.sample(ROW, samplers=chain, seed=1, n=6, details=True)
    assert details.tokens.tolist() == tokens.tolist()
    assert details.ranks[4] == -1
    assert details.logprobs[4] == details.raw_logprobs[4] == -np.inf
    first = [fs.sample(ROW, samplers=chain, seed=seed, n=2)[0] for seed in range(3000)]
    shares = np.bincount(first, minlength=5) / 3000
    assert np.abs(shares - fs.probabilities(ROW, samplers="top_k=4")).max() < 0.04
    with pytest.raises(ValueError, match="distinct draws and xtc, expected one"):
        SamplerChain("xtc=0.5 gumbel(draws=distinct)")


def test_rows_without_a_distribution_are_refused():
    for chain in ("min_p=0.1 temperature=2.0", "typical=0.5", "xtc(0.5, 0.1)"):
        with pytest.raises(ValueError, match="logits row 1 is NaN at index 2"):
            fs.sample(np.array([[1.0, 2, 3], [1, 2, np.nan]]), samplers=chain)
        with pytest.raises(ValueError, match="all -inf"):
            fs.sample(np.full(3, -np.inf), samplers=chain, n=0)


def test_infinity_wins():
    row = np.array([1.0, np.inf, 2.0, np.inf, -np.inf])
    for chain in ("top_k=3 temperature=2.0", "typical=0.9", "top_n_sigma=1.0"):
        assert set(np.flatnonzero(fs.probabilities(row, samplers=chain))) <= {1, 3}


def test_masks_and_biases_come_first():
    allowed = np.array([True, True, True, False, True])
    found = fs.probabilities(ROW, samplers="top_k=2 temperature=2.0", allowed=allowed)
    assert np.flatnonzero(found).tolist() == [0, 1]
    found = fs.probabilities(ROW, samplers="top_k=2 temperature=2.0", bias={4: 9.0})
    assert np.flatnonzero(found).tolist() == [3, 4]
