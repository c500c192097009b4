"""Entries that are no jobs: who wrote to Redis is not known, so each fails alone."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import redis
from redis.client import Pipeline
from rq import Queue
from rq.defaults import RQ_KEY_PREFIX
from rq.exceptions import NoSuchJobError
from rq.job import JobStatus
from rq.registry import FailedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import current_timestamp

from worker import dispatch
from worker.errors import TamperedJobError
from worker.process.fleet_job import FleetJob, log, no_job
from worker.redis.entries import (
    NO_ID,
    as_id,
    as_shown,
    ids,
    no_ids,
    remove_waiting,
    waiting_entries,
    wrong_keys,
)
from worker.redis.holders import Holder
from worker.redis.owner import is_of_another_program

UNREADABLE = "unreadable"
"""The queue of failed jobs of which it is not known where they come from."""
REFUSED = "refused"
"""The queue that jobs of another program go to, as they were, out of the fleet's: it takes none."""
_OF_TAKING = ("attempt", "deaths", "holder")
"""The fields that a job has from being taken by the fleet."""
_NEW: dict[Any, Any] = {
    "status": JobStatus.QUEUED.value,
    "last_heartbeat": "",
    "started_at": "",
    "worker_name": "",
}
"""What RQ has in the fields of a job that nobody has taken."""
_EXAMINED = 1000
"""Jobs of each place of a queue that are read one by one: workers read the others in their turn."""


def job_of(connection: redis.Redis, entry: bytes) -> FleetJob:
    """The job that an entry names. Raises NoSuchJobError or TamperedJobError."""
    job_id = as_id(entry)
    if job_id is None:
        raise no_job(entry, NO_ID)
    job = FleetJob(job_id, connection=connection, serializer=JSONSerializer)
    if connection.type(job.key) not in {b"hash", b"none"}:
        raise no_job(entry, "it is no hash")
    job.refresh()  # type: ignore[no-untyped-call]
    return job


def fail_unreadable(
    connection: redis.Redis,
    own: Holder,
    entry: bytes,
    error: TamperedJobError,
    execution_id: str = "",
) -> None:
    """Take such an entry off the own list and file it as a failed job, without reading more of it.

    One that is no id of a job is filed under an id made of it. No key of another type than it
    should be keeps this from its end. A job of another program is refused instead: it waits as it
    was, in a queue that nobody of the fleet takes from.
    """
    key = b"%s:job:%s" % (RQ_KEY_PREFIX.encode(), entry)
    if connection.type(key) != b"hash":
        connection.delete(key)
    elif is_of_another_program(connection.hget(key, "data") or b""):  # type: ignore[arg-type]
        _refuse(connection, own, entry, execution_id)
        return
    origin: Any = connection.hget(key, "origin") or b""
    name = as_shown(origin) if as_shown(origin) in dispatch.topology().queues else UNREADABLE
    job_id = as_id(entry) or f"unreadable-{hashlib.sha256(entry).hexdigest()[:16]}"
    failed = FailedJobRegistry(name, connection=connection)
    with connection.pipeline() as pipeline:
        pipeline.lrem(own.taken_key, 1, entry)  # type: ignore[arg-type]
        _forget_execution(pipeline, own, f"{job_id}:{execution_id}", origin)
        filed = f"{RQ_KEY_PREFIX}:job:{job_id}"
        pipeline.hset(filed, mapping={"status": JobStatus.FAILED.value, "exc_info": str(error)})
        for each in (key, filed):
            pipeline.expire(each, dispatch.FAILED_JOB_TTL)
        pipeline.sadd(Queue.redis_queues_keys, f"{Queue.redis_queue_namespace_prefix}{name}")
        pipeline.zadd(failed.key, {job_id: current_timestamp() + dispatch.FAILED_JOB_TTL})
        pipeline.execute(raise_on_error=False)
    log.error("%s", error)


def _refuse(connection: redis.Redis, own: Holder, entry: bytes, execution_id: str) -> None:
    """Give a job of another program back unrun, and undo what taking it has written."""
    key = b"%s:job:%s" % (RQ_KEY_PREFIX.encode(), entry)
    found: Any = connection.hmget(key, "origin", "description")
    origin, description = (each or b"" for each in found)
    job_id = as_shown(entry)
    with connection.pipeline() as pipeline:
        pipeline.lrem(own.taken_key, 1, entry)  # type: ignore[arg-type]
        _forget_execution(pipeline, own, f"{job_id}:{execution_id}", origin)
        pipeline.delete(f"{RQ_KEY_PREFIX}:executions:{job_id}")
        pipeline.hdel(key, *_OF_TAKING)
        pipeline.hset(key, mapping=_NEW)
        pipeline.sadd(Queue.redis_queues_keys, f"{Queue.redis_queue_namespace_prefix}{REFUSED}")
        pipeline.rpush(f"{Queue.redis_queue_namespace_prefix}{REFUSED}", entry)
        pipeline.execute(raise_on_error=False)
    log.error(
        "the job %s in the queue %s is another program's (%s): it waits in the queue %s as it was",
        job_id,
        as_shown(origin),
        as_shown(description, most=60),
        REFUSED,
    )


def _forget_execution(pipeline: Pipeline, own: Holder, composite: str, origin: bytes) -> None:
    pipeline.delete(f"{RQ_KEY_PREFIX}:execution:{composite}")
    pipeline.zrem(b"%s:wip:%s" % (RQ_KEY_PREFIX.encode(), origin), composite)
    pipeline.srem(f"{RQ_KEY_PREFIX}:worker:{own.worker}:executions", composite)


def unreadable(connection: redis.Redis, name: str) -> dict[str, str]:
    """What stands in a queue and is no job that a worker could run, with its fault."""
    found = {as_shown(entry): NO_ID for entry in no_ids(connection, name)}
    return found | {job_id: str(error) for job_id, error in _unreadable_jobs(connection, name)}


def _unreadable_jobs(connection: redis.Redis, name: str) -> Iterator[tuple[str, TamperedJobError]]:
    for job_id in ids(waiting_entries(connection, name, _EXAMINED)):
        try:
            job_of(connection, job_id.encode())
        except NoSuchJobError:
            continue
        except TamperedJobError as error:
            yield job_id, error


def set_entries_aside(
    connection: redis.Redis, names: Iterable[str], own: Holder, *, deep: bool = False
) -> int:
    """File what stands in these queues and is no id of a job as failed jobs; how many entries.

    `deep`: also the jobs that cannot be read.
    """
    names = list(names)
    count = len(wrong_keys(connection, names, set_aside=True))
    for name in names:
        for entry in no_ids(connection, name, remove=True):
            fail_unreadable(connection, own, entry, no_job(entry, NO_ID))
            count += 1
        for job_id, error in list(_unreadable_jobs(connection, name)) if deep else []:
            remove_waiting(connection, name, job_id)
            fail_unreadable(connection, own, job_id.encode(), error)
            count += 1
    return count
