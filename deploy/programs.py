"""What the fleet is made of, for any supervisor: its programs, what each runs, needs and may use.

supervisord.conf is rendered by `worker.supervisor.conf_file`, and the same follows from the same
topology here: a renderer of a target only writes down, in the target's form, what stands here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from importlib.metadata import version
from typing import Any

from worker.errors import BadInputError
from worker.phrases import did_you_mean
from worker.supervisor import conf_file
from worker.topology import Host, Program, Topology

DATA, MUSIC = "/data", "/music"
"""Where a container has the volume of the data folder, and the music."""
QUEUES = "/etc/musicfleet/queues.toml"
ALIVE = "/tmp/alive"  # noqa: S108  # of a container, which has its own
PORT = 8310
"""Where the web UI listens in a container."""
HEADER = """\
Generated from {source} by `fleet config write`. Do not edit: `fleet config write --check` compares.
"""

_BESIDE = 256 * 2**20
"""Bytes for a worker beside the job that it has forked."""
_REACH_OUT = ("covers.fetch_*", "metadata.enrich_batch", "maintenance.notify_owner", "publishing.*")
"""The jobs that send requests to servers on the web. All others need none but the stores."""
_ALIVE_MINUTES = 5
_WIDTH, _SHORT = 200, 80
"""Letters of a line, and of the words of a list that stands in one."""
_EACH_NICE = 1.25
"""By how much a process weighs less to the kernel for each step of nice (sched(7))."""


class Health(Enum):
    """How to find out whether a program works."""

    FILE = f"find {ALIVE} -mmin -{_ALIVE_MINUTES} | grep -q ."
    """It touches a file (ALIVE_FILE) from time to time: no process is started to ask it."""
    PAGE = (
        f"exec 3<>/dev/tcp/127.0.0.1/{PORT}; "
        "printf 'GET /static/style.css HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3 | grep -q 200"
    )
    """It answers. Not /healthz, which fails for faults that no new start would repair."""


@dataclass(frozen=True)
class Part:
    """A program of the fleet. Times are seconds, memory is bytes."""

    name: str
    module: str
    """What `python -m` runs."""
    stop: int
    """How long a process may run after SIGTERM."""
    queues: tuple[str, ...] = ()
    """What a worker program consumes, in order of priority; none for any other."""
    processes: int = 1
    most: int = 1
    standing: int = 1
    """How many processes run even when there is nothing to do."""
    idle: int | None = None
    """How long a process without work stays; None where it always runs."""
    memory: int | None = None
    """All that a process and its forked job may use; None: no limit."""
    nice: int = 0
    needs_music: bool = False
    reaches_out: bool = False
    """Whether it sends requests to servers on the web."""
    is_optional: bool = False
    """Whether it runs only where somebody turns it on."""
    health: Health = Health.FILE

    def command(self, number: int | str = 0) -> list[str]:
        """The arguments of `python` that run the process in the slot of that number.

        0 is the first slot that is free.
        """
        if not self.queues:
            return ["-m", self.module]
        return ["-m", self.module, self.name, str(number), "--queues", ",".join(self.queues)]

    @property
    def weight(self) -> float:
        """Its share of a core that others want too: 1 as most, less for what gives way to them."""
        return float(_EACH_NICE**-self.nice)

    @property
    def is_scaled(self) -> bool:
        """Whether there are more or fewer processes of it as its queues have jobs."""
        return self.idle is not None


@dataclass(frozen=True)
class Fleet:
    """A topology, or what of it one host runs."""

    topology: Topology
    parts: tuple[Part, ...]
    host: Host | None = None

    @property
    def header(self) -> str:
        """The comment at the head of each file."""
        return "".join(f"# {line}\n" for line in self._header.splitlines())

    @property
    def _header(self) -> str:
        host = f", host {self.host.name}" if self.host else ""
        return HEADER.format(source=f"{self.topology.path.name}{host}")

    @property
    def own(self) -> dict[str, str]:
        """The settings that say which host it is."""
        return {"FLEET_HOST": self.host.name} if self.host else {}

    @property
    def folders(self) -> list[str]:
        """Where the host has the music; none where queues.toml does not say."""
        return list(self.host.roots.values()) if self.host else []

    def labels(self, part: str) -> dict[str, str]:
        """What says of an object which program it is of."""
        return {"app.kubernetes.io/name": "musicfleet", "app.kubernetes.io/component": part}


def described(topology: Topology, host: str = "") -> Fleet:
    """The whole fleet, or what the host of that name runs; BadInputError for another name."""
    if host and host not in topology.hosts:
        known = did_you_mean(host, topology.hosts) if topology.hosts else "queues.toml has none"
        raise BadInputError(f"there is no host {host!r} — {known}")
    if topology.hosts and not host:
        names = ", ".join(topology.hosts)
        raise BadInputError(f"{topology.path} has the hosts {names} — add --host NAME")
    chosen = topology.hosts[host] if host else None
    parts = tuple(each for each in _parts(topology) if _runs(chosen, each.name))
    return Fleet(topology, parts, chosen)


def _runs(host: Host | None, part: str) -> bool:
    return host is None or part == "recovery" or part in host.programs


def _parts(topology: Topology) -> Iterator[Part]:
    # It says which folders of music the host has.
    yield Part("recovery", "worker.recovery", conf_file.RECOVERY_STOP, needs_music=True)
    for program in topology.programs.values():
        yield _worker(topology, program)
    yield Part("scheduler", "worker.schedule.scheduler", conf_file.SCHEDULER_STOP)
    yield Part(
        "web",
        "web",
        conf_file.WEB_STOP,
        needs_music=True,
        reaches_out=True,
        health=Health.PAGE,
    )
    yield Part("watch", "watch", conf_file.WATCH_STOP, needs_music=True, is_optional=True)


def _worker(topology: Topology, program: Program) -> Part:
    jobs = [job for queue in program.queues for job in topology.jobs_of(queue)]
    return Part(
        program.name,
        "worker.process",
        program.stop,
        queues=program.queues,
        processes=program.processes,
        most=max(program.most, program.processes),
        standing=program.standing if program.is_on_demand else program.processes,
        idle=program.idle,
        memory=None if program.memory is None else program.memory + _BESIDE,
        nice=program.nice,
        needs_music=True,
        reaches_out=any(fnmatchcase(job, each) for job in jobs for each in _REACH_OUT),
    )


def image() -> str:
    """The image that containers run, by its tag."""
    return f"musicfleet:{version('musicfleet')}"


def mebibytes(size: int) -> int:
    """A size in MiB, as the targets have it."""
    return -(-size // 2**20)


def as_yaml(*documents: Mapping[str, Any]) -> str:
    """The documents as YAML: in the order given, and without anchors."""
    import yaml  # noqa: PLC0415  # only who renders needs it

    class Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML has no types
        def ignore_aliases(self, data: object) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # its name
            super().increase_indent(flow, False)

    def text(dumper: Any, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    def words(dumper: Any, value: list[Any]) -> Any:
        is_short = all(isinstance(each, str) for each in value) and len("".join(value)) < _SHORT
        return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=is_short)

    Dumper.add_representer(str, text)
    Dumper.add_representer(list, words)
    options = {"sort_keys": False, "width": _WIDTH, "allow_unicode": True}
    return str(yaml.dump_all(documents, Dumper=Dumper, **options))
