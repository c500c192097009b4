"""A connection to the fleet's Redis that is known to work."""

import time

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError
from redis.retry import Retry

from db import settings
from db.errors import SettingError
from worker.errors import BadInputError, RedisUnreachableError
from worker.redis.address import is_embedded, loading_mark, redis_url, shown_url

_STEADY = Retry(ExponentialBackoff(cap=1, base=0.05), 6)
"""A server that restarts is back within two seconds or so."""


def endure(client: redis.Redis, seconds: int = 600) -> None:
    """Have every command wait about so long for a server that is away.

    What a worker has done must not be lost when that is for minutes.
    """
    client.set_retry(Retry(ExponentialBackoff(cap=1, base=0.05), seconds))


def connect(wait: float = 0) -> redis.Redis:
    """A client of the fleet's Redis that has answered.

    `wait` is for how many seconds a server that is only starting, or loading its data, is waited
    for. Once connected, a command is tried again for about two seconds when the server goes away.
    Raises RedisUnreachableError.
    """
    client = _client()
    deadline = time.monotonic() + wait
    while True:
        try:
            client.ping()
        except RedisError as error:
            refused = isinstance(error, AuthenticationError)
            if refused or time.monotonic() >= deadline:
                client.close()
                raise _unreachable(error) from error
            time.sleep(0.1)
        else:
            client.set_retry(_STEADY)
            if is_embedded():
                loading_mark().unlink(missing_ok=True)
            return client


def _client() -> redis.Redis:
    try:
        settings.check_redis_prefix()
        return redis.Redis.from_url(
            redis_url(),
            socket_connect_timeout=5,
            socket_timeout=10,  # an RQ worker raises it to what its blocking commands need
            health_check_interval=30,
            retry=Retry(NoBackoff(), 0),
        )
    except SettingError as error:
        raise BadInputError(str(error)) from error
    except (ValueError, TypeError) as error:
        raise RedisUnreachableError(
            f"FLEET_REDIS_URL is {shown_url()!r}: {error} — write redis://, rediss:// or unix://"
        ) from error


def _unreachable(error: RedisError) -> RedisUnreachableError:
    reason = (
        "is still loading its data" if isinstance(error, BusyLoadingError) else "does not answer"
    )
    remedy = "run `fleet up`" if is_embedded() else "check FLEET_REDIS_URL and that the server runs"
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return RedisUnreachableError(f"Redis at {shown_url()} {reason}: {detail} — {remedy}")
