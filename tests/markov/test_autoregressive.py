"""Chains of autoregressive processes: against normal tails at 50 digits, moments that are exact, and QuantEcon."""

import math
import warnings

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastsoftmax import MarkovChain

scipy_sparse = pytest.importorskip("scipy.sparse", reason="the analysis needs SciPy")

PROCESSES = [
    {"n": n, "rho": rho, "sigma": sigma, "mu": mu}
    for n in (2, 3, 8, 12)
    for rho, sigma, mu in ((0.0, 1.0, 0.0), (0.9, 0.2, 1.0), (-0.6, 3.0, -2.0), (0.999, 1e-3, 0.0))
]


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mpmath.workdps(50):
        yield


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: str([*process.values()]))
def test_tauchen_is_that_of_fifty_digits(process):
    mpmath.mp.dps = 330  # tails are differences of numbers near to 2
    chain, values = MarkovChain.tauchen(**process)
    n, rho, sigma, mu = (mpmath.mpf(number) for number in process.values())
    deviation = sigma / mpmath.sqrt(1 - rho**2)
    grid = [3 * deviation * (2 * i / (n - 1) - 1) for i in range(int(n))]
    np.testing.assert_allclose(values, [float(y + mu / (1 - rho)) for y in grid], rtol=1e-13, atol=1e-14)
    found, half = chain.to_sparse().toarray(), (grid[1] - grid[0]) / 2
    for i, y in enumerate(grid):
        for j, goal in enumerate(grid):
            below = -mpmath.inf if j == 0 else (goal - rho * y - half) / sigma
            above = mpmath.inf if j == n - 1 else (goal - rho * y + half) / sigma
            # erfc of float64 arguments: relative roundings grow with the square of the argument
            share = (mpmath.erfc(below / mpmath.sqrt(2)) - mpmath.erfc(above / mpmath.sqrt(2))) / 2
            largest = max(abs(z) for z in (below, above) if abs(z) != mpmath.inf) ** 2
            assert found[i, j] == pytest.approx(float(share), rel=1e-14 * (10 + 4 * float(largest)), abs=1e-290)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: str([*process.values()]))
def test_rouwenhorst_has_the_moments_of_the_process(process):
    chain, values = MarkovChain.rouwenhorst(**process)
    n, rho, sigma, mu = process.values()
    mean, variance = mu / (1 - rho), sigma**2 / (1 - rho**2)
    shares = chain.stationary().array
    binomial = [math.comb(n - 1, k) / 2 ** (n - 1) for k in range(n)]
    np.testing.assert_allclose(shares, binomial, rtol=1e-10)
    assert values @ shares == pytest.approx(mean, abs=1e-12 * (1 + abs(mean) + math.sqrt(variance)))
    covariances = chain.time_correlations(values - mean, 4)
    np.testing.assert_allclose(covariances, variance * rho ** np.arange(5), rtol=1e-9, atol=1e-12 * variance)
    means = chain.to_sparse() @ values
    np.testing.assert_allclose(means, mu + rho * values, rtol=1e-12, atol=1e-12 * max(abs(values)))


@given(st.integers(2, 9), st.floats(-0.99, 0.99))
def test_rouwenhorst_is_its_recursion(n, rho):
    stays = mpmath.mpf((1 + mpmath.mpf(rho)) / 2)
    matrix = [[stays, 1 - stays], [1 - stays, stays]]
    for size in range(3, n + 1):
        larger = mpmath.zeros(size)
        for i in range(size - 1):
            for j in range(size - 1):
                larger[i, j] += stays * matrix[i][j]
                larger[i, j + 1] += (1 - stays) * matrix[i][j]
                larger[i + 1, j] += (1 - stays) * matrix[i][j]
                larger[i + 1, j + 1] += stays * matrix[i][j]
        inner = range(1, size - 1)
        matrix = [[larger[i, j] / (2 if i in inner else 1) for j in range(size)] for i in range(size)]
    expected = [[float(entry) for entry in row] for row in matrix]
    found, _ = MarkovChain.rouwenhorst(n, rho, 1.0)
    np.testing.assert_allclose(found.to_sparse().toarray(), expected, rtol=1e-12)


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: str([*process.values()]))
def test_against_quantecon(process):
    quantecon = pytest.importorskip("quantecon", reason="needs QuantEcon")
    for name, words in (("tauchen", {}), ("tauchen", {"n_std": 2}), ("rouwenhorst", {})):
        chain, values = getattr(MarkovChain, name)(**process, **words)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that its arguments were once in another order
            peer = getattr(quantecon.markov, name)(**process, **words)
        np.testing.assert_allclose(chain.to_sparse().toarray(), peer.P, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(values, peer.state_values, rtol=1e-12, atol=1e-12)


def test_paths():
    chain, values = MarkovChain.tauchen(9, rho=0.8, sigma=0.5, mu=1.0)
    assert chain.states == [*range(9)]
    paths = values[chain.walk(20_000, 30, seed=1).ids][:, 10:]
    assert paths.mean() == pytest.approx(5, abs=0.03)
    assert paths.var() == pytest.approx((values - 5) ** 2 @ chain.stationary().array, rel=0.03)
    cold = chain.walk(length=5, start=0, temperature=0)[0]
    assert cold == sorted(cold)
    halves, _ = MarkovChain.rouwenhorst(3, 0.5, 1.0)
    assert halves.transitions.counts.dtype == np.int64  # of sixteenths nothing is rounded
    far, _ = MarkovChain.tauchen(3, 0.0, 1.0, n_std=1e50)
    assert far.to_sparse().toarray().tolist() == [[0, 1, 0]] * 3
    assert np.isfinite(MarkovChain.tauchen(3, 0.5, 1e100, 1e100, 1e100)[1]).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"n": 1}, r"n is 1, expected an integer in \[2, 2000\]"),
        ({"n": 2001}, r"n is 2001, expected an integer in \[2, 2000\]"),
        ({"rho": 1}, r"rho is 1.0, expected a number in \(-1, 1\)"),
        ({"rho": math.nan}, r"rho is nan, expected a number in \(-1, 1\)"),
        ({"sigma": 0}, r"sigma is 0.0, expected a number in \(0, 1e\+100\]"),
        ({"mu": math.inf}, r"mu is inf, expected a number in \[-1e\+100, 1e\+100\]"),
        ({"n_std": -3}, r"n_std is -3.0, expected a number in \(0, 1e\+100\]"),
    ],
)
def test_refuses(words, message):
    for name in ("tauchen", "rouwenhorst"):
        if name == "tauchen" or "n_std" not in words:
            with pytest.raises(ValueError, match=message):
                getattr(MarkovChain, name)(**{"n": 3, "rho": 0.5, "sigma": 1.0, **words})
