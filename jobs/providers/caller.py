"""Requests to a service: within its rate limit, with a circuit breaker and retries."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

import httpx2
import redis
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from db.settings import provider_settings
from db.settings.providers import SERVICES, Service
from jobs.providers.errors import (
    BadDownloadError,
    NothingThereError,
    RefusedError,
    StumbledError,
)
from jobs.providers.limits import Breaker, Pace
from jobs.providers.web import FAILURE_STATUSES, Answer, Content, Web

DOWNLOAD_INTERVAL = 0.2
"""Seconds between two pictures of one service. They lie on other servers than the API."""
MOST_JSON = 4 * 1024 * 1024
"""Bytes. The largest answers that are known have some hundred KiB."""
MOST_OWN = 16 * 1024 * 1024
"""Bytes of an answer of a server of the user's own: a page of songs may have some MiB."""
_NOTHING_THERE = {204, 400, 404, 410, 414, 422}
"""Not found, or a question that it cannot make anything of: an odd name, say."""

_REFUSALS = {401, 403}

_NO_JSON = object()

T = TypeVar("T")


class Patience(NamedTuple):
    """How a request that stumbles is tried again."""

    attempts: int = 3
    wait: float = 1.0
    """Seconds: the first wait is up to so long, each further one up to twice as long."""
    most: float = 20.0


PATIENCE = Patience()


class Caller:
    """Asks one service."""

    def __init__(
        self,
        service: Service,
        web: Web,
        connection: redis.Redis,
        patience: Patience = PATIENCE,
        breaker: Breaker | None = None,
    ) -> None:
        """`service.url` is where it is asked; `connection` leads to the Redis of the fleet."""
        self.name = service.name
        self._url = service.url
        self._web = web
        self._breaker = breaker or Breaker(connection, service.name)
        self._turns = Pace(connection, service.name, service.interval)
        self._download_turns = Pace(connection, f"{service.name}:pictures", DOWNLOAD_INTERVAL)
        self._patience = patience

    def json(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        check: Callable[[Any], None] | None = None,
    ) -> Any:
        """What the service answers under this path, or None when it has nothing.

        `check` examines every JSON body, whatever the status, and raises one of the errors of
        `jobs.providers.errors` for an error in it. Raises UnavailableError, or
        RefusedError.
        """

        def ask() -> Any:
            try:
                answer = self._web.get(f"{self._url}{path}", MOST_JSON, params, headers)
            except BadDownloadError as error:
                raise StumbledError(f"{self.name}: {error}") from error
            return self._understood(answer, check)

        try:
            return self._call(ask, self._turns)
        except NothingThereError:
            return None

    def send(
        self,
        method: str,
        path: str,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        once: bool = False,
    ) -> Answer:
        """The answer of a server of the user's own under this path, which may end in a query.

        Its status is none of a failure or refusal; of 404, say, the caller makes what it means.
        `once`: it is not tried again, for it may have been done although no answer came. Raises
        UnavailableError; and RefusedError also for an answer that is too large.
        """

        def ask() -> Answer:
            try:
                answer = self._web.send(method, f"{self._url}{path}", MOST_OWN, content, headers)
            except BadDownloadError as error:
                raise RefusedError(f"{self.name}: {error}") from error
            self._check_status(answer)
            if answer.status in _REFUSALS:
                raise RefusedError(
                    f"{self.name} answers {answer.status} — check the user and the password or key"
                )
            return answer

        return self._once(ask, self._turns) if once else self._call(ask, self._turns)

    def download(self, url: str, most: int) -> bytes:
        """The bytes at a URL that the service named, at most so many.

        Raises UnavailableError, or BadDownloadError when nothing is to be had there.
        """

        def ask() -> bytes:
            answer = self._web.get(self._secured(url), most)
            self._check_status(answer)
            if answer.status != httpx2.codes.OK:
                raise BadDownloadError(f"{answer.host} answers {answer.status} to {url}")
            return answer.body

        return self._call(ask, self._download_turns)

    def _secured(self, url: str) -> str:
        """The URL by TLS, where the service itself is asked that way and calls it http."""
        own = httpx2.URL(self._url)
        plain = f"http://{own.host}/"
        if own.scheme == "https" and url.startswith(plain):
            return f"https://{own.host}/{url.removeprefix(plain)}"
        return url

    def _call(self, ask: Callable[[], T], turns: Pace) -> T:
        retrying = Retrying(
            stop=stop_after_attempt(self._patience.attempts),
            wait=wait_random_exponential(self._patience.wait, self._patience.most),
            retry=retry_if_exception_type(StumbledError),
            reraise=True,
        )
        result: T = retrying(self._once, ask, turns)
        return result

    def _once(self, ask: Callable[[], T], turns: Pace) -> T:
        with turns.turn():
            self._breaker.admit()
            try:
                result = ask()
            except StumbledError as error:
                self._breaker.failed()
                if error.retry_after is not None:
                    turns.rest(error.retry_after)
                raise
            except RefusedError:
                self._breaker.failed()
                raise
            except (BadDownloadError, NothingThereError):
                self._breaker.succeeded()
                raise
            self._breaker.succeeded()
            return result

    def _understood(self, answer: Answer, check: Callable[[Any], None] | None) -> Any:
        """The JSON of an answer that is one."""
        self._check_status(answer)
        body = _parsed(answer.body)
        if check is not None:
            check(body)
        if answer.status in _NOTHING_THERE:
            raise NothingThereError(f"{self.name} answers {answer.status}")
        if answer.status != httpx2.codes.OK:
            raise RefusedError(
                f"{self.name} answers {answer.status} — check its key and FLEET_CONTACT"
            )
        if body is _NO_JSON:
            raise StumbledError(f"{self.name} answers with something that is no JSON")
        return body

    def _check_status(self, answer: Answer) -> None:
        if answer.status in FAILURE_STATUSES:
            raise StumbledError(
                f"{self.name}: {answer.host} answers {answer.status}", retry_after(answer.headers)
            )


class Callers:
    """The callers of the services of `db.settings.providers`, closed together."""

    def __init__(self, connection: redis.Redis) -> None:
        """`connection` leads to the Redis in which turns are kept. Raises SettingError."""
        self._connection = connection
        self._urls = provider_settings.other_urls()
        self._intervals = provider_settings.other_intervals(self._urls)
        self._contact = provider_settings.contact()
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def of(self, name: str) -> Caller:
        """A new caller of the service of this name, at the user's URL if there is one."""
        service, own_url = SERVICES[name], self._urls.get(name)
        if own_url is not None:
            interval = self._intervals.get(name, service.interval)
            service = service._replace(url=own_url, interval=interval)
        web = self._opened.enter_context(Web(self._contact, own_url=own_url))
        return Caller(service, web, self._connection)


def _parsed(body: bytes) -> Any:
    """The value of a JSON text; _NO_JSON for another."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NO_JSON


def retry_after(headers: httpx2.Headers) -> float | None:
    """For how many seconds the server wants to be left alone; None when it does not say.

    A moment is counted from the server's own Date, where it gives one, for clocks differ.
    """
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    moment = _moment(text)
    if moment is None:
        return None
    now = _moment(headers.get("date", "")) or time.time()
    return max(0.0, moment - now)


def _moment(text: str) -> float | None:
    """An HTTP date as seconds since the epoch."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
