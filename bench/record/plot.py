"""Draws a column of figures as bars, in plain SVG: no library, the same file on every machine."""

from collections.abc import Sequence
from html import escape

from bench.record.results import Table

_WIDTH, _LABELS, _ROW, _MARGIN = 720, 200, 28, 12
_BARS = _WIDTH - _LABELS - 100
_FIRST, _OTHERS, _INK = "#2f6fb0", "#b9c4cf", "#26323d"
"""The colours of the first row, which is ours, of the other bars, and of text."""


def bars(title: str, table: Table) -> str:
    """The plotted column of a table, a bar a row that has a number there."""
    column = 1 + list(table.columns).index(table.plotted)
    rows = [(str(row[0]), float(row[column] or 0)) for row in table.rows if row[column] is not None]
    most = max((value for _, value in rows), default=0) or 1
    height = 2 * _MARGIN + _ROW * (len(rows) + 1)
    heading = f"{title}: {table.plotted}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(heading)}" font-family="sans-serif" font-size="14" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN + 14}" font-weight="bold">{escape(heading)}</text>',
        *(
            line
            for number, (label, value) in enumerate(rows)
            for line in _bar(number, label, value, value / most)
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _bar(number: int, label: str, value: float, share: float) -> Sequence[str]:
    top = _MARGIN + _ROW * (number + 1)
    width = max(1, round(_BARS * share))
    colour = _OTHERS if number else _FIRST
    return (
        f'<text x="{_LABELS - 8}" y="{top + 17}" text-anchor="end">{escape(label)}</text>',
        f'<rect x="{_LABELS}" y="{top + 4}" width="{width}" height="18" fill="{colour}"/>',
        f'<text x="{_LABELS + width + 8}" y="{top + 18}">{value:,g}</text>',
    )
