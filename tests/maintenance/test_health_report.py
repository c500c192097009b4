"""Each day's report says how every queue fared, beside the day before."""

import json
from datetime import timedelta

import pytest
import redis
from click.testing import CliRunner

from db.maintenance import fleet_history
from db.models import HealthReport
from jobs.maintenance import generate_daily_health_report
from tests.databases import ON_SQLITE
from tests.maintenance.conftest import Scan
from tests.maintenance.work import changed
from tests.pipeline.in_process import work_off
from worker import dispatch
from worker.cli.report import report as command


def report() -> dict[str, int]:
    generate_daily_health_report()
    return changed("generate_daily_health_report")


def a_day_earlier() -> None:
    """Have the report of today be yesterday's."""
    row = HealthReport.get()
    HealthReport.update(day=row.day - timedelta(days=1)).execute()


def of(queue: str) -> fleet_history.QueueDay:
    """A queue's row of the last report."""
    latest = fleet_history.latest()
    assert latest is not None
    return next(each for each in latest.queues if each.name == queue)


def test_a_report_tells_what_was_done_failed_and_waits(scan: Scan, queues: redis.Redis) -> None:
    scan()
    dispatch.enqueue("maintenance.backup")
    queues.hset("fleet:failed", "scan.discovery", 3)
    assert report() == {"reports written": 1}
    assert (of("scan").done, of("scan").failed) == (2, 3)
    assert of("scan").a_minute is not None
    assert of("maintenance").waiting == 1
    latest = fleet_history.latest()
    assert latest is not None
    assert latest.library == {"tracks": 6, "missing": 0, "albums": 2, "artists": 2, "problems": 0}
    assert latest.work["album cover"] == [0, 0]
    assert [each.name for each in latest.queues] == list(dispatch.topology().queues)


def test_it_counts_from_the_day_before_and_a_second_one_takes_its_place(
    scan: Scan, queues: redis.Redis
) -> None:
    scan()
    report()
    a_day_earlier()
    scan()
    assert report() == {"reports written": 1}
    assert of("scan").done == 2
    assert HealthReport.select().count() == 2
    assert report() == {}
    assert of("scan").done == 2


@ON_SQLITE
def test_a_redis_that_was_emptied_counts_anew(scan: Scan, queues: redis.Redis) -> None:
    scan()
    report()
    a_day_earlier()
    queues.flushdb()
    dispatch.enqueue("maintenance.diagnostic_missing_fields")
    work_off(queues)
    report()
    assert of("scan").done == 0
    assert of("maintenance").done == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_reports_go_after_ninety_days(scan: Scan, queues: redis.Redis) -> None:
    report()
    HealthReport.update(day=HealthReport.get().day - timedelta(days=91)).execute()
    report()
    assert HealthReport.select().count() == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_command_shows_it_beside_the_one_before(scan: Scan, queues: redis.Redis) -> None:
    assert "No report yet" in CliRunner().invoke(command, []).stderr
    scan()
    report()
    a_day_earlier()
    report()
    told = CliRunner().invoke(command, []).stdout.splitlines()
    heading, scanned = told[1].split("\t"), told[2].split("\t")
    assert dict(zip(heading[:3], scanned[:3], strict=True)) == {
        "queue": "scan",
        "done": "0",
        "(before)": "2",
    }
    told_to_machines = json.loads(CliRunner().invoke(command, ["--json"]).stdout)
    assert told_to_machines["before"]["library"]["tracks"] == 6


def test_library_and_work_stand_beside_the_day_before(scan: Scan, queues: redis.Redis) -> None:
    scan()
    report()
    a_day_earlier()
    before = HealthReport.get()
    library = dict(before.library) | {"tracks": 4}
    HealthReport.update(library=list(library.items()), work=[["album cover", 7, 1]]).execute()
    report()
    told = CliRunner().invoke(command, []).stdout
    assert "6 tracks (4 before), 0 missing, 2 albums, 2 artists, 0 problems" in told
    assert "album cover: 0 to do (7 before), 0 failed (1 before)" in told
