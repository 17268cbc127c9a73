"""The figures and tables of docs/sampling.md and docs/decoding.md, from the samplers' files: `python -m bench.zoo`.

All that the pages say of one sampler is read from its file: its docstring, and how it declares its parameters. The
figures are what `fastsoftmax.probabilities` returns for one row; the tables need no matplotlib.
"""

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import fastsoftmax as fs
from bench.machine import ROOT
from fastsoftmax.samplers import EDITS, SAMPLERS
from fastsoftmax.samplers.edit import Edit
from fastsoftmax.samplers.presets import PRESETS
from fastsoftmax.samplers.step import (
    ENTROPY,
    GUMBEL,
    LOG_MASS,
    LOOK,
    MOMENTS,
    REWEIGH,
    SCALE,
    SHAPE,
    SQUARES,
    Range,
    Step,
)

PAGE, EDITS_PAGE = ROOT / "docs" / "sampling.md", ROOT / "docs" / "decoding.md"
FOLDER = ROOT / "docs" / "samplers"
LOGITS = np.array([3.0, 2.9, 2.7, 2.4, 1.2, 1.0, 0.6, 0.5, -0.1, -0.7, -1.5, -2.5])  # twelve tokens, in their order
SPAN = (0.1, 0.5, 0.2, 0.05, 0.02, 0.01, 0.9, 1.0)  # shares of a range: examples
NUMBERS = (2, 0.5, 5, 10)  # examples where a range has no end
IDEA = (  # a chain with each kind of step, and what is to be seen
    ("top_p=0.97", "a filter keeps a beginning"),
    ("typical=0.5", "or another band of it"),
    ("temperature=2.0", "a scale keeps the order"),
    ("adaptive_p=0.3", "what reweighs comes last"),
)
KEPT, DROPPED = "#3f7fd6", "#80808070"
READS = {
    LOG_MASS: "mass",
    ENTROPY: "mass and entropy",
    SQUARES: "mass and squares",
    MOMENTS: "moments",
    SHAPE: "sorted list",
}

Floats = npt.NDArray[np.float64]


def left_by(*chain: Any) -> Floats:
    """Return the probabilities that a chain leaves of the row of the figures."""
    samplers = fs.SamplerChain(*chain)
    state = None if samplers.asking is None else samplers.start()
    return np.asarray(fs.probabilities(LOGITS, samplers=samplers, state=state))


def parts_of(kind: type[Step]) -> dict[str, str]:
    """Return the sections of a docstring by their headings; "" is what comes before them."""
    first, *rest = re.split(r"\n+^([A-Z]\w+)\n-+\n", inspect.getdoc(kind) or "", flags=re.MULTILINE)
    return {"": first, **dict(zip(rest[::2], rest[1::2], strict=True))}


def is_scale(kind: type[Step]) -> bool:
    """Return whether a sampler changes weights and leaves every token."""
    return kind.way in (SCALE, REWEIGH, GUMBEL)


def numbers_of(kind: type[Step]) -> list[Field[Any]]:
    """Return the parameters that are numbers."""
    return [one for one in fields(kind) if "range" in one.metadata]


def examples_of(kind: type[Step]) -> Iterator[Step]:
    """Yield the sampler with its defaults, and then with one parameter changed at a time."""
    yield kind()
    numbers = [(one, one.metadata["range"]) for one in numbers_of(kind) if one.name != "min_keep"]
    tried = [(one, values) for one, limits in numbers if (values := _values(limits))]
    for turn in range(max((len(values) for _, values in tried), default=0)):
        yield from (kind(**{one.name: values[turn]}) for one, values in tried if turn < len(values))


def _values(limits: Range) -> Sequence[Any]:
    """Return some values in a range."""
    span = (
        NUMBERS
        if limits.high == np.inf
        else [round(limits.low + share * (limits.high - limits.low), 9) for share in SPAN]
    )
    return [value for value in span if limits.accepts(np.asarray(value)) and (value == int(value) or not limits.whole)]


def example_of(kind: type[Step]) -> Any:
    """Return what the figure shows: the chain in the first line of the docstring's Examples, or a telling value."""
    own = re.match(r".*?([\"'])(.+?)\1", parts_of(kind).get("Examples", ""))
    return fs.SamplerChain(own[2]) if own else min(examples_of(kind), key=_dullness)


def _dullness(step: Step) -> float:
    """Return how far a step is from leaving a quarter to three quarters of the tokens, or from moving some mass."""
    before, after = left_by(), left_by(step)
    if is_scale(type(step)):
        return max(abs(float(np.abs(after - before).sum()) / 2 - 0.25), 0.15)
    return max(abs(float((after > 0).mean()) - 0.5), 0.25)


def switches_of(kind: type[Step]) -> set[str]:
    """Return the parameters that are off at their defaults: nothing happens there, and something elsewhere."""
    acting = [step for step in examples_of(kind) if not np.allclose(left_by(step), left_by(), rtol=1e-9)]
    if acting and repr(acting[0]) == repr(kind()):
        return set()
    return {one.name for one in numbers_of(kind) for step in acting if getattr(step, one.name) != one.default}


def read_of(kind: type[Step]) -> str:
    """Return what a sampler must know of what is left."""
    if kind.way == LOOK:
        needs = READS.get(kind.needs, "")
        return f"{needs}, {READS[SHAPE]}" if needs not in ("", READS[SHAPE]) else READS[SHAPE]
    return READS.get(kind.needs | (LOG_MASS if kind.way == REWEIGH else 0), "maxima only")


def zoo() -> str:
    """Return the table of the samplers."""
    return table(["sampler", "what it does", "parameters", "peers and limits", "source", "needs"], map(_line, SAMPLERS))


def _line(kind: type[Step]) -> list[str]:
    parts = parts_of(kind)
    notes, _, source = " ".join(parts.get("Notes", "").split()).partition("Source: ")
    source = re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", _cell(source))
    parameters = "<br>".join(_parameters(kind, switches_of(kind))) or "none"
    link = f"[`{kind.name}`]({FOLDER.name}/{kind.name}.svg)"
    return [link, _cell(parts[""]), parameters, _cell(notes), source, read_of(kind)]


def edits() -> str:
    """Return the table of the edits."""
    return table(["edit", "what it does", "parameters", "peers and limits", "source"], map(_edit_line, EDITS))


def _edit_line(kind: type[Edit]) -> list[str]:
    parts = parts_of(kind)
    notes, _, source = " ".join(parts["Notes"].split()).partition("Source: ")
    off = {one.name for one in numbers_of(kind)[:1]}
    source = re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", _cell(source))
    return [f"`{kind.name}`", _cell(parts[""]), "<br>".join(_parameters(kind, off)), _cell(notes), source]


def _parameters(kind: type[Step], off: set[str]) -> Iterator[str]:
    for one in fields(kind):
        if "words" in one.metadata:
            yield f"`{one.name}`: {' or '.join(one.metadata['words'])}"
        elif "range" not in one.metadata:
            yield f"`{one.name}`: " + ("tokens, or sequences of them" if "sequences" in one.metadata else "numbers")
        else:
            default = f"{one.default:g} is {'off' if one.name in off else 'the default'}"
            yield f"`{one.name}`: {one.metadata['range'].expected}; {default}"


def _cell(text: str) -> str:
    """Return text as one line of Markdown without marks."""
    return re.sub(r"([*|<])", r"\\\1", " ".join(text.split()))


def peers() -> str:
    """Return the table of the presets: their order, and what they leave by default."""
    lines = (
        [f"`{name}`", ", ".join(_places(name)), f"`{fs.SamplerChain.preset(name)}`".replace("``", "no sampler")]
        for name in PRESETS
    )
    return table(["preset", "order, with the rules that are not ours", "chain with its defaults"], lines)


def _places(name: str) -> Iterator[str]:
    """Yield each place in the order of a preset that its words can reach, with what else they may put there."""
    known = inspect.signature(PRESETS[name]).parameters
    calls = [{}, *({word: value} for word in known for value in (0.5, 1, True))]
    most = max(calls, key=lambda words: len(_steps(name, words)))
    order, *others = (steps for words in calls if (steps := _steps(name, most | words)))
    others = [one for one in others if len(one) == len(order)]
    alike = [one for one in others if sum(type(a) is not type(b) for a, b in zip(one, order, strict=True)) <= 1]
    acting = {repr(step) for step in fs.SamplerChain.preset(name)}
    for place, step in enumerate(order):
        found = [step, *(one[place] for one in alike)]
        if len({*map(repr, found)}) > 1 or repr(step) in acting:
            yield " or ".join(dict.fromkeys(map(_with_rules, found)))


def _steps(name: str, words: dict[str, Any]) -> list[Step]:
    """Return the steps of a preset, also those that are off; none where a word takes no such value."""
    try:
        return [*PRESETS[name](**words)]
    except (TypeError, ValueError):
        return []


def _with_rules(step: Step) -> str:
    rules = [one for one in fields(step) if "words" in one.metadata and getattr(step, one.name) != one.default]
    said = ", ".join(f"{one.name}={getattr(step, one.name)}" for one in rules)
    return f"`{step.name}({said})`" if said else f"`{step.name}`"


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, ["---"] * len(head), *lines])


def written(page: str) -> str:
    """Return a page with the tables of today between its marks, those that it has."""
    for name, content in (("zoo", zoo), ("peers", peers), ("edits", edits)):
        if f"<!-- {name}: " not in page:
            continue
        before, begin, rest = page.partition(f"<!-- {name}: written by `python -m bench.zoo` -->")
        _, end, after = rest.partition(f"<!-- /{name} -->")
        if not begin or not end:
            raise ValueError(f"a page has no end of {name}")
        page = f"{before}{begin}\n{content()}\n{end}{after}"
    return page


def draw(folder: Path) -> Iterator[Path]:
    """Write the figures; yield their paths."""
    import matplotlib as mpl  # only here: the tables do without
    import matplotlib.pyplot as plt

    from bench import charts

    folder.mkdir(parents=True, exist_ok=True)
    style: dict[Any, Any] = {
        **charts.STYLE,
        "axes.spines.left": False,
        "font.size": 9,
        "font.sans-serif": ["DejaVu Sans"],
    }
    with mpl.rc_context(style):
        for kind in SAMPLERS:
            figure, ax = plt.subplots(figsize=(4.2, 1.9), layout="constrained")
            shown = example_of(kind)
            _bars(ax, left_by(), left_by(shown), is_scale(kind), str(shown))
            yield from _saved(figure, folder / f"{kind.name}.svg")
        figure, axes = plt.subplots(1, 1 + len(IDEA), figsize=(11, 1.9), layout="constrained", sharey=True)
        _row(axes[0], left_by(), color=KEPT)
        _frame(axes[0], "a row", "in its order")
        chain = fs.SamplerChain()
        for ax, (step, said) in zip(axes[1:], IDEA, strict=True):
            _row(ax, left_by(chain), -0.46, 0.46, color=DROPPED)
            chain += step
            _row(ax, left_by(chain), 0.0, 0.46, color=KEPT)
            _frame(ax, step, said)
        yield from _saved(figure, folder / "idea.svg")


def _saved(figure: Any, path: Path) -> Iterator[Path]:
    from bench import charts

    charts.save(figure, path)
    drawn = re.sub(r' d="[^"]*"', _short, path.read_text(encoding="utf-8"))
    path.write_text(drawn, encoding="utf-8")
    yield path


def _short(path: re.Match[str]) -> str:
    """Return a path in hundredths of a point, which is enough."""
    return re.sub(r"(\.\d\d)\d+", r"\1", path[0])


def _bars(ax: Any, before: Floats, after: Floats, scale: bool, title: str) -> None:
    """Draw a row before and after a step: side by side, or what is dropped pale."""
    if scale:
        _row(ax, before, -0.42, 0.4, color=DROPPED, label="before")
        _row(ax, after, 0.02, 0.4, color=KEPT, label="after")
    else:
        _row(ax, before * (after > 0), color=KEPT, label="kept")
        _row(ax, before * (after == 0), color=DROPPED, label="dropped")
    _frame(ax, title)
    ax.legend(loc="upper right", borderpad=0, handlelength=1)


def _row(ax: Any, heights: Floats, left: float = -0.4, width: float = 0.8, **style: Any) -> None:
    """Draw bars as one path, which takes far fewer bytes than a path each."""
    places = np.arange(heights.size) + left
    heights = np.where(heights > 0, heights, np.nan)
    edges = np.column_stack([places, places + width]).ravel()
    ax.stairs(np.column_stack([heights, np.full(heights.size, np.nan)]).ravel()[:-1], edges, fill=True, **style)


def _frame(ax: Any, title: str, said: str = "") -> None:
    ax.set_title(title, fontsize=10, loc="left")
    ax.set(xticks=[], yticks=[], xlabel=said, xlim=(-0.7, LOGITS.size - 0.3))


def main() -> None:
    """Write figures and tables."""
    for path in draw(FOLDER):
        print(f"wrote {path.relative_to(ROOT)}")
    for page in (PAGE, EDITS_PAGE):
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"wrote {page.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
