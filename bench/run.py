"""Run everything and keep the figures: the cases under pytest-benchmark, then accuracy and first calls."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import accuracy, first_call, machine, peers
from bench.machine import ROOT, environment
from bench.results import DIRECTORY, PARTIAL, Case, Results

_PASSED, _SOME_FAILED, _NONE = 0, 1, 5  # how pytest ends


def run(quick: bool, only: str) -> tuple[Results, Path]:
    """Measure and save.

    Parameters
    ----------
    quick : bool
        Fewer cases, and less time for each.
    only : str
        The cases with this in their name; or "accuracy", or "first_call". Empty is all.

    Returns
    -------
    Results
    Path
        Where they were saved, in the place of what this machine had: a file with its name; partial.json with `only`.
    """
    where = machine.describe() | {"run": "quick" if quick else "full"}
    path = DIRECTORY / f"{PARTIAL if only else machine.name(where)}.json"
    if not only:
        refuse_another(path, where)
    cases = [] if only in ("accuracy", "first_call") else cases_of(_arguments(quick, only))
    results = Results(
        machine=where,
        skipped=peers.skipped(),
        cases=cases,
        first_call=_step("first calls", first_call.measure, quick) if only in ("", "first_call") else {},
        accuracy=_step("accuracy", accuracy.measure) if only in ("", "accuracy") else [],
    )
    results.save(path)
    return results, path


def refuse_another(path: Path, where: Mapping[str, Any]) -> None:
    """Refuse to write figures into those of another CPU: two may have the same name, for kernels of the lesser one."""
    if path.exists() and (cpu := Results.load(path).machine["cpu"]) != where["cpu"]:
        raise RuntimeError(f"{path.name} has the figures of {cpu}, and this is {where['cpu']}: move it away first")


def update(groups: Sequence[str]) -> tuple[Results, Path]:
    """Measure all cases of some groups, and put them in the place of theirs in this machine's last run."""
    where = machine.describe()
    path = DIRECTORY / f"{machine.name(where)}.json"
    refuse_another(path, where)
    results = Results.load(path)
    files = [f"test_{group}.py" for group in groups]
    cases = cases_of(_arguments(quick=False, only=""), files=files)
    again = {"groups": sorted(groups)} | {name: where[name] for name in ("commit", "changed", "date")}
    earlier = [u | {"groups": sorted({*u["groups"]} - {*groups})} for u in results.machine.get("updates", [])]
    results = replace(
        results,
        machine=results.machine | {"updates": [*(u for u in earlier if u["groups"]), again]},
        cases=[*(case for case in results.cases if case.group not in groups), *cases],
    )
    results.save(path)
    return results, path


def cases_of(
    arguments: Sequence[str],
    folder: Path = ROOT,
    setting: Mapping[str, str] | None = None,
    quiet: bool = False,
    files: Sequence[str] = ("",),
) -> list[Case]:
    """Run pytest on the benchmarks in a process of its own, and return the cases that it timed.

    Parameters
    ----------
    arguments : sequence of str
        Of pytest.
    folder : Path
        What `bench` is in.
    setting : mapping, optional
        Environment variables of the process; those of this one by default.
    quiet : bool
        Print nothing of what pytest prints.
    files : sequence of str
        Those in `bench` to run; all by default.
    """
    with tempfile.TemporaryDirectory() as temporary:
        output = Path(temporary) / "pytest-benchmark.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            *(str(folder / "bench" / file) for file in files),
            f"--rootdir={folder}",
            "-p",
            "no:cacheprovider",
        ]
        command += ["--benchmark-disable-gc", f"--benchmark-json={output}", *arguments]
        done = subprocess.run(
            command,
            cwd=folder,
            env=setting or environment(folder),
            stdout=subprocess.DEVNULL if quiet else None,
            check=False,
        )
        if done.returncode not in (_PASSED, _SOME_FAILED) or not output.exists():
            why = "no case has that in its name" if done.returncode == _NONE else f"it ended with {done.returncode}"
            raise RuntimeError(f"{' '.join(command)}: {why}")
        if done.returncode == _SOME_FAILED:
            print("some cases failed: the figures are without them", file=sys.stderr)
        benchmarks = json.loads(output.read_text(encoding="utf-8"))["benchmarks"]
    return [Case.from_json(benchmark["extra_info"]["case"]) for benchmark in benchmarks]


def _arguments(quick: bool, only: str) -> list[str]:
    arguments = ["-v", "--benchmark-quiet", f"--only={only}"]
    return arguments if quick else [*arguments, "--full"]


def _step(name: str, measure: Any, *args: Any) -> Any:
    print(f"{name} ...", flush=True)
    return measure(*args)
