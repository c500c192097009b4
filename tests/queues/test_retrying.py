"""Failed jobs go back to work as if they had never been tried."""

import pytest
import redis
from rq.job import Job, JobStatus

from tests.databases import open_sqlite
from tests.queues.conftest import (
    CLEANUP,
    COVERS,
    OLD,
    PICTURES,
    Fleet,
    arguments_of,
    fail,
    fetched,
    hash_of,
    queue_named,
    snapshot,
    strand,
)
from worker import dispatch
from worker import queues as fleet_queues
from worker.errors import BadInputError, ExitCode
from worker.queues import Route


def failed_in(name: str) -> list[str]:
    return queue_named(name).failed_job_registry.get_job_ids()


def test_a_failed_job_waits_again_with_all_its_retries_and_no_deaths(queues: redis.Redis) -> None:
    job_id = dispatch.enqueue(PICTURES, track_ids=[1])
    fail([job_id], deaths=2)
    outcome = fleet_queues.retry(COVERS)
    assert outcome.done == {Route(PICTURES, COVERS): 1}
    assert queue_named(COVERS).get_job_ids() == [job_id]
    assert failed_in(COVERS) == []
    assert fetched(job_id).get_status() == JobStatus.QUEUED
    assert fetched(job_id).retries_left == dispatch.topology().queues[COVERS].retries
    assert b"deaths" not in hash_of(job_id)
    assert arguments_of([job_id]) == [{"track_ids": [1]}]


def test_a_retried_job_no_longer_expires(queues: redis.Redis) -> None:
    job_id = dispatch.enqueue(PICTURES)
    fail([job_id])
    assert queues.ttl(Job.key_for(job_id)) > 0
    fleet_queues.retry(COVERS)
    assert queues.ttl(Job.key_for(job_id)) == -1


def test_the_waiting_of_a_retried_job_begins_anew(queues: redis.Redis) -> None:
    job_id = dispatch.enqueue(PICTURES)
    first = fetched(job_id).enqueued_at
    fail([job_id])
    fleet_queues.retry(COVERS)
    job = fetched(job_id)
    assert job.enqueued_at is not None
    assert first is not None
    assert job.enqueued_at > first
    assert job.started_at is None
    assert job.ended_at is None


def test_failed_jobs_of_an_old_queue_go_where_they_are_routed_today(queues: redis.Redis) -> None:
    pictures, cleanups, gone = strand(2), strand(1, CLEANUP), strand(1, "gone.job")
    fail([*pictures, *cleanups, *gone])
    outcome = fleet_queues.retry(OLD)
    assert sorted(queue_named(COVERS).get_job_ids()) == sorted(pictures)
    assert queue_named("maintenance").get_job_ids() == cleanups
    assert outcome.kept == {Route("gone.job", None): 1}
    assert failed_in(OLD) == gone


def test_only_failed_jobs_are_retried(queues: redis.Redis) -> None:
    waiting = strand(2)
    fleet_queues.retry(OLD)
    assert queue_named(OLD).get_job_ids() == waiting


def test_a_tampered_failed_job_stays_and_is_named_and_the_others_go(queues: redis.Redis) -> None:
    good, bad = strand(2)
    fail([good, bad])
    queues.hset(Job.key_for(bad), "data", b"\x80")
    outcome = fleet_queues.retry(OLD)
    assert list(outcome.unreadable) == [bad]
    assert queue_named(COVERS).get_job_ids() == [good]
    assert failed_in(OLD) == [bad]


def test_a_job_that_runs_though_it_is_listed_as_failed_is_left_to_run(queues: redis.Redis) -> None:
    (job_id,) = strand(1)
    fail([job_id])
    queues.hset(Job.key_for(job_id), "status", "started")
    outcome = fleet_queues.retry(OLD)
    assert outcome.unreadable == {job_id: "it is started, though listed as failed"}
    assert queue_named(COVERS).count == 0


def test_a_dry_run_retries_nothing(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fail(strand(3))
    before = snapshot(queues)
    assert fleet("queue", "retry", OLD, "--dry-run") == ExitCode.OK
    assert f"Would retry 3 jobs of {OLD}\n  3 {PICTURES} to {COVERS}" in capsys.readouterr().out
    assert snapshot(queues) == before


def test_the_command_retries_and_names_what_no_queue_takes(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    open_sqlite()
    fail([*strand(1), *strand(1, "gone.job")])
    assert fleet("queue", "retry", OLD, "--yes") == ExitCode.PROBLEMS
    told = capsys.readouterr().out
    assert f"Retried 1 job of {OLD}" in told
    assert "1 gone.job — no queue takes it" in told


def test_a_queue_that_is_nowhere_is_refused(queues: redis.Redis) -> None:
    with pytest.raises(BadInputError, match=f"'deferred_coverz' — did you mean {COVERS}"):
        fleet_queues.retry("deferred_coverz")
