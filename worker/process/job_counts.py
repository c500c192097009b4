"""How many jobs were done, failed and put back, and how long they took: what /metrics reports.

Redis keys, each a hash JOB -> number, kept for good:
    fleet:done       jobs that were done
    fleet:failed     attempts that failed
    fleet:seconds    seconds that both took
and QUEUE -> number:
    fleet:recovered  jobs that were put back after their process died
"""

from typing import NamedTuple, Protocol

import redis
from redis.client import Pipeline

from db import settings
from worker import dispatch
from worker.redis.entries import as_number, as_shown

DONE, _FAILED, SECONDS = map(settings.redis_key, ("fleet:done", "fleet:failed", "fleet:seconds"))
RECOVERED = settings.redis_key("fleet:recovered")
_UNROUTED = "other"
"""Stands for every name that queues.toml does not route: there may be any number of them."""


class _Counted(Protocol):
    """A job, for those who count it: who only reads the counts imports nothing that runs one."""

    @property
    def job_name(self) -> str:
        """Its name in queues.toml."""

    @property
    def seconds(self) -> float:
        """How long it ran."""


class JobCount(NamedTuple):
    """What the jobs of one name came to."""

    done: int = 0
    failed: int = 0
    seconds: float = 0.0


def counted_as(job: _Counted) -> str:
    """The name that a job counts as."""
    return job.job_name if job.job_name in dispatch.topology().routes else _UNROUTED


def count_failure(pipeline: Pipeline, job: _Counted) -> None:
    """Count an attempt that failed. The end of one that was done is counted by `take.lua`."""
    pipeline.hincrby(_FAILED, counted_as(job), 1)
    pipeline.hincrbyfloat(SECONDS, counted_as(job), job.seconds)


def job_counts(connection: redis.Redis) -> dict[str, JobCount]:
    """What came of the jobs of each name since this Redis was empty."""
    with connection.pipeline(transaction=False) as pipeline:
        for key in (DONE, _FAILED, SECONDS):
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
