"""The daily health reports: statistics of queues and work, one a day, kept for ninety days."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from db import ledger
from db.library import statistics
from db.models import HealthReport, State, utc_now
from db.scanning import problems
from db.sql.connection import transaction

KEPT = timedelta(days=90)


class JobTotal(NamedTuple):
    """What the jobs of one name came to, since Redis was empty."""

    done: int
    failed: int
    seconds: float


class QueueDay(NamedTuple):
    """The statistics of a queue since the report of the day before."""

    name: str
    done: int
    failed: int
    """Attempts that failed."""
    seconds: float
    """That its jobs took together."""
    waiting: int
    """Jobs, when the report was made."""
    oldest: float | None
    """Seconds that the first of them had waited then."""

    @property
    def a_minute(self) -> float | None:
        """Jobs that a worker does in a minute of work."""
        return (self.done + self.failed) * 60 / self.seconds if self.seconds else None


class Report(NamedTuple):
    """A day's report."""

    day: date
    made_at: datetime
    queues: list[QueueDay]
    library: dict[str, int]
    work: dict[str, list[int]]
    """To do and failed, by kind of work."""


class Work(NamedTuple):
    """A kind of work of which something is to do or failed, now or at the report before."""

    kind: str
    to_do: int
    failed: int
    before: tuple[int, int] | None
    """To do and failed at the report before; None without one."""


def record(day: date, queues: list[QueueDay], totals: Mapping[str, JobTotal]) -> bool:
    """Write the report of a day, in place of an earlier one of it; whether it says anything new.

    Reports that are older than KEPT go.
    """
    row = {
        "queues": [list(each) for each in queues],
        "totals": {name: list(total) for name, total in totals.items()},
        "library": [
            *map(list, statistics.library_totals()._asdict().items()),
            ["problems", problems.count()],
        ],
        "work": [
            [
                f"{need.entity_type} {need.kind}",
                counts[State.TODO] + counts[State.LEASED] + counts[State.WAITING],
                counts[State.FAILED] + counts[State.QUARANTINED],
            ]
            for need, counts in ledger.counts().items()
        ],
    }
    with transaction():
        before = HealthReport.get_or_none(HealthReport.day == day)
        is_new = before is None or any(getattr(before, name) != row[name] for name in row)
        HealthReport.delete().where(
            (HealthReport.day == day) | (HealthReport.day < day - KEPT)
        ).execute()
        HealthReport.create(day=day, made_at=utc_now(), **row)
    return is_new


def totals_before(day: date) -> dict[str, JobTotal]:
    """The totals of the last report before a day; none without one."""
    row = _newest_before(day)
    return {name: JobTotal(*total) for name, total in row.totals.items()} if row else {}


def latest() -> Report | None:
    """The newest report."""
    row = HealthReport.select().order_by(HealthReport.day.desc()).first()
    return _report(row) if row else None


def before(day: date) -> Report | None:
    """The last report before a day."""
    row = _newest_before(day)
    return _report(row) if row else None


def compared_work(latest: Report, before: Report | None) -> list[Work]:
    """What was to do and failed by kind of work, beside the report before."""
    compared = []
    for kind, (to_do, failed) in latest.work.items():
        earlier = before.work.get(kind, [0, 0]) if before else None
        if to_do or failed or any(earlier or []):
            pair = (earlier[0], earlier[1]) if earlier else None
            compared.append(Work(kind, to_do, failed, pair))
    return compared


def _newest_before(day: date) -> HealthReport | None:
    query = HealthReport.select().where(HealthReport.day < day)
    found: HealthReport | None = query.order_by(HealthReport.day.desc()).first()
    return found


def _report(row: HealthReport) -> Report:
    queues = [QueueDay(*each) for each in row.queues]
    work = {kind: counts for kind, *counts in row.work}
    return Report(row.day, row.made_at, queues, dict(row.library), work)
