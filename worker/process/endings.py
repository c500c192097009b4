"""What the database records when a job ends badly, so that nothing waits for it.

What is at fault decides it (`Fault`). A failure that is retried releases its leases. A batch that
fails for good is split until the one item that does it is alone, and that failed, with its reason;
so is one that keeps killing its processes, and then that item is quarantined.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any, NamedTuple

import peewee
from rq.job import Job

from db import ledger
from db.errors import DatabaseError, DatabaseFullError, DatabaseUnreachableError, SettingError
from db.library import track_files, tracks
from db.models import ScanChunk, database
from db.scanning import problems, scans
from db.scanning.library_files import reader_of
from db.scanning.problems import FileProblem, Stage
from db.sql.connection import close_database, transaction
from db.sql.path_text import readable
from worker import dispatch
from worker.errors import JobTooLargeError, RedisUnreachableError, WorkerError
from worker.process.fleet_job import FleetJob
from worker.redis.connection import is_away

CHUNK = "chunk_id"
"""The argument of those jobs whose batch is a chunk of a scan."""
_EXCEPTION_CLASS = re.compile(r"^(\w+\.)+\w+: ")
"""What a traceback puts before the message of an exception that is not Python's own."""
_CODE = "crashed"


class Fault(Enum):
    """What is at fault when a job fails, and so what is done about it."""

    ITEM = "item"
    """What it works on: it is tried again, then split until the one that does it is alone."""
    SURROUNDINGS = "surroundings"
    """The disk, the network, the installation: it is tried again, then left until a later time."""
    STORES = "stores"
    """Redis or the database: it waits, and nothing is counted."""


_AWAY_SQLITE = ("BUSY", "LOCKED", "FULL", "IOERR", "CANTOPEN", "READONLY", "PROTOCOL", "NOMEM")
"""How SQLite's names of its errors begin, after SQLITE_, when no statement is at fault."""
_AWAY_POSTGRES = ("08", "25006", "40", "53", "55P03", "57P")
"""How PostgreSQL's codes begin then: connection, read-only, deadlock, resources, lock, shutdown."""


def fault_of(error: BaseException) -> Fault:
    """What is at fault, by an exception and those that it came from."""
    chain, each = [error], error
    while (before := each.__cause__ or each.__context__) is not None and before not in chain:
        chain.append(each := before)
    if any(_is_store_away(each) for each in chain):
        return Fault.STORES
    return Fault.SURROUNDINGS if any(map(_is_of_surroundings, chain)) else Fault.ITEM


def _is_store_away(error: BaseException) -> bool:
    if isinstance(error, RedisUnreachableError | DatabaseUnreachableError | DatabaseFullError):
        return True
    if (name := getattr(error, "sqlite_errorname", None)) is not None:
        return str(name).removeprefix("SQLITE_").startswith(_AWAY_SQLITE)
    if hasattr(error, "sqlstate"):  # psycopg's, which is not always installed
        code = error.sqlstate
        return type(error).__name__ == "OperationalError" if code is None else _is_passing(code)
    return is_away(error) or isinstance(error, peewee.InterfaceError)


def _is_passing(code: object) -> bool:
    return str(code).startswith(_AWAY_POSTGRES)


def _is_of_surroundings(error: BaseException) -> bool:
    obstacle = ledger.obstacle_of(error)
    if obstacle is not None or isinstance(error, OSError | JobTooLargeError):
        return obstacle is not None and not obstacle.is_of_item
    return isinstance(error, WorkerError | DatabaseError | SettingError | ImportError)


class Half(NamedTuple):
    """A job with a part of a batch, not enqueued yet, and how many items it has."""

    job: Job
    items: int


class Isolated(NamedTuple):
    """What became of a batch that kills its processes: the jobs that take its place, or its end."""

    halves: list[Half]
    quarantined: str | None = None
    """What is not tried again: the path of a file, or of an album's folder."""
    follower: Half | None = None
    """What the quarantined file's chunk has to be followed by: the regrouping of its folder."""

    @property
    def jobs(self) -> list[Half]:
        """What is to be enqueued."""
        return [*self.halves, *([self.follower] if self.follower else [])]


class JobRecords:
    """The records in the database of what a job works on: its leases, its chunk, its scan."""

    def __init__(self, job: FleetJob) -> None:
        self._job = job

    def release(self) -> None:
        """Free what the job leased: it is retried."""
        with _connected():
            ledger.release(self._job.id)

    def give_up(self, traceback: str, *, again: bool) -> None:
        """Record that the job failed for good; `again` when reconciliation is to retry later."""
        job, reason = self._job, last_line(traceback)
        with _connected():
            ledger.give_up(job.id, reason, again=again, obstacle=job.obstacle)
            chunk_id, scan_id = _number(job, CHUNK), _number(job, "scan_id")
            if chunk_id is not None:
                scans.give_up_chunk(chunk_id, ledger.backoff)
            elif job.job_name == scans.DISCOVERY:
                _fail_scan(job, scan_id, reason)

    def split(self, reason: str) -> Isolated | None:
        """Split the batch of a job that failed for good; None: it has one item, or is no batch.

        But a chunk of one file is closed, and the file a problem: no scan waits for it.
        """
        with _connected():
            parts = _halves(self._job) or []
            if len(parts) > 1:
                return Isolated(parts)
            chunk_id = _number(self._job, CHUNK)
            return None if chunk_id is None else _close_chunk(chunk_id, self._job, reason, reason)

    def isolate(self, signal: str) -> Isolated | None:
        """Split the batch, or quarantine the one item that is left of it; None: it has no batch.

        Neither loses anything when it is interrupted and repeated.
        """
        job = self._job
        with _connected():
            parts = _halves(job)
            if parts is not None and len(parts) != 1:
                return Isolated(parts)
            if items := _items(job):
                return Isolated([], _quarantine_item(*items[0], job, signal))
            chunk_id = _number(job, CHUNK)
            if chunk_id is not None:
                return _close_chunk(chunk_id, job, signal, _reason(signal)) or Isolated([])
            if job.job_name == scans.DISCOVERY:
                reason = f"its processes ended by {signal}, again and again"
                _fail_scan(job, _number(job, "scan_id"), reason)
        return None


def last_line(traceback: str) -> str:
    """The message of an exception, its first line, from its traceback."""
    lines = traceback.strip().splitlines() or ["no reason recorded"]
    calls = [number for number, line in enumerate(lines) if line.startswith("  ")]
    message = lines[calls[-1] + 1 :] if calls else []
    return readable(_EXCEPTION_CLASS.sub("", message[0] if message else lines[-1]))


def _number(job: FleetJob, name: str) -> int | None:
    """An argument that is an id; None when there is none, or it can be none."""
    value = job.kwargs.get(name)
    return value if _is_row_id(value) else None


def _is_row_id(value: object) -> bool:
    return type(value) is int and 0 < value < 2**63


Item = tuple[ledger.Need, int]


def _items(job: FleetJob) -> list[Item]:
    """The entities that are still to be done of those that a job was given, each with its need."""
    found: list[Item] = []
    for need in ledger.NEEDS:
        given = job.kwargs.get(need.argument) if need.job == job.job_name else None
        ids = [each for each in given if _is_row_id(each)] if isinstance(given, list) else []
        found += [(need, each) for each in ledger.open_among(need, ids, job.id)]
    return found


def _halves(job: FleetJob) -> list[Half] | None:
    """The jobs that take a batch's place: two, or one where it has one item; None: it is no batch.

    None of them is enqueued. What the job leased is free for them when they are two.
    """
    chunk_id = _number(job, CHUNK)
    if chunk_id is not None:
        return [
            Half(dispatch.create(scans.READING, {CHUNK: part.chunk_id}), part.files)
            for part in scans.split_chunk(chunk_id)
        ]
    if not any(need.job == job.job_name for need in ledger.NEEDS):
        return None
    items = _items(job)
    if len(items) != 1:  # one alone is still the job's, which fails with it
        ledger.release(job.id)
    middle = (len(items) + 1) // 2
    return [_half(job.job_name, part) for part in (items[:middle], items[middle:]) if part]


def _half(name: str, items: Sequence[Item]) -> Half:
    arguments: dict[str, list[int]] = {}
    for need, entity_id in items:
        arguments.setdefault(need.argument, []).append(entity_id)
    return Half(dispatch.create(name, arguments), len(items))


def _quarantine_item(need: ledger.Need, entity_id: int, job: FleetJob, signal: str) -> str:
    path = tracks.place_of(need.entity_type, entity_id)
    with transaction():
        where = ledger.Quarantine(path, job.job_name, signal)
        ledger.quarantine(need, entity_id, where, _reason(signal))
    return path


def _close_chunk(chunk_id: int, job: FleetJob, cause: str, reason: str) -> Isolated | None:
    """Close a chunk without its one file; None when it is closed already."""
    with transaction():
        chunk = scans.open_chunk(chunk_id)
        if chunk is None:
            return None
        where = _quarantine_file(chunk, job, cause, reason)
        next_id = scans.close_chunk(chunk, scans.Counts(unreadable=1))
    if next_id is None:
        return Isolated([], where)
    return Isolated([], where, Half(dispatch.create(scans.READING, {CHUNK: next_id}), 1))


def _quarantine_file(chunk: ScanChunk, job: FleetJob, cause: str, reason: str) -> str:
    """File the chunk's one file, or the folder that it was to regroup."""
    file: dict[str, Any] = chunk.files[0] if chunk.files else {"path": "; ".join(chunk.regroup)}
    problems.record(
        [
            FileProblem(
                file["path"],
                Stage.READING,
                _CODE,
                reason,
                file.get("size"),
                file.get("mtime_ns"),
                reader_of(file["path"]),
            )
        ]
    )
    where = ledger.Quarantine(file["path"], job.job_name, cause)
    problem_id = problems.problem_id(file["path"], Stage.READING)
    ledger.quarantine_file(problem_id, where, reason)
    track_files.mark_missing(sorted(track_files.ids_in_files([file["path"]]).values()))
    return str(file["path"])


def _fail_scan(job: FleetJob, scan_id: int | None, reason: str) -> None:
    if scan_id is None:
        scan = scans.unfinished(str(job.kwargs.get("root")))
        scan_id = scan.id if scan else None
    if scan_id is not None:
        scans.fail(scan_id, reason)


def _reason(signal: str) -> str:
    return f"the processes at work on it ended by {signal}, again and again"


@contextmanager
def _connected() -> Iterator[None]:
    """A database connection that is good, whatever the job did to the one it had."""
    close_database()
    database.connect()
    try:
        yield
    finally:
        close_database()
