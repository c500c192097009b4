"""A batch that fails costs only the item that does it; what its surroundings do costs nothing."""

import errno
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
import redis

from db import ledger
from db.models import Album, EntityType, Kind, LedgerRow, ScanChunk, State, database
from db.scanning import scans
from db.settings import database_url
from db.sql import connection
from db.sql.connection import is_sqlite, open_database
from tests.databases import ON_SQLITE
from tests.music import write_track
from worker import dispatch
from worker.errors import RedisUnreachableError
from worker.process.endings import Fault, fault_of
from worker.process.fleet_worker import FleetWorker
from worker.redis.connection import RefusedError

COVERS, READING = "covers.process_album_covers", "metadata.extract_batch"
NEED = ledger.need_for(Kind.COVER, EntityType.ALBUM)
REFUSED = "this row may not be settled"


@pytest.fixture
def worker(queues: redis.Redis, database: str) -> FleetWorker:
    """A worker of covers and of the stages of a scan."""
    return FleetWorker("covers-1.here", ["deferred_covers", "insert", "batch", "extract"], queues)


def work_off(worker: FleetWorker) -> int:
    """Do what there is; how many jobs."""
    count = 0
    while (taken := worker.dequeue_job_and_maintain_ttl(None)) is not None:
        worker.execute_job(*taken)
        count += 1
    return count


def albums(count: int) -> list[int]:
    """The ids of new albums, whose covers are to be chosen."""
    ids = [Album.create(key=f"album {n}", title=f"{n}").id for n in range(count)]
    return ledger.need(NEED.kind, NEED.entity_type, ids)


def refuse_to_settle(album_id: int) -> None:
    """Have the database refuse, for a reason of its own, that the need of this album is settled."""
    odd = f"NEW.entity_id = {album_id} AND NEW.state IN ('done', 'none')"
    if is_sqlite():
        database.execute_sql(
            f"CREATE TRIGGER odd BEFORE UPDATE ON ledger WHEN {odd} "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSED}'); END"
        )
        return
    database.execute_sql(
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN "
        f"IF {odd} THEN RAISE EXCEPTION '{REFUSED}'; END IF; RETURN NEW; END $$ LANGUAGE plpgsql"
    )
    database.execute_sql(
        "CREATE TRIGGER odd BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION refuse()"
    )


def states() -> Counter[State]:
    """How many needs stand where."""
    return ledger.counts()[NEED]


def test_one_item_that_fails_costs_the_forty_nine_others_nothing(worker: FleetWorker) -> None:
    ids = albums(50)
    refuse_to_settle(ids[31])
    dispatch.enqueue(COVERS, album_ids=ids)
    assert work_off(worker) < 30
    assert states() == Counter({State.NONE: 49, State.FAILED: 1})
    found = ledger.need_state(NEED.kind, NEED.entity_type, ids[31])
    assert found is not None
    assert REFUSED in (found.reason or "")
    assert found.look_again_at is not None


def test_what_is_no_id_costs_the_ids_beside_it_nothing(worker: FleetWorker) -> None:
    job_id = dispatch.enqueue(COVERS, album_ids=["x", 2**70, True, *albums(3)])
    work_off(worker)
    assert states() == Counter({State.NONE: 3})
    # It was cut into parts, where the database takes no such id at all.
    assert worker.connection.hget(f"rq:job:{job_id}", "status") in {None, b"finished"}


def chunk_of(folder: Path, count: int, odd: int) -> int:
    """A chunk of a scan, one of whose files has a field that no reader knows."""
    files = []
    for number in range(count):
        path = folder / f"{number:02}.mp3"
        write_track(path, title=f"{number}")
        status = path.stat()
        files.append(
            {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}
            | ({"odd": 1} if number == odd else {})
        )
    return scans.add_chunk(scans.start(str(folder), deep=False), files)


@ON_SQLITE
def test_one_file_of_a_chunk_that_fails_is_a_problem_and_the_scan_ends(
    worker: FleetWorker, tmp_path: Path
) -> None:
    chunk_id = chunk_of(tmp_path, 6, odd=2)
    scan_id = ScanChunk.get_by_id(chunk_id).scan_id
    dispatch.enqueue(READING, chunk_id=chunk_id)
    work_off(worker)
    scans.record_walk(scan_id, found=6, unchanged=0, missing=0)
    scan = scans.get(scan_id)
    assert scan is not None
    assert scan.finished_at is not None
    assert (scan.new, scan.unreadable) == (5, 1)
    (row,) = ledger.quarantined()
    assert row.path == str(tmp_path / "02.mp3")
    assert "odd" in (row.reason or "")


def cut_off(url: str) -> None:
    """End every other connection to this PostgreSQL, as its restart does."""
    import psycopg  # noqa: PLC0415  # not installed everywhere

    with psycopg.connect(url) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'musicfleet'"
        )


def test_a_job_whose_database_is_away_waits_and_nothing_is_counted(
    worker: FleetWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection._SQLITE_PRAGMAS, "busy_timeout", 50)
    open_database()
    ids = albums(3)
    job_id = dispatch.enqueue(COVERS, album_ids=ids)
    taken = worker.dequeue_job_and_maintain_ttl(None)
    assert taken is not None
    if is_sqlite():
        other = sqlite3.connect(database.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        worker.execute_job(*taken)
        other.close()
    else:
        cut_off(database_url())
        worker.execute_job(*taken)
    job = dispatch.queue("deferred_covers").fetch_job(job_id)
    assert job is not None
    assert job.get_status() == "queued"
    assert worker.connection.hget(job.key, "deaths") == b"0"
    assert job.retries_left == dispatch.topology().queues["deferred_covers"].retries
    assert work_off(worker) == 1
    assert states() == Counter({State.NONE: 3})
    assert {row.attempt for row in LedgerRow.select()} == {1}


FAULTS = {
    Fault.STORES: [
        redis.ConnectionError("gone"),
        redis.TimeoutError("slow"),
        redis.OutOfMemoryError("command not allowed"),
        redis.ReadOnlyError("replica"),
        redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
        redis.ResponseError("Command # 1 (HSET x) of pipeline caused error: BUSY Redis is busy"),
        RefusedError("refuses"),
        RedisUnreachableError("x"),
    ],
    Fault.SURROUNDINGS: [
        OSError(errno.ENOSPC, "no space"),
        OSError(errno.EIO, "i/o"),
        OSError(errno.ESTALE, "stale"),
        PermissionError(errno.EACCES, "no"),
        ImportError("no module"),
    ],
    Fault.ITEM: [
        ValueError("bad"),
        FileNotFoundError(errno.ENOENT, "gone"),
        redis.ResponseError("WRONGTYPE Operation against a key"),
        redis.ResponseError("ERR OOM is a word in a title"),
        RecursionError("deep"),
    ],
}


@pytest.mark.parametrize(
    ("fault", "error"), [(fault, each) for fault, errors in FAULTS.items() for each in errors]
)
def test_it_is_known_by_an_error_what_is_at_fault(fault: Fault, error: Exception) -> None:
    assert fault_of(error) is fault
    wrapped = ValueError("while it worked")
    wrapped.__cause__ = error
    assert fault_of(wrapped) is fault
