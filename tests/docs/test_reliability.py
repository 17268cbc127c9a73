"""The page on reliability is what the long checks saw, and names tests that are there."""

import json
import re

import pytest

from tests.reliability import Check, SkipError, __main__

RESULTS = json.loads(__main__.RESULTS.read_text())


def test_the_page_holds_the_last_results() -> None:
    page = __main__.PAGE.read_text()
    assert page == __main__.with_table(page, __main__.table(RESULTS))


def test_results_are_of_checks_that_passed() -> None:
    assert set(RESULTS) <= set(__main__.CHECKS)
    assert {result["outcome"] for result in RESULTS.values()} <= {"passed"}


@pytest.mark.parametrize("check", __main__.CHECKS.values(), ids=lambda check: check.name)
def test_the_quick_tests_are_there(check: Check) -> None:
    for file in re.findall(r"[\w/]+\.py", check.quick):
        assert (__main__.ROOT / file).is_file()


def test_outcomes() -> None:
    def fail(_: object) -> str:
        raise AssertionError("two |\nlines")

    def skip(_: object) -> str:
        raise SkipError("no such disk")

    for run, outcome, seen in ((fail, "failed", "AssertionError: two | lines"), (skip, "skipped", "no such disk")):
        result = __main__._outcome(Check("some", "It holds.", "-", run), lambda done: None)
        assert (result["outcome"], result["seen"]) == (outcome, seen)
