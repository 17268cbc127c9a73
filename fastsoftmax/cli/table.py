"""The command `table`: logits beside the distributions they stand for."""

from typing import Any

import numpy as np

import fastsoftmax
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import Logits

ROWS_ON_TERMINAL = 100


def show(
    logits: Logits, temperatures: list[float], filters: dict[str, Any], sort: bool, top: int | None, as_json: bool
) -> None:
    """Print tokens with their logits and, for each temperature, logit / T, probability and a bar."""
    count = len(logits.tokens)
    if top is None:
        top = ROWS_ON_TERMINAL if output.on_terminal() and not as_json and count > ROWS_ON_TERMINAL else 0
    names = logits.tokens if as_json else list(map(output.printable, logits.tokens))
    asked = temperatures if len(temperatures) > 1 else temperatures[0]
    whole = fastsoftmax.table(logits.values.astype(np.float64), tokens=names, temperature=asked, **filters)
    rows = np.argsort(-whole.logits, kind="stable")[: top or None] if sort or top else np.arange(count)
    table = whole[rows]
    if as_json:
        columns = zip(table.temperatures, table.adjusted.tolist(), table.probabilities.tolist(), strict=True)
        distributions = [{"temperature": t, "scaled_logits": z, "probabilities": p} for t, z, p in columns]
        given = {"tokens": list(table.tokens), "indices": rows.tolist(), "logits": table.logits.tolist()}
        output.write_json({**given, **filters, "distributions": distributions})
        return
    output.write_table(table.columns())
    if len(table) < count and output.on_terminal():
        output.write(f"{count - len(table):,} tokens more: --top 0 shows all")
