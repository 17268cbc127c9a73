"""Options of `pytest bench`, and the fixture `race`."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from bench import peers
from bench.race import FULL, QUICK, Call, Contestant, race
from bench.results import Case

Race = Callable[[Case, float, Call, Iterable[Contestant]], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("bench")
    group.addoption("--full", action="store_true", help="all cases, and more time for each")
    group.addoption("--only", default="", metavar="TEXT", help="the cases with this in their name")
    group.addoption("--alone", action="store_true", help="fastsoftmax without peers and limits")


def pytest_xdist_auto_num_workers() -> int:
    """Let nothing else run while something is timed."""
    return 0


def pytest_configure(config: pytest.Config) -> None:
    """Tell the marker; the warnings of peers are no errors here."""
    config.addinivalue_line("markers", "full: a case of the full run, left out without --full")
    config.addinivalue_line("filterwarnings", "default")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for."""
    full, only = config.getoption("--full"), config.getoption("--only")
    kept = [item for item in items if (full or not item.get_closest_marker("full")) and only in item.name]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


@pytest.fixture(name="race")
def _race(benchmark: Any, pytestconfig: pytest.Config) -> Race:
    """Return race(case, units, ours, others), which times a case with the threads in its facts."""
    pace = FULL if pytestconfig.getoption("--full") else QUICK
    alone = pytestconfig.getoption("--alone")

    def run(case: Case, units: float, ours: Call, others: Iterable[Contestant]) -> None:
        with peers.threads(case.facts["threads"], load=not alone):
            race(benchmark, case, units, ours, others, pace, alone=alone)

    return run
