"""The reference's uniform numbers against the published vectors of Philox."""

import math

import pytest

from reference import philox4x32, uniform
from tests.cases import PHILOX


@pytest.mark.parametrize(("counter", "key", "answer"), PHILOX)
def test_philox_known_answers(counter, key, answer):
    assert list(philox4x32(counter, key)) == answer


def test_uniform():
    assert uniform(0) == ((0x6627E8D5 << 32 | 0xE169C58D) >> 11) * 2.0**-53
    everything = {uniform(1), uniform(2), uniform(1 << 32), uniform(1, 1), uniform(1, 1 << 32)}
    everything |= {uniform(1, draw=1), uniform(1, stream=1), uniform(1, draw=2), uniform(1, stream=2)}
    assert len(everything) == 9
    numbers = [uniform(7, step) for step in range(4000)]
    assert all(0 < u < 1 and (u * 2**53).is_integer() for u in numbers)
    assert sum(numbers) / 4000 == pytest.approx(0.5, abs=5 * math.sqrt(1 / 12 / 4000))


def test_uniform_words():
    """Seed and step give two words each, low first; draw and stream are the third and fourth."""
    x0, x1, _, _ = philox4x32((0x33333333, 0x44444444, 5, 6), (0x11111111, 0x22222222))
    u = uniform(0x2222222211111111, 0x4444444433333333, 5, 6)
    assert u == ((x0 << 32 | x1) >> 11) * 2.0**-53


@pytest.mark.parametrize(("words", "expected"), [((0, 2047), 2.0**-54), ((0, 2048), 2.0**-53)])
def test_uniform_is_never_0(monkeypatch, words, expected):
    monkeypatch.setattr("reference.philox.philox4x32", lambda counter, key: (*words, 9, 9))
    assert uniform(0) == expected


def test_uniform_is_never_1(monkeypatch):
    monkeypatch.setattr("reference.philox.philox4x32", lambda counter, key: (0xFFFFFFFF, 0xFFFFFFFF, 0, 0))
    assert uniform(0) == 1 - 2.0**-53


@pytest.mark.parametrize("where", [{"seed": -1}, {"seed": 2**64}, {"step": 2**64}, {"draw": 2**32}, {"stream": 2**32}])
def test_uniform_range(where):
    with pytest.raises(ValueError, match=rf"{next(iter(where))} is .*, expected an integer in \[0, 2\*\*"):
        uniform(**{"seed": 0, **where})
