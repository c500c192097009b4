"""Asking for a URL: bounded in time and size, at public hosts, redirects followed by hand."""

import json
import zlib
from collections.abc import Mapping, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

import httpcore2
import httpx2

from jobs.providers.connections import Clock, GuardedTransport, HostAndPort
from jobs.providers.errors import BadDownloadError, StumbledError

MOST_REDIRECTS = 5
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}
FAILURE_STATUSES = {429, *range(500, 600)}
"""The server cannot answer just now; what else it says does not matter, and is not read."""
_ENCODINGS = "gzip"
"""What the header Accept-Encoding says."""
_PLAIN, _GZIP = {"", "identity"}, {"gzip", "x-gzip"}
_ZLIB_GZIP = 16 + zlib.MAX_WBITS
_FAILURES = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpx2.TransportError,
)


class Timeouts(NamedTuple):
    """Seconds that a request may take."""

    connect: float = 5.0
    read: float = 10.0
    """For each piece of the answer."""
    total: float = 45.0
    """For all of it, redirects included: a server that sends a byte a second gets no further."""


TIMEOUTS = Timeouts()


class Answer(NamedTuple):
    """What a server answered, whatever the status."""

    status: int
    headers: httpx2.Headers
    body: bytes
    """Empty for a status of FAILURE_STATUSES."""
    host: str


class Content(NamedTuple):
    """What a request carries, and its media type."""

    data: bytes
    type: str

    @classmethod
    def form(cls, fields: Mapping[str, str | Sequence[str]]) -> Self:
        """Fields as a browser sends them; one with several values is there several times."""
        data = urlencode(fields, doseq=True, encoding="utf-8", errors="replace")
        return cls(data.encode(), "application/x-www-form-urlencoded")

    @classmethod
    def json(cls, value: Any) -> Self:
        """A value as JSON."""
        return cls(json.dumps(value).encode(), "application/json")


class Web:
    """A client for one service. Cookies, proxies and .netrc of the environment are left out."""

    def __init__(
        self,
        contact: str | None = None,
        own_url: str | None = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        """`own_url` is a server that the user named: it alone need not be public.

        `contact` is an address for whoever runs the servers.
        """
        self._own = _own(own_url)
        self._timeouts = timeouts
        self._clock = Clock()
        agent = f"musicfleet/{version('musicfleet')}"
        self._client = httpx2.Client(
            transport=GuardedTransport(self._own, self._clock),
            timeout=httpx2.Timeout(timeouts.read, connect=timeouts.connect),
            headers={
                "User-Agent": f"{agent} ( {contact} )" if contact else agent,
                "Accept-Encoding": _ENCODINGS,
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def get(
        self,
        url: str,
        most: int,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """What is at the URL, at most so many bytes of it.

        `headers` go to the first server alone, not where it redirects to. Raises StumbledError
        when no whole answer comes, and BadDownloadError for what is not to be taken.
        """
        self._clock.start(self._timeouts.total)
        first = self._checked(url)
        target = first.copy_merge_params(dict(params)) if params else first
        for _ in range(MOST_REDIRECTS + 1):
            given = headers if _origin(target) == _origin(first) else None
            answer = self._ask("GET", target, most, given)
            if not isinstance(answer, httpx2.URL):
                return answer
            target = answer
        raise BadDownloadError(f"{first.host} redirects more than {MOST_REDIRECTS} times")

    def send(
        self,
        method: str,
        url: str,
        most: int,
        content: Content | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer to a request of another method, such as POST, at most so many bytes of it.

        It is sent to that URL alone: where that redirects to, nothing is changed. Raises as `get`.
        """
        self._clock.start(self._timeouts.total)
        target = self._checked(url)
        answer = self._ask(method, target, most, headers, content)
        if isinstance(answer, httpx2.URL):
            place = str(answer.copy_with(query=None, fragment=None))
            raise BadDownloadError(
                f"{target.host} redirects to {place} — give that address instead"
            )
        return answer

    def _ask(
        self,
        method: str,
        url: httpx2.URL,
        most: int,
        headers: Mapping[str, str] | None,
        content: Content | None = None,
    ) -> Answer | httpx2.URL:
        """One request: its answer, or where it leads."""
        given = dict(headers or {}) | ({"Content-Type": content.type} if content else {})
        data = content.data if content else None
        try:
            with self._client.stream(method, url, headers=given, content=data) as response:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    return self._checked(response.headers["location"], url)
                failed = response.status_code in FAILURE_STATUSES
                body = b"" if failed else read_body(response, most)
                return Answer(response.status_code, response.headers, body, url.host)
        except _FAILURES as error:
            reason = str(error) or type(error).__name__
            raise StumbledError(f"{url.host} does not answer: {reason}") from error

    def _checked(self, text: str, base: httpx2.URL | None = None) -> httpx2.URL:
        """The URL, when it may be asked for. The connection checks its host."""
        try:
            url = httpx2.URL(text) if base is None else base.join(text)
        except (httpx2.InvalidURL, ValueError, TypeError) as error:
            raise BadDownloadError(f"this is no URL: {error}") from error
        if url.scheme not in _DEFAULT_PORTS or not url.host:
            raise BadDownloadError(f"only http and https are followed, not {url.scheme!r}")
        if url.userinfo:
            raise BadDownloadError(f"a URL with a user name is not followed, to {url.host}")
        _, host, port = _origin(url)
        if port != _DEFAULT_PORTS[url.scheme] and (host, port) not in self._own:
            raise BadDownloadError(f"{url.host} is named with port {port}, which is not the web's")
        return url


def _own(url: str | None) -> frozenset[HostAndPort]:
    if url is None:
        return frozenset()
    _, host, port = _origin(httpx2.URL(url))
    return frozenset({(host, port)})


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.raw_host.decode("ascii"), url.port or _DEFAULT_PORTS[url.scheme]


def read_body(response: httpx2.Response, most: int) -> bytes:
    """The body, unpacked. Raises BadDownloadError when it is larger than `most` bytes.

    And StumbledError when it is not complete, or encoded in a way that was not asked for. httpx2
    would inflate whatever comes, a chunk at a time: 64 KiB of zeros become 64 MiB. Here a
    compressed body is inflated no further than its limit.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _PLAIN | _GZIP:
        raise StumbledError(f"{response.url.host} answers in the encoding {encoding!r}")
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise _too_large(response, most)
    return _inflated(response, most) if encoding in _GZIP else _plain(response, most)


def _plain(response: httpx2.Response, most: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            raise _too_large(response, most)
    return bytes(body)


def _inflated(response: httpx2.Response, most: int) -> bytes:
    inflater = zlib.decompressobj(_ZLIB_GZIP)
    body = bytearray()
    for chunk in response.iter_raw():
        try:
            body += inflater.decompress(chunk, most + 1 - len(body))
        except zlib.error as error:
            raise StumbledError(f"{response.url.host} answers with bad gzip: {error}") from error
        if len(body) > most:
            raise _too_large(response, most)
    if not inflater.eof:
        raise StumbledError(f"the answer of {response.url.host} ends before its end")
    return bytes(body)


def _too_large(response: httpx2.Response, most: int) -> BadDownloadError:
    return BadDownloadError(f"{response.url.host} sends more than {most:,} bytes")
