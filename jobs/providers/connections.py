"""Connections to public addresses, made to the very address that was checked, which end in time.

A provider's answer, or a redirect, may name any host. Without this, such a name could have the
fleet ask the owner's router, a cloud's metadata service or the fleet's own Redis. httpx2 would
resolve a host name itself. Here a name is resolved once and the connection made to the address that
was checked, so a name that changes its address in between (DNS rebinding) gains nothing. TLS still
checks the certificate against the name.
"""

import ipaddress
import math
import os
import socket
import ssl
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpcore2
import httpx2

from jobs.providers.errors import BadDownloadError, StumbledError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
HostAndPort = tuple[str, int]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address, which a gateway connects to."""
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All of IPv6 that is given to networks of the open internet."""
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # protocol assignments; a metadata service of Oracle's is there
            "192.88.99.0/24",  # relays of 6to4
            "168.63.129.16/32",  # public by its number, yet the host of every Azure machine
            "64:ff9b:1::/48",  # NAT64 of one's own network
            "2001::/23",  # protocol assignments, Teredo
            "3fff::/20",  # documentation
            "5f00::/16",  # segment routing
        ),
    )
)
"""What `is_global` of some Python versions takes for public, besides what it knows of."""


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
            raise httpcore2.ReadTimeout("the answer takes too long")
        if timeout is None:
            return left if left != math.inf else None
        return min(timeout, left)


class GuardedBackend(httpcore2.NetworkBackend):
    """Connects to public addresses, and to `own`, which the user has named."""

    def __init__(self, own: frozenset[HostAndPort], clock: Clock) -> None:
        self._own = own
        self._clock = clock
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
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
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore2.ConnectError(f"{host} has no address")

    def sleep(self, seconds: float) -> None:
        """Wait; httpcore2 does so between connection attempts of its own."""
        self._sockets.sleep(seconds)


class _TimedStream(httpcore2.NetworkStream):
    """A stream on which no step continues after the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, clock: Clock) -> None:
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
    ) -> httpcore2.NetworkStream:
        left = self._clock.left(timeout)
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, left), self._clock)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _tls(*_authorities: str | None) -> ssl.SSLContext:
    """For all connections of the process: reading the authorities' certificates takes 50 ms."""
    return httpx2.create_ssl_context()


class GuardedTransport(httpx2.BaseTransport):
    """Carries httpx2's requests over guarded connections. httpcore2's own errors pass through.

    httpx2's HTTPTransport has no argument for the backend; that of httpcore2's pool is public.
    """

    def __init__(self, own: frozenset[HostAndPort], clock: Clock) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_tls(*map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR"))),
            max_connections=4,
            keepalive_expiry=5.0,
            network_backend=GuardedBackend(own, clock),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request, and return the response with its body unread."""
        url = request.url
        response = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx2.Response(
            response.status, headers=response.headers, stream=_Body(response.stream)
        )

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    """The stream of httpcore2 as httpx2 wants it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Any:
        return iter(self._stream)

    def close(self) -> None:
        self._stream.close()


def resolve(host: str) -> list[Address]:
    """The addresses of a host name, in the order of the resolver. Raises StumbledError.

    What looks like an address in some other notation, such as 0x7f.1, becomes one here as well.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise StumbledError(f"the name {host} cannot be resolved: {error}") from error
    texts = dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found)
    return [ipaddress.ip_address(text) for text in texts]


def public(host: str, addresses: list[Address]) -> list[Address]:
    """Those of the host's addresses that are public. Raises BadDownloadError when none is."""
    allowed = [address for address in addresses if is_public(address)]
    if not allowed:
        shown = ", ".join(map(str, addresses))
        raise BadDownloadError(f"{host} is no public host ({shown}): no connection was made")
    return allowed


def is_public(address: Address) -> bool:
    """Whether this is an address on the open internet."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    return (
        address.is_global
        and (address.version == 4 or address in _UNICAST)
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_PUBLIC)
    )


def _embedded(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
