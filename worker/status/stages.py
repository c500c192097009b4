"""The stages of the pipeline: what each has to do, does and has done, its pace and its programs.

A stage is a queue of queues.toml, with the needs of the ledger that its jobs settle. All of it is
read by a few requests to Redis, one to supervisord and one of the ledger's sums.
"""

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from db import ledger, settings
from db.errors import SettingError
from db.library import audio_features
from db.models import EntityType, Kind, State, utc_now
from worker import dispatch
from worker.phrases import counted, time_span
from worker.process.job_counts import JobCount, job_counts
from worker.redis import rq_keys
from worker.status import overview
from worker.status.overview import QueueStatus
from worker.supervisor.rpc import ProcessInfo
from worker.topology import Program, Queue

WINDOW = timedelta(minutes=10)
"""The pace is that of the last minutes."""
_LEAST_SECONDS = 10.0
"""Tracks that must be done in the window for an estimate."""
_OPEN = (State.TODO, State.LEASED)
_A_CORE = 4
"""Processes of a program that a core may have use for; some wait for disks and the web."""
_FAILED = (State.FAILED, State.QUARANTINED)


@dataclass
class LongWork:
    """How far one kind of work on the tracks is."""

    kind: str
    settled: int
    """Done, or known not to be possible."""
    tracks: int
    """How many tracks need it."""
    per_minute: float | None
    """Tracks a minute of late; None when none was done, or nothing is left to do."""
    seconds_left: float | None
    """At that pace; None without one."""
    hours: str = ""
    """The hours of the day in which it is done, when not in all: "from 22:00 to 07:00"."""
    rests: bool = False
    """Whether it is another part of the day now."""

    @property
    def text(self) -> str:
        """For people: 1,200 of 9,000 tracks, 41 a minute, about 3 h left."""
        parts = [f"{self.settled:,} of {counted(self.tracks, 'track')}"]
        if self.rests and self.settled < self.tracks:
            parts.append(f"rests: it is done {self.hours}")
        elif self.per_minute is not None and self.seconds_left is not None:
            pace = self.per_minute
            parts.append(f"{pace:.0f} a minute" if pace >= 1 else f"{pace * 60:.0f} an hour")
            parts.append(f"about {time_span(self.seconds_left)} left")
            parts += [f"done {self.hours}"] if self.hours else []
        elif self.settled < self.tracks and self.kind == Kind.ANALYSIS:
            parts.append(f"none in the last {time_span(WINDOW.total_seconds())}")
        return ", ".join(parts)


def long_work(sums: Mapping[ledger.Need, Counter[State]] | None = None) -> list[LongWork]:
    """The analysis and the vectors of the tracks, each when any track needs it.

    `sums` are those of the ledger, which is read when there are none.
    """
    counts = {
        need.kind: states
        for need, states in (ledger.counts() if sums is None else sums).items()
        if need.entity_type is EntityType.TRACK
    }
    found = []
    for kind in (Kind.ANALYSIS, Kind.VECTOR):
        total = counts[kind].total()
        left = sum(counts[kind][state] for state in _OPEN)
        pace = _analysed_a_minute() if kind is Kind.ANALYSIS and left else None
        seconds = left / pace * 60 if pace else None
        if total:
            row = LongWork(kind.value, total - left, total, pace, seconds)
            found.append(_with_hours(row) if kind is Kind.ANALYSIS else row)
    return found


def _with_hours(work: LongWork) -> LongWork:
    try:
        hours = settings.analysis_hours()
    except SettingError:  # the doctor names it
        return work
    if hours is not None:
        work.hours = f"from {hours.begin:%H:%M} to {hours.end:%H:%M}"
        work.rests = not hours.holds(datetime.now().time())
    return work


def _analysed_a_minute() -> float | None:
    """From the first of those of the last minutes on: before, nobody may have asked for any."""
    now = utc_now()
    count, first = audio_features.analysed_since(now - WINDOW)
    seconds = (now - first).total_seconds() if first else 0.0
    return count / seconds * 60 if seconds >= _LEAST_SECONDS else None


_SECONDS_A_TRACK = 0.6
"""Of a core, with 90 seconds analysed: what batches of fifty took on a machine with two."""


def expected_seconds(tracks: int) -> float:
    """About how long the analysis of so many tracks takes on this machine, before any was done."""
    (need,) = (each for each in ledger.NEEDS if each.kind is Kind.ANALYSIS)
    topology = dispatch.topology()
    programs = topology.consumers(topology.route(need.job).name)
    cores = min(os.cpu_count() or 1, sum(each.processes for each in programs))
    return tracks * _SECONDS_A_TRACK / max(1, cores)


class KindOfWork(NamedTuple):
    """How many entities stand where in one kind of work."""

    need: ledger.Need
    states: Counter[State]

    @property
    def name(self) -> str:
        """Such as "album cover"."""
        return f"{self.need.entity_type} {self.need.kind}"

    @property
    def running(self) -> int:
        """How many a job works on."""
        return self.states[State.LEASED]

    @property
    def failed(self) -> int:
        """How many failed, quarantined ones included."""
        return sum(self.states[each] for each in _FAILED)

    @property
    def shown(self) -> list[tuple[str, int]]:
        """The numbers that are not 0, each with its word."""
        counts = {
            "done": self.states[State.DONE],
            "to do": self.states[State.TODO],
            "running": self.running,
            "waiting": self.states[State.WAITING],
            "failed": self.failed,
            "none": self.states[State.NONE],
            "cancelled": self.states[State.CANCELLED],
        }
        return [(word, count) for word, count in counts.items() if count]

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "kind": self.need.kind.value,
            "entity_type": self.need.entity_type.value,
            "job": self.need.job,
            **{state.value: self.states[state] for state in State},
        }


class JobRecord(NamedTuple):
    """A job of a stage, and what came of it since Redis was empty."""

    name: str
    came_to: JobCount

    @property
    def ran(self) -> bool:
        """Whether any attempt of it has ended."""
        return bool(self.came_to.done or self.came_to.failed)


@dataclass(frozen=True)
class StageProgram:
    """A program that consumes the queue of a stage."""

    name: str
    start: str
    """How its processes start, in words."""
    processes: Sequence[ProcessInfo]
    """Those that supervisord knows, resting ones too."""
    is_on_demand: bool = False
    """Whether some of them rest while there is no job."""

    @property
    def says(self) -> str:
        """How many of its processes run, and when: "2 processes run", "none runs (on demand)"."""
        if not self.processes:
            return "not up"
        every, runs = len(self.processes), "runs" if self.awake <= 1 else "run"
        count = f"{self.awake} of {counted(every, 'process', 'processes')}"
        if self.awake in {0, every}:
            count = counted(every, "process", "processes") if self.awake else "none"
        return f"{count} {runs}" + (f" ({self.start})" if self.is_on_demand else "")

    @property
    def awake(self) -> int:
        """How many of them run, or begin to."""
        return sum(each.state in {"RUNNING", "STARTING"} for each in self.processes)

    @property
    def faults(self) -> list[ProcessInfo]:
        """Those that do not run though they should."""
        well = {"RUNNING", "STARTING", "STOPPING"}
        return [each for each in self.processes if each.state not in well and not each.rests]

    @property
    def warning(self) -> str:
        """That it has more processes than are of use; else empty."""
        return needless(self.name, len(self.processes))

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        faults = {each.name: {"state": each.state, "reason": each.reason} for each in self.faults}
        return {
            "name": self.name,
            "start": self.start,
            "processes": len(self.processes),
            "awake": self.awake,
            "faults": faults,
        }


@dataclass(frozen=True)
class Stage:
    """A queue, and all that belongs to it."""

    queue: QueueStatus
    work: Sequence[KindOfWork]
    jobs: Sequence[JobRecord]
    programs: Sequence[StageProgram]
    pace: float | None
    """Jobs a minute of late; None when none ended well."""
    long_work: LongWork | None
    """Its work on the tracks, when that takes hours."""

    @property
    def to_do(self) -> int:
        """How many entities are to be done, or are at work."""
        return sum(each.states[state] for each in self.work for state in _OPEN)

    @property
    def cancelled(self) -> int:
        """How many somebody does not want done."""
        return sum(each.states[State.CANCELLED] for each in self.work)

    @property
    def is_busy(self) -> bool:
        """Whether it has something to do, or should run and does not."""
        queue = self.queue
        held = queue.waiting + queue.running + queue.later
        return bool(held or self.to_do or any(each.faults for each in self.programs))

    @property
    def seconds_left(self) -> float | None:
        """How long it takes until nothing is left, at its pace; None without one, or when done."""
        if self.long_work and self.long_work.seconds_left is not None:
            return self.long_work.seconds_left
        needed = sum(
            ceil(sum(each.states[state] for state in _OPEN) / each.need.per_job)
            for each in self.work
        )
        left = max(self.queue.waiting + self.queue.running, needed)
        return left / self.pace * 60 if left and self.pace and not self.queue.paused else None

    @property
    def pace_text(self) -> str:
        """For people: "41 jobs a minute, about 3 h left"; empty when nothing is known."""
        if self.long_work and (self.long_work.per_minute or self.long_work.rests):
            return self.long_work.text
        left = self.seconds_left
        parts = [f"{_a_minute(self.pace)}"] if self.pace else []
        return ", ".join([*parts, *([f"about {time_span(left)} left"] if left is not None else [])])

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            **vars(self.queue),
            "work": [each.as_json() for each in self.work],
            "jobs": [{"name": each.name, **each.came_to._asdict()} for each in self.jobs],
            "programs": [each.as_json() for each in self.programs],
            "jobs_a_minute": self.pace,
            "seconds_left": self.seconds_left,
        }


def needless(program: str, count: int) -> str:
    """What to say of more processes than this machine has use for; empty of fewer."""
    cores = os.cpu_count() or 1
    if count <= _A_CORE * cores:
        return ""
    return f"{program} x{count} on {counted(cores, 'core')} takes memory and is no faster."


def stages(present: Sequence[ProcessInfo]) -> list[Stage]:
    """Every queue with its work, in the order of queues.toml; then others that hold jobs.

    `present` are the processes of the fleet.
    """
    topology, found = dispatch.topology(), overview.queues(present)
    counts, done = ledger.counts(), job_counts(dispatch.connection())
    paces = _paces([topology.queues[each.name] for each in found if each.name in topology.queues])
    long = {each.kind: each for each in long_work(counts)}
    stages_ = []
    for queue in found:
        jobs = topology.jobs_of(queue.name)
        work = [KindOfWork(*each) for each in counts.items() if each[0].job in jobs]
        of_tracks = [each.need.kind for each in work if each.need.entity_type is EntityType.TRACK]
        stages_.append(
            Stage(
                queue,
                work,
                [JobRecord(name, done.get(name, JobCount())) for name in jobs],
                [_program(each, present) for each in topology.consumers(queue.name)],
                paces.get(queue.name),
                next((long[kind] for kind in of_tracks if kind in long), None),
            )
        )
    return stages_


def _program(program: Program, present: Iterable[ProcessInfo]) -> StageProgram:
    own = [each for each in present if each.program == program.name]
    return StageProgram(program.name, program.shown_start, own, program.is_on_demand)


def _paces(queues: Sequence[Queue]) -> dict[str, float | None]:
    """Jobs of each queue that ended well, a minute, by those that are still visible."""
    now = time.time()
    with dispatch.connection().pipeline(transaction=False) as pipeline:
        for each in queues:
            key = rq_keys.FINISHED % each.name
            since = now + each.keep - min(each.keep, WINDOW.total_seconds())
            pipeline.zcount(key, since, "+inf")
            pipeline.zrangebyscore(key, since, "+inf", start=0, num=1, withscores=True)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    return {
        each.name: _pace(answers[2 * n], answers[2 * n + 1], now + each.keep)
        for n, each in enumerate(queues)
    }


def _pace(count: Any, first: Any, forgotten_at: float) -> float | None:
    """From the first of them on, which is forgotten so long before one that ends now."""
    if not isinstance(count, int) or not isinstance(first, list) or not first:
        return None
    seconds: float = forgotten_at - first[0][1]
    return count / max(seconds, _LEAST_SECONDS) * 60


def _a_minute(pace: float) -> str:
    return f"{pace:,.0f} jobs a minute" if pace >= 1 else f"{pace * 60:,.0f} jobs an hour"


def estimate(need: ledger.Need, jobs: int) -> float | None:
    """How many seconds so many jobs may take, by what those before them took; None without any.

    In the processes that the programs have in queues.toml.
    """
    count = job_counts(dispatch.connection()).get(need.job, JobCount())
    topology = dispatch.topology()
    consumers = topology.consumers(topology.route(need.job).name)
    runs = count.done + count.failed
    abreast = min(jobs, sum(each.processes for each in consumers)) or 1
    return jobs * count.seconds / runs / abreast if runs else None
