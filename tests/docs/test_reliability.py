"""The page on reliability is what the long checks saw, and names tests that are there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastsoftmax
from tests.long import Check, SkipError, __main__, mutants

RESULTS = json.loads(__main__.RESULTS.read_text())


def test_the_page_holds_the_last_results():
    page = __main__.PAGE.read_text()
    assert page == __main__.with_table(page, __main__.table(RESULTS))


def test_results_are_of_checks_that_passed():
    assert set(RESULTS) <= set(__main__.CHECKS)
    assert {result["outcome"] for result in RESULTS.values()} <= {"passed"}


@pytest.mark.parametrize("check", __main__.CHECKS.values(), ids=lambda check: check.name)
def test_the_quick_tests_are_there(check):
    for file in re.findall(r"[\w/]+\.py", check.quick):
        assert (__main__.ROOT / file).is_file()


def test_outcomes():
    def fail(_):
        raise AssertionError("two |\nlines")

    def skip(_):
        raise SkipError("no such disk")

    for run, outcome, seen in ((fail, "failed", "AssertionError: two | lines"), (skip, "skipped", "no such disk")):
        result = __main__._outcome(Check("some", "It holds.", "-", run), lambda done: None)
        assert (result["outcome"], result["seen"]) == (outcome, seen)


@pytest.mark.parametrize("mutant", mutants.mutants(), ids=lambda mutant: mutant.name)
def test_a_mutant_finds_its_text(mutant):
    """Else a rename would take it away unnoticed, until somebody runs them all."""
    source = (Path(fastsoftmax.__file__).parent / "kernels" / mutant.file).read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1
    assert all(Path(word).is_file() for word in mutant.tests[1].split() if word.endswith(".py"))


def test_mutants_use_names_that_are_there(tmp_path):
    """Else they do not compile, and show nothing."""
    for number, mutant in enumerate(mutants.mutants()):
        source = (Path(fastsoftmax.__file__).parent / "kernels" / mutant.file).read_text(encoding="utf-8")
        (tmp_path / f"mutant_{number}.py").write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
