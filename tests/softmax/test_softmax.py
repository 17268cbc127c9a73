"""softmax, log_softmax, logsumexp: limits, shapes, dtypes, views, errors, bits."""

import math
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
import scipy.special

import fastsoftmax
from tests.cases import BFLOAT16, DTYPES

INF, NAN = math.inf, math.nan
BATCH = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(np.float32) * 4


@pytest.fixture(params=[1, 2])
def threads(request):
    before = fastsoftmax.get_num_threads()
    fastsoftmax.set_num_threads(request.param)
    yield request.param
    fastsoftmax.set_num_threads(before)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize(
    ("row", "temperature", "expected"),
    [
        ([1, -INF, 1], 1.0, [0.5, 0, 0.5]),
        ([INF, 1, INF], 1.0, [0.5, 0, 0.5]),
        ([INF, 1, -INF], INF, [1, 0, 0]),
        ([1, 3, 3, 2], 0.0, [0, 0.5, 0.5, 0]),
        ([1, 3, -INF, 2], INF, [1 / 3, 1 / 3, 0, 1 / 3]),
        ([1, NAN, 2], 1.0, [NAN, NAN, NAN]),
        ([INF, NAN, -INF], 0.0, [NAN, NAN, NAN]),
        ([-INF, -INF], 1.0, [NAN, NAN]),
        ([-INF, -INF], 0.0, [NAN, NAN]),
        ([7], 0.3, [1]),
        ([-INF, 5], 1e-300, [0, 1]),
        ([0.0, -0.0], 0.0, [0.5, 0.5]),
    ],
)
def test_limits(dtype, row, temperature, expected):
    logits = np.array(row, dtype)
    result = fastsoftmax.softmax(logits, temperature=temperature)
    np.testing.assert_array_equal(result.astype(float), np.array(expected).astype(dtype).astype(float))
    with np.errstate(divide="ignore"):
        logs = np.log(np.array(expected))
    np.testing.assert_allclose(
        fastsoftmax.log_softmax(logits, temperature=temperature).astype(float),
        logs,
        rtol=0.01 if dtype.itemsize == 2 else 1e-6,
    )


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("size", [3, 128, 129, 512, 513, 2048, 2049, 5000, 20_000])
@pytest.mark.parametrize("temperature", [0.0, INF])
def test_limits_of_every_length(dtype, size, temperature):
    """Also where the blocks of a row have maxima of their own."""
    logits = np.linspace(-9, 9, size).astype(dtype)
    logits[1] = -INF
    share = logits > -INF if temperature == INF else logits == logits.max()
    expected = share / np.count_nonzero(share)
    for rows in (logits, np.stack([logits] * 17)):
        result = fastsoftmax.softmax(rows, temperature=temperature).astype(float)
        np.testing.assert_allclose(result, np.broadcast_to(expected, rows.shape), rtol=0.01, atol=0)
        with np.errstate(divide="ignore"):
            logs = np.broadcast_to(np.log(expected), rows.shape)
        found = fastsoftmax.log_softmax(rows, temperature=temperature).astype(float)
        np.testing.assert_allclose(found, logs, rtol=0.01, atol=1e-9)


@pytest.mark.parametrize(
    ("row", "temperature", "expected"),
    [
        ([INF, 1], 1.0, INF),
        ([INF, 1], INF, INF),
        ([-INF, -INF], 1.0, -INF),
        ([NAN, 1], 1.0, NAN),
        ([2, 1], 0.0, INF),
        ([-2, -1], 0.0, -INF),
        ([0, 0, -1], 0.0, math.log(2)),
        ([5, 7, -INF], INF, math.log(2)),
        ([], 1.0, -INF),
    ],
)
def test_logsumexp_limits(row, temperature, expected):
    np.testing.assert_allclose(fastsoftmax.logsumexp(np.array(row, float), temperature=temperature), expected)


def test_the_tail_of_a_maximum_is_kept():
    assert fastsoftmax.log_softmax([0.0, -50.0])[0] == pytest.approx(-math.exp(-50), rel=1e-12)
    long = np.full(5000, -np.inf)
    long[[17, 4000]] = 0.0, -300.0
    assert fastsoftmax.log_softmax(long)[17] == pytest.approx(-math.exp(-300), rel=1e-12)
    for depth in (50, 70, 85):  # weights that a block relative to the maximum would flush to 0 make a tail too
        row = np.array([0.0] + [-depth] * 2999, np.float32)
        assert fastsoftmax.log_softmax(row)[0] == pytest.approx(-2999 * math.exp(-depth), rel=4 * 2**-24)
        assert fastsoftmax.logsumexp(row) == -fastsoftmax.log_softmax(row)[0]


@pytest.mark.parametrize("axis", [-1, 0, 1, (0, 2), (2, 0), (0, 1, 2), None, ()])
def test_axes_are_scipys(axis):
    exact = BATCH.astype(float)
    for name in ("softmax", "log_softmax"):
        ours, theirs = getattr(fastsoftmax, name), getattr(scipy.special, name)
        np.testing.assert_allclose(ours(BATCH, axis=axis), theirs(exact, axis=axis), rtol=1e-6)
    for keepdims in (False, True):
        ours = fastsoftmax.logsumexp(BATCH, axis=axis, keepdims=keepdims)
        theirs = scipy.special.logsumexp(exact, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        assert np.shape(ours) == np.shape(theirs)


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (2, 0, 3), (1, 1)])
def test_empty_batches_and_rows(shape):
    zeros = np.zeros(shape, np.float32)
    assert fastsoftmax.softmax(zeros).shape == shape
    assert fastsoftmax.log_softmax(zeros).shape == shape
    assert fastsoftmax.logsumexp(zeros).shape == shape[:-1]


@pytest.mark.parametrize("zero", [-0.0, np.float32(-0.0), [-0.0]])
def test_a_temperature_of_minus_zero(zero):
    logits = [[1.0, 3.0, 2.0]]
    assert fastsoftmax.logsumexp(logits, temperature=zero).tolist() == [INF]
    assert fastsoftmax.logsumexp(logits, temperature=0.0).tolist() == [INF]
    assert fastsoftmax.softmax(logits, temperature=zero).tolist() == [[0.0, 1.0, 0.0]]


def test_zero_dimensions():
    assert fastsoftmax.softmax(3.0, axis=None) == 1.0
    assert fastsoftmax.logsumexp(3.0, axis=None) == 3.0


def test_temperature_a_row():
    temperatures = np.array([[0.5], [1.0], [0.0]])  # broadcasts against the batch shape (3, 4)
    result = fastsoftmax.softmax(BATCH, temperature=temperatures)
    for i, temperature in enumerate(temperatures[:, 0]):
        np.testing.assert_array_equal(result[i], fastsoftmax.softmax(BATCH[i], temperature=temperature))
    along_first = fastsoftmax.softmax(BATCH, axis=0, temperature=np.full((4, 5), 2.0))
    np.testing.assert_array_equal(along_first, fastsoftmax.softmax(BATCH, axis=0, temperature=2.0))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_where_is_a_mask(dtype):
    where = np.array([True, False, True, True, False])
    batch = BATCH.astype(dtype)
    hidden = batch.copy()
    hidden[..., ~where] = np.nan  # what is left out may be anything
    result = fastsoftmax.softmax(hidden, where=where)
    np.testing.assert_array_equal(result[..., where], fastsoftmax.softmax(np.ascontiguousarray(batch[..., where])))
    assert not result[..., ~where].any()
    assert np.isneginf(fastsoftmax.log_softmax(hidden, where=where)[..., ~where].astype(float)).all()
    assert np.isnan(fastsoftmax.softmax(batch, where=False).astype(float)).all()
    assert np.isneginf(fastsoftmax.logsumexp(batch, where=False).astype(float)).all()


@pytest.mark.parametrize("given", [np.float16, BFLOAT16, np.float32, np.float64, np.int32, np.uint8, np.bool_])
@pytest.mark.parametrize("wanted", [None, np.float16, BFLOAT16, np.float32, np.float64])
def test_dtype_of_the_result(given, wanted):
    logits = np.array([1, 0, 1, 1], given)
    expected = wanted or (np.float64 if np.dtype(given).kind in "iub" else given)
    result = fastsoftmax.softmax(logits, dtype=wanted)
    assert result.dtype == expected
    exact = fastsoftmax.softmax(logits.astype(np.float64))
    np.testing.assert_allclose(result.astype(float), exact, rtol=2 * float(ml_dtypes.finfo(result.dtype).eps))


def test_out_is_written_and_returned():
    for axis in (-1, 0, None):
        for out in (np.empty_like(BATCH), np.empty(BATCH.shape, np.float64), np.empty((5, 4, 3), np.float16).T):
            assert fastsoftmax.softmax(BATCH, axis=axis, out=out) is out
            np.testing.assert_allclose(out, fastsoftmax.softmax(BATCH, axis=axis), rtol=2e-3, atol=1e-7)


@pytest.mark.parametrize("function", [fastsoftmax.softmax, fastsoftmax.log_softmax])
@pytest.mark.parametrize("axis", [-1, 0])
def test_in_place_and_overlapping_out(function, axis):
    expected = function(BATCH, axis=axis)
    same = BATCH.copy()
    np.testing.assert_array_equal(function(same, axis=axis, out=same), expected)
    memory = np.zeros((4, 4, 5), np.float32)
    memory[:3] = BATCH
    np.testing.assert_array_equal(function(memory[:3], axis=axis, out=memory[1:]), expected)
    narrow = np.zeros((2, *BATCH.shape), np.float32)  # logits and wider results begin at one address
    narrow[0] = BATCH
    wide = narrow.reshape(-1).view(np.float64).reshape(BATCH.shape)
    exact = function(BATCH, axis=axis, dtype=np.float64)
    np.testing.assert_array_equal(function(narrow[0], axis=axis, out=wide), exact)


def test_views_are_read_where_they_are():
    wide = np.random.default_rng(1).standard_normal((6, 40)).astype(np.float32)
    wide.flags.writeable = False
    for view in (wide[::2], wide[:, ::3], wide[::-1, ::-1], wide.T, wide[:, 5:17], wide.astype(">f4")):
        expected = fastsoftmax.softmax(np.ascontiguousarray(view).astype(np.float32))
        np.testing.assert_array_equal(fastsoftmax.softmax(view), expected)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_the_same_bits_for_any_threads_and_any_split(dtype):
    batch = (np.random.default_rng(2).standard_normal((300, 3001)) * 5).astype(dtype)
    alone = np.stack([fastsoftmax.softmax(row) for row in batch[:7]])
    before = fastsoftmax.get_num_threads()
    try:
        results = []
        for n in (1, 2, 3):
            fastsoftmax.set_num_threads(n)
            results.append(fastsoftmax.softmax(batch))
    finally:
        fastsoftmax.set_num_threads(before)
    assert alone.tobytes() == results[0][:7].tobytes()
    assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


def test_torch_tensors(threads):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensor = torch.tensor(BATCH, requires_grad=True)
    np.testing.assert_array_equal(fastsoftmax.softmax(tensor), fastsoftmax.softmax(BATCH))
    half = torch.tensor(BATCH).to(torch.bfloat16)
    result = fastsoftmax.softmax(half)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, fastsoftmax.softmax(half.float().numpy()))
    out = torch.empty_like(half)
    assert fastsoftmax.softmax(half, out=out) is out
    np.testing.assert_allclose(out.float().numpy(), result, rtol=2**-8)
    with pytest.raises(TypeError, match="logits is on meta, expected a CPU tensor"):
        fastsoftmax.softmax(torch.empty(3, device="meta"))


def test_torch_tensors_that_numpy_has_no_words_for():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    for temperature in (torch.tensor(2.0, requires_grad=True), torch.tensor(2.0, dtype=torch.bfloat16)):
        np.testing.assert_array_equal(
            fastsoftmax.softmax(BATCH, temperature=temperature), fastsoftmax.softmax(BATCH, temperature=2.0)
        )
    for bad in (torch.eye(3).to_sparse(), torch.zeros(3, dtype=torch.float8_e4m3fn)):
        with pytest.raises(TypeError, match=r"logits is a tensor of torch\.float.*, expected a dense one of a dtype"):
            fastsoftmax.softmax(bad)
    negative = torch.tensor([1 + 2j, 3 - 1j]).conj().imag  # a view whose sign is changed when it is read
    for kind in (torch.float32, torch.bfloat16):
        found = fastsoftmax.softmax(negative.to(kind) if kind is torch.bfloat16 else negative)
        np.testing.assert_array_equal(found, fastsoftmax.softmax(np.float32([-2.0, 1.0])))


def test_lists_of_tensors_are_what_each_tensor_is():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    expected = fastsoftmax.softmax(BATCH[0])
    for kind in (torch.float32, torch.bfloat16):
        rows = torch.tensor(BATCH[0]).to(kind).requires_grad_()
        given = fastsoftmax.softmax(rows)
        np.testing.assert_array_equal(fastsoftmax.softmax([*rows]), given)
        np.testing.assert_array_equal(fastsoftmax.softmax([[*row] for row in rows]), given)
        if kind is torch.float32:
            np.testing.assert_array_equal(given, expected)


def test_what_torch_refuses_to_write_to():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    logits, saved = torch.tensor([1.0, 2.0, 3.0]), x.exp()  # exp saves its result
    with pytest.raises(TypeError, match=r"out requires gradients, expected a tensor that does not"):
        fastsoftmax.softmax(logits, out=saved)
    with torch.no_grad():
        assert fastsoftmax.softmax(logits, out=saved) is saved
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        saved.sum().backward()
    factor = torch.ones(3)
    product = (x * factor).sum()
    fastsoftmax.softmax(logits, out=factor)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()
    with torch.inference_mode():
        inference = torch.zeros(3)
        fastsoftmax.softmax(logits, out=inference)
    with pytest.raises(TypeError, match="out is an inference tensor"):
        fastsoftmax.softmax(logits, out=inference)
    with pytest.raises(ValueError, match=r"out has strides \(0,\), expected a place of its own for each entry"):
        fastsoftmax.softmax(logits, out=torch.zeros(1).expand(3))
    with pytest.raises(TypeError, match="out is a view of a tensor with its sign changed"):
        fastsoftmax.softmax(logits, out=torch.zeros(3, dtype=torch.complex64).conj().imag)
    tokens = torch.zeros(2, dtype=torch.int64)
    assert fastsoftmax.sample(logits, seed=1, n=2, out=tokens) is tokens
    assert tokens.tolist() == fastsoftmax.sample(logits, seed=1, n=2).tolist()
    with pytest.raises(TypeError, match="expected an int64 array"):
        fastsoftmax.sample(logits, seed=1, out=torch.zeros((), dtype=torch.int32))


def test_dtypes_of_torch_are_none_of_numpy():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    with pytest.raises(TypeError, match=r"dtype is torch\.float32, expected float16"):
        fastsoftmax.softmax(BATCH, dtype=torch.float32)


@pytest.mark.parametrize("temperature", [ml_dtypes.bfloat16(2), ml_dtypes.float8_e5m2(2), np.float16(2), 2])
def test_numbers_of_any_dtype(temperature):
    np.testing.assert_array_equal(
        fastsoftmax.softmax(BATCH, temperature=temperature), fastsoftmax.softmax(BATCH, temperature=2.0)
    )


def test_large_python_integers_are_numbers():
    np.testing.assert_array_equal(
        fastsoftmax.softmax(BATCH, temperature=10**20), fastsoftmax.softmax(BATCH, temperature=1e20)
    )


def test_parameters_of_an_empty_batch_are_checked():
    with pytest.raises(ValueError, match=r"temperature\[0\] is -1.0, expected a number >= 0"):
        fastsoftmax.softmax(np.zeros((0, 3)), temperature=[-1.0])


class OnlyDlpack:
    """An array that speaks nothing but DLPack."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)


def test_dlpack():
    np.testing.assert_array_equal(fastsoftmax.softmax(OnlyDlpack(BATCH)), fastsoftmax.softmax(BATCH))
    with pytest.raises(TypeError, match=r"logits is on DLPack device \(2, 1\), expected an array on the CPU"):
        fastsoftmax.softmax(OnlyDlpack(BATCH, (2, 1)))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": -0.5}, ValueError, "temperature is -0.5, expected a number >= 0"),
        ({"temperature": NAN}, ValueError, "temperature is nan, expected a number >= 0"),
        ({"temperature": [1.0, 1.0, -2.0, 1.0]}, ValueError, r"temperature\[2\] is -2.0, expected a number >= 0"),
        ({"temperature": [1.0, 2.0]}, ValueError, r"temperature has shape \(2,\), expected a scalar or a shape that"),
        ({"temperature": "hot"}, TypeError, "temperature is 'hot' .*, expected a number >= 0"),
        ({"temperature": True}, TypeError, "temperature is True"),
        ({"temperature": [1.0, [2.0]]}, ValueError, "temperature is ragged, expected rows of one length"),
        ({"where": [[True], [True, False]]}, ValueError, "where is ragged, expected rows of one length"),
        ({"axis": True}, TypeError, "axis is True, expected an integer, a tuple of integers or None"),
        ({"dtype": "foo"}, TypeError, "dtype is 'foo', expected float16, bfloat16, float32 or float64"),
        ({"axis": 3}, ValueError, r"axis is 3, expected an integer in \[-3, 2\]"),
        ({"axis": (0, -3)}, ValueError, r"axis is \(0, -3\), expected no axis twice"),
        ({"axis": 0.5}, TypeError, "axis is 0.5, expected an integer, a tuple of integers or None"),
        ({"where": [1, 0, 1, 1, 1]}, TypeError, "where has dtype int64, expected bool"),
        ({"where": [True, False]}, ValueError, r"where has shape \(2,\), expected one that broadcasts"),
        ({"out": np.empty((3, 4))}, ValueError, r"out has shape \(3, 4\), expected \(3, 4, 5\)"),
        ({"out": np.empty((3, 4, 5), int)}, TypeError, "out has dtype int64, expected float16, bfloat16"),
        ({"out": np.broadcast_to(0.0, (3, 4, 5))}, ValueError, "out is read-only, expected a writable array"),
        ({"out": np.empty((3, 4, 5), ">f4")}, TypeError, "out has dtype >f4 in foreign byte order"),
        ({"out": [[1.0]]}, TypeError, r"out is \[\[1.0\]\], expected an array"),
        ({"dtype": int}, TypeError, "dtype is int64, expected float16, bfloat16, float32 or float64"),
        ({"dtype": "f8", "out": np.empty((3, 4, 5), "f4")}, TypeError, "dtype is float64 but out has float32"),
    ],
)
def test_bad_arguments(arguments, error, message):
    out = arguments.get("out")
    before = np.array(out, copy=True) if isinstance(out, np.ndarray) else None
    with pytest.raises(error, match=message):
        fastsoftmax.softmax(BATCH, **arguments)
    if before is not None:
        np.testing.assert_array_equal(out, before)


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        (np.ones(3, complex), TypeError, "logits has dtype complex128, expected float16"),
        (np.ones(3, np.longdouble), TypeError, "logits has dtype float128|longdouble, expected float16"),
        (np.ones(3, ml_dtypes.float8_e4m3fn), TypeError, "logits has dtype float8_e4m3fn, expected float16"),
        (["a", "b"], TypeError, "logits has dtype <U1, expected float16"),
        ([None, 1], TypeError, "logits has dtype object, expected float16"),
        ([[1, 2], [3]], ValueError, "logits is ragged, expected rows of one length"),
    ],
)
def test_bad_logits(logits, error, message):
    with pytest.raises(error, match=message):
        fastsoftmax.softmax(logits)


@pytest.mark.parametrize("axis", [None, -1, 0])
def test_scalars_give_scalars(axis):
    for one in (2.0, np.float32(2), np.array(2.0), 3):
        for function, expected in ((fastsoftmax.softmax, 1.0), (fastsoftmax.log_softmax, 0.0)):
            found = function(one, axis=axis)
            assert isinstance(found, np.floating)
            assert found == expected
    out = np.zeros(())
    assert fastsoftmax.softmax(2.0, axis=None, out=out) is out
    with pytest.raises(np.exceptions.AxisError, match="axis is 1, expected None, 0 or -1"):
        fastsoftmax.softmax(3.0, axis=1)


# SciPy's axis is None unless it is given; a process of its own, since pytest does not know the marks of its tests.
SCIPY = """
import functools, inspect, sys
import numpy as np
import fastsoftmax
try:
    from scipy.special.tests import test_logsumexp as theirs
    kinds = {"softmax": theirs.TestSoftmax, "log_softmax": theirs.TestLogSoftmax}
except (ImportError, AttributeError) as error:
    sys.exit(f"not there: {error}")
tried = 0
for name, kind in kinds.items():
    setattr(theirs, name, functools.partial(getattr(fastsoftmax, name), axis=None))
    for test in (getattr(kind(), one) for one in dir(kind) if one.startswith("test_")):
        words = set(inspect.signature(test).parameters)
        if words <= {"xp"}:
            test(**dict.fromkeys(words, np))
            tried += 1
print(tried)
"""


@pytest.mark.slow
def test_the_tests_of_scipy_pass():
    done = subprocess.run([sys.executable, "-c", SCIPY], text=True, capture_output=True)
    if "not there" in done.stderr:
        pytest.skip(f"SciPy without such tests: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10


def test_temperatures_and_batch_broadcast_to_each_other():
    row = np.float32([3, 2, 1, 4])
    assert fastsoftmax.softmax([3, 2, 1, 4], temperature=[1, 5]).shape == (2, 4)
    for function in (fastsoftmax.softmax, fastsoftmax.log_softmax, fastsoftmax.logsumexp):
        expected = np.stack([function(row, temperature=t) for t in (1.0, 5.0, 0.0)])
        np.testing.assert_array_equal(function(row, temperature=[1, 5, 0]), expected)
        np.testing.assert_array_equal(function(row[:, None], axis=0, temperature=[[1], [5], [0]]).squeeze(), expected)
        batch = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
        ts = np.array([0.5, 2.0, 1.0, 7.0]).reshape(4, 1, 1)
        for axis in (0, 1, 2, -2):
            found = function(batch, axis=axis, temperature=ts)
            for i, t in enumerate(ts.ravel()):
                np.testing.assert_array_equal(found[i], function(batch, axis=axis, temperature=t))
        assert function(batch[:1], temperature=np.ones((3, 1))).shape[0] == 3
    with pytest.raises(ValueError, match=r"temperature has shape \(2,\), expected a scalar or a shape that broadcasts"):
        fastsoftmax.softmax(np.zeros((3, 4)), temperature=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"out has shape \(4,\), expected \(2, 4\)"):
        fastsoftmax.softmax(row, temperature=[1, 5], out=np.zeros(4))
    with pytest.raises(TypeError, match="logits is a mapping, expected an array: take its values, or see"):
        fastsoftmax.softmax({"a": 1.0})


def test_what_dlpack_does_not_give_is_said():
    class Tensor:
        def __dlpack_device__(self):
            return 1, 0

        def __dlpack__(self, **options):
            raise BufferError("Can't export tensors that require gradient")

    with pytest.raises(TypeError, match=r"logits cannot be read by DLPack: Can't export tensors that require gradient"):
        fastsoftmax.softmax(Tensor())
