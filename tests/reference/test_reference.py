"""The reference against published vectors, known values, exact arithmetic and cases worked by hand."""

import ast
import math
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import reference
from reference import MarkovChain, log_softmax, logsumexp, philox4x32, probabilities, sample, softmax, uniform
from reference import __main__ as cross_check
from reference.markov import law, tempered
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


# --- softmax --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "temperature", "printed", "unit"),
    [
        ([3, 2, 1, 4], 1, [0.23, 0.08, 0.03, 0.64], 0.01),
        ([3, 2, 1, 4], 5, [0.27, 0.22, 0.18, 0.33], 0.01),
        ([1, 2], 1, [0.26894142, 0.73105858], 1e-8),
        ([1, 2], 2, [0.37754067, 0.62245933], 1e-8),
        ([1, 2], 5, [0.450166, 0.549834], 1e-6),
        ([1.1, 0.5, 0.85, 0.97, 1.2, 0.3], 1, [0.21, 0.12, 0.16, 0.18, 0.23, 0.09], 0.01),
        ([1.1, 0.5, 0.85, 0.97, 1.2, 0.3], 1.95, [0.19, 0.14, 0.17, 0.18, 0.20, 0.13], 0.01),
        ([1.1, 0.7, 0.85, 0.9, 1.02], 0.2, [0.41, 0.06, 0.12, 0.15, 0.27], 0.01),
        ([0.1, 0, 0.5, 1, 4, 0.6], 1, [0.01, 0.01, 0.02, 0.04, 0.86, 0.02], 0.01),
        ([0.1, 0, 0.5, 1, 4, 0.6], 5, [0.13, 0.12, 0.14, 0.15, 0.28, 0.14], 0.01),
    ],
)
def test_softmax_published(logits, temperature, printed, unit):
    """Some authors cut where others round: less than one unit of the last place printed, either way."""
    for p, q in zip(softmax(logits, temperature), printed, strict=True):
        assert abs(p - q) < unit


def test_logsumexp_published():
    assert math.exp(logsumexp([3, 2, 1, 4])) == pytest.approx(84.791024884, abs=1e-9)
    assert math.exp(logsumexp([3, 2, 1, 4], 5)) == pytest.approx(6.760887185, abs=1e-9)


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


# --- Philox ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_known_answers(counter, key, expected):
    """The vectors published with Random123, kat_vectors."""

    def words(text):
        return tuple(int(word, 16) for word in text.split())

    assert philox4x32(words(counter), words(key)) == words(expected)


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


# --- sampling -------------------------------------------------------------------------------------


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
    expected = [math.log(1 / 3), -math.log(16), 6 / 8, -sum(mass * math.log(mass) for mass in masses)]
    assert [first.logprob, first.raw_logprob, first.kept_mass, first.entropy] == pytest.approx(expected)
    greedy = details(logits, 3, temperature=0)
    assert greedy == Details(0, pytest.approx(math.log(9 / 16)), 0, 1, 1, 0)
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


# --- Markov chains --------------------------------------------------------------------------------

CATS = [["the", "cat", "sat"], ["the", "dog", "sat"], ["the", "cat"]]


def test_counts_by_hand():
    chain = MarkovChain().fit(CATS)
    assert chain.ids == {None: -1, "the": 0, "cat": 1, "sat": 2, "dog": 3}
    assert chain.rows == {(-1,): {0: 3}, (0,): {1: 2, 3: 1}, (1,): {2: 1, -1: 1}, (2,): {-1: 2}, (3,): {2: 1}}


def test_counts_of_order_2():
    chain = MarkovChain(order=2).fit([[5, 7, 5, 7], [5]])
    assert chain.ids == {None: -1, 5: 5, 7: 7}
    assert chain.rows == {(-1, -1): {5: 2}, (-1, 5): {7: 1, -1: 1}, (5, 7): {5: 1, -1: 1}, (7, 5): {7: 1}}


def test_rows_are_ordered_by_count_then_id():
    assert law({4: 1, -1: 1, 2: 3, 0: 1}, 1, 0, 1, 0) == ([2, -1, 0, 4], [3, 1, 1, 1])
    assert law({4: 1, -1: 1, 2: 3, 0: 1}, 1, 2, 1, 0) == ([2, -1], [3, 1])
    assert law({4: 1, 2: 3, 0: 3}, 0, 0, 1, 0) == ([0], [1])


def test_tempered_counts():
    assert tempered([4, 1], 1) == [4, 1]
    assert tempered([4, 1], 2) == [1, 0.5]
    assert tempered([4, 1], INF) == [1, 1]
    assert tempered([1.5, 0.25], 1) == [1.5, 0.25]
    assert tempered([10**300, 10**299], 1e-3) == [1, 0]
    counts = [907, 906, 31, 2, 1]
    masses = tempered(counts, 0.3)
    expected = softmax([math.log(c) for c in counts], 0.3)
    assert [m / math.fsum(masses) for m in masses] == pytest.approx(expected, rel=1e-12)


def test_next_tokens():
    chain = MarkovChain().fit(CATS)
    assert chain.next_tokens("the") == (["cat", "dog"], [2 / 3, 1 / 3])
    assert chain.next_tokens("cat") == ([None, "sat"], [0.5, 0.5])  # the boundary first among equals
    assert chain.next_tokens("the", temperature=0.5) == (["cat", "dog"], [0.8, 0.2])
    assert chain.next_tokens("the", top_k=1) == chain.next_tokens("the", temperature=0) == (["cat"], [1])
    assert chain.next_tokens("the", temperature=1e-4) == (["cat"], [1])  # the other's mass underflows
    assert chain.next_tokens(None) == chain.next_tokens([]) == (["the"], [1])
    assert chain.next_tokens(["dog", "cat"]) == chain.next_tokens("cat")
    with pytest.raises(KeyError, match="bird"):
        chain.next_tokens("bird")
    with pytest.raises(KeyError, match="None"):
        chain.next_tokens([None])
    with pytest.raises(KeyError, match="context 'cat' has never been followed by anything"):
        chain.prune(2).next_tokens("cat")


def test_likelihood_by_hand():
    chain = MarkovChain().fit(CATS)
    assert chain.log_likelihood(["the", "cat"]) == pytest.approx(math.log(2 / 3 / 2))
    assert chain.log_likelihood(["the", "dog"]) == chain.log_likelihood(["a", "cat"]) == -INF
    assert chain.perplexity([["the", "cat"], ["the", "cat", "sat"]]) == pytest.approx(9 ** (1 / 7))
    assert chain.perplexity([["dog"]]) == INF
    assert chain.prune(2).log_likelihood(["the", "cat"]) == -INF  # it has no row any more


def test_merge_of_parts_is_fit_of_the_whole():
    whole = MarkovChain(2).fit(CATS)
    parts = [MarkovChain(2).fit([sequence]) for sequence in CATS]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert (merged.ids, merged.rows) == (whole.ids, whole.rows)
    assert list(merged.ids) == list(whole.ids)
    grown = MarkovChain(2).partial_fit(CATS[:1]).partial_fit(CATS[1:])
    assert (grown.ids, grown.rows) == (whole.ids, whole.rows)
    twice = MarkovChain(2).partial_fit(CATS, weight=2)
    assert (twice.ids, twice.rows) == (merged.ids, whole.merge(whole).rows)
    assert whole.fit([[1]]).ids == {None: -1, 1: 1}


def test_prune():
    chain = MarkovChain().fit(CATS).prune(2)
    assert chain.rows == {(-1,): {0: 3}, (0,): {1: 2}, (2,): {-1: 2}}
    assert chain.walk(seed=0) == [["the", "cat"]]  # a dead end
    with pytest.raises(ValueError, match=r"\['cat'\] of walk 0 at 2 is a dead end"):
        chain.walk(seed=0, on_dead_end="raise")
    assert chain.walk(length=5, seed=0, on_dead_end="restart") == [["the", "cat", "the", "cat", "the"]]


def test_walk_draws_by_hand():
    """The token at t of walk w is the draw of uniform(seed, t, restarts, w) over the ordered row."""
    chain = MarkovChain().fit([list("abab"), list("ba"), list("aab")])
    for w, walk in enumerate(chain.walk(20, 6, seed=11, temperature=1.3, on_dead_end="restart")):
        assert len(walk) == 6
        state, restarts, t = None, 0, 0
        while t < 6:
            tokens, masses = chain.next_tokens(state, temperature=1.3)
            state = tokens[draw(masses, uniform(11, t, restarts, w))]
            if state is None:
                restarts += 1
            else:
                assert walk[t] == state
                t, restarts = t + 1, 0


def test_walks():
    chain = MarkovChain().fit(CATS)
    walks = chain.walk(40, 3, seed=5)
    assert {tuple(walk) for walk in walks} == {tuple(sequence) for sequence in CATS}
    assert chain.walk(3, 3, seed=5) == walks[:3]
    assert {len(walk) for walk in chain.walk(40, 2, seed=5)} == {2}
    assert all(walk[:2] == ["sat", "cat"] for walk in chain.walk(4, 3, start=["sat", "cat"], seed=1))
    assert chain.walk(1, 1, start="cat", seed=1) == [["cat"]]
    assert chain.walk(0, seed=1) == []
    assert chain.walk(1, 0, seed=1) == [[]]
    assert chain.walk(40, seed=5) == chain.walk(40, 100, temperature=1, seed=5)
    assert chain.walk(2, 9, start="the", temperature=0, seed=1) == [["the", "cat"]] * 2


def test_start_of_order_2():
    chain = MarkovChain(2).fit([[1, 2, 3], [2, 9]])
    assert chain.walk(start=2, seed=0) == [[2, 9]]  # one token: the beginning of a sequence
    assert chain.walk(start=[1, 2], seed=0) == [[1, 2, 3]]
    assert chain.walk(start=[9, 1, 2], seed=0) == [[9, 1, 2, 3]]
    assert chain.walk(start=[9, 9], seed=0) == [[9, 9]]  # known tokens, but a state without a row
    assert MarkovChain(2).fit([[1, 2, 3, 4]]).walk(seed=0) == [[1, 2, 3, 4]]


def test_a_walk_is_of_100_tokens():
    assert MarkovChain.from_transitions({"a": {"a": 1}}).walk(seed=0) == [["a"] * 100]


def test_the_smallest_and_the_largest_id():
    assert MarkovChain().fit([[0, 2**31 - 2]]).walk(seed=0) == [[0, 2**31 - 2]]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"start": "bird"}, KeyError, "bird"),
        ({"start": ["the", "cat"], "length": 1}, ValueError, "length is 1"),
        ({"on_dead_end": "jump"}, ValueError, "on_dead_end is 'jump'"),
        ({"temperature": -1}, ValueError, "temperature is -1"),
        ({"n": -1}, ValueError, "n is -1"),
    ],
)
def test_walk_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        MarkovChain().fit(CATS).walk(**arguments, seed=0)


def test_restart_needs_a_start():
    chain = MarkovChain().fit([["a"], ["b"]]).prune(2)
    with pytest.raises(ValueError, match="a sequence can start"):
        chain.walk(start="a", seed=0, on_dead_end="restart")


def test_from_transitions():
    chain = MarkovChain.from_transitions({"the": {"cat": 2.0, "dog": 1.0}, "cat": {None: 1, "the": 0.5}})
    assert chain.ids == {None: -1, "the": 0, "cat": 1, "dog": 2}
    assert chain.rows == {(-1,): {0: 1, 1: 1}, (0,): {1: 2, 2: 1}, (1,): {-1: 1, 0: 0.5}}
    assert chain.walk(1, 9, start="dog", seed=0) == [["dog"]]
    assert chain.next_tokens("cat")[0] == [None, "the"]


def test_from_transitions_of_order_2():
    chain = MarkovChain.from_transitions({(1, 2): {3: 0.5}, (1, 3): {None: 2}})
    assert chain.rows == {(-1, -1): {1: 2}, (-1, 1): {2: 1, 3: 1}, (1, 2): {3: 0.5}, (1, 3): {-1: 2}}


@pytest.mark.parametrize(
    ("transitions", "error", "message"),
    [
        ({}, ValueError, "transitions is empty"),
        ({"a": {}}, ValueError, "'a'"),
        ({"a": {"b": 0}}, ValueError, "state .*'a'.* has no next token, expected at least one"),
        ({"a": {"b": NAN}}, ValueError, "weight of 'b'"),
        ({"a": {"b": INF}}, ValueError, "weight of 'b'"),
        ({"a": {"b": True}}, ValueError, "weight of 'b'"),
        ({("a", "b"): {"c": 1}, ("a",): {"c": 1}}, ValueError, "expected 2"),
        ({"a": {1: 1}}, TypeError, "token 1"),
        ({None: {"a": 1}}, TypeError, "token None"),
        ({-1: {1: 1}}, ValueError, "token is -1"),
    ],
)
def test_from_transitions_errors(transitions, error, message):
    with pytest.raises(error, match=message):
        MarkovChain.from_transitions(transitions)


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ("text", TypeError, "sequences is a str"),
        ([["a"], "text"], TypeError, r"sequences\[1\] is 'text'"),
        ([1, 2], TypeError, r"sequences\[0\] is 1"),
        ([], ValueError, "sequences is empty"),
        ([["a"], []], ValueError, r"sequences\[1\] is empty"),
        ([["a", 1]], TypeError, "token 1 is of <class 'int'>, expected tokens of one type"),
        ([[True]], TypeError, "bool"),
        ([[1.5]], TypeError, "float"),
        ([[1]], TypeError, "one type"),  # the chain has words
        ([[-1]], ValueError, "token is -1"),
        ([[2**31 - 1]], ValueError, "token is 2147483647"),
    ],
)
def test_fit_errors_leave_the_chain_alone(sequences, error, message):
    chain, same = MarkovChain().fit(CATS), MarkovChain().fit(CATS)
    with pytest.raises(error, match=message):
        chain.partial_fit(sequences)
    assert (chain.ids, chain.rows) == (same.ids, same.rows)


def test_order_and_weight_errors():
    with pytest.raises(ValueError, match="order is 0"):
        MarkovChain(0)
    with pytest.raises(ValueError, match="weight is 0"):
        MarkovChain().partial_fit(CATS, weight=0)
    with pytest.raises(ValueError, match="other has order 2, expected 1"):
        MarkovChain().merge(MarkovChain(2))


# --- the package ----------------------------------------------------------------------------------


def test_names():
    assert all(hasattr(reference, name) for name in reference.__all__)
    assert reference.__all__ == sorted(reference.__all__)


def test_the_reference_imports_nothing_but_the_standard_library():
    """Only the cross-check sees the library and NumPy."""
    for path in Path(reference.__file__).parent.glob("*.py"):
        if path.name == "__main__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] in {*sys.stdlib_module_names, "reference"}, (path.name, name)


# --- the cross-check ------------------------------------------------------------------------------


def stand_in(softmax_factor=1.0, mass_factor=1.0, top_p_factor=1.0, min_p_factor=1.0, shift=0):
    """Return a library made of the reference, wrong on purpose where asked to be."""

    def cut_offs(words):
        return {**words, "top_p": words["top_p"] * top_p_factor, "min_p": words["min_p"] * min_p_factor}

    def library_softmax(rows, *, temperature):
        result = [softmax(row.tolist(), temperature) for row in rows.astype(float)]
        return (np.array(result) * softmax_factor).astype(rows.dtype)

    def library_probabilities(rows, **words):
        result = [probabilities(row.tolist(), **cut_offs(words)) for row in rows.astype(float)]
        return (np.array(result) * mass_factor).astype(rows.dtype)

    def library_sample(rows, *, n, seed, **words):
        tokens = [sample(row.tolist(), n=n, seed=seed, **cut_offs(words)) for row in rows.astype(float)]
        return (np.array(tokens) + shift) % rows.shape[-1]

    return SimpleNamespace(softmax=library_softmax, probabilities=library_probabilities, sample=library_sample)


@pytest.fixture
def logits_file(tmp_path):
    def save(array):
        np.save(tmp_path / "logits.npy", array)
        return str(tmp_path / "logits.npy")

    return save


@pytest.fixture
def logits():
    rng = np.random.default_rng(0)
    return rng.normal(0, 2, (2, 3, 40))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("words", ["", "--temperature .7 --top-k 30 --top-p .9 --min-p .02", "--temperature 0"])
def test_cross_check_agrees(monkeypatch, capsys, logits_file, logits, dtype, words):
    monkeypatch.setattr(cross_check, "fastsoftmax", stand_in())
    assert cross_check.main([logits_file(logits.astype(dtype)), *words.split(), "--rows", "3"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].endswith("seed 0")
    assert "3 rows of 40" in printed[0]
    assert printed[-1] == "agree"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"softmax_factor": 1 + 1.5e-15}, ""),
        ({"softmax_factor": np.nan}, ""),
        ({"mass_factor": 1 + 2e-12}, ""),
        ({"mass_factor": np.nan}, ""),
        ({"top_p_factor": 1 - 1e-2}, "--top-p .9"),
        ({"min_p_factor": 1 + 1e-2}, "--min-p .505"),
        ({"shift": 1}, ""),
    ],
)
def test_cross_check_disagrees(monkeypatch, capsys, logits_file, fault, words):
    monkeypatch.setattr(cross_check, "fastsoftmax", stand_in(**fault))
    # Masses 1 to 100: moved by a hundredth, a cut-off passes over some token.
    file = logits_file(np.log(np.arange(1.0, 101.0))[None])
    assert cross_check.main([file, *words.split()]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "DISAGREE"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_cross_check_inside_a_boundary(monkeypatch, capsys, logits_file, dtype):
    """Half of eight equal tokens, as far above p as still counts as p: a hair higher keeps 5, and either is right."""
    file = logits_file(np.zeros((1, 8), dtype))
    half, moved = 0.5 / (1 - 2**-40), 3e-13
    for factor in (1 - moved, 1 + moved):
        monkeypatch.setattr(cross_check, "fastsoftmax", stand_in(top_p_factor=factor))
        assert cross_check.main([file, "--top-p", str(half)]) == 0
    assert "  1 rows" in capsys.readouterr().out
    # Ten times as far from the boundary, only one side is right.
    monkeypatch.setattr(cross_check, "fastsoftmax", stand_in(top_p_factor=1 - 20 * moved))
    assert cross_check.main([file, "--top-p", str(half * (1 + 10 * moved))]) == 1


@pytest.mark.slow
def test_cross_check_of_the_library(logits_file, logits):
    words = ["--temperature", ".7", "--top-k", "30", "--top-p", ".9", "--min-p", ".02"]
    for dtype in ("float16", "float32", "float64"):
        assert cross_check.main([logits_file(logits.astype(dtype)), *words]) == 0


def test_cross_check_of_a_library_that_refuses(monkeypatch, capsys, logits_file, logits):
    library = stand_in()

    def refuse(rows, **words):
        raise ValueError("no")

    library.sample = refuse
    monkeypatch.setattr(cross_check, "fastsoftmax", library)
    assert cross_check.main([logits_file(logits)]) == 1
    assert "refuses what the reference accepts: no" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("array", "words", "message"),
    [
        (np.array([[1.0, np.nan]]), "", "row 0: logits is NaN at index 1"),
        (np.array([[0.0], [-np.inf]]), "", "row 1: logits is empty or all -inf"),
        (np.array(1.0), "", "has shape ()"),
        (np.zeros((0, 3)), "", "has shape (0, 3)"),
        (np.array([1j]), "", "dtype complex128"),
        (np.array(["a"]), "", "dtype <U1"),
        (np.array([1.0]), "--temperature -1", "temperature is -1.0"),
        (np.array([1.0]), "--top-p 2", "top_p is 2.0"),
        (np.array([1.0]), "--rows 0", "rows is 0"),
        (np.array([1.0]), "--seed -1", "seed is -1"),
    ],
)
def test_cross_check_bad_input(capsys, logits_file, array, words, message):
    assert cross_check.main([logits_file(array), *words.split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"hello", b"\x93NUMPY\x01\x00", b"\x80\x04K*."])
def test_cross_check_unreadable_file(capsys, tmp_path, content):
    file = tmp_path / "logits.npy"
    if content is not None:
        file.write_bytes(content)
    assert cross_check.main([str(file)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_cross_check_archive(capsys, tmp_path):
    np.savez(tmp_path / "logits.npz", a=np.zeros(3))
    assert cross_check.main([str(tmp_path / "logits.npz")]) == 2
    assert "archive" in capsys.readouterr().err
