"""Which providers on the web are asked for what is not on disk: none, until the owner says so.

FLEET_PROVIDERS       their names, in the order of asking
FLEET_CONTACT         goes into the User-Agent; some providers demand it
FLEET_…_KEY           of those that give keys
FLEET_PROVIDER_URLS   other places than their own where services are to be found
"""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import NamedTuple
from urllib.parse import urlsplit

from db.errors import SettingError


class KnownProvider(NamedTuple):
    """A provider, and which settings it cannot do without."""

    name: str
    contact: bool = False
    """Whether its rules demand to be told who asks."""
    key: str | None = None
    """The setting with the key that it gives to those who ask for one."""
    free_key: str | None = None
    """The key that anybody may use."""


PROVIDERS = (
    KnownProvider("coverartarchive", contact=True),
    KnownProvider("deezer"),
    KnownProvider("wikidata", contact=True),
    KnownProvider("theaudiodb", key="FLEET_THEAUDIODB_KEY", free_key="123"),
    KnownProvider("fanarttv", key="FLEET_FANARTTV_KEY"),
    KnownProvider("lastfm", key="FLEET_LASTFM_KEY"),
)
NAMES = tuple(provider.name for provider in PROVIDERS)


def any_on() -> bool:
    """Whether the owner has turned on any provider, rightly or wrongly spelt."""
    return bool(_listed("FLEET_PROVIDERS"))


def turned_on() -> list[str]:
    """The providers to ask, in order. Raises SettingError."""
    names = list(dict.fromkeys(each.lower() for each in _listed("FLEET_PROVIDERS")))
    for name in names:
        if name not in NAMES:
            raise SettingError(
                f"FLEET_PROVIDERS names {name!r}, which is no provider — {_near(name, NAMES)}"
            )
    for provider in PROVIDERS:
        if provider.name in names:
            _check(provider)
    return names


def key(name: str) -> str:
    """The key for this provider, which has one. Raises SettingError."""
    provider = PROVIDERS[NAMES.index(name)]
    given = os.environ.get(provider.key or "", "").strip() or provider.free_key
    if not given:
        raise SettingError(
            f"FLEET_PROVIDERS names {name}, which needs a key — "
            f"set {provider.key}, or leave {name} out"
        )
    if not (given.isascii() and given.isalnum()):
        raise SettingError(f"{provider.key} is no key: letters and digits are expected")
    return given


def contact() -> str | None:
    """Whom a provider may write to. Raises SettingError for what is no address."""
    given = os.environ.get("FLEET_CONTACT", "").strip()
    if not given:
        return None
    is_url = given.startswith(("https://", "http://"))
    plain = given.isascii() and given.isprintable() and not set(given) & set(" ()\\")
    if not plain or not (is_url or "@" in given[1:-1]):
        raise SettingError(
            f"FLEET_CONTACT is {given!r} — write a mail address, or a URL that begins with https://"
        )
    return given


def other_urls(services: Iterable[str]) -> Mapping[str, str]:
    """Where to find those of the services that FLEET_PROVIDER_URLS names.

    Raises SettingError.
    """
    urls: dict[str, str] = {}
    known = sorted(services)
    for part in _listed("FLEET_PROVIDER_URLS"):
        name, _, url = (each.strip() for each in part.partition("="))
        if name not in known:
            raise SettingError(
                f"FLEET_PROVIDER_URLS names {name!r}, which is no service — {_near(name, known)}"
            )
        if not _is_base_url(url):
            raise SettingError(
                f"FLEET_PROVIDER_URLS gives {url!r} for {name} — "
                "write NAME=http://HOST:PORT/PATH, without a query or a password"
            )
        urls[name] = url.rstrip("/")
    return urls


def _check(provider: KnownProvider) -> None:
    if provider.contact and contact() is None:
        raise SettingError(
            f"FLEET_PROVIDERS names {provider.name}, which wants to know who asks — "
            f"set FLEET_CONTACT to a mail address or URL, or leave {provider.name} out"
        )
    if provider.key:
        key(provider.name)


def _is_base_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or parts.username)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port_is_valid and is_plain


def _listed(name: str) -> list[str]:
    parts = os.environ.get(name, "").split(",")
    return [part.strip() for part in parts if part.strip()]


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, n=1)
    question = f"did you mean {near[0]}? " if near else ""
    return f"{question}Known are: {', '.join(names)}"
