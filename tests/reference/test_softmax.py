"""The reference's softmax family against published values, limits and exact arithmetic."""

import math
import random

import pytest

from reference import log_softmax, logsumexp, softmax

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("logits", "temperature", "expected"),
    [
        ([0, -INF, 0], 1, [0.5, 0, 0.5]),
        ([1, INF, -INF, INF], 1, [0, 0.5, 0, 0.5]),
        ([1, INF, -INF, INF], 0, [0, 0.5, 0, 0.5]),
        ([1, INF, -INF, INF], INF, [0, 0.5, 0, 0.5]),
        ([2, 1, 2, -INF], 0, [0.5, 0, 0.5, 0]),
        ([2, 1, -1e308, -INF], INF, [1 / 3, 1 / 3, 1 / 3, 0]),
        ([1e308, -1e308], 1e-320, [1, 0]),
        ([5e-324, 0], 5e-324, [1 / (1 + math.exp(-1)), 1 / (1 + math.e)]),
        ([0.0, -0.0], 0, [0.5, 0.5]),
        ([7], 0.3, [1]),
        ([], 1, []),
        ([-INF, -INF], 1, [NAN, NAN]),
        ([-INF, -INF], 0, [NAN, NAN]),
        ([1, NAN, INF], 1, [NAN, NAN, NAN]),
    ],
)
def test_softmax_limits(logits, temperature, expected):
    result = softmax(logits, temperature)
    assert result == pytest.approx(expected, rel=1e-15, abs=0, nan_ok=True)
    logarithms = log_softmax(logits, temperature)
    for z, p, log_p in zip(logits, result, logarithms, strict=True):
        assert math.isnan(log_p) == math.isnan(p)
        if p > 0:
            assert log_p == pytest.approx(math.log(p), abs=1e-15)
        if z == -INF and not math.isnan(p):
            assert log_p == -INF


def test_huge_logits_and_temperatures():
    assert softmax([1.7e308, -1.7e308], 1.7e308) == pytest.approx(softmax([1, -1]), rel=1e-15)
    assert log_softmax([1.7e308, -1.7e308], 1.7e308) == pytest.approx(log_softmax([1, -1]), rel=1e-15)
    assert log_softmax([1e308, -1e308]) == [0, -INF]
    assert softmax([1e300, 3e300], 1e300) == pytest.approx(softmax([1, 3]), rel=1e-15)
    assert softmax([1e-310, 3e-310], 1e-310) == pytest.approx(softmax([1, 3]), rel=1e-12)


@pytest.mark.parametrize(
    ("logits", "temperature", "expected"),
    [
        ([], 1, -INF),
        ([-INF], 0.5, -INF),
        ([1, INF], 1, INF),
        ([1, NAN], 1, NAN),
        ([2, 2], 0, INF),
        ([-2, -3], 0, -INF),
        ([0, -1, 0.0, -0.0], 0, math.log(3)),
        ([5, -7, -INF], INF, math.log(2)),
        ([0, 0], 1e-320, math.log(2)),
        ([1], 1e-320, INF),
        ([1e308, 1e308], 1e308, 1 + math.log(2)),
    ],
)
def test_logsumexp_limits(logits, temperature, expected):
    assert logsumexp(logits, temperature) == pytest.approx(expected, rel=1e-15, nan_ok=True)


def test_log_softmax_keeps_the_tail_of_the_maximum():
    assert log_softmax([0, -50])[0] == pytest.approx(-math.exp(-50), rel=1e-15)
    assert log_softmax([0, -5000]) == [0, -5000]


@pytest.mark.parametrize("function", [softmax, log_softmax, logsumexp])
@pytest.mark.parametrize("temperature", [-0.5, NAN])
def test_softmax_refuses_a_temperature(function, temperature):
    with pytest.raises(ValueError, match=r"temperature is .*, expected a number >= 0"):
        function([1.0], temperature)


@pytest.mark.parametrize("scale", [1e-3, 1, 30, 1e4, 1e8, 1e308])
@pytest.mark.parametrize("temperature", [1.0, 0.7, 1e-3, 1.95, 1e300])
def test_accuracy(scale, temperature):
    """Nearly rounded right, so that the library can be held to 4 ulp."""
    mpmath = pytest.importorskip("mpmath")
    rng = random.Random(f"{scale} {temperature}")
    logits = [scale * rng.uniform(-1, 1) for _ in range(20)]
    # Whatever the scale, half the exponents reach down to where exp underflows.
    logits += [max(max(logits) - temperature * rng.uniform(0, 760), -1.7e308) for _ in range(20)]
    with mpmath.workprec(2400):
        maximum = max(logits)
        exponents = [(mpmath.mpf(z) - mpmath.mpf(maximum)) / mpmath.mpf(temperature) for z in logits]
        total = mpmath.fsum(mpmath.exp(e) for e in exponents)
        for p, log_p, e in zip(softmax(logits, temperature), log_softmax(logits, temperature), exponents, strict=True):
            exact = mpmath.exp(e) / total
            assert float(abs(p - exact) / math.ulp(float(exact))) <= 0.6
            logarithm = e - mpmath.log(total)
            if abs(logarithm) < 1e308:
                assert float(abs(log_p - logarithm) / math.ulp(float(logarithm))) <= 2
