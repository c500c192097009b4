"""What must hold between the tables of queues.toml and the jobs of the package."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from worker.nearest import did_you_mean
from worker.topology.durations import shown
from worker.topology.faults import Fault, as_toml
from worker.topology.jobs import FoundJob
from worker.topology.model import Execution
from worker.topology.tables import Entries

RESERVED_PROGRAMS = ("redis", "scheduler", "recovery", "supervisord", "web", "watch")
"""Names that supervisord.conf and the logs give to parts of the fleet itself."""

_NAME = re.compile("[a-z][a-z0-9_]*")


def matches(queue: Mapping[str, object], job: str) -> bool:
    """Whether a pattern of this queue's entry names the job."""
    patterns = queue.get("jobs", ())
    return isinstance(patterns, tuple) and any(fnmatchcase(job, each) for each in patterns)


def check(tables: Mapping[str, Entries], jobs: Mapping[str, FoundJob]) -> list[Fault]:
    """Every rule that is broken. A value that could not be read breaks no further rule."""
    queues, programs, schedules = tables["queues"], tables["programs"], tables["schedules"]
    return [
        *_names(tables),
        *_patterns(queues, jobs),
        *_routes(queues, jobs),
        *_program_queues(programs, queues),
        *_consumption(queues, programs),
        *_stops(programs, queues),
        *_memories(programs),
        *_bounds(programs),
        *_schedules(schedules, jobs),
    ]


def _names(tables: Mapping[str, Entries]) -> Iterator[Fault]:
    for kind, entries in tables.items():
        for name in entries:
            if not _NAME.fullmatch(name):
                yield Fault(
                    f"{kind}.{as_toml(name)}",
                    "is no name",
                    "use small letters, digits and underscores",
                )
    for name in tables["programs"]:
        if name in RESERVED_PROGRAMS:
            yield Fault(f"programs.{name}", "is the name of a part of the fleet", "choose another")


def _patterns(queues: Entries, jobs: Mapping[str, FoundJob]) -> Iterator[Fault]:
    for name, queue in queues.items():
        for pattern in queue.get("jobs", ()):
            if not any(fnmatchcase(job, pattern) for job in jobs):
                yield Fault(
                    f"queues.{name}.jobs",
                    f"no job matches {as_toml(pattern)}",
                    did_you_mean(pattern, jobs),
                )


def _routes(queues: Entries, jobs: Mapping[str, FoundJob]) -> Iterator[Fault]:
    all_known = all("jobs" in queue for queue in queues.values())
    for job in jobs.values():
        takers = [name for name, queue in queues.items() if matches(queue, job.name)]
        if len(takers) > 1:
            yield Fault(
                " and ".join(f"queues.{name}.jobs" for name in takers),
                f"the job {job.name} is in {len(takers)} queues",
                "leave it in one",
            )
        if not takers and all_known:
            yield Fault(
                "queues",
                f"the job {job.name} ({job.source}) is in no queue",
                f'add "{job.name}" to the jobs of one',
            )


def _program_queues(programs: Entries, queues: Entries) -> Iterator[Fault]:
    for name, program in programs.items():
        for queue in program.get("queues", ()):
            if queue not in queues:
                yield Fault(
                    f"programs.{name}.queues",
                    f"there is no queue {as_toml(queue)}",
                    did_you_mean(queue, queues),
                )


def _consumption(queues: Entries, programs: Entries) -> Iterator[Fault]:
    if not all("queues" in program for program in programs.values()):
        return
    consumed = {queue for program in programs.values() for queue in program["queues"]}
    for name in queues:
        if name not in consumed:
            yield Fault(
                f"queues.{name}",
                "no program consumes it, so its jobs would wait for ever",
                f'add "{name}" to the queues of a program',
            )


def _stops(programs: Entries, queues: Entries) -> Iterator[Fault]:
    for name, program in programs.items():
        longest = longest_timeout(program.get("queues", ()), queues)
        if "stop" in program and program["stop"] < longest:
            yield Fault(
                f"programs.{name}.stop = {as_toml(shown(program['stop']))}",
                f"is shorter than the timeout {shown(longest)} of a queue of it",
                f'write at least "{shown(longest)}", or leave it out',
            )


def _memories(programs: Entries) -> Iterator[Fault]:
    for name, program in programs.items():
        if "memory" in program and program.get("execution") is not Execution.FORKED:
            yield Fault(
                f"programs.{name}.memory",
                "limits only jobs that run in a process of their own",
                f'add execution = "{Execution.FORKED}", or leave it out',
            )


def _bounds(programs: Entries) -> Iterator[Fault]:
    for name, program in programs.items():
        rest = program.get("processes")
        if rest is None:
            continue
        if program.get("least", rest) > rest:
            yield Fault(
                f"programs.{name}.least = {program['least']}",
                f"is more than its processes, {rest}",
                f"write {rest} or less, or leave it out",
            )
        if program.get("most", rest) < rest:
            yield Fault(
                f"programs.{name}.most = {program['most']}",
                f"is less than its processes, {rest}",
                f"write {rest} or more, or leave it out",
            )


def longest_timeout(names: tuple[str, ...], queues: Entries) -> int:
    """The longest timeout of these queues, in seconds; 0 when none is known."""
    return max((queues.get(name, {}).get("timeout", 0) for name in names), default=0)


def _schedules(schedules: Entries, jobs: Mapping[str, FoundJob]) -> Iterator[Fault]:
    for name, schedule in schedules.items():
        if "job" not in schedule:
            continue
        job = jobs.get(schedule["job"])
        if job is None:
            yield Fault(
                f"schedules.{name}.job",
                f"there is no job {as_toml(schedule['job'])}",
                did_you_mean(schedule["job"], jobs),
            )
        elif "arguments" in schedule or job.required:
            yield from _call(f"schedules.{name}.arguments", job, schedule.get("arguments", {}))


def _call(where: str, job: FoundJob, arguments: Mapping[str, object]) -> Iterator[Fault]:
    for name in arguments:
        if name not in job.parameters and not job.takes_any:
            yield Fault(
                f"{where}.{name}", f"{job.name} takes no {name}", did_you_mean(name, job.parameters)
            )
    for name in sorted(job.required - set(arguments)):
        yield Fault(where, f"{job.name} needs {name}", f"add {name} to the arguments")
