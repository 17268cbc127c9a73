"""What commands print: results on stdout, plain when it is not a terminal, and progress and errors on stderr."""

import json
import logging
import math
import sys
from typing import Any

from rich.bar import Bar
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from fastsoftmax._grid import BAR_WIDTH, Columns, aligned

MOST_FRAMED = 1000  # rows: rich takes 0.3 ms for each


def on_terminal() -> bool:
    """Whether stdout is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def progress_shows() -> bool:
    """Whether stderr is a terminal."""
    return sys.stderr is not None and sys.stderr.isatty()


class _Notices(logging.Handler):
    """Writes what the library logs to stderr; that it compiles, once."""

    told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        text = record.getMessage()
        if record.levelno < logging.WARNING:
            if self.told:
                return
            self.told = True
            text = "compiling kernels for this CPU, once: up to a minute (`fastsoftmax warmup` compiles all ahead)"
        if sys.stderr is not None:
            print(f"fastsoftmax: {text}", file=sys.stderr)


def show_notices() -> None:
    """Write to stderr that kernels are compiled, and why prebuilt ones are not used."""
    logger = logging.getLogger("fastsoftmax")
    logger.handlers = [_Notices(logging.INFO)]
    logger.setLevel(logging.INFO)


def write(text: str, end: str = "\n") -> None:
    """Write a result and a line end to stdout, whatever characters it holds."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    print(text, end=end)


def printable(token: str) -> str:
    """Return a token on one line: control characters as escapes."""
    return token if token.isprintable() else repr(token)[1:-1]


def write_json(value: Any) -> None:
    """Write a result as one JSON document; numbers that JSON cannot hold become "inf", "-inf" and null."""
    write(json.dumps(_plain(value), allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def write_table(columns: Columns) -> None:
    """Write columns by header, in a frame on a terminal, else as aligned text.

    The first column is flush left, the others flush right; a column of fractions is shown as bars.
    """
    rows = len(next(iter(columns.values())))
    if on_terminal() and rows <= MOST_FRAMED and sys.stdout.encoding.lower().startswith("utf"):
        _write_framed(columns)
    else:
        _write_aligned(columns)


def _write_framed(columns: Columns) -> None:
    table = Table(header_style="bold")
    for number, (name, cells) in enumerate(columns.items()):
        header = name.replace(", ", "\n")
        if isinstance(cells[0], float):
            table.add_column(header, min_width=BAR_WIDTH // 4, max_width=BAR_WIDTH)
        else:
            table.add_column(header, justify="right" if number else "left", no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*(Bar(1, 0, cell) if isinstance(cell, float) else Text(cell) for cell in row))
    console = Console()
    # Bars shrink to the width of the terminal, numbers are never cut: it wraps what is wider.
    natural = console.measure(table, options=console.options.update(max_width=10_000)).minimum
    Console(width=max(natural, console.width)).print(table)


def _write_aligned(columns: Columns) -> None:
    write(aligned(columns, blocks=(getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")))


def progress(shown: bool = True) -> Progress:
    """Return a progress bar for stderr, which shows on a terminal only and is gone when it is done."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn()
    return Progress(
        *columns, console=console, transient=True, disable=not (shown and console.is_terminal), redirect_stdout=False
    )
