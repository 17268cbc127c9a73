"""Compare the working tree with another revision: both built side by side, run in turns, judged beyond the spread."""

import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.machine import ROOT, environment
from bench.report import seconds, table
from bench.run import cases_of

LEAST = 0.03  # a change below 3 % is not told
OLD, NEW = "old", "new"

Times = Mapping[str, Sequence[float]]  # by case, the median of each process in seconds a unit


@dataclass(frozen=True)
class Change:
    """How one case changed. `ratio` is new over old; `verdict` is slower, faster or empty."""

    key: str
    old: float
    new: float
    ratio: float
    verdict: str


def judge(key: str, old: Sequence[float], new: Sequence[float]) -> Change:
    """Compare the times of several processes of each side.

    A change is told if every time of one side lies above every time of the other, and the medians differ by at least
    `LEAST`. Of five and five times that never changed, that happens by chance in at most 2 of 252.
    """
    ratio = statistics.median(new) / statistics.median(old)
    verdict = ""
    if min(new) > max(old) and ratio >= 1 + LEAST:
        verdict = "slower"
    elif max(new) < min(old) and ratio <= 1 / (1 + LEAST):
        verdict = "faster"
    return Change(key, statistics.median(old), statistics.median(new), ratio, verdict)


def changes(old: Times, new: Times) -> list[Change]:
    """Judge the cases that both sides have, most slowed first."""
    judged = [judge(key, old[key], new[key]) for key in old if key in new]
    return sorted(judged, key=lambda change: -change.ratio)


def summary(judged: Sequence[Change], revision: str) -> str:
    """Return what to print."""
    told = [change for change in judged if change.verdict]
    rows = [[c.key, seconds(c.old), seconds(c.new), f"{c.ratio:.2f}x", c.verdict] for c in told]
    same = f"{len(judged) - len(told)} of {len(judged)} cases did not change beyond the spread."
    return "\n\n".join([table(["case", revision, "working tree", "new / old", ""], rows), same] if told else [same])


def compare(revision: str, only: str, processes: int, full: bool) -> list[Change]:
    """Run both sides `processes` times each, in turns, with the benchmarks of the working tree.

    Parameters
    ----------
    revision : str
        What git calls a commit.
    only : str
        The cases with this in their name; empty is all.
    processes : int
        Of each side.
    full : bool
        Also the cases of the full run.
    """
    arguments = ["-q", "--benchmark-quiet", "--alone", f"--only={only}", *(["--full"] if full else [])]
    times: dict[str, dict[str, list[float]]] = {OLD: defaultdict(list), NEW: defaultdict(list)}
    with tempfile.TemporaryDirectory() as temporary, _worktree(revision, Path(temporary) / OLD) as old:
        suite = Path(temporary) / "suite"
        shutil.copytree(ROOT / "bench", suite / "bench", ignore=shutil.ignore_patterns("__pycache__", "results"))
        trees = {OLD: old, NEW: ROOT}
        for turn in range(processes):
            for side in (OLD, NEW) if turn % 2 == 0 else (NEW, OLD):
                print(f"{side} {turn + 1}/{processes}", file=sys.stderr, flush=True)
                setting = environment(trees[side], Path(temporary) / f"cache-{side}")
                _check_imports(trees[side], suite, setting)
                for case in cases_of(arguments, suite, setting, quiet=True):
                    times[side][case.key].append(case.ours.per_unit)
    return changes(times[OLD], times[NEW])


def _check_imports(tree: Path, suite: Path, setting: Mapping[str, str]) -> None:
    """Raise RuntimeError unless the library of this tree is what its processes will import."""
    command = [sys.executable, "-c", "import fastsoftmax; print(fastsoftmax.__file__)"]
    found = subprocess.run(command, cwd=suite, env=setting, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(found).resolve().is_relative_to(tree.resolve()):
        raise RuntimeError(f"fastsoftmax is imported from {found}, expected from {tree}")


@contextmanager
def _worktree(revision: str, path: Path) -> Iterator[Path]:
    """Check a revision out at `path`, for as long as it is needed."""
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--detach", str(path), revision], check=True, capture_output=True)
    try:
        yield path
    finally:
        subprocess.run([*git, "remove", "--force", str(path)], check=True, capture_output=True)
