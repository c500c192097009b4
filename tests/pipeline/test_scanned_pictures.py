"""The pictures in audio files are stored, decoded and chosen by the scan itself."""

import os
from pathlib import Path

import pytest
import redis

from db.models import Cover, EntityType, Image, Kind, LedgerRow, Problem, State, Track
from jobs.maintenance import reconcile
from jobs.pictures import store
from jobs.pictures.stored_images import decode_images
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.in_process import work_off
from worker import dispatch
from worker.process.fleet_worker import FleetWorker

STAGES = ("scan", "extract", "batch", "insert")
RED, BLUE = picture("red"), picture("blue")
OF_TRACKS = ("covers.extract_embedded", "covers.process_track_covers_batch")


def work(queues: redis.Redis, *stages: str) -> None:
    """Work off the queues of these stages, in this order."""
    for stage in stages:
        FleetWorker("tests-1", [stage], queues).work(burst=True, logging_level="WARNING")


def states(kind: Kind) -> dict[str, State]:
    """How the need of each track stands, by the name of its file."""
    names = {track.id: Path(track.path).name for track in Track.select()}
    rows = LedgerRow.select().where(
        LedgerRow.kind == kind, LedgerRow.entity_type == EntityType.TRACK
    )
    return {names[row.entity_id]: State(row.state) for row in rows}


@pytest.fixture
def music(library: Path) -> Path:
    """Two tracks with one picture, one with another, one with a damaged one, and one without."""
    for name, pictures in (
        ("1.flac", [RED]),
        ("2.flac", [RED]),
        ("3.mp3", [BLUE]),
        ("4.flac", [b"\xff\xd8\xff damaged"]),
        ("5.flac", []),
    ):
        write_track(library / "A" / name, pictures, title=name, artist="A", album="A")
    return library


def test_a_scan_stores_and_chooses_the_pictures_of_tracks_without_a_job_of_covers(
    database: str, queues: redis.Redis, music: Path
) -> None:
    dispatch.enqueue("scan.discovery", root=str(music.resolve()))
    work(queues, *STAGES)
    assert [list(dispatch.held_jobs(name)) for name in OF_TRACKS] == [[], []]
    assert states(Kind.COVER) == {
        **dict.fromkeys(("1.flac", "2.flac", "3.mp3"), State.DONE),
        **dict.fromkeys(("4.flac", "5.flac"), State.NONE),
    }
    assert sorted(states(Kind.PICTURE).values()) == [State.DONE, State.DONE, State.FAILED]
    images = {image.digest: image for image in Image.select()}
    assert {each.fault is None for each in images.values()} == {True, False}
    for data, colour in ((RED, "#fe0000"), (BLUE, "#0000fe")):
        image = images[store.digest_of(data)]
        assert (image.colour, image.mime) == (colour, "image/jpeg")
        assert store.original(image.digest).read_bytes() == data
        assert store.thumbnail(image.digest).exists()
    assert [(each.stage, Path(each.path).name) for each in Problem.select()] == [
        ("cover", "4.flac")
    ]
    assert Cover.select().count() == 3


@ON_SQLITE
def test_what_a_scan_stored_before_it_was_ended_gets_its_rows_later(
    database: str, queues: redis.Redis, music: Path
) -> None:
    dispatch.enqueue("scan.discovery", root=str(music.resolve()))
    work(queues, "scan", "extract")
    assert store.original(store.digest_of(RED)).exists()
    store.thumbnail(store.digest_of(RED)).unlink()  # it was ended before that came
    assert not Image.select().exists()
    queues.flushall()
    while reconcile():
        work_off(queues)
    assert store.thumbnail(store.digest_of(RED)).exists()
    assert set(states(Kind.COVER).values()) == {State.DONE, State.NONE}


@ON_SQLITE
def test_a_picture_that_is_gone_when_its_row_is_written_is_brought_by_the_job_of_covers(
    database: str, queues: redis.Redis, music: Path
) -> None:
    dispatch.enqueue("scan.discovery", root=str(music.resolve()))
    work(queues, "scan", "extract")
    store.original(store.digest_of(BLUE)).unlink()
    work(queues, "batch", "insert")
    assert states(Kind.COVER)["3.mp3"] == State.TODO
    assert states(Kind.COVER)["1.flac"] == State.DONE
    work_off(queues)
    assert states(Kind.COVER)["3.mp3"] == State.DONE
    assert store.original(store.digest_of(BLUE)).read_bytes() == BLUE


@pytest.mark.usefixtures("data_dir")
def test_what_is_stored_later_has_no_name_before() -> None:
    digests = [store.put(data, later=True) for data in (b"one", b"two")]
    assert not any(store.original(each).exists() for each in digests)
    store.finish()
    assert [store.original(each).read_bytes() for each in digests] == [b"one", b"two"]


@ON_SQLITE
def test_a_process_that_ends_before_it_has_stored_thumbnails_costs_none(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = store.finish

    def end_or_finish() -> None:
        if len(store._unfinished) > 1:
            os._exit(9)
        finish()

    digests = [store.put(data) for data in (RED, BLUE)]
    monkeypatch.setattr(store, "finish", end_or_finish)
    assert [image.fault for image in decode_images(digests)] == [None, None]
    assert all(store.thumbnail(each).exists() for each in digests)
