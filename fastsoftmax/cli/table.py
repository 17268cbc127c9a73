"""The command `table`: logits beside the distributions they stand for."""

from typing import Any

import numpy as np
import numpy.typing as npt

import fastsoftmax
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import Logits

ROWS_ON_TERMINAL = 100

Floats = npt.NDArray[np.float64]


def show(
    logits: Logits, temperatures: list[float], filters: dict[str, Any], sort: bool, top: int | None, as_json: bool
) -> None:
    """Print tokens with their logits and, for each temperature, logit / T, probability and a bar."""
    values, count = logits.values.astype(np.float64), len(logits.tokens)
    columns = {temperature: _distribution(values, temperature, **filters) for temperature in temperatures}
    if top is None:
        top = ROWS_ON_TERMINAL if output.on_terminal() and not as_json and count > ROWS_ON_TERMINAL else 0
    rows = np.argsort(-values, kind="stable")[: top or None] if sort or top else np.arange(count)
    tokens = [logits.tokens[row] for row in rows]
    distributions = [
        {"temperature": t, "scaled_logits": _scaled(values[rows], t).tolist(), "probabilities": p[rows].tolist()}
        for t, p in columns.items()
    ]
    if as_json:
        given = {"tokens": tokens, "indices": rows.tolist(), "logits": values[rows].tolist()}
        output.write_json({**given, **filters, "distributions": distributions})
        return
    table: dict[str, list[str] | list[float]] = {
        "token": list(map(output.printable, tokens)),
        "logit": list(map(_number, values[rows].tolist())),
    }
    for distribution in distributions:
        table |= _columns(**distribution)
    output.write_table(table)
    if rows.size < count and output.on_terminal():
        output.write(f"{count - rows.size:,} tokens more: --top 0 shows all")


def _distribution(values: Floats, temperature: float, *, samplers: str | None = None, **filters: Any) -> Floats:
    """Return the probabilities at a temperature, after filters or a chain of samplers."""
    if samplers is None:
        found = fastsoftmax.probabilities(values, temperature=temperature, **filters)
    else:
        found = fastsoftmax.probabilities(values, samplers=f"temperature={temperature!r} {samplers}")
    return np.asarray(found, np.float64)


def _scaled(logits: Floats, temperature: float) -> Floats:
    """Return logits / T; NaN at T = 0, where there is no such number."""
    if temperature == 0:
        return np.full_like(logits, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.where(np.isinf(logits), logits, logits / temperature) + 0.0  # no -0


def _columns(
    temperature: float, scaled_logits: list[float], probabilities: list[float]
) -> dict[str, list[str] | list[float]]:
    """Return the columns of one temperature, by header."""
    name = repr(temperature).removesuffix(".0")
    return {
        f"logit/{name}": list(map(_number, scaled_logits)),
        f"p(T={name})": list(map(_probability, probabilities)),
        f"T={name}": probabilities,
    }


def _number(logit: float) -> str:
    return "-" if np.isnan(logit) else f"{logit:.6g}"


def _probability(p: float) -> str:
    return f"{p:.6f}" if p >= 1e-4 else f"{p:.2e}" if p else "0"
