"""Scans and their chunks: how far each has come.

A chunk carries files from discovery to the tables. It is done in the transaction that writes
them, so a scan's progress is exact, whatever is repeated or killed.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from peewee import Case, ModelSelect, fn

from db.models import Scan, ScanChunk, utc_now
from db.scanning.library_files import Scope, folder_of, group_folder
from db.sql.connection import transaction
from db.sql.path_text import is_under
from db.sql.queries import slices, tuples

DISCOVERY = "scan.discovery"
"""The job that walks a scan's root and makes its chunks."""
READING = "metadata.extract_batch"
"""The first job of a chunk: whatever its state, the chunk can be restarted with this job."""
STAGES = {"extract": READING, "group": "batch.process_entities", "insert": "insert.direct_batch"}
"""The stages of a chunk, each with the job whose queue holds the chunks of that stage."""
CANCELLED = "cancelled"
"""The `fault` of a scan that was."""
_FOLDERS = 50
"""How many folders a chunk regroups at most."""
_IS_ROOT = Scan.forgotten_at.is_null()


class Counts(NamedTuple):
    """What became of the files of one chunk."""

    new: int = 0
    changed: int = 0
    moved: int = 0
    unreadable: int = 0


def start(root: str, *, deep: bool) -> int:
    """Begin a scan of `root`, which is forgotten no more; an unfinished older one is ended."""
    with transaction():
        Scan.update(forgotten_at=None).where(Scan.root == root, ~_IS_ROOT).execute()
        older = Scan.select(Scan.id).where(Scan.root == root, Scan.finished_at.is_null())
        for (scan_id,) in list(tuples(older)):
            end_early(scan_id, "superseded by a later scan")
        return int(Scan.create(root=root, deep=deep).id)


def end_early(scan_id: int, fault: str = CANCELLED) -> bool:
    """End a scan before its time, by default as cancelled, and say whether it was running.

    Its chunks go, and jobs that have one find nothing to do. What was written stays, and nothing is
    judged missing that was not yet. What was moved, marked missing or split is written already, and
    no later scan would notice: one more chunk regroups these folders, though the scan has ended.
    """
    with transaction():
        if not hold(scan_id):
            return False
        owed: set[str] = set()
        for chunk in open_chunks(scan_id):
            owed.update(chunk.regroup, filter(None, [chunk.split_folder]))
        open_ = (ScanChunk.scan == scan_id) & ScanChunk.done_at.is_null()
        ScanChunk.update(done_at=utc_now(), files=[]).where(open_).execute()
        add_regrouping(scan_id, sorted(owed))
        Scan.update(finished_at=utc_now(), fault=fault).where(Scan.id == scan_id).execute()
        return True


def hold(scan_id: int) -> bool:
    """Whether a scan has not ended; then it cannot before this transaction has."""
    return bool(
        Scan.update(root=Scan.root).where(Scan.id == scan_id, Scan.finished_at.is_null()).execute()
    )


def start_unless_running(root: str, scope: Scope | None) -> int | None:
    """Begin a scan of `root`, or of a part of it, and return its id.

    None when a scan of some of the same files is running already, or the root is being forgotten.
    """
    with transaction():
        if overlapping(root) or Scan.select().where(Scan.root == root, ~_IS_ROOT).exists():
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


def of_chunk(chunk_id: int) -> Scan | None:
    """The scan that a chunk, done or not, is of; None when there is no such chunk."""
    scan: Scan | None = Scan.select().join(ScanChunk).where(ScanChunk.id == chunk_id).first()
    return scan


def unfinished(root: str) -> Scan | None:
    """The scan of exactly this root, and all of it, that has not ended, or None."""
    scan: Scan | None = Scan.get_or_none(
        Scan.root == root, Scan.scope.is_null(), Scan.finished_at.is_null()
    )
    return scan


def is_any_running(scan_ids: Collection[int]) -> bool:
    """Whether one of these scans has not ended."""
    here = Scan.select().where(Scan.id.in_(list(scan_ids)), Scan.finished_at.is_null())
    return bool(here.exists())


def all_unfinished() -> list[Scan]:
    """Every scan that has not ended, oldest first."""
    return list(Scan.select().where(Scan.finished_at.is_null()).order_by(Scan.id))


def latest(most: int, before: int | None = None) -> list[Scan]:
    """The last scans that were begun, or those begun before this one, the newest first."""
    query = Scan.select().order_by(Scan.id.desc()).limit(most)
    return list(query if before is None else query.where(Scan.id < before))


def roots() -> list[str]:
    """Every root that was ever scanned with a result, by name.

    A scan that ended early has one too, as soon as it found a file.
    """
    has_files = Scan.found + Scan.new + Scan.changed + Scan.moved + Scan.unreadable > 0
    query = Scan.select(Scan.root).where(_IS_ROOT, Scan.fault.is_null() | has_files).distinct()
    return sorted(root for (root,) in tuples(query))


def left_out() -> Counter[str]:
    """How many entries the last whole scan of each root left out, by the reason."""
    scans = Scan.select(Scan.left_out).where(Scan.id.in_(_last_whole_ones()))
    return sum((Counter(scan.left_out or {}) for scan in scans), Counter())


def mounts() -> list[str]:
    """The folders below the roots that were mount points when each was last scanned as a whole."""
    scans = Scan.select(Scan.mounts).where(Scan.id.in_(_last_whole_ones()))
    return sorted({place for scan in scans for place in scan.mounts or ()})


def _last_whole_ones() -> "ModelSelect[Scan]":
    """The ids of the last scan of each whole root that had a result."""
    return (
        Scan.select(fn.MAX(Scan.id))
        .where(_IS_ROOT, Scan.scope.is_null(), Scan.fault.is_null(), Scan.walked_at.is_null(False))
        .group_by(Scan.root)
    )


def record_walk(  # noqa: PLR0913  # each is a column
    scan_id: int,
    *,
    found: int,
    unchanged: int,
    pictures: int = 0,
    left_out: Mapping[str, int] | None = None,
    missing: int | None = None,
    mounts: Sequence[str] | None = None,
) -> bool:
    """Write how far the walk over the root has come, and return whether the scan still runs.

    `missing` and `mounts` are known when the walk is over.
    """
    columns: dict[str, Any] = {"found": found, "unchanged": unchanged, "pictures": pictures}
    columns["left_out"] = dict(left_out or {})
    if missing is not None:
        columns |= {"missing": missing, "mounts": mounts, "walked_at": utc_now()}
    here = (Scan.id == scan_id) & Scan.finished_at.is_null()
    with transaction():
        is_running = bool(Scan.update(**columns).where(here).execute())
        if is_running and missing is not None:
            finish_if_complete(scan_id)
    return is_running


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


def add_regrouping(scan_id: int, folders: Sequence[str]) -> list[int]:
    """Write chunks that regroup these folders, in a transaction; return their ids."""
    return [add_chunk(scan_id, regroup=part) for part in slices(folders, _FOLDERS)]


def open_chunk(chunk_id: int) -> ScanChunk | None:
    """The chunk if it is still to be done, else None."""
    chunk: ScanChunk | None = ScanChunk.get_or_none(
        ScanChunk.id == chunk_id, ScanChunk.done_at.is_null()
    )
    return chunk


def chunk_exists(chunk_id: int) -> bool:
    """Whether there is such a chunk, done or not."""
    return bool(ScanChunk.select().where(ScanChunk.id == chunk_id).exists())


def open_chunks(scan_id: int) -> list[ScanChunk]:
    """The chunks of a scan that are still to be done."""
    query = ScanChunk.select().where(ScanChunk.scan == scan_id, ScanChunk.done_at.is_null())
    return list(query.order_by(ScanChunk.id))


class Part(NamedTuple):
    """A chunk, and how many files it has."""

    chunk_id: int
    files: int


def split_chunk(chunk_id: int) -> list[Part]:
    """Make two chunks of an open one, and return both; it alone when there is nothing to cut.

    It is cut where the group folder changes, as near to the middle as there is such a place, so
    that an album stays together. Both halves of a group folder that was cut itself name it as
    split. A chunk without files is cut among the folders that it regroups.
    """
    with transaction():
        chunk = open_chunk(chunk_id)
        if chunk is None:
            return []
        groups = [group_folder(folder_of(file["path"])) for file in chunk.files]
        cut = _cut(groups)
        if not cut:
            return _split_regrouping(chunk)
        rest = chunk.files[cut:]
        split_folder = groups[cut] if groups[cut] == groups[cut - 1] else chunk.split_folder
        ScanChunk.update(
            files=chunk.files[:cut], file_count=cut, regroup=[], split_folder=split_folder
        ).where(ScanChunk.id == chunk_id).execute()
        rest_id = add_chunk(chunk.scan_id, rest, chunk.regroup, split_folder)
        return [Part(chunk_id, cut), Part(rest_id, len(rest))]


def _split_regrouping(chunk: ScanChunk) -> list[Part]:
    whole = Part(chunk.id, len(chunk.files))
    kept = len(chunk.regroup) // 2
    if chunk.files or not kept:
        return [whole]
    ScanChunk.update(regroup=chunk.regroup[:kept]).where(ScanChunk.id == chunk.id).execute()
    return [whole, Part(add_chunk(chunk.scan_id, regroup=chunk.regroup[kept:]), 0)]


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
        # Whether its scan has ended or not: what one that ended early owes is to be done.
        ScanChunk.select(ScanChunk.id).where(
            ScanChunk.done_at.is_null(),
            ScanChunk.again_at.is_null() | (ScanChunk.again_at <= utc_now()),
        )
    )
    return {
        (DISCOVERY, "scan_id"): [row[0] for row in tuples(unwalked.order_by(Scan.id))],
        (READING, "chunk_id"): [row[0] for row in tuples(chunks.order_by(ScanChunk.id))],
    }


def close_chunk(chunk: ScanChunk, counts: Counts, regroup: Sequence[str] = ()) -> int | None:
    """Mark a chunk done and count its files. Call it in the transaction that writes them.

    Returns the id of a chunk that is to follow: the one that regroups a folder which was too
    large for one chunk, once the last of its parts is done, and the folders of `regroup`.
    """
    Scan.update(
        new=Scan.new + counts.new,
        changed=Scan.changed + counts.changed,
        moved=Scan.moved + counts.moved,
        unreadable=Scan.unreadable + counts.unreadable,
    ).where(Scan.id == chunk.scan_id).execute()  # also locks the scan against a twin
    ScanChunk.update(done_at=utc_now(), files=[]).where(ScanChunk.id == chunk.id).execute()
    folders = sorted({*regroup, *_split_and_done(chunk)})
    follower = add_chunk(chunk.scan_id, regroup=folders) if folders else None
    finish_if_complete(chunk.scan_id)
    return follower


def not_missing(scan_id: int, since: Sequence[datetime | None]) -> None:
    """Take back that this scan has found so many files gone, whose tracks were found elsewhere.

    `since` is when each was marked missing; what an earlier scan marked is not of this one.
    """
    if since:
        scan = Scan.get_by_id(scan_id)
        count = sum(each is not None and each >= scan.started_at for each in since)
        fewer = fn.COALESCE(Scan.missing, 0) - count
        Scan.update(missing=Case(None, [(fewer > 0, fewer)], 0)).where(Scan.id == scan_id).execute()


def fail(scan_id: int, fault: str) -> None:
    """End a scan without a result. One that was walked to its end has one, and goes on."""
    Scan.update(fault=fault, finished_at=utc_now()).where(
        Scan.id == scan_id, Scan.walked_at.is_null(), Scan.finished_at.is_null()
    ).execute()


def finish_if_complete(scan_id: int) -> None:
    """End a scan that was walked and has no chunk left to do."""
    left = ScanChunk.select().where(ScanChunk.scan == scan_id, ScanChunk.done_at.is_null())
    Scan.update(finished_at=utc_now()).where(
        Scan.id == scan_id,
        Scan.walked_at.is_null(False),
        Scan.finished_at.is_null(),
        ~fn.EXISTS(left),
    ).execute()


def _split_and_done(chunk: ScanChunk) -> list[str]:
    """The folder of which this chunk was the last part."""
    if chunk.split_folder is None:
        return []
    others = ScanChunk.select().where(
        ScanChunk.scan == chunk.scan_id,
        ScanChunk.split_folder == chunk.split_folder,
        ScanChunk.done_at.is_null(),
    )
    return [] if others.exists() else [chunk.split_folder]


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
