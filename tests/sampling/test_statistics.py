"""The statistical gates with few draws, and that they fail where they should."""

import numpy as np
import pytest
from scipy import stats

from tests.long import draws

pytestmark = pytest.mark.slow


def test_the_gates():
    found = draws.tests(300_000, lambda done: None)
    assert len(found) > 30
    assert not draws.verdict(found)


@pytest.mark.parametrize(("squared", "p"), [(1.2482, 0.25), (1.9330, 0.10), (2.4924, 0.05), (3.8781, 0.01)])
def test_anderson_darling_has_its_published_points(squared, p):
    assert draws.exceeded(squared) == pytest.approx(p, rel=2e-3)


def test_anderson_darling_is_scipys():
    numbers = np.random.default_rng(0).random(500)
    uniform = {"loc": 0, "scale": 1}
    theirs = stats.goodness_of_fit(stats.uniform, numbers, known_params=uniform, statistic="ad", n_mc_samples=1)
    assert draws.anderson_darling(numbers) == pytest.approx(draws.exceeded(theirs.statistic), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("Anderson-Darling", lambda u: u**1.01),
        ("low tail", lambda u: np.where(u < 1e-4, u / 1000, u)),
        ("high tail", lambda u: np.where(u > 1 - 1e-4, 1 - (1 - u) / 1000, u)),
        ("chi-square of u", lambda u: np.where(u < 1 / 4096, u + 0.5, u)),
        ("correlation", lambda u: (u + 0.01 * np.roll(u, 1)) / 1.01),
        ("chi-square of pairs", lambda u: np.where((u > 0.9) & (np.roll(u, 1) > 0.9), u - 0.9, u)),
    ],
)
def test_a_broken_generator_is_found(monkeypatch, name, broken):
    real = draws.uniforms
    monkeypatch.setattr(draws, "uniforms", lambda *arguments: np.clip(broken(real(*arguments)), 1e-300, 1 - 1e-16))
    families = [*draws.distribution(2_000_000, "step"), *draws.pairs(2_000_000, "step")]
    assert any(failed.startswith(name) for failed in draws.verdict(dict(families)))
