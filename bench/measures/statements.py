"""Measures each statement that a large library's PostgreSQL is sent, in libraries of two sizes.

    python -m bench rows …                          (with FLEET_DATABASE_URL, once for each)
    python -m bench statements URL [URL] [--only WORDS]

Each URL is a PostgreSQL with `pg_stat_statements`, filled by `python -m bench rows`, the smaller
one first. A whole fleet runs on it: what it does in an idle minute, commands, jobs of maintenance,
pages, requests of programs and players, a scan of twenty files, again, and with a folder gone, and
the training of a new model. For each the slowest statement counts, and the one that touched most
blocks of 8 KiB, which a busy machine does not change.

Exit code 0: no statement takes over a second; 1: not so; 2: it could not be measured.
"""

import http.client
import os
import shutil
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from bench.command import FAILED, PASSED, command_line, parser, say, verdict
from bench.libraries import music
from bench.libraries.music import SMALL
from bench.measures.api import new_key
from bench.measures.page import WithPages
from bench.peers import cost
from bench.record import results
from bench.record.results import Result, Table
from db import ledger, settings
from db.models import EntityType, Kind, database
from db.sql.connection import close_database, open_database
from worker.dispatch import enqueue, wait_for
from worker.errors import JobFailedError

MOST_SECONDS = 1.0
_FILES, _NEEDS, _PATIENCE = 20, 100_000, 3600.0


class Cost(NamedTuple):
    """What the statements of one thing cost."""

    milliseconds: float
    """Of the slowest one."""
    blocks: int
    """Of the one that touched most, that is next."""
    largest: str
    slow: dict[str, float]
    """The statements that took over a second, with their milliseconds."""


Steps = Iterator[tuple[str, Callable[[], object]]]


def main(arguments: Sequence[str]) -> int:
    """The command; returns its exit code."""
    options = parser("statements", __doc__)
    options.add_argument("urls", nargs="+", metavar="URL")
    options.add_argument("--only", default="", metavar="WORDS", help="steps with these in the name")
    asked = options.parse_args(arguments)
    load, costs, sizes = results.load(), [], []
    for url in asked.urls:
        tracks, found = _measured(url, asked)
        sizes.append(f"{tracks:,} tracks")
        costs.append(found)
    columns = [f"{size}: {what}" for size in sizes for what in ("most ms", "most blocks")]
    rows = [
        [name, *(cell for each in costs for cell in (round(each[name][0], 1), each[name][1]))]
        for name in costs[-1]
        if all(name in each for each in costs)
    ]
    table = Table(columns, rows, plotted=columns[-1])
    shown = [urlsplit(each)._replace(netloc="…").geturl() for each in arguments]
    what = "The slowest and the largest statement of each, on PostgreSQL"
    versions = {WithPages.name: WithPages.version()}
    result = Result("statements", command_line("statements", shown), what, table, versions, load)
    say(f"{results.write(result)} written")
    good = True
    for each in costs:
        for name, spent in each.items():
            for sql, took in spent.slow.items():
                good &= verdict(f"{name}: {took:,.0f} ms: {sql}", took < MOST_SECONDS * 1000)
    return PASSED if good else FAILED


def _measured(url: str, asked: Namespace) -> tuple[int, dict[str, Cost]]:
    """How many tracks a library has, and what each step costs there."""
    work = Path(tempfile.mkdtemp(prefix="mfpeer", dir="/tmp"))  # sockets: 107 bytes
    one = WithPages(work / "music", work, {"FLEET_DATABASE_URL": url})
    one.environment.pop("FLEET_ANALYSIS_SECONDS")
    found: dict[str, Cost] = {}
    _use_settings(one)
    open_database()
    try:
        database.execute_sql("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        tracks = int(database.execute_sql("SELECT MAX(id) FROM tracks").fetchone()[0])
        one.start()
        for name, step in _steps(one, tracks):
            if not all(word in name for word in asked.only.split()) or name in found:
                continue
            database.execute_sql("SELECT pg_stat_statements_reset()")
            begun = time.monotonic()
            step()
            found[name] = _cost()
            took = time.monotonic() - begun
            ms, blocks, largest, _ = found[name]
            say(f"{name:50} {took:8.2f} s {ms:10.1f} ms {blocks:10,} blocks: {largest}")
            for sql, each in found[name].slow.items():
                say(f"    {each:10.1f} ms {sql}")
    finally:
        close_database()
        one.stop()
        shutil.rmtree(work, ignore_errors=True)
    return tracks, found


def _use_settings(one: WithPages) -> None:
    """Have this process use the fleet's database and queues."""
    for name in [each for each in os.environ if each.startswith("FLEET_")]:
        del os.environ[name]
    os.environ |= {
        name: text for name, text in one.environment.items() if name.startswith("FLEET_")
    }
    settings.data_dir().mkdir(parents=True, exist_ok=True)


_COST = """
SELECT query, max_exec_time, (shared_blks_hit + shared_blks_read) / calls FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
AND query NOT LIKE '%%pg_stat_statements%%' ORDER BY 2 DESC
"""


def _cost() -> Cost:
    rows = database.execute_sql(_COST).fetchall()
    slow = {" ".join(sql.split())[:4000]: ms for sql, ms, _ in rows if ms > MOST_SECONDS * 1000}
    return Cost(
        max((float(row[1]) for row in rows), default=0.0),
        *max(((int(row[2]), " ".join(row[0].split())[:200]) for row in rows), default=(0, "")),
        slow,
    )


def _steps(one: WithPages, tracks: int) -> Steps:
    for words in _QUICK:
        yield f"fleet {words}", partial(_fleet, one, *words.split())
    yield "idle: a minute", lambda: time.sleep(70)
    yield from _pages(one, tracks)
    yield from _scans(one)
    for name in _JOBS:
        yield name, partial(_job, name)
    for words in _SLOW:
        yield f"fleet {words}", partial(_fleet, one, *words.split())
    yield "100,000 needs asked for", _ask_for_many
    yield "reconciliation of 100,000 needs", lambda: _job("maintenance.reconcile")
    yield "100,000 needs cancelled", _cancel_many
    yield "training, new vectors, put in use", lambda: _job("vectorization.train")
    yield "clusters of all", lambda: _job("gmm.train_model", entity_type="track")
    yield "clusters of few", lambda: _job("gmm.refresh_stale_clusters")


_QUICK = ("status", "status --json", "problems", "queue list", "similar track:15")
_SLOW = ("doctor", "cover why album:15", "missing-tags")
_JOBS = (
    "maintenance.reconcile",
    "maintenance.cleanup_expired_tasks",
    "maintenance.generate_daily_health_report",
    "maintenance.diagnostic_missing_fields",
    "maintenance.validate_system_integrity",
    "maintenance.cleanup_old_data",
    "maintenance.optimize_database",
    "maintenance.remove_unused_pictures",
    "maintenance.complete_pictures",
    "monitoring.monitor_tag_changes",
    "monitoring.check_model_health",
    "gmm.cleanup_old_clusters",
)


def _fleet(one: WithPages, *arguments: str) -> None:
    """Run `fleet`, which may find problems."""
    cost.run([sys.executable, "-m", "worker.cli", *arguments], one.environment)


def _job(name: str, **arguments: object) -> None:
    """Enqueue a job and wait for its end."""
    try:
        wait_for(enqueue(name, **arguments), _PATIENCE)
    except JobFailedError as error:
        say(f"{name} FAILED: {error}")


def _pages(one: WithPages, tracks: int) -> Steps:
    key = new_key(one)
    deep = tracks // 60
    paths = [
        "/",
        *(f"/?sort={order}" for order in ("added", "title", "artist", "year")),
        *(f"/?sort={order}&page={tracks // 3 // 60 // 2}" for order in ("added", "title", "year")),
        "/?art=missing",
        "/?art=folder",
        "/?genre=7",
        "/?year=1999",
        "/?genre=7&year=1999&sort=title",
        "/artists",
        "/artists?all=1",
        f"/artists?page={tracks // 3 // 60 // 2}",
        "/albums/15",
        "/albums/15.json",
        "/artists/15",
        "/artists/15.json",
        "/tracks/45",
        "/tracks/45.json",
        "/tracks/45/life",
        "/tracks/45.m3u8",
        "/search?q=amber",
        "/search?q=amber+blue",
        f"/search?q={tracks // 7}",
        "/search?q=xq",
        "/search?q=zzzz",
        "/search/suggestions?q=am",
        "/problems",
        f"/problems?page={tracks // 100 // 50 // 2}",
        "/health",
        "/maintenance",
        "/differences",
        "/queues",
        "/queues/stages",
        "/queues/deferred_covers",
        "/needs?kind=cover&type=track&state=failed",
        "/needs?kind=vector&type=track&state=none",
        "/scans",
        "/folders",
        "/history",
        "/settings",
        "/map",
        "/map/points",
        "/path?from=15&to=45",
        "/metrics",
    ]
    for path in paths:
        yield f"page {path}", partial(_get, one, path)
    for path in (
        *("albums", "artists", "tracks", "features", "problems", "work", "queues", "scans"),
        *(f"tracks?after={tracks // 2}", f"albums?after={tracks // 6}", "search?q=amber"),
        *("albums/15", "tracks/45", "artists/15", "tracks/45/similar", "clusters", "differences"),
    ):
        yield f"/api/{path}", partial(_get, one, f"/api/{path}", key)
    for path in (
        *("getMusicFolders", "getIndexes", "getArtists", "getGenres", "getScanStatus"),
        *("getArtist?id=ar-15", "getAlbum?id=al-15", "getSong?id=tr-45", "getTopSongs?artist=x"),
        *(
            f"getAlbumList2?type={order}&size=500"
            for order in ("newest", "random", "alphabeticalByName", "alphabeticalByArtist")
        ),
        *("getAlbumList2?type=newest&offset=100000", "getAlbumList2?type=byGenre&genre=Genre+7"),
        "getAlbumList2?type=byYear&fromYear=1990&toYear=1999",
        *("getRandomSongs?size=100", "getRandomSongs?size=100&genre=Genre+7"),
        "getSongsByGenre?genre=Genre+7&count=100&offset=1000",
        *("getStarred2", "search3?query=amber", "search3?query="),
        f"search3?query=&songCount=500&songOffset={deep}",
        *("getSimilarSongs2?id=ar-15", "getArtistInfo2?id=ar-15"),
    ):
        mark = "&" if "?" in path else "?"
        full = f"/rest/{path}{mark}apiKey={key}&v=1.16.1&c=bench&f=json"
        yield f"/rest/{path}", partial(_get, one, full)


@cache
def _where(one: WithPages) -> str:
    """The host and port of its pages."""
    return urlsplit(one.url).netloc


def _get(one: WithPages, path: str, key: str = "") -> None:
    """Ask twice: the first time something may be made ready."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for _ in range(2):
        connection = http.client.HTTPConnection(_where(one), timeout=300)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= http.client.BAD_REQUEST or b'"status":"failed"' in text[:200]:
            say(f"{path} answers {answer.status}: {text[:200]!r}")


def _scans(one: WithPages) -> Steps:
    yield f"a scan of {_FILES} files", lambda: _first_scan(one)
    yield "a second scan", lambda: _fleet(one, "scan", "--", str(one.music))
    yield "a deep scan", lambda: _fleet(one, "scan", "--deep", "--", str(one.music))
    yield "a changed album", lambda: _change(one)
    yield "a folder gone", lambda: _remove(one)
    yield "the root forgotten", lambda: _fleet(one, "root", "forget", "--yes", str(one.music))


def _first_scan(one: WithPages) -> None:
    music.make(one.music, _FILES, form=SMALL)
    _fleet(one, "scan", "--", str(one.music))
    time.sleep(20)  # the analysis goes on


def _change(one: WithPages) -> None:
    library = music.open_library(one.music)
    _fleet(one, "scan", "--", str(music.retag(library, share=0)[0].parent))


def _remove(one: WithPages) -> None:
    first = next(each.parent for each in sorted(one.music.rglob("*")) if each.suffix)
    shutil.rmtree(first)
    _fleet(one, "scan", "--", str(one.music))


def _ask_for_many() -> None:
    ids = range(1, _NEEDS + 1)
    ledger.need(Kind.COVER, EntityType.TRACK, ids)


def _cancel_many() -> None:
    need = ledger.need_for(Kind.COVER, EntityType.TRACK)
    ledger.cancel(need, range(1, _NEEDS + 1))
