"""Stranded jobs come to where they are routed today, each exactly once, and others stay."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zlib
from datetime import UTC, datetime, timedelta

import pytest
import redis
from rq.job import Job, JobStatus
from rq.registry import ReadyJobRegistry

from tests.queues.conftest import (
    CLEANUP,
    COVERS,
    OLD,
    PICTURES,
    Fleet,
    arguments_of,
    fetched,
    hash_of,
    queue_named,
    snapshot,
    stale,
    strand,
)
from worker import dispatch
from worker import queues as fleet_queues
from worker.errors import BadInputError, ExitCode
from worker.queues import Route
from worker.queues.contents import WINDOW

_TERMS = (b"origin", b"timeout", b"result_ttl", b"retries_left", b"retry_intervals")


def test_waiting_jobs_go_behind_those_of_the_target_in_their_order(queues: redis.Redis) -> None:
    there = dispatch.enqueue(PICTURES, track_ids=[99])
    stranded = strand(WINDOW + 7)
    outcome = fleet_queues.move(OLD, COVERS)
    assert outcome.done == {Route(PICTURES, COVERS): WINDOW + 7}
    assert outcome.is_clean
    assert queue_named(COVERS).get_job_ids() == [there, *stranded]
    assert queue_named(OLD).count == 0


def test_a_moved_job_is_called_with_the_same_arguments(queues: redis.Redis) -> None:
    stranded = strand(3)
    fleet_queues.move(OLD, COVERS)
    assert arguments_of(stranded) == [{"track_ids": [number]} for number in range(3)]
    assert fetched(stranded[0]).func_name == "jobs.covers.extract_embedded"


@pytest.mark.parametrize(("job", "target"), [(PICTURES, COVERS), (CLEANUP, "maintenance")])
def test_a_moved_job_has_the_terms_of_its_new_queue(
    job: str, target: str, queues: redis.Redis
) -> None:
    (stranded,), fresh = strand(1, job), dispatch.enqueue(job)
    fleet_queues.move(OLD, target)
    for field in _TERMS:
        assert hash_of(stranded).get(field) == hash_of(fresh).get(field)


def test_a_moved_job_has_waited_since_it_was_enqueued(queues: redis.Redis) -> None:
    (stranded,) = strand(1)
    before = fetched(stranded).enqueued_at
    fleet_queues.move(OLD, COVERS)
    assert fetched(stranded).enqueued_at == before


def test_a_scheduled_job_keeps_its_time(queues: redis.Redis) -> None:
    job, moment = stale(PICTURES), datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    queue_named(OLD).schedule_job(job, moment)
    fleet_queues.move(OLD, COVERS)
    registry = queue_named(COVERS).scheduled_job_registry
    assert registry.get_scheduled_time(job.id) == moment
    assert queue_named(OLD).scheduled_job_registry.get_job_count(cleanup=False) == 0
    assert fetched(job.id).get_status() == JobStatus.SCHEDULED


def test_a_deferred_job_runs_in_its_new_queue_when_what_it_waits_for_is_done(
    queues: redis.Redis,
) -> None:
    first = queue_named("maintenance").enqueue_job(stale(CLEANUP))
    later = stale(PICTURES)
    later.process_dependencies(first)
    queue_named(OLD).enqueue_job(later)
    assert later.get_status() == JobStatus.DEFERRED
    fleet_queues.move(OLD, COVERS)
    first.set_status(JobStatus.FINISHED)
    queue_named("maintenance").enqueue_dependents(first)
    assert queue_named(COVERS).get_job_ids() == [later.id]


def test_a_job_that_rq_was_about_to_enqueue_is_moved_too(queues: redis.Redis) -> None:
    job = stale(PICTURES)
    job.save()
    ReadyJobRegistry(queue=queue_named(OLD)).add(job)
    queues.sadd("rq:queues", f"rq:queue:{OLD}")
    assert fleet_queues.move(OLD, COVERS).done.total() == 1
    assert queues.zrange(f"rq:ready:{COVERS}", 0, -1) == [job.id.encode()]


def test_jobs_that_are_routed_elsewhere_or_nowhere_stay_in_order_and_are_named(
    queues: redis.Redis,
) -> None:
    names = itertools.islice(itertools.cycle([PICTURES, CLEANUP, "gone.job"]), WINDOW + 100)
    ids = {job_id: name for name in names for job_id in strand(1, name)}
    outcome = fleet_queues.move(OLD, COVERS)
    stay = [job_id for job_id, name in ids.items() if name != PICTURES]
    assert queue_named(OLD).get_job_ids() == stay
    assert queue_named(COVERS).get_job_ids() == [each for each in ids if each not in set(stay)]
    assert outcome.kept == {Route(CLEANUP, "maintenance"): 200, Route("gone.job", None): 200}


def test_a_function_that_is_no_job_of_the_fleet_stays_under_its_own_name(
    queues: redis.Redis,
) -> None:
    strand(1)  # or it were another program's queue
    queue_named(OLD).enqueue("os.system", "true")
    outcome = fleet_queues.move(OLD, COVERS)
    assert outcome.kept == {Route("os.system", None): 1}


def test_a_rescue_brings_every_job_to_its_own_queue(queues: redis.Redis) -> None:
    pictures, cleanups, gone = strand(2), strand(2, CLEANUP), strand(1, "gone.job")
    outcome = fleet_queues.rescue(OLD)
    assert outcome.done == {Route(PICTURES, COVERS): 2, Route(CLEANUP, "maintenance"): 2}
    assert outcome.kept == {Route("gone.job", None): 1}
    assert queue_named(COVERS).get_job_ids() == pictures
    assert queue_named("maintenance").get_job_ids() == cleanups
    assert queue_named(OLD).get_job_ids() == gone


def test_the_new_queue_is_known_to_rq(queues: redis.Redis) -> None:
    strand(1)
    fleet_queues.move(OLD, COVERS)
    assert queues.sismember("rq:queues", f"rq:queue:{COVERS}")


TAMPERED = {
    "not JSON": {"data": b"\x80\x04pickled"},
    "no call": {"data": b'{"a": 1}'},
    "a name that is none": {"data": b"[7, null, [], {}]"},
    "a zip bomb": {"data": zlib.compress(b" " * (3 * dispatch.MAX_JOB_BYTES))},
    "a status that is none": {"status": "somehow"},
    "huge": {"data": b"x" * (5 * dispatch.MAX_JOB_BYTES)},
}


@pytest.mark.parametrize("fields", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_job_stays_and_is_named_and_the_others_go(
    fields: dict[str, bytes | str], queues: redis.Redis
) -> None:
    first, bad, last = strand(3)
    queues.hset(Job.key_for(bad), mapping=fields)  # type: ignore[arg-type]
    outcome = fleet_queues.move(OLD, COVERS)
    assert list(outcome.unreadable) == [bad]
    assert outcome.unreadable[bad]
    assert queue_named(OLD).get_job_ids() == [bad]
    assert queue_named(COVERS).get_job_ids() == [first, last]


@pytest.mark.parametrize("job_id", [b"\xff\xfe", b"../..", b""])
def test_an_id_that_is_none_stays_and_is_named(job_id: bytes, queues: redis.Redis) -> None:
    queues.rpush(f"rq:queue:{OLD}", job_id)
    (good,) = strand(1)
    outcome = fleet_queues.move(OLD, COVERS)
    assert len(outcome.unreadable) == 1
    assert queue_named(COVERS).get_job_ids() == [good]
    assert queues.lrange(f"rq:queue:{OLD}", 0, -1) == [job_id]


def test_a_job_whose_data_is_gone_or_of_another_type_stays_and_is_named(
    queues: redis.Redis,
) -> None:
    gone, other, good = strand(3)
    queues.delete(Job.key_for(gone), Job.key_for(other))
    queues.set(Job.key_for(other), "text")
    outcome = fleet_queues.move(OLD, COVERS)
    assert outcome.unreadable.keys() == {gone, other}
    assert queue_named(COVERS).get_job_ids() == [good]


def test_a_target_that_is_not_declared_is_refused_with_the_nearest(queues: redis.Redis) -> None:
    strand(1)
    with pytest.raises(BadInputError, match=f"'deferred_cover' — did you mean {COVERS}"):
        fleet_queues.move(OLD, "deferred_cover")


def test_a_source_that_is_nowhere_is_refused_with_the_nearest(queues: redis.Redis) -> None:
    strand(1)
    with pytest.raises(BadInputError, match="'old_cover' — did you mean old_covers"):
        fleet_queues.move("old_cover", COVERS)


def test_a_queue_is_not_moved_to_itself(queues: redis.Redis) -> None:
    with pytest.raises(BadInputError, match="is both queues"):
        fleet_queues.move(COVERS, COVERS)


def _strand_many(connection: redis.Redis, count: int) -> list[str]:
    """As `strand`, with little effort: copies of one job."""
    fields = stale(PICTURES, track_ids=[1]).to_dict() | {"origin": OLD, "status": "queued"}
    ids = [str(uuid.uuid4()) for _ in range(count)]
    with connection.pipeline(transaction=False) as pipeline:
        for job_id in ids:
            pipeline.hset(Job.key_for(job_id), mapping=fields)
        pipeline.rpush(f"rq:queue:{OLD}", *ids)
        pipeline.sadd("rq:queues", f"rq:queue:{OLD}")
        pipeline.execute()
    return ids


def test_a_move_that_is_killed_loses_and_doubles_nothing_and_can_be_gone_on_with(
    queues: redis.Redis,
) -> None:
    ids = _strand_many(queues, 12_000)
    code = f"from worker.queues import move; move({OLD!r}, {COVERS!r})"
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ) as process:
        while not queue_named(COVERS).count:
            assert process.poll() is None
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
    moved = queue_named(COVERS).get_job_ids()
    assert 0 < len(moved) < len(ids)
    assert moved + queue_named(OLD).get_job_ids() == ids
    assert fleet_queues.move(OLD, COVERS).done.total() == len(ids) - len(moved)
    assert queue_named(COVERS).get_job_ids() == ids


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(queues: redis.Redis) -> None:
    strand(2)
    strand(1, CLEANUP)
    before = snapshot(queues)
    planned = fleet_queues.move(OLD, COVERS, dry_run=True)
    assert snapshot(queues) == before
    assert planned == fleet_queues.move(OLD, COVERS)


def test_the_command_tells_what_it_would_do_and_does_nothing(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    strand(2)
    before = snapshot(queues)
    assert fleet("queue", "move", OLD, COVERS, "--dry-run") == ExitCode.OK
    told = capsys.readouterr().out
    assert f"Would move 2 jobs from {OLD} to {COVERS}\n  2 {PICTURES} to {COVERS}\n" in told
    assert snapshot(queues) == before


def test_the_command_asks_with_the_count_and_the_queues(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    strand(2)
    assert fleet("queue", "move", OLD, COVERS, typed="n\n") == ExitCode.OK
    assert f"Move 2 jobs from {OLD} to {COVERS}? [y/N]" in capsys.readouterr().err
    assert queue_named(OLD).count == 2
    assert fleet("queue", "move", OLD, COVERS, typed="y\n") == ExitCode.OK
    assert queue_named(COVERS).count == 2


def test_the_command_names_what_stays_and_ends_with_3(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    strand(1)
    strand(2, CLEANUP)
    strand(1, "gone.job")
    (bad,) = strand(1)
    queues.hset(Job.key_for(bad), "data", b"\x80")
    assert fleet("queue", "move", OLD, COVERS, "--yes") == ExitCode.PROBLEMS
    told = capsys.readouterr().out
    assert f"Moved 1 job from {OLD} to {COVERS}" in told
    assert f"2 {CLEANUP} — `fleet queue move {OLD} maintenance`" in told
    assert "1 gone.job — no queue takes it" in told
    assert f"1 job cannot be read:\n  {bad!r} — " in told
    assert f"`fleet queue clear {OLD}`" in told


def test_the_command_that_finds_nothing_to_move_asks_nothing(
    queues: redis.Redis, fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fleet("queue", "move", "maintenance", COVERS) == ExitCode.OK
    assert "0 jobs" in capsys.readouterr().err


def test_a_payload_that_is_not_compressed_is_read_too(queues: redis.Redis) -> None:
    (job_id,) = strand(1)
    queues.hset(Job.key_for(job_id), "data", json.dumps(["jobs.covers.x", None, [], {}]))
    assert fleet_queues.move(OLD, COVERS).kept == {Route("covers.x", None): 1}
