"""saq, whose jobs are coroutines: two workers that run one at a time."""

import asyncio
from typing import Any

from redis.asyncio import Redis
from saq.queue.redis import RedisQueue

from bench.queue_contenders.contender import PROCESSES, QUEUE, Contender
from bench.queue_contenders.trial import MILLISECOND, stamp
from worker.redis import redis_url


async def noop(_: Any) -> None:
    """Do nothing."""
    stamp()


async def sleep(_: Any) -> None:
    """Take a millisecond."""
    await asyncio.sleep(MILLISECOND)
    stamp()


queue = RedisQueue(Redis.from_url(redis_url()), name=QUEUE)
settings = {"queue": queue, "functions": [noop, sleep], "concurrency": 1}


def enqueue(job: str, number: int) -> None:
    """One by one."""
    asyncio.run(_enqueue(job, number))


async def _enqueue(job: str, number: int) -> None:
    for _ in range(number):
        await queue.enqueue(job)
    await queue.disconnect()


CONTENDER = Contender(
    distribution="saq",
    keeps="job with result 600 s",
    commands=(("-m", "saq", f"{__name__}.settings"),) * PROCESSES,
    enqueue=enqueue,
)
