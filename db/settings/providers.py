"""The providers on the web: what each offers, which settings it needs, how often it may be asked.

A new provider is an entry here and a module of its name in `jobs.providers`. Its settings, their
checks and their documentation follow from the entry.
"""

from enum import Flag, auto
from typing import NamedTuple


class Offers(Flag):
    """What a provider has."""

    ALBUM_COVERS = auto()
    ARTIST_IMAGES = auto()
    PICTURES = ALBUM_COVERS | ARTIST_IMAGES
    FACTS = auto()
    """What tags lack."""


class Service(NamedTuple):
    """A service on the web: one API, one operator, one limit."""

    name: str
    url: str
    """Where its paths begin, unless FLEET_PROVIDER_URLS names another place."""
    interval: float
    """Seconds between two requests of the whole fleet."""


class Key(NamedTuple):
    """The key that a provider gives to those who ask for one."""

    setting: str
    help: str
    free: str | None = None
    """The key that anybody may use."""

    @property
    def default(self) -> str:
        """What holds while the setting is unset."""
        return f"{self.free}, which is free for all" if self.free else "unset"


class Provider(NamedTuple):
    """A provider."""

    name: str
    """As FLEET_PROVIDERS has it, and `covers.source` and `facts.source`."""
    offers: Offers
    services: tuple[Service, ...]
    """Its own; it may ask those of another provider as well."""
    sends: str = "names of artists and titles of albums"
    """What it receives of the library."""
    needs_contact: bool = False
    """Whether its rules demand to know who asks."""
    key: Key | None = None


PROVIDERS = (
    Provider(
        "coverartarchive",
        Offers.ALBUM_COVERS,
        # "Rate limiting rules" of its documentation are empty today; 503 is what exceeds them.
        (Service("coverartarchive", "https://coverartarchive.org", 0.5),),
        needs_contact=True,
        sends="MusicBrainz ids of albums",
    ),
    Provider(
        "deezer",
        Offers.PICTURES,
        # 50 in 5 seconds.
        (Service("deezer", "https://api.deezer.com", 0.1),),
    ),
    Provider(
        "wikidata",
        Offers.ARTIST_IMAGES,
        # "One after the other" of the API etiquette, and no more than twice a second.
        (
            Service("wikidata", "https://www.wikidata.org/w", 0.5),
            Service("commons", "https://commons.wikimedia.org/w", 0.5),
        ),
        needs_contact=True,
        sends="MusicBrainz ids and names of artists",
    ),
    Provider(
        "theaudiodb",
        Offers.PICTURES,
        # 30 a minute with the free key.
        (Service("theaudiodb", "https://www.theaudiodb.com/api/v1/json", 2.0),),
        key=Key("FLEET_THEAUDIODB_KEY", "An API key of theaudiodb.com.", free="123"),
        sends="MusicBrainz ids, names of artists and titles of albums",
    ),
    Provider(
        "fanarttv",
        Offers.PICTURES,
        (Service("fanarttv", "https://webservice.fanart.tv/v3.2", 0.5),),
        key=Key("FLEET_FANARTTV_KEY", "An API key of fanart.tv; fanarttv demands it."),
        sends="MusicBrainz ids of artists and albums",
    ),
    Provider(
        "lastfm",
        Offers.PICTURES | Offers.FACTS,
        # "Several calls per second" may cost the account; 5 a second was said once.
        (Service("lastfm", "https://ws.audioscrobbler.com/2.0", 0.5),),
        key=Key("FLEET_LASTFM_KEY", "An API key of last.fm; lastfm demands it."),
    ),
    Provider(
        "musicbrainz",
        Offers.FACTS,
        # One a second for each address, said under "MusicBrainz API / Rate Limiting".
        (Service("musicbrainz", "https://musicbrainz.org/ws/2", 1.0),),
        needs_contact=True,
        sends="ids, names, titles, lengths and ISRCs",
    ),
    Provider(
        "acoustid",
        Offers.FACTS,
        # "At most 3 requests a second" (acoustid.org/webservice).
        (Service("acoustid", "https://api.acoustid.org/v2", 0.4),),
        key=Key(
            "FLEET_ACOUSTID_KEY",
            "An application's API key of acoustid.org; acoustid demands it, and the program "
            "fpcalc.",
        ),
        sends="a fingerprint of the sound, and the length",
    ),
    Provider(
        "listenbrainz",
        Offers.FACTS,
        # It reports its limits in X-RateLimit headers: some 30 in 10 seconds.
        (
            Service("listenbrainz", "https://api.listenbrainz.org/1", 0.5),
            Service("listenbrainz-labs", "https://labs.api.listenbrainz.org", 1.0),
        ),
        needs_contact=True,
        sends="MusicBrainz ids of artists",
    ),
    Provider(
        "wikipedia",
        Offers.FACTS,
        # As wikidata.
        (Service("wikipedia", "https://en.wikipedia.org/w", 0.5),),
        needs_contact=True,
        sends="the names of the articles on artists",
    ),
)
NAMES = tuple(provider.name for provider in PROVIDERS)
SERVICES = {service.name: service for provider in PROVIDERS for service in provider.services}


def provider(name: str) -> Provider:
    """The provider of this name, which is one of NAMES."""
    return PROVIDERS[NAMES.index(name)]


def offering(offers: Offers) -> list[str]:
    """The names of those that have any of this."""
    return [each.name for each in PROVIDERS if each.offers & offers]
