"""Columns by header, as aligned text and as HTML. A column of fractions is one of bars.

The first column is flush left, the others flush right.
"""

from collections.abc import Mapping, Sequence
from html import escape

BAR_WIDTH = 20  # characters
MOST_ROWS = 100  # in HTML

Columns = Mapping[str, Sequence[str] | Sequence[float]]

_CELL = "padding:0.15em 0.6em;"
_BAR = (
    '<div style="width:12em;background:rgba(128,128,128,0.15)">'
    '<div style="width:{:.2%};height:0.9em;background:#3f7fd6"></div></div>'
)


def aligned(columns: Columns, blocks: bool = True) -> str:
    """Return lines of text; without `blocks`, bars are of plain characters."""
    lines = []
    for number, (header, cells) in enumerate(columns.items()):
        column = [header, *(bar(cell, blocks) if isinstance(cell, float) else cell for cell in cells)]
        width = max(map(len, column))
        align = str.rjust if number and not is_bars(cells) else str.ljust
        lines.append([align(cell, width) for cell in column])
    return "\n".join("  ".join(row).rstrip() for row in zip(*lines, strict=True))


def html(columns: Columns) -> str:
    """Return a table in HTML, of at most a hundred rows."""
    heads = "".join(
        f'<th scope="col" style="{_CELL}text-align:{_side(i, c)}">{escape(h)}</th>'
        for i, (h, c) in enumerate(columns.items())
    )
    count = max(map(len, columns.values()), default=0)
    rows = []
    for place in range(min(count, MOST_ROWS)):
        cells = [
            f'<td style="{_CELL}text-align:{_side(i, c)}">{_cell(c[place])}</td>'
            for i, c in enumerate(columns.values())
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    more = f"<p>{count - MOST_ROWS:,} rows more</p>" if count > MOST_ROWS else ""
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>{more}"


def is_bars(cells: Sequence[str] | Sequence[float]) -> bool:
    """Return whether a column is one of bars."""
    return len(cells) > 0 and isinstance(cells[0], float)


def bar(fraction: float, blocks: bool = True) -> str:
    """Return a bar whose full width is 1, to an eighth of a character where there are blocks."""
    if not blocks:
        return "#" * round(fraction * BAR_WIDTH)
    full, eighths = divmod(round(fraction * BAR_WIDTH * 8), 8)
    return "█" * full + " ▏▎▍▌▋▊▉"[eighths].strip()


def _side(number: int, cells: Sequence[str] | Sequence[float]) -> str:
    return "right" if number and not is_bars(cells) else "left"


def _cell(cell: str | float) -> str:
    return _BAR.format(cell) if isinstance(cell, float) else escape(cell)
