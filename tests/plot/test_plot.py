"""Figures: what is in the Axes is what the library computes."""

import numpy as np
import pytest

import fastsoftmax as fs
from fastsoftmax import plot

pyplot = pytest.importorskip("matplotlib.pyplot", reason="matplotlib is not installed")

NIGHTS = {"nights": 3.0, "days": 2.0, "hours": 1.0, "weeks": 4.0}
LOGITS = np.array([*NIGHTS.values()])


@pytest.fixture(autouse=True)
def closed():
    pyplot.switch_backend("Agg")
    yield
    pyplot.close("all")


def heights(ax):
    return [bar.get_height() for bars in ax.containers for bar in bars]


def test_distribution():
    ax = plot.distribution(NIGHTS, temperature=[1, 5], top_k=3)
    expected = [fs.probabilities(LOGITS, temperature=t, top_k=3) for t in (1.0, 5.0)]
    assert heights(ax) == pytest.approx(np.concatenate(expected))
    assert [label.get_text() for label in ax.get_xticklabels()] == list(NIGHTS)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["T = 1", "T = 5"]
    mine = pyplot.subplots()[1]
    assert plot.distribution(LOGITS, ax=mine) is mine


def test_curves():
    lines = plot.curves([*LOGITS, -np.inf], temperature=2).get_lines()
    assert np.allclose(lines[1].get_ydata(), np.exp(LOGITS))
    assert np.allclose(lines[3].get_ydata(), np.exp(LOGITS / 2))
    x, y = lines[2].get_data()
    assert np.allclose(y, np.exp(x / 2))


def test_entropy():
    ax = plot.entropy(NIGHTS, temperatures=[0.0, 0.5, 1.0, np.inf])
    shares = [fs.probabilities(LOGITS, temperature=t) for t in (0.5, 1.0)]
    expected = [0.0, *(-(p * np.log2(p)).sum() for p in shares), 2.0]
    assert ax.get_lines()[0].get_ydata() == pytest.approx(expected, abs=1e-12)
    assert plot.entropy(LOGITS, top_k=1).get_lines()[0].get_ydata() == pytest.approx(0.0)


def test_kept():
    ax = plot.kept(NIGHTS, "top_k=3 min_p=0.3 temperature=2.0")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["cut by top_k=3", "cut by min_p=0.3", "kept", "after the chain"]
    after = fs.probabilities(LOGITS, samplers="top_k=3 min_p=0.3 temperature=2.0")
    assert heights(ax)[-4:] == pytest.approx(after)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["weeks", "nights", "days", "hours"]
    with pytest.raises(ValueError, match="asks what came before"):
        plot.kept(NIGHTS, "repetition=2.0")


@pytest.mark.parametrize("order", [1, 2])
def test_transitions(order):
    pytest.importorskip("networkx", reason="networkx is not installed")
    chain = fs.MarkovChain(order).fit([list("abcab"), list("abba"), list("cab")])
    ax = plot.transitions(chain, states=3)
    names = [text.get_text() for text in ax.texts]
    share = chain.stationary()
    best = sorted(share, key=lambda state: -share[state])[:3]
    assert names == [" ".join(state) for state in best]
    assert plot.transitions(fs.MarkovChain(1).fit([[1, 2, 1], [2, 1]])).texts[0].get_text() in ("1", "2")


DAYS = fs.MarkovChain.from_matrix([[0.9, 0.1, 0.0], [0.4, 0.4, 0.2], [0.1, 0.1, 0.8]], ["sun", "rain", "snow"])


def test_evolution():
    ax = plot.evolution(DAYS, "snow", steps=5, states=2, temperature=0.5)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["snow", "sun"]
    for step, share in enumerate(ax.lines[0].get_ydata()):
        assert share == DAYS.distribution(step, "snow", temperature=0.5)["snow"]


def test_spectrum():
    ax = plot.spectrum(DAYS)
    found = np.sort(ax.lines[0].get_xdata())
    np.testing.assert_allclose(found[-1], 1, rtol=1e-12)
    np.testing.assert_allclose(found[-2], 1 - DAYS.spectral_gap(), rtol=1e-12)
    assert "second modulus 0.8" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(plot.spectrum(fs.MarkovChain.from_matrix([[1]])).lines[0].get_xdata()) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.distribution([]), "expected a row of numbers"),
        (lambda: plot.distribution(NIGHTS, temperature=-1), "temperature is -1.0"),
        (lambda: plot.curves([np.inf, -np.inf]), "logits has no finite number, expected one at least"),
        (lambda: plot.curves(NIGHTS, temperature=0), "temperature is 0.0, expected a number > 0"),
        (
            lambda: plot.transitions(fs.MarkovChain(1).fit([list("ab")]), states=0),
            "states is 0, expected an integer >= 1",
        ),
        (lambda: plot.transitions(fs.MarkovChain(1)), "empty"),
        (lambda: plot.evolution(DAYS, steps=0), "steps is 0, expected an integer >= 1"),
        (lambda: plot.spectrum(fs.MarkovChain.from_matrix(np.eye(2001))), "the chain has 2001 states"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
