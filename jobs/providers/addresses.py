"""To which addresses a connection may be made: public ones, and none of the owner's network.

A provider's answer, or a redirect, may name any host. Without this, such a name could have the
fleet ask the owner's router, a cloud's metadata service or the fleet's own Redis.
"""

import ipaddress
import socket

from jobs.providers.errors import BadDownloadError, StumbledError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last four bytes are an IPv4 address, which a gateway connects to."""
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
