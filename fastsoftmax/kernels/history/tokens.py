"""Histories: a prompt and the output after it for each row, one after the other in an array with room between them.

The prompt 5 7 with the output 5 is the tokens 5 7 5, with a length of 3 and a prompt of 2.
"""

from typing import NamedTuple

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.numbers import IntRow
from fastsoftmax.samplers.edit import PARTS

OUTPUT, PROMPT = PARTS.index("output"), PARTS.index("prompt")


class Tokens(NamedTuple):
    """The histories of some rows."""

    tokens: IntRow  # of all rows
    starts: IntRow  # where each row begins in them
    lengths: IntRow
    prompts: IntRow  # how many tokens of each are its prompt


@inline
def window_of(of: int, last: int, prompt: int, length: int) -> tuple[int, int]:
    """Return where a window of a history begins and ends: one of its parts, or the last so many tokens of that."""
    first = prompt if of == OUTPUT else 0
    stop = prompt if of == PROMPT else length
    if last > 0:
        first = max(first, stop - last)
    return first, max(first, stop)
