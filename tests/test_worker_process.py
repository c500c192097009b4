"""The worker loses no job and runs nothing but the fleet's jobs."""

import json
import re
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import redis
from rq import Queue, SimpleWorker, Worker
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

import jobs
from db.sql.connection import close_database
from tests.databases import open_sqlite
from worker import dispatch
from worker.errors import JobTooLargeError, UnknownJobError
from worker.host.lifeline import SUPERVISED
from worker.process import fleet_worker, slot_worker
from worker.process.fleet_job import FleetJob
from worker.process.fleet_worker import FleetWorker
from worker.process.requeue import MOST_DEATHS, RECOVERED, RECOVERIES, claim, recover
from worker.process.take import PAUSED
from worker.redis.holders import Holder, holders, register
from worker.topology.model import Execution

CLEANUP = "maintenance.cleanup_expired_tasks"


@pytest.fixture
def worker(queues: redis.Redis, data_dir: Path) -> FleetWorker:
    """A worker of two queues with a database."""
    open_sqlite()
    return FleetWorker("tests-1", ["insert", "maintenance"], queues)


def work_off(worker: FleetWorker) -> None:
    worker.work(burst=True, logging_level="ERROR")


def fetched(job_id: str) -> FleetJob:
    job = FleetJob(job_id, connection=dispatch.connection(), serializer=JSONSerializer)
    job.refresh()
    return job


def status(job_id: str) -> JobStatus:
    job = Job.fetch(job_id, connection=dispatch.connection(), serializer=JSONSerializer)
    return job.get_status()


def test_a_job_goes_to_the_queue_that_the_topology_routes_it_to(queues: redis.Redis) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    assert dispatch.queue("maintenance").get_job_ids() == [job_id]


def test_a_job_that_no_queue_takes_is_refused_with_the_nearest_names(queues: redis.Redis) -> None:
    with pytest.raises(UnknownJobError, match=CLEANUP):
        dispatch.enqueue("maintenance.cleanup_expired_task")


def test_a_job_with_too_much_in_it_is_refused(queues: redis.Redis) -> None:
    with pytest.raises(JobTooLargeError, match="pass ids"):
        dispatch.enqueue(CLEANUP, picture="x" * dispatch.MAX_JOB_BYTES)
    assert dispatch.queue("maintenance").count == 0


def test_a_description_shows_no_contents(queues: redis.Redis) -> None:
    dispatch.enqueue("covers.extract_embedded", track_ids=list(range(1000)))
    (job,) = dispatch.queue("deferred_covers").jobs
    assert job.description == "covers.extract_embedded(track_ids=1,000 items)"


def test_what_is_in_redis_is_json(queues: redis.Redis) -> None:
    job_id = dispatch.enqueue("covers.extract_embedded", track_ids=[1])
    data = Job.fetch(job_id, connection=queues, serializer=JSONSerializer).data
    assert json.loads(data) == ["jobs.covers.extract_embedded", None, [], {"track_ids": [1]}]


def test_an_earlier_queue_is_emptied_before_a_later_one(worker: FleetWorker) -> None:
    later = dispatch.enqueue(CLEANUP)
    dispatch.queue("insert").push_job_id(dispatch.enqueue(CLEANUP))
    first = worker.dequeue_job_and_maintain_ttl(None)
    assert first is not None
    assert (first[1].name, first[0].id) != ("maintenance", later)


def begin(worker: FleetWorker) -> FleetJob:
    """Take the next job and begin it, as the worker does."""
    taken = worker.dequeue_job_and_maintain_ttl(None)
    assert taken is not None
    worker.prepare_execution(taken[0])
    return taken[0]


def die(worker: FleetWorker) -> Holder:
    """Leave what the worker holds as a process of its slot would that is gone."""
    dead = replace(worker.holder, pid=2**22 + 1)
    register(worker.connection, dead)
    for job_id in worker.connection.lrange(worker.holder.taken_key, 0, -1):
        worker.connection.hset(f"rq:job:{job_id.decode()}", "holder", dead.token)
    worker.connection.rename(worker.holder.taken_key, dead.taken_key)
    return dead


def successor(worker: FleetWorker) -> FleetWorker:
    return FleetWorker(worker.name, ["insert", "maintenance"], worker.connection)


def test_a_job_that_was_just_taken_is_done_by_the_successor(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    assert worker.dequeue_job_and_maintain_ttl(None) is not None
    assert dispatch.queue("maintenance").count == 0
    die(worker)
    work_off(successor(worker))
    assert status(job_id) == JobStatus.FINISHED


def test_a_job_whose_taking_was_not_answered_is_handed_over_again(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    assert worker.dequeue_job_and_maintain_ttl(None) is not None
    again = worker.dequeue_job_and_maintain_ttl(None)
    assert again is not None
    assert again[0].id == job_id


def test_a_job_that_was_begun_is_done_by_the_successor(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    begin(worker)
    assert status(job_id) == JobStatus.STARTED
    die(worker)
    work_off(successor(worker))
    job = fetched(job_id)
    assert job.get_status() == JobStatus.FINISHED
    assert (job.attempt, job.deaths) == (2, 1)
    assert dispatch.queue("maintenance").started_job_registry.count == 0


def test_a_job_that_ended_just_before_its_worker_died_is_not_done_again(
    worker: FleetWorker,
) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    work_off(worker)
    worker.connection.rpush(worker.holder.taken_key, job_id)
    assert recover(worker.connection, die(worker), worker.holder, "SIGKILL") == 0
    assert dispatch.queue("maintenance").count == 0


def test_a_job_that_takes_its_workers_with_it_fails_in_the_end(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    for _ in range(MOST_DEATHS):
        begin(worker)
        recover(worker.connection, die(worker), worker.holder, "SIGSEGV")
    assert status(job_id) == JobStatus.FAILED
    assert "by SIGSEGV" in fetched(job_id).latest_result().exc_string
    assert worker.connection.llen(worker.holder.taken_key) == 0


def test_a_recovery_is_counted_and_told(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    begin(worker)
    recover(worker.connection, die(worker), worker.holder, "SIGKILL")
    assert worker.connection.hgetall(RECOVERED) == {b"maintenance": b"1"}
    told = json.loads(worker.connection.lindex(RECOVERIES, 0))
    assert (told["job"], told["name"], told["queue"]) == (job_id, CLEANUP, "maintenance")
    assert (told["worker"], told["signal"]) == ("tests-1", "SIGKILL")


def test_a_recovery_that_dies_itself_is_recovered(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    begin(worker)
    first = die(worker)
    claimer = replace(worker.holder, pid=2**22 + 2)
    register(worker.connection, claimer)
    claim(worker.connection, job_id.encode(), first, claimer)
    assert recover(worker.connection, claimer, worker.holder, "SIGKILL") == 1
    assert dispatch.queue("maintenance").get_job_ids() == [job_id]


def test_a_paused_queue_is_left_alone_and_its_neighbour_is_not(worker: FleetWorker) -> None:
    worker.connection.sadd(PAUSED, "insert")
    paused = dispatch.enqueue(CLEANUP)
    dispatch.queue("maintenance").remove(paused)
    dispatch.queue("insert").push_job_id(paused)
    other = dispatch.enqueue(CLEANUP)
    work_off(worker)
    assert status(other) == JobStatus.FINISHED
    assert dispatch.queue("insert").get_job_ids() == [paused]


def test_a_worker_whose_key_expired_registers_again(worker: FleetWorker) -> None:
    worker.register_birth()
    worker.connection.flushall()
    worker._beat()
    assert [each.name for each in Worker.all(connection=worker.connection)] == [worker.name]
    assert [each.token for each in holders(worker.connection)] == [worker.holder.token]


def test_a_worker_that_upkeep_took_for_gone_is_listed_again(worker: FleetWorker) -> None:
    worker.register_birth()
    worker.connection.delete("rq:workers", "rq:workers:insert")
    worker._beat()
    assert Worker.count(connection=worker.connection, queue=worker.queues[0]) == 1


@pytest.mark.parametrize("name", ["os.system", "jobs.records.Record", "worker.dispatch.enqueue"])
def test_a_function_that_is_not_routed_is_not_run(
    worker: FleetWorker, name: str, tmp_path: Path
) -> None:
    queue = Queue("maintenance", connection=worker.connection, serializer=JSONSerializer)
    trace = tmp_path / "ran"
    job = queue.enqueue(name, f"touch {trace}")
    work_off(worker)
    assert status(job.id) == JobStatus.FAILED
    assert "ForbiddenJobError" in job.latest_result().exc_string
    assert not trace.exists()


def test_a_jobs_module_is_loaded_before_its_child_is_forked_so_that_the_next_child_has_it(
    queues: redis.Redis, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_sqlite()
    close_database()
    worker = FleetWorker("tests-1", ["maintenance"], queues, execution=Execution.FORKED)
    monkeypatch.setattr(jobs, "maintenance", import_module("jobs.maintenance"))  # to be put back
    monkeypatch.delitem(sys.modules, "jobs.maintenance")
    job_id = dispatch.enqueue(CLEANUP)
    work_off(worker)
    assert status(job_id) == JobStatus.FINISHED
    assert "jobs.maintenance" in sys.modules


def test_callbacks_that_somebody_put_into_a_job_are_not_run(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    worker.connection.hset(f"rq:job:{job_id}", "success_callback_name", "os.abort")
    work_off(worker)
    assert status(job_id) == JobStatus.FINISHED


BOMB = zlib.compress(b"[" + b" " * 30_000_000 + b"]")
TAMPERED = {
    "no JSON": ("data", b"\x80\x04not json"),
    "no call": ("data", b'{"a": 1}'),
    "no name": ("data", b"[7, null, [], {}]"),
    "no keywords": ("data", b'["jobs.covers.extract_embedded", null, [], [1]]'),
    "a bomb": ("data", BOMB),
    "a bomb in a shell": ("data", zlib.compress(BOMB)),
    "a timeout of text": ("timeout", b"soon"),
    "a number of text": ("result_ttl", b"ten"),
    "a strange status": ("status", b"elated"),
    "a date of text": ("enqueued_at", b"yesterday"),
    "bytes for text": ("origin", b"\xff\xfe"),
    "too much": ("description", b"x" * 5_000_000),
}


def test_a_job_that_is_no_hash_fails_alone(worker: FleetWorker) -> None:
    bad, good = dispatch.enqueue(CLEANUP), dispatch.enqueue(CLEANUP)
    worker.connection.set(f"rq:job:{bad}", "not a hash")
    work_off(worker)
    assert status(good) == JobStatus.FINISHED
    assert worker.connection.hget(f"rq:job:{bad}", "status") == b"failed"


def test_a_job_that_begins_leaves_in_redis_what_rqs_own_worker_leaves(worker: FleetWorker) -> None:
    worker.register_birth()
    dispatch.enqueue(CLEANUP)
    ours = begun_keys(worker.connection, lambda: begin(worker))
    worker.connection.flushall()
    dispatch.enqueue(CLEANUP)
    stock = SimpleWorker(
        ["insert", "maintenance"],
        name=worker.name,
        connection=worker.connection,
        serializer=JSONSerializer,
    )
    stock.register_birth()

    def begin_stock() -> None:
        taken = stock.dequeue_job_and_maintain_ttl(1)
        assert taken is not None
        stock.prepare_execution(taken[0])
        stock.prepare_job_execution(taken[0])

    theirs = begun_keys(worker.connection, begin_stock)
    added = {"holder", "attempt", "topology", "migration"}
    assert {key: fields - added for key, fields in ours.items()} == theirs


def begun_keys(connection: redis.Redis, begin: Callable[[], object]) -> dict[str, set[str]]:
    """RQ's keys that the beginning of a job wrote, without their ids, and the fields of hashes."""
    begin()
    found: dict[str, set[str]] = {}
    for key in connection.keys("rq:*"):
        name = re.sub(r"[0-9a-f-]{32,36}", "ID", key.decode())
        if name.startswith(("rq:clean", "rq:queue", "rq:group", "rq:workers")):
            continue
        is_hash = connection.type(key) == b"hash"
        found[name] = {f.decode() for f in connection.hkeys(key)} if is_hash else set()
        assert connection.ttl(key) > 0 or name in {"rq:job:ID", "rq:wip:maintenance"}, name
    return found


@pytest.mark.parametrize("field", TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_job_fails_alone(worker: FleetWorker, field: tuple[str, bytes]) -> None:
    bad, good = dispatch.enqueue(CLEANUP), dispatch.enqueue(CLEANUP)
    worker.connection.hset(f"rq:job:{bad}", *field)
    work_off(worker)
    assert status(good) == JobStatus.FINISHED
    assert worker.connection.hget(f"rq:job:{bad}", "status") == b"failed"
    assert b"delete it" in worker.connection.hget(f"rq:job:{bad}", "exc_info")
    assert worker.connection.llen(worker.holder.taken_key) == 0


def test_a_worker_that_redis_does_not_let_take_jobs_any_more_ends_with_the_reason(
    worker: FleetWorker,
    queues: redis.Redis,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(fleet_worker, "_LONGEST_WAIT", 0)
    limited = redis.Redis(unix_socket_path=queues.get_connection_kwargs()["path"], username="some")
    everything = {"enabled": True, "nopass": True, "keys": ["*"], "channels": ["*"]}
    queues.acl_setuser("some", commands=["+@all"], **everything)
    worker = FleetWorker("tests-1", ["insert", "maintenance"], limited)
    work_off(worker)
    queues.acl_setuser("some", commands=["-lmove"], **everything)
    job_id = dispatch.enqueue(CLEANUP)
    try:
        with pytest.raises(SystemExit, match=r"does not let it take jobs: .*lmove.* — give the fl"):
            work_off(worker)
        assert caplog.text.count("again in") == 4
        with pytest.raises(SystemExit, match="does not let it take jobs"):  # at once
            work_off(FleetWorker("tests-1", ["insert", "maintenance"], limited))
        assert caplog.text.count("again in") == 4
    finally:
        queues.acl_deluser("some")
    assert dispatch.queue("maintenance").get_job_ids() == [job_id]


@pytest.mark.parametrize(
    ("wanted", "left", "listed_until"), [(0, None, None), (-1, -1, float("inf")), (77, 77, None)]
)
def test_a_job_that_ended_is_kept_for_as_long_as_it_says(
    worker: FleetWorker, wanted: int, left: int | None, listed_until: float | None
) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    worker.connection.hset(f"rq:job:{job_id}", "result_ttl", wanted)
    work_off(worker)
    keys = [f"rq:job:{job_id}", f"rq:results:{job_id}"]
    if left is None:
        assert not worker.connection.exists(*keys, f"rq:executions:{job_id}")
        assert worker.connection.zscore("rq:finished:maintenance", job_id) is None
        return
    assert {worker.connection.ttl(each) for each in keys} <= {left, left - 1}
    until = worker.connection.zscore("rq:finished:maintenance", job_id)
    assert until == (listed_until or pytest.approx(time.time() + left, abs=5))
    assert fetched(job_id).return_value() is not None


def test_a_worker_that_its_jobs_made_large_ends_when_it_is_idle_for_long(
    worker: FleetWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot_worker, "RENEWED_AFTER", 0.2)
    monkeypatch.setattr(fleet_worker, "_LONGEST_IDLE", 0.2)
    monkeypatch.setattr(sys, "argv", [*sys.argv, SUPERVISED])
    job_id = dispatch.enqueue(CLEANUP)
    monkeypatch.setattr(slot_worker, "GROWN", -(2**40))
    worker.work(logging_level="ERROR")  # or it would wait without end
    assert status(job_id) == JobStatus.FINISHED
    assert not holders(dispatch.connection())
