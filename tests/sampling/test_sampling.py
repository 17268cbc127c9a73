"""sample, probabilities, Sampler: cut-offs and ties, draws, seeds, errors."""

import copy
import math
import pickle
import tracemalloc
from array import array
from typing import Any

import numpy as np
import pytest
import scipy.stats

import fastsoftmax
import reference
from fastsoftmax import Sampler, SamplingParams, probabilities, sample
from fastsoftmax._jit import jit
from fastsoftmax.kernels.lanes.rows import GROUP, groups_of
from fastsoftmax.kernels.sampling.draw import add_pieces, draw_group, draw_within
from fastsoftmax.kernels.sampling.groups import list_masses
from tests.cases import DTYPES
from tests.filters import FILTERS

INF, NAN = math.inf, math.nan
RNG = np.random.default_rng(3)
BATCH = (RNG.standard_normal((6, 3000)) * 3).astype(np.float32)


def kept(logits, **words):
    return np.flatnonzero(probabilities(logits, **words)).tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize(
    ("logits", "words", "expected"),
    [
        ([3, 2, 1], {"top_p": 0.8, "temperature": 0.5}, [0]),  # the temperature comes first
        ([1, 2, 2, 2], {"top_k": 2}, [1, 2]),  # lower index first among equals
        ([1, 2, 2, 2], {"top_k": 1}, [1]),
        ([1, 2, 2, 2], {"top_k": 0}, [0, 1, 2, 3]),
        ([1, 2, 2, 2], {"top_k": 4}, [0, 1, 2, 3]),
        ([1, 2, 2, 2], {"top_k": 9}, [0, 1, 2, 3]),
        ([0, 0, 0, 0], {"top_p": 0.5}, [0, 1]),  # mass strictly before token 2 is 0.5, not below
        ([0, 0, 0, 0], {"top_p": 0.51}, [0, 1, 2]),
        ([0, 0, 0, 0], {"top_p": 0.0}, [0]),
        ([0, 1, 0, 0], {"top_p": 0.0}, [1]),
        ([0, 0, 0, 0], {"top_k": 3, "top_p": 0.5}, [0, 1]),  # of the renormalised three
        ([0, 1, 2, 3], {"min_p": 1.0}, [3]),
        ([3, 1, 2, 3], {"min_p": 1.0}, [0, 3]),
        ([0, 1, 2, 3], {"top_k": 3, "min_p": 0.2}, [2, 3]),
        ([0, 1, 2, 3], {"min_p": 0.2, "temperature": 0.5}, [3]),
        ([0, 1, 2, 3], {"min_p": 0.2, "temperature": 2.0}, [0, 1, 2, 3]),
        ([0, 1, 2, 3], {"min_p": 0.0}, [0, 1, 2, 3]),
        ([0, 1, 2, 3], {"temperature": INF, "min_p": 1.0}, [0, 1, 2, 3]),
        ([0, 1, 2, 3], {"temperature": INF, "top_k": 2}, [2, 3]),
        ([0, 1, 2, -INF], {"temperature": INF}, [0, 1, 2]),
        ([3, 1, 2, 3], {"temperature": 0.0}, [0]),  # greedy: the first maximum
        ([3, 1, 2, 3], {"temperature": 0.0, "top_k": 2, "top_p": 0.1, "min_p": 1.0}, [0]),
        ([3, INF, 2, INF], {}, [1, 3]),
        ([3, INF, 2, INF], {"top_k": 1}, [1]),
        ([3, INF, 2, INF], {"top_p": 0.3, "temperature": INF}, [1]),
        ([INF, 1, INF, 1], {"temperature": 0.0}, [0]),
        ([-0.0, 0.0, -1, 0.0], {"top_k": 2}, [0, 1]),  # the zeros are equal
    ],
)
def test_cut_offs(dtype, logits, words, expected):
    row = np.array(logits, dtype)
    assert kept(row, **words) == expected
    assert set(sample(row, **words, n=200, seed=1).tolist()) <= set(expected)


@pytest.mark.slow
@pytest.mark.parametrize("words", FILTERS)
def test_probabilities_sum_to_one_and_are_what_is_drawn(words):
    """Chi-square of a million draws against the distribution, rare tokens pooled."""
    row = BATCH[0]
    masses = probabilities(row.astype(np.float64), **words)
    assert masses.sum() == pytest.approx(1.0, abs=1e-12)
    n = 1_000_000
    counts = np.bincount(sample(row, **words, n=n, seed=5), minlength=row.size)
    assert not counts[masses == 0].any()
    common = masses * n >= 10
    observed = np.append(counts[common], counts[~common].sum())
    expected = np.append(masses[common], masses[~common].sum()) * n
    if expected[-1] < 5:
        observed, expected = observed[:-1], expected[:-1] * (observed[:-1].sum() / expected[:-1].sum())
    if observed.size > 1:
        assert scipy.stats.chisquare(observed, expected).pvalue > 1e-4


CUT_ROWS: list[dict[str, Any]] = [  # no lists of what is kept, on rows of 3000
    {},
    {"temperature": 40.0, "top_p": 0.9},
    {"temperature": 40.0, "min_p": 0.85},
    {"temperature": 40.0, "top_p": 0.99, "min_p": 0.85},
    {"temperature": 40.0, "top_p": 0.5, "min_p": 0.5},
]


@pytest.mark.parametrize("words", CUT_ROWS)
def test_probabilities_of_a_cut_row(words):
    """With many ties, which stay or go by their index."""
    fine = np.round(BATCH[4] * 64) / 64  # many levels of few
    for row in (np.round(BATCH[1]), np.zeros(3000, np.float32), np.sort(np.round(BATCH[2] * 2)), fine):
        expected = np.array(reference.probabilities(row.tolist(), **words))
        assert kept(row, **words) == np.flatnonzero(expected).tolist()
        np.testing.assert_allclose(probabilities(row, **words), expected, rtol=1e-6)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("words", [*CUT_ROWS, {"top_k": 700}, {"top_p": 0.9}])
def test_tokens_lie_where_their_uniforms_fall(words, masked):
    """Ties, and rows that climb by 70 and by 700 octaves a group, in which the light weights change their unit."""
    us = np.array([reference.uniform(8, 2**33 + 5, j) for j in range(300)])
    for row in (np.round(BATCH[1]), np.linspace(-300, 0, 3000), np.linspace(-3000, 300, 3500), BATCH[3]):
        logits, allowed = row.astype(np.float32), np.arange(row.size) % 7 != 3
        law = reference.probabilities((np.where(allowed, logits, -INF) if masked else logits).tolist(), **words)
        tokens = sample(logits, **words, seed=8, step=2**33 + 5, n=300, allowed=allowed if masked else None)
        sums = np.append(0, np.cumsum(law))
        assert (np.array(law)[tokens] > 0).all()
        assert (sums[tokens] < us + 1e-6).all()
        assert (sums[tokens + 1] > us - 1e-6).all()


@pytest.mark.slow
def test_tail_mass():
    """A uniform of 24 bits would never, or far too often, return a token of probability 2**-20 in 20 M draws."""
    logits = np.array([0.0, -20 * math.log(2)])
    n = 20_000_000
    hits = int(sample(logits, n=n, seed=9).sum())
    mean = n * probabilities(logits)[1]
    assert abs(hits - mean) < 5 * math.sqrt(mean)


@jit
def _draw(masses, u):
    sums = np.empty(groups_of(masses.size))
    total = list_masses(masses, masses.size, masses[0], sums)
    group = draw_group(sums, sums.size, u * total)
    before = sums[group - 1] if group > 0 else 0.0
    start = group * GROUP
    share = (u * total - before) / (sums[group] - before)
    stop, pieces = min(start + GROUP, masses.size), np.empty(8)
    masses = np.append(masses, np.zeros(8, masses.dtype))
    add_pieces(masses, start, stop, masses[0], pieces)
    place, _ = draw_within(masses, start, stop, share, pieces, masses[0])
    return place if place >= start else -1


@pytest.mark.parametrize(
    ("masses", "u", "token"),
    [
        ([2.0**-33, 1 - 2.0**-33], 2.0**-34, 0),  # an event of probability 2**-33 is reached
        ([2.0**-33, 1 - 2.0**-33], 2.0**-33, 1),
        ([1 - 2.0**-33, 2.0**-33], 1 - 2.0**-53, 1),
        ([1 - 2.0**-33, 2.0**-33], 1 - 2.0**-33, 1),  # the first whose cumulative mass exceeds u, not reaches it
        ([0.0, 1.0, 0.0], 2.0**-54, 1),
        ([0.0, 1.0, 0.0], 1 - 2.0**-53, 1),
        ([0.0, 0.25, 0.0, 0.75, 0.0, 0.0], 1 - 2.0**-53, 3),
        ([0.0, 0.25, 0.0, 0.75, 0.0, 0.0], 0.25, 3),
        ([3.0, 0.1, 0.0], 1.0, 1),  # u * total rounded up to the total
        ([3.0, 0.1, *[0.0] * 100], 1.0, 1),
        ([*[1.0] * GROUP, *[0.0] * GROUP], 1.0, GROUP - 1),
        ([1.0] * 128, 0.5, 64),  # where a piece begins
        ([1.0] * 128, 0.75, 96),
        ([1.0] * 32, 0.5, 16),  # where eight tokens begin
        ([1.0] * 32, 0.5 - 2.0**-40, 15),
        ([1.0] * 19, 17.5 / 19, 17),
        ([1.0] * 3 * GROUP, 1 / 3, GROUP),  # where a group begins
        ([1.0] * 3 * GROUP, 1 / 3 - 2.0**-40, GROUP - 1),
    ],
)
def test_the_map_from_u_to_token(masses, u, token):
    assert _draw(np.array(masses), u) == token


def test_more_categories_than_a_float32_can_count():
    """torch.multinomial stops at 2**24."""
    logits = np.zeros(2**24 + 5, np.float16)
    tokens = sample(logits, n=200, seed=2)
    assert tokens.max() > 2**23
    logits[:-1] = -np.inf
    assert sample(logits, seed=2) == 2**24 + 4


@pytest.mark.parametrize("words", FILTERS)
def test_seeded_rows_stand_alone(words):
    seeds, steps = np.arange(6) + 40, np.array([0, 3, 1, 2**40, 2, 5])
    together = sample(BATCH, **words, seed=seeds, step=steps, n=3)
    for i in range(6):
        assert sample(BATCH[i], **words, seed=int(seeds[i]), step=int(steps[i]), n=3).tolist() == together[i].tolist()
    order = RNG.permutation(6)
    assert sample(BATCH[order], **words, seed=seeds[order], step=steps[order], n=3).tolist() == together[order].tolist()


@pytest.mark.parametrize("words", FILTERS)
def test_the_same_tokens_for_any_threads(words):
    batch = np.tile(BATCH, (100, 1))
    before = fastsoftmax.get_num_threads()
    try:
        results = []
        for n in (1, 2, 3):
            fastsoftmax.set_num_threads(n)
            results.append((sample(batch, **words, rng=4).tolist(), probabilities(batch, **words).tobytes()))
    finally:
        fastsoftmax.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_many_draws_begin_with_the_few():
    many = sample(BATCH, rng=2, n=3000)
    assert many[:, :1].tolist() == sample(BATCH, rng=2, n=1).tolist()


def test_rng_gives_every_row_a_stream():
    same = np.tile(BATCH[:1], (50, 1))
    assert len(set(sample(same, temperature=5.0, rng=1).tolist())) > 20
    assert sample(same, rng=1).tolist() == sample(same, rng=np.random.default_rng(1)).tolist()
    generator = np.random.default_rng(1)
    assert sample(same, rng=generator).tolist() != sample(same, rng=generator).tolist()
    assert sample(same).shape == (50,)
    assert len(set(sample(same, temperature=5.0, seed=1).tolist())) == 1  # a scalar seed is one seed for every row


def test_parameters_a_row():
    words = {"temperature": np.array([0.0, 1.0, 2.0, INF, 0.5, 1.0]), "top_k": np.array([0, 5, 50, 7, 3000, 1])}
    words |= {"top_p": np.array([1, 0.5, 0.9, 1, 0.1, 1.0]), "min_p": np.array([0, 0, 0.1, 0, 0.5, 0])}
    masses = probabilities(BATCH, **words)
    tokens = sample(BATCH, **words, seed=8)
    for i in range(6):
        one = {name: values[i] for name, values in words.items()}
        np.testing.assert_array_equal(masses[i], probabilities(BATCH[i], **one))
        assert tokens[i] == sample(BATCH[i], **one, seed=8)


def test_shapes():
    cube = BATCH[:, :24].reshape(2, 3, 24)
    assert sample(cube[0, 0], seed=1).shape == ()
    assert sample(cube[0, 0], seed=1).dtype == np.int64
    assert sample(cube, seed=1).shape == (2, 3)
    assert sample(cube, seed=1, n=4).shape == (2, 3, 4)
    assert sample(cube, seed=1, n=0).shape == (2, 3, 0)
    assert sample(cube[:0], seed=1).shape == (0, 3)
    assert probabilities(cube[:0]).shape == (0, 3, 24)
    assert sample(cube, seed=1).tolist() == sample(cube, seed=1, n=1)[..., 0].tolist()
    views = cube.transpose(1, 0, 2)[:, :, ::-1]
    assert sample(views, seed=1).tolist() == sample(np.ascontiguousarray(views), seed=1).tolist()


def test_out():
    tokens = np.full((6, 2), -7)
    assert sample(BATCH, seed=1, n=2, out=tokens) is tokens
    assert tokens.tolist() == sample(BATCH, seed=1, n=2).tolist()
    masses = np.empty((6, 3000), np.float64)
    assert probabilities(BATCH, top_k=5, out=masses) is masses
    np.testing.assert_allclose(masses, probabilities(BATCH, top_k=5), rtol=1e-6)


def test_sampler_counts_its_steps():
    params = SamplingParams(temperature=0.8, top_p=0.95)
    sampler = Sampler(params, seed=3, top_k=40)
    assert sampler.params == SamplingParams(temperature=0.8, top_p=0.95, top_k=40)
    words = {"temperature": 0.8, "top_p": 0.95, "top_k": 40}
    assert [int(sampler(BATCH[0])) for _ in range(5)] == [
        int(sample(BATCH[0], **words, seed=3, step=i)) for i in range(5)
    ]
    assert sampler.step == 5
    sampler.step = 0
    assert sampler(BATCH[0]) == sample(BATCH[0], **words, seed=3)
    shared = Sampler(rng=6)
    assert shared(BATCH).tolist() == sample(BATCH, rng=6).tolist()
    assert shared(BATCH, n=3).shape == (6, 3)
    assert shared(BATCH[:, :7]).shape == (6,)  # another vocabulary


def test_a_call_that_fails_takes_no_step():
    sampler = Sampler(seed=3)
    with pytest.raises(ValueError, match="NaN"):
        sampler([NAN, 1.0])
    assert sampler.step == 0


def test_copies_of_a_sampler_go_on_alike():
    sampler = Sampler(rng=3, top_k=4)
    sampler(BATCH)
    copies = pickle.loads(pickle.dumps(sampler)), copy.deepcopy(sampler)
    following = sampler(BATCH).tolist()
    assert [other(BATCH).tolist() for other in copies] == [following] * 2


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({"top_k": 2},), TypeError, r"params is {'top_k': 2}, expected a SamplingParams"),
        (({},), TypeError, "params is {}, expected a SamplingParams"),
        ((0,), TypeError, "params is 0, expected a SamplingParams"),
    ],
)
def test_sampler_params(arguments, error, message):
    with pytest.raises(error, match=message):
        Sampler(*arguments)


def test_sampler_checks_its_key():
    with pytest.raises(ValueError, match="seed is -1, expected an integer"):
        Sampler(seed=-1)
    with pytest.raises(ValueError, match="rng and seed are both given"):
        Sampler(rng=1, seed=1)


def test_integers_that_numpy_makes_floats_of():
    seeds = [2**63, 1, 2, 3, 2**64 - 1, 0]
    expected = sample(BATCH, seed=np.array(seeds, np.uint64)).tolist()
    assert sample(BATCH, seed=seeds).tolist() == expected
    assert sample(BATCH, seed=1, step=seeds).tolist() == sample(BATCH, seed=1, step=np.array(seeds, np.uint64)).tolist()
    for large in (10**20, [10**20] * 6, np.uint64(2**64 - 1)):
        assert sample(BATCH, seed=1, top_k=large).tolist() == sample(BATCH, seed=1).tolist()


def test_very_many_draws_are_made_in_pieces(monkeypatch):
    for words in ({"seed": [1, 2, 3, 4, 5, 6]}, {"rng": 7, "top_k": 9}):
        whole = sample(BATCH, n=5000, **words)
        with monkeypatch.context() as patch:
            patch.setattr(fastsoftmax.sampling.functions, "_DRAWS", 1)
            np.testing.assert_array_equal(sample(BATCH, n=5000, **words), whole)


def test_a_float_is_no_top_k_after_the_same_integer():
    sample(BATCH, seed=1, top_k=5)
    with pytest.raises(TypeError, match=r"top_k is 5.0 \(float64\), expected an integer"):
        sample(BATCH, seed=1, top_k=5.0)
    assert sample(BATCH, seed=1, top_k=2**63 - 1).tolist() == sample(BATCH, seed=1).tolist()


def test_generators_are_what_numpy_takes():
    first = sample(BATCH, rng=5).tolist()
    assert sample(BATCH, rng=np.random.SeedSequence(5)).tolist() == first
    assert sample(BATCH, rng=np.random.PCG64(5)).tolist() == first


def test_sampling_params_are_checked():
    with pytest.raises(ValueError, match=r"top_p is 1.5, expected a number in \[0, 1\]"):
        SamplingParams(top_p=1.5)
    with pytest.raises(ValueError, match=r"top_k\[1\] is -2, expected an integer >= 0 \(0, -1, None are off\)"):
        Sampler(top_k=[3, -2], seed=1)
    with pytest.raises(
        TypeError, match=r"Sampler takes no top_q, expected .* temperature, .* \(did you mean top_p\?\)"
    ):
        Sampler(top_q=1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"temperature": -1.0}, ValueError, "temperature is -1.0, expected a number >= 0"),
        ({"temperature": [1, 1, 1, 1, NAN, 1]}, ValueError, r"temperature\[4\] is nan, expected a number >= 0"),
        ({"top_k": -2}, ValueError, r"top_k is -2, expected an integer >= 0 \(0, -1, None are off\)"),
        ({"top_k": 2.5}, TypeError, r"top_k is 2.5 \(float64\), expected an integer >= 0"),
        ({"top_k": True}, TypeError, "top_k is True"),
        ({"top_p": 1.0001}, ValueError, r"top_p is 1.0001, expected a number in \[0, 1\]"),
        ({"top_p": [0.5] * 5 + [-0.1]}, ValueError, r"top_p\[5\] is -0.1, expected a number in \[0, 1\]"),
        ({"min_p": NAN}, ValueError, r"min_p is nan, expected a number in \[0, 1\]"),
        ({"min_p": [0.1, 0.2]}, ValueError, r"min_p has shape \(2,\), expected a scalar or a shape that broadcasts"),
        ({"n": -1}, ValueError, r"n is -1, expected an integer in \[0, 2\*\*40\]"),
        ({"n": 1.5}, TypeError, r"n is 1.5, expected an integer in \[0, 2\*\*40\]"),
        ({"seed": -1}, ValueError, r"seed is -1, expected an integer in \[0, 2\*\*64\)"),
        ({"seed": 2**64}, ValueError, r"seed is 18446744073709551616, expected an integer in \[0, 2\*\*64\)"),
        ({"seed": 0.5}, TypeError, r"seed is 0.5 \(float64\), expected an integer in"),
        ({"seed": [1, 2]}, ValueError, r"seed has shape \(2,\), expected a scalar or a shape"),
        ({"seed": [1, 2, 3, 4, 5, -6]}, ValueError, r"seed\[5\] is -6, expected an integer in"),
        ({"seed": [1, [2]]}, ValueError, "seed is ragged, expected rows of one length"),
        ({"seed": [2**63, 1.5, 1, 1, 1, 1]}, TypeError, "seed is .*, expected an integer in"),
        ({"seed": [2**64, 1, 1, 1, 1, 1]}, ValueError, r"seed\[0\] is 18446744073709551616, expected an integer in"),
        ({"rng": "a"}, TypeError, "rng is 'a', expected None, an integer >= 0 or a numpy Generator"),
        ({"rng": 1.5}, TypeError, "rng is 1.5, expected None, an integer >= 0"),
        ({"rng": -1}, ValueError, "rng is -1, expected None, an integer >= 0"),
        ({"rng": True}, TypeError, "rng is True, expected None, an integer >= 0"),
        ({"step": -3}, ValueError, r"step is -3, expected an integer in"),
        ({"seed": 1, "rng": 2}, ValueError, "rng and seed are both given, expected one"),
        ({"out": np.empty(5, np.int64)}, ValueError, r"out has shape \(5,\), expected \(6,\)"),
        ({"out": np.zeros(6, np.int32)}, TypeError, "out is .*, expected an int64 array"),
        ({"out": np.ma.masked_array(np.zeros(6, np.int64))}, TypeError, "out is .*, expected an int64 array"),
    ],
)
def test_bad_arguments(arguments, error, message):
    words = {"seed": 1} if not {"seed", "rng"} & set(arguments) else {}
    with pytest.raises(error, match=message):
        sample(BATCH, **words, **arguments)


@pytest.mark.parametrize("function", [sample, probabilities])
def test_rows_without_a_distribution_change_nothing(function):
    words = {"seed": 1} if function is sample else {}
    for value, message in [
        (NAN, "logits row 3 is NaN at index 17, expected no NaN"),
        (-INF, "logits row 3 is all -inf, expected at least one token above -inf"),
    ]:
        bad = BATCH.copy()
        bad[3, 17 if value is NAN else slice(None)] = value
        out = np.full(6, -7) if function is sample else np.full(bad.shape, -7.0)
        with pytest.raises(ValueError, match=message):
            function(bad, **words, out=out)
        assert (out == -7).all()
        with pytest.raises(ValueError, match=message):
            function(bad, **words)
    with pytest.raises(ValueError, match="logits is NaN at index 1, expected no NaN"):
        function([1.0, NAN], **words)
    with pytest.raises(ValueError, match=r"logits row 1, 0 is all -inf"):
        function([[[1.0]], [[-INF]]], **words)


@pytest.mark.parametrize("logits", [np.zeros((3, 0)), np.zeros(()), 1.0])
def test_no_vocabulary(logits):
    with pytest.raises(ValueError, match=r"logits has shape .*, expected \(\.\.\., V\) with V >= 1"):
        sample(logits, seed=1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 511, 513, 1025, 2049, 4097, 5000, 33_000])
def test_top_k_at_every_size(size, dtype):
    """Against a stable sort, with ties, and two logits that differ in the last bit."""
    rng = np.random.default_rng(size)
    row = rng.standard_normal(size).astype(dtype)
    shapes = [row, np.round(row * 4), np.zeros_like(row), np.sort(row), np.where(row > 1, -np.inf, row)]
    close = np.ones_like(row)
    close[rng.integers(size, size=max(size // 3, 1))] = np.nextafter(dtype(1), dtype(2))
    for logits in [*shapes, close]:
        order = np.argsort(-logits, kind="stable")
        order = order[logits[order] > -np.inf]
        for k in {1, 2, 7, size // 3, size - 1, size} - {0}:
            assert kept(logits, top_k=k) == np.sort(order[:k]).tolist(), (size, k)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 20.0])
@pytest.mark.parametrize("size", [2, 17, 513, 1025, 4097, 40_000])
def test_top_p_at_every_size(size, temperature, dtype):
    """The nucleus is a prefix of the order that reaches p, and without its last token does not."""
    rng = np.random.default_rng(size)
    row = (rng.standard_normal(size) * 2).astype(dtype)
    close = 1e-12
    for logits in (row, np.round(row), np.sort(row)[::-1], np.where(row > 1, -np.inf, row), np.zeros_like(row)):
        order = np.argsort(-logits, kind="stable")
        masses = np.exp((logits[order].astype(np.float64) - float(logits.max())) / temperature)
        sums = np.cumsum(masses) / masses.sum()
        for p in (1e-12, 0.05, 0.5, 0.9, 0.999, 1 - 1e-12):
            found = kept(logits, temperature=temperature, top_p=p)
            size_found = len(found)
            assert found == np.sort(order[:size_found]).tolist()
            before = sums[size_found - 2] if size_found > 1 else 0.0
            assert before < p * (1 + close)
            assert sums[size_found - 1] > p * (1 - close) or masses[size_found:].sum() / masses.sum() < close


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [3, 600, 5000])
def test_min_p_is_a_logit(size, dtype):
    rng = np.random.default_rng(size)
    for scale in (1e-3, 1.0, 30.0):
        row = (rng.standard_normal(size) * scale).astype(dtype)
        for min_p in (1e-300, 1e-5, 0.3, 0.999, 1.0):
            for temperature in (0.1, 1.0, 50.0):
                distance = (float(row.max()) - row.astype(np.float64)) / temperature
                sure = np.flatnonzero(distance < -np.log(min_p) * (1 - 1e-12))
                possible = np.flatnonzero(distance <= -np.log(min_p) * (1 + 1e-12))
                d = sample(row, temperature=temperature, min_p=min_p, seed=1, kept_set=True)
                assert set(sure) <= set(d.kept_set.tokens.tolist()) <= set(possible)


def test_nan_is_found_wherever_it_is():
    for size in (5, 700, 3000):
        for place in {0, size // 2, size - 1}:
            for words in ({}, {"top_p": 0.9}, {"top_k": 3}, {"temperature": 0.0}, {"min_p": 0.1}):
                for fill in (0.0, -np.inf):
                    row = np.full(size, fill, np.float32)
                    row[place] = np.nan
                    with pytest.raises(ValueError, match=f"logits is NaN at index {place}, expected no NaN"):
                        sample(row, **words, seed=1)


def test_a_sampler_allocates_nothing_between_calls():
    row = np.random.default_rng(0).standard_normal(50_000).astype(np.float32)
    sampler = Sampler(top_p=0.9, seed=1)
    sampler(row)
    tracemalloc.start()
    for _ in range(5):
        sampler(row)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40_000  # two blocks of weights where a nucleus is near to p, and Python's own


def test_a_sampler_follows_its_parameters():
    """What is ready from one call must not be used for other rows, types, parameters or steps."""
    sampler = Sampler(seed=5, top_k=3)
    for row in (BATCH[0], BATCH[1], BATCH[2, :700], BATCH[3].astype(np.float64), BATCH[4].astype(np.float16)):
        step = sampler.step
        assert sampler(row) == sample(row, seed=5, step=step, top_k=3)
    for rows in (BATCH[:1], BATCH[1:2, :700], BATCH[0]):  # a batch of one row gives an array
        step = sampler.step
        found = sampler(rows)
        assert np.shape(found) == rows.shape[:-1]
        assert found.tolist() == sample(rows, seed=5, step=step, top_k=3).tolist()
    own = Sampler(seed=[9], temperature=[2.0])
    assert own(BATCH[:1]).tolist() == sample(BATCH[:1], seed=9, temperature=2.0).tolist()
    assert own(BATCH[1:2]).tolist() == sample(BATCH[1:2], seed=9, step=1, temperature=2.0).tolist()
    sampler.params = SamplingParams(temperature=0.0)
    assert sampler(BATCH[0]) == BATCH[0].argmax()
    sampler.step = 2**64 - 1
    assert sampler(BATCH[0]) == BATCH[0].argmax()
    with pytest.raises(ValueError, match=r"step is 18446744073709551616, expected an integer in"):
        sampler(BATCH[0])
    with pytest.raises(ValueError, match=r"expected .* with V >= 1"):
        Sampler(seed=1)(np.zeros(0))


def test_many_infinite_logits():
    row = np.full(2047, np.inf, np.float32)
    row[::5] = 0.0
    assert kept(row, top_p=0.0) == [1]
    assert kept(row, top_p=0.5) == np.flatnonzero(np.isinf(row))[: (1637 + 1) // 2].tolist()
    assert kept(row, min_p=0.5) == np.flatnonzero(np.isinf(row)).tolist()


INTEGERS = [np.uint8, np.int16, np.int32, np.uint32, np.int64, np.uint64]


@pytest.mark.parametrize("kind", INTEGERS)
def test_an_integer_of_any_type_means_its_value(kind):
    """A step of uint8 went on with 0 after 255, and draws were repeated."""
    sampler, expected = Sampler(seed=kind(7)), Sampler(seed=7)
    sampler.step, expected.step = kind(126), 126
    assert [int(sampler(BATCH[0])) for _ in range(300)] == [int(expected(BATCH[0])) for _ in range(300)]
    assert sampler.step == 426
    assert type(sampler.step) is int
    words = {"seed": kind(7), "step": kind(9), "top_k": kind(5), "n": kind(3)}
    plain = {name: int(word) for name, word in words.items()}
    assert sample(BATCH[0], **words).tolist() == sample(BATCH[0], **plain).tolist()


def test_a_step_is_checked_where_it_is_set():
    sampler = Sampler(seed=1)
    for step, error in ((-1, ValueError), (2**64, ValueError), (1.5, TypeError), (True, TypeError), (None, TypeError)):
        with pytest.raises(error, match=r"step is .*, expected an integer in \[0, "):
            sampler.step = step
    assert sampler.step == 0


@pytest.mark.parametrize(
    "off", [{"top_k": None}, {"top_k": -1}, {"top_p": None}, {"min_p": None}, {"temperature": None}]
)
def test_none_and_the_words_of_peers_are_off(off):
    expected = sample(BATCH, seed=3).tolist()
    assert sample(BATCH, seed=3, **off).tolist() == expected
    assert Sampler(seed=3, **off)(BATCH).tolist() == expected
    assert Sampler(seed=3, **off)(BATCH[0]) == expected[0]
    assert probabilities(BATCH, **off).tolist() == probabilities(BATCH).tolist()
    assert sample(BATCH, seed=3, top_k=[-1, 0, 0, -1, 0, 0]).tolist() == expected


def test_what_a_caller_changes_later_changes_nothing():
    seeds, temperatures = np.array([5], np.uint64), np.array([0.5])
    sampler = Sampler(temperature=temperatures, seed=seeds)
    expected = [sampler(BATCH[:1]).tolist() for _ in range(4)]
    sampler = Sampler(temperature=temperatures, seed=seeds)
    found = [sampler(BATCH[:1]).tolist() for _ in range(2)]
    seeds[0], temperatures[0] = 9, 100.0
    found += [sampler(BATCH[:1], n=1)[:, 0].tolist(), sampler(BATCH[:1]).tolist()]
    assert found == expected
    with pytest.raises(ValueError, match="read-only"):
        sampler.params.temperature[0] = 1.0


def test_a_sampler_says_what_it_is():
    sampler = Sampler(temperature=0.7, top_p=0.9, seed=7)
    sampler(BATCH[0])
    assert repr(sampler) == "Sampler(temperature=0.7, top_k=0, top_p=0.9, min_p=0.0, seed=7, step=1)"
    assert "rng=<key 0x" in repr(Sampler(rng=1))


def test_values_that_hold_arrays_are_compared_and_hashed():
    one, same, other = (SamplingParams(temperature=np.array([0.5, t])) for t in (1.0, 1.0, 2.0))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != "something else"
    assert len({one, same, other}) == 2
    draws = [sample(BATCH, seed=seed, details=True, kept_set=True, top_logprobs=2, top_k=4) for seed in (1, 1, 2)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]
    assert draws[0].kept_set == draws[1].kept_set
    assert draws[0].kept_set != sample(BATCH, seed=1, kept_set=True, top_k=5).kept_set
    assert draws[0].top_logprobs == draws[2].top_logprobs
    assert len({*draws}) == 2


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox])
def test_a_call_that_is_refused_leaves_the_generator_as_it_was(kind):
    generator, twin = np.random.Generator(kind(1)), np.random.Generator(kind(1))
    chain = fastsoftmax.MarkovChain.from_transitions({"a": {"b": 1}})
    text = fastsoftmax.MarkovText().fit("A b c.")
    for call in (
        lambda: sample(BATCH, rng=generator, top_p=2.0),
        lambda: sample([1.0, NAN], rng=generator),
        lambda: Sampler(rng=generator, seed=1),
        lambda: chain.walk(rng=generator, on_dead_end="no such"),
        lambda: chain.walk(rng=generator, on_dead_end="raise", start=["a"]),
        lambda: text.generate(rng=generator, start="Z"),
    ):
        with pytest.raises((ValueError, KeyError)):
            call()
    assert generator.integers(0, 2**64, dtype=np.uint64) == twin.integers(0, 2**64, dtype=np.uint64)


def test_parameters_and_batch_broadcast_to_each_other():
    row = BATCH[0]
    for words in ({"temperature": [0.5, 2.0]}, {"top_k": [[3], [9]]}, {"top_p": [0.5, 0.9]}, {"min_p": [0.1, 0.5]}):
        (name, values), *_ = words.items()
        shape = np.shape(values)
        each = [sample(row, seed=4, **{name: value}) for value in np.ravel(values).tolist()]
        assert sample(row, seed=4, **words).tolist() == np.reshape(each, shape).tolist()
        assert Sampler(seed=4, **words)(row).tolist() == np.reshape(each, shape).tolist()
        masses = [probabilities(row, **{name: value}) for value in np.ravel(values).tolist()]
        np.testing.assert_array_equal(probabilities(row, **words), np.reshape(masses, (*shape, row.size)))
    seeds, steps = np.arange(3), np.arange(2)[:, None]
    found = sample(row, seed=seeds, step=steps, n=2, details=True)
    assert found.tokens.shape == (2, 3, 2)
    for step, seed in np.ndindex(2, 3):
        one = sample(row, seed=seed, step=step, n=2, details=True)
        assert found.tokens[step, seed].tolist() == one.tokens.tolist()
        assert found.raw_logprobs[step, seed].tolist() == one.raw_logprobs.tolist()
    masks = np.arange(row.size) % np.array([[2], [3]]) > 0
    expected = [sample(row, seed=4, allowed=mask) for mask in masks]
    assert sample(row, seed=4, allowed=masks).tolist() == expected
    assert sample(row, seed=4, allowed=masks, details=True).tokens.tolist() == expected
    assert sample(row, seed=4, temperature=[0.5, 2.0], bias={3: 2.0}).shape == (2,)


@pytest.mark.parametrize(
    "buffer",
    [b"secret", bytearray(b"secret"), memoryview(b"secret"), np.frombuffer(b"secret", np.uint8), array("d", [7])],
)
def test_messages_never_print_what_a_buffer_holds(buffer):
    refusals = list[str]()
    for call in (
        lambda: sample([1.0, 2.0], seed=buffer),
        lambda: sample([1.0, 2.0], seed=1, out=buffer),
        lambda: sample([1.0, 2.0], seed=1, n=buffer),
        lambda: sample([1.0, 2.0], seed=1, bias=buffer),
        lambda: Sampler(buffer, seed=1),
        lambda: fastsoftmax.softmax([1.0, 2.0], out=buffer),
        lambda: fastsoftmax.MarkovText().fit([buffer]),
        lambda: fastsoftmax.MarkovText(order=buffer),
        lambda: fastsoftmax.MarkovText().fit("A cat.").generate(start=buffer),
        lambda: fastsoftmax.MarkovChain.from_transitions(buffer),
        lambda: fastsoftmax.MarkovChain().fit([["a"]]).merge(buffer),
        lambda: fastsoftmax.MarkovText.import_markovify(buffer),
        lambda: fastsoftmax.set_num_threads(buffer),
    ):
        try:
            call()  # some take what can be read as an array
        except (TypeError, ValueError) as error:
            refusals.append(str(error))
    assert len(refusals) >= 10
    for message in refusals:
        assert "secret" not in message
        assert "115" not in message  # the first byte
        assert "array('d'" not in message
