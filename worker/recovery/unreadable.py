"""A job that somebody else has written, or spoilt: it fails alone."""

import logging
from typing import Any

import redis
from rq import Queue
from rq.defaults import RQ_KEY_PREFIX
from rq.job import JobStatus
from rq.registry import FailedJobRegistry
from rq.utils import current_timestamp

from worker import dispatch
from worker.errors import TamperedJobError
from worker.holders import Holder

_NO_QUEUE = "unreadable"
log = logging.getLogger("rq.worker")


def fail_unreadable(
    connection: redis.Redis,
    own: Holder,
    job_id: str,
    error: TamperedJobError,
    execution_id: str = "",
) -> None:
    """Take such a job off the own list and file it as failed, without reading more of it."""
    key = f"{RQ_KEY_PREFIX}:job:{job_id}"
    if connection.type(key) != b"hash":
        connection.delete(key)
    raw: Any = connection.hget(key, "origin")
    origin = (raw or b"").decode("utf-8", "replace")
    name = origin if origin in dispatch.topology().queues else _NO_QUEUE
    failed = FailedJobRegistry(name, connection=connection)
    with connection.pipeline() as pipeline:
        pipeline.lrem(own.taken_key, 1, job_id)
        composite = f"{job_id}:{execution_id}"
        pipeline.delete(f"{RQ_KEY_PREFIX}:execution:{composite}")
        pipeline.zrem(f"{RQ_KEY_PREFIX}:wip:{origin}", composite)
        pipeline.srem(f"{RQ_KEY_PREFIX}:worker:{own.worker}:executions", composite)
        pipeline.hset(key, mapping={"status": JobStatus.FAILED.value, "exc_info": str(error)})
        pipeline.expire(key, dispatch.FAILED_JOB_TTL)
        pipeline.sadd(Queue.redis_queues_keys, f"{Queue.redis_queue_namespace_prefix}{name}")
        pipeline.zadd(failed.key, {job_id: current_timestamp() + dispatch.FAILED_JOB_TTL})
        pipeline.execute()
    log.error("%s", error)
