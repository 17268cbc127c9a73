"""What temperature does to walks over a text, and the chart of it in docs/markov.md: `python -m bench.temperature`.

The text is what `fastsoftmax generate` speaks from without arguments: the prose of Python's language reference, so that
the figures differ a little from one version of Python to the next.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.machine import ROOT
from fastsoftmax import MarkovChain
from fastsoftmax.cli.corpus import sentences

CHART = ROOT / "docs" / "temperature.svg"
ORDERS = (1, 2, 3)
TEMPERATURES = tuple(np.geomspace(0.1, 5, 35).round(3).tolist())
TICKS = (0.1, 0.2, 0.5, 1, 2, 5)
WALKS, LONGEST, SEED = 5_000, 100, 1
GRAM = 4

Ids = npt.NDArray[np.int32]


class Figures(NamedTuple):
    """What a chain of one order does at each temperature."""

    order: int
    bits: list[float]  # of a token, in an endless walk
    copied: list[float]  # the share of the 4-grams of sentences that are in the text


def measure(text: Sequence[list[str]], order: int, temperatures: Iterable[float]) -> Figures:
    """Return the entropy rate and the share of copied 4-grams at each temperature."""
    chain = MarkovChain(order).fit(text)
    known = chain.vocabulary or []
    ids = {token: number for number, token in enumerate(known)}
    own = np.full((len(text), max(map(len, text))), -1, np.int32)
    for row, words in zip(own, text, strict=True):
        row[: len(words)] = [ids[word] for word in words]
    written = np.unique(grams(own, len(known)))
    figures = Figures(order, [], [])
    for temperature in temperatures:
        walks = chain.walk(WALKS, LONGEST, temperature=temperature, seed=SEED)
        figures.bits.append(chain.entropy_rate(temperature=temperature))
        figures.copied.append(float(np.isin(grams(walks.ids, len(known)), written).mean()))
    return figures


def grams(rows: Ids, tokens: int) -> npt.NDArray[np.int64]:
    """Return the 4-grams inside rows that end with -1, each as one number."""
    windows = np.lib.stride_tricks.sliding_window_view(rows.astype(np.int64), GRAM, axis=1)
    whole = windows[windows[..., -1] >= 0]
    return whole @ np.array([tokens**power for power in range(GRAM)], np.int64)


def draw(measured: Sequence[Figures], temperatures: Sequence[float], path: Path) -> None:
    """Draw entropy rates and copied 4-grams beside each other, over temperature."""
    from bench.charts import COLOURS, GREY, STYLE, mpl, plt, save  # only here: it needs matplotlib

    with mpl.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
        lines: dict[str, Any] = {}
        for figures, colour in zip(measured, COLOURS.values(), strict=False):
            (lines[f"order {figures.order}"],) = left.plot(temperatures, figures.bits, color=colour)
            right.plot(temperatures, [100 * share for share in figures.copied], color=colour)
        left.set(title="entropy rate, bits a word", ylim=(0, None))
        right.set(title=f"{GRAM}-grams copied from the text, %", ylim=(0, 103))
        for axes in (left, right):
            axes.axvline(1, color=GREY, linewidth=1, linestyle="--")
            axes.set(xscale="log", xlabel="temperature")
            axes.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
            axes.minorticks_off()
        figure.legend(lines.values(), lines, loc="outside upper center", ncols=len(lines))
        save(figure, path)


def main() -> None:
    """Measure, draw, and print the figures at the ticks."""
    text = [sentence.split() for sentence in sentences()]
    draw([measure(text, order, TEMPERATURES) for order in ORDERS], TEMPERATURES, CHART)
    for order in ORDERS:
        figures = measure(text, order, TICKS)
        for temperature, bits, copied in zip(TICKS, figures.bits, figures.copied, strict=True):
            print(f"order {order}, T = {temperature:g}: {bits:.2f} bits a word, {copied:.0%} copied")


if __name__ == "__main__":
    main()
