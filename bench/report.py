"""The report, from the JSON alone: docs/benchmarks.md, a page for each machine, and the table in the README."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from bench import prose, words
from bench.machine import ROOT
from bench.results import OURS, Case, Results, Timing, quartiles

PAGE, PAGES, README = Path("docs/benchmarks.md"), Path("docs/benchmarks"), Path("README.md")
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"

SLOWER = "▼"
GROUPS = {
    "softmax": "softmax, log_softmax, logsumexp",
    "sample": "From logits to a token",
    "walk": "Markov walks",
    "fit": "Counting transitions",
    "chain": "Tables, files and single calls",
    "graph": "Graphs and the long run",
}
FURTHEST = 3
WRITTEN = "<!-- written by `python -m bench report`: do not edit -->"


def write(runs: Mapping[str, Results], charts: Sequence[str]) -> list[Path]:
    """Write the pages and, where it has the markers, the README. Returns what was written.

    `runs` are those of each machine, the newest first, which the README's table and the charts are of. The first chart
    stands before all tables.
    """
    pages = {PAGES / f"{name}.md": machine_page(results) for name, results in runs.items()}
    written = {PAGE: render(runs, charts), **pages}
    readme = ROOT / README
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    if BEGIN in text and END in text:
        written[README] = with_table(text, headline_table(next(iter(runs.values()))))
    for path, content in written.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(content, encoding="utf-8")
    return [ROOT / path for path in written]


def with_table(text: str, content: str) -> str:
    """Put `content` between the markers of a text."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def render(runs: Mapping[str, Results], charts: Sequence[str]) -> str:
    """Return the page that shows the machines side by side."""
    machines = [
        f"- [{machine_of(results)}]({PAGES.name}/{name}.md): {_when(results)}; a peer was faster in "
        f"{len(slower(results.cases))} of {len(results.cases)} cases."
        for name, results in runs.items()
    ]
    images = [f"![{chart.replace('-', ' ')}](charts/{chart}.svg)" for chart in charts]
    parts = [
        "# Benchmarks",
        WRITTEN,
        "## In short",
        *images[:1],
        side_by_side(list(runs.values())),
        "## Machines",
        prose.MACHINES,
        "\n".join(machines),
        *images[1:],
        "## How to read it",
        prose.HOW_TO_READ,
        "## What is not measured",
        prose.NOT_MEASURED,
        "## Again",
        prose.AGAIN,
    ]
    return "\n\n".join(parts) + "\n"


def machine_page(results: Results) -> str:
    """Return the page of one machine."""
    parts = [
        f"# {machine_of(results)}",
        WRITTEN,
        _where(results),
        "## In short",
        headline_table(results),
        _noise(results.noise),
        "## Slower than a peer",
        _slower(results.cases),
        "## Furthest from the limit",
        _furthest(results),
    ]
    for group, title in GROUPS.items():
        if cases := results.group(group):
            parts += [f"## {title}", prose.GROUPS[group], group_table(cases)]
    if results.first_call:
        parts += ["## The first call", prose.FIRST_CALL, *_first_call(results.first_call)]
    if results.accuracy:
        parts += ["## Accuracy", prose.ACCURACY, _accuracy(results.accuracy)]
    return "\n\n".join([*parts, *_skipped(results.skipped)]) + "\n"


def side_by_side(runs: Sequence[Results]) -> str:
    """Return our time and the fastest other for each machine, a column a machine."""
    rows = []
    for key in words.HEADLINES:
        cases = [results.case(key) for results in runs]
        if measured := [case for case in cases if case]:
            rows.append([words.whole(measured[0]), *(_time_and_best(case) if case else "" for case in cases)])
    return table(["", *map(machine_of, runs)], rows)


def headline_table(results: Results) -> str:
    """Return the table of the README, which names its machine."""
    rows = [
        [words.whole(case), seconds(_shown(case, case.ours)), _against_limit(case), _best(case)]
        for key in words.HEADLINES
        if (case := results.case(key))
    ]
    return table(["", OURS, "over the limit", "fastest other"], rows) + f"\n\n{machine_of(results)}, {_when(results)}."


def machine_of(results: Results) -> str:
    """Return what a run was measured on."""
    return f"{results.machine['cpu']}, kernels for {results.machine['kernels']}"


def _when(results: Results) -> str:
    machine = results.machine
    commits = dict.fromkeys([machine["commit"], *(update["commit"] for update in machine.get("updates", []))])
    return f"{machine['threads']} threads, commit {' and '.join(commits)}, {machine['date'][:10]}"


def group_table(cases: Sequence[Case]) -> str:
    """Return the cases of a group, with a column for each peer."""
    roles = ("peer", "reference")
    names = list(dict.fromkeys(t.name for role in roles for case in cases for t in case.timings if t.role == role))
    head = ["case", "input", "time", "±", "a second", "over the limit", "fastest other", *names]
    rows = [
        [
            words.what(case),
            words.source(case),
            seconds(_shown(case, case.ours)),
            _percent(case.ours.spread),
            f"{_si(1 / case.ours.per_unit)} {case.unit}",
            _against_limit(case),
            _best(case),
            *(_ratio(case.ratio(name)) for name in names),
        ]
        for case in cases
    ]
    if any(case.of_role("aside") for case in cases):
        head.append("aside")
        for row, case in zip(rows, cases, strict=True):
            row.append("; ".join(f"{t.name} {_ratio(case.ratio(t.name), mark=False)}" for t in case.of_role("aside")))
    return table(head, rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; the first column is left, the others right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds(time: float) -> str:
    """Return a time with its unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if time >= size:
            return f"{time / size:.3g} {unit}"
    return f"{time / 1e-9:.3g} ns"


def significant(value: float) -> str:
    """Return three digits that matter, and no exponent."""
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{decimals}f}"


def slower(cases: Iterable[Case]) -> list[Case]:
    """Return the cases in which a peer is faster, worst first."""
    found = [(case.best_peer.per_unit / case.ours.per_unit, case) for case in cases if case.best_peer]
    return [case for ratio, case in sorted(found, key=lambda pair: pair[0]) if ratio < 1]


def furthest(cases: Iterable[Case]) -> list[Case]:
    """Return the cases that have a limit, the furthest from it first."""
    return sorted((case for case in cases if case.limit), key=lambda case: -(case.times_limit or 0))


def _where(results: Results) -> str:
    machine = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    changed = " with changes" if machine["changed"] else ""
    updates = "".join(
        f" {', '.join(GROUPS[group] for group in update['groups'])}: measured anew on {update['date'][:10]} at commit "
        f"{update['commit']}{' with changes' if update['changed'] else ''}."
        for update in machine.get("updates", [])
    )
    return (
        f"{machine['run'].capitalize()} run of {machine['date'][:10]} at commit {machine['commit']}{changed}. "
        f"{', '.join(machine['caches'])}; {machine['memory_gib']} GiB; {machine['system']}; "
        f"{machine['threads']} threads; load before the run {machine['load_before']}. "
        f"Python {machine['python']}, {versions}.{updates}"
    )


def _noise(noise: Sequence[float]) -> str:
    if not noise:
        return ""
    _, middle, _ = quartiles(noise)
    high = noise[min(len(noise) - 1, int(0.95 * len(noise)))]
    return (
        f"**How noisy this run was.** Every case of ours took part in its race twice. The two medians differ by "
        f"{_percent(middle)} in half of the {len(noise)} cases, by less than {_percent(high)} in 95 of 100, and by "
        f"{_percent(noise[-1])} at worst. A ratio nearer to 1 than that says nothing."
    )


def _slower(cases: Sequence[Case]) -> str:
    rows = [[words.whole(case), seconds(_shown(case, case.ours)), _best(case)] for case in slower(cases)]
    if not rows:
        return "No peer was faster in any case."
    return f"In {len(rows)} of {len(cases)} cases.\n\n" + table(["case", OURS, "fastest other"], rows)


def _furthest(results: Results) -> str:
    rows = [
        [words.whole(case), seconds(_shown(case, case.ours)), case.limit.name, _against_limit(case)]
        for group in GROUPS
        if group not in ("fit", "chain", "graph")
        for case in furthest(results.group(group))[:FURTHEST]
        if case.limit
    ]
    return table(["case", OURS, "limit", "over the limit"], rows)


def _first_call(first_call: dict[str, Any]) -> list[str]:
    calls = [
        [f"`{name}`", *(seconds(times[kind]) for kind in ("cold", "warm", "steady"))]
        for name, times in first_call["calls"].items()
    ]
    imports = [[f"`import {name}`", seconds(time)] for name, time in first_call["imports"].items()]
    return [table(["", "compiling", "compiled before", "each later call"], calls), table(["", "time"], imports)]


def _accuracy(records: Sequence[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(record["who"] for record in records))
    head = ["function", "dtype", "largest \\|z\\|/T", *(f"{name}: {what}" for name in names for what in _ERRORS)]
    key = itemgetter("function", "dtype", "scale")
    rows = []
    for (function, dtype, scale), same in groupby(sorted(records, key=key), key):
        worst: dict[str, dict[str, float]] = {}
        for record in same:  # over the temperatures
            errors = worst.setdefault(record["who"], {})
            errors.update({what: max(record[what], errors.get(what, 0)) for what in _ERRORS if what in record})
        cells = [_plain(worst.get(name, {}).get(what)) for name in names for what in _ERRORS]
        rows.append([f"`{function}`", dtype, f"{scale:,}", *cells])
    return table(head, rows)


_ERRORS = ("largest", "mean", "sum")


def _skipped(skipped: dict[str, str]) -> list[str]:
    return [f"Skipped in this run: {'; '.join(f'{name} ({why})' for name, why in skipped.items())}."] if skipped else []


def _shown(case: Case, timing: Timing) -> float:
    """Return the time that is shown: of the whole call, or of one step, token or transition of Markov chains."""
    return timing.per_unit if case.group in ("walk", "fit", "chain", "graph") else timing.per_unit * case.ours.units


def _time_and_best(case: Case) -> str:
    return "; ".join(filter(None, [seconds(_shown(case, case.ours)), _best(case)]))


def _best(case: Case) -> str:
    best = case.best_peer
    if best is None:
        return ""
    return f"{best.name} {seconds(_shown(case, best))} ±{_percent(best.spread)}, {_ratio(case.ratio(best.name))}"


def _against_limit(case: Case) -> str:
    return "" if case.times_limit is None else f"{significant(case.times_limit)}x"


def _ratio(ratio: float | None, mark: bool = True) -> str:
    if ratio is None:
        return ""
    text = f"{significant(ratio)}x"
    return f"**{text} {SLOWER}**" if mark and ratio < 1 else text


def _plain(value: float | None) -> str:
    return "" if value is None else significant(value) if value >= 0.1 else f"{value:.0e}" if value else "0"


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _si(value: float) -> str:
    for prefix, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {prefix}"
    return f"{value:.3g}"
