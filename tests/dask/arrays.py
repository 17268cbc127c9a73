"""Arrays in chunks, and whether what is computed of them is what comes out without Dask."""

import dataclasses
import importlib

import numpy as np
import pytest
from hypothesis import strategies as st

import fastsoftmax as fs

dask = pytest.importorskip("dask", reason="dask is not installed")  # which skips the files that import this one
da = pytest.importorskip("dask.array", reason="dask.array is not installed")
lazy = importlib.import_module("fastsoftmax.dask")


@st.composite
def splits(draw, shape):
    """Draw the sizes of chunks along each axis, empty ones among them."""
    sizes = []
    for n in shape:
        cuts = sorted(draw(st.lists(st.integers(0, n), max_size=3)))
        sizes.append(tuple(np.diff([0, *cuts, n]).tolist()))
    return tuple(sizes)


def assert_same(result, expected):
    """Assert that a lazy result has the values, shapes and dtypes of another, and tells them ahead."""
    assert_told(result, expected)
    assert_equal(dask.compute(result, scheduler="synchronous")[0], expected)


def assert_told(result, expected):
    """Assert that shapes and dtypes are those of the result before anything is computed."""
    if isinstance(expected, fs.Details):
        for field in dataclasses.fields(expected):
            assert_told(getattr(result, field.name), getattr(expected, field.name))
    elif isinstance(expected, tuple):
        assert type(result) is type(expected)
        for one, other in zip(result, expected, strict=True):
            assert_told(one, other)
    elif isinstance(expected, fs.State):
        assert result.shape == ()
    elif expected is None:
        assert result is None
    else:
        shape = tuple(
            n if not np.isnan(told) else told for n, told in zip(np.shape(expected), result.shape, strict=True)
        )
        assert str(result.shape) == str(shape)
        assert result.dtype == result._meta.dtype == expected.dtype
        assert result._meta.ndim == result.ndim


def assert_equal(found, expected):
    """Assert that results are the same, bit for bit."""
    if isinstance(expected, fs.Details):
        assert type(found) is fs.Details
        for field in dataclasses.fields(expected):
            assert_equal(getattr(found, field.name), getattr(expected, field.name))
    elif isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, fs.State) or expected is None:
        assert found == expected
    else:
        assert np.shape(found) == np.shape(expected)
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()
