"""Checks of the running fleet: queues with their jobs, workers, programs and watched folders."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault

from rq import Worker
from rq.job import Job
from rq.worker_registration import REDIS_WORKER_KEYS

from db import settings
from db.sql.path_text import shown
from worker import code_version, dispatch
from worker.doctor import Check, Finding, Fix, Severity
from worker.doctor.redis_server import started_by
from worker.errors import BadInputError, FleetStartError, TopologyError
from worker.host.memory import kernel_kills_since_start, memory_limit
from worker.maintenance.rebalance import reach, refusal
from worker.phrases import counted, some, time_span
from worker.process.unreadable import REFUSED
from worker.queues import HELD, Place, rescue, sizes, strangers
from worker.redis.entries import as_moment, as_shown, ids, utf8
from worker.redis.owner import REMEDY, other_workers
from worker.status.overview import QueueStatus
from worker.status.overview import queues as statuses
from worker.supervisor import watch_state
from worker.supervisor.control import outdated_processes
from worker.supervisor.logs import last_lines, log_file, newest
from worker.supervisor.rpc import ProcessInfo, is_up, processes, supervisord
from worker.topology import Topology, load
from worker.topology.hosts import this_host
from worker.topology.model import PARTS

_PROGRAMS = "programs"
_ESSENTIAL = {
    "recovery": "jobs of processes that die wait until a process of the same slot starts",
    "scheduler": "no schedule of queues.toml runs, the reconciliation of lost work among them",
}
"""What the fleet cannot do without, beside its workers, and what happens without it."""
_RUNS = {"RUNNING", "STARTING", "STOPPING"}


def programs() -> Iterator[Finding]:
    """Whether supervisord is up, and everything in it runs."""
    if name := settings.supervisor():
        yield started_by(name, _ESSENTIAL["recovery"])
        return
    if not is_up():
        yield Finding("supervisord", Severity.ERROR, "the fleet is not up", "run `fleet up`")
        return
    present = processes()
    resting = sum(each.rests for each in present)
    faults = [_down(each) for each in present if each.state not in _RUNS and not each.rests]
    faults += [_absent(name) for name in _essential() - {each.name for each in present}]
    yield from faults
    if not faults:
        running = counted(len(present) - resting, "process", "processes")
        running += f"; on demand: {resting:,}" if resting else ""
        says = f"supervisord is up, and all of it runs: {running}"
        yield Finding(_PROGRAMS, Severity.OK, says, count=len(present))


def _essential() -> set[str]:
    """Those of _ESSENTIAL that are to run on this host."""
    topology = _topology()
    here = {*(this_host(topology).programs if topology is not None else PARTS)}
    if topology is not None and topology.scheduler_process != "scheduler":
        here.discard("scheduler")
    return {name for name in _ESSENTIAL if name in here or name not in PARTS}


def _down(process: ProcessInfo) -> Finding:
    """A process that does not run. One that supervisord keeps starting needs another remedy."""
    age = None if process.since is None else max(0.0, time.time() - process.since)
    since = "" if age is None else f", last started {time_span(age)} ago"
    danger = f": {_ESSENTIAL[process.name]}" if process.name in _ESSENTIAL else ""
    reason = f" ({_reason(process)})" if process.state != "STOPPED" else ""
    was_stopped = process.state == "STOPPED" and process.name not in _ESSENTIAL
    return Finding(
        _PROGRAMS,
        Severity.WARNING if was_stopped else Severity.ERROR,
        f"{process.name} is {process.state}{since}{reason}{danger}",
        f"see `fleet logs {process.name}`" + (", then `fleet up`" if process.is_down else ""),
        age=age,
        fix=_start(process) if process.is_down else None,
        notice=f"program {process.name}" if process.state == "FATAL" else "",
    )


_AN_HOUR = timedelta(hours=1)
_KILLED = re.compile(r"exited: (\S+) \(terminated by SIGKILL")
_EXITED = re.compile(r"exited: (\S+) \(")
_LINES = 5_000


def _memory() -> Iterator[Finding]:
    """Whether the kernel has killed processes of the fleet for want of memory in the last hour."""
    since = f"{datetime.now() - _AN_HOUR:%Y-%m-%d %H:%M:%S}"  # as supervisord has it
    recent = [line for line in last_lines(log_file("supervisord"), _LINES) if line >= since]
    killed = Counter(found[1] for line in recent if (found := _KILLED.search(line)))
    group = _group()
    if not killed or not kernel_kills_since_start(group):
        yield Finding("memory", Severity.OK, "no process was killed for want of memory lately")
        return
    limit = memory_limit(group)
    of = f", which may use {limit / 2**20:,.0f} MiB" if limit else ""
    yield Finding(
        "memory",
        Severity.ERROR,
        f"the kernel killed processes of the fleet{of}, for want of memory: "
        f"{counted(killed.total(), 'time')} in the last hour ({some(sorted(killed))})",
        "give the fleet more memory, or have fewer processes and less `memory` in queues.toml",
        killed.total(),
    )


def _group() -> str:
    """A process of the control group that the fleet is in."""
    try:
        pid = (settings.run_dir() / "supervisord.pid").read_text().strip()
    except OSError:
        return "self"
    return pid if Path(f"/proc/{pid}").exists() else "self"


def _was_killed(name: str) -> bool:
    """Whether SIGKILL was the last end of this process."""
    ends = [
        line
        for line in last_lines(log_file("supervisord"), _LINES)
        if (found := _EXITED.search(line)) and found[1] == name
    ]
    return bool(ends) and _KILLED.search(ends[-1]) is not None


def _reason(process: ProcessInfo) -> str:
    """Why it does not run: the last it wrote, or what supervisord knows."""
    if _was_killed(process.name):
        of = "the kernel, for want of memory" if kernel_kills_since_start(_group()) else "SIGKILL"
        return f"killed by {of}"
    last = newest([process.name], 1)
    return (last[0].text.strip() if last else "") or process.reason or "no reason given"


def _start(process: ProcessInfo) -> Fix:
    def start() -> str:
        try:
            with supervisord() as rpc:
                rpc.startProcess(process.name, False)
        except Fault as fault:
            raise FleetStartError(f"{process.name} does not start ({fault.faultString})") from fault
        return f"{process.name} is starting"

    return Fix(f"start {process.name}", start)


def _absent(name: str) -> Finding:
    return Finding(
        _PROGRAMS,
        Severity.ERROR,
        f"supervisord does not know {name}: {_ESSENTIAL[name]}",
        "run `fleet down`, then `fleet up`",
        notice=f"program {name}",
    )


def _rebalancing() -> Iterator[Finding]:
    """Whether worker rebalancing may move processes of the fleet that is up."""
    if _topology() is None or settings.supervisor() or not is_up():
        return
    reason, _, remedy = refusal().partition(" — ")
    if reason:
        says = f"worker rebalancing can move nothing: {reason}"
        yield Finding("rebalancing", Severity.WARNING, says, remedy)
    else:
        yield Finding("rebalancing", Severity.OK, reach())


def _watched() -> Iterator[Finding]:
    """Whether each root that is to be watched is, and how inotify's limits are raised if not."""
    state = watch_state.running()
    for each in state.roots if state else []:
        name = shown(each.root)
        if each.how == "inotify":
            yield Finding("watch", Severity.OK, f"{name} is watched")
        elif each.remedy:
            says = f"{name} is not watched: {each.why}"
            yield Finding("watch", Severity.WARNING, says, each.remedy)
        else:
            yield Finding("watch", Severity.OK, f"{name} is not watched: {each.why}")


def _topology() -> Topology | None:
    """What queues.toml says now; None when it has faults, which a check of its own reports."""
    try:
        return load()
    except TopologyError:
        return None


def _workers() -> Iterator[Finding]:
    """Whether every living worker has the present topology."""
    topology = _topology()
    if topology is None:
        return
    digests = _digests()
    outdated = sorted(name for name, digest in digests.items() if digest != topology.digest)
    if outdated:
        goes = "goes" if len(outdated) == 1 else "go"
        yield Finding(
            "workers",
            Severity.WARNING,
            f"{counted(len(outdated), 'worker')} {goes} by an earlier version of {topology.path} "
            f"({some(outdated)})",
            "run `fleet reload`, on each host",
            len(outdated),
        )
    else:
        says = f"{counted(len(digests), 'worker')}, each by this queues.toml"
        yield Finding("workers", Severity.OK, says, count=len(digests))


def _code() -> Iterator[Finding]:
    """Whether every process of this host runs the musicfleet that is installed."""
    old = outdated_processes()
    if old:
        processes_ = counted(len(old), "process runs", "processes run")
        says = f"{processes_} another musicfleet than {code_version()}"
        remedy = "run `fleet up`, which starts the fleet again"
        yield Finding(_PROGRAMS, Severity.WARNING, f"{says} ({some(old)})", remedy, len(old))


def _digests() -> dict[str, str]:
    """The digest of the topology of each registered worker; "" for one that has none."""
    connection = dispatch.connection()
    keys = sorted(utf8(connection.smembers(REDIS_WORKER_KEYS)))
    with connection.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hmget(key, "birth", "topology")
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    return {
        key.removeprefix(Worker.redis_worker_namespace_prefix): as_shown(answer[1] or b"")
        for key, answer in zip(keys, answers, strict=True)
        if isinstance(answer, list) and answer[0] is not None  # else its heartbeats have ended
    }


_QUEUES = "queues"
_UNCONSUMED = 300.0
"""Seconds after which the owner is notified; a program that is started again needs fewer."""


def _queues() -> Iterator[Finding]:
    """Every queue whose jobs no worker takes, or not soon enough."""
    topology = _topology()
    if topology is None:
        return
    faults = [
        finding
        for status in statuses()
        if status.waiting + status.later
        for finding in _queue(status, topology)
    ]
    yield from faults
    if not faults:
        yield Finding(_QUEUES, Severity.OK, "every queue that holds jobs is consumed in time")
    yield from _strangers(topology)


def _strangers(topology: Topology) -> Iterator[Finding]:
    """Other programs on this Redis: left alone, unless they use queues of ours."""
    others = strangers()
    if says := others.pop(REFUSED, None):
        count = sizes([REFUSED])[REFUSED].total()
        yield Finding(
            _QUEUES,
            Severity.ERROR,
            f"another program puts jobs into queues of the fleet ({says}): {counted(count, 'job')} "
            f"of its wait unrun in the queue {REFUSED}, as they were",
            f"{REMEDY}; the other program's worker may take them from the queue {REFUSED}, and "
            f"`rq empty {REFUSED}` deletes them",
            count,
        )
    if others:
        says = f"{counted(len(others), 'queue')} of other programs on this Redis left alone"
        yield Finding(_QUEUES, Severity.OK, f"{says} ({some(sorted(others))})", count=len(others))
    for worker, queue in other_workers(dispatch.connection(), topology.queues).items():
        says = f"the worker {worker} of another program takes the jobs of {queue}, and fails them"
        yield Finding(_QUEUES, Severity.ERROR, says, REMEDY)


def _queue(status: QueueStatus, topology: Topology) -> Iterator[Finding]:
    held, age = status.waiting + status.later, _age(status)
    holds = f"{status.name} holds {counted(held, 'job')}"
    since = "" if age is None else f", the oldest for {time_span(age)}"
    declared = topology.queues.get(status.name)
    if declared is None:
        yield _undeclared(
            status.name, f"{holds}, and queues.toml does not know it{since}", held, age
        )
        return
    is_consumed = bool(status.consumers) or status.on_demand
    if not is_consumed:
        yield Finding(
            _QUEUES,
            Severity.ERROR,
            f"{holds} that no live worker consumes{since}",
            "run `fleet up`, and see `fleet logs` of its program",
            held,
            age,
            notice=f"queue {status.name}" if (age or 0) > _UNCONSUMED else "",
        )
    if status.rests_until:
        says = f"{holds} and rests until {status.rests_until} (FLEET_ANALYSIS_HOURS)"
        yield Finding(_QUEUES, Severity.OK, says, count=held, age=age)
    elif status.paused:
        yield Finding(
            _QUEUES,
            Severity.WARNING,
            f"{holds} and is paused{since}",
            f"`fleet queue resume {status.name}` resumes it",
            held,
            age,
        )
    elif is_consumed and status.oldest is not None and status.oldest > declared.wait_limit:
        yield Finding(
            _QUEUES,
            Severity.WARNING,
            f"the first job of {status.name} has waited for {time_span(status.oldest)}, "
            f"longer than {time_span(declared.wait_limit)}",
            "give its program more processes with `fleet scale`, or see its `fleet logs`",
            held,
            status.oldest,
            notice=f"queue {status.name}",
        )


def _undeclared(name: str, says: str, held: int, age: float | None) -> Finding:
    """A queue that no topology routes to, and the jobs that it holds."""
    return Finding(
        _QUEUES,
        Severity.ERROR,
        says,
        f"`fleet queue move {name} QUEUE` moves those that are routed to QUEUE, "
        "`fleet doctor --fix` moves each one to its queue",
        held,
        age,
        _rescue(name),
        notice=f"queue {name}",
    )


def _age(status: QueueStatus) -> float | None:
    """For how many seconds the queue has held its oldest job, by the first ones."""
    created = [moment for place in HELD if (moment := _created(status.name, place)) is not None]
    ages = [time.time() - moment for moment in created]
    return max([*ages, *([] if status.oldest is None else [status.oldest])], default=None)


def _created(queue: str, place: Place) -> float | None:
    """When the first job of a place was made, in seconds since 1970."""
    connection = dispatch.connection()
    with connection.pipeline(transaction=False) as pipeline:
        (pipeline.lrange if place is Place.WAITING else pipeline.zrange)(place.key(queue), 0, 0)
        (found,) = pipeline.execute(raise_on_error=False)
    for job_id in ids(found) if isinstance(found, list) else []:
        if connection.type(Job.key_for(job_id)) == b"hash":
            return as_moment(connection.hget(Job.key_for(job_id), "created_at"))
    return None


def _rescue(name: str) -> Fix:
    """Bring the jobs of a queue to where they are routed today."""

    def bring() -> str:
        outcome = rescue(name)
        left = outcome.kept.total() + len(outcome.unreadable)
        if not outcome.done:
            raise BadInputError(f"no queue takes any of the {counted(left, 'job')} of {name}")
        targets = sorted({route.queue or "" for route in outcome.done})
        moved = f"{counted(outcome.done.total(), 'job')} of {name} moved to {', '.join(targets)}"
        return f"{moved}; {left:,} that no queue takes stay" if left else moved

    return Fix(f"move the jobs of {name} to the queues that take them today", bring)


CHECKS_OF_REDIS = (Check(_QUEUES, _queues), Check("workers", _workers))
CHECKS_OF_PROGRAMS = (
    Check("memory", _memory),
    Check("supervisord", programs),
    Check(_PROGRAMS, _code),
    Check("rebalancing", _rebalancing),
    Check("watch", _watched),
)
