"""The address of the web UI by the settings, and the URL of the running one."""

import ipaddress
import os
import re
import socket
from typing import NamedTuple

from db import settings
from db.settings.declarations import SETTINGS
from worker.errors import BadInputError
from worker.host.process_files import StateFile
from worker.supervisor.rpc import processes

STATE_FILE = StateFile("web")
"""Holds the URL, empty as long as it cannot listen, and why it cannot."""
_OFF = "off"
_HOST = re.compile(r"[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\]")
_MOST = 65_535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a text is: without a zone, and an IPv4 one that is written as IPv6 as IPv4.

    None when it is none.
    """
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. A name other than localhost counts as open."""
    address = plain_address(host)
    return host == "localhost" if address is None else address.is_loopback


class WebAddress(NamedTuple):
    """A host and a port to listen on; port 0 is any that is free."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def text(self) -> str:
        """As FLEET_WEB has it."""
        return f"{self._in_url(self.host)}:{self.port}"

    @property
    def url(self) -> str:
        """Where a browser finds it."""
        address = plain_address(self.host)
        is_anywhere = address is not None and address.is_unspecified
        host = socket.gethostname() if is_anywhere else self.host
        return f"http://{self._in_url(host)}:{self.port}/"

    @staticmethod
    def _in_url(host: str) -> str:
        return f"[{host}]" if ":" in host else host


class Page(NamedTuple):
    """The process of a page, and where a browser finds it."""

    pid: int
    url: str
    """Empty as long as it cannot listen."""
    fault: str = ""
    """Why it cannot."""


def configured() -> WebAddress | None:
    """The address of FLEET_WEB; None when the web UI is off.

    Raises BadInputError for what is no address, for one that others can reach when there is no
    password, and for proxies that are none.
    """
    trusted_proxies()
    text = settings.value("FLEET_WEB")
    if text == _OFF:
        return None
    address = parsed(text)
    refuse_open(address)
    return address


def trusted_proxies() -> tuple[Network, ...]:
    """The proxies that are believed: FLEET_WEB_TRUSTED_PROXIES. Raises BadInputError."""
    given = os.environ.get("FLEET_WEB_TRUSTED_PROXIES", "")
    try:
        return tuple(ipaddress.ip_network(each) for each in given.replace(",", " ").split())
    except ValueError as error:
        raise BadInputError(
            f"FLEET_WEB_TRUSTED_PROXIES is {given!r}: {error} — "
            "write addresses or networks, such as 127.0.0.1, 10.0.0.0/8"
        ) from error


def default() -> WebAddress:
    """Where the web UI listens when FLEET_WEB is unset."""
    setting = next(each for each in SETTINGS if each.name == "FLEET_WEB")
    return parsed(setting.default)


def parsed(text: str) -> WebAddress:
    """The address that is written HOST:PORT. Raises BadInputError."""
    host, _, port = text.strip().rpartition(":")
    is_port = port.isascii() and port.isdecimal() and int(port[:6]) <= _MOST
    if not is_port or not _HOST.fullmatch(host):
        raise BadInputError(
            f"FLEET_WEB is {text!r}, which is no address — "
            "write HOST:PORT, such as 127.0.0.1:8310 or [::1]:8310, or off"
        )
    return WebAddress(host.strip("[]"), int(port))


def refuse_open(address: WebAddress) -> None:
    """Raise BadInputError for an address that others can reach, unless there is a password."""
    if not address.is_loopback and not password():
        raise BadInputError(
            f"FLEET_WEB is {address.text}, which others can reach, and FLEET_WEB_PASSWORD is "
            "not set — set a password, or listen on 127.0.0.1"
        )


def password() -> str:
    """FLEET_WEB_PASSWORD; empty when there is none."""
    return os.environ.get("FLEET_WEB_PASSWORD", "")


OPEN_TO_USERS = (
    "Every user of this machine has access to the web UI; with FLEET_WEB_PASSWORD it asks for a "
    "password."
)
"""What whoever runs it without a password has to know."""


def published() -> Page | None:
    """What the web UI of this data folder published last. It may have been killed since."""
    pid, state = STATE_FILE.read()
    try:
        return Page(pid, *state)
    except TypeError:
        return None


def running() -> Page | None:
    """What the web UI of the running fleet has published; None when there is none."""
    page = published()
    is_alive = page is not None and any(each.pid == page.pid for each in processes())
    return page if is_alive else None
