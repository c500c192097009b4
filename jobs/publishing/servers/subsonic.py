"""Servers of Subsonic's API: Navidrome, Gonic, LMS, Airsonic and others, and this program itself.

    search3 query="" songCount=500 songOffset=0       every song (OpenSubsonic); else by albums
    createPlaylist name=… songId=… | playlistId=… songId=…      a new list, or these songs in place
    updatePlaylist playlistId=… name=… comment=… songIdToAdd=…

(https://opensubsonic.netlify.app/docs) All parameters are posted as a form. Of a list some hundred
songs go in each request, because Jetty and Tomcat, on which some of these servers run, take 1,000
parameters at most. The API has no way to give a picture.
"""

from collections.abc import Iterator, Sequence

from jobs.providers.caller import Caller
from jobs.providers.errors import NothingThereError, RefusedError
from jobs.providers.subsonic import Api, Row, rows, text
from jobs.providers.web import Answer, Content
from jobs.publishing.servers.server import Login, MusicServer, TheirList, TheirSong

_PAGE = 500
_MOST_PAGES = 20_000
_AT_ONCE = 900
"""Songs in a request."""


def connect(login: Login, caller: Caller) -> "SubsonicServer":
    """The server that a caller asks."""
    return SubsonicServer(login, caller)


class SubsonicServer(MusicServer):
    """A server of Subsonic's API."""

    def __init__(self, login: Login, caller: Caller) -> None:
        def send(path: str, content: Content) -> Answer:
            return caller.send("POST", path, content)

        def send_once(path: str, content: Content) -> Answer:
            return caller.send("POST", path, content, once=True)

        self._user = login.user
        self._api = Api(send, "" if login.is_key else login.user, login.secret)
        self._changing = Api(send_once, "" if login.is_key else login.user, login.secret)

    def songs(self) -> Iterator[TheirSong]:
        """By an empty search; where that finds nothing, by albums."""
        is_any = False
        for page in range(_MOST_PAGES):
            found = self._api.ask(
                "search3",
                query="",
                songCount=str(_PAGE),
                songOffset=str(page * _PAGE),
                **dict.fromkeys(("albumCount", "artistCount"), "0"),
            )
            songs = rows(found.get("searchResult3"), "song")
            is_any = is_any or bool(songs)
            yield from map(_song, songs)
            if len(songs) < _PAGE:
                break
        if not is_any:
            yield from self._songs_of_albums()

    def _songs_of_albums(self) -> Iterator[TheirSong]:
        for page in range(_MOST_PAGES):
            places = {"size": str(_PAGE), "offset": str(page * _PAGE)}
            found = self._api.ask("getAlbumList2", type="alphabeticalByName", **places)
            albums = rows(found.get("albumList2"), "album")
            for album in albums:
                try:
                    songs = self._api.ask("getAlbum", id=text(album, "id")).get("album")
                except NothingThereError:  # it went in between
                    continue
                yield from map(_song, rows(songs, "song"))
            if len(albums) < _PAGE:
                return

    def playlists(self) -> dict[str, TheirList]:
        """Those that the user owns and may change."""
        found = rows(self._api.ask("getPlaylists").get("playlists"), "playlist")
        return {
            text(each, "id"): TheirList(text(each, "name"), _whole(each.get("songCount")))
            for each in found
            if text(each, "id") and self._is_own(each)
        }

    def _is_own(self, playlist: Row) -> bool:
        owner = text(playlist, "owner").casefold()
        is_own = not owner or not self._user or owner == self._user.casefold()
        return is_own and playlist.get("readonly") is not True

    def songs_in(self, list_id: str) -> list[str] | None:
        """By getPlaylist."""
        try:
            found = self._api.ask("getPlaylist", id=list_id).get("playlist")
        except NothingThereError:
            return None
        return [text(each, "id") for each in rows(found, "entry")]

    def write_playlist(
        self, list_id: str | None, name: str, comment: str, song_ids: Sequence[str]
    ) -> str:
        """By createPlaylist, and the rest by updatePlaylist."""
        first = song_ids[:_AT_ONCE]
        if list_id is not None:
            try:
                self._api.ask("createPlaylist", playlistId=list_id, songId=first)
            except NothingThereError:
                list_id = None
        if list_id is None:
            made = self._changing.ask("createPlaylist", name=name, songId=first).get("playlist")
            list_id = text(made, "id") if isinstance(made, dict) else ""
            if not list_id:
                raise RefusedError(
                    "the server does not say which playlist it made — update it: its API is older "
                    "than 1.14"
                )
        self._api.ask("updatePlaylist", playlistId=list_id, name=name, comment=comment)
        for start in range(_AT_ONCE, len(song_ids), _AT_ONCE):
            more = song_ids[start : start + _AT_ONCE]
            self._changing.ask("updatePlaylist", playlistId=list_id, songIdToAdd=more)
        return list_id

    def delete_playlist(self, list_id: str) -> None:
        """By deletePlaylist."""
        try:
            self._api.ask("deletePlaylist", id=list_id)
        except NothingThereError:
            return

    def start_scan(self) -> None:
        """By startScan, which servers allow to administrators."""
        self._api.ask("startScan")


def _song(row: Row) -> TheirSong:
    mbid = text(row, "musicBrainzId")
    path = text(row, "path").replace("\\", "/")
    duration = _whole(row.get("duration"))
    return TheirSong(
        text(row, "id"),
        text(row, "title"),
        text(row, "artist"),
        text(row, "album"),
        path,
        (mbid,) if mbid else (),
        duration or None,
    )


def _whole(value: object) -> int | None:
    """A number as JSON has it, within reason."""
    return value if type(value) is int and 0 <= value < 2**31 else None
