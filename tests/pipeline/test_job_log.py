"""The log of a worker says of each job when it started, and how it ended."""

import logging
import os
import re
import signal
from pathlib import Path

import pytest
import redis

from db import ledger
from db.models import Album, EmbeddedPicture, EntityType, Kind
from db.sql.connection import close_database, open_database
from jobs.pictures import store
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan
from worker import dispatch
from worker.host.log import Lines
from worker.process.fleet_worker import FleetWorker
from worker.process.requeue import Death, settle_all
from worker.topology import Execution

pytestmark = ON_SQLITE

ALBUM_COVERS = "covers.process_album_covers"


@pytest.fixture
def albums(scan: Scan, library: Path, caplog: pytest.LogCaptureFixture) -> list[int]:
    """Two albums with a cover and one without, which need one again."""
    for name, front in (("one", [picture("red")]), ("two", [picture("blue")]), ("bare", [])):
        write_track(library / name / "1.flac", front, title=name, artist=name, album=name)
    scan()
    ids = [album.id for album in Album.select()]
    ledger.need(Kind.COVER, EntityType.ALBUM, ids)
    caplog.clear()
    caplog.set_level(logging.INFO, "fleet")
    return ids


def work(connection: redis.Redis, execution: Execution) -> None:
    """Work off the covers."""
    if execution is Execution.FORKED:
        close_database()
    worker = FleetWorker("covers-1", ["deferred_covers"], connection, execution=execution)
    worker.work(burst=True, logging_level="WARNING")
    open_database()


def lines(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    """What the fleet logged with this in it, all seconds as one."""
    found = [Lines("covers-1").format(each) for each in caplog.records if each.name == "fleet"]
    found = [each.partition(" covers-1 ")[2] for each in found]
    return [re.sub(r"\d+\.\d s", "N s", each) for each in found if text in each]


@pytest.mark.parametrize("execution", Execution)
def test_a_job_is_logged_with_what_it_settled(
    albums: list[int],
    queues: redis.Redis,
    execution: Execution,
    caplog: pytest.LogCaptureFixture,
) -> None:
    job_id = dispatch.enqueue(ALBUM_COVERS, album_ids=albums)
    work(queues, execution)
    of_job = f"job={job_id} queue=deferred_covers name={ALBUM_COVERS} attempt=1"
    start, undone, end = lines(caplog, "process_album_covers")
    bare = Album.get(title="bare").id
    assert undone.startswith(
        f"[{of_job} entity=album:{bare}]: {ALBUM_COVERS} {job_id}: cover of 1 album none: no cover"
    )
    assert [start, end] == [
        f"[{of_job} entity=album:{albums[0]}-{albums[-1]}]: {ALBUM_COVERS} {job_id} started: "
        "3 albums",
        f"[{of_job}]: {ALBUM_COVERS} {job_id} ended after N s, 3 albums: 2 done, 1 none",
    ]


def test_a_job_that_finds_all_settled_says_so(
    albums: list[int], queues: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        dispatch.enqueue(ALBUM_COVERS, album_ids=albums)
    work(queues, Execution.IN_PROCESS)
    assert lines(caplog, "ended")[-1].endswith("3 albums: nothing to do")


def test_what_a_child_settled_before_it_was_killed_is_counted(
    albums: list[int],
    queues: redis.Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "drop_leftovers", lambda: os.kill(os.getpid(), signal.SIGKILL))
    track_id = EmbeddedPicture.get().track_id
    ledger.need(Kind.PICTURE, EntityType.TRACK, [track_id])
    dispatch.enqueue("covers.extract_embedded", track_ids=[track_id])
    work(queues, Execution.FORKED)
    first, last, *_ = lines(caplog, "ended")
    assert "1 track: 1 done; died in covers-1 by SIGKILL, 1 of 3 deaths; put back" in first
    assert "1 track: died in covers-1 by SIGKILL, 2 of 3 deaths; put back" in last


def test_a_failure_is_one_line_with_its_reason_whatever_that_holds(
    albums: list[int],
    queues: redis.Redis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> None:
        raise OSError("no \x1b[31mspace")

    monkeypatch.setattr(store, "drop_leftovers", fail)
    dispatch.enqueue("covers.extract_embedded", track_ids=[])
    work(queues, Execution.IN_PROCESS)
    again, *_, last = lines(caplog, "ended")
    assert again.endswith("0 tracks: failed, and is tried again: OSError: no \\x1b[31mspace")
    assert last.endswith("0 tracks: failed: OSError: no \\x1b[31mspace")


def test_a_function_that_is_no_job_is_logged_as_refused(
    albums: list[int], queues: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    dispatch.queue("deferred_covers").enqueue("os.system\n", "true")
    work(queues, Execution.IN_PROCESS)
    started, ended = lines(caplog, "os.system")
    assert "started: no arguments" in started
    assert "no job that queues.toml routes, so it was not run" in ended


def test_what_ends_with_its_worker_is_logged_by_who_puts_it_back_and_by_its_successor(
    albums: list[int], queues: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = dispatch.enqueue(ALBUM_COVERS, album_ids=albums)
    worker = FleetWorker("covers-1", ["deferred_covers"], queues)
    taken = worker.dequeue_job_and_maintain_ttl(None)
    assert taken is not None
    settle_all(queues, worker.holder, Death("covers-2", "SIGKILL"))
    of_job = f"job={job_id} queue=deferred_covers name={ALBUM_COVERS} attempt=1"
    end = f"{ALBUM_COVERS} {job_id} ended after N s, 3 albums: died in covers-2 by SIGKILL"
    ending = f"[{of_job}]: {end}"
    assert [each.startswith(ending) for each in lines(caplog, "ended")] == [True]
    caplog.clear()
    FleetWorker("covers-2", ["deferred_covers"], queues)._beat()
    assert [each.startswith(ending) for each in lines(caplog, "ended")] == [True]


def test_what_a_stopping_worker_puts_back_is_logged(
    albums: list[int], queues: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    dispatch.enqueue(ALBUM_COVERS, album_ids=albums)
    worker = FleetWorker("covers-1", ["deferred_covers"], queues)
    assert worker.dequeue_job_and_maintain_ttl(None) is not None
    settle_all(queues, worker.holder)
    assert lines(caplog, "ended")[0].endswith("3 albums: put back: its worker stops")
