"""What somebody else wrote to Redis fails alone: no process ends, and nothing waits behind it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rq.job import Job
from rq.registry import FailedJobRegistry

from tests.databases import open_sqlite
from tests.doctor.complaints import complaints
from worker import dispatch, schedule
from worker.doctor import Finding, Severity
from worker.doctor.examination import repair
from worker.doctor.fleet import CHECKS_OF_REDIS
from worker.process.fleet_worker import FleetWorker
from worker.process.job_counts import job_counts
from worker.queues import Place, admin, sizes
from worker.recovery.__main__ import Recovery
from worker.redis.entries import wrong_keys
from worker.redis.holders import Holder, holders, this_place
from worker.status import overview

GOOD, QUEUE = "covers.extract_embedded", "deferred_covers"
DEAD = Holder("covers-9.here", this_place(), 2**22 + 1, 1)


@pytest.fixture
def worker(queues: redis.Redis, data_dir: Path) -> FleetWorker:
    """A worker of the queues of covers, with a database."""
    open_sqlite()
    return FleetWorker("covers-1.here", ["thumbnails", QUEUE], queues)


def enqueued() -> str:
    """A job that has nothing to do."""
    return dispatch.enqueue(GOOD, track_ids=[])


def key_of(job_id: str) -> str:
    return Job.key_for(job_id)


def work_off(worker: FleetWorker) -> None:
    """Begin as a worker does, and do what there is."""
    worker.register_birth()
    while (taken := worker.dequeue_job_and_maintain_ttl(None)) is not None:
        worker.execute_job(*taken)
    worker.register_death()


def is_done(job_id: str) -> bool:
    return dispatch.connection().hget(key_of(job_id), "status") == b"finished"


def read_everything(connection: redis.Redis) -> None:
    """What recovery, the scheduler, `fleet status`, the pages and maintenance read."""
    Recovery(connection).poll()
    overview.queues()
    overview.queue_statuses([QUEUE])
    schedule.statuses()
    job_counts(connection)
    list(dispatch.held_jobs())
    holders(connection)
    admin.drop_expired()
    for check in CHECKS_OF_REDIS:
        findings = check.run()
        list([findings] if isinstance(findings, Finding) else findings)


Tamper = Callable[[redis.Redis, str], object]
TAMPERS: dict[str, Tamper] = {
    "an id that is not UTF-8": lambda r, _: r.lpush(f"rq:queue:{QUEUE}", b"\xff\xfe"),
    "an id that is a path": lambda r, _: r.lpush(f"rq:queue:{QUEUE}", "../../x"),
    "an id without a letter": lambda r, _: r.lpush(f"rq:queue:{QUEUE}", ""),
    "an id of a megabyte": lambda r, _: r.lpush(f"rq:queue:{QUEUE}", "x" * 2**20),
    "an id of a path whose job is there": lambda r, bad: (
        r.copy(key_of(bad), "rq:job:../y"),
        r.lpush(f"rq:queue:{QUEUE}", "../y"),
    ),
    "a timeout of 1e30": lambda r, bad: r.hset(key_of(bad), "timeout", "1e30"),
    "a timeout below 0": lambda r, bad: r.hset(key_of(bad), "timeout", "-1"),
    "a timeout of 300 digits": lambda r, bad: r.hset(key_of(bad), "timeout", "9" * 300),
    "attempts of text": lambda r, bad: r.hset(key_of(bad), "attempt", "many"),
    "attempts beyond 64 bits": lambda r, bad: r.hset(key_of(bad), "attempt", 2**63 - 1),
    "attempts of no characters": lambda r, bad: r.hset(key_of(bad), "attempt", ""),
    "attempts that begin with 0": lambda r, bad: r.hset(key_of(bad), "attempt", "07"),
    "deaths of no characters": lambda r, bad: r.hset(key_of(bad), "deaths", ""),
    "deaths of text": lambda r, bad: r.hset(key_of(bad), "deaths", "x"),
    "a status of bytes": lambda r, bad: r.hset(key_of(bad), "status", b"\xff"),
    "a date of text": lambda r, bad: r.hset(key_of(bad), "created_at", "soon"),
    "an origin of bytes": lambda r, bad: r.hset(key_of(bad), "origin", b"\xff\n"),
    "another origin": lambda r, bad: r.hset(key_of(bad), "origin", "nowhere"),
    "intervals of text": lambda r, bad: r.hset(key_of(bad), "retry_intervals", '["x"]'),
    "data that is a list of lists": lambda r, bad: r.hset(key_of(bad), "data", b"[" * 100_000),
    "a job that is a list": lambda r, bad: (r.delete(key_of(bad)), r.rpush(key_of(bad), "x")),
    "executions that are a list": lambda r, bad: r.rpush(f"rq:executions:{bad}", "x"),
    "dependents that are text": lambda r, bad: r.set(f"{key_of(bad)}:dependents", "x"),
    "results that are text": lambda r, bad: r.set(f"rq:results:{bad}", "x"),
    "a queue that is text": lambda r, _: r.set("rq:queue:thumbnails", "x"),
    "a paused set that is text": lambda r, _: r.set("fleet:paused", "x"),
    "running jobs that are a list": lambda r, _: r.rpush(f"rq:wip:{QUEUE}", "x"),
    "a running job of bytes": lambda r, _: r.zadd(f"rq:wip:{QUEUE}", {b"\xff": 1}),
    "failed jobs of bytes": lambda r, _: r.zadd(f"rq:failed:{QUEUE}", {b"\xff": 1}),
    "finished jobs that are text": lambda r, _: r.set(f"rq:finished:{QUEUE}", "x"),
    "scheduled jobs of bytes": lambda r, _: r.zadd(f"rq:scheduled:{QUEUE}", {b"\xff": 1}),
    "scheduled jobs that are a list": lambda r, _: r.rpush(f"rq:scheduled:{QUEUE}", "x"),
    "queues of bytes": lambda r, _: r.sadd("rq:queues", b"rq:queue:\xff"),
    "queues that are text": lambda r, _: r.set("rq:queues", "x"),
    "workers of bytes": lambda r, _: r.sadd("rq:workers", b"rq:worker:\xff"),
    "workers that are text": lambda r, _: r.set("rq:workers", "x"),
    "a worker that is text": lambda r, _: r.set("rq:worker:covers-1.here", "x"),
    "a worker with a process of text": lambda r, _: (
        r.sadd("rq:workers", "rq:worker:odd"),
        r.hset("rq:worker:odd", mapping={"birth": b"\xff", "pid": "x", "queues": b"\xff,"}),
    ),
    "holders that are text": lambda r, _: r.set("fleet:holders", "x"),
    "a holder that is no JSON": lambda r, _: r.hset("fleet:holders", "covers-7.x:1:1", b"\xff{"),
    "a holder of odd types": lambda r, _: r.hset("fleet:holders", "x", '{"worker": 1}'),
    "a holder that names another": lambda r, _: r.hset("fleet:holders", "y", DEAD.as_json()),
    "a dead one that holds bytes": lambda r, _: (
        r.hset("fleet:holders", DEAD.token, DEAD.as_json()),
        r.rpush(DEAD.taken_key, b"\xff", "../x", ""),
    ),
    "a dead one that holds text": lambda r, _: (
        r.hset("fleet:holders", DEAD.token, DEAD.as_json()),
        r.set(DEAD.taken_key, "x"),
    ),
    "heartbeats of text": lambda r, _: r.hset("fleet:places", this_place(), "x"),
    "heartbeats that are text": lambda r, _: r.set("fleet:places", "x"),
    "counters of text": lambda r, _: r.hset("fleet:done", GOOD, "x"),
    "counters that are text": lambda r, _: r.set("fleet:done", "x"),
    "recoveries of text": lambda r, _: r.hset("fleet:recovered", QUEUE, "x"),
    "a schedule's lock that does not end": lambda r, _: r.set("fleet:alone:reconcile", "x"),
}


@pytest.mark.parametrize("tamper", TAMPERS.values(), ids=TAMPERS)
def test_good_jobs_beside_it_are_done_and_everybody_who_reads_it_goes_on(
    worker: FleetWorker, tamper: Tamper
) -> None:
    bad = enqueued()
    tamper(worker.connection, bad)
    read_everything(worker.connection)
    good = enqueued()
    work_off(worker)
    assert is_done(good)
    assert worker.connection.llen(worker.holder.taken_key) == 0
    assert wrong_keys(worker.connection, [QUEUE, "thumbnails"]) == []


NAMED = [name for name in TAMPERS if name.startswith(("an id", "a timeout", "a queue", "a job"))]


@pytest.mark.parametrize("name", NAMED)
def test_the_doctor_names_it_and_sets_it_aside(worker: FleetWorker, name: str) -> None:
    TAMPERS[name](worker.connection, enqueued())
    (found,) = complaints("entries", quick=False)
    assert found.severity is Severity.WARNING
    assert found.count == 1
    assert repair(found).done
    assert complaints("entries", quick=False) == []
    failed = sum(counts[Place.FAILED] for counts in sizes([QUEUE, "unreadable"]).values())
    assert failed + len(worker.connection.keys("fleet:aside:*")) == 1


def test_what_is_no_id_is_listed_as_a_failed_job_that_says_so(worker: FleetWorker) -> None:
    worker.connection.lpush(f"rq:queue:{QUEUE}", b"\xff\xfe")
    work_off(worker)
    (job_id,) = FailedJobRegistry("unreadable", connection=worker.connection).get_job_ids()
    reason = str(worker.connection.hget(key_of(job_id), "exc_info"))
    assert "xff" in reason
    assert "no id of a job" in reason


def test_a_job_that_waits_for_a_time_that_never_comes_is_done_at_once(worker: FleetWorker) -> None:
    job_id = enqueued()
    worker.connection.lrem(f"rq:queue:{QUEUE}", 0, job_id)
    worker.connection.zadd(f"rq:scheduled:{QUEUE}", {job_id: 1e30})
    Recovery(worker.connection).poll()
    work_off(worker)
    assert is_done(job_id)


def test_the_jobs_of_a_dead_process_whose_entry_cannot_be_read_are_put_back(
    worker: FleetWorker,
) -> None:
    job_id = enqueued()
    recovery = Recovery(worker.connection)
    worker.dequeue_job_and_maintain_ttl(None)
    dead = replace(worker.holder, pid=2**22 + 1)
    worker.connection.rename(worker.holder.taken_key, dead.taken_key)
    worker.connection.hdel("fleet:holders", worker.holder.token)
    worker.connection.hset("fleet:holders", dead.token, "{")
    worker.connection.hset(key_of(job_id), "holder", dead.token)
    for _ in range(13):
        recovery.poll()
    assert dispatch.queue(QUEUE).get_job_ids() == [job_id]


odd_numbers = [b"", b"-1", b"1e30", b"nan", b"9" * 400, b"{}", b"[]", b"null", b"\xff", b"0"]
odd_text = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(odd_numbers),
    st.integers().map(lambda n: str(n).encode()),
)
payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
calls = st.one_of(
    payloads,
    payloads.map(lambda value: ["jobs." + GOOD, None, [], {"track_ids": value}]),
    payloads.map(lambda value: ["jobs.insert.direct_batch", None, [], {"chunk_id": value}]),
).map(lambda value: json.dumps(value).encode())
_NAMES = (
    *("data", "status", "timeout", "attempt", "deaths", "origin", "holder", "created_at"),
    *("enqueued_at", "started_at", "ended_at", "retries_left", "retry_intervals", "exc_info"),
    *("number_of_retries", "result_ttl", "failure_ttl", "meta", "worker_name", "description"),
    *("dependency_ids", "group_id", "repeats_left", "rate_limit_key", "webhooks"),
)
names = st.one_of(st.sampled_from(_NAMES), st.text(max_size=8))
hashes = st.dictionaries(names, odd_text, min_size=1, max_size=6)
entries = st.binary(max_size=60)


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(fields=hashes, call=st.none() | calls, ids=st.lists(entries, max_size=4))
def test_no_hash_and_no_entry_ends_a_worker_or_keeps_a_good_job_from_being_done(
    worker: FleetWorker, fields: dict[str, bytes], call: bytes | None, ids: list[bytes]
) -> None:
    bad = enqueued()
    mapping = fields if call is None else {**fields, "data": call}
    worker.connection.hset(key_of(bad), mapping=mapping)  # type: ignore[arg-type]
    for entry in ids:
        worker.connection.rpush(f"rq:queue:{QUEUE}", entry)
    good = enqueued()
    Recovery(worker.connection).poll()
    overview.queues()
    work_off(worker)
    assert is_done(good)
    assert worker.connection.llen(worker.holder.taken_key) == 0
    worker._left.clear()
