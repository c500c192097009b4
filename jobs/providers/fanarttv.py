"""fanart.tv: covers, and pictures, fan art and logos of artists, by MusicBrainz id; needs a key.

Version 3.2 (api.fanart.tv), the key in the header api-key:

    /music/MBID of the artist
    {"name": …, "artistthumb": [{"id": …, "url": URL, "likes": "3"}], "artistbackground": […],
     "hdmusiclogo": […], "musiclogo": […], "albums": […]}
    /music/albums/MBID of the release group
    {"name": …, "albums": [{"release_group_id": MBID, "albumcover": [{"url": URL, "likes": …}]}]}

Before 3.2 "albums" was an object of the same by id. What is not there is a 404 with
{"status": "error", "error message": "Not found"}.
"""

from typing import Any

from db.artwork.remote_covers import WantedAlbum, WantedArtist
from db.models import Role
from db.settings import provider_settings
from jobs.providers.caller import Caller, Callers
from jobs.providers.errors import NothingThereError, RefusedError
from jobs.providers.provider import Offer, PictureProvider, Question, entries, mbid, urls_of

_ARTIST_PICTURES = {
    Role.FRONT: ("artistthumb",),
    Role.FANART: ("artistbackground",),
    Role.LOGO: ("hdmusiclogo", "musiclogo"),
}


def pictures(callers: Callers) -> "FanartTv":
    """The provider, as the registry opens it."""
    return FanartTv(callers.of("fanarttv"), provider_settings.key("fanarttv"))


class FanartTv(PictureProvider):
    """Covers and pictures of artists whose tags have MusicBrainz ids."""

    name = "fanarttv"
    album_roles = frozenset({Role.FRONT})
    artist_roles = frozenset(_ARTIST_PICTURES)

    def __init__(self, fanart: Caller, key: str) -> None:
        super().__init__(fanart)
        self._fanart = fanart
        self._headers = {"api-key": key}

    def about_album(self, album: WantedAlbum) -> list[Question]:
        """The release group."""
        group = mbid(album.release_group_id)
        return [Question(f"album {group}", lambda: self._covers(group))] if group else []

    def about_artist(self, artist: WantedArtist) -> list[Question]:
        """The MusicBrainz id."""
        found = mbid(artist.musicbrainz_id)
        return [Question(f"artist {found}", lambda: self._pictures_of(found))] if found else []

    def _covers(self, group: str) -> list[Offer]:
        body = self._json(f"/music/albums/{group}")
        urls = [url for album in _albums(body, group) for url in _urls(album, "albumcover")]
        return [Offer(Role.FRONT, urls)] if urls else []

    def _pictures_of(self, artist_id: str) -> list[Offer]:
        body = self._json(f"/music/{artist_id}")
        found = {
            role: [url for key in keys for url in _urls(body, key)]
            for role, keys in _ARTIST_PICTURES.items()
        }
        return [Offer(role, urls) for role, urls in found.items() if urls]

    def _json(self, path: str) -> Any:
        return self._fanart.json(path, headers=self._headers, check=_check)


def _check(body: Any) -> None:
    if isinstance(body, dict) and body.get("status") == "error":
        message = str(body.get("error message"))
        if "not found" in message.lower():
            raise NothingThereError(f"fanarttv: {message}")
        raise RefusedError(f"fanarttv: {message} — check FLEET_FANARTTV_KEY")


def _albums(body: Any, group: str) -> list[dict[str, Any]]:
    albums = body.get("albums") if isinstance(body, dict) else None
    if isinstance(albums, dict):
        return [album for key, album in albums.items() if key == group and isinstance(album, dict)]
    return [each for each in entries(body, "albums") if each.get("release_group_id") == group]


def _urls(body: Any, key: str) -> list[str]:
    """The pictures under a key, those with more likes first."""
    pictures = sorted(entries(body, key), key=_likes, reverse=True)
    return [url for picture in pictures for url in urls_of(picture, "url")][:3]


def _likes(picture: dict[str, Any]) -> int:
    likes = str(picture.get("likes"))
    return int(likes) if likes.isdecimal() else 0
