"""`fleet stats`, `report`, `history`, `problems` and `missing-tags`: the library over time."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import click

from db.library import statistics
from db.library.statistics import TAG_FIELDS, MissingTags, missing_tags_by_album
from db.maintenance import fleet_history
from db.maintenance.fleet_history import QueueDay, Report, Work
from db.models import Problem
from db.scanning import problems as recorded
from db.sql.connection import open_database
from db.sql.path_text import shown, to_text
from db.sql.schema import check_schema
from worker.cli.output import print_csv, print_json, print_line, print_table, say
from worker.errors import BadInputError
from worker.phrases import counted, time_span

_HEADING = [
    "queue",
    "done",
    "(before)",
    "failed",
    "(before)",
    "waiting",
    "oldest",
    "a minute",
    "(before)",
]
NONE_YET = (
    "No report yet: one is made daily, or by "
    "`fleet enqueue maintenance.generate_daily_health_report`."
)


@click.command(
    epilog="""\b
Examples:
  fleet report
  fleet report --json | jq .latest.library
""",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def report(as_json: bool) -> None:
    """Show the last daily health report, compared with the one before.

    Each queue: jobs done and attempts that failed since the report before, what waited when it was
    made, and how many jobs a worker does in a minute of work. Below them: what is to do and what
    failed, by kind of work.
    """
    open_database()
    check_schema()
    latest = fleet_history.latest()
    before = fleet_history.before(latest.day) if latest else None
    if as_json:
        print_json({"latest": latest and _json(latest), "before": before and _json(before)})
        return
    if latest is None:
        say(NONE_YET)
        return
    counts = (_counted(n, what, before) for what, n in latest.library.items())
    print_line(f"{latest.day}: " + ", ".join(counts))
    earlier = {each.name: each for each in before.queues} if before else {}
    print_table([_HEADING, *(_row(each, earlier.get(each.name)) for each in latest.queues)])
    for work in fleet_history.compared_work(latest, before):
        print_line(_line(work))


def _counted(number: int, what: str, before: Report | None) -> str:
    """Such as `6 tracks (4 before)`; without the latter when it is the same."""
    earlier = before.library.get(what, 0) if before else number
    return f"{number:,} {what}" + (f" ({earlier:,} before)" if earlier != number else "")


def _line(work: Work) -> str:
    if work.before is None:
        return f"{work.kind}: {work.to_do:,} to do, {work.failed:,} failed"
    to_do, failed = work.before
    return (
        f"{work.kind}: {work.to_do:,} to do ({to_do:,} before), "
        f"{work.failed:,} failed ({failed:,} before)"
    )


def _row(day: QueueDay, before: QueueDay | None) -> list[str]:
    return [
        day.name,
        str(day.done),
        str(before.done) if before else "",
        str(day.failed),
        str(before.failed) if before else "",
        str(day.waiting),
        time_span(day.oldest) if day.oldest is not None else "",
        _speed(day),
        _speed(before) if before else "",
    ]


def _speed(day: QueueDay) -> str:
    return "" if day.a_minute is None else f"{day.a_minute:.0f}"


def _json(report: Report) -> dict[str, object]:
    return {
        **report._asdict(),
        "day": str(report.day),
        "made_at": str(report.made_at),
        "queues": [each._asdict() for each in report.queues],
    }


@click.command(
    epilog="""\b
Examples:
  fleet stats
  fleet stats --json | jq .codecs
""",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def stats(as_json: bool) -> None:
    """Show how much there is: tracks, albums, artists, codecs, hours, covers, missing tags."""
    open_database()
    check_schema()
    totals, codecs = statistics.library_totals(), statistics.totals_by_codec()
    covers, missing = statistics.covers_by_source(), statistics.missing_tag_totals()
    seconds, size = sum(each.seconds for each in codecs), sum(each.size for each in codecs)
    if as_json:
        said = {"seconds": round(seconds), "bytes": size, "covers": covers, "missing_tags": missing}
        rows = [each._asdict() for each in codecs]
        print_json({**totals._asdict(), **said, "codecs": rows})
        return
    print_line(
        f"{counted(totals.tracks, 'track')}, {counted(totals.albums, 'album')}, "
        f"{counted(totals.artists, 'artist')}; "
        f"{time_span(seconds)} of music in {_gigabytes(size)}"
    )
    if codecs:
        cells = [
            [each.codec, f"{each.tracks:,}", time_span(each.seconds), _gigabytes(each.size)]
            for each in codecs
        ]
        print_table([["codec", "tracks", "music", "size"], *cells])
    for kind, sources in covers.items():
        of = ", ".join(f"{count:,} {source}" for source, count in sources.items())
        print_line(f"{kind} covers: {of}")
    lacking = ", ".join(f"{count:,} no {name}" for name, count in missing.items() if count)
    print_line(f"missing tags: {lacking or 'none'}")


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 32
"""Bars at most that show the course of a line."""


@click.command(
    epilog="""\b
Examples:
  fleet history
  fleet history --period month
  fleet history --period week --json | jq '.charts[] | select(.name == "failed")'
""",
)
@click.option(
    "--period",
    type=click.Choice(list(fleet_history.PERIODS)),
    default="day",
    show_default=True,
    help="How far back.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with every point.")
def history(period: str, as_json: bool) -> None:
    """Show how the fleet was: jobs that waited, failed and were done, the library, memory.

    For each queue, program or sort of thing the number at the end, the largest one, and a bar for
    each part of the time. The page *History* has the same as charts.
    """
    open_database()
    check_schema()
    found = fleet_history.history(fleet_history.PERIODS[period], datetime.now(UTC))
    if as_json:
        print_json({"period": period, **fleet_history.as_json(found)})
        return
    rows = [
        [_titled(chart), name, *_course(values)]
        for chart in found.charts
        for name, values in chart.series.items()
    ]
    if not rows:
        say("Nothing is known of this time: while the fleet runs it takes a sample in 5 minutes.")
        return
    print_table([["chart", "of", "at the end", "at most", "course"], *rows])


def _titled(chart: fleet_history.Chart) -> str:
    is_said = chart.unit in {"", "jobs"}
    return chart.title if is_said else f"{chart.title}, {chart.unit}"


def _course(values: Sequence[float | None]) -> list[str]:
    """The last value, the largest one, and bars; a blank where nothing is known."""
    known = [each for each in values if each is not None]
    most, width = max(known), ceil(len(values) / _WIDTH)
    parts = [values[begin : begin + width] for begin in range(0, len(values), width)]
    tops = [max((each for each in part if each is not None), default=None) for part in parts]
    bars = (" " if each is None else _BARS[round(each / most * 7) if most else 0] for each in tops)
    return [f"{known[-1]:,g}", f"{most:,g}", "".join(bars)]


@click.command(
    epilog="""\b
Examples:
  fleet problems
  fleet problems ~/Music/Incoming
  fleet problems --json | jq -r '.problems[].path'
""",
)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def problems(folder: Path | None, as_json: bool) -> None:
    """List the files that musicfleet could not use, and why.

    First comes what waits for its surroundings, one line for each cause, such as a root that is
    away, or a disk below which many files cannot be read. With FOLDER only what is in it. A problem
    is deleted when a scan finds the file repaired or gone.

    Last come notes: of each folder what scans leave out though it may be music, such as videos,
    hidden folders and links that lead out, and the setting that takes it in. They are no errors.
    """
    open_database()
    check_schema()
    root = to_text(os.fsencode(os.path.realpath(folder))) if folder else None
    found = [*recorded.of_surroundings(root), *recorded.listed(root, one_by_one=as_json)]
    notes = recorded.notes(root)
    if not found and not notes and folder and not folder.exists():
        raise BadInputError(f"{folder} does not exist — name a folder of the library")
    if as_json:
        print_json({"problems": [_as_json(each) for each in [*found, *notes]]})
        return
    if not found:
        say("No problems.")
    if found or notes:
        rows = [["path", "stage", "code", "message"]]
        rows += [_problem_line(each) for each in [*found, *notes]]
        print_table(rows)


def _as_json(problem: Problem) -> dict[str, str]:
    row = {"path": problem.path, "stage": problem.stage, "code": problem.code}
    seen = {"first_seen": str(problem.first_seen), "last_seen": str(problem.last_seen)}
    return row | {"message": problem.message} | seen


def _problem_line(problem: Problem) -> list[str]:
    return [shown(problem.path), problem.stage, problem.code, problem.message]


@click.command(
    epilog="""\b
Examples:
  fleet missing-tags
  fleet missing-tags --csv > missing.csv
  fleet missing-tags --json | jq -r '.albums[] | select(.missing.genre) | .folder'
""",
)
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def missing_tags(as_csv: bool, as_json: bool) -> None:
    """List the albums whose tracks lack tags, and how many of them lack which."""
    open_database()
    check_schema()
    if as_json:
        albums = [
            each._asdict() | {"folder": shown(each.folder)} for each in missing_tags_by_album()
        ]
        print_json({"albums": albums})
        return
    heading = ["album artist", "album", "folder", "tracks", *(f"no {name}" for name in TAG_FIELDS)]
    rows = [heading, *map(_missing_line, missing_tags_by_album())]
    if as_csv:
        print_csv(rows)
    elif len(rows) == 1:
        say("No tag is missing.")
    else:
        print_table(rows)


def _missing_line(each: MissingTags) -> Sequence[str]:
    counts = (str(each.missing.get(name) or "") for name in TAG_FIELDS)
    names = (each.album_artist or "", each.album or "", shown(each.folder))
    return [*names, str(each.tracks), *counts]
