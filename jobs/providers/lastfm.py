"""Last.fm: small covers by artist and title; needs a key.

`/?method=album.getinfo&artist=…&album=…&api_key=…&format=json` (last.fm/api):

    {"album": {"name": …, "artist": …, "image": [{"size": "extralarge", "#text": URL}]}}

and the same for `artist.getinfo`. Errors come as {"error": 6, "message": …}, with the status 200 as
well. Since May 2019 the pictures of artists are the same star for everybody; it is known by its
name, as is the grey disc that albums without a cover have.
"""

from typing import Any

from db.covers import FRONT
from db.remote_covers import WantedAlbum, WantedArtist
from jobs.providers.caller import Caller
from jobs.providers.errors import NothingThereError, RefusedError, StumbledError
from jobs.providers.names import is_somebody, normal
from jobs.providers.provider import LONGEST_NAME, Offer, Provider, Question, entries, urls_of

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


class LastFm(Provider):
    """Covers of 300 pixels."""

    name = "lastfm"
    album_roles = frozenset({FRONT})
    artist_roles = frozenset({FRONT})

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
            body = self._lastfm.json("/", {**params, **call, "autocorrect": "0"}, check=check)
            entry = body.get(kind) if isinstance(body, dict) else None
            return _offers(entry, params[kind]) if isinstance(entry, dict) else []

        return Question(f"{kind} {params}", ask)


def check(body: Any) -> None:
    """Raise the error that is told with the status 200.

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
    return [Offer(FRONT, list(dict.fromkeys(urls)))] if urls else []
