"""The long part of the tests: every promise tried for minutes rather than seconds, see docs/reliability.md.

`python -m tests.long` runs all of it, or the checks that are named. A module holds one check and what it needs;
the tests that every run makes call the same functions with smaller numbers.
"""

from collections.abc import Callable
from typing import NamedTuple

Progress = Callable[[float], object]
"""Told which part, from 0 to 1, of a check is done."""


class Check(NamedTuple):
    """A promise and how it is tried."""

    name: str
    promise: str
    quick: str
    """The test that every run of the tests makes of it."""
    run: Callable[[Progress], str]
    """Returns what was seen, in one line with figures; an exception says what broke."""


class SkipError(Exception):
    """Why a check cannot be made on this machine."""
