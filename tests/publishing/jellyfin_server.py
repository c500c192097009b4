"""A Jellyfin on loopback: its own format, and what it refuses.

Written after the sources of Jellyfin 10.11 on GitHub (Jellyfin.Api/Controllers: Playlists, Items,
Image, User, UserLibrary and LibraryController; PlaylistManager and Dto of
Emby.Server.Implementations), the OpenAPI client that is published for it (@jellyfin/sdk 0.13.0 on
npm), and issues 12999, 13476 and 15600 of jellyfin/jellyfin, by which a key of the API gets 400
where a playlist is changed.
"""

import base64
import binascii
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

Row = dict[str, Any]
_NAMED = re.compile(r'(\w+)="([^"]*)"')
_MOST_LINE = 8192
"""Bytes of a request's first line, as Kestrel has it."""
_MOST_BODY = 30_000_000
_FIELDS = ("Path", "ProviderIds", "CanDelete", "ChildCount")


class _RefusedError(Exception):
    def __init__(self, status: int, text: str = "") -> None:
        self.status, self.text = status, text


@dataclass
class Account:
    """A user."""

    name: str
    password: str
    is_admin: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class Listed:
    """A playlist, and whose it is."""

    id: str
    name: str
    owner: str
    is_public: bool
    entries: list[tuple[str, str]] = field(default_factory=list)
    """The id of the entry and of its item."""


@dataclass
class Call:
    """A request, and who makes it."""

    query: dict[str, str]
    body: bytes
    kind: str
    caller: Account | None
    """None for a key of the API."""
    header: dict[str, str]

    def check_elevated(self) -> None:
        """Let administrators and keys pass."""
        if self.caller is not None and not self.caller.is_admin:
            raise _RefusedError(403)

    def json(self) -> Row:
        """The body, which has to be an object."""
        if self.kind != "application/json":
            raise _RefusedError(415)
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise _RefusedError(400) from error
        if not isinstance(value, dict):
            raise _RefusedError(400)
        return value


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    server: "_Server"

    def do_GET(self) -> None:
        """Answer."""
        jellyfin = self.server.owner
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = unquote(url.path)
        jellyfin.asked.append((self.command, path))
        if fault := jellyfin.faults.get((self.command, path)):
            fault(self)
            return
        query = {name.lower(): value for name, value in parse_qsl(url.query)}
        try:
            if len(self.requestline) > _MOST_LINE:
                raise _RefusedError(414)
            value = jellyfin.answer(self, path, query, body)
        except _RefusedError as error:
            self.reply(error.status, error.text.encode(), "text/plain")
        else:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            data = b"" if value is None else data
            self.reply(204 if value is None else 200, data, "application/json; charset=utf-8")

    def do_POST(self) -> None:
        """The same."""
        self.do_GET()

    def do_DELETE(self) -> None:
        """The same."""
        self.do_GET()

    def reply(self, status: int, body: bytes, kind: str) -> None:
        """A whole answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: "JellyfinServer"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients go away."""


class JellyfinServer:
    """A running server with a library of its own."""

    def __init__(self) -> None:
        self.users = [Account("anna", "tea for two"), Account("root", "all of it", is_admin=True)]
        self.keys = {uuid.uuid4().hex}
        """Of the API."""
        self.items: dict[str, Row] = {}
        self.playlists: dict[str, Listed] = {}
        self.images: dict[tuple[str, str], list[tuple[str, bytes, str]]] = {}
        """The tag, bytes and type of the pictures of an item in each role."""
        self.asked: list[tuple[str, str]] = []
        self.faults: dict[tuple[str, str], Callable[[_Request], None]] = {}
        """How a method and path is answered instead."""
        self.scans = 0
        self.deleted_files: list[str] = []
        self._tokens: dict[str, Account] = {}
        self._ticks = 638_000_000_000_000_000
        self._server = _Server(("127.0.0.1", 0), _Request)
        self._server.owner = self
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def key(self) -> str:
        """A key of the API."""
        return next(iter(self.keys))

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that change something."""
        return [each for each in self.asked if each[0] != "GET" and "Authenticate" not in each[1]]

    def add(self, kind: str, name: str, **values: Any) -> str:
        """An item of the library; returns its id."""
        item_id = uuid.uuid4().hex
        path = values.pop("Path", f"/media/{name}")
        self.items[item_id] = {"Id": item_id, "Name": name, "Type": kind, "Path": path, **values}
        return item_id

    def add_song(self, title: str, artist: str = "", album: str = "", **values: Any) -> str:
        """A song."""
        named = {"Artists": [artist], "AlbumArtist": artist, "Album": album, "MediaType": "Audio"}
        return self.add("Audio", title, **{**named, "RunTimeTicks": 1_800_000_000, **values})

    def make_playlist(self, name: str, user: str, songs: list[str]) -> str:
        """A playlist that a user made there; returns its id."""
        (owner,) = (each for each in self.users if each.name == user)
        listed = Listed(uuid.uuid4().hex, name, owner.id, is_public=False)
        self.playlists[listed.id] = listed
        self._append(listed, songs)
        return listed.id

    def add_picture(self, item_id: str, image: str, data: bytes, mime: str = "image/png") -> str:
        """A picture that somebody chose there; returns its tag."""
        self._ticks += 10_000_000
        path = self.items[item_id]["Path"]
        tag = hashlib.md5(f"{path}{self._ticks}".encode(), usedforsecurity=False).hexdigest()
        before = self.images.get((item_id, image), []) if image == "Backdrop" else []
        self.images[item_id, image] = [*before, (tag, data, mime)]
        return tag

    def songs_of(self, list_id: str) -> list[str]:
        """The items of a playlist."""
        return [item for _, item in self.playlists[list_id].entries if item in self.items]

    def answer(self, request: _Request, path: str, query: dict[str, str], body: bytes) -> Any:
        """What it says. None stands for 204."""
        header = dict(_NAMED.findall(request.headers.get("Authorization", "")))
        kind = request.headers.get("Content-Type", "").partition(";")[0]
        token = header.get("Token", "")
        caller = self._tokens.get(token)
        call = Call(query, body, kind, caller, header)
        for method, pattern, name in _ROUTES:
            found = re.fullmatch(pattern, path)
            if method == request.command and found:
                if caller is None and token not in self.keys and name != "_log_in":
                    raise _RefusedError(401)
                return getattr(self, name)(call, *found.groups())
        raise _RefusedError(404)

    def _list_users(self, _call: Call) -> list[Row]:
        return [{"Name": each.name, "Id": each.id} for each in self.users]

    def _list_items(self, call: Call) -> Row:
        user = self._user(call.query.get("userid", ""), call.caller)
        kinds = call.query.get("includeitemtypes", "").split(",")
        if kinds == ["Playlist"]:
            return self._page([_as_row(each) for each in self._seen(user).values()], call)
        return self._page([row for row in self.items.values() if row["Type"] in kinds], call)

    def _list_artists(self, call: Call) -> Row:
        rows = [row for row in self.items.values() if row["Type"] == "MusicArtist"]
        return self._page(rows, call)

    def _get_item(self, call: Call, item_id: str) -> Row:
        user = self._user(call.query.get("userid", ""), call.caller)
        listed = self._seen(user).get(_guid(item_id))
        call.query["fields"] = ",".join(_FIELDS)
        return self._dto(_as_row(listed) if listed else self._item(item_id), call)

    def _get_songs(self, call: Call, list_id: str) -> Row:
        listed = self._list(list_id, self._user(call.query.get("userid", ""), call.caller))
        rows = [
            {**self.items[item], "PlaylistItemId": entry}
            for entry, item in listed.entries
            if item in self.items
        ]
        return self._page(rows, call)

    def _add_songs(self, call: Call, list_id: str) -> None:
        user = self._user(call.query.get("userid", ""), call.caller)
        self._append(self._own(list_id, user), _guids(call.query.get("ids", "")))

    def _remove_songs(self, call: Call, list_id: str) -> None:
        listed = self._own(list_id, call.caller)
        gone = call.query.get("entryids", "").split(",")
        listed.entries = [each for each in listed.entries if each[0] not in gone]

    def _get_image(self, _call: Call, item_id: str, image: str) -> bytes:
        pictures = self.images.get((self._item(item_id)["Id"], image))
        if not pictures:
            raise _RefusedError(404)
        return pictures[0][1]

    def _remove_image(self, call: Call, item_id: str, image: str, index: str) -> None:
        call.check_elevated()
        pictures = self.images.get((self._item(item_id)["Id"], image), [])
        pictures[int(index) : int(index) + 1] = []

    def _refresh(self, call: Call) -> None:
        call.check_elevated()
        self.scans += 1

    def _log_in(self, call: Call) -> Row:
        asked = call.json()
        if not all(call.header.get(name) for name in ("Client", "Device", "DeviceId", "Version")):
            raise _RefusedError(400, "Error processing request.")
        for user in self.users:
            named = user.name.casefold() == str(asked.get("Username")).casefold()
            if named and user.password == asked.get("Pw"):
                token = uuid.uuid4().hex
                # A login ends the one before it of the same user and device.
                self._tokens = {
                    old: each for old, each in self._tokens.items() if each is not user
                } | {token: user}
                named_user = {"Name": user.name, "Id": user.id}
                return {"User": named_user, "AccessToken": token, "ServerId": uuid.uuid4().hex}
        raise _RefusedError(401, "Error processing request.")

    def _user(self, user_id: str, caller: Account | None) -> Account | None:
        """The user as whom it is asked; only an administrator asks as another."""
        asked = _guid(user_id)
        if not asked or (caller and caller.id == asked):
            return caller
        if caller and not caller.is_admin:
            raise _RefusedError(403, "Error processing request.")
        for user in self.users:
            if user.id == asked:
                return user
        raise _RefusedError(404)

    def _seen(self, user: Account | None) -> dict[str, Listed]:
        if user is None:
            raise _RefusedError(400, "Error processing request.")
        return {
            list_id: each
            for list_id, each in self.playlists.items()
            if each.is_public or each.owner == user.id
        }

    def _list(self, list_id: str, user: Account | None) -> Listed:
        found = self._seen(user).get(_guid(list_id))
        if found is None:
            raise _RefusedError(404, '"Playlist not found"')
        return found

    def _own(self, list_id: str, user: Account | None) -> Listed:
        found = self._list(list_id, user)
        if user is None or found.owner != user.id:
            raise _RefusedError(403)
        return found

    def _item(self, item_id: str) -> Row:
        found = self.items.get(_guid(item_id))
        if found is None:
            raise _RefusedError(404)
        return found

    def _page(self, rows: list[Row], call: Call) -> Row:
        query = call.query
        start = int(query.get("startindex", 0))
        page = rows[start : start + int(query["limit"])] if "limit" in query else rows[start:]
        found = [self._dto(row, call) for row in page]
        return {"Items": found, "TotalRecordCount": len(rows), "StartIndex": start}

    def _dto(self, row: Row, call: Call) -> Row:
        """What is shown of an item: fields that were asked for, nulls left out."""
        caller = call.caller
        fields = call.query.get("fields", "").split(",")
        shown = {
            name: value
            for name, value in row.items()
            if (name not in _FIELDS or name in fields) and not name.startswith("_")
        }
        if "CanDelete" in fields:
            owner = row.get("_owner")
            shown["CanDelete"] = bool(caller is None or caller.is_admin or owner == caller.id)
        if call.query.get("enableimages") != "false":
            tags = {
                image: each[0][0]
                for (item, image), each in self.images.items()
                if item == row["Id"] and each and image != "Backdrop"
            }
            backdrops = self.images.get((row["Id"], "Backdrop"), [])
            shown |= {"ImageTags": tags, "BackdropImageTags": [tag for tag, *_ in backdrops]}
        return {**shown, "ServerId": "0" * 32}

    def _create(self, call: Call) -> Row:
        asked = call.json()
        user = self._user(str(asked.get("UserId", "")), call.caller)
        if user is None or not asked.get("Name"):
            raise _RefusedError(400, "Error processing request.")
        listed = Listed(
            uuid.uuid4().hex, asked["Name"], user.id, asked.get("IsPublic", True) is not False
        )
        self.playlists[listed.id] = listed
        self._append(listed, _guids(",".join(asked.get("Ids", []))))
        return {"Id": listed.id}

    def _update(self, call: Call, list_id: str) -> None:
        asked = call.json()
        listed = self._own(list_id, call.caller)
        if asked.get("Ids") is not None:
            listed.entries = []
            self._append(listed, _guids(",".join(asked["Ids"])))
        listed.name = asked.get("Name") or listed.name

    def _append(self, listed: Listed, item_ids: list[str]) -> None:
        """Songs that are unknown, or there already, are left out without a word."""
        for item_id in item_ids:
            if item_id in self.items and item_id not in [item for _, item in listed.entries]:
                listed.entries.append((uuid.uuid4().hex, item_id))

    def _delete(self, call: Call, item_id: str) -> None:
        caller = call.caller
        if listed := self.playlists.get(_guid(item_id)):
            if caller and not caller.is_admin and listed.owner != caller.id:
                raise _RefusedError(401, '"Unauthorized access"')
            del self.playlists[listed.id]
            return
        row = self._item(item_id)
        if caller and not caller.is_admin:
            raise _RefusedError(401, '"Unauthorized access"')
        self.deleted_files.append(row["Path"])
        del self.items[row["Id"]]

    def _set_image(self, call: Call, item_id: str, image: str) -> None:
        call.check_elevated()
        row = self._item(item_id)
        if len(call.body) > _MOST_BODY:
            raise _RefusedError(413)
        if call.kind not in {"image/jpeg", "image/png", "image/webp", "image/gif"}:
            raise _RefusedError(400, '"Incorrect ContentType."')
        try:
            data = base64.b64decode(call.body, validate=True)
        except binascii.Error as error:
            raise _RefusedError(500, "Error processing request.") from error
        self.add_picture(row["Id"], image, data, call.kind)


@pytest.fixture
def jellyfin() -> Iterator[JellyfinServer]:
    """A server without a library."""
    running = JellyfinServer()
    yield running
    running.stop()


_GUID, _IMAGE = "([0-9a-fA-F-]+)", "(Primary|Backdrop|Logo)"
_ROUTES = (
    ("POST", "/Users/AuthenticateByName", "_log_in"),
    ("GET", "/Users", "_list_users"),
    ("GET", "/Items", "_list_items"),
    ("GET", "/Artists", "_list_artists"),
    ("GET", f"/Items/{_GUID}", "_get_item"),
    ("DELETE", f"/Items/{_GUID}", "_delete"),
    ("POST", "/Playlists", "_create"),
    ("POST", f"/Playlists/{_GUID}", "_update"),
    ("GET", f"/Playlists/{_GUID}/Items", "_get_songs"),
    ("POST", f"/Playlists/{_GUID}/Items", "_add_songs"),
    ("DELETE", f"/Playlists/{_GUID}/Items", "_remove_songs"),
    ("GET", f"/Items/{_GUID}/Images/{_IMAGE}", "_get_image"),
    ("POST", f"/Items/{_GUID}/Images/{_IMAGE}", "_set_image"),
    ("DELETE", f"/Items/{_GUID}/Images/{_IMAGE}/([0-9]+)", "_remove_image"),
    ("POST", "/Library/Refresh", "_refresh"),
)


def _guid(text: str) -> str:
    """A GUID in the form of answers; empty for what is none."""
    try:
        return uuid.UUID(text).hex
    except ValueError:
        return ""


def _guids(text: str) -> list[str]:
    found = [_guid(each) for each in text.split(",") if each]
    if not all(found):
        raise _RefusedError(400, "Error processing request.")
    return found


def _as_row(listed: Listed) -> Row:
    count = len(listed.entries)
    row = {"Id": listed.id, "Name": listed.name, "Type": "Playlist", "ChildCount": count}
    return {**row, "_owner": listed.owner}
