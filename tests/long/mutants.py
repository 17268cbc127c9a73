"""Faults that are put in on purpose: the tests must notice each.

Those of the kernels are made by hand (`mutants.toml`), since a mutant costs a compilation of the kernels that reach it;
all others come from a cache that the mutants share. Those of the reference's sampling, Philox and chains are mutmut's,
where that is installed.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.long import Check, Progress

ROOT = Path(__file__).parents[2]
COPIED = ("fastsoftmax", "reference", "tests", "bench", "docs", "pyproject.toml")
LIST = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TIMEOUT = 1800  # seconds for some tests, with their compilation; what takes longer hangs
BROKEN = ("numba.core.errors", "SyntaxError", "NameError", "ImportError")  # a mutant that no test has to notice
MUTMUT = """
[tool.mutmut]
source_paths = ["reference"]
only_mutate = ["reference/sampling.py", "reference/philox.py", "reference/markov.py"]
also_copy = ["fastsoftmax", "tests", "bench", "docs"]
pytest_add_cli_args_test_selection = ["tests/reference"]
pytest_add_cli_args = ["-n", "0", "-k", "not cross_check and not standard_library"]
"""


class Mutant(NamedTuple):
    """A text of a kernel, what stands in its place, and the tests that should notice, the quickest first."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, str]
    equivalent: str
    """Why no test can notice; empty if one must."""


def mutants() -> list[Mutant]:
    """Return the mutants of the list."""
    return [
        Mutant(m["name"], m["file"], m["old"], m["new"], (LIST["first"][m["tests"]], rest), m.get("equivalent", ""))
        for part, rest in LIST["rest"].items()
        for m in LIST[part]
    ]


def copied(folder: Path) -> Path:
    """Copy what the tests need to a folder, and return that."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder)
    return folder


def run_in(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a module on the copy in a folder; compiled kernels are kept beside all these folders."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder.parent / "compiled")}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, text=True, capture_output=True, timeout=TIMEOUT
    )


def tested(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """Run some tests on the copy in a folder."""
    return run_in(folder, "pytest", "-n", "0", "-x", "-q", "-p", "no:cacheprovider", *shlex.split(tests))


def outlives(mutant: Mutant, place: str) -> bool:
    """Return whether no test notices a mutant, made in a folder in `place`. To hang and to crash are to be noticed."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = copied(Path(name))
        path = folder / "fastsoftmax" / "kernels" / mutant.file
        source = path.read_text(encoding="utf-8")
        assert source.count(mutant.old) == 1, f"{mutant.name}: {mutant.file} has its text not once: {mutant.old!r}"
        path.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
        for tests in mutant.tests[: 1 if mutant.equivalent else None]:
            try:
                done = tested(folder, tests)
            except subprocess.TimeoutExpired:
                return False
            assert not any(word in done.stdout for word in BROKEN), f"{mutant.name}: {done.stdout[-2000:]}"
            assert done.returncode <= 1, f"{mutant.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
            if done.returncode != 0:
                return False
    return True


def unchanged(place: str) -> None:
    """Check that what is to notice a mutant passes without one."""
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = copied(Path(name))
        for tests in LIST["first"].values():
            done = tested(folder, tests)
            assert done.returncode == 0, f"{tests}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def of_kernels(progress: Progress) -> str:
    """Try every mutant of the kernels, as many at once as there are cores."""
    all_of_them, survivors, broken = mutants(), [], []
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(os.cpu_count()) as pool:
        unchanged(place)
        tried = {pool.submit(outlives, mutant, place): mutant for mutant in all_of_them}
        for done, future in enumerate(as_completed(tried), 1):
            progress(0.9 * done / len(tried))
            try:
                if future.result():
                    survivors.append(tried[future])
            except AssertionError as error:  # the others are tried all the same
                broken.append(str(error))
    assert not broken, "; ".join(broken)
    unknown = [mutant.name for mutant in survivors if not mutant.equivalent]
    assert not unknown, f"no test notices: {'; '.join(unknown)}"
    known = "; ".join(f"{mutant.name} ({mutant.equivalent})" for mutant in survivors)
    count = len(all_of_them)
    return f"{count} hand-made mutants of the kernels, {count - len(survivors)} killed; survivors: {known or 'none'}"


def of_reference() -> str:
    """Try mutmut's mutants of the reference."""
    if find_spec("mutmut") is None:
        return "those of the reference not made, for want of mutmut"
    with tempfile.TemporaryDirectory() as name:
        folder = copied(Path(name))
        with (folder / "pyproject.toml").open("a") as settings:
            settings.write(MUTMUT)
        run = run_in(folder, "mutmut", "run", "--max-children", str(os.cpu_count()))
        results = [line.strip() for line in run_in(folder, "mutmut", "results", "--all", "true").stdout.splitlines()]
        assert results, run.stdout[-2000:] + run.stderr[-2000:]
        outcomes = dict(line.rsplit(": ", 1) for line in results if ": " in line)
        survivors = [mutant for mutant, outcome in outcomes.items() if outcome not in ("killed", "timeout")]
        unknown = []
        for mutant in survivors:
            shown = run_in(folder, "mutmut", "show", mutant).stdout
            line = next(line for line in shown.splitlines() if line.startswith("+") and not line.startswith("+++"))
            if not is_known(line[1:].strip(), LIST["reference"]):
                unknown.append(f"{mutant}: {line[1:].strip()}")
    assert not unknown, f"no test notices: {'; '.join(unknown)}"
    return f"{len(outcomes)} of mutmut's of the reference, {len(survivors)} alive, all of them known equivalents"


def is_known(line: str, equivalents: Mapping[str, list[str]]) -> bool:
    """Return whether a mutant's line is on the list, or only adds to a message, of which tests compare a part."""
    return (line.startswith("raise ") and "XX" in line) or any(line in lines for lines in equivalents.values())


def run(progress: Progress) -> str:
    """Try all mutants."""
    kernels = of_kernels(progress)
    return f"{kernels}; {of_reference()}"


CHECK = Check(name="mutants", promise="The tests notice a wrong cut-off or draw.", quick="-", run=run)
