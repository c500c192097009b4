"""Jobs of another musicfleet that wait in the queues when this one is installed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from db.models import Problem, Scan, Track
from db.scanning.library_files import READER
from jobs.maintenance import reconcile
from tests.databases import ON_SQLITE
from tests.music import write_track
from tests.pipeline.conftest import Scan as RunScan
from tests.pipeline.in_process import queue_names, work_off
from worker import dispatch
from worker.process.fleet_worker import FleetWorker

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def waiting(database: str, queues: redis.Redis, library: Path) -> Callable[[Change], str]:
    """Scans two files, and changes what the job says of them that waits to be inserted."""
    write_track(library / "1.flac", title="Song", artist="Artist", album="Album")
    (library / "2.flac").write_bytes(b"This is not audio.")

    def begin(change: Change) -> str:
        dispatch.enqueue("scan.discovery", root=str(library.resolve()))
        before = [name for name in queue_names() if name != "insert"]
        FleetWorker("tests-1", before, queues).work(burst=True, logging_level="WARNING")
        (job,) = dispatch.queue("insert").jobs
        arguments = dict(job.kwargs)
        for record in [*arguments["records"], *arguments["unread"]]:
            change(record)
        job.delete()
        return dispatch.enqueue("insert.direct_batch", **arguments)

    return begin


@ON_SQLITE
def test_what_an_older_one_has_read_is_done_and_read_again_by_the_next_scan(
    waiting: Callable[[Change], str], queues: redis.Redis, scan: RunScan
) -> None:
    waiting(lambda record: record.pop("reader"))
    work_off(queues)
    assert Scan.get().finished_at is not None
    assert (Track.get().reader, Problem.get().reader) == (0, 0)
    scan()
    assert (Track.get().reader, Problem.get().reader) == (READER, READER)
    assert Scan.select().order_by(Scan.id.desc()).get().changed == 1


@ON_SQLITE
def test_one_that_is_not_understood_fails_and_its_files_are_read_again(
    waiting: Callable[[Change], str], queues: redis.Redis
) -> None:
    job_id = waiting(lambda record: record.update(of_another_version=1, tags={"mood_ring": "x"}))
    for _ in range(3):
        FleetWorker("tests-1", queue_names(), queues).work(burst=True, logging_level="CRITICAL")
        reconcile()
    failed = dispatch.queue("insert").fetch_job(job_id)
    assert failed is None or failed.is_failed
    assert [track.title for track in Track.select()] == ["Song"]
    assert Problem.select().count() == 1
    assert Scan.get().finished_at is not None
    assert Scan.get().fault is None
