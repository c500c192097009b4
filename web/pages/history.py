"""How the fleet was: charts of the last day, week and month, with a table beside each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, jsonify, render_template

from db.maintenance.samples import PERIODS, Chart, History, as_json, history
from web.pager import is_json_wanted, text

bp = Blueprint("history", __name__)

_ROWS = 12
"""Rows of the table of a chart."""


class Row(NamedTuple):
    """A row of the table: a time, and what each line of the chart says then."""

    at: datetime
    values: list[float | None]


@bp.get("/history")
def page() -> str | Response:
    """The charts of a period: day, week or month. Also as JSON."""
    name = text("period") or "day"
    if name not in PERIODS:
        abort(404, f"There is no period {name!r}: write one of {', '.join(PERIODS)}.")
    found = history(PERIODS[name], datetime.now(UTC))
    if is_json_wanted():
        return jsonify(version=1, period=name, **as_json(found))
    return render_template(
        "history.html",
        charts=[(chart, _words(chart), _rows(found, chart)) for chart in found.charts],
        period=name,
        periods=PERIODS,
        is_empty=not any(chart.series for chart in found.charts),
        is_day=name == "day",
        tab="history",
    )


def _words(chart: Chart) -> str:
    """What the chart shows, in a sentence for who does not see it."""
    parts = [_line(name, values, chart.unit) for name, values in chart.series.items()]
    return f"{'; '.join(parts)}." if parts else "Nothing in this time."


def _line(name: str, values: Sequence[float | None], unit: str) -> str:
    known = [each for each in values if each is not None]
    return f"{name}: {_number(known[-1])} at the end, {_number(max(known))} at most {unit}".strip()


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _rows(found: History, chart: Chart) -> list[Row]:
    """Some points of the chart, the newest first."""
    every = max(1, len(found.points) // _ROWS)
    chosen = range(len(found.points) - 1, -1, -every)
    lines: list[list[Any]] = list(chart.series.values())
    return [
        Row(
            datetime.fromtimestamp(found.points[number]).astimezone(),
            [line[number] for line in lines],
        )
        for number in chosen
    ]
