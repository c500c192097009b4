"""How many jobs were done, failed and put back, and how long they took: what /metrics reports.

Redis keys, each a hash JOB -> number, kept for good:
    fleet:done       jobs that were done
    fleet:failed     attempts that failed
    fleet:seconds    seconds that both took
and QUEUE -> number:
    fleet:recovered  jobs that were put back after their process died
"""

from typing import TYPE_CHECKING, NamedTuple

import redis
from redis.client import Pipeline

from db import settings
from worker import dispatch
from worker.redis.entries import as_number, as_shown

if TYPE_CHECKING:  # who only reads the counts runs no job
    from worker.process.fleet_job import FleetJob

_DONE, _FAILED, _SECONDS = map(settings.redis_key, ("fleet:done", "fleet:failed", "fleet:seconds"))
RECOVERED = settings.redis_key("fleet:recovered")
_UNROUTED = "other"
"""Stands for every name that queues.toml does not route: there may be any number of them."""


class JobCount(NamedTuple):
    """What the jobs of one name came to."""

    done: int = 0
    failed: int = 0
    seconds: float = 0.0


def count_attempt(pipeline: Pipeline, job: "FleetJob", *, done: bool) -> None:
    """Count an attempt that was done, or that failed."""
    name = job.job_name if job.job_name in dispatch.topology().routes else _UNROUTED
    pipeline.hincrby(_DONE if done else _FAILED, name, 1)
    if job.started_at and job.ended_at:
        seconds = (job.ended_at - job.started_at).total_seconds()
        pipeline.hincrbyfloat(_SECONDS, name, max(0.0, seconds))


def job_counts(connection: redis.Redis) -> dict[str, JobCount]:
    """What came of the jobs of each name since this Redis was empty."""
    with connection.pipeline(transaction=False) as pipeline:
        for key in (_DONE, _FAILED, _SECONDS):
            pipeline.hgetall(key)
        done, failed, seconds = pipeline.execute()
    return {
        as_shown(name): JobCount(
            int(as_number(done.get(name))),
            int(as_number(failed.get(name))),
            as_number(seconds.get(name)),
        )
        for name in sorted({*done, *failed})
    }
