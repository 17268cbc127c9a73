"""softmax takes one of four ways by the length of a row and the axis: each is as exact, and no split changes a bit."""

import math
import tracemalloc

import numpy as np
import pytest

import fastsoftmax
from fastsoftmax import _softmax as module
from fastsoftmax import _threads
from fastsoftmax.kernels.math.exp import expm1
from fastsoftmax.kernels.softmax.columns import SHORT
from fastsoftmax.kernels.softmax.lockstep import MIDDLE
from fastsoftmax.kernels.softmax.weights import BLOCK
from tests.cases import DTYPES

SIZES = [1, 2, 15, 16, 17, 100, SHORT, SHORT + 1, 300, MIDDLE, MIDDLE + 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77]
INF, NAN = math.inf, math.nan
EXACT = pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="no wider float to compare with")


def worst_ulps(logits, temperature, axis=-1):
    """Return the largest error of a softmax where the exact value is a normal number."""
    ours = fastsoftmax.softmax(logits, temperature=temperature, axis=axis)
    z = logits.astype(np.longdouble)
    weights = np.exp((z - z.max(axis, keepdims=True)) / temperature)
    exact = weights / weights.sum(axis, keepdims=True)
    info = np.finfo(logits.dtype)
    normal = exact >= info.tiny
    assert not ours[exact < info.tiny * (1 - 2.0**-19)].any()
    unit = np.exp2(np.floor(np.log2(exact[normal]))) * float(info.eps)
    return float((np.abs(ours[normal] - exact[normal]) / unit).max())


@EXACT
@pytest.mark.parametrize("size", [*SIZES, 40_000])
@pytest.mark.parametrize(("dtype", "allowed"), [(np.float32, 2), (np.float64, 4)])
def test_largest_error(size, dtype, allowed):
    rng = np.random.default_rng(size)
    rows = max(1, 20_000 // size)
    for temperature in (1e-3, 0.1, 1.0, 1.7, 1e3):
        for spread in (1.0, 20.0, 200.0, 3e3, 1e4):  # the largest |z| / T
            wide = rng.uniform(-1, 1, (rows, size)) * spread * temperature
            peaked = rng.standard_normal((rows, size)) * spread * temperature / 5
            tied = np.round(peaked / temperature) * temperature
            for logits in (wide, peaked, tied):
                assert worst_ulps(logits.astype(dtype), temperature) <= allowed


@EXACT
@pytest.mark.parametrize("size", [*SIZES[1:], 40_000])
@pytest.mark.parametrize(("dtype", "allowed"), [(np.float32, 4), (np.float64, 8)])
def test_largest_error_of_logarithms(size, dtype, allowed):
    """The sum is taken without the maximum, whose own result is the logarithm of 1 plus a tail of any size."""
    rng = np.random.default_rng(size)
    rows = max(1, 10_000 // size)
    for temperature in (0.1, 1.0, 1.7):
        for spread in (0.01, 1.0, 20.0, 200.0):
            peaked = rng.standard_normal((rows, size)) * spread * temperature
            for values in (peaked, np.round(peaked / temperature) * temperature):
                logits = values.astype(dtype)
                top = np.arange(size) == logits.argmax(1)[:, np.newaxis]
                distances = (logits.astype(np.longdouble) - logits.max(1, keepdims=True)) / temperature
                tails = np.log1p(np.where(top, 0, np.exp(distances)).sum(1, keepdims=True))
                exact = distances - tails
                normal = np.abs(exact) >= np.finfo(dtype).tiny
                unit = np.exp2(np.floor(np.log2(-exact[normal]))) * float(np.finfo(dtype).eps)
                ours = fastsoftmax.log_softmax(logits, temperature=temperature)
                assert (np.abs(ours[normal] - exact[normal]) / unit).max() <= allowed
                sums = fastsoftmax.logsumexp(logits, temperature=temperature)
                exact = (logits.max(1).astype(np.longdouble) / temperature) + tails[:, 0]
                terms = np.abs(logits.max(1) / temperature) + tails[:, 0]
                assert (np.abs(sums - exact) <= 2 * np.finfo(dtype).eps * terms + np.finfo(dtype).tiny).all()


@EXACT
@pytest.mark.parametrize("size", [2, 16, SHORT, 500, 3000])
@pytest.mark.parametrize(("dtype", "allowed"), [(np.float32, 2), (np.float64, 4)])
def test_largest_error_of_columns(size, dtype, allowed):
    logits = (np.random.default_rng(size).standard_normal((size, 37)) * 20).astype(dtype)
    assert worst_ulps(logits, 0.7, axis=0) <= allowed


@EXACT
def test_largest_error_of_two_weights():
    """All kinds of pairs, one of them in most places: where roundings of the sum do not cancel."""
    rng = np.random.default_rng(1)
    for size in (64, 300, 4096):
        for distance in np.concatenate([np.arange(0, 4, 1 / 64), rng.uniform(0, 80, 100)]):
            row = np.zeros(size, np.float32)
            row[rng.random(size) < 0.5] = -distance
            assert worst_ulps(row + np.float32(rng.normal()), 1.0) <= 2


@EXACT
@pytest.mark.parametrize("size", [5, 200, 600])
def test_largest_error_beside_the_maximum(size):
    """Logits one spacing below the maximum, whose rounded weights may be the same."""
    rng = np.random.default_rng(size)
    rows = rng.uniform(-8, 8, (40_000 // size * 5, size)).astype(np.float32)
    rows -= np.float32(6) * (rng.random(rows.shape) < 0.5)
    rows[:, 1] = np.nextafter(rows.max(1), np.float32(-np.inf))
    assert worst_ulps(rows * np.float32(2.0**-9), 2.0**-9) <= 2
    assert worst_ulps(rows, 1.0) <= 2


@pytest.mark.parametrize("function", [fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp])
def test_other_axes_are_not_copied_whole(function):
    array = np.zeros((128, 50_000), np.float32)
    words = {} if function is fastsoftmax.logsumexp else {"out": np.empty_like(array)}
    function(array[:2], axis=0)  # compiling allocates too
    tracemalloc.start()
    function(array, axis=0, **words)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < array.nbytes / 2


def test_log_softmax_of_huge_differences():
    assert fastsoftmax.log_softmax(np.array([0.0, -3.86e294]), temperature=1.39e-46).tolist() == [0.0, -INF]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("size", [300, 600, 3 * BLOCK + 77])
def test_limits_at_every_length(size, dtype):
    row = np.linspace(-1, 1, size).astype(dtype)
    last = size - 1
    for values, temperature, expected in [
        ({0: NAN}, 1.0, [NAN] * size),
        ({last: NAN}, 1.0, [NAN] * size),
        ({0: INF, last: INF}, 1.0, [0.5, *[0.0] * (size - 2), 0.5]),
        ({0: INF}, INF, [1.0, *[0.0] * (size - 1)]),
        ({0: 5.0, last: 5.0}, 0.0, [0.5, *[0.0] * (size - 2), 0.5]),
        ({last: 5.0}, 0.0, [*[0.0] * (size - 1), 1.0]),
        (dict.fromkeys(range(size), -INF), 1.0, [NAN] * size),
        (dict.fromkeys(range(1, size), -INF), INF, [1.0, *[0.0] * (size - 1)]),
    ]:
        logits = row.copy()
        logits[list(values)] = list(values.values())
        result = fastsoftmax.softmax(logits, temperature=temperature).astype(np.float64)
        np.testing.assert_array_equal(result, expected)
        with np.errstate(divide="ignore"):
            logs = fastsoftmax.log_softmax(logits, temperature=temperature).astype(np.float64)
            np.testing.assert_allclose(logs, np.log(expected), rtol=0.01)


def test_what_only_kernels_can_call():
    with pytest.raises(NotImplementedError, match="kernels call this; Python cannot"):
        expm1(0.5)


def test_masked_arrays_are_refused():
    with pytest.raises(TypeError, match="logits is a masked array, expected a plain one: softmax takes where="):
        fastsoftmax.softmax(np.ma.masked_array([1.0, 2.0], [True, False]))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("size", SIZES)
def test_a_row_does_not_depend_on_the_others(size, dtype):
    rng = np.random.default_rng(size)
    batch = (rng.standard_normal((37, size)) * 5).astype(dtype)
    batch[3, 0] = NAN
    batch[5, -1] = INF
    batch[7] = -INF
    batch[11, ::2] = -INF
    batch[13] = batch[13, 0]
    batch[17] = np.clip(rng.standard_normal(size) * 3e4, -6e4, 6e4).astype(dtype)
    temperatures = np.ones(37)
    temperatures[[19, 21, 23, 25]] = 0.0, INF, 1e-30, 1e30
    for function in (fastsoftmax.log_softmax, fastsoftmax.logsumexp, fastsoftmax.softmax):
        whole = function(batch, temperature=temperatures)
        for row, temperature, expected in zip(batch, temperatures, whole, strict=True):
            alone = function(row, temperature=float(temperature))
            assert alone.tobytes() == expected.tobytes()
        last = function(batch[20:], temperature=temperatures[20:])
        assert last.tobytes() == whole[20:].tobytes()
    in_place = batch.copy()
    fastsoftmax.softmax(in_place, temperature=temperatures, out=in_place)
    assert in_place.tobytes() == whole.tobytes()
    by_columns = fastsoftmax.softmax(batch.T.copy(), temperature=temperatures, axis=0).T
    assert np.array_equal(np.isnan(by_columns.astype(float)), np.isnan(whole.astype(float)))
    np.testing.assert_array_max_ulp(by_columns.astype(np.float64), whole.astype(np.float64), 2**45)
    strided = fastsoftmax.softmax(np.repeat(batch, 2, 1)[:, ::2], temperature=temperatures)
    assert strided.tobytes() == whole.tobytes()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("shape", [(40, 33), (3, 129, 16), (2, 300, 50), (5, 7, 8), (4, 6, 3), (1, 2, 2000)])
def test_a_column_does_not_depend_on_the_others(shape, dtype):
    rng = np.random.default_rng(len(shape))
    array = (rng.standard_normal(shape) * 5).astype(dtype)
    array[..., 0, 1] = NAN
    array[..., 1, 2] = INF
    array[..., 0] = -INF
    axis = len(shape) - 2
    whole = fastsoftmax.softmax(array, axis=axis, temperature=0.8)
    in_place = array.copy()
    assert fastsoftmax.softmax(in_place, axis=axis, temperature=0.8, out=in_place).tobytes() == whole.tobytes()
    if shape[-1] >= 16:
        for first, last in ((0, 8), (3, 12), (1, shape[-1])):
            part = fastsoftmax.softmax(array[..., first:last].copy(), axis=axis, temperature=0.8)
            assert part.tobytes() == whole[..., first:last].tobytes()
    assert np.isnan(whole[..., 1].astype(float)).all()
    assert np.isnan(whole[..., 0].astype(float)).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_streamed_results_are_the_same(dtype, monkeypatch):
    batch = (np.random.default_rng(0).standard_normal((5, 2 * BLOCK + 1001)) * 4).astype(dtype)
    batch[2, 5] = NAN
    expected = fastsoftmax.softmax(batch)
    monkeypatch.setattr(module, "STREAMED", 0)
    monkeypatch.setattr(module, "LONG", 0)
    for offset in (0, 1, 5, 8):  # wherever the first cache line starts
        out = np.zeros(batch.size + 16, dtype)[offset : offset + batch.size].reshape(batch.shape)
        fastsoftmax.softmax(batch, out=out)
        assert out.tobytes() == expected.tobytes()
    fastsoftmax.softmax(batch, out=batch)
    assert batch.tobytes() == expected.tobytes()


@pytest.mark.slow
def test_more_than_two_to_the_31_logits():
    rows, size = 2**20 + 1, 2**11
    row = np.linspace(-1, 1, size, dtype=np.float32)
    sums = fastsoftmax.logsumexp(np.broadcast_to(row, (rows, size)))
    assert (sums == fastsoftmax.logsumexp(row)).all()


@pytest.mark.parametrize("axis", [(), 0, 1, 2, 3, (0, 2), (1, 3), (0, 1, 2, 3)])
def test_copies_of_any_size_give_the_same(axis, monkeypatch):
    logits = np.random.default_rng(0).standard_normal((3, 4, 5, 12))[..., ::2]
    temperature = np.random.default_rng(1).random(np.shape(logits.sum(axis))) + 0.5
    results = []
    for piece in (2**22, 7):
        monkeypatch.setattr(_threads, "PIECE", piece)
        calls = fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp
        results.append([call(logits, axis=axis, temperature=temperature).tobytes() for call in calls])
    assert results[0] == results[1]


@pytest.mark.parametrize("call", [fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp])
def test_no_axis_of_what_is_not_contiguous(call):
    logits = np.arange(8.0)
    assert call(logits[::2], axis=()).tolist() == call(logits[::2].copy(), axis=()).tolist()
