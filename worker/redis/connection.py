"""A connection to the fleet's Redis that is known to work."""

import re
import time
from typing import Any

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.retry import Retry
from rq.utils import as_text

from db import settings
from db.errors import SettingError
from db.settings.urls import UNREADABLE, without_secrets
from worker.errors import BadInputError, RedisUnreachableError
from worker.redis.address import is_embedded, loading_mark, redis_url, shown_url

_STEADY = Retry(ExponentialBackoff(cap=1, base=0.05), 6)
"""A server that restarts is back within two seconds or so."""


_PATH = re.compile(r"unix://|rediss?://[^/?]*(/[0-9]*)?(\?|$)")
"""A path that is no number would be taken for 0."""
_SINGLE = ("", "standalone")


def endure(client: redis.Redis, seconds: int = 600) -> None:
    """Have every command wait about so long for a server that is away.

    What a worker has done must not be lost when that is for minutes.
    """
    client.set_retry(Retry(ExponentialBackoff(cap=1, base=0.05), seconds))


def connect(wait: float = 0) -> redis.Redis:
    """A client of the fleet's Redis that has answered.

    `wait` is for how many seconds a server that is only starting, or loading its data, is waited
    for. Once connected, a command is tried again for about two seconds when the server goes away.
    Raises RedisUnreachableError, and BadInputError for a URL or a server of no use.
    """
    client = _client()
    deadline = time.monotonic() + wait
    while True:
        try:
            client.ping()
            mode = _mode(client)
        except RedisError as error:
            refused = isinstance(error, AuthenticationError)
            if refused or time.monotonic() >= deadline:
                client.close()
                raise _unreachable(error) from None
            time.sleep(0.1)
        except (TypeError, ValueError):  # a parameter of the URL that it does not know
            raise _bad_url() from None
        else:
            if mode not in _SINGLE:
                client.close()
                raise BadInputError(
                    f"Redis at {shown_url()} is a {mode}, and the fleet needs a single server, "
                    "which has all its keys — set FLEET_REDIS_URL to such a Redis or Valkey"
                )
            client.set_retry(_STEADY)
            if is_embedded():
                loading_mark().unlink(missing_ok=True)
            return client


def _client() -> redis.Redis:
    try:
        settings.check_redis_prefix()
        if shown_url() == UNREADABLE or not _PATH.match(redis_url()):
            raise _bad_url()
        return redis.Redis.from_url(
            redis_url(),
            socket_connect_timeout=5,
            socket_timeout=10,  # an RQ worker raises it to what its blocking commands need
            health_check_interval=30,
            retry=Retry(NoBackoff(), 0),
        )
    except SettingError as error:
        raise BadInputError(str(error)) from error
    except (ValueError, TypeError):
        raise _bad_url() from None  # its text quotes parts of the URL


def _bad_url() -> RedisUnreachableError:
    return RedisUnreachableError(
        f"FLEET_REDIS_URL is {shown_url()!r}, of which this program can make nothing — write "
        "redis://:PASSWORD@HOST:PORT/NUMBER, rediss://… or unix:///PATH, and in a password %40 "
        "for @, %2F for / and so on"
    )


def _mode(client: redis.Redis) -> str:
    """Whether it is standalone, a cluster or a sentinel; "" where that may not be asked."""
    try:
        answer: Any = client.execute_command("HELLO")  # type: ignore[no-untyped-call]
    except ResponseError:  # before Redis 6, or forbidden
        return ""
    pairs = (
        answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
    )
    said = {as_text(name): value for name, value in pairs}
    return as_text(said.get("mode", b""))


def _unreachable(error: RedisError) -> RedisUnreachableError:
    reason = (
        "is still loading its data" if isinstance(error, BusyLoadingError) else "does not answer"
    )
    remedy = "run `fleet up`" if is_embedded() else "check FLEET_REDIS_URL and that the server runs"
    text = without_secrets(str(error), redis_url())
    detail = text.splitlines()[0] if text else type(error).__name__
    return RedisUnreachableError(f"Redis at {shown_url()} {reason}: {detail} — {remedy}")
