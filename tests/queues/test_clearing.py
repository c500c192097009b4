"""Clearing deletes what has still to run, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
import redis
from rq.job import Job

from tests.queues.conftest import (
    COVERS,
    OLD,
    PICTURES,
    Fleet,
    fail,
    queue_named,
    snapshot,
    stale,
    strand,
)
from worker import dispatch
from worker import queues as fleet_queues
from worker.errors import BadInputError, ExitCode
from worker.queues import Place
from worker.queues.contents import WINDOW


def test_waiting_scheduled_and_deferred_jobs_are_gone_without_a_trace(queues: redis.Redis) -> None:
    first = queue_named(OLD).enqueue_job(stale(PICTURES))
    deferred = stale(PICTURES)
    deferred.process_dependencies(first)
    queue_named(OLD).enqueue_job(deferred)
    queue_named(OLD).schedule_job(stale(PICTURES), datetime.now(UTC) + timedelta(days=1))
    strand(WINDOW)
    counts = fleet_queues.clear(OLD)
    assert counts[Place.WAITING] == WINDOW + 1
    assert (counts[Place.SCHEDULED], counts[Place.DEFERRED]) == (1, 1)
    assert snapshot(queues).keys() == {b"rq:queues"}


def test_other_queues_and_failed_jobs_stay(queues: redis.Redis) -> None:
    failed, elsewhere = strand(2), dispatch.enqueue(PICTURES)
    fail(failed)
    strand(2)
    fleet_queues.clear(OLD)
    assert sorted(queue_named(OLD).failed_job_registry.get_job_ids()) == sorted(failed)
    assert queue_named(COVERS).get_job_ids() == [elsewhere]
    assert all(queues.exists(Job.key_for(job_id)) for job_id in [*failed, elsewhere])


def test_a_job_that_runs_though_it_is_in_the_queue_keeps_its_data(queues: redis.Redis) -> None:
    (running,) = strand(1)
    queues.hset(Job.key_for(running), "status", "started")
    fleet_queues.clear(OLD)
    assert queue_named(OLD).count == 0
    assert queues.exists(Job.key_for(running))


def test_tampered_jobs_are_cleared_too(queues: redis.Redis) -> None:
    bad, other = strand(2)
    queues.hset(Job.key_for(bad), "data", b"\x80")
    queues.delete(Job.key_for(other))
    queues.set(Job.key_for(other), "text")
    queues.rpush(f"rq:queue:{OLD}", b"\xff")
    assert fleet_queues.clear(OLD).total() == 3
    assert snapshot(queues).keys() == {b"rq:queues"}


def test_a_dry_run_deletes_nothing(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    strand(2)
    queue_named(OLD).schedule_job(stale(PICTURES), datetime.now(UTC) + timedelta(days=1))
    before = snapshot(queues)
    assert fleet("queue", "clear", OLD, "--dry-run") == ExitCode.OK
    assert f"Would delete 3 jobs (2 waiting, 1 scheduled) of {OLD}" in capsys.readouterr().out
    assert snapshot(queues) == before


def test_the_command_asks_and_says_that_needs_come_back(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    strand(2)
    assert fleet("queue", "clear", OLD, typed="n\n") == ExitCode.OK
    assert queue_named(OLD).count == 2
    assert f"Delete 2 jobs (2 waiting) of {OLD}? [y/N]" in capsys.readouterr().err
    assert fleet("queue", "clear", OLD, "--yes") == ExitCode.OK
    told = capsys.readouterr()
    assert f"Deleted 2 jobs (2 waiting) of {OLD}" in told.out
    assert "maintenance.reconcile enqueues again" in told.err


def test_an_empty_queue_has_nothing_to_clear(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("queue", "clear", COVERS) == ExitCode.OK
    assert "no job" in capsys.readouterr().err


def test_a_queue_that_is_nowhere_is_refused(queues: redis.Redis) -> None:
    with pytest.raises(BadInputError, match="there is no queue 'x'"):
        fleet_queues.clear("x")
