"""SVG charts of the report, for light and dark pages: no background, middle tones, text that follows the page."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator, NullLocator

from bench import words
from bench.machine import ROOT
from bench.report import SLOWER, machine_of, significant
from bench.results import Case, Results

FOLDER = ROOT / "docs" / "charts"
COLOURS = {
    "NumPy": "#3f7fd6",
    "SciPy": "#8a63c9",
    "torch": "#d2622a",
    "transformers": "#b98a00",
    "llama.cpp": "#2f9168",
    "onnxruntime": "#c2508f",
}
GREY = "#808080"
STYLE = {
    "svg.fonttype": "none",  # text stays text, so that a style sheet can colour it
    "svg.hashsalt": "fastsoftmax",  # the same bytes every time
    "font.family": "sans-serif",
    "figure.constrained_layout.w_pad": 0.15,  # inches: the reader's font may be wider
    "text.color": GREY,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
SHEET = """<style>
text { fill: #57606a !important }
@media (prefers-color-scheme: dark) { text { fill: #adb5bd !important } }
</style>
"""

Panel = tuple[str, str]  # group and name of a case
PANELS: tuple[Panel, ...] = (("softmax", "softmax"), ("sample", "chat"))
AXES = {"vocabulary": "logits of a row", "batch": "rows; one on 1 thread, more on all", "dtype": "dtype"}
PLAIN = {"kind": "llm", "vocabulary": 128_256, "batch": 1, "dtype": "float32"}
FASTER_LOOK = {"color": COLOURS["NumPy"]}
SLOWER_LOOK = {"facecolor": "none", "edgecolor": COLOURS["torch"], "hatch": "/////"}
GROUPS = {"softmax": COLOURS["torch"], "sample": COLOURS["NumPy"], "walk": COLOURS["llama.cpp"]}


def draw(results: Results) -> list[str]:
    """Write every chart that the results have figures for; return their names."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    drawn = []
    with mpl.rc_context(STYLE):
        if headlines := [case for key in words.HEADLINES if (case := results.case(key)) and case.best_peer]:
            drawn.append("faster-and-slower")
            save(_faster_and_slower(headlines, machine_of(results)), FOLDER / f"{drawn[-1]}.svg")
        for axis in AXES:
            fixed = {key: value for key, value in PLAIN.items() if key != axis}
            panels = {panel: along(results.cases, panel, axis, fixed) for panel in PANELS}
            if any(len(cases) > 1 for cases in panels.values()):
                drawn.append(f"ratio-by-{axis}")
                save(_ratios(panels, axis), FOLDER / f"{drawn[-1]}.svg")
        if bars := [case for group in GROUPS for case in results.group(group) if case.limit and _usual(case)]:
            drawn.append("time-over-the-limit")
            save(_times_limit(bars), FOLDER / f"{drawn[-1]}.svg")
    return drawn


def along(cases: Iterable[Case], panel: Panel, axis: str, fixed: dict[str, Any]) -> list[Case]:
    """Return the cases of a panel that differ in one fact only, in its order; 1 thread for a row, all for a batch."""
    chosen = [
        case
        for case in cases
        if (case.group, case.name) == panel
        and all(case.facts.get(key) == value for key, value in fixed.items())
        and case.on.endswith("-1t" if case.facts["batch"] == 1 else "-all")
    ]
    return chosen if axis == "dtype" else sorted(chosen, key=lambda case: case.facts[axis])


def _faster_and_slower(cases: Sequence[Case], machine: str) -> Any:
    """Draw the time of the fastest other over ours: to the right of 1 ours is faster, to the left the other is."""
    cases = sorted(cases, key=_best_ratio)
    figure, ax = _places(cases)
    for place, case in enumerate(cases):
        ratio = _best_ratio(case)
        look, mark = (FASTER_LOOK, "") if ratio >= 1 else (SLOWER_LOOK, f"{SLOWER} ")
        ax.barh(place, ratio - 1, left=1, **look)
        text = f"{mark}{significant(ratio)}x {case.best_peer.name}"
        ax.annotate(text, (max(ratio, 1), place), (5, 0), textcoords="offset points", va="center")
    ax.axvline(1, color=GREY, linewidth=1)
    low, high = _best_ratio(cases[0]), _best_ratio(cases[-1])
    ax.set(xscale="log", xlim=(min(low, 1) / 1.2, max(high, 1) * 5), xlabel="time of the fastest other over ours")
    figure.suptitle(machine, fontsize="medium")
    ax.set_title("left of 1 the other is faster, right of 1 ours is", fontsize="medium")
    _plain_ticks(ax.xaxis)
    return figure


def _best_ratio(case: Case) -> float:
    return case.ratio(case.best_peer.name)


def _places(cases: Sequence[Case]) -> tuple[Any, Any]:
    """Return a figure with a place for the bar of each case, the first at the bottom, and its words beside it."""
    figure, ax = plt.subplots(figsize=(10, 1 + 0.42 * len(cases)), layout="constrained")
    ax.set_yticks(range(len(cases)), [f"{words.what(case)}\n{words.source(case)}".replace("`", "") for case in cases])
    ax.margins(y=0.01)
    return figure, ax


def _ratios(panels: dict[Panel, list[Case]], axis: str) -> Any:
    """Draw the peers' time over ours: lines over numbers, markers over names."""
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 4.2), layout="constrained")
    lines: dict[str, Any] = {}
    for ax, cases in zip(axes, panels.values(), strict=True):
        places = range(len(cases))
        for name, colour in COLOURS.items():
            ratios = [case.ratio(name) for case in cases]
            if any(ratios):
                style = "o" if axis == "dtype" else "o-"
                (lines[name],) = ax.plot(places, [r or float("nan") for r in ratios], style, color=colour)
        ax.axhline(1, color=GREY, linewidth=1, linestyle="--")
        if cases:
            ax.set_title(_title(cases[0], axis), fontsize="medium")
        ax.set(xlabel=AXES[axis], yscale="log", xlim=(-0.3, max(len(cases) - 0.7, 0.3)))
        ax.set_xticks(places, [_tick(case.facts[axis]) for case in cases])
        _plain_ticks(ax.yaxis)
    axes[0].set_ylabel("time over ours (above 1: ours is faster)")
    figure.legend(lines.values(), lines, loc="outside upper center", ncols=len(lines))
    return figure


def _title(case: Case, axis: str) -> str:
    """Return what the cases of a panel have in common, on two lines."""
    same = {key: value for key, value in case.facts.items() if key != axis}
    return f"{words.what(case)}\n{words.rows(same)}".replace("`", "")


def _times_limit(cases: Sequence[Case]) -> Any:
    """Draw our time over that of the limit, a bar a case."""
    cases = cases[::-1]
    figure, ax = _places(cases)
    ax.barh(range(len(cases)), [case.times_limit for case in cases], color=[GROUPS[case.group] for case in cases])
    ax.axvline(1, color=GREY, linewidth=1, linestyle="--")
    ax.set(xscale="log", xlabel="our time over the limit (np.copyto, np.max or a pointer chase)")
    _plain_ticks(ax.xaxis)
    return figure


def _plain_ticks(axis: Any) -> None:
    """Write 0.5, 1, 2 on a logarithmic axis, and no powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(lambda value, _: f"{value:g}x")


def _usual(case: Case) -> bool:
    """Whether a case is one of the plain ones: a single row of a model's logits, or a walk on one thread."""
    if not case.on.endswith("-1t"):
        return False
    if case.group == "walk":
        return True
    return all(case.facts[key] == value for key, value in PLAIN.items())


def _tick(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def save(figure: Any, path: Path) -> None:
    """Write a figure as an SVG chart, for light and dark pages."""
    figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    head, tag, rest = path.read_text(encoding="utf-8").partition("<defs>")
    path.write_text(head + SHEET + tag + rest, encoding="utf-8")
