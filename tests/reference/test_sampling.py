"""The reference's filters, constraints, details and draws, worked by hand."""

import math

import pytest

from reference import probabilities, sample, softmax, uniform
from reference.sampling import (
    Details,
    constrained,
    cut,
    details,
    draw,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    order,
    running_sums,
)

INF, NAN = math.inf, math.nan


def test_order():
    assert order([1, 3, -INF, 3, INF, 1]) == [4, 1, 3, 0, 5, 2]


def test_filters_by_hand():
    masses = [4.0, 2.0, 1.0, 1.0]
    assert keep_top_k(masses, 0) == keep_top_k(masses, 4) == keep_top_k(masses, 9) == masses
    assert keep_top_k(masses, 3) == [4, 2, 1]  # the first of two equals
    # Exactly half of the 8 lies before the second: that is not below half.
    assert keep_top_p(masses, 0) == keep_top_p(masses, 0.5) == [4]
    assert keep_top_p(masses, 0.51) == keep_top_p(masses, 0.75) == [4, 2]
    assert keep_top_p(masses, 0.76) == [4, 2, 1]
    assert keep_top_p(masses, 1) == masses
    assert keep_top_p([1.0, 0.0], 1) == [1, 0]
    assert keep_min_p(masses, 0) == keep_min_p(masses, 0.25) == masses
    assert keep_min_p(masses, 0.5) == [4, 2]
    assert keep_min_p(masses, 1) == [4]
    assert cut(masses, 3, 0.8, 0) == [4, 2]  # 6 of the surviving 7 lie before the third, but only 6 of all 8
    assert cut(masses, 0, 0.8, 0) == [4, 2, 1]


def test_a_mass_just_short_of_p_has_reached_it():
    """By less than 2**-40 of itself."""
    tiny = 2.0**-40
    assert keep_top_p([1 - tiny, 1 + tiny], 0.5) == [1 - tiny]  # just so
    assert keep_top_p([1, 1 + 1.5 * tiny], 0.5) == [1]
    assert len(keep_top_p([1, 1 + 4 * tiny], 0.5)) == 2


def test_a_top_k_of_minus_1_is_off():
    assert probabilities([3, 2, 1], top_k=-1) == probabilities([3, 2, 1])


def test_temperature_comes_first():
    assert probabilities([3, 2, 1], temperature=0.5, top_p=0.8) == [1, 0, 0]
    assert probabilities([3, 2, 1], temperature=1, top_p=0.8)[2] == 0 < probabilities([3, 2, 1], top_p=0.8)[1]


@pytest.mark.parametrize(
    ("logits", "parameters", "expected"),
    [
        ([1, 2, 2, 0], {"temperature": 0}, [0, 1, 0, 0]),
        ([1, INF, INF], {"temperature": 0}, [0, 1, 0]),
        ([1, INF, INF], {}, [0, 0.5, 0.5]),
        ([1, INF, INF], {"temperature": INF}, [0, 0.5, 0.5]),
        ([1, -INF, 5], {"temperature": INF}, [0.5, 0, 0.5]),
        ([1, -INF, 5, 5], {"temperature": INF, "top_k": 2}, [0, 0, 0.5, 0.5]),
        ([0, 0, 0, 0], {"top_k": 2}, [0.5, 0.5, 0, 0]),
        ([0, 0, 0, 0], {"top_p": 0.5}, [0.5, 0.5, 0, 0]),
        ([0, 0, 0, 0], {"top_p": 0}, [1, 0, 0, 0]),
        ([0, 0, -1], {"min_p": 1}, [0.5, 0.5, 0]),
        ([-INF, 0, -INF], {"top_k": 3}, [0, 1, 0]),
        ([0], {"top_p": 0, "min_p": 1, "top_k": 1}, [1]),
    ],
)
def test_probabilities_by_hand(logits, parameters, expected):
    assert probabilities(logits, **parameters) == expected


def test_constraints_by_hand():
    assert constrained([1, 2]) == [1, 2]
    assert constrained([1, 2, 3], allowed={0, 2}, bias={2: 0.5, 1: 9}) == [1, -INF, 3.5]
    assert probabilities([0, math.log(3), 8], allowed={0, 1}) == pytest.approx([0.25, 0.75, 0])
    assert probabilities([0, 0], bias={1: math.log(3)}) == pytest.approx([0.25, 0.75])
    assert sample([0, 900, 0], allowed={2}, seed=0) == sample([0, 0, 0], bias={2: 900}, seed=0) == 2


def test_details_by_hand():
    logits = [math.log(4), 0, math.log(2), math.log(9)]
    words = {"top_k": 2, "allowed": {0, 1, 2}, "bias": {1: math.log(2)}}
    first = details(logits, 1, **words)  # the second of two equals
    assert (first.rank, first.kept) == (1, 2)
    masses = [2 / 3, 1 / 3]
    expected = [math.log(1 / 3), -math.log(16), -math.log(16), 6 / 8, -sum(mass * math.log(mass) for mass in masses)]
    assert [first.logprob, first.raw_logprob, first.tempered_logprob, first.kept_mass, first.entropy] == pytest.approx(
        expected
    )
    greedy = details(logits, 3, temperature=0)
    assert greedy == Details(0, pytest.approx(math.log(9 / 16)), 0, 0, 1, 1, 0)
    warm = details(logits, 0, temperature=2, top_p=0.5, min_p=0.1)
    assert (warm.rank, warm.kept, warm.kept_mass) == (1, 2, pytest.approx(5 / (6 + math.sqrt(2))))
    assert details(logits, 3, min_p=0.4).kept == 2


def test_draw_by_hand():
    masses = [0.0, 1.0, 0.0, 2.0, 1.0, 0.0]
    tiny, nearly_one = 2.0**-54, 1 - 2.0**-53
    drawn = [draw(masses, u) for u in (tiny, 0.24, 0.25, 0.5, 0.74, 0.75, nearly_one)]
    assert drawn == [1, 1, 3, 3, 3, 4, 4]
    assert draw([0.0, 5e-324, 0.0], nearly_one) == 1  # u times the total is rounded up to the total


def test_running_sums_lose_nothing():
    masses = [1.0, *[2.0**-54] * 4096, 3.0]
    sums = list(running_sums(masses))
    assert sums[-2] == 1 + 4096 * 2.0**-54
    assert all(sums[i] == math.fsum(masses[: i + 1]) for i in range(0, len(masses), 97))
    assert list(running_sums([2.0**-60, 1.0, 2.0**-53])) == [2.0**-60, 1, 1 + 2.0**-52]  # a larger one after a smaller


def test_sample_is_the_draw_of_its_uniform():
    logits = [0.3, -1.0, 2.0, 0.3, -INF, 1.1]
    words = {"temperature": 0.8, "top_k": 4, "top_p": 0.95, "min_p": 0.01}
    masses = probabilities(logits, **words)
    tokens = sample(logits, **words, n=50, seed=2**63 + 5, step=9, stream=3)
    assert tokens == [draw(masses, uniform(2**63 + 5, 9, j, 3)) for j in range(50)]
    assert sample(logits, **words, seed=2**63 + 5, step=9, stream=3) == tokens[0]
    assert sample(logits, n=50, seed=1) == sample(logits, n=50, seed=1, step=0, stream=0)
    assert sample(logits, n=0, seed=1) == []
    assert len(set(tokens)) > 1


def test_sample_frequencies():
    logits = [0.0, 1.0, -1.0, -INF]
    n = 4000
    tokens = sample(logits, n=n, seed=3)
    chi_square = sum((tokens.count(i) - n * p) ** 2 / (n * p) for i, p in enumerate(softmax(logits)) if p > 0)
    assert tokens.count(3) == 0
    assert chi_square < 13.8  # one in a thousand, 2 degrees of freedom


@pytest.mark.parametrize(
    ("logits", "parameters", "message"),
    [
        ([1, NAN], {}, "logits is NaN at index 1"),
        ([-INF], {}, "all -inf"),
        ([], {}, "logits is empty"),
        ([1], {"temperature": -1}, "temperature is -1, expected a number >= 0"),
        ([1], {"top_k": -2}, "top_k is -2, expected an integer >= 0"),
        ([1], {"top_p": 1.5}, r"top_p is 1.5, expected a number in \[0, 1\]"),
        ([1], {"top_p": NAN}, "top_p is nan"),
        ([1], {"min_p": -0.1}, "min_p is -0.1"),
    ],
)
def test_sampling_errors(logits, parameters, message):
    with pytest.raises(ValueError, match=message):
        probabilities(logits, **parameters)
    with pytest.raises(ValueError, match=message):
        sample(logits, **parameters, seed=0)


def test_sample_refuses_n_and_seed():
    with pytest.raises(ValueError, match="n is -1"):
        sample([1.0], n=-1, seed=0)
    with pytest.raises(ValueError, match="seed is -1"):
        sample([1.0], seed=-1)
