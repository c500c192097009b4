"""A Redis that refuses is met like one that is away: it is waited for, and nothing is counted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from rq.job import Job

from tests.databases import open_sqlite
from worker import dispatch
from worker.process.fleet_worker import FleetWorker
from worker.redis.connection import RefusedError, endure, impatient

GOOD = "covers.extract_embedded"


@contextmanager
def full(connection: redis.Redis) -> Iterator[None]:
    """Its memory is full."""
    connection.config_set("maxmemory", 1)
    try:
        yield
    finally:
        connection.config_set("maxmemory", 0)


@pytest.fixture
def worker(queues: redis.Redis, data_dir: Path) -> FleetWorker:
    """A worker of covers, that has registered."""
    open_sqlite()
    worker = FleetWorker("covers-1.here", ["thumbnails", "deferred_covers"], queues)
    worker.register_birth()
    worker._left.set()
    return worker


def test_a_redis_whose_memory_is_full_drains(worker: FleetWorker) -> None:
    job_ids = [dispatch.enqueue(GOOD, track_ids=[]) for _ in range(3)]
    with full(worker.connection):
        while (taken := worker.dequeue_job_and_maintain_ttl(None)) is not None:
            worker._beaten = float("-inf")  # the next heartbeat is due
            worker.execute_job(*taken)
        states = [worker.connection.hget(Job.key_for(each), "status") for each in job_ids]
    assert states == [b"finished"] * 3


def test_what_is_enqueued_meanwhile_waits_until_there_is_memory(queues: redis.Redis) -> None:
    endure(queues)
    with full(queues):
        later = threading.Timer(0.5, lambda: queues.config_set("maxmemory", 0))
        later.start()
        job_id = dispatch.enqueue(GOOD, track_ids=[])
        later.join()
    assert dispatch.queue("deferred_covers").get_job_ids() == [job_id]


def test_who_has_no_patience_is_refused_at_once(queues: redis.Redis) -> None:
    endure(queues)
    with full(queues), impatient(0), pytest.raises(RefusedError, match="refuses"):
        dispatch.enqueue(GOOD, track_ids=[])


def test_a_job_that_is_refused_waits_in_its_queue_as_it_was(
    worker: FleetWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.process.fleet_worker.JOB_PATIENCE", 0.1)
    scan = dispatch.enqueue("scan.discovery", root="/nowhere")  # it enqueues another
    finder = FleetWorker("metadata-1.here", ["scan", "thumbnails"], worker.connection)
    finder.register_birth()
    endure(worker.connection)
    with full(worker.connection):
        taken = finder.dequeue_job_and_maintain_ttl(None)
        assert taken is not None
        threading.Timer(1, lambda: dispatch.connection().config_set("maxmemory", 0)).start()
        finder.execute_job(*taken)
    job = dispatch.queue("scan").fetch_job(scan)
    assert job is not None
    assert job.get_status() == "queued"
    assert job.retries_left == dispatch.topology().queues["scan"].retries
    assert worker.connection.hget(job.key, "deaths") == b"0"
    finder._left.set()


def test_an_error_on_a_unix_socket_is_the_error_that_it_is(queues: redis.Redis) -> None:
    connection = dispatch.connection().connection_pool.get_connection()
    connection.connect()
    failures = connection.retry.get_retries() + 1
    connection.disconnect(error=redis.ConnectionError("gone"), failure_count=failures)
    assert not connection.is_connected
