"""What the database records when a job ends badly, so that nothing waits for it.

There are three such ends: a failure that is retried releases its leases; a failure for good
records its reason; a job that keeps killing its processes is split until the one item that does it
is alone, and that is quarantined.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rq.job import Job

from db import ledger
from db.library import tracks
from db.models import ScanChunk, database
from db.scanning import problems, scans
from db.scanning.problems import FileProblem, Stage
from db.sql.connection import close_database, transaction
from db.sql.path_text import readable
from worker import dispatch
from worker.process.fleet_job import FleetJob

CHUNK = "chunk_id"
"""The argument of those jobs whose batch is a chunk of a scan."""
_EXCEPTION_CLASS = re.compile(r"^(\w+\.)+\w+: ")
"""What a traceback puts before the message of an exception that is not Python's own."""
_CODE = "crashed"


class Half(NamedTuple):
    """A job with a part of a batch, not enqueued yet, and how many items it has."""

    job: Job
    items: int


class Isolated(NamedTuple):
    """What became of a batch that kills its processes: the jobs that take its place, or its end."""

    halves: list[Half]
    quarantined: str | None = None
    """What is not tried again: the path of a file, or of an album's folder."""


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
            if CHUNK in job.kwargs:
                scans.give_up_chunk(job.kwargs[CHUNK], ledger.backoff)
            elif job.job_name == scans.DISCOVERY:
                _fail_scan(job.kwargs, reason)

    def isolate(self, signal: str) -> Isolated | None:
        """Split the batch, or quarantine the one item that is left of it; None: it has no batch.

        Neither loses anything when it is interrupted and repeated.
        """
        job = self._job
        need = ledger.need_of(job.job_name, job.kwargs)
        with _connected():
            if need is not None:
                return _isolate_ids(need, job, signal)
            if CHUNK in job.kwargs:
                return _isolate_chunk(job, signal)
            if job.job_name == scans.DISCOVERY:
                _fail_scan(job.kwargs, f"its processes ended by {signal}, again and again")
        return None


def last_line(traceback: str) -> str:
    """The message of an exception, from its traceback."""
    lines = traceback.strip().splitlines() or ["no reason recorded"]
    return readable(_EXCEPTION_CLASS.sub("", lines[-1]))


def _isolate_ids(need: ledger.Need, job: FleetJob, signal: str) -> Isolated:
    ids = ledger.open_among(need, job.kwargs[need.argument], job.id)
    ledger.release(job.id)
    if len(ids) > 1:
        parts = ids[: len(ids) // 2], ids[len(ids) // 2 :]
        return Isolated(
            [Half(dispatch.create(job.job_name, {need.argument: p}), len(p)) for p in parts]
        )
    if not ids:
        return Isolated([])
    path = tracks.place_of(need.entity_type, ids[0])
    with transaction():
        where = ledger.Quarantine(path, job.job_name, signal)
        ledger.quarantine(need, ids[0], where, _reason(signal))
    return Isolated([], path)


def _isolate_chunk(job: FleetJob, signal: str) -> Isolated:
    parts = scans.split_chunk(job.kwargs[CHUNK])
    if len(parts) == 1:
        with transaction():
            chunk = scans.open_chunk(parts[0].chunk_id)
            return Isolated([], _quarantine_chunk(chunk, job, signal) if chunk else None)
    return Isolated(
        [Half(dispatch.create(scans.READING, {CHUNK: part.chunk_id}), part.files) for part in parts]
    )


def _quarantine_chunk(chunk: ScanChunk, job: FleetJob, signal: str) -> str:
    """File the chunk's one file, or the folder that it was to regroup, and close it."""
    file: dict[str, Any] = chunk.files[0] if chunk.files else {"path": "; ".join(chunk.regroup)}
    problems.record(
        [
            FileProblem(
                file["path"],
                Stage.READING,
                _CODE,
                _reason(signal),
                file.get("size"),
                file.get("mtime_ns"),
            )
        ]
    )
    where = ledger.Quarantine(file["path"], job.job_name, signal)
    problem_id = problems.problem_id(file["path"], Stage.READING)
    ledger.quarantine_file(problem_id, where, _reason(signal))
    tracks.mark_missing(sorted(tracks.ids_by_path([file["path"]]).values()))
    scans.close_chunk(chunk, scans.Counts(unreadable=1))
    return str(file["path"])


def _fail_scan(arguments: dict[str, Any], reason: str) -> None:
    scan_id = arguments.get("scan_id")
    if scan_id is None:
        scan = scans.unfinished(str(arguments.get("root")))
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
