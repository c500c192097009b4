"""Which of `db.settings.providers` are turned on: none, until the user names some.

FLEET_PROVIDERS       their names, in the order of asking
FLEET_CONTACT         goes into the User-Agent; some providers demand it
FLEET_…_KEY           of those that give keys
FLEET_PROVIDER_URLS   other places than their own where services are to be found
FLEET_PROVIDER_PACES  how often services at such other places may be asked
"""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from urllib.parse import urlsplit

from db.errors import SettingError
from db.settings.providers import NAMES, PROVIDERS, SERVICES, Offers, Provider, offering, provider
from db.settings.urls import shown

_LONGEST_INTERVAL = 60.0


def any_on() -> bool:
    """Whether the user has turned on any provider of pictures; a misspelt one counts as such."""
    without = {each.name for each in PROVIDERS if not each.offers & Offers.PICTURES}
    return any(name not in without for name in _listed("FLEET_PROVIDERS"))


def any_with_facts() -> bool:
    """Whether the user has turned on any provider of facts."""
    return not set(offering(Offers.FACTS)).isdisjoint(_listed("FLEET_PROVIDERS"))


def check() -> None:
    """Raise SettingError when one of the settings has a fault."""
    turned_on()
    contact()
    other_intervals(other_urls())


def named_providers() -> list[str]:
    """What FLEET_PROVIDERS names, whether it can be asked or not."""
    return list(_listed("FLEET_PROVIDERS"))


def turned_on() -> list[str]:
    """The providers to ask, in order. Raises SettingError."""
    names = list(dict.fromkeys(_listed("FLEET_PROVIDERS")))
    for name in names:
        if name not in NAMES:
            raise SettingError(
                f"FLEET_PROVIDERS names {name!r}, which is no provider — {_near(name, NAMES)}"
            )
    for each in PROVIDERS:
        if each.name in names:
            _check_needs(each)
    return names


def key(name: str) -> str:
    """The key for this provider, which has one. Raises SettingError."""
    known = provider(name).key
    if known is None:
        raise ValueError(f"{name} has no key")
    given = os.environ.get(known.setting, "").strip() or known.free
    if not given:
        raise SettingError(
            f"FLEET_PROVIDERS names {name}, which needs a key — "
            f"set {known.setting}, or leave {name} out"
        )
    if not (given.isascii() and given.isalnum()):
        raise SettingError(f"{known.setting} is no key: letters and digits are expected")
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


def other_urls() -> Mapping[str, str]:
    """Where to find those of the services that FLEET_PROVIDER_URLS names. Raises SettingError."""
    urls: dict[str, str] = {}
    known = sorted(SERVICES)
    for part in _listed("FLEET_PROVIDER_URLS"):
        name, _, url = (each.strip() for each in part.partition("="))
        if name not in known:
            raise SettingError(
                f"FLEET_PROVIDER_URLS names {name!r}, which is no service — {_near(name, known)}"
            )
        if not is_base_url(url):
            raise SettingError(
                f"FLEET_PROVIDER_URLS gives {shown(url)!r} for {name} — "
                "write NAME=http://HOST:PORT/PATH, without a query or a password"
            )
        urls[name] = url.rstrip("/")
    return urls


def other_intervals(urls: Mapping[str, str]) -> Mapping[str, float]:
    """Seconds between two requests, of those services that FLEET_PROVIDER_PACES names.

    Only of servers of the user's own, which are among `urls`: public ones set their own limits.
    Raises SettingError.
    """
    intervals: dict[str, float] = {}
    for part in _listed("FLEET_PROVIDER_PACES"):
        name, _, text = (each.strip() for each in part.partition("="))
        if name not in urls:
            raise SettingError(
                f"FLEET_PROVIDER_PACES names {name!r}, which FLEET_PROVIDER_URLS does not — public "
                "services set their own rate limits; leave it out"
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


def _check_needs(named: Provider) -> None:
    if named.needs_contact and contact() is None:
        raise SettingError(
            f"FLEET_PROVIDERS names {named.name}, which demands a contact — set FLEET_CONTACT to a "
            f"mail address or URL, or leave {named.name} out"
        )
    if named.key:
        key(named.name)


def is_base_url(url: str) -> bool:
    """Whether this is the address of a server, http or https, without a query or a password."""
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
