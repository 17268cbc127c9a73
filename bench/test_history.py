"""Edits for what came before on one row and on a batch, mirostat, and drafts verified in front of it."""

from functools import partial

import numpy as np
import pytest

from bench import limits
from bench.cases import ALL, ONE
from bench.conftest import Race
from bench.data import Rows
from bench.race import Contestant
from bench.results import Case
from fastsoftmax import SamplerChain, probabilities, sample, verify

REST = "temperature=0.7 top_p=0.9"
EDITS = {
    "three penalties": "repetition=1.1 frequency(0.1, of=all) presence(0.2, of=all)",
    "DRY": "dry=0.8",
}
DRAFTS = 4


def history(rows: Rows, length: int) -> np.ndarray:
    """Return histories in which tokens come as often as words do."""
    return np.random.default_rng(length).zipf(1.25, (rows.batch, length)) % rows.vocabulary


@pytest.mark.parametrize("length", [100, 4000])
@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("name", EDITS)
def test_edits(race: Race, name: str, batch: int, length: int) -> None:
    rows = Rows(batch=batch)
    logits, chain = rows.array(), SamplerChain(EDITS[name], REST)
    state, threads = chain.start(history(rows, length)), ONE if batch == 1 else ALL
    facts = {"samplers": str(chain), "history": length, "n": 1, "threads": 1, "limit": limits.READ, **vars(rows)}
    case = Case("sample", f"{name}, history of {length}", f"{rows}-{threads}", facts, "tokens")
    plain = Contestant("the same without", "limit", partial(sample, logits, samplers=REST, seed=1))
    race(case, batch, partial(sample, logits, samplers=chain, state=state, seed=1), [*limits.streams(logits), plain])


@pytest.mark.parametrize("batch", [1, 64])
@pytest.mark.parametrize("kept", [8.0, 40.0])
def test_mirostat(race: Race, kept: float, batch: int) -> None:
    """With mu so small that few tokens are left, and so large that nearly all are."""
    rows = Rows(batch=batch)
    logits, chain = rows.array(), SamplerChain("temperature=0.7 mirostat_2")
    state, threads = chain.start([[]] * batch), ONE if batch == 1 else ALL
    state = state.drawn(np.zeros(batch, np.int64), np.full(batch, kept, np.float32))
    facts = {"samplers": str(chain), "mu": kept, "n": 1, "threads": 1, "limit": limits.READ, **vars(rows)}
    case = Case("sample", f"mirostat 2 at mu = {kept:g}", f"{rows}-{threads}", facts, "tokens")
    plain = Contestant("the temperature alone", "limit", partial(sample, logits, temperature=0.7, seed=1))
    race(case, batch, partial(sample, logits, samplers=chain, state=state, seed=1), [*limits.streams(logits), plain])


@pytest.mark.parametrize("batch", [1, 16])
@pytest.mark.parametrize("drawn", [False, True])
def test_verify(race: Race, drawn: bool, batch: int) -> None:
    rows = Rows(batch=batch * (DRAFTS + 1))
    logits = rows.array().reshape(batch, DRAFTS + 1, -1)
    draft = probabilities(logits[:, :DRAFTS], samplers=REST, out=np.empty((batch, DRAFTS, logits.shape[-1])))
    tokens = sample(logits[:, :DRAFTS], samplers=REST, rng=1)
    facts = {"samplers": REST, "n": 1, "threads": 1, "limit": limits.READ, **vars(rows)}
    case = Case("sample", f"verify {DRAFTS} drafts{', drawn' if drawn else ''}", f"{rows}-{ONE}", facts, "tokens")
    flat = Contestant(
        "draws of the rows", "limit", partial(sample, logits.reshape(-1, logits.shape[-1]), samplers=REST, seed=1)
    )
    call = partial(verify, logits, tokens, draft=draft if drawn else None, samplers=REST, seed=1)
    race(case, batch * (DRAFTS + 1), call, [*limits.streams(rows.array()), flat])
