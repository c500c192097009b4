"""How the fleet was: samples of each moment for charts, and a report of each day.

A sample is written only when it says something new, so a fleet at rest writes none, and the last
one holds until the next. Of those older than a day the last of each hour is kept, of those older
than a month the last of each day. Reports are kept for ninety days.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from peewee import fn

from db import ledger
from db.library import statistics
from db.models import FleetSample, HealthReport, State, utc_now
from db.scanning import problems
from db.sql.connection import transaction
from db.sql.queries import tuples

EVERY = timedelta(minutes=5)
_HOUR, _DAY = 3_600, 86_400
_THINNED = ((timedelta(days=1), _HOUR), (timedelta(days=31), _DAY))
"""From which age on one sample is kept of how many seconds."""
_MEMORY_DIFFERS = 0.1
"""By what part memory has to differ from the last sample to be something new."""


class Sample(NamedTuple):
    """How the fleet was at a moment."""

    queues: Mapping[str, Sequence[int]]
    """Jobs of each queue: waiting, running, failed, and done since Redis was empty."""
    library: Mapping[str, int]
    """How many tracks, albums, artists and covers there are."""
    memory: Mapping[str, int]
    """Bytes that the processes of each program have, what they share counted in parts (PSS)."""

    def is_news(self, before: "Sample") -> bool:
        """Whether it says anything that the one before did not."""
        names = self.memory.keys() | before.memory.keys()
        pairs = [(self.memory.get(name, 0), before.memory.get(name, 0)) for name in names]
        return (
            {name: list(counts) for name, counts in self.queues.items()} != before.queues
            or self.library != before.library
            or any(abs(now - then) > _MEMORY_DIFFERS * max(now, then) for now, then in pairs)
        )


def newest() -> Sample | None:
    """The last sample that was written."""
    query = FleetSample.select(FleetSample.queues, FleetSample.library, FleetSample.memory)
    found = tuples(query.order_by(FleetSample.at.desc()).limit(1))
    return next((Sample(*row) for row in found), None)


def record_sample(sample: Sample, moment: datetime) -> None:
    """Write a sample of a moment, with a zone, and drop those that are kept no longer."""
    at = int(moment.timestamp())
    with transaction():
        FleetSample.insert(at=at, **sample._asdict()).on_conflict_ignore().execute()
        for age, seconds in _THINNED:
            is_old = FleetSample.at < at - int(age.total_seconds())
            last = FleetSample.select(fn.MAX(FleetSample.at)).where(is_old)
            kept = last.group_by(FleetSample.at / seconds)
            FleetSample.delete().where(is_old, FleetSample.at.not_in(kept)).execute()


class Period(NamedTuple):
    """How far back charts go, and how far their points are apart."""

    length: timedelta
    step: timedelta


PERIODS = {
    "day": Period(timedelta(days=1), timedelta(minutes=15)),
    "week": Period(timedelta(days=7), timedelta(hours=2)),
    "month": Period(timedelta(days=30), timedelta(hours=6)),
}


class Chart(NamedTuple):
    """Lines over the points of a period."""

    name: str
    title: str
    unit: str
    series: dict[str, list[float | None]]
    """A value for each point; None where nothing is known of that time."""


class History(NamedTuple):
    """The charts of a period."""

    points: list[int]
    """Seconds since 1970: where each step of time ends."""
    charts: list[Chart]


def history(period: Period, now: datetime) -> History:
    """What the samples say of the time before `now`, which has a zone."""
    step, end = int(period.step.total_seconds()), int(now.timestamp())
    count = int(period.length / period.step)
    points = [end - step * after for after in reversed(range(count))]
    steps = _steps([point - step for point in points], step, points[0] - step)
    done = f"Jobs done in {_words(period.step)}"
    charts: list[tuple[Chart, tuple[_Values, _OfStep]]] = [
        (Chart("waiting", "Jobs that wait", "jobs", {}), (_queue(0), max)),
        (Chart("done", done, "jobs", {}), (_done, sum)),
        (Chart("failed", "Failed jobs", "jobs", {}), (_queue(2), _last)),
        (Chart("library", "The library", "", {}), (_library, _last)),
        (Chart("memory", "Memory by program", "MiB", {}), (_memory, max)),
    ]
    return History(
        points, [_filled(chart, steps, values, of_step) for chart, (values, of_step) in charts]
    )


_Row = tuple[int, Sample, "Sample | None"]
"""When a sample was taken, the sample, and the one before."""


def _steps(begins: Sequence[int], step: int, first: int) -> list[list[_Row]]:
    """What held in each step of time: the last sample before it, and those within it."""
    select = (FleetSample.at, FleetSample.queues, FleetSample.library, FleetSample.memory)
    before = FleetSample.select(fn.MAX(FleetSample.at)).where(FleetSample.at <= first)
    query = FleetSample.select(*select).where(FleetSample.at >= fn.COALESCE(before, first))
    rows = [(at, Sample(*rest)) for at, *rest in tuples(query.order_by(FleetSample.at))]
    known: list[_Row] = [(rows[0][0], rows[0][1], None)] if rows else []
    known += [(at, sample, former) for (_, former), (at, sample) in pairwise(rows)]
    steps: list[list[_Row]] = []
    held: list[_Row] = []
    for begin in begins:
        within = [row for row in known if begin < row[0] <= begin + step]
        earlier = [row for row in known if row[0] <= begin][-1:]
        held = [(at, sample, sample) for at, sample, _ in earlier]  # nothing is done in it
        steps.append(held + within)
    return steps


_Values = Callable[[Sample, "Sample | None"], Mapping[str, float]]
_OfStep = Callable[[Iterable[float]], float]


def _filled(
    chart: Chart,
    steps: Sequence[Sequence[_Row]],
    values: _Values,
    of_step: _OfStep,
) -> Chart:
    """The chart with its lines, but for those that are 0 all the time."""
    found = [[values(sample, before) for _, sample, before in rows] for rows in steps]
    names = sorted({each for step in found for row in step for each in row})
    series: dict[str, list[float | None]] = {
        each: [of_step([row.get(each, 0) for row in step]) if step else None for step in found]
        for each in names
    }
    return chart._replace(series={each: line for each, line in series.items() if any(line)})


def _queue(place: int) -> _Values:
    return lambda sample, _: {name: counts[place] for name, counts in sample.queues.items()}


def _done(sample: Sample, before: Sample | None) -> Mapping[str, float]:
    """A count that is smaller than the one before began again, with an empty Redis."""
    earlier = {name: counts[3] for name, counts in before.queues.items()} if before else {}
    present = {name: counts[3] for name, counts in sample.queues.items()}
    if before is None:
        return dict.fromkeys(present, 0)
    return {
        name: count - earlier.get(name, 0) if count >= earlier.get(name, 0) else count
        for name, count in present.items()
    }


def _library(sample: Sample, _: Sample | None) -> Mapping[str, float]:
    return sample.library


def _memory(sample: Sample, _: Sample | None) -> Mapping[str, float]:
    return {name: round(size / 2**20, 1) for name, size in sample.memory.items()}


def _last(values: Iterable[float]) -> float:
    return list(values)[-1]


def _words(step: timedelta) -> str:
    hours = step / timedelta(hours=1)
    return f"{hours:g} hours" if hours > 1 else f"{step / timedelta(minutes=1):g} minutes"


def as_json(found: History) -> dict[str, Any]:
    """For machines and for the script that draws the charts."""
    times = [datetime.fromtimestamp(point, UTC).isoformat() for point in found.points]
    return {"times": times, "charts": [chart._asdict() for chart in found.charts]}


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


def record_report(day: date, queues: list[QueueDay], totals: Mapping[str, JobTotal]) -> bool:
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
