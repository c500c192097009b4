"""TheAudioDB: covers, and pictures, fan art and logos of artists; by MusicBrainz id, else by name.

Version 1 of its API (theaudiodb.com/free_music_api), with the key as a part of the path:

    /KEY/artist-mb.php?i=MBID    /KEY/search.php?s=NAME
    {"artists": [{"strArtist": …, "strMusicBrainzID": …, "strArtistThumb": URL,
                  "strArtistFanart": URL, "strArtistLogo": URL}]}
    /KEY/album-mb.php?i=MBID of the release group    /KEY/searchalbum.php?s=NAME&a=TITLE
    {"album": [{"strAlbum": …, "strArtist": …, "strAlbumThumb": URL, "strAlbumThumbHQ": URL}]}

What is not there is null instead of a list.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from db.artwork.remote_covers import WantedAlbum, WantedArtist
from db.models import Role
from db.settings import provider_settings
from jobs.providers.caller import Caller, Callers
from jobs.providers.provider import (
    LONGEST_NAME,
    Offer,
    PictureProvider,
    Question,
    entries,
    is_somebody,
    mbid,
    normal,
    urls_of,
)


class _Kind(NamedTuple):
    """Under which key an answer has its entries, and under which keys these have pictures."""

    key: str
    pictures: Mapping[str, tuple[str, ...]]


_ALBUM = _Kind("album", {Role.FRONT: ("strAlbumThumbHQ", "strAlbumThumb")})
_ARTIST = _Kind(
    "artists",
    {
        Role.FRONT: ("strArtistThumb",),
        Role.FANART: ("strArtistFanart",),
        Role.LOGO: ("strArtistLogo",),
    },
)


def pictures(callers: Callers) -> "TheAudioDb":
    """The provider, as the registry opens it."""
    return TheAudioDb(callers.of("theaudiodb"), provider_settings.key("theaudiodb"))


class TheAudioDb(PictureProvider):
    """Covers and pictures of artists."""

    name = "theaudiodb"
    album_roles = frozenset(_ALBUM.pictures)
    artist_roles = frozenset(_ARTIST.pictures)

    def __init__(self, audiodb: Caller, key: str) -> None:
        super().__init__(audiodb)
        self._audiodb = audiodb
        self._key = key

    def about_album(self, album: WantedAlbum) -> list[Question]:
        """The release group, then title and first album artist."""
        questions = []
        if group := mbid(album.release_group_id):
            questions.append(self._question(_ALBUM, "album-mb.php", {"i": group}))
        title, artist = album.title or "", next(iter(album.artists), "")
        if title and is_somebody(artist) and max(len(title), len(artist)) <= LONGEST_NAME:
            names = {"strAlbum": title, "strArtist": artist}
            asked = {"s": artist, "a": title}
            questions.append(self._question(_ALBUM, "searchalbum.php", asked, names))
        return questions

    def about_artist(self, artist: WantedArtist) -> list[Question]:
        """The MusicBrainz id, or the name when there is none."""
        if artist_id := mbid(artist.musicbrainz_id):
            return [self._question(_ARTIST, "artist-mb.php", {"i": artist_id})]
        if not is_somebody(artist.name) or len(artist.name) > LONGEST_NAME:
            return []
        names = {"strArtist": artist.name}
        return [self._question(_ARTIST, "search.php", {"s": artist.name}, names)]

    def _question(
        self, kind: _Kind, page: str, asked: dict[str, str], names: Mapping[str, str] | None = None
    ) -> Question:
        """`names` is what the one entry that is meant has under these keys."""

        def ask() -> list[Offer]:
            body = self._audiodb.json(f"/{self._key}/{page}", asked)
            meant = [entry for entry in entries(body, kind.key) if _is_called(entry, names or {})]
            return _offers(meant[0], kind) if len(meant) == 1 else []

        return Question(f"{page} {asked}", ask)


def _offers(entry: dict[str, Any], kind: _Kind) -> list[Offer]:
    offers = (Offer(role, urls_of(entry, *keys)) for role, keys in kind.pictures.items())
    return [offer for offer in offers if offer.urls]


def _is_called(entry: dict[str, Any], names: Mapping[str, str]) -> bool:
    return all(normal(str(entry.get(key))) == normal(name) for key, name in names.items())
