"""Samples of the fleet: written when they say something new, thinned with age, shown as charts."""

from datetime import UTC, datetime, timedelta

import pytest
import redis

from db.maintenance import fleet_history
from db.maintenance.fleet_history import PERIODS, Chart, Sample, history, newest, record_sample
from db.models import FleetSample
from worker import dispatch
from worker.schedule.scheduler import Sampler, sampled

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MIB = 2**20


def at(**ago: float) -> datetime:
    return NOW - timedelta(**ago)


def sample(waiting: int = 0, done: int = 0, memory: int = 50, tracks: int = 10) -> Sample:
    return Sample({"scan": [waiting, 0, 0, done]}, {"tracks": tracks}, {"web": memory * MIB})


def charts(period: str) -> dict[str, Chart]:
    return {chart.name: chart for chart in history(PERIODS[period], NOW).charts}


def test_a_sample_is_news_when_work_library_or_memory_differ() -> None:
    assert not sample().is_news(sample(memory=53))
    assert sample().is_news(sample(memory=60))
    assert sample().is_news(sample(waiting=1))
    assert sample().is_news(sample(tracks=11))
    assert Sample({}, {}, {"web": MIB}).is_news(Sample({}, {}, {}))


def test_old_samples_are_thinned_to_the_last_of_each_hour_and_day(database: str) -> None:
    last_of_an_hour = at(days=2, minutes=5)
    for minutes in range(0, 3 * 60, 5):
        record_sample(sample(minutes), at(days=2, minutes=minutes))
    for hours in range(0, 48, 3):
        record_sample(sample(hours), at(days=40, hours=hours))
    record_sample(sample(1), at(minutes=10))
    record_sample(sample(2), at(minutes=5))
    kept = [row.at for row in FleetSample.select().order_by(FleetSample.at)]
    old = [each for each in kept if each < at(days=31).timestamp()]
    hourly = [each for each in kept if old[-1] < each < at(days=1).timestamp()]
    assert (len(old), len(hourly), len(kept)) == (3, 4, 9)
    assert int(last_of_an_hour.timestamp()) in hourly
    found = newest()
    assert found == sample(2)
    record_sample(sample(3), at(minutes=5))  # of another scheduler, in the same second
    assert newest() == sample(2)


def test_charts_hold_the_last_value_and_count_what_was_done_once(database: str) -> None:
    record_sample(sample(5, done=100, tracks=8), at(days=3))
    record_sample(sample(9, done=140), at(hours=2))
    record_sample(sample(0, done=150), at(hours=1, minutes=50))
    record_sample(sample(0, done=7), at(minutes=20))  # Redis was emptied
    day = charts("day")
    waiting = day["waiting"].series["scan"]
    assert len(waiting) == 96
    assert (waiting[0], max(each or 0 for each in waiting), waiting[-1]) == (5, 9, 0)
    assert sum(each or 0 for each in day["done"].series["scan"]) == 40 + 10 + 7
    assert day["library"].series["tracks"][-1] == 10
    assert day["memory"].series == {"web": [50.0] * 96}
    assert day["failed"].series == {}
    week = charts("week")["waiting"].series["scan"]
    assert week[0] is None
    assert week[-1] == 9  # the most of its two hours


def test_a_time_of_which_nothing_is_known_has_no_lines(database: str) -> None:
    assert {chart.title: chart.series for chart in history(PERIODS["month"], NOW).charts} == {
        "Jobs that wait": {},
        "Jobs done in 6 hours": {},
        "Failed jobs": {},
        "The library": {},
        "Memory by program": {},
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_scheduler_writes_a_sample_only_when_something_is_new(
    database: str, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.schedule.scheduler._FIRST_SAMPLE", 0.0)
    monkeypatch.setattr(fleet_history, "EVERY", timedelta(0))
    sampler = Sampler()
    sampler(at(hours=3))
    sampler(at(hours=2))
    assert FleetSample.select().count() == 1
    dispatch.enqueue("maintenance.cleanup_expired_tasks")
    sampler(at(hours=1))
    assert FleetSample.select().count() == 2
    found = newest()
    assert found is not None
    assert found.queues["maintenance"] == [1, 0, 0, 0]
    assert found.library == {"tracks": 0, "albums": 0, "artists": 0, "covers": 0}
    assert sum(sampled(None).memory.values()) > MIB
    queues.hset("fleet:done", "maintenance.cleanup_expired_tasks", 3)
    assert sampled(None).queues["maintenance"][3] == 3
