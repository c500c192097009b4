"""Wikidata and Wikimedia Commons: free pictures of artists, with licence and author.

MusicBrainz names the artist's Wikidata entity, or a file of Commons at once. The entity's claim P18
("image") is the name of a file of Commons:

    wikidata /api.php?action=wbgetclaims&entity=Q2831&property=P18
    {"claims": {"P18": [{"rank": "normal", "mainsnak": {"datavalue": {"value": "Name.jpg"}}}]}}

    commons /api.php?action=query&prop=imageinfo&titles=File:Name.jpg&iiprop=…&iiurlwidth=1280
    {"query": {"pages": [{"imageinfo": [{"thumburl": URL, "url": URL, "extmetadata":
        {"LicenseShortName": {"value": "CC BY-SA 4.0"}, "Artist": {"value": HTML}}}]}]}}

Commons serves thumbnails of WIDTHS alone, and 429 for others (mediawiki.org, "Common thumbnail
sizes"). A file that is smaller than what is asked for is answered with its own URL. An error of the
API comes with the status 200.
"""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

from db.artwork.remote_covers import WantedArtist
from db.models import Role
from jobs.providers.caller import Caller, Callers
from jobs.providers.errors import NothingThereError, RefusedError, StumbledError
from jobs.providers.musicbrainz import MusicBrainz
from jobs.providers.provider import Offer, PictureProvider, Question, entries, mbid, urls_of

WIDTHS = (20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840)
"""Pixels."""
WIDTH = 1280
ENTITY = re.compile(r"https?://(?:www\.)?wikidata\.org/(?:wiki|entity)/(Q[1-9]\d*)")
_FILE = re.compile(r"https?://commons\.wikimedia\.org/wiki/(?:File|Image):(.+)")
_THUMBNAIL_WIDTH = re.compile(r"/(?:[^/]*-)?(\d+)px-[^/]*$")
_IMAGE = "P18"
_RANKS = ("preferred", "normal")
"""Of claims; a "deprecated" one is not to be used."""
_BUSY = {"maxlag", "ratelimited", "readonly", "internal_api_error_DBQueryTimeoutError"}
_NONE = {"no-such-entity", "unresolved-redirect", "param-invalid", "invalidtitle"}
_LONGEST_AUTHOR = 300


def pictures(callers: Callers) -> "Wikidata":
    """The provider, as the registry opens it."""
    return Wikidata(
        MusicBrainz(callers.of("musicbrainz")), callers.of("wikidata"), callers.of("commons")
    )


class Wikidata(PictureProvider):
    """Pictures of artists whose tags have a MusicBrainz id."""

    name = "wikidata"
    artist_roles = frozenset({Role.FRONT})

    def __init__(self, musicbrainz: MusicBrainz, wikidata: Caller, commons: Caller) -> None:
        super().__init__(commons)
        self._musicbrainz = musicbrainz
        self._wikidata = wikidata
        self._commons = commons

    def about_artist(self, artist: WantedArtist) -> list[Question]:
        """The MusicBrainz id."""
        artist_id = mbid(artist.musicbrainz_id)
        if artist_id is None:
            return []
        return [Question(f"artist {artist_id}", lambda: self._offers(artist_id))]

    def _offers(self, artist_id: str) -> list[Offer]:
        urls = self._musicbrainz.artist_urls(artist_id)
        files = [unquote(name) for name in matches(_FILE, urls.get("image", ()))]
        for entity in matches(ENTITY, urls.get("wikidata", ())):
            files = [*self._images_of(entity), *files]
        for file in dict.fromkeys(files):
            offer = self._offer(file)
            if offer is not None:
                return [offer]
        return []

    def _images_of(self, entity: str) -> list[str]:
        """The names of the files that show the entity, the preferred one first."""
        question = {"action": "wbgetclaims", "entity": entity, "property": _IMAGE, "format": "json"}
        body = self._wikidata.json("/api.php", question, check=check)
        claims = [claim for claim in entries(body, "claims", _IMAGE) if claim.get("rank") in _RANKS]
        claims.sort(key=lambda claim: _RANKS.index(claim["rank"]))
        return [name for claim in claims if (name := _file_name(claim))]

    def _offer(self, file: str) -> Offer | None:
        question = {
            "action": "query",
            "prop": "imageinfo",
            "titles": f"File:{file}",
            "iiprop": "url|extmetadata",
            "iiextmetadatafilter": "LicenseShortName|Artist",
            "iiurlwidth": str(WIDTH),
            "format": "json",
            "formatversion": "2",
        }
        body = self._commons.json("/api.php", question, check=check)
        for page in entries(body, "query", "pages"):
            for info in entries(page, "imageinfo"):
                urls = [url for url in urls_of(info, "thumburl", "url") if _is_served(url)]
                facts = info.get("extmetadata")
                licence, author = _fact(facts, "LicenseShortName"), _fact(facts, "Artist")
                return Offer(Role.FRONT, urls, licence, author) if urls else None
        return None


def check(body: Any) -> None:
    """Raise the error that a wiki's API reports with the status 200.

    NothingThereError, StumbledError or RefusedError.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return
    code, text = error.get("code"), f"wikimedia: {error.get('info')} ({error.get('code')})"
    if code in _NONE:
        raise NothingThereError(text)
    if code in _BUSY:
        raise StumbledError(text, retry_after=5)
    raise RefusedError(text)


def matches(pattern: re.Pattern[str], urls: Sequence[str]) -> list[str]:
    """What the group of a pattern holds in each of the URLs that it fits."""
    return [match[1] for url in urls if (match := pattern.fullmatch(url))]


def _file_name(claim: dict[str, Any]) -> str | None:
    """The value of a claim; one of "no value" or "unknown value" has none."""
    snak = claim.get("mainsnak")
    value = snak.get("datavalue") if isinstance(snak, dict) else None
    name = value.get("value") if isinstance(value, dict) else None
    return name if isinstance(name, str) else None


def _is_served(url: str) -> bool:
    """Whether it is an original, or a thumbnail of a width that is served."""
    match = _THUMBNAIL_WIDTH.search(urlsplit(url).path)
    return "/thumb/" not in url or (match is not None and int(match[1]) in WIDTHS)


def _fact(facts: Any, name: str) -> str | None:
    """A value of extmetadata as plain text."""
    fact = facts.get(name) if isinstance(facts, dict) else None
    value = fact.get("value") if isinstance(fact, dict) else None
    if not isinstance(value, str):
        return None
    parser = _Text()
    parser.feed(value)
    parser.close()
    return " ".join("".join(parser.parts).split())[:_LONGEST_AUTHOR] or None


class _Text(HTMLParser):
    """The text of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.parts.append(data)
