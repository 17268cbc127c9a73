"""What a sampler is: numbers with ranges, and a rule that tells from a few facts how what is left of a row narrows.

A filter keeps a band of the order (larger logit first, lower index first among equals), in one of six ways:

COUNT    the first so many
MASS     the first whose mass reaches a share: a nucleus
LEAST    what is at least so likely
NEAREST  the nearest to a logarithm of a weight, up to a share of the mass
AFTER    drops from the front what is at least so likely, but for the last of that
LOOK     along the sorted tokens, until the rule says stop

SCALE changes the logits and not the order; REWEIGH changes it too, and comes last; GUMBEL picks the token. An EDIT
changes a few logits for what came before (see `fastsoftmax.samplers.edit`). A sampler with a rule `learn` keeps a
number for each row, as mirostat its mu, which a draw changes.

A rule is arithmetic on numbers, which `fastsoftmax.kernels.chain` compiles into the loop over a row. Logits are as that
loop has them: less the largest one that is left, after the scales so far. So exp(logit) is a weight, the largest
weight is 1, and of the logits 0 and -1 `log_mass` is log(1 + 1/e) = 0.313.
"""

import math
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from fastsoftmax import _checks
from fastsoftmax._values import Valued

OFF, COUNT, MASS, LEAST, NEAREST, AFTER, LOOK, SCALE, REWEIGH, GUMBEL, EDIT = range(11)

# What a rule needs to know of what is left.
NOTHING, LOG_MASS, ENTROPY, SQUARES, MOMENTS, SHAPE, TOKENS = 0, 1, 2, 4, 8, 16, 32

_RULES = {"ties": "all", "equal": "keep", "crossing": "keep", "of": "all"}  # by the word that sets their column

Rows = npt.NDArray[np.float64]


class Facts(NamedTuple):
    """What rules know of what is left of a row. What the sampler's `needs` do not say is void."""

    tokens: float  # TOKENS, MOMENTS, SHAPE: how many there are
    log_mass: float  # LOG_MASS, ENTROPY, SQUARES: of the sum of the weights
    entropy: float  # ENTROPY: in nats
    log_squares: float  # SQUARES: of the sum of the squared probabilities
    deviation: float  # MOMENTS: the population's, of the logits
    lowest: float  # SHAPE, as the next two: the smallest logit
    bends: float  # the sum of the absolute second differences of the sorted weights
    steepest: float  # how many tokens come before the largest fall from one logit to the next, over its place


class Seen(NamedTuple):
    """What the rule of a LOOK knows of a token: `one` and `two` are what it said at the token before."""

    place: int  # in the order
    logit: float
    before: float  # the logit before it
    weight: float
    following: float  # the weights of the next two tokens, 0 after the last one
    after: float
    one: float
    two: float


LN2 = math.log(2.0)
GO_ON = -1.0  # what the rule of a LOOK says for how many tokens stay, until it knows


class Operation(NamedTuple):
    """A step as the kernel reads it: a row of numbers."""

    code: float  # which rule
    way: float
    needs: float
    a: float  # parameters, in the order in which the sampler declares them
    b: float
    c: float  # or which of the words of the sampler's own, or the number that it keeps
    min_keep: float
    ties: float  # 1 where all equals of the last one stay too
    equal: float  # 1 where what begins exactly at the bound stays
    crossing: float  # 1 where what crosses the bound stays
    whole: float  # 1 where a mass is one of the whole row, not of what is left
    learns: float  # 1 where a draw changes c
    learned: float  # what a draw of the row's has made of c


WAY, NUMBER, LEARNS, LEARNED = (Operation._fields.index(name) for name in ("way", "c", "learns", "learned"))


def log(x: float) -> float:
    """Return the natural logarithm of x >= 0. Compiled rules have the kernels' own, the same on every CPU."""
    return math.log(x) if x > 0.0 else -math.inf


def exp(x: float) -> float:
    """Return e**x. Compiled rules have the kernels' own, the same on every CPU."""
    return math.exp(x)


class Range(NamedTuple):
    """Which numbers a parameter may be."""

    low: float
    high: float
    whole: bool = False
    above: bool = False  # `low` itself is not among them

    @property
    def expected(self) -> str:
        kind = "an integer" if self.whole else "a number"
        if self.high == math.inf:
            return f"{kind} {'>' if self.above else '>='} {self.low:g}"
        return f"{kind} in {'(' if self.above else '['}{self.low:g}, {self.high:g}]"

    def accepts(self, values: npt.NDArray[Any]) -> Any:
        return ((values > self.low) if self.above else (values >= self.low)) & (values <= self.high)


def number(default: float, low: float, high: float = math.inf, *, above: bool = False) -> Any:
    """Declare a parameter that is a number, or one a row."""
    return field(default=default, metadata={"range": Range(low, high, False, above)})


def whole(default: int, low: int) -> Any:
    """Declare a parameter that is an integer, or one a row."""
    return field(default=default, metadata={"range": Range(low, math.inf, True)})


def word(default: str, *others: str) -> Any:
    """Declare a rule that peers differ in: one of a few words."""
    return field(default=default, metadata={"words": (default, *others)})


@dataclass(frozen=True, eq=False)
class Step(Valued):
    """One sampler of a chain. Numbers may be one a row of the batch, as arrays."""

    name: ClassVar[str] = ""
    way: ClassVar[int] = OFF
    needs: ClassVar[int] = NOTHING
    code: ClassVar[int] = -1  # its place in the registry
    followers: ClassVar[tuple[int, ...] | None] = None  # the ways of what may follow it; None for anything

    def __post_init__(self) -> None:
        for one in fields(self):
            value, place = getattr(self, one.name), f"{self.name}'s {one.name}"
            if "words" in one.metadata:
                _checks.choice(place, value, one.metadata["words"])
                continue
            if "range" not in one.metadata:
                continue
            rows = _rows(place, value, one.metadata["range"], None)
            object.__setattr__(self, one.name, _checks.kept(place, value, rows))

    def __repr__(self) -> str:
        words = ", ".join(f"{one.name}={_shown(getattr(self, one.name))}" for one in fields(self))
        return f"{type(self).__name__}({words})"

    def __str__(self) -> str:
        given = [one for one in fields(self) if not _same(getattr(self, one.name), one.default)]
        if not fields(self):
            return self.name
        main = fields(self)[0]
        if given in ([main], []) and "words" not in main.metadata:
            return f"{self.name}={_shown(getattr(self, main.name))}"
        return f"{self.name}({', '.join(f'{one.name}={_shown(getattr(self, one.name))}' for one in given)})"

    def operations(self, batch: tuple[int, ...] | None) -> list[Rows]:
        """Return what the kernel does for this step: for each operation a row of numbers, or one for each row.

        Without a batch the rows are as many as the parameters have values.
        """
        numbers = numbers_of(self, batch)
        min_keep = numbers.pop("min_keep", np.ones(1))
        a, b, c = [*numbers.values(), *[np.zeros(1)] * 3][:3]
        way = np.where(self.is_off(a, b, c), OFF, self.way)
        said = [np.full(1, float(getattr(self, rule, "") == on)) for rule, on in _RULES.items()]
        for one in fields(self):
            if "words" in one.metadata and one.name not in _RULES:
                c = np.full(1, float(one.metadata["words"].index(getattr(self, one.name))))
        learns = np.zeros(1)
        if hasattr(self, "learn"):
            c, learns = self.first(a, b), self.learns(a, b)
        code, needs = np.full(1, float(self.code)), np.full(1, float(self.needs))
        columns = (code, way, needs, a, b, c, min_keep, *said, learns, np.zeros(1))
        return [np.stack(np.broadcast_arrays(*columns), axis=-1).astype(np.float64)]

    def is_idle(self) -> bool:
        """Return whether the sampler does nothing, whatever the row."""
        return all((rows[:, 1] == OFF).all() for rows in self.operations(None))

    @property
    def asks(self) -> bool:
        """Whether it asks what came before, which a state tells."""
        return hasattr(self, "learn") and any((rows[:, LEARNS] == 1.0).any() for rows in self.operations(None))

    @staticmethod
    def is_off(a: Rows, b: Rows, c: Rows) -> Any:
        """Return for which parameters the sampler does nothing."""
        return np.zeros(a.shape, np.bool_)

    @staticmethod
    def first(a: Rows, b: Rows) -> Rows:
        """Return the number that the sampler keeps, before the first token."""
        return np.zeros(a.shape)

    @staticmethod
    def learns(a: Rows, b: Rows) -> Rows:
        """Return for which parameters a draw changes that number: 1, or 0."""
        return np.ones(a.shape)


def numbers_of(step: Step, batch: tuple[int, ...] | None) -> dict[str, Rows]:
    """Return the parameters of a sampler that are numbers: vectors of one entry, or one a row of the batch."""
    return {
        one.name: _rows(f"{step.name}'s {one.name}", getattr(step, one.name), one.metadata["range"], batch).astype(
            np.float64
        )
        for one in fields(step)
        if "range" in one.metadata
    }


def _rows(place: str, value: Any, limits: Range, batch: tuple[int, ...] | None) -> npt.NDArray[Any]:
    """Check a parameter: a vector of one entry, or one a row of the batch (None: of any)."""
    dtype = np.int64 if limits.whole else np.float64
    return _checks.per_row(place, value, batch, dtype, limits.accepts, limits.expected)


def _same(value: Any, default: Any) -> bool:
    return not isinstance(value, np.ndarray) and bool(value == default)


def _shown(value: Any) -> str:
    """Return a parameter as the string of a chain has it: what `ast.literal_eval` reads, or a word."""
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_shown, value))}]"
    return repr(value)
