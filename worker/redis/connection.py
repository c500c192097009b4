"""A connection to the fleet's Redis that is known to work."""

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, RedisError, ResponseError
from redis.retry import Retry
from redis.sentinel import (
    MasterNotFoundError,
    Sentinel,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)

from db import settings
from db.errors import SettingError
from db.settings.urls import UNREADABLE, without_secrets
from worker.errors import BadInputError, RedisUnreachableError
from worker.redis import is_embedded, note_answer, redis_url, shown_url

log = logging.getLogger("fleet")
_own = threading.local()
"""Of each thread: `limit`, the seconds after which its commands give up."""
_SECONDS_UNTIL_LOGGED = 5.0
_SECONDS_BETWEEN_LOGS = 60.0
_REFUSALS = re.compile(
    r"(?:^|caused error: |script: ?\d+: -?)"
    r"(?:OOM|MISCONF|READONLY|LOADING|BUSY|NOAUTH|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|TRYAGAIN)"
    r"\b"
)
"""How an answer begins, also within a pipeline or a script, of a server that cannot serve now."""


_PATH = re.compile(
    r"unix://|rediss?://[^/?]*(/[0-9]*)?(\?|$)"
    r"|rediss?\+sentinel://[^/?]+/[A-Za-z0-9_.-]+(/[0-9]*)?(\?|$)"
)
"""A path that is no number would be taken for 0. For sentinels it begins with the service."""
_SENTINEL_PORT = 26_379
_OF_TLS = ("ssl_ca_certs", "ssl_ca_path", "ssl_certfile", "ssl_keyfile", "ssl_password")
"""Parameters of a URL of sentinels that hold for them and for the servers."""
_SINGLE = ("", "standalone")


class RefusedError(redis.ConnectionError):
    """Redis answers, and refuses: its memory or disk is full, it loads, it is a replica ….

    It passes, as that Redis is away does.
    """


def is_away(error: BaseException) -> bool:
    """Whether Redis does not answer, or refuses what it would do at another time."""
    if isinstance(error, redis.OutOfMemoryError | redis.ReadOnlyError):
        return True
    if isinstance(error, redis.ResponseError):
        return bool(_REFUSALS.search(str(error)))
    return isinstance(error, redis.ConnectionError | redis.TimeoutError)


class _SocketConnection(redis.UnixDomainSocketConnection):
    """Over a Unix socket. redis-py 8 counts errors by port, and raises AttributeError without."""

    port = None


class _Following(SentinelManagedConnection):
    """Asks the sentinels each time it connects.

    That of redis-py 8 goes back to the server that it had when a command is tried again.
    """

    def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        if not self._sock:
            self.host, self.port = self.connection_pool.get_master_address()
        super().connect_check_health(*args, **kwargs)


class _FollowingByTls(_Following, SentinelManagedSSLConnection):
    """The same with TLS."""


class _Sentinels(Sentinel):
    """Says why none of them answers: redis-py 8 has the kind of the error alone."""

    def discover_master(self, service_name: str) -> Any:
        try:
            return super().discover_master(service_name)  # type: ignore[no-untyped-call]
        except MasterNotFoundError as error:
            self.sentinels[0].ping()  # it raises what is the matter
            raise MasterNotFoundError(
                f"the sentinels know no primary that is up by the name {service_name}"
            ) from error


class Patience(Retry):
    """Tries a command again while Redis is away, and while it refuses."""

    def call_with_retry(
        self,
        do: Callable[[], Any],
        fail: Callable[..., Any],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> Any:
        """As redis-py's; a refusal is RefusedError. What lasts is logged now and then."""
        begun = time.monotonic()
        logged = begun - _SECONDS_BETWEEN_LOGS + _SECONDS_UNTIL_LOGGED

        def attempt() -> Any:
            try:
                return do()
            except redis.ResponseError as error:
                if is_away(error):
                    raise RefusedError(f"refuses: {error}") from error
                raise

        def failed(error: Exception, *count: int) -> None:
            nonlocal logged
            if time.monotonic() - logged > _SECONDS_BETWEEN_LOGS:
                logged = time.monotonic()
                log.warning("Redis is waited for, since %.0f s: %s", logged - begun, error)
            fail(error, *count)
            limit = getattr(_own, "limit", None)
            if limit is not None and time.monotonic() - begun >= limit:
                raise error

        return super().call_with_retry(attempt, failed, is_retryable, with_failure_count)


def _patience(tries: int) -> Patience:
    """So many more tries, a second apart but the first ones; -1: without end."""
    return Patience(ExponentialBackoff(cap=1, base=0.05), tries)


JOB_PATIENCE = 60.0
"""Seconds that a command of a job waits: then the job goes back to its queue."""
_STEADY = 6
"""Tries. A server that restarts is back within two seconds or so."""


def endure(client: redis.Redis, seconds: int = -1) -> None:
    """Have every command wait about so long for a server that is away; -1: until it is back.

    What a worker has done must not be lost however long that takes.
    """
    client.set_retry(_patience(seconds))


def lose_patience() -> None:
    """Have the commands of this thread, also one that waits, give up at the next refusal."""
    _own.limit = 0.0


@contextmanager
def impatient(seconds: float | None) -> Iterator[None]:
    """Have the commands of this thread wait no longer than that; None: as long as they may.

    So a job ends before its time is over, and who has other things to do goes on.
    """
    before = getattr(_own, "limit", None)
    _own.limit = seconds
    try:
        yield
    finally:
        _own.limit = before


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
            endure(client, _STEADY)
            note_answer()
            return client


def _client() -> redis.Redis:
    try:
        settings.check_redis_prefix()
        if shown_url() == UNREADABLE or not _PATH.match(redis_url()):
            raise _bad_url()
        options: dict[str, Any] = {
            "socket_connect_timeout": 5,
            "socket_timeout": 10,  # an RQ worker raises it to what its blocking commands need
            "health_check_interval": 30,
            "retry": Patience(NoBackoff(), 0),
        }
        if "+sentinel:" in redis_url():
            return _of_sentinels(options)
        if redis_url().startswith("unix:"):
            options["connection_class"] = _SocketConnection
        return redis.Redis.from_url(redis_url(), **options)
    except SettingError as error:
        raise BadInputError(str(error)) from error
    except (ValueError, TypeError):
        raise _bad_url() from None  # its text quotes parts of the URL


def _of_sentinels(options: dict[str, Any]) -> redis.Redis:
    """A client of whichever server the sentinels of FLEET_REDIS_URL say is the primary now.

    Each new connection asks them; one to a server that is a replica by then is given up.
    """
    parts = urlsplit(redis_url())
    user, _, hosts = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    addresses = [
        each.rpartition(":") if ":" in each else (each, "", "") for each in hosts.split(",")
    ]
    service, _, number = parts.path.strip("/").partition("/")
    given = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    of_sentinel = {each: given.pop(f"sentinel_{each}", None) for each in ("username", "password")}
    is_tls = parts.scheme.startswith("rediss")
    of_tls = {each: given.pop(each) for each in _OF_TLS if is_tls and each in given}
    if given:
        raise _bad_url()
    tls = {"ssl": True, **of_tls} if is_tls else {}
    limits = {each: options[each] for each in ("socket_connect_timeout", "socket_timeout")}
    sentinel = _Sentinels(  # type: ignore[no-untyped-call]
        [(host, int(port or _SENTINEL_PORT)) for host, _, port in addresses],
        sentinel_kwargs={**limits, **tls, **of_sentinel},
    )
    client: redis.Redis = sentinel.master_for(  # type: ignore[no-untyped-call]
        service,
        db=int(number or 0),
        username=unquote(name) or None,
        password=unquote(password) or None,
        connection_class=_FollowingByTls if is_tls else _Following,
        **of_tls,
        **options,
    )
    return client


def _bad_url() -> RedisUnreachableError:
    return RedisUnreachableError(
        f"FLEET_REDIS_URL is {shown_url()!r}, of which this program can make nothing — write "
        "redis://:PASSWORD@HOST:PORT/NUMBER, rediss://… or unix:///PATH, or for sentinels "
        "redis+sentinel://:PASSWORD@HOST:PORT,HOST:PORT/SERVICE/NUMBER, and in a password %40 "
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
    said = {_text(name): value for name, value in pairs}
    return _text(said.get("mode", b""))


def _text(raw: bytes | str) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw


def _unreachable(error: RedisError) -> RedisUnreachableError:
    reason = "does not answer"
    if isinstance(error, BusyLoadingError):
        reason = "is still loading its data"
    elif isinstance(error, RefusedError):
        reason = "answers, and cannot work"
    remedy = "run `fleet up`" if is_embedded() else "check FLEET_REDIS_URL and that the server runs"
    text = without_secrets(str(error), redis_url())
    detail = text.splitlines()[0] if text else type(error).__name__
    return RedisUnreachableError(f"Redis at {shown_url()} {reason}: {detail} — {remedy}")
