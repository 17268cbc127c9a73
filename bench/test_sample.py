"""From logits to a token against torch, transformers, llama.cpp and NumPy, and one read of the logits."""

from dataclasses import asdict
from itertools import chain

import pytest

import fastsoftmax
from bench import limits, peers
from bench.cases import ALL, BATCHES, DTYPES, ONE, VOCABULARIES, cross, listed, vary
from bench.cases import threads as number
from bench.conftest import Race
from bench.data import ADVERSARIAL, REAL_VOCABULARY, Missing, Rows
from bench.results import Case
from fastsoftmax import SamplingParams

PARAMS = {
    "greedy": SamplingParams(temperature=0),
    "temperature": SamplingParams(temperature=0.8),
    "top_k": SamplingParams(top_k=50),
    "top_p": SamplingParams(top_p=0.9),
    "min_p": SamplingParams(min_p=0.05),
    "chat": SamplingParams(temperature=0.7, top_k=50, top_p=0.9, min_p=0.05),
    "hot": SamplingParams(temperature=5, top_p=0.9),
}
ROW, REAL = Rows(), Rows("real", REAL_VOCABULARY)
TENSOR = " (tensor)"  # ours is given a torch tensor too

CASES = listed(
    quick=(
        *cross(PARAMS, [ROW, *vary(REAL, batch=(64,))]),
        *cross(["chat"], vary(ROW, vocabulary=VOCABULARIES)),
        *cross(["chat"], vary(ROW, batch=(8, 64))),
        *cross(["chat"], vary(ROW, dtype=DTYPES)),
        *cross(["top_p", "chat"], vary(ROW, kind=ADVERSARIAL)),
        *cross(["temperature", "min_p"], vary(ROW, kind=("flat", "one_hot"))),
        *cross(["top_p", "chat"], [Rows(vocabulary=1_000)]),
        *cross(["temperature"], [ROW], [1_000]),
        *cross(["chat"], vary(ROW, batch=(64,)), name=ONE),
        *cross(["chat (tensor)"], [ROW, Rows(vocabulary=1_000)]),
    ),
    full=(
        *cross(PARAMS, vary(ROW, vocabulary=VOCABULARIES)),
        *cross(PARAMS, vary(ROW, batch=(1, 8, 64))),
        *cross(["temperature", "chat"], vary(ROW, batch=BATCHES)),
        *cross(["top_p", "chat"], vary(ROW, batch=(64, 256), dtype=("float32", "bfloat16")), name=ONE),
        *cross(PARAMS, vary(ROW, kind=ADVERSARIAL)),
        *cross(["temperature", "top_p", "chat"], vary(ROW, dtype=DTYPES, batch=(1, 8))),
        *cross(PARAMS, vary(REAL, batch=(1, 64))),
        *cross(PARAMS, vary(REAL, batch=(64,)), name=ONE),
        *cross(PARAMS, [ROW], name=ALL),
    ),
)


@pytest.mark.parametrize(("name", "rows", "n", "threads"), CASES)
def test_sample(race: Race, name: str, rows: Rows, n: int, threads: str) -> None:
    try:
        logits = rows.array()
    except Missing as reason:
        pytest.skip(str(reason))
    params, ours = PARAMS[name.removesuffix(TENSOR)], logits
    if name.endswith(TENSOR):
        torch = pytest.importorskip("torch", reason="needs torch: the extra bench")
        ours = torch.from_numpy(logits)
    facts = {**asdict(params), "n": n, "threads": number(threads), "limit": limits.READ, **vars(rows)}
    case = Case("sample", name if n == 1 else f"{name} n={n}", f"{rows}-{threads}", facts, "tokens")
    others = chain(limits.streams(logits), peers.contestants("sample", logits, params, n))
    sampler = fastsoftmax.Sampler(params, rng=0)
    draws = None if n == 1 else n
    race(case, rows.batch * n, lambda: sampler(ours, n=draws), others)
