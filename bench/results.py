"""What a run found: cases with their timings, the machine, and the JSON that keeps them."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

DIRECTORY = Path(__file__).parent / "results"
OURS = "fastsoftmax"
PARTIAL = "partial"  # the file of a run that was cut down by --only
SCHEMA = 1


@dataclass(frozen=True)
class Timing:
    """The time of one contestant in one case, in seconds a call: the median over rounds, and the quartiles.

    Roles: ours; again (ours once more, which tells how noisy the case is); peer; reference; limit (the least that the
    memory allows); aside (shown, and not compared: it does something else or only a part).
    """

    name: str
    role: str
    median: float
    low: float
    high: float
    rounds: int
    calls: int  # a round
    units: float  # a call

    @classmethod
    def of(cls, name: str, role: str, seconds: Sequence[float], calls: int, units: float) -> Self:
        """Summarise the seconds a call of each round."""
        low, median, high = quartiles(seconds)
        return cls(name, role, median, low, high, len(seconds), calls, units)

    @property
    def per_unit(self) -> float:
        """Seconds a unit."""
        return self.median / self.units

    @property
    def spread(self) -> float:
        """Half the distance of the quartiles, relative to the median."""
        return (self.high - self.low) / 2 / self.median


@dataclass(frozen=True)
class Case:
    """One thing that is measured, and everything it was measured against in the same minute.

    Parameters
    ----------
    group : str
        softmax, sample, walk, fit or chain.
    name : str
        What is called, such as "softmax" or "top_p".
    on : str
        The input, such as "llm-128256-float32-1".
    facts : dict
        What the name stands for: parameters, shape, threads.
    unit : str
        What is counted: elements, tokens, steps.
    timings : list of Timing
        Ours first.
    """

    group: str
    name: str
    on: str
    facts: dict[str, Any]
    unit: str
    timings: list[Timing] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The name of the case among all."""
        return f"{self.group}/{self.name}/{self.on}"

    @property
    def ours(self) -> Timing:
        """The timing of the library itself."""
        return self.timings[0]

    def timing(self, name: str) -> Timing | None:
        """Return the timing of one contestant, None if it did not take part."""
        return next((timing for timing in self.timings if timing.name == name), None)

    def ratio(self, name: str) -> float | None:
        """Return the time of a contestant over ours, per unit of work: above 1, ours is faster."""
        timing = self.timing(name)
        return None if timing is None else timing.per_unit / self.ours.per_unit

    def of_role(self, role: str) -> list[Timing]:
        """Return the timings of that role, fastest first."""
        return sorted((t for t in self.timings if t.role == role), key=lambda timing: timing.per_unit)

    @property
    def best_peer(self) -> Timing | None:
        """The fastest peer, None if there is none."""
        return next(iter(self.of_role("peer")), None)

    @property
    def limit(self) -> Timing | None:
        """The limit that applies: the one named in `facts`, else the first."""
        limits = [timing for timing in self.timings if timing.role == "limit"]
        return next((t for t in limits if t.name == self.facts.get("limit")), limits[0] if limits else None)

    @property
    def times_limit(self) -> float | None:
        """Our time over that of the limit."""
        return None if self.limit is None else self.ours.per_unit / self.limit.per_unit

    @property
    def repeat(self) -> float | None:
        """How far the second measurement of ours lies from the first, relative."""
        again = self.of_role("again")
        return abs(again[0].per_unit / self.ours.per_unit - 1) if again else None

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """Read back what `dataclasses.asdict` gave."""
        return cls(**{**record, "timings": [Timing(**timing) for timing in record["timings"]]})


@dataclass(frozen=True)
class Results:
    """One run: where and when, what was skipped and why, and the figures."""

    machine: dict[str, Any]
    skipped: dict[str, str]
    cases: list[Case]
    first_call: dict[str, Any] = field(default_factory=dict)
    accuracy: list[dict[str, Any]] = field(default_factory=list)

    def group(self, group: str) -> list[Case]:
        """Return the cases of one group."""
        return [case for case in self.cases if case.group == group]

    def case(self, key: str) -> Case | None:
        """Return one case by its key."""
        return next((case for case in self.cases if case.key == key), None)

    @property
    def noise(self) -> list[float]:
        """How far the second measurement of each case lies from the first, ascending."""
        return sorted(case.repeat for case in self.cases if case.repeat is not None)

    def save(self, path: Path) -> None:
        """Write the JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {"schema": SCHEMA, **asdict(self)}
        path.write_text(json.dumps(_rounded(content), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the JSON. Raises ValueError for another schema."""
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema", None) != SCHEMA:
            raise ValueError(f"{path} is of another schema, expected {SCHEMA}")
        return cls(**{**content, "cases": [Case.from_json(case) for case in content["cases"]]})


def kept() -> dict[str, Results]:
    """Return the runs that the report is made of, by the names of their machines, the newest first."""
    runs = {path.stem: Results.load(path) for path in DIRECTORY.glob("*.json") if path.stem != PARTIAL}
    return dict(sorted(runs.items(), key=lambda run: run[1].machine["date"], reverse=True))


def quartiles(values: Iterable[float]) -> tuple[float, float, float]:
    """Return the quartiles, interpolated; of one value, that value."""
    ordered = sorted(values)
    if len(ordered) == 1:
        return ordered[0], ordered[0], ordered[0]
    low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return low, median, high


def _rounded(content: Any) -> Any:
    """Keep five digits of every float: more are noise, and make the file long."""
    if isinstance(content, float):
        return float(f"{content:.5g}")
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_rounded(value) for value in content]
    return content
