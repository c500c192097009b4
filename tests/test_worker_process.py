"""The worker loses no job and runs nothing but the fleet's jobs."""

import json
from pathlib import Path

import pytest
import redis
from rq import Queue
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from db.connection import open_database
from db.schema import migrate
from worker import dispatch
from worker.errors import JobTooLargeError, UnknownJobError
from worker.process import FleetWorker
from worker.recovery import MOST_CRASHES, put_back, taken_key

CLEANUP = "maintenance.cleanup_expired_tasks"


@pytest.fixture
def worker(queues: redis.Redis, data_dir: Path) -> FleetWorker:
    """A worker of two queues with a database."""
    open_database()
    migrate()
    return FleetWorker("tests-1", ["insert", "maintenance"], queues)


def work_off(worker: FleetWorker) -> None:
    worker.work(burst=True, logging_level="ERROR")


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
    assert job.description == "covers.extract_embedded(track_ids=1000 items)"


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


def test_a_job_that_was_taken_and_not_begun_is_done_by_the_successor(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    assert worker.dequeue_job_and_maintain_ttl(None) is not None
    assert dispatch.queue("maintenance").count == 0
    successor = FleetWorker(worker.name, ["insert", "maintenance"], worker.connection)
    work_off(successor)
    assert status(job_id) == JobStatus.FINISHED


def test_a_job_that_was_begun_is_done_by_the_successor(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    taken = worker.dequeue_job_and_maintain_ttl(None)
    assert taken is not None
    job, queue = taken
    worker.prepare_execution(job)
    worker.prepare_job_execution(job)
    assert status(job_id) == JobStatus.STARTED
    work_off(FleetWorker(worker.name, ["insert", "maintenance"], worker.connection))
    assert status(job_id) == JobStatus.FINISHED
    assert queue.started_job_registry.count == 0


def test_a_job_that_ended_just_before_its_worker_died_is_not_done_again(
    worker: FleetWorker,
) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    work_off(worker)
    worker.connection.rpush(taken_key(worker.name), job_id)
    assert put_back(worker.connection, worker.name) == []
    assert dispatch.queue("maintenance").count == 0


def test_a_job_that_takes_its_workers_with_it_fails_in_the_end(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    for _ in range(MOST_CRASHES):
        taken = worker.dequeue_job_and_maintain_ttl(None)
        assert taken is not None
        worker.prepare_execution(taken[0])
        worker.prepare_job_execution(taken[0])
        put_back(worker.connection, worker.name)
    assert status(job_id) == JobStatus.FAILED
    assert worker.connection.llen(taken_key(worker.name)) == 0


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


def test_callbacks_that_somebody_put_into_a_job_are_not_run(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(CLEANUP)
    worker.connection.hset(f"rq:job:{job_id}", "success_callback_name", "os.abort")
    work_off(worker)
    assert status(job_id) == JobStatus.FINISHED


def test_a_tampered_payload_fails_alone(worker: FleetWorker) -> None:
    bad, good = dispatch.enqueue(CLEANUP), dispatch.enqueue(CLEANUP)
    worker.connection.hset(f"rq:job:{bad}", "data", b"\x80\x04not json")
    work_off(worker)
    work_off(FleetWorker(worker.name, ["insert", "maintenance"], worker.connection))
    assert (status(bad), status(good)) == (JobStatus.FAILED, JobStatus.FINISHED)
