"""Deezer: album covers and pictures of artists, searched by name; no key.

`/search/album?q=artist:"NAME" album:"TITLE"` and `/search/artist?q=NAME` (developers.deezer.com):

    {"data": [{"title": …, "nb_tracks": 12, "md5_image": …, "cover_xl": URL, "cover_big": URL,
               "artist": {"name": …}}], "total": 1}
    {"data": [{"name": …, "nb_fan": 1234, "picture_xl": URL, "picture_big": URL}]}

Two traps: an error comes with the status 200, as {"error": {"code": 4, "message": "Quota limit
exceeded"}}; and who has no picture has URLs all the same, with "/images/artist//" in them, which
lead to a grey figure.
"""

import re
from collections.abc import Sequence
from typing import Any

from db.artwork.remote_covers import WantedAlbum, WantedArtist
from db.models import Role
from jobs.providers.caller import Caller, Callers
from jobs.providers.errors import NothingThereError, RefusedError, StumbledError
from jobs.providers.provider import (
    LONGEST_NAME,
    Offer,
    PictureProvider,
    Question,
    entries,
    is_somebody,
    normal,
    urls_of,
    without_edition,
)

_QUOTA, _BUSY, _NO_DATA = 4, 700, 800
_NO_PICTURE = re.compile(r"/images/(?:artist|cover)//")
_CLEARLY = 10
"""How many times the fans of his namesakes an artist has who is meant without doubt."""


def pictures(callers: Callers) -> "Deezer":
    """The provider, as the registry opens it."""
    return Deezer(callers.of("deezer"))


class Deezer(PictureProvider):
    """Pictures by name. What does not match to the letter is not taken."""

    name = "deezer"
    album_roles = frozenset({Role.FRONT})
    artist_roles = frozenset({Role.FRONT})

    def __init__(self, deezer: Caller) -> None:
        super().__init__(deezer)
        self._deezer = deezer

    def about_album(self, album: WantedAlbum) -> list[Question]:
        """The title together with the first album artist."""
        artists = [name for name in album.artists if is_somebody(name)]
        title = album.title or ""
        if not artists or not normal(title) or max(map(len, (title, artists[0]))) > LONGEST_NAME:
            return []
        query = f"artist:{_quoted(artists[0])} album:{_quoted(title)}"

        def ask() -> list[Offer]:
            body = self._deezer.json("/search/album", {"q": query}, check=_check)
            return _offers(_matching_album(album, entries(body, "data")), "cover")

        return [Question(f"album {query} of {album.tracks} tracks", ask)]

    def about_artist(self, artist: WantedArtist) -> list[Question]:
        """The name."""
        if not is_somebody(artist.name) or len(artist.name) > LONGEST_NAME:
            return []

        def ask() -> list[Offer]:
            body = self._deezer.json("/search/artist", {"q": artist.name}, check=_check)
            return _offers(_matching_artist(artist.name, entries(body, "data")), "picture")

        return [Question(f"artist {artist.name}", ask)]


def _check(body: Any) -> None:
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return
    code, message = error.get("code"), error.get("message")
    if code == _NO_DATA:
        raise NothingThereError(f"deezer: {message}")
    if code in {_QUOTA, _BUSY}:
        raise StumbledError(f"deezer: {message} (code {code})", retry_after=5)
    raise RefusedError(f"deezer: {message} (code {code})")


def _matching_album(album: WantedAlbum, found: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The album of exactly this title and artist.

    One with the same number of tracks is preferred; two different covers without that are doubt.
    """
    names = {normal(name) for name in (*album.artists, " & ".join(album.artists))}
    by_artist = [
        each
        for each in found
        if isinstance(each.get("artist"), dict)
        and normal(str(each["artist"].get("name"))) in names
        and _has_picture(each, "cover")
    ]
    title = album.title or ""
    for form in (normal, _bare):
        same = [each for each in by_artist if form(str(each.get("title"))) == form(title)]
        if not same:
            continue
        exact = [each for each in same if each.get("nb_tracks") == album.tracks]
        is_one = len({str(each.get("md5_image")) for each in same}) == 1
        return exact[0] if exact else (same[0] if is_one else None)
    return None


def _matching_artist(name: str, found: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The artist of exactly this name; of several the one who is far better known, if any is."""
    same = [each for each in found if normal(str(each.get("name"))) == normal(name)]
    same.sort(key=_fans, reverse=True)
    if len(same) > 1 and _fans(same[0]) < _CLEARLY * max(_fans(same[1]), 1):
        return None
    return same[0] if same and _has_picture(same[0], "picture") else None


def _fans(entry: dict[str, Any]) -> int:
    fans = entry.get("nb_fan")
    return fans if isinstance(fans, int) else 0


def _bare(title: str) -> str:
    return normal(without_edition(title))


def _has_picture(entry: dict[str, Any], kind: str) -> bool:
    return bool(_urls(entry, kind))


def _urls(entry: dict[str, Any], kind: str) -> list[str]:
    urls = urls_of(entry, f"{kind}_xl", f"{kind}_big")
    return [url for url in urls if not _NO_PICTURE.search(url)]


def _offers(entry: dict[str, Any] | None, kind: str) -> list[Offer]:
    return [Offer(Role.FRONT, _urls(entry, kind))] if entry else []


def _quoted(text: str) -> str:
    return '"' + " ".join(text.replace('"', " ").split()) + '"'
