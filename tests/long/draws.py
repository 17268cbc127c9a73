"""Draws follow their distribution: the gates that every release passes, `python -m tests.long.draws [MILLIONS]`.

Each test gives a p-value. All of them together are one gate: it fails where any is below `FALSE_ALARM` over how many
there are (Bonferroni), so that a right generator fails about once in 10,000 runs; keys are fixed, so that a run can be
repeated. Neighbouring seeds, steps, draws and streams are looked at beside each other, since a counter-based generator
that mixes too little shows it there first.

Sources: Anderson and Darling, A test of goodness of fit, JASA 49 (1954); its limit, Marsaglia and Marsaglia, Evaluating
the Anderson-Darling distribution, JSS 9 (2004); Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC11.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import Progress as Bar
from rich.table import Table
from scipy import stats

import fastsoftmax
from fastsoftmax._jit import jit
from fastsoftmax.kernels.math.philox import philox4x32, uniform
from tests.cases import PHILOX
from tests.long import Check, Progress

FALSE_ALARM = 1e-4
MILLIONS = 100
SEED = 20261122
BLOCK = 1_000_000
NEIGHBOURS = ("seed", "step", "draw", "stream")

Floats = npt.NDArray[np.float64]


@jit
def philox(counter: npt.NDArray[np.uint64], key: npt.NDArray[np.uint64]) -> tuple[int, int, int, int]:
    """Return the four words of Philox4x32-10."""
    return philox4x32(counter[0], counter[1], counter[2], counter[3], key[0], key[1])


@jit
def _fill(first: npt.NDArray[np.uint64], by: npt.NDArray[np.uint64], out: Floats) -> None:
    """Write the uniform numbers of (seed, step, draw, stream), counted up by `by`."""
    for i in range(out.size):
        at = first + np.uint64(i) * by
        out[i] = uniform(at[0], at[1], at[2], at[3])


def uniforms(count: int, along: str, first: int = 0) -> Floats:
    """Return the numbers of neighbouring seeds, steps, draws or streams, from the one numbered `first`."""
    out = np.empty(count)
    by = np.array([name == along for name in NEIGHBOURS], np.uint64)
    _fill(np.array([SEED, 5, 0, 3], np.uint64) + np.uint64(first) * by, by, out)
    return out


def known_answers() -> bool:
    """Whether the generator is Philox4x32-10 as published."""
    return all(
        [int(word) & 0xFFFFFFFF for word in philox(np.array(counter, np.uint64), np.array(key, np.uint64))] == answer
        for counter, key, answer in PHILOX
    )


def anderson_darling(numbers: Floats) -> float:
    """Return the p-value of numbers that should be uniform, by the limit distribution of A squared."""
    ordered = np.sort(numbers)
    ranks = 2 * np.arange(1, ordered.size + 1) - 1
    return exceeded(-ordered.size - float(np.mean(ranks * (np.log(ordered) + np.log1p(-ordered[::-1])))))


def exceeded(squared: float) -> float:
    """Return how probable a larger A squared is than this one."""
    z = squared
    if z < 2:
        polynomial = 2.00012 + (0.247105 - (0.0649821 - (0.0347962 - (0.011672 - 0.00168691 * z) * z) * z) * z) * z
        return 1 - math.exp(-1.2337141 / z) / math.sqrt(z) * polynomial
    inner = 1.0776 - (2.30695 - (0.43424 - (0.082433 - (0.008056 - 0.0003146 * z) * z) * z) * z) * z
    return -math.expm1(-math.exp(inner))


def distribution(count: int, along: str) -> Iterator[tuple[str, float]]:
    """Yield the tests of each number on its own: Anderson-Darling, both tails, and chi-square of 4,096 cells."""
    parts, cells, low, high = [], np.zeros(4096), 0, 0
    tail = 1e-6
    for first in range(0, count, BLOCK):
        numbers = uniforms(min(BLOCK, count - first), along, first)
        parts.append(anderson_darling(numbers))
        cells += np.bincount((numbers * 4096).astype(np.int64), minlength=4096)
        low += int((numbers < tail).sum())
        high += int((numbers > 1 - tail).sum())
    yield f"Anderson-Darling of u, {along}s", float(stats.kstest(parts, "uniform").pvalue if parts[1:] else parts[0])
    yield f"chi-square of u, {along}s", float(stats.chisquare(cells).pvalue)
    for side, seen in (("low", low), ("high", high)):
        yield f"{side} tail of u, {along}s", float(stats.binomtest(seen, count, tail).pvalue)


def pairs(count: int, along: str) -> Iterator[tuple[str, float]]:
    """Yield the tests of neighbours: correlation, chi-square of pairs in 64 x 64 cells, and of equal numbers."""
    cells, products, equal = np.zeros(4096), 0.0, 0
    for first in range(0, count, BLOCK):
        numbers = uniforms(min(BLOCK, count - first) + 1, along, first)
        one, two = numbers[:-1], numbers[1:]
        cells += np.bincount(((one * 64).astype(np.int64) * 64 + (two * 64).astype(np.int64))[::2], minlength=4096)
        products += float(((one - 0.5) * (two - 0.5)).sum())
        equal += int((one == two).sum())
    assert equal == 0, f"{equal} neighbouring {along}s give equal numbers"
    yield f"correlation, {along}s", float(2 * stats.norm.sf(abs(products) * 12 / math.sqrt(count)))
    yield f"chi-square of pairs, {along}s", float(stats.chisquare(cells).pvalue)


def tokens(count: int) -> Iterator[tuple[str, float]]:
    """Yield the tests of tokens: every way to draw them, a vocabulary whose rarest tokens are a tail of small mass."""
    rng = np.random.default_rng(SEED)
    logits = rng.standard_normal(3000) * 3
    for name, words in {
        "temperature 1": {},
        "temperature 0.7, top-p 0.99": {"temperature": 0.7, "top_p": 0.99},
        "top-k 100": {"top_k": 100},
        "min-p 0.001": {"min_p": 0.001},
    }.items():
        expected = fastsoftmax.probabilities(logits, **words)
        drawn = np.zeros(logits.size)
        for first in range(0, count, BLOCK):
            found = fastsoftmax.sample(logits, n=min(BLOCK, count - first), seed=SEED, step=first, **words)
            drawn += np.bincount(found, minlength=logits.size)
        assert not drawn[expected == 0].any(), f"{name}: a token of probability 0 was drawn"
        yield f"chi-square of tokens, {name}", _goodness(drawn, expected)
        rare = np.cumsum(np.sort(expected)) < 1e-5
        tail = np.isin(expected, np.sort(expected)[rare]) & (expected > 0)
        if mass := float(expected[tail].sum()):
            yield f"tail of tokens, {name}", float(stats.binomtest(int(drawn[tail].sum()), count, mass).pvalue)


def rows(count: int) -> Iterator[tuple[str, float]]:
    """Yield the tests of tokens in neighbouring rows of a batch, and of neighbouring seeds and steps of one row."""
    logits = np.log(np.arange(1.0, 33.0))
    expected = np.outer(*[np.arange(1.0, 33.0) / 528] * 2).ravel()
    batch = np.broadcast_to(logits, (min(count, BLOCK), 32))
    numbers = np.arange(len(batch), dtype=np.uint64)
    draws: dict[str, Callable[[int], npt.NDArray[np.int64]]] = {
        "rows": lambda first: fastsoftmax.sample(batch, rng=SEED + first),
        "seeds": lambda first: fastsoftmax.sample(batch, seed=numbers + np.uint64(first)),
        "steps": lambda first: fastsoftmax.sample(batch, seed=SEED, step=numbers + np.uint64(first)),
    }
    for name, draw in draws.items():
        drawn = np.zeros(1024)
        for first in range(0, count, len(batch)):
            found = draw(first)
            drawn += np.bincount(found[:-1:2] * 32 + found[1::2], minlength=1024)
        yield f"chi-square of pairs of tokens, {name}", _goodness(drawn, expected)


def walks(count: int) -> Iterator[tuple[str, float]]:
    """Yield the tests of walks: transitions at a temperature, and the same step of neighbouring walks."""
    rng = np.random.default_rng(SEED)
    weights = rng.integers(1, 50, (12, 12)).astype(float)
    names = {a: {b: float(weights[a, b]) for b in range(12)} for a in range(12)}
    chain = fastsoftmax.MarkovChain.from_transitions(names)
    powers = weights ** (1 / 0.7)
    law = powers / powers.sum(axis=1, keepdims=True)
    transitions, beside = np.zeros(144), np.zeros(144)
    for first in range(0, count, BLOCK):
        ids = chain.walk(1000, 1001, start=3, temperature=0.7, seed=SEED + first).ids
        transitions += np.bincount((ids[:, :-1] * 12 + ids[:, 1:]).ravel(), minlength=144)
        beside += np.bincount(ids[:-1:2, 1] * 12 + ids[1::2, 1], minlength=144)
    visits = transitions.reshape(12, 12).sum(axis=1)
    statistic = float(((transitions.reshape(12, 12) - visits[:, None] * law) ** 2 / (visits[:, None] * law)).sum())
    yield "chi-square of transitions", float(stats.chi2.sf(statistic, 12 * 11))
    yield "chi-square of neighbouring walks", _goodness(beside, np.outer(law[3], law[3]).ravel())


def speculation(count: int) -> Iterator[tuple[str, float]]:
    """Yield the tests of what comes out of drafts, good and bad ones: its first token, and the second after the first.

    Two tokens are drafted, or a tree of two siblings and a child of the first.
    """
    rng, size, block = np.random.default_rng(SEED), 16, 50_000
    logits = rng.standard_normal((size + 1, size)) * 1.5  # of the first token, and after each
    chain = "temperature=0.8 top_p=0.95"
    law = fastsoftmax.probabilities(logits, samplers=chain)
    for name, likeness, parents in (("good", 1.0, [-1, 0]), ("bad", -0.5, [-1, 0]), ("tree", 0.5, [-1, -1, 0])):
        guess = fastsoftmax.softmax(likeness * logits + rng.standard_normal(logits.shape) * 0.3)
        seen = np.zeros((size, size + 1))  # by the first token, the second or none
        for first in range(0, count, block):
            seeds = np.arange(first, min(first + block, count)).astype(np.uint64)
            rows, tokens = np.zeros((len(seeds), len(parents) + 1), np.int64), []
            for node, parent in enumerate(parents):
                before = rows[:, parent + 1]
                own = seeds if node == 0 or parent >= 0 else seeds + np.uint64(2**40)  # siblings are independent
                tokens.append(fastsoftmax.sample(np.log(guess)[before], seed=own, step=int(parent >= 0)))
                rows[:, node + 1] = tokens[-1] + 1
            draft = guess[rows[:, [parent + 1 for parent in parents]]]
            drafted = np.stack(tokens, axis=1)
            found = fastsoftmax.verify(
                logits[rows], drafted, draft=draft, parents=parents, samplers=chain, seed=seeds
            ).tokens
            np.add.at(seen, (found[:, 0], found[:, 1]), 1)
        yield f"chi-square of the first token, {name} drafts", _goodness(seen.sum(axis=1), law[0])
        second = seen[:, :size]
        expected = (second.sum(axis=1)[:, None] * law[1:]).ravel()
        yield f"chi-square of the second token, {name} drafts", _goodness(second.ravel(), expected / expected.sum())


def _goodness(drawn: Floats, expected: Floats) -> float:
    """Return the p-value of chi-square, cells of which fewer than 10 are expected taken together."""
    total = drawn.sum()
    rare = expected * total < 10
    seen, likely = np.append(drawn[~rare], drawn[rare].sum()), np.append(expected[~rare], expected[rare].sum())
    kept = likely * total >= 10
    if not kept[-1]:
        seen, likely = np.append(seen[:-2], seen[-2:].sum()), np.append(likely[:-2], likely[-2:].sum())
    return float(stats.chisquare(seen, likely / likely.sum() * total).pvalue)


def tests(draws: int, progress: Progress) -> dict[str, float]:
    """Make all tests with so many draws for each family of them, and return their p-values."""
    families: list[Iterator[tuple[str, float]]] = [
        *(distribution(draws, along) for along in NEIGHBOURS),
        *(pairs(draws, along) for along in NEIGHBOURS),
        tokens(draws),
        rows(draws // 4),
        walks(draws),
        speculation(draws // 10),
    ]
    found: dict[str, float] = {}
    for done, family in enumerate(families):
        found |= dict(family)
        progress((done + 1) / len(families))
    return found


def verdict(found: dict[str, float]) -> list[str]:
    """Return the tests that fail."""
    return [name for name, p in found.items() if not p >= FALSE_ALARM / len(found)]


def run(progress: Progress, draws: int = MILLIONS * 1_000_000) -> str:
    """Make all tests, and say which p-value was the smallest."""
    assert known_answers(), "not Philox4x32-10"
    found = tests(draws, progress)
    failed = verdict(found)
    assert not failed, "; ".join(f"{name}: p = {found[name]:.3g}" for name in failed)
    least = min(found, key=found.__getitem__)
    return (
        f"Philox gives the published answers; {len(found)} tests of {draws:,} draws each: the smallest p is "
        f"{found[least]:.2g} ({least}), the bound is {FALSE_ALARM / len(found):.1g}"
    )


CHECK = Check(
    name="statistics",
    promise="Draws follow their distribution, to the tails, and those of neighbouring seeds, steps, draws, rows and "
    "walks do not depend on each other.",
    quick="tests/sampling/test_statistics.py",
    run=run,
)


def main() -> int:
    """Make all tests, show the p-values, and return 1 if any is too small."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.long.draws", description="Tests of the distribution of draws."
    )
    parser.add_argument("millions", nargs="?", type=int, default=MILLIONS, help="of draws; %(default)s by default")
    draws = parser.parse_args().millions * 1_000_000
    with Bar(console=Console(stderr=True)) as bars:
        bar = bars.add_task("statistics", total=1.0)
        found = tests(draws, lambda done: bars.update(bar, completed=done))
    failed = verdict(found)
    summary = Table("test", "p", "verdict")
    for name, p in found.items():
        summary.add_row(name, f"{p:.3g}", "failed" if name in failed else "passed")
    summary.add_row("Philox4x32-10, published answers", "", "passed" if known_answers() else "failed")
    Console().print(summary)
    return int(bool(failed) or not known_answers())


if __name__ == "__main__":
    sys.exit(main())
