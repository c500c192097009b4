"""The providers that the user turned on, as clients for pictures and for facts.

A provider of `db.settings.providers` is the module of its name in this package. Its function
`pictures`, `facts` or both, by what the provider offers, make what is asked from `Callers`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import redis

from db.settings import provider_settings
from db.settings.providers import Offers, provider
from jobs.providers.acoustid import AcoustId
from jobs.providers.caller import Callers
from jobs.providers.musicbrainz import MusicBrainz
from jobs.providers.provider import FactProvider, PictureProvider


@dataclass(frozen=True)
class FactSources:
    """Whom to ask for facts."""

    musicbrainz: MusicBrainz | None
    acoustid: AcoustId | None
    others: list[FactProvider]
    """In the order of asking."""


@contextmanager
def opened(connection: redis.Redis) -> Iterator[list[PictureProvider]]:
    """The providers of pictures that are on, in the order of asking; closed afterwards.

    `connection` leads to the Redis in which turns are kept. Raises SettingError.
    """
    names = _turned_on(Offers.PICTURES)
    with Callers(connection) as callers:
        yield [_module(name).pictures(callers) for name in names]


@contextmanager
def opened_for_facts(connection: redis.Redis) -> Iterator[FactSources]:
    """Those that are on and have facts; otherwise as `opened`."""
    names = _turned_on(Offers.FACTS)
    with Callers(connection) as callers:
        made = {name: _module(name).facts(callers) for name in names}
        musicbrainz, acoustid = made.pop("musicbrainz", None), made.pop("acoustid", None)
        yield FactSources(musicbrainz, acoustid, list(made.values()))


def _turned_on(offers: Offers) -> list[str]:
    return [name for name in provider_settings.turned_on() if provider(name).offers & offers]


def _module(name: str) -> Any:
    return import_module(f"jobs.providers.{name}")
