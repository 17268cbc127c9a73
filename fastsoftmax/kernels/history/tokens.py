"""What kernels are told of what came before some rows, and of the edits for it.

The prompt 5 7 with the output 5 is the tokens 5 7 5, with a length of 3 and a prompt of 2; its table has 5: 2 and 7: 1.
"""

from typing import NamedTuple

from fastsoftmax._jit import inline
from fastsoftmax.kernels.lanes.arrays import borrowed
from fastsoftmax.kernels.lanes.numbers import FloatRow, IntRow, Rows


class Tokens(NamedTuple):
    """The histories: a prompt and the output after it for each row, one after the other with room between them."""

    tokens: IntRow  # of all rows
    starts: IntRow  # where each row begins in them
    lengths: IntRow
    prompts: IntRow  # how many tokens of each are its prompt


class Table(NamedTuple):
    """How often tokens came: the distinct ones of a row in their order, one row after the other."""

    tokens: IntRow
    counts: IntRow  # of each, one for each window
    offsets: IntRow  # where each row begins, and the end


class Listed(NamedTuple):
    """The sequences that the edits of a chain list (see `fastsoftmax.samplers.edit.Listed`)."""

    tokens: IntRow
    starts: IntRow
    values: FloatRow


class Edits(NamedTuple):
    """The edits of a chain and the histories of some rows."""

    rules: Rows  # (see `EditOperation`) of each row, or of all
    listed: Listed
    history: Tokens
    table: Table
    columns: int  # windows of the table
    longest: int  # history
    start: int  # at which byte of the scratch memory that of the edits begins


@inline
def borrowed_tokens(history: Tokens) -> Tokens:
    """Return histories that the caller holds."""
    tokens, starts, lengths, prompts = history
    return Tokens(borrowed(tokens), borrowed(starts), borrowed(lengths), borrowed(prompts))


@inline
def borrowed_table(table: Table) -> Table:
    """Return a table that the caller holds."""
    tokens, counts, offsets = table
    return Table(borrowed(tokens), borrowed(counts), borrowed(offsets))
