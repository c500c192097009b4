"""The one door to the queues: a caller names a job, `queues.toml` says where it goes.

Jobs use this module too: `job` marks them, `current_job_id` names the attempt that runs.
"""

import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from uuid import uuid4

import redis
from rq import Queue, Retry, get_current_job
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from worker.errors import JobFailedError, JobTooLargeError
from worker.redis import connect
from worker.topology import Topology, load

MAX_JOB_BYTES = 1024 * 1024
"""The largest job that is enqueued: ids, paths and records, never pictures or a whole library."""
FAILED_JOB_TTL = 30 * 24 * 3600
_DESCRIPTION_LENGTH = 100
_ENDED_BADLY = {JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED}

Function = TypeVar("Function", bound=Callable[..., Any])


def job(function: Function) -> Function:
    """Mark a function of the `jobs` package as a job; `queues.toml` must route it."""
    return function


def current_job_id() -> str:
    """The id of the RQ job that runs; outside a worker an id of this call alone."""
    current = get_current_job()
    return current.id if current else str(uuid4())


@cache
def connection() -> redis.Redis:
    """This process's connection to Redis. Raises RedisUnreachableError."""
    return connect()


@cache
def topology() -> Topology:
    """The topology of this process, loaded and checked once. Raises TopologyError."""
    return load()


def queue(name: str) -> Queue:
    """The RQ queue of that name, with the fleet's serializer."""
    return Queue(name, connection=connection(), serializer=JSONSerializer)


def queues() -> list[Queue]:
    """Every queue of the topology."""
    return [queue(name) for name in topology().queues]


def is_idle(job_name: str) -> bool:
    """Whether the queue of this job holds nothing: no job waits, runs, or waits for its time."""
    target = queue(topology().route(job_name).name)
    registries = (
        target.started_job_registry,
        target.scheduled_job_registry,
        target.deferred_job_registry,
    )
    return not target.count and not any(registry.count for registry in registries)


def function_path(job_name: str) -> str:
    """What RQ imports for a job name, and shows."""
    return f"jobs.{job_name}"


def enqueue(job_name: str, **arguments: Any) -> str:
    """Put a job in the queue that `queues.toml` routes it to, and return the job's id.

    Arguments are JSON values. Raises UnknownJobError for a name that is not routed,
    JobTooLargeError beyond MAX_JOB_BYTES, and RedisUnreachableError.
    """
    route = topology().route(job_name)
    target = queue(route.name)
    new = Job.create(
        function_path(job_name),
        kwargs=arguments,
        connection=target.connection,
        serializer=JSONSerializer,
        origin=target.name,
        timeout=route.timeout,
        result_ttl=route.keep,
        failure_ttl=FAILED_JOB_TTL,
        retry=Retry(max=route.retries) if route.retries else None,
        description=_description(job_name, arguments),
    )
    size = len(new.data)
    if size > MAX_JOB_BYTES:
        raise JobTooLargeError(
            f"the job {job_name} is {size:,} bytes large, more than {MAX_JOB_BYTES:,} — "
            "pass ids or fewer records, not contents"
        )
    return target.enqueue_job(new).id


def _description(job_name: str, arguments: dict[str, Any]) -> str:
    """A short line for rq-dashboard and logs: names and sizes, not the records themselves."""
    parts = (f"{name}={_brief(value)}" for name, value in arguments.items())
    return f"{job_name}({', '.join(parts)})"[:_DESCRIPTION_LENGTH]


def _brief(value: Any) -> str:
    if isinstance(value, list | dict):
        return f"{len(value)} items"
    return repr(value)[:40]


def wait_for(job_id: str) -> Any:
    """Wait until a job has ended, and return its result. Raises JobFailedError."""
    while True:
        current = Job.fetch(job_id, connection=connection(), serializer=JSONSerializer)
        status = current.get_status(refresh=False)
        if status == JobStatus.FINISHED:
            return current.return_value()
        if status in _ENDED_BADLY:
            result = current.latest_result()
            reason = (result.exc_string or "").strip().splitlines()[-1:] if result else []
            raise JobFailedError(f"{current.description} {status.value}: {' '.join(reason)}")
        time.sleep(0.1)
