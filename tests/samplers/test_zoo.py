"""Every sampler of the registry: what it declares is checked, and what it does is what the reference says."""

import ast
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastsoftmax as fs
from fastsoftmax.samplers import SAMPLERS
from reference import chain as reference
from reference.samplers import SAMPLERS as TWINS
from tests.samplers.strategies import chains, is_on, off_value, rows, state_for, steps_of

TOLERANCE = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-12}
ROOT = Path(fs.__file__).parents[1]
FILTERS = [kind for kind in SAMPLERS if hasattr(kind, "limit") or hasattr(kind, "look")]
WORDS = {"temperature", "top_k", "top_p", "min_p"}  # which calls have by themselves


def assert_same(row, chain):
    expected = np.array(reference.probabilities(row.tolist(), str(chain)))
    found = fs.probabilities(row, **state_for(chain))
    drawn = expected > np.finfo(row.dtype).tiny
    assert np.array_equal(found[drawn] > 0, expected[drawn] > 0), (str(chain), found, expected)
    assert not found[expected == 0].any(), (str(chain), found, expected)
    assert np.allclose(found, expected, rtol=TOLERANCE[str(row.dtype)], atol=1e-7), (str(chain), found, expected)


def kept_by(row, step):
    """Return the set that a draw comes from."""
    words = state_for(step)
    found = fs.sample(row, seed=1, kept_set=True, **words)
    return (found[0] if "state" in words else found).kept_set


@given(row=rows(), data=st.data())
@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_a_sampler_keeps_what_the_reference_keeps(kind, row, data):
    assert_same(row, data.draw(steps_of(kind)))


@pytest.mark.parametrize(
    "chain", ["top_h=0.5", "top_h=0.9", "typical=0.999", "eta=0.5", "p_less", "min_p=1e-10 top_h=0.5"]
)
def test_what_is_smaller_than_the_error_of_a_light_sum(chain):
    """A row whose entropy is 4e-9: sums of float32 cannot tell it from 0, nor from 1e-6."""
    for top in (0.0, 635.3516, -71.3):
        for rest in (22.5, 15.0, 10.0):
            assert_same(np.array([top, top - rest, top - rest - 1.0, *[top - 200.0] * 30], np.float32), chain)


@given(row=rows(), chain=chains)
def test_chains_leave_what_the_reference_leaves(row, chain):
    assert_same(row, chain)


@given(row=rows(), chain=chains, seed=st.integers(0, 2**64 - 1), step=st.integers(0, 2**40))
def test_draws_are_those_of_the_reference(row, chain, seed, step):
    expected = reference.sample(row.tolist(), str(chain), n=5, seed=seed, step=step)
    assert fs.sample(row, samplers=chain, n=5, seed=seed, step=step).tolist() == expected, str(chain)


BOUNDS = [
    "epsilon=1e-7",
    "eta=1e-9",
    "top_a=1e-6",
    "p_less temperature=0.5",
    "top_n_sigma=2.5",
    "epsilon=1e-4",
    "epsilon=1e-300",
]


@pytest.mark.parametrize("bound", ["epsilon=0.1", "epsilon=0.001", "p_less", "top_a=0.9", "epsilon=0.0005"])
def test_equal_logits_that_a_bound_drops_or_keeps(bound):
    """Of 1,500 equals none reaches some bounds, and the first stays; all reach others."""
    for row in (np.zeros(1500, np.float32), np.full(1500, 0.25146043, np.float32), np.full(1500, -700.5)):
        expected = reference.sample(row.tolist(), bound, n=20, seed=5)
        assert fs.sample(row, samplers=bound, n=20, seed=5).tolist() == expected


def long_row(bound, dtype):
    generator = np.random.default_rng(len(bound))
    row = generator.normal(size=3000).astype(dtype)
    row[generator.random(3000) < 0.1] = -np.inf
    return row


@pytest.mark.parametrize("heat", [1.0, 4.0])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("bound", BOUNDS)
def test_draws_from_a_long_row_that_a_bound_cuts(bound, dtype, heat):
    """Most of the row stays: it is not listed, and draws are those of the reference all the same."""
    row, chain = long_row(bound, dtype), f"temperature={heat} {bound}"
    assert fs.sample(row, samplers=chain, n=0, seed=5).shape == (0,)
    expected = reference.sample(row.tolist(), chain, n=300, seed=5, step=2)
    assert fs.sample(row, samplers=chain, n=300, seed=5, step=2).tolist() == expected


@pytest.mark.parametrize("heat", [1.0, 4.0])
@pytest.mark.parametrize(  # each compiles kernels of its own
    "dtype", ["float32", *(pytest.param(other, marks=pytest.mark.long) for other in ("float16", "float64"))]
)
@pytest.mark.parametrize("bound", BOUNDS)
def test_draws_from_a_long_masked_row_that_a_bound_cuts(bound, dtype, heat):
    """The mask hides large logits where the other row has -inf."""
    row, words = long_row(bound, dtype), {"samplers": f"temperature={heat} {bound}", "n": 300, "seed": 5, "step": 2}
    allowed = row > -np.inf
    hidden = np.where(allowed, row, 9.0).astype(dtype)
    assert fs.sample(hidden, allowed=allowed, **words).tolist() == fs.sample(row, **words).tolist()


@given(row=rows(), chain=chains.filter(lambda chain: all(step.name != "xtc" for step in chain)))
def test_details_are_those_of_the_distribution(row, chain):
    """But of XTC: its details are of one outcome, its distribution is the mean."""
    row = row.astype(np.float64)
    found = fs.sample(row, samplers=chain, n=3, seed=1, details=True, kept_set=True)
    shares = fs.probabilities(row, samplers=chain)
    drawn = shares[shares > 0]
    there = found.tokens >= 0  # distinct draws of few tokens end with -1
    tokens = found.tokens[there]
    assert np.allclose(found.logprobs[there], np.log(shares[tokens]), rtol=1e-9, atol=1e-12)
    assert np.isclose(found.entropy, -np.sum(drawn * np.log(drawn)), rtol=1e-9, atol=1e-12)
    order = np.argsort(-row, kind="stable")
    assert np.array_equal(order[found.ranks[there]], tokens)
    assert found.kept == found.kept_set.tokens.size == found.kept_after[-1] >= drawn.size
    assert set(found.kept_set.tokens) >= set(np.flatnonzero(shares))
    assert 0 < found.kept_mass <= 1


@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_a_sampler_has_a_twin_with_the_same_parameters(kind):
    assert kind.name in TWINS
    assert [one.name for one in fields(kind)] == reference.field_names(kind.name)


@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_a_sampler_says_what_it_is(kind):
    text = kind.__doc__
    for part in ("Parameters", "Notes", "Source"):
        assert part in text or (part == "Parameters" and not fields(kind)), part
    for one in fields(kind):
        assert f"{one.name} :" in text or f"{one.name}," in text or f", {one.name}" in text, one.name


@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_a_sampler_s_name_stands_in_its_own_places_alone(kind):
    """Its file, its twin, the registries and the presets: what else there is follows from the file."""
    own = f"fastsoftmax/samplers/{kind.name}.py"
    for file in (ROOT / "fastsoftmax").rglob("*.py"):
        place = file.relative_to(ROOT).as_posix()
        tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        strings = {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        assert place == own or kind.name in WORDS or kind.name not in strings, place


@given(row=rows())
@pytest.mark.parametrize("kind", [kind for kind in SAMPLERS if off_value(kind) is not None], ids=lambda kind: kind.name)
def test_off_is_identity(kind, row):
    neutral = "top_k=100000 quadratic=1.0"  # which no words say
    found = fs.probabilities(row, **state_for([kind(**off_value(kind)), neutral]))
    assert np.array_equal(found, fs.probabilities(row, samplers=neutral))


@given(row=rows(), data=st.data())
@pytest.mark.parametrize("kind", FILTERS, ids=lambda kind: kind.name)
def test_a_filter_keeps_a_band_of_the_order(kind, row, data):
    step = data.draw(steps_of(kind).filter(is_on))
    kept = kept_by(row, step).tokens
    order = np.argsort(-row.astype(np.float64), kind="stable")
    places = np.flatnonzero(np.isin(order, kept))
    assert places.tolist() == list(range(places[0], places[-1] + 1))
    if step.name not in ("typical", "xtc"):  # which drop from the front
        assert places[0] == 0


@given(row=rows(), data=st.data())
@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_one_value_is_one_a_row(kind, row, data):
    step = data.draw(steps_of(kind))
    wide = {
        one.name: np.full(3, getattr(step, one.name)) if "range" in one.metadata else getattr(step, one.name)
        for one in fields(kind)
    }
    batch = np.stack([row] * 3)
    expected = fs.probabilities(row, **state_for(["top_k=500", step]))
    found = fs.probabilities(batch, **state_for(["top_k=500", kind(**wide)], 3))
    assert all(np.allclose(one, expected, rtol=TOLERANCE[str(row.dtype)]) for one in found)
    assert all(np.array_equal(one > 0, expected > 0) for one in found)


@given(row=rows(), data=st.data())
@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_a_constant_and_an_order_change_nothing_else(kind, row, data):
    """What is added to all logits changes no set, and tokens that change places change them in the set."""
    step = data.draw(steps_of(kind))
    row = row.astype(np.float64)
    assert len(kept_by(row[::-1], step).tokens) == len(kept_by(row, step).tokens)
    if np.all(np.abs(row) < 2**10):
        moved = np.round(row * 2**20) / 2**20  # to which 64 can be added exactly
        before = fs.probabilities(moved, **state_for(step))
        after = fs.probabilities(moved + 64.0, **state_for(step))
        assert np.allclose(after, before, rtol=1e-12)
        assert np.array_equal(after > 0, before > 0)
