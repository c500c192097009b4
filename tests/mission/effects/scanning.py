"""Files on their way into the tables."""

from pathlib import Path
from typing import Any

from db.models import Track
from db.scanning import scans
from db.sql.connection import transaction
from db.sql.path_text import to_text
from jobs.records import FoundFile
from tests.mission.cases import Is, Prepared, case
from tests.mission.standing_fleet import StandingFleet, until, write_song
from worker import dispatch
from worker.queues import admin

_new_songs = iter(range(70, 80))


def _new_song(fleet: StandingFleet) -> Path:
    number = next(_new_songs)
    path = fleet.music / f"Newcomer {number}" / f"{number}.flac"
    write_song(path, number, f"Newcomer {number}", f"Newcomer {number}")
    return path


def _taken_in(path: Path) -> Is:
    return lambda _: bool(
        until(lambda: Track.get_or_none(Track.path == to_text(bytes(path))), f"{path.name}")
    )


def _chunk(fleet: StandingFleet, path: Path) -> int:
    """A chunk with one file, of a scan that was walked."""
    stat = path.stat()
    found = FoundFile(to_text(bytes(path)), stat.st_size, stat.st_mtime_ns)
    with transaction():
        scan_id = scans.start(str(path.parent), deep=False)
        chunk_id = scans.add_chunk(scan_id, [found.as_json()])
        scans.record_walk(scan_id, found=1, unchanged=0, missing=0)
    return chunk_id


def _handed_on(fleet: StandingFleet, job: str, reading: str) -> dict[str, Any]:
    """What a stage is given when a new file is read: the stages before it run, it does not."""
    queue = dispatch.topology().route(job).name
    admin.pause(queue)
    dispatch.enqueue(reading, chunk_id=_chunk(fleet, _new_song(fleet)))
    held = until(lambda: next(dispatch.held_jobs(job), None), f"a job {job}")
    dispatch.queue(queue).empty()
    admin.resume(queue)
    return held.arguments


def _written(arguments: dict[str, Any]) -> Is:
    chunk_id = arguments["chunk_id"]
    return lambda _: bool(until(lambda: scans.open_chunk(chunk_id) is None, f"chunk {chunk_id}"))


@case("scan.discovery")
def _discovery(fleet: StandingFleet) -> Prepared:
    path = _new_song(fleet)
    return Prepared({"root": str(fleet.music)}, _taken_in(path))


@case("metadata.extract_batch")
def _extract(fleet: StandingFleet) -> Prepared:
    path = _new_song(fleet)
    return Prepared({"chunk_id": _chunk(fleet, path)}, _taken_in(path))


@case("batch.process_entities")
def _group(fleet: StandingFleet) -> Prepared:
    arguments = _handed_on(fleet, "batch.process_entities", "metadata.extract_batch")
    return Prepared(arguments, _written(arguments))


@case("insert.direct_batch")
def _insert(fleet: StandingFleet) -> Prepared:
    arguments = _handed_on(fleet, "insert.direct_batch", "metadata.extract_batch")
    return Prepared(arguments, _written(arguments))
