"""`fleet schedule` and the page say when each schedule runs, and how it last went."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from db.maintenance.maintenance_runs import recorded_run
from db.models import MaintenanceRun, utc_now
from worker import dispatch
from worker.cli.schedule import schedule
from worker.errors import BadInputError
from worker.process.fleet_worker import FleetWorker
from worker.schedule.scheduler import FleetScheduler

CLEANUP = "cleanup_expired_tasks"


def run(*arguments: str) -> str:
    return CliRunner().invoke(schedule, list(arguments), catch_exceptions=False).output


def listed(name: str = CLEANUP) -> dict[str, Any]:
    rows = json.loads(run("list", "--json"))["schedules"]
    return next(row for row in rows if row["name"] == name)


@pytest.mark.usefixtures("queues", "database")
def test_the_list_tells_the_last_run_its_outcome_and_the_next_run() -> None:
    assert (listed()["last"], listed()["outcome"]) == (None, "")
    assert datetime.fromisoformat(listed()["next"]).minute == 0
    run("run", CLEANUP)
    assert listed()["outcome"] == "waits"
    FleetWorker("tests-1", ["maintenance"], dispatch.connection()).work(
        burst=True, logging_level="ERROR"
    )
    with recorded_run("maintenance.cleanup_expired_tasks") as done:
        done.changes["failed jobs dropped"] = 1200
    assert listed()["outcome"] == "failed jobs dropped: 1,200"
    assert utc_now() - datetime.fromisoformat(listed()["last"][:19]) < timedelta(minutes=5)
    table = run("list")
    assert f"\n{CLEANUP}\tmaintenance.cleanup_expired_tasks\t0 */4 * * *\t20" in table
    assert "`fleet up` starts it and its scheduler" in table


@pytest.mark.usefixtures("queues", "database")
def test_an_older_run_is_not_taken_for_the_outcome_of_the_last() -> None:
    with recorded_run("maintenance.cleanup_expired_tasks") as done:
        done.changes["failed jobs dropped"] = 1200
    MaintenanceRun.update(started_at=utc_now() - timedelta(days=1)).execute()
    run("run", CLEANUP)
    FleetWorker("tests-1", ["maintenance"], dispatch.connection()).work(
        burst=True, logging_level="ERROR"
    )
    MaintenanceRun.update(started_at=utc_now() - timedelta(days=1)).execute()
    assert listed()["outcome"] == "finished"


@pytest.mark.usefixtures("database")
def test_run_enqueues_once_and_says_so_when_the_job_waits_already(queues: redis.Redis) -> None:
    assert "maintenance.cleanup_expired_tasks was enqueued: " in run("run", CLEANUP)
    assert "waits or runs already" in run("run", CLEANUP)
    assert len(dispatch.queue("maintenance").get_job_ids()) == 1


@pytest.mark.usefixtures("queues", "database")
def test_run_leaves_the_times_as_they_are() -> None:
    FleetScheduler().enqueue_jobs()
    before = listed()["next"]
    run("run", CLEANUP)
    assert listed()["next"] == before


@pytest.mark.usefixtures("queues", "database")
def test_an_unknown_schedule_is_named_with_the_nearest() -> None:
    with pytest.raises(BadInputError, match=r"no schedule 'cleanup_old_tasks' — did you mean clea"):
        run("run", "cleanup_old_tasks")
