"""`fleet report`, the daily health report compared with the one before, and `fleet stats`."""

import click

from db.library import statistics
from db.maintenance import health_reports
from db.maintenance.health_reports import QueueDay, Report, Work
from db.sql.connection import open_database
from db.sql.schema import check_schema
from worker.cli.output import print_json, print_line, print_table, say
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
    latest = health_reports.latest()
    before = health_reports.before(latest.day) if latest else None
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
    for work in health_reports.compared_work(latest, before):
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
