"""The values that the teaching material prints, by library and reference."""

import math

import numpy as np
import pytest

import fastsoftmax
import reference
from tests.cases import DTYPES, KNOWN


@pytest.mark.parametrize(("logits", "temperature", "expected", "decimals", "cut"), KNOWN)
def test_probabilities(logits, temperature, expected, decimals, cut):
    for result in (
        fastsoftmax.softmax(logits, temperature=temperature).tolist(),
        reference.softmax([float(z) for z in logits], temperature),
        fastsoftmax.probabilities(logits, temperature=temperature).tolist(),
    ):
        unit = 10.0**-decimals
        printed = [math.floor(p / unit) * unit if cut else p for p in result]
        assert printed == pytest.approx(expected, abs=unit * (1e-6 if cut else 0.5))


@pytest.mark.parametrize(("temperature", "expected"), [(1.0, 84.791024884), (5.0, 6.760887185)])
def test_sum_of_exponentials(temperature, expected):
    assert math.exp(fastsoftmax.logsumexp([3, 2, 1, 4], temperature=temperature)) == pytest.approx(expected, abs=5e-10)
    assert math.exp(reference.logsumexp([3.0, 2.0, 1.0, 4.0], temperature)) == pytest.approx(expected, abs=5e-10)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_every_dtype_prints_the_same(dtype):
    result = fastsoftmax.softmax(np.array([3, 2, 1, 4], dtype))
    assert result.dtype == dtype
    assert result.astype(float) == pytest.approx([0.2369, 0.0871, 0.0321, 0.6439], abs=3e-3)
