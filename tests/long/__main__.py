"""The command: `python -m tests.long [NAME ...]`. Results go into docs/reliability.md."""

import argparse
import json
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.table import Table

from tests.long import (
    Check,
    Progress,
    SkipError,
    arm,
    draws,
    faults,
    fuzzing,
    installs,
    kernels,
    memory,
    mutants,
    processes,
    suite,
    threads,
)

CHECKS = {
    module.CHECK.name: module.CHECK
    for module in (suite, arm, threads, processes, installs, fuzzing, faults, memory, draws, kernels, mutants)
}
ROOT = Path(__file__).parent.parent.parent
RESULTS = Path(__file__).parent / "results.json"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- results -->", "<!-- /results -->"

Result = dict[str, str]


def main() -> int:
    """Make the checks, show how far they are, keep and print what came out."""
    parser = argparse.ArgumentParser(prog="python -m tests.long", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHECKS)}; all of them by default")
    parser.add_argument("--page", action="store_true", help="only write the page, from what is known")
    options = parser.parse_args()
    if unknown := set(options.names) - set(CHECKS):
        parser.error(f"no check is called {', '.join(sorted(unknown))}: choose from {', '.join(CHECKS)}")
    if options.page:
        _keep({})
        return 0
    made = _run([CHECKS[name] for name in options.names or CHECKS])
    Console().print(_summary(made))
    return int(any(result["outcome"] == "failed" for result in made.values()))


def _run(checks: list[Check]) -> dict[str, Result]:
    """Make the checks; each result is kept at once, so that a later check cannot take it along."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    results = dict[str, Result]()
    commit = _commit()  # before the first result is written, which makes a difference to it
    with Bars(*columns, console=Console(stderr=True)) as bars:
        for check in checks:
            bar = bars.add_task(check.name, total=1.0)
            result = _outcome(check, lambda done, bar=bar: bars.update(bar, completed=done))
            bars.update(bar, completed=1.0, description=f"{check.name}: {result['outcome']}")
            results[check.name] = result | {"commit": commit}
            _keep(results)
    return results


def _keep(made: dict[str, Result]) -> None:
    """Add results to those that are known, and write the page; a check that was skipped keeps its last result."""
    known = json.loads(RESULTS.read_text())
    known |= {name: result for name, result in made.items() if result["outcome"] != "skipped"}
    RESULTS.write_text(json.dumps({name: known[name] for name in CHECKS if name in known}, indent=1) + "\n")
    PAGE.write_text(with_table(PAGE.read_text(), table(known)))


def _outcome(check: Check, progress: Progress) -> Result:
    begun = time.monotonic()
    try:
        outcome, seen = "passed", check.run(progress)
    except SkipError as error:
        outcome, seen = "skipped", str(error)
    except Exception as error:  # whatever it is, the checks after it are made
        outcome, seen = "failed", f"{type(error).__name__}: {error}"
    return {
        "outcome": outcome,
        "seen": " ".join(seen.split()),
        "minutes": f"{(time.monotonic() - begun) / 60:.1f}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "python": platform.python_version(),
    }


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty=+", "--abbrev=8"]
    return subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=True).stdout.strip()


def table(results: dict[str, Result]) -> str:
    """Return the table of the page: promise, tests, last verdict; results.json has what was seen."""
    lines = ["| promise | every run | `python -m tests.long` | last result |", "| --- | --- | --- | --- |"]
    for name, check in CHECKS.items():
        result = results.get(name)
        last = "not run yet" if result is None else f"{result['outcome']}, {result['date']}"
        lines.append(f"| {check.promise} | {check.quick} | `{name}` | {last} |")
    return "\n".join(lines)


def with_table(page: str, content: str) -> str:
    """Put `content` between the markers of a page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def _summary(results: dict[str, Result]) -> Table:
    summary = Table("check", "outcome", "minutes", "seen")
    for name, result in results.items():
        summary.add_row(name, result["outcome"], result["minutes"], result["seen"])
    return summary


if __name__ == "__main__":
    sys.exit(main())
