"""Lists of cases for pytest: a few axes varied one or two at a time, the quick ones first."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

import fastsoftmax
from bench.data import Rows

ONE, ALL = "1t", "all"  # threads that a case may use, on both sides
VOCABULARIES = (32_000, 128_256, 262_144)
BATCHES = (1, 8, 64, 256)
DTYPES = ("float32", "float64", "float16", "bfloat16")


def threads(name: str) -> int:
    """Return how many threads ONE or ALL is."""
    return 1 if name == ONE else fastsoftmax.get_num_threads()


def vary(base: Rows, **axes: Iterable[Any]) -> list[Rows]:
    """Return `base` with every combination of the values of these fields."""
    return [replace(base, **dict(zip(axes, values, strict=True))) for values in itertools.product(*axes.values())]


def cross(
    names: Iterable[str], batches: Iterable[Rows], values: Iterable[float] = (1,), name: str | None = None
) -> Iterator[tuple[str, Rows, float, str]]:
    """Yield every (name, rows, value, threads): those of `name`, else ONE for a single row and ALL for a batch."""
    for one, rows, value in itertools.product(names, batches, values):
        yield one, rows, value, name or (ONE if rows.batch == 1 else ALL)


def listed(quick: Iterable[tuple[Any, ...]], full: Iterable[tuple[Any, ...]]) -> list[Any]:
    """Return pytest parameters, each case once; those that only `full` has are marked so."""
    first = dict.fromkeys(quick)
    rest = [case for case in dict.fromkeys(full) if case not in first]
    return [
        *(pytest.param(*case, id=_name(case)) for case in first),
        *(pytest.param(*case, id=_name(case), marks=pytest.mark.full) for case in rest),
    ]


def _name(case: tuple[Any, ...]) -> str:
    return "-".join("x".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in case)
