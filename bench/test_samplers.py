"""Every sampler of the registry on one row, and chains of several, against llama.cpp and transformers."""

from itertools import chain

import pytest

from bench import limits, peers
from bench.cases import ONE
from bench.conftest import Race
from bench.data import Rows
from bench.results import Case
from bench.zoo import example_of
from fastsoftmax import Sampler, SamplerChain
from fastsoftmax.samplers import SAMPLERS

ROW = Rows()
CHAINS = {
    **{f"samplers {kind.name}": SamplerChain("temperature=0.7", example_of(kind)) for kind in SAMPLERS},
    "samplers typical p=0.9": SamplerChain("typical=0.9"),
    "samplers T last": SamplerChain("top_k=50 top_p=0.9 min_p=0.05 temperature=0.7"),
    "samplers T first": SamplerChain("temperature=0.7 top_k=50 top_p=0.9 min_p=0.05"),
    "samplers llama.cpp with XTC": SamplerChain.preset("llama.cpp", xtc_probability=0.5),
}


@pytest.mark.parametrize("name", CHAINS)
def test_samplers(race: Race, name: str) -> None:
    logits = ROW.array()
    facts = {"samplers": str(CHAINS[name]), "n": 1, "threads": 1, "limit": limits.READ, **vars(ROW)}
    case = Case("sample", name, f"{ROW}-{ONE}", facts, "tokens")
    others = chain(limits.streams(logits), peers.contestants("samplers", logits, CHAINS[name]))
    sampler = Sampler(CHAINS[name], rng=0)
    race(case, 1, lambda: sampler(logits), others)
