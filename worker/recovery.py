"""Putting back what a dead worker held.

A worker moves each job, in one atomic step, from its queue to a list of its own, and takes it off
that list only when RQ has recorded the job's end. So whatever stands on the list of a slot whose
process is gone was popped, begun, or ended just then; the slot's next process sorts that out.

Redis keys:
    fleet:taken:WORKER   list of the ids of the jobs that this worker holds
"""

import logging

import redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer
from rq.utils import as_text

MOST_CRASHES = 3
"""How many workers a job may take with it before it fails for good."""

log = logging.getLogger("rq.worker")


def taken_key(worker_name: str) -> str:
    """The key of the list of jobs that a worker holds."""
    return f"fleet:taken:{worker_name}"


def put_back(connection: redis.Redis, worker_name: str, *, died: bool = True) -> list[str]:
    """Return the jobs of this worker to the front of their queues; the ids of those.

    A job that was begun counts the death of its worker, unless that is only told to stop.
    """
    key = taken_key(worker_name)
    returned = []
    for raw_id in connection.lrange(key, 0, -1):
        job_id = as_text(raw_id)
        try:
            job = Job.fetch(job_id, connection=connection, serializer=JSONSerializer)
        except NoSuchJobError:
            connection.lrem(key, 1, job_id)
            continue
        if _put_back(job, key, worker_name, died=died):
            returned.append(job_id)
    return returned


def _put_back(job: Job, key: str, worker_name: str, *, died: bool) -> bool:
    """Settle one job of the list, in one transaction; whether it waits again."""
    connection, status = job.connection, job.get_status()
    begun = status == JobStatus.STARTED and died
    waits = status == JobStatus.QUEUED and _is_in_queue(connection, job)
    if waits or status not in {JobStatus.QUEUED, JobStatus.STARTED}:
        connection.lrem(key, 1, job.id)
        return False
    crashes = int(job.get_meta().get("crashes", 0)) + begun
    job.meta["crashes"] = crashes
    with connection.pipeline() as pipeline:
        _drop_executions(job, worker_name, pipeline)
        pipeline.lrem(key, 1, job.id)
        job.save(pipeline=pipeline)
        if crashes >= MOST_CRASHES:
            reason = f"{crashes} workers died while they ran this job; the last was {worker_name}"
            job.set_status(JobStatus.FAILED, pipeline=pipeline)
            job._handle_failure(reason, pipeline=pipeline, worker_name=worker_name)
        else:
            job.set_status(JobStatus.QUEUED, pipeline=pipeline)
            _queue_of(connection, job).push_job_id(job.id, pipeline=pipeline, at_front=True)
        pipeline.execute()
    log.warning("%s put back by %s; %d workers died with it", job.id, worker_name, crashes)
    return crashes < MOST_CRASHES


def _drop_executions(job: Job, worker_name: str, pipeline: "redis.client.Pipeline") -> None:
    for execution_id in job.execution_registry.get_execution_ids():
        execution = Execution(execution_id, job.id, job.connection, worker_name=worker_name)
        execution.delete(job=job, pipeline=pipeline)


def _is_in_queue(connection: redis.Redis, job: Job) -> bool:
    return connection.lpos(_queue_of(connection, job).key, job.id) is not None


def _queue_of(connection: redis.Redis, job: Job) -> Queue:
    return Queue(job.origin, connection=connection, serializer=JSONSerializer)
