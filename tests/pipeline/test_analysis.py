"""A scan asks for the analysis of what it took in, and of what has another content since."""

import os
from pathlib import Path

import pytest
import redis

from db import ledger
from db.models import AudioFeatures, EntityType, Kind, LedgerRow, State, Track
from db.settings import ANALYSIS_OFF
from jobs.maintenance import reconcile
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan
from tests.sums import check_sums
from worker import dispatch
from worker.process.fleet_worker import FleetWorker


def moments() -> dict[str, object]:
    """When each track was analysed, by the name of its file."""
    query = AudioFeatures.select(AudioFeatures, Track).join(Track)
    return {Path(row.track.path).name: row.analysed_at for row in query}


def test_every_track_of_a_scan_is_analysed(scan_and_analyse: Scan, library: Path) -> None:
    for name in ("a.mp3", "b.flac", "c.opus"):
        write_track(library / name, title=name)
    scan_and_analyse()
    assert set(moments()) == {"a.mp3", "b.flac", "c.opus"}
    rows = LedgerRow.select().where(LedgerRow.kind == Kind.ANALYSIS)
    assert [row.state for row in rows] == [State.DONE] * 3


@ON_SQLITE
def test_just_what_has_another_content_is_analysed_again(
    scan_and_analyse: Scan, library: Path
) -> None:
    for name in ("changed.mp3", "moved.mp3", "touched.mp3"):
        write_track(library / name, title=name, pitch=400 + len(name))
    scan_and_analyse()
    before = moments()
    write_track(library / "changed.mp3", title="another", pitch=500)
    (library / "moved.mp3").rename(library / "moved there.mp3")
    os.utime(library / "touched.mp3", (1, 1))
    scan_and_analyse()
    after = moments()
    assert after["changed.mp3"] != before["changed.mp3"]
    assert after["moved there.mp3"] == before["moved.mp3"]
    assert after["touched.mp3"] == before["touched.mp3"]


SOUND = {(Kind.ANALYSIS, State.NONE, ANALYSIS_OFF), (Kind.VECTOR, State.NONE, ledger.NO_MODEL)}


def of_sound() -> set[tuple[str, str, str | None]]:
    """How the analysis and the vector of tracks stand."""
    rows = LedgerRow.select().where(LedgerRow.kind.in_([Kind.ANALYSIS, Kind.VECTOR]))
    assert rows.count() == 2 * Track.select().count()
    return {(row.kind, row.state, row.reason) for row in rows}


def jobs_of_sound() -> int:
    return len(dispatch.queue("audio_analysis")) + len(dispatch.queue("deferred_vectors"))


def inserted(library: Path, queues: redis.Redis) -> None:
    """A scan of a library of two tracks, up to insertion."""
    for name in ("a.mp3", "b.mp3"):
        write_track(library / name, title=name)
    dispatch.enqueue("scan.discovery", root=str(library.resolve()), deep=False)
    stages = ["scan", "extract", "batch", "insert"]
    FleetWorker("tests-1", stages, queues).work(burst=True, logging_level="WARNING")


def test_what_is_turned_off_is_settled_by_the_scan_without_a_job(
    database: str, queues: redis.Redis, library: Path
) -> None:
    inserted(library, queues)
    assert of_sound() == SOUND
    assert jobs_of_sound() == 0
    check_sums()


def test_what_waits_when_analysis_is_turned_off_is_settled_without_a_job_and_done_when_on_again(
    database: str, queues: redis.Redis, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as on:
        on.delenv("FLEET_ANALYSIS_SECONDS")
        inserted(library, queues)
        queues.flushall()
    reconcile()
    assert of_sound() == SOUND
    assert jobs_of_sound() == 0
    monkeypatch.delenv("FLEET_ANALYSIS_SECONDS")
    reconcile()
    analyses = ledger.need_for(Kind.ANALYSIS, EntityType.TRACK)
    assert ledger.unleased(analyses) == sorted(track.id for track in Track.select())
    assert jobs_of_sound() == 1
