"""The providers that the owner turned on, ready to be asked."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import redis

from db import provider_settings
from jobs.providers.caller import Caller
from jobs.providers.coverartarchive import CoverArtArchive
from jobs.providers.deezer import Deezer
from jobs.providers.fanarttv import FanartTv
from jobs.providers.lastfm import LastFm
from jobs.providers.musicbrainz import MusicBrainz
from jobs.providers.provider import Provider
from jobs.providers.services import SERVICES
from jobs.providers.theaudiodb import TheAudioDb
from jobs.providers.web import Web
from jobs.providers.wikidata import Wikidata

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
"""How each of `db.provider_settings.PROVIDERS` is made."""


@contextmanager
def opened(connection: redis.Redis) -> Iterator[list[Provider]]:
    """The providers that are on, in the order of asking; their connections are closed afterwards.

    `connection` leads to the Redis in which turns are kept. Raises SettingError.
    """
    names = provider_settings.turned_on()
    with ExitStack() as stack:
        call = _callers(connection, stack)
        yield [PROVIDERS[name](call) for name in names]


def _callers(connection: redis.Redis, stack: ExitStack) -> Call:
    other_urls = provider_settings.other_urls(SERVICES)
    contact = provider_settings.contact()

    def call(name: str) -> Caller:
        other_url = other_urls.get(name)
        service = SERVICES[name]
        web = stack.enter_context(Web(contact, own_url=other_url))
        return Caller(service._replace(url=other_url) if other_url else service, web, connection)

    return call
