"""A MusicBrainz on loopback: its formats, its limit, and its bad days.

It counts requests by the moment of their arrival, and answers everybody with 503 for a while when
they come faster than one an interval. Now and then it stumbles (503 with and without Retry-After,
500, a connection that ends), and once it bans us for the sins of a neighbour.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.enrichment.discography import Artist, Discography, Group, Recording, Release
from bench.enrichment.lucene import Index

WINDOW = 20
"""Intervals that are counted together."""
BAN_SECONDS = 3
_NEIGHBOUR = 300
"""The request at which everybody is banned, through no fault of ours."""
_STUMBLES = {97: "retry after", 151: "unavailable", 211: "broken", 263: "gone"}
"""Every so manieth request."""
_MOST = 100

Json = dict[str, Any]


class MusicBrainz:
    """The running service. `interval`: seconds that are to lie between two requests."""

    def __init__(self, discography: Discography, interval: float) -> None:
        self.interval = interval
        self.arrivals: list[float] = []
        self.answered: Counter[str] = Counter()
        self.stumbles: Counter[str] = Counter()
        self.bans = 0
        self._banned_until = 0.0
        self._answers = _Answers(discography)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Request)
        self._server.owner = self
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()

    def arrived(self) -> str | None:
        """Count a request; what keeps it from being answered."""
        with self._lock:
            now = time.monotonic()
            self.arrivals.append(now)
            number = len(self.arrivals)
            fault = self._fault(now, number)
            if fault:
                self.stumbles[fault] += 1
            return fault

    def _fault(self, now: float, number: int) -> str | None:
        if now < self._banned_until:
            return "banned"
        is_fast = number > WINDOW + 1 and now - self.arrivals[-WINDOW - 2] < WINDOW * self.interval
        self.bans += is_fast
        if is_fast or number == _NEIGHBOUR:
            self._banned_until = now + BAN_SECONDS
            return "banned"
        return next((kind for every, kind in _STUMBLES.items() if number % every == 0), None)

    def answer(self, path: str, query: Mapping[str, str]) -> Json | None:
        """The body of an answer; None for 404."""
        asked = f"{path}?{'&'.join(f'{name}={value}' for name, value in sorted(query.items()))}"
        with self._lock:
            self.answered[asked] += 1
            return self._answers.to(path.strip("/").split("/"), query)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: MusicBrainz

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that goes away, as after a connection that ended."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        """Answer, or stumble."""
        fault = self.server.owner.arrived()
        if fault == "gone":
            self.close_connection = True
            return
        if fault is not None:
            self._send(*_faulty(fault))
            return
        parts = urlsplit(self.path)
        body = self.server.owner.answer(parts.path, dict(parse_qsl(parts.query)))
        missing = {"error": "Not Found", "help": "For usage, see the documentation."}
        self._send(404 if body is None else 200, missing if body is None else body, {})

    def _send(self, status: int, body: Json, headers: Mapping[str, str]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the table says it all."""


def _faulty(fault: str) -> tuple[int, Json, dict[str, str]]:
    error = {"error": "Your requests are exceeding the allowable rate limit."}
    match fault:
        case "banned":
            return 503, error, {"Retry-After": str(BAN_SECONDS)}
        case "retry after":
            return 503, error, {"Retry-After": "1"}
        case "unavailable":
            return 503, error, {}
    return 500, {"error": "Internal Server Error"}, {}


class _Answers:
    """What it answers, in the shapes of musicbrainz.org/doc/MusicBrainz_API."""

    def __init__(self, discography: Discography) -> None:
        self._releases = discography.releases
        self._artists = discography.artists
        on: dict[str, list[Release]] = {}
        recordings: dict[str, Recording] = {}
        for release in discography.releases:
            for each in release.recordings:
                recordings[each.id] = each
                on.setdefault(each.id, []).append(release)
        self._recordings, self._on = list(recordings.values()), on
        self._indexes = {
            "release": Index([_release_fields(each) for each in self._releases]),
            "recording": Index([_recording_fields(each) for each in self._recordings]),
            "artist": Index([{"artist": [a.name], "alias": a.aliases} for a in self._artists]),
        }

    def to(self, path: Sequence[str], query: Mapping[str, str]) -> Json | None:
        """The answer to a lookup, a browse or a search."""
        match path:
            case ["release"] if "release-group" in query:
                group = query["release-group"]
                found = [each for each in self._releases if each.group.id == group]
                return {
                    "release-count": len(found),
                    "releases": [_release(each, tracks=False) for each in found],
                }
            case [kind]:
                return self._search(kind, query)
            case ["isrc", isrc]:
                held = [each for each in self._recordings if each.isrc == isrc]
                bodies = [self._recording(each) for each in held]
                return {"isrc": isrc, "recordings": bodies} if bodies else None
            case [kind, entity_id]:
                return self._lookup(kind, entity_id)
        return None

    def _lookup(self, kind: str, entity_id: str) -> Json | None:
        if kind == "release":
            return next(
                (_release(e, tracks=True) for e in self._releases if e.id == entity_id), None
            )
        if kind == "artist":
            return next((_artist(e) for e in self._artists if e.id == entity_id), None)
        found = (e for e in self._recordings if e.id == entity_id)
        return next((self._recording(e) for e in found), None)

    def _search(self, kind: str, query: Mapping[str, str]) -> Json:
        most = min(int(query.get("limit", "25")), _MOST)
        found = self._indexes[kind].search(query["query"], most)
        entries = []
        for place, score in found:
            body = (
                _release(self._releases[place], tracks=False)
                if kind == "release"
                else self._recording(self._recordings[place])
                if kind == "recording"
                else _artist(self._artists[place])
            )
            entries.append(body | {"score": round(score * 100)})
        return {"created": "2026-01-01", "count": len(entries), "offset": 0, f"{kind}s": entries}

    def _recording(self, recording: Recording) -> Json:
        on = self._on[recording.id]
        return _recording(recording, on) | {"releases": [_release(e, tracks=False) for e in on]}


def _release_fields(release: Release) -> dict[str, Sequence[str]]:
    artist = release.group.artist
    return {"release": [release.group.title], "artist": [artist.name], "arid": [artist.id]}


def _recording_fields(recording: Recording) -> dict[str, Sequence[str]]:
    artist = recording.artist
    return {"recording": [recording.title], "artist": [artist.name], "arid": [artist.id]}


def _release(release: Release, *, tracks: bool) -> Json:
    media: Json = {"position": 1, "format": "CD", "track-count": len(release.recordings)}
    if tracks:
        media["tracks"] = [
            {
                "id": release.track_id(place),
                "position": place + 1,
                "number": str(place + 1),
                "title": each.title,
                "length": each.length,
                "artist-credit": _credit(each.artist),
                "recording": _recording(each, [release]),
            }
            for place, each in enumerate(release.recordings)
        ]
    return {
        "id": release.id,
        "title": release.group.title,
        "status": "Official",
        "date": release.date,
        "country": release.country,
        "artist-credit": _credit(release.group.artist),
        "release-group": _group(release.group),
        "label-info": [{"catalog-number": release.number, "label": {"name": release.label}}],
        "track-count": len(release.recordings),
        "media": [media],
        "genres": [],
        "relations": [],
    }


def _group(group: Group) -> Json:
    return {
        "id": group.id,
        "title": group.title,
        "primary-type": group.type,
        "secondary-types": list(group.kinds),
        "first-release-date": group.date,
        "genres": [{"id": group.id, "name": "rock", "count": 3}],
    }


def _recording(recording: Recording, on: Sequence[Release]) -> Json:
    return {
        "id": recording.id,
        "title": recording.title,
        "length": recording.length,
        "first-release-date": min(each.date for each in on),
        "artist-credit": _credit(recording.artist),
        "isrcs": [recording.isrc],
        "genres": [],
        "relations": [],
    }


def _artist(artist: Artist) -> Json:
    return {
        "id": artist.id,
        "name": artist.name,
        "sort-name": artist.name,
        "type": "Group",
        "country": "GB",
        "life-span": {"begin": "1999", "end": None, "ended": None},
        "aliases": [{"name": alias, "locale": None} for alias in artist.aliases],
        "genres": [],
        "relations": [],
    }


def _credit(artist: Artist) -> list[Json]:
    return [
        {"name": artist.name, "joinphrase": "", "artist": {"id": artist.id, "name": artist.name}}
    ]
