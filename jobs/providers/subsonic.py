"""What a user has in a server that speaks Subsonic's API: read to be brought into this library.

It is asked as players ask: by token and salt, so that the password is in no URL. Servers of
OpenSubsonic (https://opensubsonic.netlify.app) give every song for an empty search3; of others what
is starred and in playlists is all that can be read.
"""

import hashlib
import json
import secrets
from collections.abc import Iterator
from typing import Any

from db.models import EntityType
from db.users.annotations import MOST_STARS, Said
from db.users.imports import Brought, TheirPlaylist, Theirs, moment_of
from jobs.errors import JobError
from jobs.providers.web import Web

_VERSION = "1.16.1"
_MOST_BYTES = 16 * 1024 * 1024
"""Of an answer: five hundred songs have one."""
_PAGE = 500
_MOST_PAGES = 4_000
_MOST_LISTS = 5_000
_LONGEST = 1_000
"""Characters of a text; longer ones are cut."""
_WRONG_PASSWORD, _NO_TOKENS = 40, {41, 42}
_TYPES = {"song": EntityType.TRACK, "album": EntityType.ALBUM, "artist": EntityType.ARTIST}
_OK = 200
Row = dict[str, Any]


class SubsonicError(JobError):
    """The server does not answer, or not as it should; the message says what to do."""


class Server:
    """A server, asked for one user. Raises UnavailableError, BadDownloadError and SubsonicError."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/").removesuffix("/rest")
        salt = secrets.token_hex(8)
        token = hashlib.md5((password + salt).encode(), usedforsecurity=False).hexdigest()
        self._login = {"u": user, "t": token, "s": salt, "v": _VERSION, "c": "musicfleet"}
        self._web = Web(own_url=self._url)

    def read(self) -> Brought:
        """All that the user has there."""
        with self._web:
            known: dict[str, dict[str, Row]] = {kind: {} for kind in _TYPES}
            for kind, row in (*self._everything(), *self._starred()):
                known[kind].setdefault(_text(row, "id"), {}).update(row)
            said = {
                entity_type: [
                    (_theirs(kind, row), said)
                    for row in known[kind].values()
                    if any(said := _said(entity_type, row))
                ]
                for kind, entity_type in _TYPES.items()
            }
            return Brought(said, list(self._playlists()))

    def _everything(self) -> Iterator[tuple[str, Row]]:
        """All that an empty search finds."""
        for page in range(_MOST_PAGES):
            sizes = {f"{kind}Count": str(_PAGE) for kind in _TYPES}
            places = {f"{kind}Offset": str(page * _PAGE) for kind in _TYPES}
            found = self._ask("search3", query="", **sizes, **places).get("searchResult3")
            rows = list(_of_kinds(found))
            yield from rows
            if len(rows) < _PAGE:
                return

    def _starred(self) -> Iterator[tuple[str, Row]]:
        yield from _of_kinds(self._ask("getStarred2").get("starred2"))

    def _playlists(self) -> Iterator[TheirPlaylist]:
        every = _rows(self._ask("getPlaylists").get("playlists"), "playlist")
        for each in every[:_MOST_LISTS]:
            list_id, owner = _text(each, "id"), _text(each, "owner")
            if owner and owner.casefold() != self._login["u"].casefold():
                continue  # somebody else's, which everybody may see
            entries = _rows(self._ask("getPlaylist", id=list_id).get("playlist"), "entry")
            tracks = [_theirs("song", entry) for entry in entries]
            yield TheirPlaylist(_text(each, "name"), f"{self._url} {list_id}", tracks)

    def _ask(self, method: str, **more: str) -> Row:
        """The answer to a method."""
        parameters = {**self._login, "f": "json", **more}
        answer = self._web.get(f"{self._url}/rest/{method}.view", _MOST_BYTES, parameters)
        try:
            found = json.loads(answer.body) if answer.status == _OK else None
        except (ValueError, RecursionError):
            found = None
        body = _row(_row(found).get("subsonic-response"))
        if body.get("status") == "ok":
            return body
        error = _row(body.get("error"))
        user = self._login["u"]
        if error.get("code") == _WRONG_PASSWORD:
            raise SubsonicError(f"{answer.host} refuses {user}: the name or password is wrong")
        if error.get("code") in _NO_TOKENS:
            raise SubsonicError(f"{answer.host} lets {user} log in by no token, as we do")
        says = _text(error, "message") or f"it answers {method} with status {answer.status}"
        raise SubsonicError(f"{answer.host} is no server of Subsonic's API here: {says}")


def read(url: str, user: str, password: str) -> Brought:
    """What a user has in the server at a URL. Raises JobError."""
    return Server(url, user, password).read()


def _of_kinds(found: Any) -> Iterator[tuple[str, Row]]:
    for kind in _TYPES:
        for row in _rows(found, kind):
            yield kind, row


def _row(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def _rows(value: Any, name: str) -> list[Row]:
    found = _row(value).get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return str(value)[:_LONGEST] if isinstance(value, str | int) else ""


def _theirs(kind: str, row: Row) -> Theirs:
    mbid = _text(row, "musicBrainzId")
    return Theirs(
        _text(row, "title") or _text(row, "name"),
        "" if kind == "artist" else _text(row, "artist"),
        _text(row, "album") if kind == "song" else "",
        _text(row, "path") if kind == "song" else "",
        (mbid,) if mbid else (),
    )


def _said(entity_type: EntityType, row: Row) -> Said:
    rating, plays = row.get("userRating"), row.get("playCount")
    stars = rating if type(rating) is int and 0 < rating <= MOST_STARS else None
    count = plays if type(plays) is int and 0 < plays < 2**31 else 0
    if entity_type is not EntityType.TRACK:  # they are played as often as their tracks
        count = 0
    played_at = moment_of(row.get("played")) if count else None
    return Said(moment_of(row.get("starred")), stars, count, played_at)
