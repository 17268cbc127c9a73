"""Library and reference agree: value by value, token by token."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import fastsoftmax
import reference
from fastsoftmax.kernels.lanes.rows import GROUP
from fastsoftmax.kernels.sampling.workspace import workspace_bytes
from reference.__main__ import PRECISION, Parameters, check_masses, check_tokens, ulps
from tests.cases import DTYPES, FRACTIONS, TEMPERATURES, TOP_KS, examples, floats, rows
from tests.kernels import token_at

relaxed = examples(150, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(rows(), TEMPERATURES)
def test_softmax(row, temperature):
    precision = PRECISION[row.dtype.name]
    ours = fastsoftmax.softmax(row, temperature=temperature)
    assert ours.dtype == row.dtype
    assert ulps(reference.softmax(floats(row), temperature), floats(ours), precision) <= precision.ulps


@relaxed
@given(rows(), TEMPERATURES)
def test_log_softmax(row, temperature):
    ours = floats(fastsoftmax.log_softmax(row, temperature=temperature))
    unit = 2.0 ** (1 - PRECISION[row.dtype.name].bits)
    smallest = PRECISION[row.dtype.name].smallest * 2 * unit  # subnormals
    if row.dtype.name in ("float32", "bfloat16"):
        smallest = PRECISION["float32"].smallest  # whose subnormals come of tails below 1e-34, which lose some
    largest = float(np.finfo(row.dtype).max) if row.dtype.kind == "f" else 3.3e38
    for expected, computed in zip(reference.log_softmax(floats(row), temperature), ours, strict=True):
        if abs(expected) > largest * (1 - unit):
            assert computed == -math.inf or computed <= -largest * (1 - 4 * unit)
        else:
            assert computed == pytest.approx(expected, rel=4 * unit, abs=smallest)


@relaxed
@given(rows(), TEMPERATURES)
def test_logsumexp(row, temperature):
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
def test_probabilities_and_sample(row, temperature, top_k, top_p, min_p, seed):
    parameters = Parameters(temperature, top_k, top_p, min_p)
    words = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    precision = PRECISION[row.dtype.name]
    logits = tuple(floats(row))

    masses = fastsoftmax.probabilities(row, **words)
    error, _ = check_masses(logits, parameters, floats(masses), precision)
    assert error <= precision.masses + 2.0**-precision.bits

    tokens = fastsoftmax.sample(row, **words, n=20, seed=seed)
    different, _ = check_tokens(logits, parameters, seed, tokens.tolist())
    assert different == 0
    assert not np.isneginf(row[tokens].astype(np.float64)).any()


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_nothing_falls_inside_the_boundary(dtype):
    """The tolerance is for the one draw in a million millions, not a place to hide: count it over many draws."""
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
        different, inside = check_tokens(tuple(floats(row)), parameters, case, tokens.tolist())
        counts.update(different=different, inside=inside, draws=500)
    assert counts == {"draws": 6000, "different": 0, "inside": 0}


@pytest.mark.parametrize("dtype", [np.float16, np.float32], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("name", ["equal", "normal", "steps", "peaked"])
def test_draws_are_those_of_float64(name, dtype):
    """What a light mass is too near to a boundary to tell, exact ones decide: listed, cut, or all of the row."""
    rng = np.random.default_rng(7)
    row = {
        "equal": np.zeros(20_000),
        "normal": rng.standard_normal(20_000) * 3,
        "steps": np.repeat(np.arange(0.0, -20.0, -1.0), 300),
        "peaked": np.append(rng.standard_normal(5_000), [12.0, 11.0]),
    }[name].astype(dtype)
    allowed = np.arange(row.size) % 7 != 3
    for words in (
        {},
        {"temperature": 1.5, "top_p": 0.95},
        {"temperature": 3.0, "top_p": 0.99},
        {"min_p": 1e-4},
        {"top_k": 300},
        {"temperature": math.inf, "allowed": allowed},
        {"temperature": 0.7, "top_p": 0.9, "allowed": allowed},
    ):
        tokens = fastsoftmax.sample(row, **words, seed=3, n=300_000)
        np.testing.assert_array_equal(tokens, fastsoftmax.sample(row.astype(np.float64), **words, seed=3, n=300_000))


@pytest.mark.slow
def test_a_large_batch():
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
        different, _ = check_tokens(tuple(logits), Parameters(0.8, 50, 0.9, 0.02), i, tokens[i].tolist())
        assert different == 0


@pytest.mark.parametrize(
    "row",
    [
        [0.6931480765342712] * 4 + [-4.301992703403812e-06, -0.5217084288597107],
        [0.6931670308113098] * 16 + [-5.545162677764893, -1.3791844844818115],
        [0.6931470036506653] * 30 + [-20.0, -40.0],
    ],
)
def test_rounding_of_tied_maxima_does_not_add_up(row):
    """Ties whose power of two is just above 1 are all rounded alike: the sum must not inherit it."""
    logits = np.float32(row)
    assert ulps(reference.softmax(floats(logits)), floats(fastsoftmax.softmax(logits)), PRECISION["float32"]) <= 2


def test_the_smallest_normal_result_is_not_flushed():
    row = np.float32([-0.5397111177444458] * 5 + [-76.61383819580078])
    assert fastsoftmax.softmax(row, temperature=0.8873987456967166)[-1] == np.finfo(np.float32).tiny


def test_a_row_of_one_is_certain():
    for dtype in DTYPES:
        column = np.random.default_rng(0).standard_normal((5000, 1)).astype(dtype) * 10
        assert (fastsoftmax.softmax(column) == 1).all()


def test_min_p_of_large_float64_logits():
    """The maximum less T log(1 / p) has no room for the digits that decide."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        largest = 10.0 ** rng.uniform(2, 6)
        min_p = float(rng.uniform(0.1, 0.99))
        row = np.array([largest, largest + np.log(min_p) + rng.choice([-1, 1]) * 1e-9])
        row[1] = np.nextafter(row[1], rng.choice([-np.inf, np.inf]))
        computed = floats(fastsoftmax.probabilities(row, min_p=min_p))
        error, _ = check_masses(tuple(floats(row)), Parameters(1.0, 0, 1.0, min_p), computed, PRECISION["float64"])
        assert error <= 1e-12 + 2.0**-53


@pytest.mark.parametrize(("size", "kept"), [(128256, 117677), (2048, 1024), (2_000_000, 1_234_567)])
def test_top_p_of_long_flat_rows(size, kept):
    """Equal masses are counted, not added up: a hundred thousand roundings would move the cut."""
    row = np.full(size, -0.9669447289429418)
    for slack, expected in [(1 - 2e-12, kept), (1 + 2e-12, kept + 1)]:
        masses = fastsoftmax.probabilities(row, top_p=kept / size * slack)
        assert np.count_nonzero(masses) == expected


def kept_by_both(row, **words):
    """Return the tokens that the library keeps, which are those that the reference keeps."""
    found = np.flatnonzero(fastsoftmax.probabilities(row, **words)).tolist()
    assert found == [i for i, mass in enumerate(reference.probabilities(floats(row), **words)) if mass > 0]
    return found


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("constant", [0.0, 1.0, -3.7, 0.1, 88.3])
def test_equal_logits_at_top_p_are_counted(dtype, constant):
    """k of n equal tokens are kept at p = k / n, whatever constant is added to them."""
    for size in (2, 3, 4, 7, 10, 12, 17):
        for kept in range(1, size):
            assert kept_by_both(np.full(size, constant, dtype), top_p=kept / size) == list(range(kept))
            three = np.full(size + 3, constant, dtype)  # equal ones below others, and cut before top-p
            three[[0, 2]] += dtype(2.0)
            three[1] -= dtype(2.0)
            above, tie = 2 * np.exp(float(three[0]) - float(three[3])), kept + 0.0
            p = (above + tie) / (above + size)
            assert len(kept_by_both(three, top_k=size + 2, top_p=p)) == 2 + kept


def test_odds_at_top_p_are_those_of_the_logits_as_rounded():
    """As float32, the logarithms of .4 and .3 weigh a little less, or more, than .7 beside those of .2 and .1."""
    rng = np.random.default_rng(3)
    assert len(kept_by_both(np.log([0.4, 0.3, 0.2, 0.1]), top_p=0.7)) == 2
    for _ in range(60):
        row = np.log(rng.permutation([0.4, 0.3, 0.2, 0.1])).astype(np.float32) + np.float32(rng.normal())
        for p in (0.4, 0.7, 0.9):
            kept_by_both(row, top_p=p)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 20.0])
@pytest.mark.parametrize(("size", "top_k"), [(5, 0), (40, 30), (700, 0), (3000, 0), (3000, 1200), (40_000, 0)])
def test_top_p_of_float32_is_decided_by_exact_masses(size, top_k, temperature):
    """A billionth below the mass of the first tokens, and above it: in a list, after top-k, and in a long row."""
    rng = np.random.default_rng(size)
    for row in (rng.standard_normal(size) * 2, np.round(rng.standard_normal(size), 1)):
        logits = row.astype(np.float32)
        order = np.argsort(-logits, kind="stable")[: top_k or size]
        masses = np.exp((logits[order].astype(np.float64) - float(logits.max())) / temperature)
        sums = np.cumsum(masses) / masses.sum()
        for share in (0.1, 0.5, 0.9, 0.99):
            first = np.searchsorted(sums, share)
            for slack in (-1e-9, 1e-9):
                p = min(float(sums[first] * (1 + slack)), 1.0)
                found = np.flatnonzero(fastsoftmax.probabilities(logits, temperature=temperature, top_k=top_k, top_p=p))
                assert found.tolist() == np.sort(order[: np.searchsorted(sums, p) + 1]).tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("top_p", [1.0, 0.9999, 0.7])
def test_no_masked_token_at_any_u(dtype, top_p):
    """Groups whose tokens are too light to move a running mass of the whole row, beside masked ones."""
    logits = np.zeros(12 * GROUP, dtype)
    logits[4 * GROUP :] = -30.0
    logits[4 * GROUP] = logits[8 * GROUP - 1] = -np.inf
    logits[8 * GROUP :] = -np.inf
    logits[: GROUP + 3] = -np.inf
    us = np.concatenate([1 - np.arange(1, 3000) * 2.0**-53, np.arange(1, 3000) * 2.0**-54])
    tokens = np.empty(us.size, np.int64)
    memory = np.empty(workspace_bytes(logits.size, logits.itemsize), np.uint8)
    token_at(logits, top_p, us, memory, tokens)
    assert (logits[tokens] > -np.inf).all()
    assert tokens[-1] >= GROUP + 3


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize(
    "words",
    [
        {},
        {"top_k": 30, "top_p": 0.9},
        {"temperature": 0.6, "min_p": 0.01},
        {"temperature": 3.0, "top_p": 0.97},
        {"temperature": 0.0},
    ],
)
def test_details_with_a_mask_and_a_bias(dtype, words):
    rng = np.random.default_rng(6)
    row = (rng.standard_normal(1200) * 2).astype(dtype)
    bias = {7: 4.0, 90: -1.5}
    allowed = rng.random(1200) < 0.7
    found = fastsoftmax.sample(row, **words, seed=3, n=12, allowed=allowed, bias=bias, details=True)
    tokens, precise = found.tokens.tolist(), 1e-11 if dtype == np.float64 else 3e-6
    logits, constraints = floats(row), {"allowed": set(np.flatnonzero(allowed).tolist()), "bias": bias}
    assert tokens == reference.sample(logits, **words, seed=3, n=12, **constraints)
    for i, token in enumerate(tokens):
        expected = reference.details(logits, token, **words, **constraints)
        assert found.ranks[i] == expected.rank
        assert found.kept == expected.kept
        ours = found.logprobs[i], found.raw_logprobs[i], found.tempered_logprobs[i], found.kept_mass, found.entropy
        theirs = expected.logprob, expected.raw_logprob, expected.tempered_logprob, expected.kept_mass, expected.entropy
        assert ours == pytest.approx(theirs, rel=precise, abs=precise)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("place", [0, 3, GROUP, 3 * GROUP - 1])
def test_an_event_of_probability_2_to_the_minus_33_is_reached(place, dtype):
    """At chosen u, not by luck: beside the heavy token, and in a group of its own."""
    logits = np.full(3 * GROUP, -np.inf, dtype)
    heavy = GROUP + 9
    logits[heavy] = 0.0
    logits[place] = -33 * math.log(2)
    inside, outside = np.array([2.0**-54, 2.0**-34]), np.array([2.0**-32, 0.5])
    us = np.concatenate([inside, outside] if place < heavy else [1 - outside, 1 - 2.0**-34 - inside / 2])
    tokens = np.empty(us.size, np.int64)
    memory = np.empty(workspace_bytes(logits.size, logits.itemsize), np.uint8)
    token_at(logits, 1.0, us, memory, tokens)
    assert tokens.tolist() == ([place] * 2 + [heavy] * 2 if place < heavy else [heavy] * 2 + [place] * 2)


@pytest.mark.parametrize("kind", ["list", "whole"])
def test_probabilities_are_those_of_transformers(kind):
    """On logits without ties, float32 as there."""
    processors = pytest.importorskip("transformers.generation.logits_process")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    logits = (rng.standard_normal((4, 20_000)) * 3).astype(np.float32)
    temperature = 0.7 if kind == "list" else 9.0
    for words in ({"top_k": 50}, {"top_p": 0.9}, {"min_p": 0.05}, {"top_k": 300, "top_p": 0.8, "min_p": 0.01}):
        row = processors.TemperatureLogitsWarper(temperature)(None, torch.from_numpy(logits.copy()))
        top_k = words.get("top_k", 0)
        if top_k:
            row = processors.TopKLogitsWarper(top_k)(None, row)
        if "top_p" in words:
            row = processors.TopPLogitsWarper(words["top_p"])(None, row)
        if "min_p" in words:
            row = processors.MinPLogitsWarper(words["min_p"])(None, row)
        theirs = torch.softmax(row, -1).numpy()
        ours = fastsoftmax.probabilities(logits, temperature=temperature, **words)
        # The token at a cut may fall on either side of it: their running sums are float32.
        assert abs(np.count_nonzero(ours) - np.count_nonzero(theirs)) <= (4 if kind == "list" else 40)
        np.testing.assert_allclose(ours, theirs, atol=3e-6 if kind == "list" else 1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.3, 7.0])
def test_min_p_of_1_keeps_what_equals_the_largest(temperature):
    """Also where the ratio of two masses rounds to 1."""
    for row, expected in (
        ([1e-17, 0.0], 1),
        ([0.0, 1e-17, 1e-17], 2),
        ([1.0, 1.0 - 2.0**-53], 1),
        ([2.0, 2.0, 2.0], 3),
    ):
        for found in (
            fastsoftmax.probabilities(row, min_p=1.0, temperature=temperature),
            reference.probabilities(row, min_p=1.0, temperature=temperature),
        ):
            assert np.count_nonzero(found) == expected
