"""Finding and reading queues.toml; nothing but a sound topology leaves this file."""

import os
import sys
import tomllib
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

from worker.errors import TopologyError
from worker.topology.faults import Fault
from worker.topology.jobs import FoundJob, find_jobs
from worker.topology.model import Execution, Program, Queue, Schedule, Topology
from worker.topology.rules import check, longest_timeout
from worker.topology.tables import Entries, read_tables

CHECKOUT = Path(__file__).parents[2]
"""The folder that holds the packages; a checkout of the repository when queues.toml is there."""

_QUEUE_DEFAULTS = {"keep": 600, "wait_limit": 900, "backoff": 0}
_PROGRAM_DEFAULTS = {"execution": Execution.IN_PROCESS, "memory": None}
STOP_MARGIN = 60
"""Seconds that a program may take to stop beyond its longest timeout."""


def queues_file() -> Path:
    """The queues.toml that holds here: FLEET_QUEUES, the checkout's, or the installed one."""
    chosen = os.environ.get("FLEET_QUEUES")
    if chosen:
        return Path(chosen).expanduser().absolute()
    checkout = CHECKOUT / "queues.toml"
    return checkout if checkout.exists() else Path(sys.prefix, "share/musicfleet/queues.toml")


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
    faults += check(tables, found)
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
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        named = "FLEET_QUEUES" if os.environ.get("FLEET_QUEUES") else "the file"
        fault = Fault(
            named, f"cannot be read: {error.strerror}", "name a queues.toml that is there"
        )
    except UnicodeDecodeError as error:
        fault = Fault(f"byte {error.start}", "is no UTF-8", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        fault = Fault("TOML", str(error), "repair the line; the rest was not checked")
    raise TopologyError(str(path), [fault])


def _built(path: Path, tables: dict[str, Entries], jobs: dict[str, FoundJob]) -> Topology:
    queues = {
        name: Queue(name, **{**_QUEUE_DEFAULTS, **entry})
        for name, entry in tables["queues"].items()
    }
    programs = {
        name: Program(
            name,
            **{
                "stop": _stop(entry["queues"], tables["queues"]),
                "least": entry["processes"],
                "most": entry["processes"],
                **_PROGRAM_DEFAULTS,
                **entry,
            },
        )
        for name, entry in tables["programs"].items()
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
    return Topology(path, queues, programs, schedules, routes)


def _stop(names: tuple[str, ...], queues: Entries) -> int:
    return longest_timeout(names, queues) + STOP_MARGIN
