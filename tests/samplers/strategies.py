"""Hypothesis strategies of samplers, from what their files declare, and of rows that are hard for them."""

import math
from dataclasses import Field, fields
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fastsoftmax.samplers import SAMPLERS
from fastsoftmax.samplers.chain import SamplerChain
from fastsoftmax.samplers.step import OFF, Step

Strategy = st.SearchStrategy[Any]


def values_of(field: Field[Any]) -> Strategy:
    """Return values of a parameter: within its range, and often its default."""
    if "words" in field.metadata:
        return st.sampled_from(field.metadata["words"])
    limits = field.metadata["range"]
    most = limits.high if limits.high < math.inf else 6.0
    if limits.whole:
        return st.integers(int(limits.low), 6) | st.just(field.default)
    return st.floats(limits.low, most, exclude_min=limits.above).map(lambda x: float(np.float32(x))) | st.just(
        field.default
    )


def steps_of(kind: type[Step]) -> Strategy:
    """Return samplers of a kind."""
    return st.builds(kind, **{one.name: values_of(one) for one in fields(kind)})


FREE = [kind for kind in SAMPLERS if kind.followers is None]  # what others may follow
steps = st.sampled_from(FREE).flatmap(steps_of)
last_steps = st.sampled_from(SAMPLERS).flatmap(steps_of).filter(lambda step: not step.asks)


def state_for(samplers: Any, rows: int | None = None) -> dict[str, Any]:
    """Return the words of a call with some samplers before the first token: a state where they ask for one."""
    chain = SamplerChain(samplers)
    words = {"samplers": chain}
    return words if chain.asking is None else {**words, "state": chain.start([] if rows is None else [[]] * rows)}


def is_possible(steps: list[Step]) -> bool:
    """Return whether samplers can be put together."""
    try:
        SamplerChain(steps)
    except ValueError:
        return False
    return True


chains = (
    st.tuples(st.lists(steps, max_size=4), last_steps)
    .map(lambda pair: [*pair[0], pair[1]])
    .filter(is_possible)
    .map(SamplerChain)
)


@st.composite
def rows(draw: Any) -> Any:
    """Draw a row of logits: Gaussian, with ties, flat, with -inf, of few tokens or of some thousand."""
    size = draw(st.sampled_from([1, 2, 3, 7, 40, 70, 600, 3000]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    kind = draw(st.sampled_from(["normal", "hot", "ties", "flat", "counts", "holes", "wide"]))
    z = generator.normal(size=size) * {"hot": 6.0, "wide": 300.0}.get(kind, 2.0)
    if kind == "ties":
        z = np.round(z)
    elif kind == "flat":
        z[:] = z[0]
    elif kind == "counts":
        z = np.log(generator.integers(1, 9, size=size))
    elif kind == "holes":
        z[generator.random(size) < 0.5] = -np.inf
        z[generator.integers(size)] = 1.0
    return z.astype(draw(st.sampled_from(["float32", "float64", "float16"])))


def off_value(kind: type[Step]) -> dict[str, Any] | None:
    """Return parameters with which a sampler does nothing, whatever the others are; None if there are none."""
    for one in fields(kind):
        if "range" in one.metadata and one.name != "min_keep":
            limits = one.metadata["range"]
            for value in (limits.low, 0, 1, limits.high):
                if value < math.inf and not is_on(kind(**{one.name: int(value) if limits.whole else value})):
                    return {one.name: int(value) if limits.whole else value}
    return None


def is_on(step: Step) -> bool:
    """Return whether a sampler does anything."""
    return any((rows[:, 1] != OFF).any() for rows in step.operations(()))
