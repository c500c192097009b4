"""How the fleet was, in charts of a day, a week and a month; and the life of an entity."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flask import Blueprint, Response, abort, jsonify, render_template

from db.library.tracks import place_of
from db.maintenance.fleet_history import PERIODS, Chart, History, as_json, history
from db.models import EntityType
from db.sql.path_text import shown
from web.pages import is_json_wanted, text
from worker.errors import BadInputError
from worker.queues.jobs import entity_names
from worker.status.life import life

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


@bp.get("/tracks/<id:entity_id>/life", defaults={"entity_type": EntityType.TRACK})
@bp.get("/albums/<id:entity_id>/life", defaults={"entity_type": EntityType.ALBUM})
@bp.get("/artists/<id:entity_id>/life", defaults={"entity_type": EntityType.ARTIST})
def of_entity(entity_type: EntityType, entity_id: int) -> str | Response:
    """All that happened to a track, album or artist, by time. Also as JSON."""
    try:
        events = life(entity_type, entity_id)
    except BadInputError as error:
        abort(404, str(error))
    if is_json_wanted():
        listed = [each.as_json() for each in events]
        return jsonify(version=1, type=entity_type, id=entity_id, events=listed)
    return render_template(
        "life.html",
        events=events,
        kind=entity_type,
        entity_id=entity_id,
        name=entity_names(entity_type, [entity_id]).get(entity_id)
        or shown(place_of(entity_type, entity_id)),
    )
