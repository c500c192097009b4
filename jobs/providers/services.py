"""The services on the web that are asked, and how often each may be."""

from typing import NamedTuple


class Service(NamedTuple):
    """A service: one API, one operator, one limit."""

    name: str
    url: str
    """Where its paths begin, unless FLEET_PROVIDER_URLS names another place."""
    interval: float
    """Seconds between two requests of the whole fleet."""


SERVICES = {
    service.name: service
    for service in (
        # "Rate limiting rules" of its documentation are empty today; 503 is what exceeds them.
        Service("coverartarchive", "https://coverartarchive.org", 0.5),
        # One a second for each address, said under "MusicBrainz API / Rate Limiting".
        Service("musicbrainz", "https://musicbrainz.org/ws/2", 1.0),
        # 50 in 5 seconds.
        Service("deezer", "https://api.deezer.com", 0.1),
        # "One after the other" of the API etiquette, and no more than twice a second.
        Service("wikidata", "https://www.wikidata.org/w", 0.5),
        Service("commons", "https://commons.wikimedia.org/w", 0.5),
        # 30 a minute with the free key.
        Service("theaudiodb", "https://www.theaudiodb.com/api/v1/json", 2.0),
        Service("fanarttv", "https://webservice.fanart.tv/v3.2", 0.5),
        # "Several calls per second" may cost the account; 5 a second was said once.
        Service("lastfm", "https://ws.audioscrobbler.com/2.0", 0.5),
        # "At most 3 requests a second" (acoustid.org/webservice).
        Service("acoustid", "https://api.acoustid.org/v2", 0.4),
        # It tells of its limits in X-RateLimit headers: some 30 in 10 seconds.
        Service("listenbrainz", "https://api.listenbrainz.org/1", 0.5),
        Service("listenbrainz-labs", "https://labs.api.listenbrainz.org", 1.0),
        # As wikidata.
        Service("wikipedia", "https://en.wikipedia.org/w", 0.5),
    )
}
DOWNLOAD_INTERVAL = 0.2
"""Seconds between two pictures of one service. They lie on other servers than the API."""
