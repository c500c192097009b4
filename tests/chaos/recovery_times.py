"""How long recoveries took, by what was killed."""

import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.waiting import PATIENCE
from worker.redis import redis_url

RECORDED: list[tuple[str, float]] = []
"""What a test has measured, and the seconds."""
_TIMES: dict[str, list[float]] = defaultdict(list)
"""Those of all tests."""
_EVERY = 0.01


class Stopwatch:
    """Runs from a kill on; polls Redis a hundred times a second, while it may be away."""

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
        RECORDED.append((what, time.monotonic() - self._begun))

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


def gather(report: pytest.TestReport) -> None:
    """Gather what the tests have measured, whichever process ran them."""
    if report.when == "teardown" and "tests/chaos" in report.nodeid:
        for what, seconds in report.user_properties:
            _TIMES[what].append(float(str(seconds)))


def show(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long recoveries took: how many, median and worst."""
    if not _TIMES:
        return
    terminalreporter.section("recovery times")
    for what, seconds in sorted(_TIMES.items()):
        terminalreporter.write_line(
            f"{what:50} {len(seconds):3} x  median {median(seconds):6.3f} s"
            f"  worst {max(seconds):6.3f} s"
        )
