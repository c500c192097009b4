"""What runs for each event or minute reads no large table from end to end.

The plans are those of every statement that peewee sends while these ways are gone, on both
databases.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from db import ledger
from db.library import entity_pages, gallery, life
from db.library.gallery import AlbumFilter, AlbumOrder
from db.library.search import search
from db.models import EntityType, Kind
from db.models import database as connection
from db.scanning.library_files import Scope
from db.similarity.vectors import ModelInTraining, TrainedModel
from db.sql.connection import is_sqlite
from jobs.maintenance import reconcile
from jobs.maintenance.reconciliation import is_something_due
from jobs.worker_deferred_enrichment import process_enrichment_batch
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.in_process import work_off
from tests.providers.conftest import TurnOn, server, turn_on  # noqa: F401  # fixtures
from watch.root_watcher import ask_for
from worker.status import overview

LARGE = {
    *("tracks", "ledger", "covers", "artists", "problems", "audio_features"),
    *("embedded_pictures", "folder_images", "track_artists", "track_genres", "scan_chunks"),
}
MANY = 25_000
"""Rows of the ledger with which it counts as large."""
Statement = tuple[str, Any]


class Statements(logging.Handler):
    """Collects what peewee logs: each statement with its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Statement] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a statement, one of those that differ by the number of their parameters alone."""
        sql, parameters = record.msg
        if re.match(r"\s*(SELECT|UPDATE|DELETE|WITH|INSERT)", sql):
            self.found.setdefault(re.sub(r"([?]|%s)(, ([?]|%s))*", "?", sql), (sql, parameters))


@contextmanager
def statements() -> Iterator[Statements]:
    """All that this process sends meanwhile."""
    logger, handler = logging.getLogger("peewee"), Statements()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)


@pytest.fixture
def large(
    scan: Scan,
    library: Path,
    turn_on: TurnOn,  # noqa: F811  # the fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A library that was scanned, and a ledger that is large; analysis and providers are on.

    The providers know nothing.
    """
    import tests.librosa_compiled  # noqa: F401, PLC0415  # for the children that analyse

    for number in (1, 2):
        tags = {"artist": f"Artist {number}", "album": f"Album {number}", "genre": "Rock"}
        front = [picture(f"#{number}0{number}0{number}0", (200, 200))]
        write_track(library / f"A{number}" / "song.mp3", front, title="Song", **tags)
    (library / "A1" / "cover.jpg").write_bytes(picture("red"))
    scan()
    connection.execute_sql(
        "INSERT INTO ledger (kind, entity_type, entity_id, state, sources, attempt, lease_attempt) "
        "WITH RECURSIVE number(id) AS "
        f"(SELECT 1000000 UNION ALL SELECT id + 1 FROM number WHERE id < {10**6 + MANY - 1}) "
        f"SELECT '{Kind.REMOTE}', '{EntityType.ALBUM}', id, 'done', '[]', 0, 0 FROM number"
    )
    if not is_sqlite():
        connection.execute_sql("ANALYZE")
    turn_on("deezer", "musicbrainz")
    monkeypatch.delenv("FLEET_ANALYSIS_SECONDS")


def change(queues: redis.Redis, library: Path) -> None:
    """What the watcher and the jobs do when an album changed, one came, and one went."""
    folder = library / "A1"
    write_track(folder / "song.mp3", [picture("blue")], title="Other", artist="B", album="C")
    write_track(library / "A3" / "new.mp3", title="New", artist="Artist 1", album="New")
    (folder / "cover.jpg").write_bytes(picture("green"))
    (library / "A2" / "song.mp3").rename(library / "A3" / "moved.mp3")
    wanted = Scope.of([str(folder), str(library / "A3")], [str(library / "A2" / "song.mp3")])
    assert ask_for(str(library), wanted)
    work_off(queues)


def idle(queues: redis.Redis, library: Path) -> None:
    """The jobs of every minute, and what is asked before they are enqueued."""
    is_something_due()
    reconcile()
    reconcile()
    process_enrichment_batch()


def look(queues: redis.Redis, library: Path) -> None:
    """What somebody sees who opens the first page, an album and a track, searches, and asks."""
    for order in AlbumOrder:
        (album, *_) = gallery.album_list(AlbumFilter(), order, 0, 60)
        page = entity_pages.album_page(album.id)
        assert page is not None
        assert entity_pages.track_page(page.tracks[0].id)
    gallery.album_filters()
    assert search("song", artists=24, albums=60, tracks=100).tracks
    assert search("artist 1", artists=24, albums=60, tracks=100).artists
    overview.summed_work()
    overview.running_scans()
    ledger.waiting()


def take_over(queues: redis.Redis, library: Path) -> None:
    """A new model takes the place of the one in use, and what a track went through is shown."""
    ModelInTraining("for a test", TrainedModel(2, 2, 1, "", b"")).put_in_use()
    assert life.events(EntityType.TRACK, 1)


@pytest.mark.parametrize("way", [change, idle, look, take_over])
def test_no_large_table_is_read_from_end_to_end(
    way: Callable[..., None], large: None, queues: redis.Redis, library: Path
) -> None:
    with statements() as sent:
        way(queues, library)
    assert len(sent.found) > 5
    plans = on_sqlite if is_sqlite() else on_postgresql
    read = {sql: set(plans(sql, parameters)) for sql, parameters in sent.found.values()}
    assert {sql: tables for sql, tables in read.items() if tables & LARGE} == {}


def on_sqlite(sql: str, parameters: Any) -> Iterator[str]:
    """The tables that a statement reads from end to end; a partial index holds but some rows."""
    of_some = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
    partial = {name for (name,) in connection.execute_sql(of_some)}
    tables = {alias: table for table, alias in re.findall(r'"(\w+)" AS "(\w+)"', sql)}
    for *_, step in connection.execute_sql(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall():
        found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
        if found and found[2] not in partial:
            yield tables.get(found[1], found[1])


def on_postgresql(sql: str, parameters: Any) -> Iterator[str]:
    """The tables that a statement reads from end to end, though PostgreSQL is to avoid that."""
    connection.execute_sql("SET enable_seqscan = off")
    for (line,) in connection.execute_sql(f"EXPLAIN {sql}", parameters).fetchall():
        if found := re.search(r"Seq Scan on (\w+)", line):
            yield found[1]
    connection.execute_sql("SET enable_seqscan = on")
