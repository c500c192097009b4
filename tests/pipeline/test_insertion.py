"""What a scan writes is what the files say, once, however often a job runs."""

from datetime import timedelta
from pathlib import Path

import pytest
import redis
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer

from db import ledger
from db.models import (
    Album,
    AlbumArtist,
    Artist,
    Cover,
    Image,
    LedgerRow,
    Scan,
    ScanChunk,
    State,
    Track,
    TrackArtist,
    utc_now,
)
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import content
from worker import dispatch
from worker.process.fleet_worker import FleetWorker


@pytest.mark.parametrize("name", ["2Pac", "R.E.M.", "k.d. lang", "AC/DC", "Sigur Rós", "P!nk"])
def test_names_are_stored_as_they_are_written(scan: RunScan, library: Path, name: str) -> None:
    write_track(library / "a" / "what?.flac", title=name, artist=name, album=name, genre=name)
    scan()
    track = Track.get()
    assert (track.title, track.album_title, track.path) == (name, name, f"{library}/a/what?.flac")
    assert [artist.name for artist in Artist.select()] == [name]


def test_several_artists_stay_several_in_their_order(scan: RunScan, library: Path) -> None:
    write_track(library / "a" / "1.mp3", title="Duet", artist=["Zed", "Abe"], album="Duets")
    scan()
    credits = TrackArtist.select(TrackArtist, Artist).join(Artist).order_by(TrackArtist.position)
    assert [credit.artist.name for credit in credits] == ["Zed", "Abe"]


@pytest.mark.parametrize("extension", ["mp3", "flac", "ogg", "opus"])
@ON_SQLITE
def test_every_format_fills_the_same_columns(scan: RunScan, library: Path, extension: str) -> None:
    write_track(
        library / f"1.{extension}",
        title="Title",
        artist="Artist",
        album="Album",
        albumartist="Band",
        tracknumber="3",
        discnumber="2",
        date="1999-12-31",
    )
    scan()
    track = Track.get()
    assert (track.title, track.track, track.disc, track.date) == ("Title", 3, 2, "1999-12-31")
    assert track.album.album_artist == "Band"
    assert track.duration == pytest.approx(0.3, abs=0.1)
    assert (track.sample_rate, track.channels) == (48000, 1)


@ON_SQLITE
def test_a_folder_too_large_for_one_chunk_is_still_one_album(scan: RunScan, library: Path) -> None:
    for number in range(230):
        write_track(
            library / f"{number}.ogg",
            title=f"{number}",
            artist=f"Guest {number}" if number % 3 == 0 else "Band",
            album="All of It",
            tracknumber=number + 1,
        )
    scan()
    assert ScanChunk.select().where(ScanChunk.split_folder.is_null(False)).count() > 1
    album = Album.get()
    assert (album.album_artist, album.tracks.count()) == ("Band", 230)
    assert Scan.get().finished_at is not None


def test_a_job_that_runs_twice_changes_nothing(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    for number in range(3):
        write_track(library / f"{number}.mp3", [picture("red")], title=f"{number}", album="A")
    dispatch.enqueue("scan.discovery", root=str(library))
    seen: list[Job] = []
    names = list(dispatch.topology().queues)
    worker = FleetWorker("tests-1", names, queues)
    while (taken := worker.dequeue_job_and_maintain_ttl(None)) is not None:
        seen.append(taken[0])
        worker.execute_job(*taken)
    before = content(), sorted(row.__data__["state"] for row in LedgerRow.select())
    for job in seen:
        dispatch.enqueue(job.func_name.removeprefix("jobs."), **job.kwargs)
    work_off(queues)
    assert (content(), sorted(row.__data__["state"] for row in LedgerRow.select())) == before
    assert Scan.select().count() == 2  # the root's discovery, run again, is a scan of its own


def test_every_need_of_a_scan_is_settled(scan: RunScan, library: Path) -> None:
    write_track(library / "with" / "1.mp3", [picture("red")], title="1", album="With")
    write_track(library / "without" / "1.mp3", title="1", album="Without")
    scan()
    states = {need.job: dict(counts) for need, counts in ledger.counts().items()}
    assert states["covers.process_album_covers"] == {State.DONE: 1, State.NONE: 1}
    none = LedgerRow.get(LedgerRow.entity_type == "album", LedgerRow.state == State.NONE)
    assert "embedded" in none.sources
    assert none.reason


def test_an_album_that_loses_its_last_track_goes_with_its_artist_and_cover(
    scan: RunScan, library: Path
) -> None:
    write_track(library / "1.mp3", [picture("red")], title="1", artist="Old", album="Old")
    scan()
    write_track(library / "1.mp3", title="1", artist="New", album="New")
    scan()
    assert [album.title for album in Album.select()] == ["New"]
    assert [artist.name for artist in Artist.select()] == ["New"]
    assert AlbumArtist.select().count() == 1
    assert Cover.select().count() == 0


def test_eleven_tracks_with_one_picture_are_one_image(scan: RunScan, library: Path) -> None:
    for number in range(11):
        write_track(library / f"{number}.mp3", [picture("red")], title=f"{number}", album="A")
    scan()
    assert Image.select().count() == 1
    assert Cover.select().where(Cover.entity_type == "track").count() == 11


def test_a_job_whose_database_fails_is_a_failed_job_not_a_success(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    job_id = dispatch.enqueue("scan.discovery", scan_id=999)
    FleetWorker("tests-1", ["scan"], queues).work(burst=True, logging_level="CRITICAL")
    job = Job.fetch(job_id, connection=queues, serializer=JSONSerializer)
    assert job.get_status() == JobStatus.FAILED
    assert "there is no scan 999" in job.latest_result().exc_string


@ON_SQLITE
def test_a_lease_that_no_job_holds_any_more_stops_nothing(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    write_track(library / "1.mp3", [picture("red")], title="1", album="A")
    scan()
    LedgerRow.update(
        state=State.LEASED, lease="a job that is gone", leased_until=utc_now() + timedelta(hours=1)
    ).execute()
    scan()
    assert {row.state for row in LedgerRow.select()} <= {State.DONE, State.NONE}


@ON_SQLITE
def test_a_scan_rings_again_for_what_an_earlier_one_left(
    scan: RunScan, library: Path, queues: redis.Redis
) -> None:
    write_track(library / "1.mp3", [picture("red")], title="1", album="A")
    dispatch.enqueue("scan.discovery", root=str(library))
    pipeline = ["scan", "extract", "batch", "insert"]
    FleetWorker("tests-1", pipeline, queues).work(burst=True, logging_level="ERROR")
    dispatch.queue("deferred_covers").empty()  # as if Redis had been lost
    scan()
    assert Cover.select().count() == 2


CHUNK_JOBS: dict[str, dict[str, object]] = {
    "metadata.extract_batch": {},
    "batch.process_entities": {"records": [], "unread": []},
    "insert.direct_batch": {
        "records": [],
        "unread": [],
        "grouping": {"keys": {}, "album_artists": {}, "regrouped": {}},
    },
}


@pytest.mark.parametrize("job", CHUNK_JOBS)
def test_a_chunk_that_the_database_does_not_know_fails(
    database: str, queues: redis.Redis, job: str
) -> None:
    job_id = dispatch.enqueue(job, chunk_id=99_999, **CHUNK_JOBS[job])
    FleetWorker("tests-1", ["extract", "batch", "insert"], queues).work(burst=True)
    failed = Job.fetch(job_id, connection=queues, serializer=JSONSerializer)
    assert failed.get_status() == JobStatus.FAILED
    assert "this database has no chunk 99999" in str(failed.latest_result().exc_string)
    assert content() == {table: [] for table in content()}


@ON_SQLITE
def test_the_first_chunks_of_a_scan_are_small_so_that_albums_show_early(
    database: str, queues: redis.Redis, library: Path
) -> None:
    for number in range(200):
        file = library / f"{number // 10:02}" / f"{number}.mp3"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"not read here")
    dispatch.enqueue("scan.discovery", root=str(library.resolve()), deep=False)
    FleetWorker("tests-1", ["scan"], queues).work(burst=True, logging_level="WARNING")
    sizes = [chunk.file_count for chunk in ScanChunk.select().order_by(ScanChunk.id)]
    assert sizes == [10, 20, 40, 80, 50]
