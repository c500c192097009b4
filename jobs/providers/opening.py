"""The providers that the owner turned on, ready to be asked for pictures or for facts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import redis

from db import provider_settings
from jobs.providers.acoustid import AcoustId
from jobs.providers.caller import Caller
from jobs.providers.coverartarchive import CoverArtArchive
from jobs.providers.deezer import Deezer
from jobs.providers.facts import FactProvider
from jobs.providers.fanarttv import FanartTv
from jobs.providers.lastfm import LastFm
from jobs.providers.lastfm_facts import LastFmFacts
from jobs.providers.listenbrainz import ListenBrainz
from jobs.providers.musicbrainz import MusicBrainz
from jobs.providers.provider import Provider
from jobs.providers.services import SERVICES
from jobs.providers.theaudiodb import TheAudioDb
from jobs.providers.web import Web
from jobs.providers.wikidata import Wikidata
from jobs.providers.wikipedia import Wikipedia

Call = Callable[[str], Caller]
"""Gives the caller of the service of a name."""

PROVIDERS: dict[str, Callable[[Call], Provider]] = {
    "coverartarchive": lambda call: CoverArtArchive(call("coverartarchive")),
    "deezer": lambda call: Deezer(call("deezer")),
    "wikidata": lambda call: Wikidata(
        MusicBrainz(call("musicbrainz")), call("wikidata"), call("commons")
    ),
    "theaudiodb": lambda call: TheAudioDb(call("theaudiodb"), provider_settings.key("theaudiodb")),
    "fanarttv": lambda call: FanartTv(call("fanarttv"), provider_settings.key("fanarttv")),
    "lastfm": lambda call: LastFm(call("lastfm"), provider_settings.key("lastfm")),
}
"""How those of `db.provider_settings.PROVIDERS` that have pictures are made."""

FACT_PROVIDERS: dict[str, Callable[[Call], FactProvider]] = {
    "lastfm": lambda call: LastFmFacts(call("lastfm"), provider_settings.key("lastfm")),
    "listenbrainz": lambda call: ListenBrainz(call("listenbrainz"), call("listenbrainz-labs")),
    "wikipedia": lambda call: Wikipedia(call("wikidata"), call("wikipedia")),
}
"""How those are made that know of artists who were identified."""
MUSICBRAINZ, ACOUSTID = "musicbrainz", "acoustid"


@dataclass(frozen=True)
class FactSources:
    """Whom to ask for facts."""

    musicbrainz: MusicBrainz | None
    acoustid: AcoustId | None
    others: list[FactProvider]


@contextmanager
def opened(connection: redis.Redis) -> Iterator[list[Provider]]:
    """The providers that are on, in the order of asking; their connections are closed afterwards.

    `connection` leads to the Redis in which turns are kept. Raises SettingError.
    """
    names = provider_settings.turned_on()
    with ExitStack() as stack:
        call = _callers(connection, stack)
        yield [PROVIDERS[name](call) for name in names if name in PROVIDERS]


@contextmanager
def opened_for_facts(connection: redis.Redis) -> Iterator[FactSources]:
    """Those that are on and have facts; otherwise as `opened`."""
    names = provider_settings.turned_on()
    with ExitStack() as stack:
        call = _callers(connection, stack)
        yield FactSources(
            MusicBrainz(call(MUSICBRAINZ)) if MUSICBRAINZ in names else None,
            AcoustId(call(ACOUSTID), provider_settings.key(ACOUSTID))
            if ACOUSTID in names
            else None,
            [FACT_PROVIDERS[name](call) for name in names if name in FACT_PROVIDERS],
        )


def _callers(connection: redis.Redis, stack: ExitStack) -> Call:
    other_urls = provider_settings.other_urls(SERVICES)
    intervals = provider_settings.other_intervals(other_urls)
    contact = provider_settings.contact()

    def call(name: str) -> Caller:
        other_url = other_urls.get(name)
        service = SERVICES[name]
        if other_url is not None:
            interval = intervals.get(name, service.interval)
            service = service._replace(url=other_url, interval=interval)
        web = stack.enter_context(Web(contact, own_url=other_url))
        return Caller(service, web, connection)

    return call
