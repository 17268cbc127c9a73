"""Weights of transitions that a user gives, to counts: whole where they are, else float64.

The rows (0.9, 0.1) and (0.25, 0.75) have the denominator 20: as counts they are 18, 2 and 5, 15, not rounded.
The rows (0.3, 0.7) and (1 / sqrt(2), ...) have none, and stay numbers that are rounded when they are divided.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fastsoftmax._types import Counts, Positions
from fastsoftmax.markov.counts.transitions import MAX_TOTAL

_DENOMINATOR = 10**6  # the largest that is sought for all probabilities of a matrix
_OFF = 1e-9  # from 1: what the sum of a row of float64 probabilities may be


def numbers_of(name: str, values: Any, place: Callable[[int], str]) -> npt.NDArray[Any]:
    """Return weights as an array of numbers, finite and not below 0; errors name the place of the first other one."""
    array = np.asarray(values)
    if array.dtype.kind == "b":
        return array.astype(np.int64)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"{name} has dtype {array.dtype}, expected integers or floats")
    wrong = np.flatnonzero(~((array >= 0) & (array < math.inf)))
    if wrong.size:
        at = int(wrong[0])
        raise ValueError(f"{place(at)} is {array.flat[at]}, expected a finite number >= 0")
    return array


def counts_of(weights: npt.NDArray[Any]) -> Counts:
    """Return weights as int64 if they are whole and add up to at most 2**53, else as float64."""
    whole = weights.dtype.kind in "iu" or bool((weights == np.floor(weights)).all())
    if whole and weights.sum(dtype=np.float64) <= MAX_TOTAL:
        return weights.astype(np.int64)
    return weights.astype(np.float64)


def counts_of_matrix(weights: npt.NDArray[Any], rows: Positions, label: Callable[[int], str]) -> Counts:
    """Return the weights of a matrix as counts: they are whole, or the probabilities of each row add up to 1.

    Raises
    ------
    ValueError
        If a row does neither, naming its label and sum.
    """
    counts = counts_of(weights)
    if counts.dtype == np.int64 or weights.dtype.kind != "f":
        return counts
    known, places = np.unique(rows, return_inverse=True)  # a sparse matrix may have far more rows than entries
    sums, number = np.bincount(places, counts), np.bincount(places)
    allowed = np.maximum(_OFF, number * float(np.finfo(weights.dtype).eps))
    wrong = np.flatnonzero(np.abs(sums - 1.0) > allowed)
    if wrong.size:
        row = int(wrong[0])
        raise ValueError(
            f"the row of {label(int(known[row]))} in matrix adds up to {sums[row]:.12g}, "
            f"expected 1 within {allowed[row]:.0e}, or whole numbers in all rows"
        )
    denominator = denominator_of(weights)
    return counts if denominator is None else np.rint(counts * denominator).astype(np.int64)


def denominator_of(probabilities: npt.NDArray[Any]) -> int | None:
    """Return the least number up to 10**6 that all probabilities are rounded fractions of, None if there is none."""
    different = np.unique(probabilities)
    exact, found = different.astype(np.float64), 1
    while True:
        missed = np.flatnonzero((np.rint(exact * found) / found).astype(different.dtype) != different)
        if missed.size == 0:
            return found
        fraction = Fraction(float(exact[missed[0]])).limit_denominator(_DENOMINATOR)
        found = math.lcm(found, fraction.denominator)
        if found > _DENOMINATOR or different.dtype.type(float(fraction)) != different[missed[0]]:
            return None
