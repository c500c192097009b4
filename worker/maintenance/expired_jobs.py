"""What RQ keeps beyond its time, or of what is gone: dropped, but never work that waits."""

import time
from collections.abc import Sequence

import redis
from rq.job import Job
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    StartedJobRegistry,
)
from rq.utils import as_text
from rq.worker_registration import WORKERS_BY_QUEUE_KEY, clean_worker_registry

from db.sql.queries import slices
from worker import dispatch

_EXPIRING = (FinishedJobRegistry, FailedJobRegistry, CanceledJobRegistry)
_JOB = Job.redis_job_namespace_prefix
_EXECUTIONS = "rq:executions:"
"""The executions of a job; the key ends with the job's id."""
_AT_ONCE = 500


def drop_expired() -> dict[str, int]:
    """Drop it; how many entries, by what they were.

    A job that ended goes from its list when its time is over, or its hash is gone; one that was
    begun by a worker that is long gone fails, as RQ has it.
    """
    dropped = {"ended jobs": 0, "begun jobs": 0, "dead workers": 0}
    for queue in dispatch.queues():
        for registry_class in _EXPIRING:
            registry = registry_class(queue=queue)
            dropped["ended jobs"] += _drop_ended(registry)
        started = StartedJobRegistry(queue=queue)
        begun = started.get_job_count(cleanup=False)
        started.cleanup()
        dropped["begun jobs"] += max(0, begun - started.get_job_count(cleanup=False))
        workers = WORKERS_BY_QUEUE_KEY % queue.name
        known = queue.connection.scard(workers)
        clean_worker_registry(queue)
        dropped["dead workers"] += int(known) - int(queue.connection.scard(workers))
    dropped["executions of nothing"] = _drop_executions(dispatch.connection())
    return dropped


def _drop_ended(registry: BaseRegistry) -> int:
    """The entries whose time is over, and those whose job is gone."""
    client, key = registry.connection, registry.key
    over = int(client.zcount(key, 0, time.time()))
    registry.cleanup()
    members: list[bytes] = client.zrange(key, 0, -1)  # type: ignore[assignment]
    ids = [as_text(each) for each in members]
    gone = [each for part in slices(ids, _AT_ONCE) for each in _without_job(client, part)]
    for part in slices(gone, _AT_ONCE):
        client.zrem(key, *part)
    return over + len(gone)


def _drop_executions(client: redis.Redis) -> int:
    """What is kept of the executions of jobs that are gone."""
    keys = [as_text(key) for key in client.scan_iter(f"{_EXECUTIONS}*", count=_AT_ONCE)]
    dropped = 0
    for part in slices(keys, _AT_ONCE):
        gone = _without_job(client, [key.removeprefix(_EXECUTIONS) for key in part])
        if gone:
            dropped += int(client.delete(*(f"{_EXECUTIONS}{each}" for each in gone)))
    return dropped


def _without_job(client: redis.Redis, job_ids: Sequence[str]) -> list[str]:
    """Those of the ids of which no job is there."""
    with client.pipeline(transaction=False) as pipeline:
        for job_id in job_ids:
            pipeline.exists(f"{_JOB}{job_id}")
        there = pipeline.execute()
    return [job_id for job_id, is_there in zip(job_ids, there, strict=True) if not is_there]
