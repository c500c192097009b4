"""Scans and their chunks: how far each has come.

A chunk carries files from discovery to the tables. It is done in the transaction that writes
them, so a scan's progress is exact, whatever is repeated or killed.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from peewee import fn

from db.models import Scan, ScanChunk, utc_now
from db.scanning.library_files import Scope
from db.sql.connection import transaction
from db.sql.path_text import is_under
from db.sql.queries import slices, tuples

DISCOVERY = "scan.discovery"
"""The job that walks a scan's root and makes its chunks."""
READING = "metadata.extract_batch"
"""The first job of a chunk: whatever its state, the chunk can be restarted with this job."""
_KEEP_PARTS = timedelta(days=1)


class Counts(NamedTuple):
    """What became of the files of one chunk."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    unreadable: int = 0


def start(root: str, *, deep: bool) -> int:
    """Begin a scan of `root` and return its id; an unfinished older one of that root is ended."""
    with transaction():
        older = Scan.select(Scan.id).where(Scan.root == root, Scan.finished_at.is_null())
        ScanChunk.delete().where(ScanChunk.scan.in_(older)).execute()
        Scan.update(finished_at=utc_now(), fault="superseded by a later scan").where(
            Scan.root == root, Scan.finished_at.is_null()
        ).execute()
        return int(Scan.create(root=root, deep=deep).id)


def start_unless_running(root: str, scope: Scope | None) -> int | None:
    """Begin a scan of `root`, or of a part of it, and return its id.

    None when a scan of some of the same files is running already.
    """
    with transaction():
        if overlapping(root):
            return None
        return int(Scan.create(root=root, scope=scope.as_json() if scope else None).id)


def overlapping(root: str) -> list[Scan]:
    """The scans that have not ended, of this root, of one above it or of one below it."""
    return [
        scan for scan in all_unfinished() if is_under(scan.root, root) or is_under(root, scan.root)
    ]


def last_whole(root: str) -> datetime | None:
    """When the last scan of all of this root was begun that had a result or is running."""
    query = Scan.select(fn.MAX(Scan.started_at)).where(
        Scan.root == root, Scan.scope.is_null(), Scan.fault.is_null()
    )
    begun: datetime | None = query.scalar()
    return begun


def get(scan_id: int) -> Scan | None:
    """The scan, or None."""
    scan: Scan | None = Scan.get_or_none(Scan.id == scan_id)
    return scan


def unfinished(root: str) -> Scan | None:
    """The scan of exactly this root, and all of it, that has not ended, or None."""
    scan: Scan | None = Scan.get_or_none(
        Scan.root == root, Scan.scope.is_null(), Scan.finished_at.is_null()
    )
    return scan


def all_unfinished() -> list[Scan]:
    """Every scan that has not ended, oldest first."""
    return list(Scan.select().where(Scan.finished_at.is_null()).order_by(Scan.id))


def latest(most: int) -> list[Scan]:
    """The last scans that were begun, the newest first."""
    return list(Scan.select().order_by(Scan.id.desc()).limit(most))


def roots() -> list[str]:
    """Every root that was ever scanned with a result, by name."""
    query = Scan.select(Scan.root).where(Scan.fault.is_null()).distinct()
    return sorted(root for (root,) in tuples(query))


def record_walk(scan_id: int, *, found: int, unchanged: int, missing: int | None = None) -> None:
    """Write how far the walk over the root has come; `missing` is known when it is over."""
    columns: dict[str, Any] = {"found": found, "unchanged": unchanged}
    if missing is not None:
        columns |= {"missing": missing, "walked_at": utc_now()}
    with transaction():
        Scan.update(**columns).where(Scan.id == scan_id).execute()
        if missing is not None:
            finish_if_complete(scan_id)


def add_chunk(
    scan_id: int,
    files: Sequence[dict[str, Any]] = (),
    regroup: Sequence[str] = (),
    split_folder: str | None = None,
) -> int:
    """Write a chunk, its `files` as JSON of `FoundFile`, in a transaction; return its id."""
    chunk = ScanChunk.create(
        scan=scan_id,
        files=list(files),
        regroup=list(regroup),
        split_folder=split_folder,
        file_count=len(files),
    )
    return int(chunk.id)


def open_chunk(chunk_id: int) -> ScanChunk | None:
    """The chunk if it is still to be done, else None."""
    chunk: ScanChunk | None = ScanChunk.get_or_none(
        ScanChunk.id == chunk_id, ScanChunk.done_at.is_null()
    )
    return chunk


def open_chunks(scan_id: int) -> list[ScanChunk]:
    """The chunks of a scan that are still to be done."""
    query = ScanChunk.select().where(ScanChunk.scan == scan_id, ScanChunk.done_at.is_null())
    return list(query.order_by(ScanChunk.id))


class Part(NamedTuple):
    """A chunk, and how many files it has."""

    chunk_id: int
    files: int


def split_chunk(chunk_id: int) -> list[Part]:
    """Make two chunks of an open one, and return both; it alone when it has one file.

    It is cut where the folder changes, as near to the middle as there is such a place, so that an
    album stays together.
    """
    with transaction():
        chunk = open_chunk(chunk_id)
        if chunk is None:
            return []
        cut = _cut([os.path.dirname(file["path"]) for file in chunk.files])
        if not cut:
            return [Part(chunk_id, len(chunk.files))]
        rest = chunk.files[cut:]
        ScanChunk.update(files=chunk.files[:cut], file_count=cut).where(
            ScanChunk.id == chunk_id
        ).execute()
        rest_id = add_chunk(chunk.scan_id, rest, chunk.regroup, chunk.split_folder)
        return [Part(chunk_id, cut), Part(rest_id, len(rest))]


def _cut(folders: Sequence[str]) -> int:
    """Where to cut a list of files, given the folder of each; 0 when there is nothing to cut."""
    middle = len(folders) // 2
    changes = [i for i in range(1, len(folders)) if folders[i] != folders[i - 1]]
    return min(changes, key=lambda place: abs(place - middle), default=middle)


def give_up_chunk(chunk_id: int, wait: Callable[[int], timedelta]) -> None:
    """Record that a job of an open chunk failed for good, and how long to `wait` before a retry."""
    with transaction():
        chunk = open_chunk(chunk_id)
        if chunk is not None:
            failures = chunk.failures + 1
            ScanChunk.update(failures=failures, again_at=utc_now() + wait(failures)).where(
                ScanChunk.id == chunk_id
            ).execute()


def due_jobs() -> dict[tuple[str, str], list[int]]:
    """The ids of scans and chunks that are to be done, by job and argument.

    Left out are the chunks that failed and are to wait.
    """
    unwalked = Scan.select(Scan.id).where(Scan.finished_at.is_null(), Scan.walked_at.is_null())
    chunks = (
        ScanChunk.select(ScanChunk.id)
        .join(Scan)
        .where(
            Scan.finished_at.is_null(),
            ScanChunk.done_at.is_null(),
            ScanChunk.again_at.is_null() | (ScanChunk.again_at <= utc_now()),
        )
    )
    return {
        (DISCOVERY, "scan_id"): [row[0] for row in tuples(unwalked.order_by(Scan.id))],
        (READING, "chunk_id"): [row[0] for row in tuples(chunks.order_by(ScanChunk.id))],
    }


def close_chunk(chunk: ScanChunk, counts: Counts) -> int | None:
    """Mark a chunk done and count its files. Call it in the transaction that writes them.

    Returns the id of a chunk that is to follow: the one that regroups a folder which was too
    large for one chunk, once the last of its parts is done.
    """
    Scan.update(
        new=Scan.new + counts.new,
        changed=Scan.changed + counts.changed,
        moved=Scan.moved + counts.moved,
        unreadable=Scan.unreadable + counts.unreadable,
    ).where(Scan.id == chunk.scan_id).execute()  # also locks the scan against a twin
    ScanChunk.update(done_at=utc_now(), files=[]).where(ScanChunk.id == chunk.id).execute()
    follower = _regroup_chunk(chunk)
    finish_if_complete(chunk.scan_id)
    return follower


def fail(scan_id: int, fault: str) -> None:
    """End a scan without a result."""
    Scan.update(fault=fault, finished_at=utc_now()).where(Scan.id == scan_id).execute()


def finish_if_complete(scan_id: int) -> None:
    """End a scan that was walked and has no chunk left to do."""
    left = ScanChunk.select().where(ScanChunk.scan == scan_id, ScanChunk.done_at.is_null())
    Scan.update(finished_at=utc_now()).where(
        Scan.id == scan_id,
        Scan.walked_at.is_null(False),
        Scan.finished_at.is_null(),
        ~fn.EXISTS(left),
    ).execute()


class Dropped(NamedTuple):
    """How many rows of ended scans were deleted."""

    chunks: int
    parts: int
    """Scans of parts of a root."""


def drop_ended() -> Dropped:
    """Delete the chunks of ended scans, and the scans of parts that ended a day ago or more.

    A folder that is watched has many of those, and its history would show nothing else.
    """
    ended = Scan.select(Scan.id).where(Scan.finished_at.is_null(False))
    chunks = int(ScanChunk.delete().where(ScanChunk.scan.in_(ended)).execute())
    old_part = Scan.scope.is_null(False) & (Scan.finished_at < utc_now() - _KEEP_PARTS)
    old = [scan_id for (scan_id,) in tuples(Scan.select(Scan.id).where(old_part))]
    for ids in slices(old):
        with transaction():
            ScanChunk.delete().where(ScanChunk.scan.in_(list(ids))).execute()
            Scan.delete().where(Scan.id.in_(list(ids))).execute()
    return Dropped(chunks, len(old))


def _regroup_chunk(chunk: ScanChunk) -> int | None:
    if chunk.split_folder is None:
        return None
    others = ScanChunk.select().where(
        ScanChunk.scan == chunk.scan_id,
        ScanChunk.split_folder == chunk.split_folder,
        ScanChunk.done_at.is_null(),
    )
    if others.exists():
        return None
    return add_chunk(chunk.scan_id, regroup=[chunk.split_folder])


class ChunkCounts(NamedTuple):
    """The chunks of some scans: how many, how many of them open, their files, and those written."""

    total: int
    open: int
    files: int
    files_done: int


def chunk_counts(scan_ids: Sequence[int]) -> ChunkCounts:
    """How far the chunks of these scans are."""
    query = (
        ScanChunk.select(
            ScanChunk.done_at.is_null(), fn.COUNT(ScanChunk.id), fn.SUM(ScanChunk.file_count)
        )
        .where(ScanChunk.scan.in_(list(scan_ids)))
        .group_by(ScanChunk.done_at.is_null())
    )
    by_state = {bool(is_open): (count, files or 0) for is_open, count, files in tuples(query)}
    open_, open_files = by_state.get(True, (0, 0))
    done, done_files = by_state.get(False, (0, 0))
    return ChunkCounts(open_ + done, open_, open_files + done_files, done_files)
