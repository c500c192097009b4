"""Connections that are made to the very address that was checked, and end in time.

httpx asks for a host by name and would resolve it itself. Here a name is resolved once and the
connection made to the address that was looked at, so a name that changes its address in between
(DNS rebinding) gains nothing. TLS still checks the certificate against the name.
"""

import math
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from jobs.providers.addresses import public, resolve

HostAndPort = tuple[str, int]


class Clock:
    """When all that belongs to one request must be over."""

    def __init__(self) -> None:
        self._ends = math.inf

    def start(self, seconds: float) -> None:
        """From now on there are so many seconds left."""
        self._ends = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float | None:
        """The timeout of a step, or what is left when that is less. Raises ReadTimeout."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer takes too long")
        if timeout is None:
            return left if left != math.inf else None
        return min(timeout, left)


class GuardedBackend(httpcore.NetworkBackend):
    """Connects to public addresses, and to `own`, which the owner has named."""

    def __init__(self, own: frozenset[HostAndPort], clock: Clock) -> None:
        self._own = own
        self._clock = clock
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Try the allowed addresses of the host in turn. Raises BadDownloadError, StumbledError."""
        addresses = resolve(host.strip("[]"))
        if (host, port) not in self._own:
            addresses = public(host, addresses)
        failure: Exception | None = None
        for address in addresses:
            try:
                stream = self._sockets.connect_tcp(
                    str(address), port, self._clock.left(timeout), local_address, socket_options
                )
                return _TimedStream(stream, self._clock)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        """Wait; httpcore does so between connection attempts of its own."""
        self._sockets.sleep(seconds)


class _TimedStream(httpcore.NetworkStream):
    """A stream on which no step goes on when the clock has run out."""

    def __init__(self, stream: httpcore.NetworkStream, clock: Clock) -> None:
        self._stream = stream
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._clock.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._clock.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._clock.left(timeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class GuardedTransport(httpx.BaseTransport):
    """Carries httpx's requests over guarded connections. httpcore's own errors pass through.

    httpx's HTTPTransport has no argument for the backend; that of httpcore's pool is public.
    """

    def __init__(self, own: frozenset[HostAndPort], clock: Clock) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            max_connections=4,
            keepalive_expiry=5.0,
            network_backend=GuardedBackend(own, clock),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request, and return the response with its body unread."""
        url = request.url
        response = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response.stream)
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    """The stream of httpcore as httpx wants it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.close()
