"""Jellyfin, 10.9 and later (https://api.jellyfin.org).

A user logs in by name and password. With a key of the API, which belongs to nobody, Jellyfin lets
songs be added to a playlist, but mostly not removed: such a playlist is made again, and gets
another id. Pictures and scans take an administrator, or a key. A playlist has no comment, and
holds no song twice. A song is not moved within one: some versions put it one place beside.
"""

import base64
import json
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from typing import Any, ClassVar
from urllib.parse import urlencode

import httpx2

from db import settings
from db.models import EntityType, Role
from db.sql.queries import slices
from jobs.providers.caller import Caller
from jobs.providers.errors import RefusedError
from jobs.providers.web import Answer, Content
from jobs.publishing.servers.server import Login, PictureServer, TheirEntity, TheirList, TheirSong

_KEY = re.compile("[0-9a-fA-F]{32}")
"""What a key of the API looks like."""
_ID = re.compile("[0-9a-f]{32}")
_PAGE = 500
_MOST_PAGES = 4_000
_ORDER = "DateCreated,SortName"
"""What is added while pages are read comes last."""
_AT_ONCE = 100
"""Ids in one query: a line of a request may have 8 KiB."""
_LONGEST = 1_000
"""Characters of a text; longer ones are cut."""
_TICKS = 10_000_000
"""Of a second."""
_LONGEST_SECONDS = 1e7
_SONG_IDS = ("MusicBrainzRecording", "MusicBrainzTrack")
_ENTITY_IDS = {
    EntityType.ALBUM: ("MusicBrainzAlbum", "MusicBrainzReleaseGroup"),
    EntityType.ARTIST: ("MusicBrainzArtist",),
}
_PATHS = {EntityType.ALBUM: "/Items", EntityType.ARTIST: "/Artists"}
_IMAGES = {Role.FRONT: "Primary", Role.FANART: "Backdrop", Role.LOGO: "Logo"}
_GONE = {httpx2.codes.NOT_FOUND, httpx2.codes.GONE}
_DONE = {httpx2.codes.OK, httpx2.codes.NO_CONTENT}
_UNREADABLE = object()
Row = Mapping[str, Any]


def connect(login: Login, caller: Caller) -> PictureServer:
    """The server that this caller asks."""
    return Jellyfin(login, caller)


class Jellyfin(PictureServer):
    """A Jellyfin server."""

    repeats = False
    picture_roles: ClassVar = {
        EntityType.ALBUM: (Role.FRONT,),
        EntityType.ARTIST: (Role.FRONT, Role.FANART, Role.LOGO),
    }

    def __init__(self, login: Login, caller: Caller) -> None:
        self._login = login
        self._caller = caller
        self._token = self._user = ""

    def songs(self) -> Iterator[TheirSong]:
        """Every song that it has, a page at a time."""
        wanted = {
            "IncludeItemTypes": "Audio",
            "Fields": "Path,ProviderIds",
            "EnableImages": "false",
        }
        for row in self._rows("/Items", {**wanted, "Recursive": "true", "SortBy": _ORDER}):
            if song_id := _id(row):
                yield TheirSong(
                    id=song_id,
                    title=_text(row, "Name"),
                    artist=_first(row, "Artists") or _text(row, "AlbumArtist"),
                    album=_text(row, "Album"),
                    path=_text(row, "Path").replace("\\", "/"),
                    mbids=_mbids(row, _SONG_IDS),
                    duration=_seconds(row),
                )

    def playlists(self) -> dict[str, TheirList]:
        """The playlists that the user may delete: for an administrator all that are seen."""
        wanted = {"IncludeItemTypes": "Playlist", "Fields": "CanDelete,ChildCount"}
        found = {}
        for row in self._rows("/Items", {**wanted, "Recursive": "true", "EnableImages": "false"}):
            list_id, count = _id(row), row.get("ChildCount")
            if list_id and row.get("CanDelete") is not False:
                found[list_id] = TheirList(
                    _text(row, "Name"), count if type(count) is int else None
                )
        return found

    def songs_in(self, list_id: str) -> list[str] | None:
        """The ids of the songs in a playlist, in order; None when there is no such playlist."""
        entries = self._entries(list_id)
        return None if entries is None else [song_id for song_id, _ in entries]

    def write_playlist(
        self, list_id: str | None, name: str, comment: str, song_ids: Sequence[str]
    ) -> str:
        """Have a playlist hold just these songs in this order; return its id."""
        del comment
        wanted = list(dict.fromkeys(song_ids))
        there = self._playlist(list_id) if list_id else None
        if list_id and there is not None:
            if self._refresh(list_id, _text(there, "Name"), name, wanted):
                return list_id
            made = self._make(name, wanted)
            self.delete_playlist(list_id)
            return made
        return self._make(name, wanted)

    def delete_playlist(self, list_id: str) -> None:
        """Delete a playlist of the user.

        It is fetched first, for by the same request Jellyfin deletes the files of a song.
        """
        if self._playlist(list_id) is not None:
            self._write("DELETE", f"/Items/{list_id}")

    def start_scan(self) -> None:
        """Have it look for what has changed in its folders."""
        self._write("POST", "/Library/Refresh")

    def entities(self, kind: EntityType) -> Iterator[TheirEntity]:
        """Every album, or every artist, with the pictures that it has there."""
        wanted = {"Fields": "ProviderIds", "EnableImageTypes": ",".join(_IMAGES.values())}
        if kind is EntityType.ALBUM:
            wanted |= {"IncludeItemTypes": "MusicAlbum", "Recursive": "true", "SortBy": _ORDER}
        for row in self._rows(_PATHS[kind], wanted):
            if their_id := _id(row):
                artist = _text(row, "AlbumArtist") if kind is EntityType.ALBUM else ""
                mbids = _mbids(row, _ENTITY_IDS[kind])
                yield TheirEntity(their_id, _text(row, "Name"), artist, mbids, _pictures(row))

    def picture(self, their_id: str, role: Role) -> bytes | None:
        """The picture that an album or artist has in a role, as it was written there."""
        self._log_in()
        answer = self._ask("GET", f"/Items/{_checked(their_id)}/Images/{_IMAGES[role]}")
        return answer.body if answer.status == httpx2.codes.OK else None

    def write_picture(
        self, their_id: str, role: Role, data: bytes, mime: str, replaces: str | None
    ) -> str | None:
        """Give an album or artist a picture; return the mark of what it has then."""
        place = f"/Items/{_checked(their_id)}/Images/{_IMAGES[role]}"
        if role is Role.FANART and replaces is not None:
            # Backdrops stand beside each other: a new one replaces none.
            self._write("DELETE", f"{place}/0")
        self._write("POST", place, Content(base64.b64encode(data), mime))
        row = self._item(their_id)
        return None if row is None else _pictures(row).get(role)

    def _refresh(self, list_id: str, name_there: str, name: str, wanted: Sequence[str]) -> bool:
        """Remove what is out of place, add what lacks; False where a key does not suffice.

        What stays is of the list's beginning, as songs are added at its end.
        """
        kept, gone = 0, []
        for song_id, entry_id in self._entries(list_id) or []:
            if wanted[kept : kept + 1] == [song_id]:
                kept += 1
            else:
                gone.append(entry_id)
        items = f"/Playlists/{list_id}/Items"
        if name_there != name:
            content = Content.json({"Name": name})
            if not self._wrote("POST", f"/Playlists/{list_id}", content):
                return False
        for part in slices(gone, _AT_ONCE):
            if not self._wrote("DELETE", f"{items}?{urlencode({'EntryIds': ','.join(part)})}"):
                return False
        for part in slices(wanted[kept:], _AT_ONCE):
            query = {"Ids": ",".join(part), "UserId": self._user}
            self._write("POST", f"{items}?{urlencode(query)}")
        return True

    def _make(self, name: str, wanted: Sequence[str]) -> str:
        self._log_in()
        content = Content.json(
            {
                "Name": name,
                "Ids": list(wanted),
                "UserId": self._user,
                "MediaType": "Audio",
                "IsPublic": False,
            }
        )
        made = _json(self._ask("POST", "/Playlists", content, once=True))
        if isinstance(made, dict) and (list_id := _id(made)):
            return list_id
        raise self._odd("POST /Playlists")

    def _playlist(self, list_id: str) -> Row | None:
        """What it says of a playlist; None when there is none of this id."""
        row = self._item(list_id) if _ID.fullmatch(list_id) else None
        return row if row is not None and row.get("Type") == "Playlist" else None

    def _item(self, item_id: str) -> Row | None:
        found = self._read(f"/Items/{item_id}", {})
        return found if isinstance(found, dict) else None

    def _entries(self, list_id: str) -> list[tuple[str, str]] | None:
        """The id of each song in a playlist, and that of its entry; None when it is gone."""
        if not _ID.fullmatch(list_id):
            return None
        found = []
        path, wanted = f"/Playlists/{list_id}/Items", {"EnableImages": "false"}
        for page in self._pages(path, wanted):
            if page is None:
                return None
            found += [(_id(row), _text(row, "PlaylistItemId") or _id(row)) for row in page]
        return found

    def _rows(self, path: str, wanted: Mapping[str, str]) -> Iterator[Row]:
        for page in self._pages(path, wanted):
            if page is None:
                raise self._odd(f"GET {path}", httpx2.codes.NOT_FOUND)
            yield from page

    def _pages(self, path: str, wanted: Mapping[str, str]) -> Iterator[list[Row] | None]:
        """The rows of each page; None when there is no such place."""
        more = {**wanted, "EnableUserData": "false", "Limit": str(_PAGE)}
        for page in range(_MOST_PAGES):
            found = self._read(path, {**more, "StartIndex": str(page * _PAGE)})
            if found is None:
                yield None
                return
            items = found.get("Items") if isinstance(found, dict) else None
            if not isinstance(items, list):
                raise self._odd(f"GET {path}")
            yield [row for row in items if isinstance(row, dict)]
            if len(items) < _PAGE:
                return

    def _read(self, path: str, wanted: Mapping[str, str]) -> Any:
        """What it answers for the user; None when there is no such thing."""
        self._log_in()
        answer = self._ask("GET", f"{path}?{urlencode({**wanted, 'UserId': self._user})}")
        if answer.status in _GONE:
            return None
        if answer.status != httpx2.codes.OK or (found := _json(answer)) is _UNREADABLE:
            raise self._odd(f"GET {path}", answer.status)
        return found

    def _wrote(self, method: str, path: str, content: Content | None = None) -> bool:
        """Change something. False where a key is not let, or for the moment nothing is there."""
        self._log_in()
        answer = self._ask(method, path, content)
        if answer.status in _DONE:
            return True
        if answer.status == httpx2.codes.BAD_REQUEST or answer.status in _GONE:
            return False
        raise self._odd(f"{method} {path.partition('?')[0]}", answer.status)

    def _write(self, method: str, path: str, content: Content | None = None) -> None:
        """Change something. What is gone in the meantime is no error."""
        self._log_in()
        answer = self._ask(method, path, content)
        if answer.status not in _DONE | _GONE:
            raise self._odd(f"{method} {path.partition('?')[0]}", answer.status)

    def _ask(
        self, method: str, path: str, content: Content | None = None, *, once: bool = False
    ) -> Answer:
        named = f'Client="musicfleet", Device="musicfleet", DeviceId="{_device()}"'
        header = f'MediaBrowser {named}, Version="{version("musicfleet")}"'
        if self._token:
            header += f', Token="{self._token}"'
        return self._caller.send(method, path, content, {"Authorization": header}, once=once)

    def _log_in(self) -> None:
        """Learn the token and the id of the user, once. Raises RefusedError."""
        if self._user:
            return
        if self._login.is_key:
            self._token = self._checked_key()
            user = self._of_name(_json(self._ask("GET", "/Users")))
        else:
            content = Content.json({"Username": self._login.user, "Pw": self._login.secret})
            found = _json(self._ask("POST", "/Users/AuthenticateByName", content, once=True))
            if not isinstance(found, dict):
                raise self._odd("POST /Users/AuthenticateByName")
            self._token, user = _token(found), found.get("User")
        self._user = _id(user) if isinstance(user, dict) else ""
        if not (self._user and self._token):
            raise self._odd("the login")

    def _checked_key(self) -> str:
        """The key, which may stand in a header. Raises RefusedError."""
        if not _KEY.fullmatch(self._login.secret):
            raise RefusedError(
                f"the key of {self._caller.name} is none of Jellyfin's: those have 32 hexadecimal "
                "digits — copy it from Dashboard, API Keys"
            )
        return self._login.secret

    def _of_name(self, users: Any) -> Any:
        """The user whose key it is to be."""
        for user in users if isinstance(users, list) else ():
            name = _text(user, "Name") if isinstance(user, dict) else ""
            if name.casefold() == self._login.user.casefold():
                return user
        raise RefusedError(
            f"{self._caller.name} has no user {self._login.user!r} — name one that it has, also "
            "beside a key"
        )

    def _odd(self, what: str, status: int | None = None) -> RefusedError:
        code = f" {status}" if status else ""
        return RefusedError(
            f"{self._caller.name} answers{code} to {what} as no Jellyfin from 10.9 on does — check "
            "its URL and version"
        )


def _device() -> str:
    """What stands for this fleet on this host: a login ends the one before by the same name."""
    return sha256(f"{socket.gethostname()}:{settings.data_dir()}".encode()).hexdigest()[:32]


def _json(answer: Answer) -> Any:
    """The value that an answer holds; _UNREADABLE for none."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value[:_LONGEST] if isinstance(value, str) else ""


def _first(row: Row, name: str) -> str:
    values = row.get(name)
    first = values[0] if isinstance(values, list) and values else None
    return first[:_LONGEST] if isinstance(first, str) else ""


def _id(row: Row) -> str:
    """The id of a row in the one form that Jellyfin gives it; empty for none."""
    text = _text(row, "Id").replace("-", "").lower()
    return text if _ID.fullmatch(text) else ""


def _checked(their_id: str) -> str:
    """An id that may stand in a path. Raises ValueError."""
    if not _ID.fullmatch(their_id):
        raise ValueError(f"{their_id!r} is no id of Jellyfin's")
    return their_id


def _token(row: Row) -> str:
    token = _text(row, "AccessToken")
    return token if _KEY.fullmatch(token) else ""


def _mbids(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    ids = row.get("ProviderIds")
    values = [ids.get(name) for name in names] if isinstance(ids, dict) else []
    return tuple(each[:_LONGEST].lower() for each in values if isinstance(each, str) and each)


def _seconds(row: Row) -> float | None:
    ticks = row.get("RunTimeTicks")
    seconds = ticks / _TICKS if type(ticks) is int else 0.0
    return seconds if 0 < seconds < _LONGEST_SECONDS else None


def _pictures(row: Row) -> dict[Role, str]:
    """What each picture there is known by; several backdrops are one mark, which is no one's."""
    tags = row.get("ImageTags")
    found = dict(tags) if isinstance(tags, dict) else {}
    backdrops = row.get("BackdropImageTags")
    if isinstance(backdrops, list) and backdrops:
        found["Backdrop"] = ",".join(map(str, backdrops))
    return {
        role: str(found[image])[:_LONGEST] for role, image in _IMAGES.items() if found.get(image)
    }
