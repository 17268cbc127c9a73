"""Library and reference agree: value by value, token by token."""

import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fastsoftmax
import reference
from reference.__main__ import PRECISION, Parameters, check_masses, check_tokens, ulps
from tests.cases import DTYPES, FRACTIONS, TEMPERATURES, TOP_KS, floats, rows

relaxed = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(rows(), TEMPERATURES)
def test_softmax(row: np.ndarray, temperature: float) -> None:
    precision = PRECISION[row.dtype.name]
    ours = fastsoftmax.softmax(row, temperature=temperature)
    assert ours.dtype == row.dtype
    assert ulps(reference.softmax(floats(row), temperature), floats(ours), precision) <= precision.ulps


@relaxed
@given(rows(), TEMPERATURES)
def test_log_softmax(row: np.ndarray, temperature: float) -> None:
    ours = floats(fastsoftmax.log_softmax(row, temperature=temperature))
    unit = 2.0 ** (1 - PRECISION[row.dtype.name].bits)
    smallest = PRECISION[row.dtype.name].smallest * 2 * unit  # subnormals
    largest = float(np.finfo(row.dtype).max) if row.dtype.kind == "f" else 3.3e38
    for expected, computed in zip(reference.log_softmax(floats(row), temperature), ours, strict=True):
        if abs(expected) > largest * (1 - unit):
            assert computed == -math.inf or computed <= -largest * (1 - 4 * unit)
        else:
            assert computed == pytest.approx(expected, rel=4 * unit, abs=smallest)


@relaxed
@given(rows(), TEMPERATURES)
def test_logsumexp(row: np.ndarray, temperature: float) -> None:
    ours = float(fastsoftmax.logsumexp(row, temperature=temperature))
    expected = reference.logsumexp(floats(row), temperature)
    unit = 2.0 ** (1 - PRECISION[row.dtype.name].bits)
    if math.isinf(ours) and not math.isinf(expected):  # beyond the largest number of the dtype
        assert abs(expected) >= float(np.finfo(row.dtype).max if row.dtype.kind == "f" else 3.38e38)
    else:
        # The result is max / T plus a term in [0, log V], which may cancel: exact to the larger of the two.
        assert ours == pytest.approx(expected, rel=4 * unit, abs=16 * unit)


@relaxed
@given(rows(), TEMPERATURES, TOP_KS, FRACTIONS, FRACTIONS, st.integers(0, 2**64 - 1))
def test_probabilities_and_sample(
    row: np.ndarray, temperature: float, top_k: int, top_p: float, min_p: float, seed: int
) -> None:
    parameters = Parameters(temperature, top_k, top_p, min_p)
    words = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    precision = PRECISION[row.dtype.name]
    logits = tuple(floats(row))

    masses = fastsoftmax.probabilities(row, **words)
    error, _ = check_masses(logits, parameters, floats(masses), precision)
    assert error <= precision.masses + 2.0**-precision.bits

    tokens = fastsoftmax.sample(row, **words, n=20, seed=seed)
    different, _ = check_tokens(logits, parameters, seed, tokens.tolist(), precision)
    assert different == 0
    assert not np.isneginf(row[tokens].astype(np.float64)).any()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_what_falls_inside_the_boundary_is_rare(
    dtype: np.dtype, record_property: Callable[[str, object], None]
) -> None:
    """The tolerance is for the one draw in a million, not a place to hide: count it over many draws."""
    rng = np.random.default_rng(5)
    counts: Counter[str] = Counter()
    for case in range(12):
        row = (rng.standard_normal(3000) * 3).astype(dtype)
        parameters = Parameters(0.8, [0, 40, 1000][case % 3], [1.0, 0.9][case % 2], [0.0, 0.02][case // 6])
        tokens = fastsoftmax.sample(
            row,
            temperature=parameters.temperature,
            top_k=parameters.top_k,
            top_p=parameters.top_p,
            min_p=parameters.min_p,
            n=500,
            seed=case,
        )
        different, inside = check_tokens(tuple(floats(row)), parameters, case, tokens.tolist(), PRECISION[dtype.name])
        counts.update(different=different, inside=inside, draws=500)
    record_property("inside", counts["inside"])
    assert counts["different"] == 0
    assert counts["inside"] <= 3, counts


def test_a_large_batch() -> None:
    """The size of a real vocabulary: rows of a (64, 128256) batch, softmax value by value, sample token by token."""
    rng = np.random.default_rng(11)
    batch = (rng.standard_normal((64, 128256)) * 2.5).astype(np.float32)
    words = {"temperature": 0.8, "top_k": 50, "top_p": 0.9, "min_p": 0.02}
    softmaxes = fastsoftmax.softmax(batch)
    tokens = fastsoftmax.sample(batch, **words, seed=np.arange(64), n=3)
    for i in (0, 63):
        precision = PRECISION["float32"]
        logits = floats(batch[i])
        assert ulps(reference.softmax(logits), floats(softmaxes[i]), precision) <= precision.ulps
        different, _ = check_tokens(tuple(logits), Parameters(0.8, 50, 0.9, 0.02), i, tokens[i].tolist(), precision)
        assert different == 0
