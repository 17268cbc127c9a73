"""What the kernels of sampling are given for all rows, or for each: parameters, and the bits of what is allowed."""

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes import Row, Rows, if_given


@inline
def parameters_at(parameters: Rows, row: int) -> tuple[float, int, float, float]:
    """Return a row's temperature, top_k, top_p and min_p: there is one row of them for all, or one a row."""
    i = min(row, parameters.shape[0] - 1)
    return parameters[i, 0], int(parameters[i, 1]), parameters[i, 2], parameters[i, 3]


@if_given
def bits_at(allowed: Rows, row: int) -> Row:
    """Return the bits of a row's allowed tokens, which all rows may share."""
    bits: Row = allowed[min(row, allowed.shape[0] - 1)]
    return bits
