"""The figures of docs/markov.md: what bench.temperature measures, against plain loops."""

import math

import pytest

from bench import temperature
from fastsoftmax import MarkovChain

TEXT = [line.split() for line in ["a b c d e", "b c d a b c", "c a b d", "d e a", "a b c a"]]


@pytest.mark.parametrize("order", [1, 2])
def test_measure(order):
    figures = temperature.measure(TEXT, order, [0.5, 2.0])
    chain = MarkovChain(order).fit(TEXT)
    written = {tuple(words[i : i + 4]) for words in TEXT for i in range(len(words) - 3)}
    for t, bits, copied in zip([0.5, 2.0], figures.bits, figures.copied, strict=True):
        assert bits == chain.entropy_rate(temperature=t)
        walks = chain.walk(temperature.WALKS, temperature.LONGEST, temperature=t, seed=temperature.SEED)
        grams = [tuple(words[i : i + 4]) for words in walks for i in range(len(words) - 3)]
        assert copied == pytest.approx(sum(gram in written for gram in grams) / len(grams))


def test_every_4_gram_of_order_3_is_a_transition():
    assert temperature.measure(TEXT, 3, [1.0, math.inf]).copied == [1.0, 1.0]


def test_draw(tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib: the extra bench")
    temperatures = [0.1, 1.0, 5.0]
    measured = [temperature.measure(TEXT, order, temperatures) for order in (1, 2)]
    temperature.draw(measured, temperatures, tmp_path / "chart.svg")
    for chart in (tmp_path / "chart.svg", temperature.CHART):
        drawn = chart.read_text()
        for text in ("entropy rate, bits a word", "order 2", "prefers-color-scheme: dark"):
            assert text in drawn
