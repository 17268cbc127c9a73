"""Every sampler of the registry: what it declares is checked, and what it does is what the reference says."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastsoftmax as fs
from fastsoftmax.samplers import SAMPLERS
from reference import chain as reference
from reference.samplers import SAMPLERS as TWINS
from tests.samplers.strategies import chains, rows, steps_of

TOLERANCE = {"float16": 1e-3, "float32": 1e-6, "float64": 1e-12}
BOUNDARY = 1e-12


def assert_same(row, chain):
    expected = np.array(reference.probabilities(row.tolist(), str(chain)))
    found = fs.probabilities(row, samplers=chain)
    drawn = expected > np.finfo(row.dtype).tiny
    assert np.array_equal(found[drawn] > 0, expected[drawn] > 0), (str(chain), found, expected)
    assert not found[expected == 0].any(), (str(chain), found, expected)
    assert np.allclose(found, expected, rtol=TOLERANCE[str(row.dtype)], atol=1e-7), (str(chain), found, expected)


@given(row=rows(), data=st.data())
@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_a_sampler_keeps_what_the_reference_keeps(kind, row, data):
    assert_same(row, data.draw(steps_of(kind)))


@given(row=rows(), chain=chains)
def test_chains_leave_what_the_reference_leaves(row, chain):
    assert_same(row, chain)


@given(row=rows(), chain=chains, seed=st.integers(0, 2**64 - 1), step=st.integers(0, 2**40))
def test_draws_are_those_of_the_reference(row, chain, seed, step):
    expected = reference.sample(row.tolist(), str(chain), n=5, seed=seed, step=step)
    assert fs.sample(row, samplers=chain, n=5, seed=seed, step=step).tolist() == expected, str(chain)


@pytest.mark.parametrize("kind", SAMPLERS, ids=lambda kind: kind.name)
def test_a_sampler_has_a_twin_with_the_same_parameters(kind):
    assert kind.name in TWINS
    if kind.name != "gumbel":
        assert [one.name for one in fields(kind)] == reference.field_names(kind.name)
