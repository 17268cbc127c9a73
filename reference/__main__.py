"""Cross-check the compiled library against the reference, on your own logits.

    python -m reference logits.npy --temperature .7 --top-p .9

The exit status is 0 if they agree, 1 if they do not and 2 for bad input.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

import fastsoftmax
from reference import chain
from reference.philox import uniform
from reference.sampling import check_logits, check_parameters, draw, kept_masses
from reference.softmax import softmax

CUT = 1e-12  # how far a boundary may be from its value, relative, for a cut or a draw on either side of it to be right
DRAWS = 100
Logits = tuple[float, ...]


@dataclass(frozen=True)
class Precision:
    """What is promised of a type of logits, and the numbers it can hold."""

    bits: int  # of the significand
    smallest: float  # normal number
    ulps: float  # by which softmax may be off
    masses: float  # by which probabilities may be off, relative, before they are rounded


PRECISION = {
    "float16": Precision(11, 2.0**-14, 2, 1e-6),
    "bfloat16": Precision(8, 2.0**-126, 2, 1e-6),
    "float32": Precision(24, 2.0**-126, 2, 1e-6),
    "float64": Precision(53, 2.0**-1022, 4, 1e-12),
}


@dataclass(frozen=True)
class Parameters:
    """The four words of `sample`."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float


def ulps(expected: Sequence[float], computed: Sequence[float], precision: Precision) -> float:
    """Return the largest error in units in the last place of the expected value."""
    return worst(
        abs(c - e) / math.ldexp(1.0, math.frexp(e)[1] - precision.bits)
        if e >= precision.smallest
        else below(c, precision.smallest)
        for e, c in zip(expected, computed, strict=True)
    )


def mass_error(masses: Sequence[float], computed: Sequence[float], precision: Precision) -> float:
    """Return the largest relative error of probabilities; infinite where one is cut and the other not."""
    total = math.fsum(masses)
    return worst(
        abs(c - e) / e if e >= precision.smallest else below(c, precision.smallest if e else 0.0)
        for e, c in zip((mass / total for mass in masses), computed, strict=True)
    )


def below(value: float, bound: float) -> float:
    """Return the error of a value that is only promised to lie in [0, bound]: none or all."""
    return 0.0 if 0 <= value <= bound else math.inf


def worst(errors: Iterator[float]) -> float:
    """Return the largest error; NaN counts as infinite."""
    return max(math.inf if math.isnan(error) else error for error in errors)


@lru_cache(maxsize=9)
def masses_of(logits: Logits, parameters: Parameters) -> list[float]:
    """Return `kept_masses`, taken once for each row and set of parameters."""
    return kept_masses(logits, **asdict(parameters))


def neighbours(logits: Logits, parameters: Parameters) -> list[list[float]]:
    """Return the kept masses for the cut-offs as they are, a little lower and a little higher."""
    factors = (1.0, 1.0 - CUT, 1.0 + CUT)
    top_ps = {min(parameters.top_p * f, 1.0) for f in factors} if parameters.top_p < 1 else {1.0}
    min_ps = {min(parameters.min_p * f, 1.0) for f in factors}
    near = [replace(parameters, top_p=p, min_p=min_p) for p, min_p in product(top_ps, min_ps)]
    kept = [masses_of(logits, moved) for moved in near]
    if parameters.min_p * factors[2] >= 1:  # weights may differ by less than a float shows: then the maxima alone stay
        largest = max(logits)
        kept += [[mass if z == largest else 0.0 for z, mass in zip(logits, masses, strict=True)] for masses in kept]
    return kept


def check_masses(
    logits: Logits, parameters: Parameters, computed: Sequence[float], precision: Precision
) -> tuple[float, bool]:
    """Return the largest relative error, and whether a cut-off had to move within its tolerance for it."""
    allowed = allowed_error(precision)
    error = mass_error(masses_of(logits, parameters), computed, precision)
    if error <= allowed:
        return error, False
    near = neighbours(logits, parameters)
    moved = min(mass_error(masses, computed, precision) for masses in near)
    return (moved, True) if moved <= allowed else (error, False)


def allowed_error(precision: Precision) -> float:
    """Return the relative error allowed in a probability: the promise, and the rounding of the result."""
    return precision.masses + 2.0**-precision.bits


def check_tokens(logits: Logits, parameters: Parameters, seed: int, computed: Sequence[int]) -> tuple[int, int]:
    """Return how many tokens are different, and how many others are, but only inside a boundary."""
    masses = masses_of(logits, parameters)
    us = [uniform(seed, draw=j) for j in range(len(computed))]
    different = [(u, token) for u, token in zip(us, computed, strict=True) if token != draw(masses, u)]
    if not different:
        return 0, 0
    near = neighbours(logits, parameters)
    factors = (1.0, 1.0 - CUT, 1.0 + CUT)
    inside = sum(any(draw(m, u * f) == token for m, f in product(near, factors)) for u, token in different)
    return len(different) - inside, inside


def cross_check(rows: NDArray[Any], parameters: Parameters, seed: int) -> tuple[list[str], bool]:
    """Return a table of what was compared, and whether library and reference agree."""
    precision = PRECISION.get(rows.dtype.name, PRECISION["float64"])
    words = asdict(parameters)
    softmaxes = fastsoftmax.softmax(rows, temperature=parameters.temperature)
    distributions = fastsoftmax.probabilities(rows, **words)
    tokens = fastsoftmax.sample(rows, **words, n=DRAWS, seed=seed)

    error_ulps, error_masses, moved_rows, wrong_tokens, inside_tokens = 0.0, 0.0, 0, 0, 0
    for row, soft, distribution, drawn in zip(rows, softmaxes, distributions, tokens, strict=True):
        logits = tuple(floats(row))
        expected = softmax(logits, parameters.temperature)
        error_ulps = max(error_ulps, ulps(expected, floats(soft), precision))
        error, moved = check_masses(logits, parameters, floats(distribution), precision)
        error_masses = max(error_masses, error)
        moved_rows += moved
        wrong, inside = check_tokens(logits, parameters, seed, [int(token) for token in drawn])
        wrong_tokens += wrong
        inside_tokens += inside

    allowed = allowed_error(precision)
    table = [
        f"{'':14}{'compared':>12}{'difference':>14}{'allowed':>12}  inside a boundary",
        f"{'softmax':14}{rows.size:>12}{error_ulps:>10.2f} ulp{precision.ulps:>8.0f} ulp",
        f"{'probabilities':14}{rows.size:>12}{error_masses:>14.1e}{allowed:>12.1e}  {moved_rows} rows",
        f"{'sample':14}{len(rows) * DRAWS:>12}{wrong_tokens:>14}{0:>12}  {inside_tokens} tokens",
    ]
    return table, error_ulps <= precision.ulps and error_masses <= allowed and wrong_tokens == 0


def cross_check_chain(rows: NDArray[Any], samplers: str, seed: int) -> tuple[list[str], bool]:
    """Return the same for a chain of samplers: tokens are compared as they are, without a boundary."""
    precision = PRECISION.get(rows.dtype.name, PRECISION["float64"])
    distributions = fastsoftmax.probabilities(rows, samplers=samplers)
    tokens = fastsoftmax.sample(rows, samplers=samplers, n=DRAWS, seed=seed)
    error, wrong = 0.0, 0
    for row, distribution, drawn in zip(rows, distributions, tokens, strict=True):
        error = max(error, mass_error(chain.probabilities(floats(row), samplers), floats(distribution), precision))
        expected = chain.sample(floats(row), samplers, n=DRAWS, seed=seed)
        wrong += sum(a != b for a, b in zip(np.ravel(expected).tolist(), drawn.tolist(), strict=True))
    allowed = allowed_error(precision)
    table = [
        f"{'':14}{'compared':>12}{'difference':>14}{'allowed':>12}",
        f"{'probabilities':14}{rows.size:>12}{error:>14.1e}{allowed:>12.1e}",
        f"{'sample':14}{len(rows) * DRAWS:>12}{wrong:>14}{0:>12}",
    ]
    return table, error <= allowed and wrong == 0


def floats(row: NDArray[Any]) -> list[float]:
    """Return an array of any real type as a list of floats, without rounding."""
    values: list[float] = np.asarray(row).astype(np.float64).tolist()
    return values


def load_rows(path: str, count: int) -> NDArray[Any]:
    """Return up to `count` rows of the logits (..., V) in a .npy file; ValueError if they cannot be used."""
    if count < 1:
        raise ValueError(f"rows is {count}, expected an integer >= 1")
    try:
        with open(path, "rb") as file:
            logits = np.load(file, allow_pickle=False)
    except (OSError, EOFError, BadZipFile) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(logits, np.ndarray):
        raise ValueError(f"{path} is an archive, expected one array (.npy)")
    if logits.dtype.name not in PRECISION and logits.dtype.kind not in "iub":
        raise ValueError(f"{path} is of dtype {logits.dtype}, expected real logits of 16, 32 or 64 bits")
    if logits.ndim == 0 or logits.size == 0:
        raise ValueError(f"{path} has shape {logits.shape}, expected (..., V) with at least one row")
    rows: NDArray[Any] = logits.reshape(-1, logits.shape[-1])[:count]
    for i, row in enumerate(rows):
        try:
            check_logits(floats(row))
        except ValueError as error:
            raise ValueError(f"row {i}: {error}") from error
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m reference", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("file", metavar="FILE.npy", help="logits of shape (..., V)")
    parser.add_argument("--temperature", type=float, default=1.0, help="0 is greedy (default: 1)")
    parser.add_argument("--top-k", type=int, default=0, help="keep the k largest; 0 is off (default)")
    parser.add_argument("--top-p", type=float, default=1.0, help="keep the nucleus; 1 is off (default)")
    parser.add_argument("--min-p", type=float, default=0.0, help="relative to the largest; 0 is off (default)")
    parser.add_argument("--samplers", help="a chain instead of the four, as 'typical=0.9 temperature=0.8'")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    parser.add_argument("--rows", type=int, default=8, help="how many rows to compare at most (default: 8)")
    given = parser.parse_args(arguments)
    parameters = Parameters(given.temperature, given.top_k, given.top_p, given.min_p)
    try:
        check_parameters(**asdict(parameters))
        if given.samplers is not None:
            if parameters != Parameters(1.0, 0, 1.0, 0.0):
                raise ValueError("--samplers and one of the four words are both given, expected one")
            chain.survivors([0.0], given.samplers)
        uniform(given.seed)
        rows = load_rows(given.file, given.rows)
    except ValueError as error:
        print("error:", " ".join(str(error).split()), file=sys.stderr)
        return 2
    asked = parameters if given.samplers is None else given.samplers
    print(f"{given.file}: {len(rows)} rows of {rows.shape[1]} {rows.dtype}, {asked}, seed {given.seed}")
    try:
        if given.samplers is None:
            table, agree = cross_check(rows, parameters, given.seed)
        else:
            table, agree = cross_check_chain(rows, given.samplers, given.seed)
    except ValueError as error:
        print(f"DISAGREE: the library refuses what the reference accepts: {error}")
        return 1
    print(*table, "agree" if agree else "DISAGREE", sep="\n")
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
