"""allowed= and bias=: what a grammar or a user adds to the logits, and layouts that are not contiguous."""

import math

import numpy as np
import pytest
import scipy.sparse

import fastsoftmax
from fastsoftmax import Sampler, probabilities, sample
from tests.cases import BFLOAT16, DTYPES
from tests.filters import FILTERS

RNG = np.random.default_rng(8)
SIZE = 5003  # no multiple of a vector, of a word of bits or of a group
BATCH = (RNG.standard_normal((6, SIZE)) * 3).astype(np.float32)
MASK = RNG.random((6, SIZE)) < 0.4


def packed(mask):
    """Pack a mask as grammar engines do, bit by bit."""
    words = np.zeros((*mask.shape[:-1], -(-mask.shape[-1] // 32)), np.uint32)
    for token in range(mask.shape[-1]):
        words[..., token // 32] |= mask[..., token].astype(np.uint32) << np.uint32(token % 32)
    return words


PACKED = packed(MASK)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("words", FILTERS)
def test_a_mask_is_minus_infinity(words, dtype):
    batch = BATCH.astype(dtype)
    masked = np.where(MASK, batch, dtype.type(-np.inf))
    tokens = sample(masked, **words, rng=1, n=40)
    for allowed in (MASK, PACKED, PACKED.view(np.int32)):
        np.testing.assert_array_equal(sample(batch, **words, rng=1, n=40, allowed=allowed), tokens)
        np.testing.assert_array_equal(probabilities(batch, **words, allowed=allowed), probabilities(masked, **words))


def test_masks_broadcast():
    one = np.broadcast_to(MASK[2], MASK.shape)
    tokens = sample(BATCH, top_p=0.9, rng=1, allowed=one)
    for allowed in (MASK[2], MASK[2:3], PACKED[2]):
        assert sample(BATCH, top_p=0.9, rng=1, allowed=allowed).tolist() == tokens.tolist()
    cube = BATCH.reshape(2, 3, SIZE)
    rows = MASK[:2, np.newaxis]
    expected = sample(cube, rng=1, allowed=np.broadcast_to(rows, cube.shape))
    assert sample(cube, rng=1, allowed=rows).tolist() == expected.tolist()


@pytest.mark.parametrize("words", FILTERS)
def test_bits_beyond_the_vocabulary_and_nan_below_the_mask_do_not_matter(words):
    bits = PACKED.copy()
    bits[:, -1] |= np.uint32(0xFFFFFFFF) << np.uint32(SIZE % 32)
    logits = np.where(MASK, BATCH, np.nan)
    found = sample(BATCH, **words, rng=3, allowed=MASK, n=20, kept_set=True)
    other = sample(logits, **words, rng=3, allowed=bits, n=20, kept_set=True)
    assert other.tokens.tolist() == found.tokens.tolist()
    assert other.kept_set.tokens.tolist() == found.kept_set.tokens.tolist()


def test_a_nan_below_the_mask_is_named():
    bad, mask = BATCH.copy(), MASK.copy()
    mask[4, [3, 4001]] = False, True
    bad[4, [3, 4001]] = np.nan
    with pytest.raises(ValueError, match=r"logits row 4 is NaN at index 4001, expected no NaN"):
        sample(bad, rng=3, allowed=mask)


@pytest.mark.parametrize("words", FILTERS)
def test_a_single_token_allowed(words):
    for token in (0, 15, 16, 511, 512, SIZE - 1):
        mask = np.zeros(SIZE, bool)
        mask[token] = True
        assert sample(BATCH, **words, rng=0, allowed=mask).tolist() == [token] * 6


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("words", FILTERS[:5])
def test_a_bias_is_added(words, dtype):
    batch = BATCH.astype(dtype)
    bias = {3: 9.25, 4000: -2.5, SIZE - 1: 11.0, 17: -np.inf}
    wide = np.float64 if dtype == np.float64 else np.float32
    added = batch.astype(wide)
    for token, value in bias.items():
        added[:, token] = (added[:, token].astype(np.float64) + value).astype(wide)
    row = scipy.sparse.csr_array(([*bias.values()], ([0] * 4, [*bias])), shape=(1, SIZE))
    tokens = sample(added, **words, rng=1, n=30)
    for given in (bias, row, scipy.sparse.vstack([row] * 6), row.tocoo()):
        assert sample(batch, **words, rng=1, n=30, bias=given).tolist() == tokens.tolist()
    np.testing.assert_array_equal(
        probabilities(batch, **words, bias=bias, out=np.empty(batch.shape)),
        probabilities(added, **words, out=np.empty(batch.shape)),
    )


def test_a_bias_of_each_row():
    u = np.random.default_rng(1).random((6, SIZE))
    bias = scipy.sparse.coo_array(np.where(u < 0.01, 3000 * u, 0.0))
    expected = sample((BATCH.astype(np.float64) + bias.toarray()).astype(np.float32), rng=1, n=20)
    assert sample(BATCH, rng=1, n=20, bias=bias).tolist() == expected.tolist()
    large = np.tile(BATCH, (40, 1))  # more than one piece of work
    many = scipy.sparse.vstack([bias] * 40)
    expected = sample((large.astype(np.float64) + many.toarray()).astype(np.float32), rng=1)
    assert sample(large, rng=1, bias=many).tolist() == expected.tolist()
    assert large.tolist() == np.tile(BATCH, (40, 1)).tolist()


def test_a_sparse_bias_is_left_as_it_is():
    bias = scipy.sparse.csr_array(([1.0, 2.0, 3.0], [9, 4, 9], [0, 3]), shape=(1, SIZE))
    assert sample(BATCH, seed=1, n=9, bias=bias).tolist() == sample(BATCH, seed=1, n=9, bias={9: 4.0, 4: 2.0}).tolist()
    assert bias.indices.tolist() == [9, 4, 9]
    assert bias.data.tolist() == [1.0, 2.0, 3.0]


def test_a_bias_with_a_mask():
    mask = np.ones(SIZE, bool)
    mask[9] = False
    assert sample(BATCH, seed=1, bias={9: 1000.0, 10: 500.0}, allowed=mask).tolist() == [10] * 6
    assert Sampler(seed=1)(BATCH, bias={9: 1000.0}).tolist() == [9] * 6
    assert Sampler(seed=1)(BATCH[0], allowed=np.arange(SIZE) == 9) == 9


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"allowed": np.ones(5004, bool)}, ValueError, r"allowed has shape \(5004,\) \(bool\), .* 1 to 5003\)"),
        ({"allowed": np.ones(158, np.uint32)}, ValueError, r"allowed has shape \(158,\) \(packed.* 1 to 157\)"),
        ({"allowed": np.ones((6, 0), bool)}, ValueError, r"allowed has shape \(6, 0\) \(bool\)"),
        ({"allowed": MASK[:4]}, ValueError, r"allowed has shape \(4, 5003\), expected one that broadcasts to .*\(6,\)"),
        ({"allowed": MASK.astype(np.float32)}, TypeError, "allowed has dtype float32, expected bool, or uint32"),
        ({"allowed": True}, ValueError, r"allowed has shape \(\) \(bool\)"),
        ({"allowed": np.zeros(SIZE, bool)}, ValueError, "logits row 0 is -inf wherever it is allowed"),
        ({"bias": {SIZE: 1.0}}, ValueError, r"a token of bias is 5003, expected an integer in \[0, 5002\]"),
        ({"bias": {1.5: 1.0}}, TypeError, "a token of bias is 1.5, expected an integer"),
        ({"bias": {3: np.nan}}, ValueError, r"bias\[3\] is nan, expected a number below inf"),
        ({"bias": {3: math.inf}}, ValueError, r"bias\[3\] is inf, expected a number below inf"),
        ({"bias": {3: "a"}}, TypeError, r"bias has values \['a'\], expected one number for each token"),
        ({"bias": {1: []}}, TypeError, r"bias has values \[\[\]\], expected one number for each token"),
        ({"bias": [1.0]}, TypeError, r"bias is \[1.0\], expected a mapping from tokens to numbers, or a sparse array"),
        ({"bias": scipy.sparse.csr_array((2, SIZE))}, ValueError, r"bias has shape \(2, 5003\), expected \(1 or 6"),
    ],
)
def test_bad_constraints(words, error, message):
    out = np.full(6, -7)
    with pytest.raises(error, match=message):
        sample(BATCH, seed=1, **words, out=out)
    assert (out == -7).all()
    with pytest.raises(error, match=message):
        probabilities(BATCH, **words)


@pytest.mark.parametrize("dtype", [np.dtype(np.float32), BFLOAT16], ids=str)
def test_layouts(dtype):
    """Strided and transposed logits, alone and in batches of several pieces."""
    base = np.tile(BATCH, (30, 1)).astype(dtype)
    wide = np.zeros((180, 2 * SIZE), dtype)
    wide[:, ::2] = base
    cube = base.reshape(30, 6, SIZE)
    views = [wide[:, ::2], np.asfortranarray(base), base[::-1][::-1], wide.reshape(180, SIZE, 2)[:, :, 0]]
    expected = sample(base, top_k=30, rng=1)
    for view in views:
        assert sample(view, top_k=30, rng=1).tolist() == expected.tolist()
        np.testing.assert_array_equal(probabilities(view, top_k=30), probabilities(base, top_k=30))
    swapped = cube.transpose(1, 0, 2)
    assert sample(swapped, rng=1).tolist() == sample(np.ascontiguousarray(swapped), rng=1).tolist()
    assert sample(wide[5, ::2], seed=3) == sample(base[5], seed=3) == Sampler(seed=3)(wide[5, ::2])


def test_a_bias_that_is_too_large_for_float32():
    logits = np.zeros((1, 4), np.float32)
    assert sample(logits, bias={2: 1e300}, seed=1).tolist() == [2]


def test_a_strided_batch_is_not_copied_whole():
    tracemalloc = pytest.importorskip("tracemalloc")
    wide = np.zeros((400, 2 * 20_000), np.float32)
    view = wide[:, ::2]
    before = fastsoftmax.get_num_threads()
    fastsoftmax.set_num_threads(1)
    try:
        sample(view, seed=1, top_k=5)
        tracemalloc.start()
        sample(view, seed=1, top_k=5)
        assert tracemalloc.get_traced_memory()[1] < view.nbytes / 4
    finally:
        tracemalloc.stop()
        fastsoftmax.set_num_threads(before)


@pytest.mark.parametrize("width", [1, 31, 33, 4096, SIZE - 40, SIZE - 1])
def test_what_a_mask_does_not_reach_is_not_allowed(width):
    """A mask of a tokenizer's width, where the logits of a model are padded to a multiple of 64 or more."""
    mask = MASK[0, :width].copy()
    mask[0] = True
    padded = np.zeros(SIZE, bool)
    padded[:width] = mask
    expected = sample(BATCH, rng=1, n=9, allowed=padded)
    np.testing.assert_array_equal(sample(BATCH, rng=1, n=9, allowed=mask), expected)
    bits = packed(padded)[: -(-width // 32)]
    for words in (bits, bits.astype(">u4"), bits.view(np.int32), bits.view(np.int32).astype(">i4")):
        np.testing.assert_array_equal(sample(BATCH, rng=1, n=9, allowed=words), expected)
