"""softmax, log_softmax and logsumexp of dask arrays: the bits of the whole, for any chunks."""

import doctest
import sys

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastsoftmax as fs
from tests.dask.arrays import assert_same, da, lazy, splits

NAMES = ("softmax", "log_softmax", "logsumexp")
DTYPES = [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, np.int32, np.uint8, bool]
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-300, 700.0, -1e30]


def logits(shape, dtype=np.float64, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * 5).astype(dtype)


def pairs(name):
    return getattr(lazy, name), getattr(fs, name)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_dtypes(name, dtype):
    ours, without = pairs(name)
    rows = logits((7, 300), dtype)
    assert_same(ours(da.from_array(rows, chunks=(3, 128))), without(rows))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_a_dtype_of_the_result(name, dtype):
    ours, without = pairs(name)
    rows = logits((4, 50), np.float32)
    assert_same(ours(da.from_array(rows, chunks=3), dtype=dtype), without(rows, dtype=dtype))


@given(st.data())
def test_any_chunks_of_any_axes(data):
    """Softmax rounds rows of more than 128 otherwise than columns, of which it takes eight or more at once."""
    shape = data.draw(st.sampled_from([(5, 130), (130, 20), (130, 7), (2, 3, 140), (2, 140, 3, 4), (9,)]))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    array = logits(shape, dtype)
    spread = da.from_array(array, chunks=data.draw(splits(shape)))
    axes = [None, *range(-1, len(shape)), *((one, one + 1) for one in range(len(shape) - 1)), (0, len(shape) - 1)]
    words = {"axis": data.draw(st.sampled_from([one for one in axes if one != (0, 0)]))}
    if data.draw(st.booleans()):
        batch = np.shape(fs.logsumexp(array, **words))
        some = data.draw(st.sampled_from([batch, (2, *batch), (1, *batch), tuple(1 for _ in batch), batch[-1:]]))
        words["temperature"] = np.random.default_rng(1).random(some) + 0.1
    if data.draw(st.booleans()):
        words["where"] = logits(shape[-data.draw(st.integers(1, len(shape))) :], seed=2) > -2
    delayed = dict(words)
    for name in words.keys() & {"temperature", "where"}:
        if data.draw(st.booleans()):
            delayed[name] = da.from_array(np.asarray(words[name]), chunks=data.draw(splits(np.shape(words[name]))))
    ours, without = pairs(data.draw(st.sampled_from(NAMES)))
    assert_same(ours(spread, **delayed), without(array, **words))


@given(st.data())
def test_edges(data):
    rows = np.array(data.draw(st.lists(st.lists(st.sampled_from(EDGES), min_size=3, max_size=3), min_size=1)))
    temperature = data.draw(st.sampled_from([0, 0.0, 1e-300, 1, np.float32(2), np.inf, None]))
    ours, without = pairs(data.draw(st.sampled_from(NAMES)))
    spread = da.from_array(rows, chunks=data.draw(splits(rows.shape)))
    assert_same(ours(spread, temperature=temperature), without(rows, temperature=temperature))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (0, 3), (2, 0, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_and_a_scalar(name, shape):
    ours, without = pairs(name)
    for axis in (-1, None):
        assert_same(ours(da.zeros(shape), axis=axis), without(np.zeros(shape), axis=axis))


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_keepdims(axis):
    rows = logits((6, 5))
    spread = da.from_array(rows, chunks=(4, 2))
    assert_same(lazy.logsumexp(spread, axis=axis, keepdims=True), fs.logsumexp(rows, axis=axis, keepdims=True))
    warm = np.ones((2, *np.shape(fs.logsumexp(rows, axis=axis))))
    given = {"axis": axis, "temperature": warm, "keepdims": True}
    assert_same(lazy.logsumexp(spread, **given), fs.logsumexp(rows, **given))


def test_chunks_of_the_result():
    rows = da.zeros((10, 6), chunks=((3, 7), (2, 4)))
    assert lazy.softmax(rows).chunks == ((3, 7), (6,))
    assert lazy.softmax(rows, axis=0).chunks == ((10,), (2, 4))
    assert lazy.logsumexp(rows).chunks == ((3, 7),)
    assert lazy.softmax(rows, temperature=[[1.0], [2.0]]).chunks == ((2,), (3, 7), (6,))
    split = da.from_array([[1.0], [2.0]], chunks=1)
    assert lazy.softmax(rows, temperature=split).chunks == ((1, 1), (3, 7), (6,))


def test_joined_chunks_stay_within_dasks_measure():
    night = da.zeros((10_000, 128_256), chunks=(1_000, 4_096), dtype=np.float32)
    chunks = lazy.softmax(night).chunks
    assert chunks[1] == (128_256,)
    assert max(chunks[0]) * 128_256 * 4 <= 1.25 * 2**27


def test_nothing_is_computed_ahead():
    def fail(chunk):
        raise AssertionError

    rows = da.ones((4, 5), chunks=2).map_blocks(fail, dtype=np.float64, meta=np.empty((0, 0)))
    for function in (lazy.softmax, lazy.log_softmax, lazy.logsumexp):
        with pytest.raises(AssertionError):
            function(rows, temperature=rows[:, 0], where=rows > 0).compute()


def test_chunks_of_unknown_sizes():
    rows = logits((50, 9))
    spread = da.from_array(rows, chunks=(7, 4))
    some, known = spread[spread[:, 0] > 0], rows[rows[:, 0] > 0]
    words = {"temperature": 0.5}
    assert np.array_equal(lazy.softmax(some, **words).compute(), fs.softmax(known, **words))
    assert np.array_equal(lazy.logsumexp(some, where=some > 0).compute(), fs.logsumexp(known, where=known > 0))
    with pytest.raises(
        ValueError, match=r"^logits has chunks of unknown sizes along axis 0, expected known ones, since"
    ):
        lazy.softmax(some, temperature=np.ones(len(known)))
    with pytest.raises(ValueError, match=r"along axis 0, .*, since a row is one piece.*logits.compute_chunk_sizes\(\)"):
        lazy.softmax(some, axis=0)
    with pytest.raises(ValueError, match=r"^temperature has chunks of unknown sizes along axis 0"):
        lazy.softmax(spread, temperature=some[:, 0])
    assert_same(lazy.softmax(some.compute_chunk_sizes(), axis=0), fs.softmax(known, axis=0))


@pytest.mark.parametrize(
    ("error", "message", "words"),
    [
        (ValueError, r"temperature is -1.0, expected a number >= 0", {"temperature": -1.0}),
        (ValueError, r"temperature\[3\] is nan, expected a number >= 0", {"temperature": [1, 1, 1, np.nan]}),
        (TypeError, r"temperature is 'warm'", {"temperature": "warm"}),
        (
            ValueError,
            r"temperature has shape \(3,\), expected a scalar or a shape that broadcasts to the batch \(4,\)",
            {"temperature": [1, 1, 1]},
        ),
        (np.exceptions.AxisError, r"axis is 2, expected an integer in \[-2, 1\]", {"axis": 2}),
        (TypeError, r"where has dtype float64, expected bool", {"where": np.ones(5)}),
        (
            ValueError,
            r"where has shape \(4,\), expected one that broadcasts to the logits' \(4, 5\)",
            {"where": np.ones(4, bool)},
        ),
        (
            ValueError,
            r"where has shape \(1, 4, 5\), expected one that broadcasts to the logits' \(4, 5\)",
            {"where": np.ones((1, 4, 5), bool)},
        ),
        (TypeError, r"dtype is int64, expected float16, bfloat16, float32 or float64", {"dtype": int}),
    ],
)
def test_what_is_refused_at_once(error, message, words):
    with pytest.raises(error, match=message):
        lazy.softmax(da.zeros((4, 5)), **words)


def test_logits_that_are_none():
    with pytest.raises(TypeError, match=r"^logits is ndarray of shape \(3,\) .*, expected a dask array"):
        lazy.softmax(np.zeros(3))
    with pytest.raises(TypeError, match=r"^logits has dtype complex128, expected float16"):
        lazy.logsumexp(da.zeros(3, dtype=complex))
    with pytest.raises(TypeError, match=r"^keepdims is 2, expected True or False"):
        lazy.logsumexp(da.zeros(3), keepdims=2)


def test_a_wrong_temperature_in_a_chunk():
    warm = da.from_array([1.0, 1.0, -2.0], chunks=2)
    with pytest.raises(ValueError, match=r"^temperature\[0\] is -2.0, expected a number >= 0$"):
        lazy.softmax(da.zeros((3, 4)), temperature=warm).compute()


def test_the_docstrings():
    assert doctest.testmod(sys.modules["fastsoftmax.dask._softmax"]).failed == 0
