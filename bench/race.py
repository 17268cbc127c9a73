"""The race: ours and everything it is compared with, timed in turns, so that a slow spell hits all alike.

pytest-benchmark times our rounds (`benchmark.pedantic`); after each of them, as its teardown and outside its clock,
every other contestant runs one round of its own. Contestants that are slow sit some rounds out. The figures are
medians over rounds; all of them go into `extra_info["case"]` of the one benchmark.
"""

import gc
import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from bench.results import OURS, Case, Timing

Call = Callable[[], object]

PATIENCE = 5.0  # seconds; what takes longer is timed once


@dataclass(frozen=True)
class Contestant:
    """Something that does the work of a case, all of it in one call.

    `role` is as in `Timing`. `units` is how much one call does; None is what the case says.
    """

    name: str
    role: str
    call: Call
    units: float | None = None


@dataclass(frozen=True)
class Pace:
    """How much time a contestant gets: about `seconds`, in `rounds` rounds."""

    rounds: int
    seconds: float


QUICK = Pace(rounds=11, seconds=0.2)
FULL = Pace(rounds=21, seconds=0.4)


@dataclass
class Runner:
    """A contestant on the track: how many calls make its round, and how many rounds it runs."""

    contestant: Contestant
    calls: int
    rounds: int
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def ready(cls, contestant: Contestant, pace: Pace) -> Self:
        """Warm up, then share out the time."""
        contestant.call()
        one = _seconds_a_call(contestant.call, least=pace.seconds / pace.rounds / 4)
        if one > PATIENCE:
            return cls(contestant, 1, 1, [one])
        rounds = min(pace.rounds, max(3, int(pace.seconds / one)))
        return cls(contestant, max(1, round(pace.seconds / pace.rounds / one)), rounds)

    def run(self) -> None:
        """Run one round, unless all are run."""
        if len(self.seconds) < self.rounds:
            self.seconds.append(_seconds(self.contestant.call, self.calls) / self.calls)

    def timing(self, case_units: float) -> Timing:
        """Summarise the rounds."""
        units = self.contestant.units or case_units
        return Timing.of(self.contestant.name, self.contestant.role, self.seconds, self.calls, units)


def race(
    benchmark: Any,
    case: Case,
    units: float,
    ours: Call,
    others: Iterable[Contestant],
    pace: Pace,
    *,
    alone: bool = False,
) -> None:
    """Time `ours` with the fixture `benchmark`, in turns with the others.

    Parameters
    ----------
    benchmark : pytest_benchmark.fixture.BenchmarkFixture
        When it is disabled, everything is called once and nothing is timed.
    case : Case
        Without its timings.
    units : float
        What one call of ours does, in the unit of the case.
    ours : callable
    others : iterable of Contestant
    pace : Pace
    alone : bool
        Leave the others out.
    """
    benchmark.group = case.group
    others = [] if alone else list(others)
    if benchmark.disabled:
        for other in others:
            other.call()
        benchmark.pedantic(ours)
        return
    track = [] if alone else [Contestant(f"{OURS} again", "again", ours), *others]
    leader = Runner.ready(Contestant(OURS, "ours", ours), pace)
    runners = [Runner.ready(other, pace) for other in track]
    turns = itertools.count()

    def others_run() -> None:
        turn = next(turns)
        for i in range(len(runners)):  # another one first each time
            runner = runners[(turn + i) % len(runners)]
            if _has_turn(turn, runner.rounds, leader.rounds):
                runner.run()

    benchmark.pedantic(ours, rounds=leader.rounds, iterations=leader.calls, teardown=others_run)
    leader.seconds = benchmark.stats.stats.data
    timings = [runner.timing(units) for runner in (leader, *runners)]
    finished = replace(case, timings=timings)
    benchmark.extra_info["case"] = asdict(finished)
    benchmark.extra_info[f"{case.unit} per second"] = 1 / finished.ours.per_unit
    benchmark.extra_info["time over ours"] = {timing.name: finished.ratio(timing.name) for timing in timings[1:]}


def _has_turn(turn: int, rounds: int, turns: int) -> bool:
    """Spread `rounds` rounds evenly over `turns` turns; at most one a turn."""
    return turn < turns and (turn + 1) * rounds // turns > turn * rounds // turns


def _seconds(call: Call, calls: int) -> float:
    """Time some calls together."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return time.perf_counter() - start
    finally:
        if enabled:
            gc.enable()


def _seconds_a_call(call: Call, least: float) -> float:
    """Return about how long a call takes, from enough calls to fill `least` seconds."""
    calls = 1
    while (seconds := _seconds(call, calls)) < least and calls < 10**6:
        calls = 2 * calls if seconds == 0 else max(2 * calls, min(int(least / seconds * calls) + 1, 10 * calls))
    return seconds / calls
