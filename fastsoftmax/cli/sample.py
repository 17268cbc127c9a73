"""The command `sample`: tokens drawn from logits."""

import math
from typing import Any

import numpy as np

import fastsoftmax
from fastsoftmax.cli import output
from fastsoftmax.cli.inputs import InputError, read_array


def draw(file: str, params: dict[str, Any], n: int | None, as_json: bool) -> None:
    """Print the tokens drawn from each row of logits, a row a line."""
    if params["rng"] is not None and params["rng"] < 0:
        raise InputError(f"rng is {params['rng']}, expected an integer >= 0")
    tokens = np.asarray(fastsoftmax.sample(read_array(file), n=n, **params))
    if as_json:
        output.write_json({"tokens": tokens.tolist()})
    else:
        rows = tokens.reshape(math.prod(tokens.shape[:-1]), n) if n is not None else tokens.reshape(-1, 1)
        output.write("\n".join(" ".join(map(str, row)) for row in rows.tolist()))
