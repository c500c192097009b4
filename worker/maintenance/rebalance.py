"""Worker rebalancing: processes move from programs without work to programs whose jobs wait.

`least` and `most` of a program in queues.toml say how far. The total number of processes stays the
same, and so do programs that `fleet scale` has changed. Only the supervisord of this host and its
processes take part.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rq import get_current_job
from rq.job import Job

from worker import dispatch
from worker.errors import BadInputError
from worker.phrases import counted, time_span
from worker.queues import Place, sizes
from worker.redis.entries import as_moment, ids
from worker.redis.holders import holders
from worker.supervisor import conf_file
from worker.supervisor.change import Change, own_text, process_counts
from worker.supervisor.rpc import ProcessInfo, processes
from worker.topology import Program, Topology, load
from worker.topology.hosts import this_host
from worker.topology.model import process_name_of, program_of, registered_name

if TYPE_CHECKING:  # the scheduler, which asks `may_help`, does without all that moves something
    from worker.status.overview import QueueStatus

_JOB = "maintenance.rebalance_queues"
PATIENCE = 30.0
"""Seconds that the first job of a program must have waited before it gets a process."""
DWELL = 180.0
"""Seconds that a process stays where it was started: three runs. Its start costs a second."""
SPARED = 10.0
"""Seconds of work that may be lost: a stopping worker puts its job back, which then restarts."""
OLDER = 2.0
"""How many times as long jobs of another program must have waited to get back a busy process."""


class Worker(NamedTuple):
    """The process in a slot. Times are seconds."""

    age: float
    """Since it was started; without end for one that rests until there is something to do."""
    busy: float | None = None
    """Since its job began; None when it is idle."""


@dataclass
class Load:
    """A program whose number of processes may change, and what it has to do."""

    program: Program
    workers: list[Worker]
    """In the order of their slots: the last one is the one that goes."""
    waiting: int
    """Jobs in those of its queues that are not paused."""
    oldest: float
    """Seconds that the first of them has waited."""
    has_room: bool = True
    """Whether there is memory for one more."""

    @property
    def count(self) -> int:
        """How many processes it has."""
        return len(self.workers)

    @property
    def surplus(self) -> int:
        """How many it has beyond those at rest; negative when others have some of its own."""
        return self.count - self.program.processes

    @property
    def is_in_need(self) -> bool:
        """Whether its jobs wait for too long, and it may have one more process."""
        may_grow = self.count < self.program.most and (self.has_room or self.surplus < 0)
        return may_grow and self.waiting > 0 and self.oldest >= PATIENCE

    @property
    def is_quiet(self) -> bool:
        """Whether the last process has nothing to do, and nothing waits for it."""
        return self.waiting == 0 and self.workers[-1].busy is None

    @property
    def can_spare(self) -> bool:
        """Whether the last process may end now without much being lost."""
        busy = self.workers[-1].busy
        return self.count > self.program.least and (busy is None or busy <= SPARED)


class Move(NamedTuple):
    """One process that goes from a program to another."""

    giver: str
    taker: str
    explained: str


def decide(loads: Sequence[Load]) -> list[Move]:
    """What is to be moved. The loads become what they are after it."""
    moves = []
    while move := _next(loads):
        by_name = {load.program.name: load for load in loads}
        by_name[move.giver].workers.pop()
        by_name[move.taker].workers.append(Worker(age=0.0))
        moves.append(move)
    return moves


def _next(loads: Sequence[Load]) -> Move | None:
    in_need = [load for load in loads if load.is_in_need]
    for taker in sorted(in_need, key=lambda each: (each.surplus >= 0, -_pressure(each))):
        for giver in _givers(loads, taker):
            if reason := _reason(giver, taker):
                return _move(giver, taker, f"{_need(taker)}, and {reason}")
    for owner in sorted(loads, key=lambda each: each.surplus):
        for giver in _givers(loads, owner):
            if owner.surplus < 0 < giver.surplus and giver.is_quiet and _has_stayed(giver):
                return _move(giver, owner, f"{giver.program.name} has nothing more to do")
    return None


def _givers(loads: Iterable[Load], taker: Load) -> list[Load]:
    """Who could give, those first who need it least."""
    givers = [load for load in loads if load is not taker and load.can_spare]
    return sorted(givers, key=lambda each: (not each.is_quiet, -each.surplus, _pressure(each)))


def _reason(giver: Load, taker: Load) -> str:
    """Why this one gives a process to that one, which is in need; empty when it does not."""
    name = giver.program.name
    if taker.surplus < 0 < giver.surplus:
        return f"{name} has more processes than queues.toml says"
    if giver.is_quiet and (giver.surplus > 0 or _has_stayed(giver)):
        return f"{name} has nothing to do"
    if (
        giver.surplus > 0
        and _has_stayed(giver)
        and _pressure(taker) >= OLDER * giver.oldest / (giver.count - 1)
    ):
        return f"those of {name} for {time_span(giver.oldest)}"
    return ""


def _has_stayed(giver: Load) -> bool:
    return giver.workers[-1].age >= DWELL


def _pressure(load: Load) -> float:
    """How long jobs have waited, for each process that there is for them."""
    return load.oldest / load.count


def _need(load: Load) -> str:
    jobs = counted(load.waiting, "job waits", "jobs wait")
    return f"{jobs} for {load.program.name}, the first for {time_span(load.oldest)}"


def _move(giver: Load, taker: Load, why: str) -> Move:
    gone = f"{giver.program.name}-{giver.count}"
    come = f"{taker.program.name}-{taker.count + 1}"
    return Move(giver.program.name, taker.program.name, f"{come} in place of {gone}: {why}")


_MEMORY = Path("/proc/meminfo")


def loads(topology: Topology, conf: str, now: float) -> list[Load]:
    """The programs whose number of processes may change; `conf` is the text of supervisord.conf.

    Not those that `fleet scale` has changed, of which a process is down, or in which this runs.
    """
    from worker.status.overview import queue_statuses  # noqa: PLC0415  # see above

    present: dict[str, list[ProcessInfo]] = {}
    for process in sorted(processes(), key=lambda each: (len(each.name), each.name)):
        present.setdefault(process.program, []).append(process)
    left_alone = conf_file.scaled_programs(conf) | {_own_program()}
    left_alone |= {
        name
        for name, found in present.items()
        if any(each.is_down and not each.rests for each in found)
    }
    programs = [
        program
        for program in topology.programs.values()
        if program.is_elastic and program.name in present and program.name not in left_alone
    ]
    names = sorted({queue for program in programs for queue in program.queues})
    statuses = {status.name: status for status in queue_statuses(names)}
    begun = _begun(process.name for program in programs for process in present[program.name])
    return [_load(program, present[program.name], statuses, begun, now) for program in programs]


def _load(
    program: Program,
    found: Iterable[ProcessInfo],
    statuses: Mapping[str, "QueueStatus"],
    begun: Mapping[str, float],
    now: float,
) -> Load:
    queues = [statuses[name] for name in program.queues if not statuses[name].paused]
    workers = [
        Worker(
            age=inf if process.rests else max(0.0, now - (process.since or now)),
            busy=max(0.0, now - begun[process.name]) if process.name in begun else None,
        )
        for process in found
    ]
    return Load(
        program,
        workers,
        waiting=sum(status.waiting for status in queues),
        oldest=max((status.oldest or 0.0 for status in queues), default=0.0),
        has_room=_available() >= (program.memory or 0),
    )


def _begun(names: Iterable[str]) -> dict[str, float]:
    """When the job of each busy process began, by the process's name."""
    by_worker = {registered_name(name): name for name in names}
    connection = dispatch.connection()
    begun = {}
    for holder in holders(connection):
        if holder.worker not in by_worker or holder.is_alive() is False:
            continue
        entries: list[bytes] = connection.lrange(holder.taken_key, 0, -1)  # type: ignore[assignment]
        for job_id in ids(entries):
            if connection.type(Job.key_for(job_id)) == b"hash":
                started = as_moment(connection.hget(Job.key_for(job_id), "started_at"))
                if started is not None:
                    begun[by_worker[holder.worker]] = started
    return begun


def _own_program() -> str:
    """The program in whose process this job runs: it cannot stop itself. Empty outside of one."""
    job = get_current_job()
    return program_of(process_name_of(job.worker_name or "")) if job is not None else ""


def _available() -> float:
    """Bytes of memory that programs may have without swapping; only Linux reports it."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return float("inf")


_log = logging.getLogger("fleet")


class Outcome(NamedTuple):
    """What rebalancing did."""

    moved: list[str]
    """Each move with its reason, as a sentence."""
    refused: str = ""
    """Why nothing could be moved in this fleet; empty when it could."""


def rebalance(now: Callable[[], float] = time.time) -> Outcome:
    """Move processes where that helps. `now` returns the seconds since 1970.

    A move that was interrupted is finished first. Raises FleetStartError when a process that was
    moved does not start, FleetStopError when it does not end, and LockTakenError when another
    `fleet` goes on changing the fleet.
    """
    topology = load()
    if not _is_elastic(topology):
        return Outcome([])
    try:
        return Outcome(_rebalance(topology, now()))
    except BadInputError as error:
        _log.warning("nothing is rebalanced: %s", error)
        return Outcome([], str(error))


def may_help() -> bool:
    """Whether jobs wait for a program that may grow, or a number of processes is to change back.

    So it is after a change of the fleet that was interrupted. Not where `fleet up` started nothing.
    """
    topology, conf = dispatch.topology(), conf_file.read()
    here = set(this_host(topology).programs)
    left_alone = conf_file.scaled_programs(conf) | (topology.programs.keys() - here)
    elastic = [
        program
        for program in topology.programs.values()
        if program.is_elastic and program.name not in left_alone
    ]
    if not elastic or not conf:
        return False
    if not _is_whole(conf):
        return True
    counts = process_counts(topology, conf)
    waiting = sizes(sorted({queue for program in elastic for queue in program.queues}))
    return any(counts[each.name] != each.processes for each in elastic) or any(
        places[Place.WAITING] for places in waiting.values()
    )


def refusal() -> str:
    """Why no process can be moved in the fleet that is up; empty when one can, or none is to."""
    topology = load()
    try:
        if _is_elastic(topology):
            _planned(topology, own_text(topology), [])
    except BadInputError as error:
        return str(error)
    return ""


def reach() -> str:
    """Which processes of the fleet are moved, in words."""
    topology = load()
    if not topology.hosts:
        return "worker rebalancing may move processes"
    consumers = {each.name for each in topology.consumers(topology.route(_JOB).name)}
    host = this_host(topology)
    if consumers.isdisjoint(host.programs):
        return (
            f"worker rebalancing moves nothing on {host.name}, which does not run "
            f"{' or '.join(sorted(consumers))}; `fleet scale` does"
        )
    return f"worker rebalancing may move processes of {host.name}, each host its own"


def _is_elastic(topology: Topology) -> bool:
    return any(program.is_elastic for program in topology.programs.values())


def _rebalance(topology: Topology, now: float) -> list[str]:
    """Move what is to be moved, and explain it. Raises BadInputError when it may not be."""
    from worker.supervisor.change import apply  # noqa: PLC0415  # see above

    conf = own_text(topology)
    if not _is_whole(conf):
        _log.info("an interrupted change of the fleet was completed")
        apply(_planned(topology, conf, []), _log.info)
    moves = decide(loads(topology, conf, now))
    if moves:
        apply(_planned(topology, conf, moves), _log.info)
    return [move.explained for move in moves]


def _is_whole(conf: str) -> bool:
    """Whether supervisord has just the workers that its file says."""
    workers = set(conf_file.workers(conf))
    programs = {program_of(name) for name in workers}
    return workers == {each.name for each in processes() if each.program in programs}


def _planned(topology: Topology, conf: str, moves: Sequence[Move]) -> Change:
    """The change that these moves are. Raises BadInputError when it would touch anything else."""
    more = Counter(move.taker for move in moves)
    more.subtract(move.giver for move in moves)
    change = Change.to_rebalance(topology, conf, more)
    if change.restarts:
        raise BadInputError(
            f"{', '.join(change.restarts)} would be restarted, for the fleet was started "
            "by another version or with other settings — `fleet reload`"
        )
    return change
