"""A vector is recomputed when a scan finds other words, an album's when a track left it."""

from pathlib import Path

import pytest
import redis

from db.models import EntityType, Kind, LedgerRow, State, Track
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan
from worker import dispatch
from worker.process.fleet_worker import FleetWorker


def vector(entity_id: int, entity_type: EntityType = EntityType.TRACK) -> LedgerRow:
    """The need of a vector, which was settled."""
    return LedgerRow.create(
        kind=Kind.VECTOR, entity_type=entity_type, entity_id=entity_id, state=State.DONE
    )


def scan_alone(root: Path, queues: redis.Redis) -> None:
    """Up to insertion: nothing is analysed, and no vector made."""
    dispatch.enqueue("scan.discovery", root=str(root.resolve()), deep=True)
    stages = ["scan", "extract", "batch", "insert"]
    FleetWorker("tests-1", stages, queues).work(burst=True, logging_level="WARNING")


@pytest.fixture
def analysed_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Analysis is on, so that tracks wait for it."""
    monkeypatch.delenv("FLEET_ANALYSIS_SECONDS")


def test_other_words_ask_for_another_vector_and_nothing_else_does(
    database: str, queues: redis.Redis, tmp_path: Path, analysed_later: None
) -> None:
    said = {"album": "A", "genre": "Jazz"}
    anew = {"genre": "Blues"}, {"mood": "Calm"}, {"date": "1999"}, {"album": "B"}, {}
    for number in range(len(anew)):
        write_track(tmp_path / f"{number}.mp3", **said, tracknumber=number + 1)
    scan_alone(tmp_path, queues)
    tracks = [Track.get(Track.track == number + 1).id for number in range(len(anew))]
    rows = [vector(track_id).id for track_id in tracks]
    for number, tags in enumerate(anew):
        write_track(tmp_path / f"{number}.mp3", **{**said, **tags}, tracknumber=number + 1)
    scan_alone(tmp_path, queues)
    states = [LedgerRow.get_by_id(row).state for row in rows]
    assert states == [State.TODO, State.TODO, State.TODO, State.DONE, State.DONE]


def test_what_has_no_row_yet_waits_for_its_analysis(
    database: str, queues: redis.Redis, tmp_path: Path, analysed_later: None
) -> None:
    write_track(tmp_path / "a.mp3", title="a", genre="Jazz")
    scan_alone(tmp_path, queues)
    write_track(tmp_path / "a.mp3", title="a", genre="Blues")
    scan_alone(tmp_path, queues)
    assert not LedgerRow.select().where(LedgerRow.kind == Kind.VECTOR).exists()


@ON_SQLITE
def test_an_album_that_a_track_left_has_another_mean(scan: Scan, library: Path) -> None:
    for name in ("a", "b"):
        write_track(library / f"{name}.mp3", title=name, album="A")
    scan()
    album = vector(1, EntityType.ALBUM)
    scan(deep=True)
    assert LedgerRow.get_by_id(album.id).state == State.DONE
    write_track(library / "a.mp3", title="a", album="B")
    scan()
    assert LedgerRow.get_by_id(album.id).state == State.NONE
