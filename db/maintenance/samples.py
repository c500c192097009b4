"""How the fleet was from moment to moment: what charts of a day, a week and a month show.

A sample is written only when it says something new, so a fleet at rest writes none, and the last
one holds until the next. Of those older than a day the last of each hour is kept, of those older
than a month the last of each day.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from peewee import fn

from db.models import FleetSample
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


def record(sample: Sample, moment: datetime) -> None:
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
