"""Which providers on the web are asked for what is not on disk: none, until the owner says so.

FLEET_PROVIDERS       their names, in the order of asking
FLEET_CONTACT         goes into the User-Agent; some providers demand it
FLEET_…_KEY           of those that give keys
FLEET_PROVIDER_URLS   other places than their own where services are to be found
FLEET_PROVIDER_PACES  how often services at such other places may be asked
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
    pictures: bool = True
    """Whether it has pictures."""
    facts: bool = False
    """Whether it says what tags lack."""


PROVIDERS = (
    KnownProvider("coverartarchive", contact=True),
    KnownProvider("deezer"),
    KnownProvider("wikidata", contact=True),
    KnownProvider("theaudiodb", key="FLEET_THEAUDIODB_KEY", free_key="123"),
    KnownProvider("fanarttv", key="FLEET_FANARTTV_KEY"),
    KnownProvider("lastfm", key="FLEET_LASTFM_KEY", facts=True),
    KnownProvider("musicbrainz", contact=True, pictures=False, facts=True),
    KnownProvider("acoustid", key="FLEET_ACOUSTID_KEY", pictures=False, facts=True),
    KnownProvider("listenbrainz", contact=True, pictures=False, facts=True),
    KnownProvider("wikipedia", contact=True, pictures=False, facts=True),
)
NAMES = tuple(provider.name for provider in PROVIDERS)
_LONGEST_INTERVAL = 60.0


def any_on() -> bool:
    """Whether the owner has turned on any provider of pictures; a misspelt one counts as such."""
    without = {provider.name for provider in PROVIDERS if not provider.pictures}
    return any(name not in without for name in _listed("FLEET_PROVIDERS"))


def any_with_facts() -> bool:
    """Whether the owner has turned on any provider of facts."""
    having = {provider.name for provider in PROVIDERS if provider.facts}
    return any(name in having for name in _listed("FLEET_PROVIDERS"))


def turned_on() -> list[str]:
    """The providers to ask, in order. Raises SettingError."""
    names = list(dict.fromkeys(_listed("FLEET_PROVIDERS")))
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


def other_intervals(urls: Mapping[str, str]) -> Mapping[str, float]:
    """Seconds between two requests, of those services that FLEET_PROVIDER_PACES names.

    Only of the owner's own, which are among `urls`: what others allow is theirs to say. Raises
    SettingError.
    """
    intervals: dict[str, float] = {}
    for part in _listed("FLEET_PROVIDER_PACES"):
        name, _, text = (each.strip() for each in part.partition("="))
        if name not in urls:
            raise SettingError(
                f"FLEET_PROVIDER_PACES names {name!r}, which FLEET_PROVIDER_URLS does not — "
                "how often others may be asked is theirs to say; leave it out"
            )
        try:
            intervals[name] = float(text)
        except ValueError:
            intervals[name] = -1.0
        if not 0 <= intervals[name] <= _LONGEST_INTERVAL:
            raise SettingError(
                f"FLEET_PROVIDER_PACES gives {text!r} for {name} — "
                f"write NAME=SECONDS between two requests, from 0 to {_LONGEST_INTERVAL:.0f}"
            )
    return intervals


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
    names = [part.strip() for part in parts if part.strip()]
    return [each.lower() for each in names] if name == "FLEET_PROVIDERS" else names


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, n=1)
    question = f"did you mean {near[0]}? " if near else ""
    return f"{question}Known are: {', '.join(names)}"
