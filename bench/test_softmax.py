"""softmax, log_softmax and logsumexp against NumPy, SciPy, torch, and one copy of the array."""

from itertools import chain

import numpy as np
import pytest

import fastsoftmax
from bench import limits, peers
from bench.cases import ALL, BATCHES, DTYPES, ONE, VOCABULARIES, cross, listed, vary
from bench.cases import threads as number
from bench.conftest import Race
from bench.data import ADVERSARIAL, REAL_VOCABULARY, Missing, Rows
from bench.results import Case

FUNCTIONS = ("softmax", "log_softmax", "logsumexp")
ROW, REAL = Rows(), Rows("real", REAL_VOCABULARY)
MANY = [  # rows of attention scores, of classifiers, and of nothing much
    Rows("normal", size, batch) for size, batch in ((16, 1_000_000), (128, 100_000), (256, 16_384), (1_000, 32_768))
]
FIELD = Rows("normal", 50_000, 128)  # along its first axis

CASES = listed(
    quick=(
        *cross(FUNCTIONS, [Rows(vocabulary=1_000), *vary(ROW, batch=(1, 64)), *vary(REAL, batch=(64,))]),
        *cross(["softmax"], vary(ROW, vocabulary=VOCABULARIES)),
        *cross(["softmax"], vary(ROW, dtype=DTYPES), [1, 0.7]),
        *cross(["softmax"], vary(ROW, kind=ADVERSARIAL)),
        *cross(["softmax"], vary(ROW, batch=(64,)), name=ONE),
        *cross(["softmax"], [Rows("normal", 16), *MANY[:2]], name=ONE),
        *cross(["softmax along 0"], [FIELD], name=ONE),
    ),
    full=(
        *cross(["softmax"], vary(ROW, vocabulary=VOCABULARIES, batch=BATCHES)),
        *cross(["softmax"], vary(ROW, dtype=DTYPES, batch=BATCHES)),
        *cross(FUNCTIONS, vary(ROW, batch=BATCHES), [1, 0.7]),
        *cross(FUNCTIONS, vary(ROW, dtype=DTYPES)),
        *cross(FUNCTIONS, vary(ROW, kind=ADVERSARIAL)),
        *cross(FUNCTIONS, vary(REAL, batch=BATCHES)),
        *cross(FUNCTIONS, vary(ROW, batch=(8, 64)), name=ONE),
        *cross(FUNCTIONS, [ROW], name=ALL),
        *cross(["softmax", "logsumexp"], vary(ROW, dtype=DTYPES, batch=(256,)), name=ONE),
        *cross(["softmax"], vary(ROW, dtype=DTYPES, batch=(256,)), name=ALL),
        *cross(["softmax"], vary(ROW, dtype=("float64", "float16", "bfloat16"), vocabulary=(32_000,))),
        *cross(["softmax"], MANY, name=ONE),
        *cross(["softmax"], MANY, name=ALL),
        *cross(["softmax along 0"], [FIELD], name=ALL),
    ),
)


@pytest.mark.parametrize(("function", "rows", "temperature", "threads"), CASES)
def test_softmax(race: Race, function: str, rows: Rows, temperature: float, threads: str) -> None:
    try:
        logits = rows.array()
    except Missing as reason:
        pytest.skip(str(reason))
    axis = 0 if function.endswith(" along 0") else -1
    limit = limits.READ if function == "logsumexp" else limits.COPY
    facts = {"temperature": temperature, "threads": number(threads), "limit": limit, **vars(rows)}
    name = function if temperature == 1 else f"{function} T={temperature}"
    case = Case("softmax", name, f"{rows}-{threads}", facts, "elements")
    function = function.removesuffix(" along 0")
    others = chain(limits.streams(logits), peers.contestants("softmax", function, logits, temperature, axis))
    if function == "logsumexp":
        race(case, logits.size, lambda: fastsoftmax.logsumexp(logits, temperature=temperature), others)
    else:
        out, ours = np.empty_like(logits), getattr(fastsoftmax, function)
        race(case, logits.size, lambda: ours(logits, axis=axis, temperature=temperature, out=out), others)
