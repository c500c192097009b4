"""Measures what calls of players and programs cost in a large library, and the sending of a file.

    python -m bench calls [--tracks N] [--runs N] [--megabytes N]

The rows of a library that was never there are written (see `bench.libraries.rows`), half of its
tracks were played, and every hundredth album and artist has a star. Each method of /rest, and each
operation of /api that reads, is called --runs times, each time for another song, album or artist.
What counts is the CPU time of the web UI's process: it holds on a machine where others work too.
For the calls by which players synchronise, the statements of the database are run again alone: with
all their rows read by Python's sqlite3 they are the least that a call can take.
Then a file of --megabytes is sent, and read as it is, and the memory of the process compared.

Exit code 0: the median of each call is below 100 ms, those by which players synchronise take at
most twice the time of their statements, and the memory grew by less than 16 MiB; 1: not so; 2: the
calls could not be made.
"""

import http.client
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from bench.command import FAILED, PASSED, UnusableRunError, command_line, parser, say, verdict
from bench.libraries import rows
from bench.measures.api import new_key
from bench.measures.page import WithPages
from bench.measures.scan import started
from bench.peers import cost
from bench.peers.programs import Ours
from bench.record import results
from bench.record.results import Cell, Result, Table
from db.models import Annotation, Scan, Track, User, database
from db.sql.connection import transaction
from db.sql.statements import insert_missing
from web.app import create_app
from worker.supervisor.web_address import WebAddress

MOST_MS, MOST_TIMES, MOST_GROWN = 100.0, 2.0, 16.0
_BLOCK = 1 << 20
_PAGE = {"query": "", "artistCount": 0, "albumCount": 0, "songCount": 0}
_LISTS = (
    *("random", "newest", "highest", "frequent", "recent", "starred", "alphabeticalByName"),
    *("alphabeticalByArtist", "byYear", "byGenre"),
)
_SYNCHRONISE = ("getIndexes", "getArtists", "search3 songs")
_READS = (
    *("albums?limit=500", "albums/{n}", "artists?limit=500", "artists/{n}", "clusters"),
    *("differences", "features?limit=500", "problems", "queues", "scans", "search?query=moon"),
    *("tracks?limit=500", "tracks/{n}", "tracks/{n}/features", "work", "albums/{n}/covers"),
    *("albums/{n}/facts", "search_tracks?search_query=moon"),
)
Call = Callable[[int], tuple[str, dict[str, Any]]]
"""Path and parameters of a call for an album of this number."""


class Door(NamedTuple):
    """Where the web UI is, by what it is entered, and how its CPU time is read."""

    netloc: str
    key: str
    clock: int
    """Of all threads of its process, see clock_getcpuclockid(3)."""

    def open(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return http.client.HTTPConnection(self.netloc, timeout=600)


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("calls", __doc__)
    options.add_argument("--tracks", type=int, default=100_000, metavar="N")
    options.add_argument("--runs", type=int, default=20, help="of each call (%(default)s)")
    options.add_argument("--megabytes", type=int, default=500, metavar="N")
    asked = options.parse_args(arguments)
    load = results.load()
    with started(partial(Filled, asked.tracks), Path("/")) as one:
        door = Door(urlsplit(one.url).netloc, new_key(one), (~_web(one) << 3) | 2)
        with rows.of_fleet(one.data):
            _use(asked.tracks)
        taken = {name: _taken(door, call, asked.runs, asked.tracks) for name, call in _calls()}
        alone = {
            name: _alone(one.data, door.key, call)
            for name, call in _calls()
            if name in _SYNCHRONISE
        }
        sent = _sent(one, door, asked.megabytes)
    listed: list[list[Cell]] = [
        [name, _ms(median(each)), _ms(sorted(each)[int(len(each) * 0.95)]), _ms(alone.get(name))]
        for name, each in taken.items()
    ]
    table = Table(("CPU ms", "95 % below, ms", "statements ms"), listed, plotted="CPU ms")
    for name, *cells in listed:
        print(f"{name:45}", *("" if cell is None else f"{cell!s:>8}" for cell in cells))
    what = f"Calls of players and programs in a library of {asked.tracks:,} tracks"
    versions = {Ours.name: Ours.version()}
    result = Result("calls", command_line("calls", arguments), what, table, versions, load)
    say(f"{results.write(result)} written")
    return PASSED if all([_are_quick(taken), _are_near(taken, alone), sent]) else FAILED


class Filled(WithPages):
    """A fleet with its web UI over the rows of a library."""

    def __init__(self, tracks: int, music: Path, work: Path) -> None:
        super().__init__(music, work)
        self._tracks = tracks

    def start(self) -> None:
        """Write the rows, and then start the fleet, which would ask for some of them itself."""
        filling = [sys.executable, "-m", "bench", "rows", "--tracks", str(self._tracks)]
        if cost.run(filling, self.environment).code:
            raise UnusableRunError("the rows could not be written, see above")
        super().start()


def _ms(seconds: float | None) -> Cell:
    return None if seconds is None else round(seconds * 1000, 1)


def _are_quick(taken: Mapping[str, Sequence[float]]) -> bool:
    slowest = max(taken, key=lambda name: median(taken[name]))
    most = median(taken[slowest]) * 1000
    return verdict(f"{len(taken)} calls, at most {most:.0f} ms ({slowest})", most < MOST_MS)


def _are_near(taken: Mapping[str, Sequence[float]], alone: Mapping[str, float]) -> bool:
    times = {name: median(taken[name]) / each for name, each in alone.items()}
    says = ", ".join(f"{name} {each:.1f}" for name, each in times.items())
    return verdict(f"times their statements: {says}", max(times.values()) <= MOST_TIMES)


def _use(tracks: int) -> None:
    """Have the user have played half of the tracks, and starred some albums and artists."""
    user, now = User.get().id, rows._stored(rows._NOW)
    columns = ("user", "entity_type", "entity_id", "plays", "played_at", "starred_at", "rating")
    given: list[tuple[Any, ...]] = [
        (user, "track", n, n % 50 + 1, now, None, None) for n in range(1, tracks, 2)
    ]
    for kind, count in (("album", tracks // 10), ("artist", tracks // 20)):
        given += [(user, kind, n, 0, None, now, n % 5 + 1) for n in range(1, count, 100)]
    with transaction():
        insert_missing(Annotation, columns, given)


def _calls() -> Iterator[tuple[str, Call]]:
    """Each call by its name."""
    for name in ("ping", "getScanStatus", "getMusicFolders", "getIndexes", "getArtists"):
        yield name, _rest(name)
    for name in ("getGenres", "getStarred", "getStarred2", "getPlaylists", "getBookmarks"):
        yield name, _rest(name)
    yield "getUsers", _rest("getUsers")
    for name, kind in (("getArtist", "ar"), ("getAlbum", "al"), ("getSong", "tr")):
        yield name, _rest(name, id=kind)
    for name in ("getArtistInfo2", "getMusicDirectory"):
        yield name, _rest(name, id="ar")
    for name in ("getAlbumInfo2", "getSimilarSongs2"):
        yield name, _rest(name, id="al")
    for name in ("getSonicSimilarTracks", "getLyricsBySongId", "star", "unstar", "scrobble"):
        yield name, _rest(name, id="tr")
    yield "setRating", _rest("setRating", id="tr", rating=3)
    yield "createBookmark", _rest("createBookmark", id="tr", position=3)
    yield "savePlayQueue", _rest("savePlayQueue", id="tr")
    yield "getPlayQueue", _rest("getPlayQueue")
    yield "getTopSongs", _rest("getTopSongs", id="ar")
    years = {"fromYear": 1970, "toYear": 1990, "genre": "Genre 7"}
    for kind in _LISTS:
        yield f"getAlbumList2 {kind}", _rest("getAlbumList2", type=kind, size=50, **years)
    yield "getAlbumList2 500", _rest("getAlbumList2", type="newest", size=500)
    yield "getRandomSongs", _rest("getRandomSongs", size=50)
    yield "getSongsByGenre", _rest("getSongsByGenre", genre="Genre 7", count=50)
    for words in ("amber blue", "moon", "a"):
        yield f"search3 {words!r}", _rest("search3", query=words)
    yield "search any", _rest("search", any="moon")
    for kind in ("song", "album", "artist"):
        yield f"search3 {kind}s", _rest("search3", **_PAGE | {f"{kind}Count": 500})
    for path in _READS:
        yield f"/api/{path}", _api(path)


def _rest(name: str, **given: Any) -> Call:
    """A call of a method of /rest; an id is that of a song, album or artist."""

    def call(number: int) -> tuple[str, dict[str, Any]]:
        own = given | ({"id": f"{given['id']}-{number}"} if "id" in given else {})
        return f"/rest/{name}", own | {"c": "bench", "f": "json"}

    return call


def _api(path: str) -> Call:
    return lambda number: (f"/api/{path.format(n=number)}", {})


def _taken(door: Door, call: Call, runs: int, tracks: int) -> list[float]:
    """The CPU seconds of the web UI's process for each call."""
    draw = random.Random(1)  # noqa: S311  # no secret
    taken: list[float] = []
    with closing(door.open()) as connection:
        for _ in range(runs + 1):
            path, given = call(draw.randrange(1, tracks // 20))
            begun = time.clock_gettime(door.clock)
            _read(connection, path, given, door.key)
            taken.append(time.clock_gettime(door.clock) - begun)
    return taken[1:]  # the first time modules are imported


def _read(
    connection: http.client.HTTPConnection, path: str, given: dict[str, Any], key: str
) -> None:
    asked = f"{path}?{urlencode(given | {'apiKey': key})}" if given else path
    connection.request("GET", asked, headers={} if given else {"Authorization": f"Bearer {key}"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != http.client.OK or b'"status":"failed"' in text[:200]:
        raise UnusableRunError(f"{path} answers {answer.status}: {text[:300]!r}")


def _web(one: WithPages) -> int:
    """The web UI's process."""
    for pid, usage in cost.usages(one.supervisord).items():
        if " -m web" in usage.command:
            return pid
    raise UnusableRunError("the fleet has no web UI")


def _alone(data: Path, key: str, call: Call) -> float:
    """The CPU seconds of the statements that a call reads by."""
    with rows.of_fleet(data):
        app = create_app(WebAddress("127.0.0.1", 0), "", threading.Event())
    given, noted = call(1), []
    connection = database.obj
    plain = connection.execute_sql

    def note(sql: str, parameters: Any = None) -> Any:
        noted.append((sql, parameters))
        return plain(sql, parameters)

    connection.execute_sql = note
    app.test_client().get(given[0], query_string=given[1] | {"apiKey": key})
    connection.execute_sql = plain
    reads = [each for each in noted if each[0].startswith("SELECT")]
    taken = []
    with rows.of_fleet(data):
        for _ in range(10):
            begun = time.process_time()
            for sql, parameters in reads:
                database.obj.cursor().execute(sql, parameters or ()).fetchall()
            taken.append(time.process_time() - begun)
    return median(taken)


def _sent(one: WithPages, door: Door, megabytes: int) -> bool:
    """Whether a file is sent with flat memory; also says how fast, beside reading it."""
    music = one.data / "sent"
    music.mkdir()
    file = music / "long.wav"
    with file.open("wb") as written:
        for _ in range(megabytes):
            written.write(os.urandom(_BLOCK))
    with rows.of_fleet(one.data):
        of_root = {"root": str(music), "deep": False, "finished_at": rows._NOW}
        Scan.create(**of_root, started_at=rows._NOW, walked_at=rows._NOW)
        Track.update(path=str(file), size=file.stat().st_size).where(Track.id == 1).execute()
    before, begun = cost.usages(one.supervisord)[_web(one)].rss, time.perf_counter()
    with closing(door.open()) as connection:
        connection.request("GET", f"/rest/stream?id=tr-1&c=bench&apiKey={door.key}")
        answer, size = connection.getresponse(), 0
        while part := answer.read(_BLOCK):
            size += len(part)
    wall, begun = time.perf_counter() - begun, time.perf_counter()
    with file.open("rb") as read:
        while read.read(_BLOCK):
            pass
    plain = time.perf_counter() - begun
    grown = cost.usages(one.supervisord)[_web(one)].rss - before
    if size != file.stat().st_size:
        raise UnusableRunError(f"of {file.stat().st_size:,} bytes {size:,} were sent")
    speed = f"{megabytes / wall:,.0f} MiB/s, read as it is {megabytes / plain:,.0f}"
    return verdict(f"{megabytes} MiB sent: {speed}; memory {grown:+.1f} MiB", grown < MOST_GROWN)
