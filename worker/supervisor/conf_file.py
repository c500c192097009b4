"""supervisord.conf: rendered from a topology for an instance, and read from the data folder.

Every process is a section, and so a group, of its own: supervisord can start, stop and restart it
without its neighbours. What a section says changes exactly when its process must be restarted.
"""

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from db import settings
from worker.host.lifeline import SCHEDULES, SUPERVISED
from worker.supervisor.instance import Instance
from worker.topology import Slot, Topology

LOG_SIZE = "5MB"
OLDER_LOGS = 2
REDIS_STOP = 30
SCHEDULER_STOP = 10
RECOVERY_STOP = 10
WEB_STOP = 10
WATCH_STOP = 10
"""Seconds that a program is given to end."""

LIBRARIES: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "PYTHONSAFEPATH": "1",
}
"""The environment of every program, whoever starts it: a process forked from one that has used such
a library's threads hangs for good; and the folder that it runs in may hold a db.py of others."""

_RECOVERY_EVENTS = ("EXITED", "BACKOFF", "FATAL", "STOPPED")
_BUFFERED_EVENTS = 1000
"""Events that wait while the recovery is restarted; supervisord drops the oldest beyond it."""
_EARLY = 5
"""Seconds within which an end counts as a failed start. Six workers that fail at once take one
second on two idle cores; what ended later is started again at once, so a machine that is five times
slower must not pass for one whose workers run. `worker.supervisor.restarts` has the pauses."""
_TRIES = 1_000_000_000
"""Never given up: what killed a process, or kept it from starting, may end at any time."""

_ON_DEMAND: Mapping[str, str] = {
    # The recovery starts it. It ends by itself when it is idle, and is started again after any
    # other end.
    "autostart": "false",
    "autorestart": "unexpected",
    "exitcodes": "0",
}
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""Or glibc keeps a heap for each thread of the web UI."""

_Settings = Mapping[str, str | int]


def render(
    topology: Topology,
    instance: Instance,
    processes: Mapping[str, int] | None = None,
    scaled: Collection[str] = (),
) -> str:
    """The text of a supervisord.conf that runs the whole fleet.

    `processes` says how many worker processes a program has; one that it does not name has what
    queues.toml says. `scaled` are the programs that the user has scaled.
    """
    header = f"{instance.header}\n\n{topology_line(topology)}"
    if scaled:
        header += f"\n{SCALED}{' '.join(sorted(scaled))}"
    comment = "".join(f"; {line}".rstrip() + "\n" for line in header.splitlines())
    sections = _sections(topology, instance, processes)
    return comment + "".join(_section(*each) for each in sections)


SCALED = "scaled by `fleet scale`: "
"""Begins the line of the header that names the programs that the user has scaled."""


def topology_line(topology: Topology) -> str:
    """The line of the header that names the queues.toml a file was rendered from, by its digest."""
    return f"topology {topology.digest}"


def _section(name: str, settings: _Settings) -> str:
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    return f"\n[{name}]\n{lines}"


def _sections(
    topology: Topology, instance: Instance, processes: Mapping[str, int] | None
) -> Iterator[tuple[str, _Settings]]:
    socket = f"{instance.run_dir}/supervisor.sock"
    yield "unix_http_server", {"file": socket, "chmod": "0700"}
    yield "supervisorctl", {"serverurl": f"unix://{socket}"}
    yield _extension("supervisor", "supervisor.rpcinterface:make_main_rpcinterface")
    yield _extension("restarts", "worker.supervisor.restarts:make_restarts")
    yield "supervisord", {**_supervisord(instance), **_limits(topology)}
    if instance.embedded_redis:
        yield "program:redis", _program(instance, "worker.redis.valkey", 10, REDIS_STOP)
    yield "eventlistener:recovery", _recovery(topology, instance)
    for slot in topology.slots(processes):
        if instance.runs(slot.program):
            yield f"program:{slot.process_name}", _worker(topology, instance, slot)
    if instance.runs("scheduler") and topology.scheduler_process == "scheduler":
        yield (
            "program:scheduler",
            {
                **_program(instance, "worker.schedule.scheduler", 200, SCHEDULER_STOP),
                "environment": _environment(_schedules(topology, instance)),
            },
        )
    if instance.web and instance.runs("web"):
        yield (
            "program:web",
            {
                **_program(instance, "web", 300, WEB_STOP),
                "environment": _environment(
                    {
                        "FLEET_WEB": instance.web,
                        **_FEW_ARENAS,
                        **_settings(instance.web_settings),
                    }
                ),
            },
        )
    if instance.watch and instance.runs("watch"):
        yield (
            "program:watch",
            {
                **_program(instance, "watch", 300, WATCH_STOP),
                "environment": _environment({**instance.watch, **_FEW_ARENAS}),
            },
        )


def _extension(name: str, factory: str) -> tuple[str, _Settings]:
    return f"rpcinterface:{name}", {"supervisor.rpcinterface_factory": factory}


def _supervisord(instance: Instance) -> _Settings:
    environment = {
        "FLEET_DATA_DIR": instance.data_dir,
        "FLEET_QUEUES": instance.queues,
        **LIBRARIES,
        # Or each process would compile all of musicfleet again: seconds, and memory.
        "PYTHONDONTWRITEBYTECODE": "",
        # What librosa has compiled, once: see jobs.audio_analysis.outcomes.
        "NUMBA_CACHE_DIR": f"{instance.data_dir}/numba",
    }
    if instance.embedded_redis:
        environment["FLEET_REDIS_URL"] = ""
    if instance.redis_prefix:
        environment["FLEET_REDIS_PREFIX"] = instance.redis_prefix
    if instance.host:
        environment["FLEET_HOST"] = instance.host
    return {
        "identifier": "musicfleet",
        "directory": instance.run_dir,
        "pidfile": f"{instance.run_dir}/supervisord.pid",
        "logfile": f"{instance.run_dir}/supervisord.log",
        "logfile_maxbytes": LOG_SIZE,
        "logfile_backups": OLDER_LOGS,
        "umask": "077",
        "environment": _environment(environment),
    }


def _limits(topology: Topology) -> _Settings:
    """What supervisord refuses to start without: its own numbers are for far larger fleets."""
    processes = sum(program.most for program in topology.programs.values()) + _OWN_PROCESSES
    return {
        "minfds": _FILES + _FILES_EACH * processes,
        "minprocs": _THREADS + _PROCESSES_EACH * processes,
    }


_OWN_PROCESSES = 5
"""Redis, recovery, scheduler, web and watch."""
_FILES, _FILES_EACH = 32, 4
"""Files that supervisord has open, and those for a process: pipes and its log."""
_THREADS, _PROCESSES_EACH = 24, 2
"""Threads of the web UI and of Redis; a worker may have a child."""
_LIMITS = ("minfds", "minprocs")
"""Settings of supervisord that a running one needs no more."""


def _worker(topology: Topology, instance: Instance, slot: Slot) -> _Settings:
    program = topology.programs[slot.program]
    queues = ",".join(program.queues)
    module = f"worker.process {program.name} {slot.number} --queues {queues}"
    idle = program.idle_of(slot.number)
    return {
        **_program(instance, module, 100, program.stop),
        **({} if idle is None else _ON_DEMAND),
        "startsecs": min(_EARLY, idle or _EARLY),
        "environment": _environment(
            {"FLEET_PROGRAM": program.digest, **_settings(instance.settings)}
        ),
    }


def _program(instance: Instance, module: str, priority: int, stop: int) -> _Settings:
    return {
        **_process(instance, module, priority, stop),
        "startsecs": _EARLY,
        "redirect_stderr": "true",
        **_log(instance, "stdout"),
    }


def _recovery(topology: Topology, instance: Instance) -> _Settings:
    has_schedules = instance.runs("scheduler") and topology.scheduler_process == "recovery"
    module = f"worker.recovery {SCHEDULES}" if has_schedules else "worker.recovery"
    schedules = _schedules(topology, instance) if has_schedules else {}
    return {
        **_process(instance, module, 20, RECOVERY_STOP),
        # Events wait for it until then.
        "startsecs": 1,
        "events": ",".join([*(f"PROCESS_STATE_{each}" for each in _RECOVERY_EVENTS), "TICK_5"]),
        "buffer_size": _BUFFERED_EVENTS,
        # Events are acknowledged there.
        "stdout_logfile": "NONE",
        **_log(instance, "stderr"),
        **({"environment": _environment({**schedules, **_FEW_ARENAS})} if schedules else {}),
    }


def _schedules(topology: Topology, instance: Instance) -> dict[str, str]:
    """What has the process that meets the schedules started again when it changes."""
    return {"FLEET_SCHEDULES": _schedules_digest(topology), **_settings(instance.settings)}


def _process(instance: Instance, module: str, priority: int, stop: int) -> _Settings:
    return {
        "command": f'"{instance.python}" -m {module} {SUPERVISED}',
        "directory": instance.folder,
        "umask": "077",
        "priority": priority,
        "autorestart": "true",
        "startretries": _TRIES,
        "stopsignal": "TERM",
        "stopwaitsecs": stop,
        "stopasgroup": "false",
        "killasgroup": "true",
    }


def _log(instance: Instance, stream: str) -> _Settings:
    return {
        f"{stream}_logfile": f"{instance.run_dir}/%(program_name)s.log",
        f"{stream}_logfile_maxbytes": LOG_SIZE,
        f"{stream}_logfile_backups": OLDER_LOGS,
    }


def _environment(variables: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in variables.items())


def _settings(digest: str) -> dict[str, str]:
    """What has a process started again when a setting is another."""
    return {"SETTINGS_DIGEST": digest} if digest else {}


def _schedules_digest(topology: Topology) -> str:
    """A short name for all that the scheduler does: which jobs, when, and how they are queued."""
    content = [
        (asdict(schedule), asdict(topology.route(schedule.job)) | {"use": None})
        for schedule in topology.schedules.values()
    ]
    canonical = json.dumps(content, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


_SECTION = re.compile(r"^\[(?:(?:program|eventlistener):)?(.+)\]\n((?:.+\n)*)", re.MULTILINE)
_PROFILE = re.compile(r"queues(\.\w+)\.toml")
_COMMAND = re.compile(r"^command = .* --queues (\S+)", re.MULTILINE)
_VARIABLE = re.compile(r'(\w+)="([^"]*)"')


def path() -> Path:
    """The file that `fleet up` writes, and starts supervisord with."""
    return settings.data_dir() / "supervisord.conf"


def beside(queues: Path) -> Path:
    """The file that `fleet config write` renders from this queues.toml, or from a profile."""
    profile = _PROFILE.fullmatch(queues.name)
    return queues.with_name(f"supervisord{profile[1] if profile else ''}.conf")


def read() -> str:
    """The text of the file; empty when there is none."""
    return settings.read_text(path()) if path().exists() else ""


def replace(text: str) -> None:
    """Write the file atomically: a reader finds the old or the new text, whole."""
    new = path().with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path())


def is_of(text: str, topology: Topology) -> bool:
    """Whether a supervisord.conf was rendered from this topology."""
    return f"; {topology_line(topology)}" in text.splitlines()


def process_sections(text: str) -> dict[str, str]:
    """What a rendered text says of each process, by the process's name, in its order."""
    return {name: body for name, body in _SECTION.findall(text) if "\ncommand = " in f"\n{body}"}


def workers(text: str) -> dict[str, list[str]]:
    """The queues of each worker process of a rendered text."""
    commands = ((name, _COMMAND.search(body)) for name, body in process_sections(text).items())
    return {name: command[1].split(",") for name, command in commands if command}


def consumed(text: str) -> set[str]:
    """The queues that the workers of a rendered text consume."""
    return {queue for queues in workers(text).values() for queue in queues}


def scaled_programs(text: str) -> set[str]:
    """The programs of a rendered text that `fleet scale` has scaled."""
    begin = f"; {SCALED}"
    lines = (line for line in text.splitlines() if line.startswith(begin))
    return {name for line in lines for name in line.removeprefix(begin).split()}


def own_settings(text: str) -> dict[str, str]:
    """What a rendered text says of supervisord itself, its environment variable by variable."""
    body = dict(_SECTION.findall(text)).get("supervisord", "")
    lines = dict(line.split(" = ", 1) for line in body.splitlines())
    for name in _LIMITS:
        lines.pop(name, None)
    return lines | dict(_VARIABLE.findall(lines.pop("environment", "")))


def is_own(pid: int) -> bool:
    """Whether the supervisord with this id was started with this file.

    Only Linux's /proc knows; elsewhere it is taken to be so.
    """
    arguments = command_line(pid)
    files = {os.path.realpath(each.removeprefix("--configuration=")) for each in arguments}
    return not arguments or os.path.realpath(path()) in files


def is_moved(pid: int) -> bool:
    """Whether the file that this supervisord was started with is where it was no more."""
    arguments = command_line(pid)
    files = [after for before, after in pairwise(arguments) if before == "--configuration"]
    return any(not Path(each).exists() for each in files)


def command_line(pid: int) -> list[str]:
    """The arguments of a process; none where that is not to be seen."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return os.fsdecode(line).rstrip("\0").split("\0")
