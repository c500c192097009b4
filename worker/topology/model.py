"""The topology: queues, programs, schedules, and which queue takes which job."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from db.settings import identity
from worker.errors import UnknownJobError
from worker.phrases import did_you_mean


class Fault(NamedTuple):
    """Where (table.key, or a file and line), what is wrong, and the remedy."""

    where: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        """The line that the user sees."""
        return f"{self.where}: {self.reason} — {self.remedy}"


def as_toml(value: object) -> str:
    """A value much as it stands in the file."""
    return json.dumps(value, ensure_ascii=False, default=str)


@dataclass(frozen=True)
class Queue:
    """A queue. Times are seconds."""

    name: str
    use: str
    jobs: tuple[str, ...]
    """Patterns of job names."""
    timeout: int
    retries: int
    keep: int
    """How long a finished job stays visible."""
    wait_limit: int
    """How long a job may wait before the doctor complains."""
    backoff: int
    """How long the first retry of a failed job waits, each further one twice as long; 0: not."""

    def waits(self) -> list[int]:
        """The seconds before each retry."""
        return [self.backoff * 2**number for number in range(self.retries)]


class Start(StrEnum):
    """When a program's processes run."""

    ALWAYS = "always"
    """As long as the fleet is up."""
    ON_DEMAND = "on-demand"
    """While a queue of it holds jobs, and until they have been idle for some time."""


class Execution(StrEnum):
    """Where a program's jobs run."""

    IN_PROCESS = "in-process"
    """In the worker itself: a job costs no fork, and a crash costs the worker."""
    FORKED = "forked"
    """Each in a child of the worker, which loads what is heavy and may crash alone."""


@dataclass(frozen=True)
class Program:
    """Worker processes on the same queues, in order of priority. `stop` is seconds."""

    name: str
    queues: tuple[str, ...]
    processes: int
    """How many there are at rest."""
    least: int
    most: int
    """`worker.maintenance.rebalance` keeps their number between these; both `processes`: it leaves
    it.
    """
    stop: int
    """How long a process may run after SIGTERM."""
    execution: Execution
    memory: int | None
    """Bytes of address space that a forked job may have; None: no limit."""
    nice: int = 0
    """By how much its processes give way to others: 0, as most programs, to 19, the most."""
    idle: int | None = None
    """Seconds without work after which a process ends that runs on demand; None: it always runs."""
    standing: int = 0
    """How many processes of a program that runs on demand run always, the first ones."""

    @property
    def digest(self) -> str:
        """A short name for what one process of this program is; how many there are aside."""
        content = asdict(self) | {"processes": None}
        del content["least"], content["most"], content["standing"]
        return _digest(content)

    @property
    def is_on_demand(self) -> bool:
        """Whether processes of it run only while a queue holds jobs, and for a while after."""
        return self.idle is not None

    @property
    def shown_start(self) -> str:
        """How its processes start, in words."""
        if not self.is_on_demand:
            return "always run"
        return f"{self.standing} always, the rest on demand" if self.standing else "on demand"

    def idle_of(self, number: int) -> int | None:
        """`idle` of the process in the slot with that number."""
        return self.idle if number > self.standing else None

    @property
    def is_elastic(self) -> bool:
        """Whether it may have more or fewer processes than at rest."""
        return self.least < self.most


class Slot(NamedTuple):
    """A place for one worker process; `number` counts from 1 within the program."""

    program: str
    number: int

    @property
    def process_name(self) -> str:
        """What supervisord and the log files call it."""
        return f"{self.program}-{self.number}"


@dataclass(frozen=True)
class Schedule:
    """A job that is enqueued again and again."""

    name: str
    job: str
    cron: str
    arguments: Mapping[str, Any]


PARTS = ("scheduler", "web", "watch")
"""What a host may run beside worker programs; the recovery runs on each."""


@dataclass(frozen=True)
class Host:
    """A machine that runs a part of the fleet."""

    name: str
    programs: tuple[str, ...]
    """The worker programs and PARTS that it runs."""
    roots: Mapping[str, str]
    """Where it has folders of music that the fleet, and the database, know by another path."""


@dataclass(frozen=True)
class Topology:
    """A sound queues.toml; `worker.topology.load` makes it."""

    path: Path
    queues: Mapping[str, Queue]
    programs: Mapping[str, Program]
    schedules: Mapping[str, Schedule]
    routes: Mapping[str, str]
    """The queue of every job, by name: exactly what a worker will run."""
    hosts: Mapping[str, Host] = field(default_factory=dict)
    """The machines that share the work; none where one does all of it."""

    def route(self, job_name: str) -> Queue:
        """The queue that takes this job. Raises UnknownJobError, which names the nearest jobs."""
        try:
            return self.queues[self.routes[job_name]]
        except KeyError:
            raise UnknownJobError(
                f"no queue takes a job {job_name!r} — {did_you_mean(job_name, self.routes)}"
            ) from None

    def jobs_of(self, queue: str) -> list[str]:
        """The names of the jobs that this queue takes."""
        return sorted(job for job, name in self.routes.items() if name == queue)

    def consumers(self, queue: str) -> list[Program]:
        """The programs that consume this queue."""
        return [program for program in self.programs.values() if queue in program.queues]

    @property
    def scheduler_process(self) -> str:
        """What supervisord calls the process that meets the schedules.

        Where no worker runs at rest, the recovery does so too: a process of its own would be a
        fourth of all memory.
        """
        programs = self.programs.values()
        is_small = all(each.is_on_demand and not each.standing for each in programs)
        return "recovery" if is_small else "scheduler"

    def slots(self, processes: Mapping[str, int] | None = None) -> Iterator[Slot]:
        """Every slot of the fleet.

        `processes` says how many a program has; one that it does not name has what queues.toml
        says.
        """
        chosen = processes or {}
        for program in self.programs.values():
            for number in range(1, chosen.get(program.name, program.processes) + 1):
                yield Slot(program.name, number)

    @cached_property
    def digest(self) -> str:
        """A short name for what this topology does: descriptions, comments and layout aside."""
        content = asdict(self) | {"path": None}
        for queue in content["queues"].values():
            del queue["use"]
        if not self.hosts:
            del content["hosts"]
        return _digest(content)


def _digest(content: Mapping[str, object]) -> str:
    canonical = json.dumps(content, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def program_of(process_name: str) -> str:
    """The program of a process: metadata for metadata-2, and redis for redis."""
    return process_name.partition("-")[0]  # a program's name has no hyphen


def slot_name(program: str, number: int) -> str:
    """The name of the RQ worker in this slot on this host: the same for every successor."""
    return registered_name(Slot(program, number).process_name)


def registered_name(process_name: str) -> str:
    """The name of the RQ worker in the slot that supervisord calls `process_name`."""
    return f"{process_name}.{identity().name}"


def process_name_of(worker: str) -> str:
    """What supervisord calls the process of the RQ worker of that name."""
    return worker.partition(".")[0]
