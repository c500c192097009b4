"""A job whose process ends right after any of its commits leaves what reconciliation completes."""

import importlib
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis
from peewee import Database

from db import ledger
from db.models import EntityType, Kind
from db.sql.connection import transaction
from jobs.maintenance import reconcile
from tests.databases import ON_SQLITE
from tests.music import picture, write_track
from tests.pipeline.conftest import Scan
from tests.pipeline.in_process import work_off
from tests.pipeline.tables import content
from tests.pipeline.test_rescan import fresh
from worker import dispatch

MOST_COMMITS = 12
"""Of one run of a job, in what is tried here."""
OF_TRACKS = {
    "covers.extract_embedded": Kind.PICTURE,
    "covers.process_track_covers_batch": Kind.COVER,
}
"""Jobs that a scan needs only for what extraction could not do: they are asked for here."""
OF_COVERS = (
    *OF_TRACKS,
    "covers.process_album_covers",
    "covers.extract_artist_images",
    "covers.process_artist_images_batch",
)


class Ended(BaseException):
    """Stands for the end of a process: nothing after the commit happens."""


class Stop:
    """Ends the process after the nth commit of a job."""

    def __init__(self, job: str, nth: int) -> None:
        self.job = job
        self.running = ""
        self._left = nth

    def note_commit(self) -> None:
        """Count a commit."""
        if self.running == self.job:
            self._left -= 1
            if not self._left:
                raise Ended


def work_until_ended(stop: Stop) -> bool:
    """Do the jobs of every queue, in this process, and say whether the stop was come to."""
    try:
        while any(_work_one(name, stop) for name in dispatch.topology().queues):
            pass
    except Ended:
        return True
    return False


def _work_one(queue: str, stop: Stop) -> bool:
    waiting = dispatch.queue(queue)
    job_id = dispatch.connection().lpop(waiting.key)
    job = waiting.fetch_job(job_id.decode()) if isinstance(job_id, bytes) else None
    if job is None:
        return False
    module, _, function = str(job.func_name).rpartition(".")
    stop.running = f"{module}.{function}".removeprefix("jobs.")
    getattr(importlib.import_module(module), function)(**job.kwargs)
    stop.running = ""
    return True


def change(library: Path, number: int) -> None:
    """Change the library in every way that a scan notices."""
    album = library / "A" / "Album"
    kept = [f"{number}-{each}.flac" for each in range(4)]
    front = picture("red", (300 + number, 300))
    for each, name in enumerate(kept):
        artist = "A" if each < 2 else "B"
        tags = {"title": name, "artist": artist, "album": "Album"}
        write_track(album / name, [front], pitch=300 + each, **tags)
    for file in album.glob("*.flac"):
        if file.name not in kept[1:]:  # what was there before, and one of A
            file.unlink()
    (album / "cover.jpg").write_bytes(picture("blue", (300 + number, 300 + number)))
    (library / "A" / "artist.jpg").write_bytes(picture("white", (300, 300 + number)))
    moved = library / f"Other {number - 1}"
    if moved.exists():
        moved.rename(library / f"Other {number}")
    else:
        write_track(library / f"Other {number}" / "1.flac", pitch=500, title="Other", album="Other")


def _ask_again(job: str) -> None:
    """Have a job of tracks do again what the scan has done."""
    need = ledger.need_for(OF_TRACKS[job], EntityType.TRACK)
    with transaction():
        ids = ledger.need(need.kind, need.entity_type, ledger.with_state(need))
    dispatch.enqueue_need(need, ids)


def end_everywhere(
    job: str, library: Path, scan: Scan, queues: redis.Redis, patch: pytest.MonkeyPatch
) -> int:
    """Have the job end after each of its commits; how many there were."""
    patch.setenv("FLEET_ANALYSIS_SECONDS", "off")
    change(library, 0)
    scan()
    commit: Any = Database.commit
    for nth in count(1):
        change(library, nth)
        stop = Stop(job, nth)

        def committing(database: Database, *arguments: Any, stop: Stop = stop) -> None:
            commit(database, *arguments)
            stop.note_commit()

        dispatch.enqueue("scan.discovery", root=str(library.resolve()))
        with patch.context() as patched:
            patched.setattr(Database, "commit", committing)
            ended = work_until_ended(stop)
            if job in OF_TRACKS:
                _ask_again(job)
                ended = work_until_ended(stop)
        queues.flushall()
        while reconcile():
            work_off(queues)
        scan()
        after = content()
        assert after == fresh(scan), f"ended after commit {nth} of {job}"
        if not ended:
            return nth - 1
        assert nth < MOST_COMMITS
    return 0


@pytest.mark.parametrize("job", ["scan.discovery", "insert.direct_batch"])
def test_nothing_is_lost_after_any_commit_of_a_scan(
    library: Path, scan: Scan, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    assert end_everywhere(job, library, scan, queues, monkeypatch) >= 1


@pytest.mark.parametrize("job", OF_COVERS)
@ON_SQLITE
def test_nothing_is_lost_after_any_commit_of_covers(
    library: Path, scan: Scan, queues: redis.Redis, monkeypatch: pytest.MonkeyPatch, job: str
) -> None:
    assert end_everywhere(job, library, scan, queues, monkeypatch) >= 2
