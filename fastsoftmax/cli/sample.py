"""The command `sample`: tokens drawn from logits."""

import math
from typing import Any

import numpy as np

import fastsoftmax
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import InputError, read_rows


def draw(file: str, params: dict[str, Any], n: int | None, as_json: bool) -> None:
    """Print the tokens drawn from each row of logits, a row a line: indices, or the names that a file gives them."""
    if params["rng"] is not None and params["rng"] < 0:
        raise InputError(f"rng is {params['rng']}, expected an integer >= 0")
    logits, names = read_rows(file)
    tokens = np.asarray(fastsoftmax.sample(logits, n=n, **params))
    named = tokens if names is None else np.array(names, object)[tokens]
    if as_json:
        found = {"tokens": tokens.tolist()}
        output.write_json(found if names is None else found | {"names": np.asarray(named).tolist()})
    else:
        rows = np.reshape(named, (math.prod(tokens.shape[:-1]), n) if n is not None else (-1, 1))
        output.write("\n".join(" ".join(output.printable(str(token)) for token in row) for row in rows.tolist()))
