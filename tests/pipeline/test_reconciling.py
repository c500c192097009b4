"""Reconciliation enqueues again what the ledger has to do and no queue holds."""

from datetime import timedelta
from pathlib import Path

import pytest
import redis

from db import ledger
from db.models import EntityType, Kind, LedgerRow, State, utc_now
from db.models import Scan as ScanRow
from db.scanning import scans
from jobs.maintenance import reconcile
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import content
from worker import dispatch
from worker.process.fleet_worker import FleetWorker

ALBUM_COVERS = "covers.process_album_covers"
STAGES = ["scan", "extract", "batch", "insert", "deferred_covers"]
ALBUM = (Kind.COVER, EntityType.ALBUM)


@pytest.fixture
def scanned(scan: Scan, library: Path) -> None:
    """A library of one album that is all done."""
    write_track(library / "album" / "song.mp3", title="Song", artist="Artist", album="Album")
    scan()


def album_ids() -> list[int]:
    """The albums of the ledger."""
    return [row.entity_id for row in LedgerRow.select().where(LedgerRow.entity_type == "album")]


def waiting() -> list[dict[str, list[int]]]:
    """The arguments of the jobs that wait for covers."""
    return [dict(job.kwargs) for job in dispatch.queue("deferred_covers").jobs]


def test_a_sweep_over_what_is_all_done_rings_for_nothing(
    scanned: None, queues: redis.Redis
) -> None:
    assert reconcile() == {}


def test_what_is_to_be_done_and_was_lost_is_rung_for_once(
    scanned: None, queues: redis.Redis
) -> None:
    ledger.need(*ALBUM, album_ids())
    assert reconcile() == {ALBUM_COVERS: 1}
    assert reconcile() == {}
    assert waiting() == [{"album_ids": album_ids()}]
    work_off(queues)
    assert {row.state for row in LedgerRow.select()} <= {State.DONE, State.NONE}


def test_what_a_lost_job_leased_is_free_again(scanned: None, queues: redis.Redis) -> None:
    ledger.need(*ALBUM, album_ids())
    ledger.lease(*ALBUM, album_ids(), "lost:1", 3600)
    assert reconcile() == {ALBUM_COVERS: 1}


def test_what_a_waiting_job_leased_is_left_to_it(scanned: None, queues: redis.Redis) -> None:
    ledger.need(*ALBUM, album_ids())
    job_id = dispatch.enqueue(ALBUM_COVERS, album_ids=album_ids())
    ledger.lease(*ALBUM, album_ids(), f"{job_id}:1", 3600)
    assert reconcile() == {}
    assert {row.lease for row in LedgerRow.select().where(LedgerRow.entity_type == "album")} == {
        job_id
    }


def test_what_failed_is_rung_for_when_its_time_has_come(scanned: None, queues: redis.Redis) -> None:
    ledger.need(*ALBUM, album_ids())
    ledger.lease(*ALBUM, album_ids(), "failed:1", 3600)
    ledger.give_up("failed", "the disk was away", again=True)
    assert reconcile() == {}
    LedgerRow.update(look_again_at=utc_now() - timedelta(seconds=1)).where(
        LedgerRow.state == State.FAILED
    ).execute()
    assert reconcile() == {ALBUM_COVERS: 1}


@pytest.mark.parametrize("worked_off", range(len(STAGES)))
@ON_SQLITE
def test_a_scan_whose_jobs_are_lost_at_any_stage_completes(
    database: str, queues: redis.Redis, library: Path, worked_off: int
) -> None:
    write_track(library / "album" / "song.mp3", title="Song", artist="Artist", album="Album")
    dispatch.enqueue("scan.discovery", scan_id=scans.start(str(library.resolve()), deep=False))
    for stage in STAGES[:worked_off]:
        FleetWorker("tests-1", [stage], queues).work(burst=True, logging_level="WARNING")
    queues.flushall()
    assert reconcile()
    work_off(queues)
    assert len(content()["tracks"]) == 1
    assert ScanRow.get().finished_at is not None
    assert reconcile() == {}


def test_one_sweep_goes_on_at_a_time(scanned: None, queues: redis.Redis) -> None:
    ledger.need(*ALBUM, album_ids())
    with dispatch.alone("reconcile"):
        assert reconcile() is None
    assert waiting() == []
