"""What the programs that may lend and borrow have to do at this moment, on this host."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import as_text

from worker import dispatch
from worker.holders import holders
from worker.rebalancing.deciding import Load, Worker
from worker.slots import program_of, registered_name
from worker.status import QueueStatus, queue_statuses
from worker.supervisor import conf_file
from worker.supervisor.rpc import ProcessInfo, processes
from worker.topology import Program, Topology

_MEMORY = Path("/proc/meminfo")


def loads(topology: Topology, conf: str, now: float) -> list[Load]:
    """The programs that may lend and borrow; `conf` is the text of supervisord.conf.

    Not those that `fleet scale` has changed, of which a process is down, or in which this runs.
    """
    present: dict[str, list[ProcessInfo]] = {}
    for process in sorted(processes(), key=lambda each: (len(each.name), each.name)):
        present.setdefault(process.program, []).append(process)
    left_alone = conf_file.scaled(conf) | {_own_program()}
    left_alone |= {name for name, found in present.items() if any(each.is_down for each in found)}
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
    statuses: Mapping[str, QueueStatus],
    begun: Mapping[str, float],
    now: float,
) -> Load:
    queues = [statuses[name] for name in program.queues if not statuses[name].paused]
    workers = [
        Worker(
            age=max(0.0, now - (process.since or now)),
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
        ids = [as_text(job_id) for job_id in connection.lrange(holder.taken_key, 0, -1)]
        for job in Job.fetch_many(ids, connection=connection, serializer=JSONSerializer):
            if job is not None and job.started_at is not None:
                begun[by_worker[holder.worker]] = job.started_at.timestamp()
    return begun


def _own_program() -> str:
    """The program in whose process this runs: it cannot stop itself. Empty outside the fleet."""
    return program_of(os.environ.get("SUPERVISOR_PROCESS_NAME", ""))


def _available() -> float:
    """Bytes of memory that programs may have without swapping; only Linux tells."""
    try:
        lines = dict(line.split(":", 1) for line in _MEMORY.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        return float("inf")
