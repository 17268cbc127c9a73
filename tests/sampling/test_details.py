"""What sample tells of its draws, against what softmax and NumPy say."""

import math
from typing import Any

import numpy as np
import pytest

import fastsoftmax
from fastsoftmax import Details, Sampler, log_softmax, probabilities, sample, softmax
from tests.cases import DTYPES
from tests.filters import FILTERS

RNG = np.random.default_rng(4)
BATCH = (RNG.standard_normal((5, 3001)) * 3).round(1).astype(np.float32)  # with ties
BATCH[1, ::3] = -np.inf


def order(row):
    return np.argsort(-row.astype(np.float64), kind="stable")


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("words", FILTERS)
@pytest.mark.parametrize("constrained", [False, True])
def test_details(words, dtype, constrained):
    raw = BATCH.astype(dtype)
    logits = raw.astype(np.float64)
    extra: dict[str, Any] = {}
    if constrained:
        extra = {"allowed": RNG.random(3001) < 0.5, "bias": {5: 6.5, 77: -3.0}}
        extra["allowed"][5] = True
        for token, value in extra["bias"].items():
            logits[:, token] = (logits[:, token] + value).astype(np.float64 if dtype == np.float64 else np.float32)
        logits[:, ~extra["allowed"]] = -np.inf
    seeds = np.arange(5)
    found = sample(raw, **words, **extra, seed=seeds, n=20, kept_set=True, top_logprobs=4)
    assert isinstance(found, Details)
    np.testing.assert_array_equal(found.tokens, sample(raw, **words, **extra, seed=seeds, n=20))
    masses = probabilities(logits, **words)
    close = 1e-11 if dtype == np.float64 else 2e-6
    for i, row in enumerate(logits):
        kept = np.flatnonzero(masses[i])
        assert found.kept[i] == kept.size
        part = slice(*found.kept_set.offsets[i : i + 2])
        assert found.kept_set.tokens[part].tolist() == kept.tolist()
        np.testing.assert_allclose(found.kept_set.probabilities[part], masses[i, kept], rtol=close)
        tokens = found.tokens[i]
        np.testing.assert_allclose(found.logprobs[i], np.log(masses[i, tokens]), atol=close, rtol=close)
        ranks = np.argsort(order(row))
        assert found.ranks[i].tolist() == ranks[tokens].tolist()
        whole = softmax(row, temperature=words.get("temperature", 1.0))
        assert found.kept_mass[i] == pytest.approx(whole[kept].sum(), rel=close)
        entropy = -(masses[i, kept] * np.log(masses[i, kept])).sum()
        assert found.entropy[i] == pytest.approx(entropy, abs=close, rel=close)
        untouched = log_softmax(raw[i].astype(np.float64))
        np.testing.assert_allclose(found.raw_logprobs[i], untouched[tokens], atol=close, rtol=close)
        tempered = log_softmax(raw[i].astype(np.float64), temperature=words.get("temperature", 1.0))
        np.testing.assert_allclose(found.tempered_logprobs[i], tempered[tokens], atol=close, rtol=close)
        best = order(raw[i])[:4]
        assert found.top_logprobs.tokens[i].tolist() == best.tolist()
        np.testing.assert_allclose(found.top_logprobs.logprobs[i], untouched[best], atol=close, rtol=close)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_top_logprobs_of_tokens_whose_probability_rounds_to_zero(dtype):
    found = sample(np.array([0, -800, -750, -1000, -np.inf], dtype), seed=1, top_logprobs=6).top_logprobs
    assert found.tokens.tolist() == [0, 2, 1, 3, -1, -1]
    assert found.logprobs[:4].tolist() == np.array([0, -750, -800, -1000], dtype).tolist()
    infinite = sample(np.array([0, np.inf, -800, np.inf], dtype), seed=1, top_logprobs=4).top_logprobs
    assert infinite.tokens.tolist() == [1, 3, 0, 2]
    np.testing.assert_allclose(infinite.logprobs, [-np.log(2), -np.log(2), -np.inf, -np.inf])


def test_shapes():
    cube = BATCH[:4].reshape(2, 2, 3001)
    found = sample(cube, seed=1, details=True)
    assert found.kept_set is None
    assert found.top_logprobs is None
    for name in ("tokens", "logprobs", "raw_logprobs", "tempered_logprobs", "ranks", "kept", "kept_mass"):
        facts = getattr(found, name)
        assert facts.shape == (2, 2)
    one = Sampler(seed=1, top_k=3)(cube[0, 0], details=True, n=2)
    assert one.tokens.shape == one.ranks.shape == (2,)
    assert one.kept == 3
    assert one.kept.shape == one.entropy.shape == ()
    out = np.empty((2, 2), np.int64)
    assert sample(cube, seed=1, details=True, out=out).tokens is out


def test_few_tokens_above_minus_infinity():
    row = np.full(50, -np.inf)
    row[[7, 3]] = 0.0, 1.0
    found = sample(row, seed=1, top_k=10, kept_set=True, top_logprobs=3)
    assert found.kept == 2
    assert found.kept_set.tokens.tolist() == [3, 7]
    assert found.top_logprobs.tokens.tolist() == [3, 7, -1]
    assert found.top_logprobs.logprobs[2] == -np.inf
    with pytest.raises(ValueError, match=r"top_logprobs is -1, expected an integer in \[0, 65536\]"):
        sample(row, seed=1, top_logprobs=-1)
    with pytest.raises(ValueError, match=r"top_logprobs is 549755813888, expected an integer in \[0, 65536\]"):
        sample(row, seed=1, top_logprobs=2**39)


def test_rows_whose_untouched_logits_have_no_distribution():
    """A NaN below the mask: what is asked of the untouched softmax is NaN there, and right in the other rows."""
    raw = BATCH.astype(np.float64)
    raw[[0, 3], 17] = np.nan
    allowed = np.arange(3001) != 17
    found = sample(raw, seed=2, allowed=allowed, top_logprobs=2, kept_set=True, top_k=9)
    clean = sample(BATCH.astype(np.float64), seed=2, allowed=allowed, top_logprobs=2, kept_set=True, top_k=9)
    assert found.tokens.tolist() == clean.tokens.tolist()
    assert found.kept_set.tokens.tolist() == clean.kept_set.tokens.tolist()
    for i in range(5):
        facts = found.raw_logprobs[i], *found.top_logprobs.logprobs[i]
        if i in (0, 3):
            assert np.isnan(facts).all()
            assert found.top_logprobs.tokens[i].tolist() == [-1, -1]
        else:
            assert facts == (clean.raw_logprobs[i], *clean.top_logprobs.logprobs[i])
            assert found.top_logprobs.tokens[i].tolist() == clean.top_logprobs.tokens[i].tolist()


def test_infinite_logits_share_all():
    found = sample([0.0, np.inf, 1.0, np.inf], seed=1, n=8, details=True)
    assert set(found.tokens.tolist()) == {1, 3}
    np.testing.assert_allclose(found.logprobs, -math.log(2))
    np.testing.assert_allclose(found.raw_logprobs, -math.log(2))
    assert found.entropy == pytest.approx(math.log(2))


WARM = np.array([0.5, 2.0, 0.0, np.inf])


def warm_rows(dtype):
    """Return rows for these temperatures, and their exact log-probabilities."""
    rows = np.array([[3.0, 1.0, 2.5, -np.inf, 2.5]] * 4, dtype)
    return rows, log_softmax(rows.astype(np.float64), temperature=WARM)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_log_probabilities_at_the_temperature_alone(dtype):
    """Whatever the filters; one a row, too."""
    (rows, exact), picked = warm_rows(dtype), np.arange(4)
    found = sample(rows, temperature=WARM, top_k=2, seed=picked, bias={1: 2.0}, details=True)
    np.testing.assert_allclose(found.tempered_logprobs, exact[picked, found.tokens], rtol=1e-6)
    infinite = sample(np.array([0.0, np.inf, -np.inf, np.inf], dtype), temperature=0.5, seed=1, details=True)
    assert infinite.tempered_logprobs == pytest.approx(-math.log(2))


@pytest.mark.parametrize(  # those of 16 bits compile kernels that no other test needs
    "dtype",
    [pytest.param(one, marks=[pytest.mark.long] if one.itemsize == 2 else [], id=one.name) for one in DTYPES],
)
@pytest.mark.parametrize(
    "chain", ["top_k=3 temperature=[0.5,2.0,0.0,inf]", "temperature=[1.0,4.0,0.0,inf] min_p=0.1 temperature=0.5"]
)
def test_log_probabilities_at_the_temperatures_of_a_chain(chain, dtype):
    """Wherever they stand."""
    (rows, exact), picked = warm_rows(dtype), np.arange(4)
    found = sample(rows, samplers=chain, seed=picked, details=True)
    np.testing.assert_allclose(found.tempered_logprobs, exact[picked, found.tokens], rtol=1e-6)


def test_details_do_not_depend_on_threads():
    batch = np.tile(BATCH, (60, 1))
    before = fastsoftmax.get_num_threads()
    results = []
    try:
        for n in (1, 3):
            fastsoftmax.set_num_threads(n)
            results.append(sample(batch, top_p=0.9, rng=2, kept_set=True, top_logprobs=2))
    finally:
        fastsoftmax.set_num_threads(before)
    one, three = results
    for name in ("tokens", "logprobs", "raw_logprobs", "tempered_logprobs", "ranks", "kept", "kept_mass", "entropy"):
        np.testing.assert_array_equal(getattr(one, name), getattr(three, name))
    for a, b in zip((*one.kept_set, *one.top_logprobs), (*three.kept_set, *three.top_logprobs), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_log_probabilities_are_never_above_0_and_keep_the_digits_of_a_tail(dtype):
    """One token far above the others, which the sum of masses hides from a logarithm; and one token alone."""
    for size in (1, 5, 700, 5000):
        logits = np.zeros(size, dtype)
        logits[size // 2] = 40.0
        exact = log_softmax(logits.astype(np.float64))
        for words in ({}, {"top_k": 600}, {"min_p": 1e-20}, {"temperature": 1.0, "top_p": 1.0}):
            found = sample(logits, **words, seed=1, details=True, top_logprobs=2)
            assert found.tokens == size // 2
            kept = min(size, words.get("top_k", size)) - 1 if found.kept > 1 else 0
            assert found.logprobs == pytest.approx(-math.log1p(kept * math.exp(-40.0)), rel=1e-6, abs=0)
            assert found.raw_logprobs == pytest.approx(exact[size // 2], rel=1e-6, abs=0)
            assert found.top_logprobs.logprobs[0] == found.raw_logprobs
            assert max(found.logprobs, found.raw_logprobs) <= 0


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_confident_rows_have_log_probabilities_of_at_most_0(dtype):
    batch = (np.random.default_rng(3).standard_normal((200, 300)) * 12).astype(dtype)
    found = sample(batch, seed=5, details=True, top_logprobs=3, temperature=0.5, top_p=0.9)
    for logprobs in (found.logprobs, found.raw_logprobs, found.top_logprobs.logprobs):
        assert (logprobs <= 0).all()


@pytest.mark.parametrize("words", [{"kept_set": True}, {"top_logprobs": 2}])
def test_steps_are_told_of_where_details_are_asked_for(words):
    """Otherwise those that are off are left out, and nobody could tell which."""
    asked = {"samplers": "xtc(0.5, 0.1) top_k=0 temperature=0.7", "seed": 1}
    assert sample([1.0, 3.0, 2.0], **asked, **words).kept_after is None
    assert sample([1.0, 3.0, 2.0], **asked, **words, details=True).kept_after.shape == (3,)
