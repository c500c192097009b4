"""Finding, reading and checking queues.toml; only a sound topology leaves this file."""

import os
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

from db import settings
from worker.errors import TopologyError
from worker.phrases import did_you_mean
from worker.topology.hosts import check_hosts
from worker.topology.jobs import FoundJob, find_jobs, summary
from worker.topology.model import (
    PARTS,
    Execution,
    Fault,
    Host,
    Program,
    Queue,
    Schedule,
    Start,
    Topology,
    as_toml,
)
from worker.topology.tables import Entries, read_tables, shown_duration

RESERVED_PROGRAMS = ("redis", "scheduler", "recovery", "supervisord", "web", "watch")
"""Names that supervisord.conf and the logs give to parts of the fleet itself."""

_NAME = re.compile("[a-z][a-z0-9_]*")
_HOST_NAME = re.compile("[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
"""A label of a DNS name, or one with `_`."""


def matches(queue: Mapping[str, object], job: str) -> bool:
    """Whether a pattern of this queue's entry names the job."""
    patterns = queue.get("jobs", ())
    return isinstance(patterns, tuple) and any(fnmatchcase(job, each) for each in patterns)


def check_topology(tables: Mapping[str, Entries], jobs: Mapping[str, FoundJob]) -> list[Fault]:
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
        *_idles(programs),
        *_schedules(schedules, jobs),
        *check_hosts(tables["hosts"], programs, queues),
    ]


def _names(tables: Mapping[str, Entries]) -> Iterator[Fault]:
    for kind, entries in tables.items():
        form, more = (_HOST_NAME, ", hyphens") if kind == "hosts" else (_NAME, "")
        for name in entries:
            if not form.fullmatch(name):
                yield Fault(
                    f"{kind}.{as_toml(name)}",
                    "is no name",
                    f"use small letters, digits{more} and underscores",
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
                f"programs.{name}.stop = {as_toml(shown_duration(program['stop']))}",
                f"is shorter than the timeout {shown_duration(longest)} of a queue of it",
                f'write at least "{shown_duration(longest)}", or leave it out',
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


def _idles(programs: Entries) -> Iterator[Fault]:
    for name, program in programs.items():
        for key in ("idle", "standing"):
            if key in program and program.get("start", Start.ALWAYS) is Start.ALWAYS:
                yield Fault(
                    f"programs.{name}.{key}",
                    "is for processes that start on demand, and these always run",
                    f'add start = "{Start.ON_DEMAND}", or leave it out',
                )
        standing, rest = program.get("standing", 0), program.get("processes", inf)
        if standing >= rest:
            yield Fault(
                f"programs.{name}.standing = {standing}",
                f"leaves none of its processes, {rest}, to start on demand",
                f"write {rest - 1} or less, or leave start out",
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


def call_faults(job_name: str, arguments: Mapping[str, object]) -> list[Fault]:
    """What is wrong with a call of this job, as its source declares it."""
    found, _ = find_jobs(_jobs_folder())
    return list(_call("the arguments", found[job_name], arguments))


def job_says(job_name: str) -> str:
    """What a job does: the first paragraph of its docstring, in one line."""
    found, _ = find_jobs(_jobs_folder())
    return summary(_jobs_folder(), found[job_name])


def _call(where: str, job: FoundJob, arguments: Mapping[str, object]) -> Iterator[Fault]:
    for name in arguments:
        if name not in job.parameters and not job.takes_any:
            yield Fault(
                f"{where}.{name}", f"{job.name} takes no {name}", did_you_mean(name, job.parameters)
            )
    for name in sorted(job.required - set(arguments)):
        yield Fault(where, f"{job.name} needs {name}", f"add {name} to the arguments")


CHECKOUT = Path(__file__).parents[2]
"""The folder that holds the packages; a checkout of the repository when queues.toml is there."""

_QUEUE_DEFAULTS = {"keep": 600, "wait_limit": 900, "backoff": 0}
_PROGRAM_DEFAULTS = {"execution": Execution.IN_PROCESS, "memory": None}
_IDLE = 300
"""Seconds without work after which a process that was started on demand ends."""
STOP_MARGIN = 60
"""Seconds that a program may take to stop beyond its longest timeout."""


def queues_file() -> Path:
    """The queues.toml that holds here: FLEET_QUEUES, that of the data folder, or the shipped one.

    A word as FLEET_QUEUES names a profile: `small` the file queues.small.toml beside queues.toml.
    """
    chosen = os.environ.get("FLEET_QUEUES")
    if chosen and not _NAME.fullmatch(chosen):
        return settings.expanded(chosen).absolute()
    if not chosen and own_queues_file().exists():
        return own_queues_file()
    return _shipped() / (f"queues.{chosen}.toml" if chosen else "queues.toml")


def own_queues_file() -> Path:
    """Where a queues.toml of the user's own lies, which `fleet config edit` makes."""
    return settings.data_dir() / "queues.toml"


def _shipped() -> Path:
    """The folder of the files that musicfleet came with.

    A wheel has them in `share`, beside the `lib` that the packages are in: of an environment, of a
    system or of a user; `pip install --target` puts it beside the packages.
    """
    if (CHECKOUT / "queues.toml").exists():
        return CHECKOUT
    known = [folder / _SHARE for folder in (CHECKOUT, *CHECKOUT.parents)]
    return next((each for each in known if each.is_dir()), Path(sys.prefix, _SHARE))


_SHARE = "share/musicfleet"


def profiles() -> list[str]:
    """The names of the profiles that musicfleet came with."""
    return sorted(each.name.split(".")[1] for each in _shipped().glob("queues.*.toml"))


def load(path: Path | None = None, jobs: Path | None = None) -> Topology:
    """The topology of the queues.toml at `path`, for the jobs package in the folder `jobs`.

    By default `queues_file()` and the installed package `jobs`, which is not imported. Raises
    TopologyError, which holds every fault.
    """
    path = path.absolute() if path else queues_file()
    faults: list[Fault] = []
    found, misplaced = find_jobs(jobs or _jobs_folder())
    tables = read_tables(_parsed(path), faults)
    faults += misplaced
    faults += check_topology(tables, found)
    if faults:
        raise TopologyError(str(path), faults)
    return _built(path, tables, found)


def _jobs_folder() -> Path:
    spec = find_spec("jobs")
    if spec is None or not spec.submodule_search_locations:
        fault = Fault("jobs", "the package is not installed", "install musicfleet completely")
        raise TopologyError("the jobs package", [fault])
    return Path(spec.submodule_search_locations[0])


def _parsed(path: Path) -> dict[str, object]:
    """The content of the file. Raises TopologyError when it is not there or is not TOML."""
    try:
        return tomllib.loads(settings.read_text(path))
    except OSError as error:
        chosen = os.environ.get("FLEET_QUEUES", "")
        if isinstance(error, FileNotFoundError) and _NAME.fullmatch(chosen):
            raise _no_such_profile(chosen) from None
        fault = Fault(
            "FLEET_QUEUES" if chosen else "the file",
            f"cannot be read: {error.strerror}",
            "name a queues.toml, a text file in UTF-8",
        )
    except RecursionError:
        fault = Fault(
            "TOML", "its tables are nested too deeply", "write [queues.NAME] and the like"
        )
    except ValueError as error:  # TOMLDecodeError, and numbers that are too long
        fault = Fault("TOML", str(error), "repair the line; the rest was not checked")
    raise TopologyError(str(path), [fault])


def _no_such_profile(chosen: str) -> TopologyError:
    remedy = f"{did_you_mean(chosen, profiles())}; a file is named by its path, ./{chosen}"
    fault = Fault("FLEET_QUEUES", f"there is no profile {as_toml(chosen)}", remedy)
    return TopologyError("the choice of a profile", [fault])


def _built(path: Path, tables: dict[str, Entries], jobs: dict[str, FoundJob]) -> Topology:
    queues = {
        name: Queue(name, **{**_QUEUE_DEFAULTS, **entry})
        for name, entry in tables["queues"].items()
    }
    programs = {
        name: _program(name, entry, tables["queues"]) for name, entry in tables["programs"].items()
    }
    schedules = {
        name: Schedule(name, **{"arguments": {}, **entry})
        for name, entry in tables["schedules"].items()
    }
    routes = {
        job: queue.name
        for job in sorted(jobs)
        for queue in queues.values()
        if any(fnmatchcase(job, pattern) for pattern in queue.jobs)
    }
    every = (*programs, *PARTS)
    hosts = {
        name: Host(name, entry.get("programs", every), entry.get("roots", {}))
        for name, entry in tables["hosts"].items()
    }
    return Topology(path, queues, programs, schedules, routes, hosts)


def _program(name: str, entry: Mapping[str, Any], queues: Entries) -> Program:
    defaults = {
        "stop": _stop(entry["queues"], queues),
        "least": entry["processes"],
        "most": entry["processes"],
        "idle": _IDLE if entry.get("start") is Start.ON_DEMAND else None,
    }
    said = {key: value for key, value in entry.items() if key != "start"}
    return Program(name, **{**_PROGRAM_DEFAULTS, **defaults, **said})


def _stop(names: tuple[str, ...], queues: Entries) -> int:
    return longest_timeout(names, queues) + STOP_MARGIN
