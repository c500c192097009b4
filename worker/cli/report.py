"""`fleet report`: how the fleet fared, and how on the day before."""

import json

import click

from db import health_reports
from db.connection import open_database
from db.health_reports import QueueDay, Report
from db.schema import check_schema
from worker.cli.tables import print_table
from worker.doctor.findings import time_span

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
  fleet report --json | jq .library
""",
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def report(as_json: bool) -> None:
    """Show the last daily health report beside the one before.

    Each queue: jobs done and attempts that failed since the report before, what waited when it was
    made, and how many jobs a worker does in a minute of work.
    """
    open_database()
    check_schema()
    latest = health_reports.latest()
    if latest is None:
        click.echo(NONE_YET, err=True)
        return
    before = health_reports.before(latest.day)
    if as_json:
        click.echo(json.dumps({"latest": _json(latest), "before": before and _json(before)}))
        return
    click.echo(f"{latest.day}: " + ", ".join(f"{n:,} {what}" for what, n in latest.library.items()))
    earlier = {each.name: each for each in before.queues} if before else {}
    print_table([_HEADING, *(_row(each, earlier.get(each.name)) for each in latest.queues)])
    for kind, (to_do, failed) in latest.work.items():
        if to_do or failed:
            click.echo(f"{kind}: {to_do:,} to do, {failed:,} failed")


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
