"""A server that speaks Subsonic's API, and what a user has there: read to be brought here.

It is asked as players ask: by token and salt, so that the password is in no request. Servers of
OpenSubsonic (https://opensubsonic.netlify.app) give every song for an empty search3; of others what
is starred and in playlists is all that can be read.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from db.models import EntityType
from db.users.annotations import MOST_STARS, Said
from db.users.imports import Brought, TheirPlaylist, Theirs, moment_of
from jobs.providers.errors import NothingThereError, RefusedError, StumbledError
from jobs.providers.web import Answer, Content, Web

_VERSION = "1.16.1"
_MOST_BYTES = 16 * 1024 * 1024
"""Of an answer: five hundred songs have one."""
_PAGE = 500
_MOST_PAGES = 4_000
_MOST_LISTS = 5_000
_LONGEST = 1_000
"""Characters of a text; longer ones are cut."""
_WRONG_PASSWORD, _NO_TOKENS, _NOT_ALLOWED, _NOT_THERE = {40, 44}, {41, 42}, 50, 70
_TYPES = {"song": EntityType.TRACK, "album": EntityType.ALBUM, "artist": EntityType.ARTIST}
_OK = 200
Row = dict[str, Any]


class SubsonicError(RefusedError):
    """The server does not answer as it should; the message says what to do."""


Send = Callable[[str, Content], Answer]
"""Sends a form to a path below the address of the server."""


class Api:
    """The methods of a server, called by one user. `user` is empty where `secret` is an API key."""

    def __init__(self, send: Send, user: str, secret: str) -> None:
        self.user = user
        self._send = send
        self._login = {"v": _VERSION, "c": "musicfleet", "f": "json"}
        if not user:
            self._login["apiKey"] = secret
            return
        salt = secrets.token_hex(8)
        token = hashlib.md5((secret + salt).encode(), usedforsecurity=False).hexdigest()
        self._login |= {"u": user, "t": token, "s": salt}

    def ask(self, method: str, **more: str | Sequence[str]) -> Row:
        """The answer to a method.

        Raises SubsonicError; NothingThereError, for what is not there; StumbledError, for an
        answer that was cut off; and what `send` raises.
        """
        form = Content.form({**self._login, **more})
        answer = self._send(f"/rest/{method}.view", form)
        try:
            found = json.loads(answer.body) if answer.status == _OK else None
        except (ValueError, RecursionError) as error:
            if answer.body.lstrip()[:1] == b"{":
                raise StumbledError(f"{answer.host} cuts its answer to {method} off") from error
            found = None
        body = _row(_row(found).get("subsonic-response"))
        if body.get("status") == "ok":
            return body
        raise self._error(method, answer, _row(body.get("error")))

    def _error(self, method: str, answer: Answer, error: Row) -> Exception:
        code, host, user = error.get("code"), answer.host, self.user or "the API key"
        if code in _WRONG_PASSWORD:
            what = "the name or password is wrong" if self.user else "it is wrong, or was revoked"
            return SubsonicError(f"{host} refuses {user}: {what}")
        if code in _NO_TOKENS:
            return SubsonicError(f"{host} lets {user} log in by no token, as we do")
        if code == _NOT_ALLOWED:
            return SubsonicError(f"{host} does not allow {user} to call {method}")
        says = text(error, "message") or f"it answers {method} with status {answer.status}"
        if code == _NOT_THERE:
            return NothingThereError(f"{host} has nothing of it: {says}")
        if code is not None:
            return SubsonicError(f"{host} does not do {method}: {says}")
        return SubsonicError(f"{host} is no server of Subsonic's API here: {says}")


def base_url(url: str) -> str:
    """Where a server is, of what people write."""
    return url.rstrip("/").removesuffix("/rest")


class Server:
    """A server, asked for one user. Raises UnavailableError, BadDownloadError and SubsonicError."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url, self._user = base_url(url), user
        self._web = Web(own_url=self._url)

        def send(path: str, content: Content) -> Answer:
            return self._web.send("POST", self._url + path, _MOST_BYTES, content)

        self._api = Api(send, user, password)

    def read(self) -> Brought:
        """All that the user has there."""
        with self._web:
            known: dict[str, dict[str, Row]] = {kind: {} for kind in _TYPES}
            for kind, row in (*self._everything(), *self._starred()):
                known[kind].setdefault(text(row, "id"), {}).update(row)
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
            found = self._api.ask("search3", query="", **sizes, **places).get("searchResult3")
            page_of = list(_of_kinds(found))
            yield from page_of
            if len(page_of) < _PAGE:
                return

    def _starred(self) -> Iterator[tuple[str, Row]]:
        yield from _of_kinds(self._api.ask("getStarred2").get("starred2"))

    def _playlists(self) -> Iterator[TheirPlaylist]:
        every = rows(self._api.ask("getPlaylists").get("playlists"), "playlist")
        for each in every[:_MOST_LISTS]:
            list_id, owner = text(each, "id"), text(each, "owner")
            if owner and owner.casefold() != self._user.casefold():
                continue  # somebody else's, which everybody may see
            entries = rows(self._api.ask("getPlaylist", id=list_id).get("playlist"), "entry")
            tracks = [_theirs("song", entry) for entry in entries]
            yield TheirPlaylist(text(each, "name"), f"{self._url} {list_id}", tracks)


def read(url: str, user: str, password: str) -> Brought:
    """What a user has in the server at a URL. Raises JobError."""
    return Server(url, user, password).read()


def _of_kinds(found: Any) -> Iterator[tuple[str, Row]]:
    for kind in _TYPES:
        for row in rows(found, kind):
            yield kind, row


def _row(value: Any) -> Row:
    return value if isinstance(value, dict) else {}


def rows(value: Any, name: str) -> list[Row]:
    """The rows of a list in an answer; none where it is not there."""
    found = _row(value).get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def text(row: Row, name: str) -> str:
    """A text or number of a row as text; empty where it is neither."""
    value = row.get(name)
    return str(value)[:_LONGEST] if isinstance(value, str | int) else ""


def _theirs(kind: str, row: Row) -> Theirs:
    mbid = text(row, "musicBrainzId")
    return Theirs(
        text(row, "title") or text(row, "name"),
        "" if kind == "artist" else text(row, "artist"),
        text(row, "album") if kind == "song" else "",
        text(row, "path") if kind == "song" else "",
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
