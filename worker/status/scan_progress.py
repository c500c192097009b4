"""Following a scan from outside: how far each stage has come, and what came of it."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from shlex import quote
from typing import NamedTuple

from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from db import ledger
from db.library import statistics
from db.maintenance import library_roots
from db.models import Scan, State
from db.scanning import problems, scans
from db.scanning.selection import LeftOut
from db.sql.path_text import shown
from worker import dispatch
from worker.errors import TamperedJobError
from worker.process.endings import last_line
from worker.process.fleet_job import FleetJob
from worker.queues import Place, sizes
from worker.redis.entries import ids
from worker.status.overview import live_consumers, on_demand_queues

_NEEDS = tuple(need for need in ledger.NEEDS if need.kind not in ledger.UNHURRIED)
"""What is waited for besides."""
_FAILURES = 200
_SHORTEST_PAUSE = 0.02
_OPEN = (State.TODO, State.LEASED)


class Stage(NamedTuple):
    """How far a stage has come. `total` is None as long as it is not known."""

    name: str
    done: int
    total: int | None


@dataclass
class ScanProgress:
    """A snapshot of running scans."""

    stages: list[Stage]
    finished: bool
    """Whether every scan has ended and nothing is left to do for its covers."""
    idle: bool
    """Whether no queue holds a job, though work may be left."""
    given_up: int
    """How much failed with its jobs and is tried again later."""
    fault: str | None = None
    """Why a scan ended without a result."""


@dataclass
class Summary:
    """What came of scans; `covers` counts by entity type and source."""

    roots: list[str]
    found: int = 0
    new: int = 0
    changed: int = 0
    moved: int = 0
    missing: int = 0
    unreadable: int = 0
    """Audio files that could not be read, and folders that could not be listed."""
    bad_pictures: int = 0
    pictures: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    """How many files and folders were not taken, by the reason."""
    noted: int = 0
    """Folders from which something was left out that may be music."""
    albums: int = 0
    artists: int = 0
    tracks: int = 0
    covers: dict[str, dict[str, int]] = field(default_factory=dict)
    former_roots: dict[str, str] = field(default_factory=dict)
    """Where roots that were found elsewhere were before."""
    doubles: list[str] = field(default_factory=list)
    """Of roots with new files, which others hold much of the same, for people."""
    seconds: float = 0.0


class Follower:
    """Polls scans until they are done."""

    def __init__(self, scan_ids: Sequence[int]) -> None:
        self.scan_ids = list(scan_ids)
        self._settled_before = _needs().settled
        self._begun = datetime.now(UTC)

    def poll(self) -> ScanProgress:
        """How far the scans are now."""
        rows = [scan for scan in map(scans.get, self.scan_ids) if scan is not None]
        needs = _needs()
        self._settled_before = min(self._settled_before, needs.settled)
        jobs = _held()
        held = {stage: jobs[job] for stage, job in scans.STAGES.items()}
        ended = all(scan.finished_at is not None for scan in rows)
        return ScanProgress(
            stages=[
                _discovery(rows),
                *_chunk_stages(scans.chunk_counts(self.scan_ids), held, rows),
                _covers(needs.open, needs.settled - self._settled_before, ended),
            ],
            finished=ended and not needs.open,
            idle=not any(jobs.values()),
            given_up=ledger.given_up(),
            fault=next((scan.fault for scan in rows if scan.fault), None),
        )

    def wait(self, seconds: float) -> None:
        """Wait so long, or until the scans have ended and nothing is left to do for their covers.

        Asked often at first: a scan of what has not changed takes a tenth of a second.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._is_over():
            age = (datetime.now(UTC) - self._begun).total_seconds()
            time.sleep(min(left, max(_SHORTEST_PAUSE, age / 100)))

    def _is_over(self) -> bool:
        return not scans.is_any_running(self.scan_ids) and not _needs().open

    def summary(self, seconds: float) -> Summary:
        """What came of the scans, and what the library holds now."""
        rows = [scan for scan in map(scans.get, self.scan_ids) if scan is not None]
        totals = statistics.library_totals()
        stages = sum((problems.stages_below(scan.root) for scan in rows), Counter[str]())
        left_out = sum((Counter(scan.left_out or {}) for scan in rows), Counter[str]())
        left_out[LeftOut.VIDEO] += sum(problems.videos_below(scan.root) for scan in rows)
        return Summary(
            roots=[scan.root for scan in rows],
            found=sum(scan.found for scan in rows),
            new=sum(scan.new for scan in rows),
            changed=sum(scan.changed for scan in rows),
            moved=sum(scan.moved for scan in rows),
            missing=sum(scan.missing for scan in rows),
            unreadable=stages[problems.Stage.READING] + stages[problems.Stage.SCAN],
            bad_pictures=stages[problems.Stage.COVER],
            pictures=sum(scan.pictures or 0 for scan in rows),
            left_out=dict(+left_out),
            noted=len({note.path for scan in rows for note in problems.notes(scan.root)}),
            albums=totals.albums,
            artists=totals.artists,
            tracks=totals.tracks,
            covers=statistics.covers_by_source(),
            former_roots={scan.root: scan.former_root for scan in rows if scan.former_root},
            doubles=[each for scan in rows if scan.new for each in _doubles(scan.root)],
            seconds=round(seconds, 1),
        )

    def stranded(self) -> str | None:
        """The first of the scans' queues that holds jobs and that no live worker consumes."""
        names = list(dict.fromkeys(_queue_names().values()))
        counts = sizes(names)
        waiting = [name for name in names if counts[name][Place.WAITING]]
        if not waiting:
            return None
        consumed = {name for name, workers in live_consumers().items() if workers}
        consumed |= on_demand_queues()
        return next((name for name in waiting if name not in consumed), None)

    def failure(self) -> str | None:
        """The first job of the scans' queues that failed for good: what it was, and why."""
        failed: list[tuple[datetime, Job]] = []
        client = dispatch.connection()
        for queue in map(dispatch.queue, dict.fromkeys(_queue_names().values())):
            key = queue.failed_job_registry.key
            latest: list[bytes] = client.zrange(key, 0, _FAILURES, desc=True)  # type: ignore[assignment]
            for job_id in ids(latest):
                job = FleetJob(job_id, connection=client, serializer=JSONSerializer)
                with suppress(NoSuchJobError, TamperedJobError):
                    job.refresh()  # type: ignore[no-untyped-call]
                    if job.ended_at is not None and job.ended_at > self._begun:
                        failed.append((job.ended_at, job))
        if not failed:
            return None
        _, first = min(failed, key=itemgetter(0))
        return f"{first.description}: {_last_line(first)}"


_MUCH = 0.1
"""Of a root that is below another one too: less are a few songs that somebody has twice."""


def _doubles(root: str) -> Iterator[str]:
    for other, share in library_roots.doubled(root).items():
        if share < _MUCH:
            continue
        says = f"about {share:.0%} of {shown(root)} is also below {shown(other)}"
        if library_roots.is_away(other):
            move = f"fleet root move {quote(shown(other))} {quote(shown(root))}"
            yield f"{says}, which is away: if it moved here, `{move}` makes one of both"
        else:
            yield f"{says}, which is there too: the library has both"


def _last_line(job: Job) -> str:
    result = job.latest_result()
    return last_line((result.exc_string if result else None) or "")


_JOBS = (scans.DISCOVERY, *scans.STAGES.values(), *(need.job for need in _NEEDS))
"""Whatever a scan is done by."""
_HELD = (Place.WAITING, Place.RUNNING, Place.SCHEDULED)


def _queue_names() -> dict[str, str]:
    """The queue of each job of a scan."""
    topology = dispatch.topology()
    return {job: topology.route(job).name for job in _JOBS}


def _held() -> dict[str, int]:
    """How many jobs wait, also for a retry, or run in the queue of each job of a scan."""
    names = _queue_names()
    counts = sizes(list(set(names.values())))
    return {job: sum(counts[name][place] for place in _HELD) for job, name in names.items()}


class _Needs(NamedTuple):
    """How many rows of the ledger are to be done, and how many are settled."""

    open: int
    settled: int


def _needs() -> _Needs:
    counts = ledger.counts()
    states = sum((counts[need] for need in _NEEDS), Counter[State]())
    open_ = sum(states[state] for state in _OPEN)
    return _Needs(open_, states.total() - open_)


def _discovery(rows: Sequence[Scan]) -> Stage:
    found = sum(scan.found for scan in rows)
    walked = all(scan.walked_at or scan.finished_at for scan in rows)
    return Stage("find files", found, found if walked else None)


def _chunk_stages(
    chunks: scans.ChunkCounts, held: dict[str, int], rows: Sequence[Scan]
) -> list[Stage]:
    """Files past each stage: all but those of chunks that are still there or before it."""
    walked = all(scan.walked_at or scan.finished_at for scan in rows)
    total = chunks.files if walked else None
    stages, behind = [], 0
    for stage in ("extract", "group"):
        behind += held[stage]
        passed = chunks.total - min(chunks.open, behind)
        files = round(chunks.files * passed / max(1, chunks.total))
        stages.append(Stage(stage, max(files, chunks.files_done), total))
    return [*stages, Stage("insert", chunks.files_done, total)]


def _covers(open_needs: int, settled: int, ended: bool) -> Stage:
    return Stage("covers", settled, settled + open_needs if ended else None)
