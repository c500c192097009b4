"""How long recoveries took, by what was killed."""

import time
from collections import defaultdict
from collections.abc import Callable

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.chaos.orders import PATIENCE
from worker.redis_address import redis_url

TIMES: dict[str, list[float]] = defaultdict(list)
"""Seconds, by what they were measured of."""
_EVERY = 0.002


class Stopwatch:
    """Runs from a kill on; looks at Redis every two milliseconds, while it may be away."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._redis = redis.Redis.from_url(
            redis_url(), socket_timeout=1, retry=Retry(NoBackoff(), 0), decode_responses=True
        )

    def stop_when(self, condition: Callable[[redis.Redis], bool], what: str) -> None:
        """Record the seconds until the condition holds."""
        with self._redis:
            while not self._holds(condition):
                assert time.monotonic() - self._begun < PATIENCE, f"no recovery: {what}"
                time.sleep(_EVERY)
        TIMES[what].append(time.monotonic() - self._begun)

    def _holds(self, condition: Callable[[redis.Redis], bool]) -> bool:
        try:
            return condition(self._redis)
        except redis.RedisError:
            return False


def waits_or_is_begun_again(job_id: str, attempts: int) -> Callable[[redis.Redis], bool]:
    """Whether a job that was begun so often waits in its queue, or was begun again."""

    def look(connection: redis.Redis) -> bool:
        key = f"rq:job:{job_id}"
        attempt, status, queue = connection.hmget(key, "attempt", "status", "origin")
        if status == "finished" or int(attempt or 0) > attempts:
            return True
        return connection.lpos(f"rq:queue:{queue!s}", job_id) is not None

    return look


def attempts_of(connection: redis.Redis, job_id: str) -> int:
    """How often a job was begun."""
    return int(connection.hget(f"rq:job:{job_id}", "attempt") or 0)
