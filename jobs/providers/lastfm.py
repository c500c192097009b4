"""Last.fm: small covers by artist and title; listeners, tags and similar artists; needs a key.

`/?method=album.getinfo&artist=…&album=…&api_key=…&format=json` (last.fm/api):

    {"album": {"name": …, "artist": …, "image": [{"size": "extralarge", "#text": URL}]}}

    /?method=artist.getinfo&artist=NAME&autocorrect=0&…
    {"artist": {"name": …, "mbid": MBID or "", "url": URL, "image": […],
                "stats": {"listeners": "12345", "playcount": "678901"},
                "tags": {"tag": [{"name": "shoegaze", "url": …}]}}}

    /?method=artist.getsimilar&artist=NAME&limit=20&…
    {"similarartists": {"artist": [{"name": …, "mbid": …, "match": "0.87"}]}}

Errors come as {"error": 6, "message": …}, with the status 200 as well. Since May 2019 the pictures
of artists are the same star for everybody; it is known by its name, as is the grey disc that albums
without a cover have.

All artists of one name share a page there, so what it says of another MusicBrainz id is not taken.
Its biographies are left to Wikipedia, for their licence differs from page to page.
"""

from typing import Any

from db.artwork.remote_covers import WantedAlbum, WantedArtist
from db.enrichment.facts import FactValue
from db.models import Role
from db.settings import provider_settings
from jobs.providers.answers import Answered, CachedCaller
from jobs.providers.caller import Caller, Callers
from jobs.providers.errors import NothingThereError, RefusedError, StumbledError
from jobs.providers.provider import (
    LONGEST_NAME,
    DatedFacts,
    FactProvider,
    KnownArtist,
    Offer,
    PictureProvider,
    Question,
    entries,
    is_somebody,
    mbid,
    normal,
    urls_of,
)

_NOT_FOUND = 6
_RATE = 29
_PASSING = {8: 5, 11: 60, 16: 60, _RATE: 10}
"""Errors that pass, and after how many seconds to ask again."""
_PLACEHOLDERS = (
    "2a96cbd8b46e442fc41c2b86b821562f",
    "c6f59c1e5e7240a4c0d427abd71f3dbb",
    "4128a6eb29f94943c9d206c08e625904",
)
"""The star, and the discs: MD5 digests, which the URLs end in."""
_SIZES = ("mega", "extralarge", "large")
"""300 pixels, and 174; what is smaller is not worth having."""
_MOST_SIMILAR, _MOST_TAGS = 20, 10


def pictures(callers: Callers) -> "LastFm":
    """The provider of covers, as the registry opens it."""
    return LastFm(callers.of("lastfm"), provider_settings.key("lastfm"))


def facts(callers: Callers) -> "LastFmFacts":
    """The provider of facts, as the registry opens it."""
    return LastFmFacts(callers.of("lastfm"), provider_settings.key("lastfm"))


class LastFm(PictureProvider):
    """Covers of 300 pixels."""

    name = "lastfm"
    album_roles = frozenset({Role.FRONT})
    artist_roles = frozenset({Role.FRONT})

    def __init__(self, lastfm: Caller, key: str) -> None:
        super().__init__(lastfm)
        self._lastfm = lastfm
        self._key = key

    def about_album(self, album: WantedAlbum) -> list[Question]:
        """Title and first album artist."""
        title, artist = album.title or "", next(iter(album.artists), "")
        if not title or not is_somebody(artist) or max(len(title), len(artist)) > LONGEST_NAME:
            return []
        return [self._question("album", {"artist": artist, "album": title})]

    def about_artist(self, artist: WantedArtist) -> list[Question]:
        """The name."""
        if not is_somebody(artist.name) or len(artist.name) > LONGEST_NAME:
            return []
        return [self._question("artist", {"artist": artist.name})]

    def _question(self, kind: str, params: dict[str, str]) -> Question:
        def ask() -> list[Offer]:
            call = {"method": f"{kind}.getinfo", "api_key": self._key, "format": "json"}
            body = self._lastfm.json("/", {**params, **call, "autocorrect": "0"}, check=_check)
            entry = body.get(kind) if isinstance(body, dict) else None
            return _offers(entry, params[kind]) if isinstance(entry, dict) else []

        return Question(f"{kind} {params}", ask)


def _check(body: Any) -> None:
    """Raise the error that comes with the status 200.

    NothingThereError, StumbledError or RefusedError.
    """
    code = body.get("error") if isinstance(body, dict) else None
    if not isinstance(code, int):
        return
    text = f"lastfm: {body.get('message')} (error {code})"
    if code == _NOT_FOUND:
        raise NothingThereError(text)
    if code in _PASSING:
        raise StumbledError(text, retry_after=_PASSING[code])
    raise RefusedError(f"{text} — check FLEET_LASTFM_KEY")


def _offers(entry: dict[str, Any], name: str) -> list[Offer]:
    """The largest picture of an entry that is called as it should be."""
    if normal(str(entry.get("name"))) != normal(name):
        return []
    by_size = {str(image.get("size")): image for image in entries(entry, "image")}
    urls = [url for size in _SIZES for url in urls_of(by_size.get(size, {}), "#text")]
    urls = [url for url in urls if not any(each in url for each in _PLACEHOLDERS)]
    return [Offer(Role.FRONT, list(dict.fromkeys(urls)))] if urls else []


class LastFmFacts(FactProvider):
    """What its users listen to."""

    name = "lastfm"

    def __init__(self, lastfm: Caller, key: str) -> None:
        self._service = CachedCaller(lastfm, {"api_key": key}, _check)

    def about_artist(self, artist: KnownArtist) -> DatedFacts | None:
        """By the name that MusicBrainz has."""
        if len(artist.name) > LONGEST_NAME:
            return None
        info = self._get("artist.getinfo", artist.name, _info)
        if info.body is None or not _is_meant(info.body, artist):
            return DatedFacts([], info.asked_at)
        similar = self._get("artist.getsimilar", artist.name, _similar)
        values = {
            "listeners": info.body["listeners"],
            "plays": info.body["plays"],
            "tags": info.body["tags"],
            "similar_artists": similar.body,
        }
        url = info.body["url"]
        facts = [FactValue(field, value, url) for field, value in values.items() if value]
        return DatedFacts(facts, min(info.asked_at, similar.asked_at))

    def _get(self, method: str, name: str, keep: Any) -> Answered:
        asked = {"method": method, "artist": name, "autocorrect": "0", "format": "json"}
        if keep is _similar:
            asked["limit"] = str(_MOST_SIMILAR)
        return self._service.get("/", asked, keep)


def _is_meant(info: dict[str, Any], artist: KnownArtist) -> bool:
    is_called = normal(info["name"]) == normal(artist.name)
    return is_called and info["mbid"] in {None, artist.id}


def _info(body: Any) -> dict[str, Any] | None:
    entry = body.get("artist") if isinstance(body, dict) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return None
    stats, tags, url = entry.get("stats"), entry.get("tags"), entry.get("url")
    names = (each.get("name") for each in entries(tags, "tag"))
    return {
        "name": entry["name"],
        "mbid": mbid(str(entry.get("mbid"))),
        "url": url if isinstance(url, str) and url.startswith("http") else None,
        "listeners": _count(stats, "listeners"),
        "plays": _count(stats, "playcount"),
        "tags": [name for name in names if isinstance(name, str)][:_MOST_TAGS],
    }


def _similar(body: Any) -> list[dict[str, Any]]:
    found = entries(body, "similarartists", "artist")
    return [
        {"name": each["name"], "id": mbid(str(each.get("mbid"))), "score": _match(each)}
        for each in found[:_MOST_SIMILAR]
        if isinstance(each.get("name"), str)
    ]


def _match(entry: dict[str, Any]) -> float:
    try:
        return round(float(entry.get("match") or 0), 3)
    except (TypeError, ValueError):
        return 0.0


def _count(stats: Any, name: str) -> int | None:
    count = str(stats.get(name)) if isinstance(stats, dict) else ""
    return int(count) if count.isdecimal() else None
