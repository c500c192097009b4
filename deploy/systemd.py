"""systemd: units of the user, and units of the system.

`musicfleet.service` is the whole fleet of one machine under supervisord, as `fleet service install`
has it. The other units have systemd start each program by itself: `musicfleet.target` starts them
all. `musicfleet-NAME@.service` is a worker program, an instance a process: the instance's name is
the number of the slot. A program that runs on demand has a path unit: the recovery puts a file
there when a queue holds jobs, and the program ends when it was idle.

No timers: the scheduler of the fleet knows what was due while it was down, and starts no process
for a job that would find nothing to do, which a timer could not.
Formats: systemd.unit(5), systemd.exec(5).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from deploy.programs import Fleet, Part, mebibytes
from worker.supervisor.conf_file import LIBRARIES, REDIS_STOP

NAME = "musicfleet"
SERVICE = f"{NAME}.service"
_WEIGHT = 100
"""CPUWeight of a unit by default."""
_WATCHDOG = 180
"""Seconds without a sign of life after which a unit is started again."""
_STOP = 90
"""Seconds that `fleet down` has to stop the whole fleet."""
_BAD = "2 4 9"
"""Exit codes of `fleet` for what no further start repairs: usage, topology, bad input."""

_ANY_MANAGER = {
    "UMask": "0077",
    "NoNewPrivileges": "yes",
    "LockPersonality": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "SystemCallArchitectures": "native",
    "SystemCallFilter": "@system-service",
    "SystemCallErrorNumber": "EPERM",
}
"""Hardening that a user's own systemd can do without namespaces. Not MemoryDenyWriteExecute:
librosa compiles as it runs."""
_SYSTEM = {
    "ProtectSystem": "strict",
    "ProtectHome": "read-only",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RemoveIPC": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
}
"""And what the system's can do."""

Section = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Place:
    """Whose systemd it is, and where it finds the fleet. Paths may have specifiers, such as %h."""

    is_system: bool
    bin: str
    """The folder of its `python` and `fleet`."""
    data_dir: str
    queues: str = ""
    """FLEET_QUEUES; empty where the queues.toml that holds is found without."""
    user: str = ""
    """Who runs the fleet; empty for a user's own systemd."""
    environment: tuple[tuple[str, str], ...] = ()
    """Further settings."""

    @property
    def wanted_by(self) -> str:
        """What starts it at boot: a user's own systemd does where the user lingers."""
        return "multi-user.target" if self.is_system else "default.target"


USER = Place(False, "%h/.local/share/pipx/venvs/musicfleet/bin", "%h/.local/share/musicfleet")
SYSTEM = Place(True, "/opt/musicfleet/bin", "/var/lib/musicfleet", user="musicfleet")
"""As the files have it that are the same on every machine."""


def files(fleet: Fleet) -> dict[str, str]:
    """The units of the user and of the system, by name."""
    units = {}
    for folder, place in (("user", USER), ("system", SYSTEM)):
        own = replace(place, environment=tuple(fleet.own.items()))
        for name, text in units_of(fleet, own).items():
            units[f"systemd/{folder}/{name}"] = f"{fleet.header}{text}"
    return units


def units_of(fleet: Fleet, place: Place) -> dict[str, str]:
    """Every unit, by name."""
    units = {SERVICE: whole(place), f"{NAME}.target": _target(fleet, place)}
    for part in _parts(fleet):
        suffix = "@" if part.queues else ""
        units[f"{NAME}-{part.name}{suffix}.service"] = _unit(part, place)
        if part.idle is not None:
            units[f"{NAME}-{part.name}@.path"] = _path(part, place)
    return units


def _parts(fleet: Fleet) -> tuple[Part, ...]:
    """With the fleet's own Valkey, where no host of several is meant, which share another."""
    own = () if fleet.host else (Part("redis", "worker.redis.valkey", REDIS_STOP),)
    return (*own, *fleet.parts)


def whole(place: Place) -> str:
    """The unit of the whole fleet: supervisord, with all programs below it."""
    fleet = _quoted(f"{place.bin}/fleet")
    return _text(
        Unit=[
            ("Description", "musicfleet, the whole fleet of this machine"),
            *_network(place),
            ("StartLimitIntervalSec", "0"),
        ],
        Service=[
            # supervisord, whose recovery says that it answers.
            ("Type", "exec"),
            ("NotifyAccess", "all"),
            ("WatchdogSec", str(_WATCHDOG)),
            ("ExecStart", f"{fleet} up --foreground"),
            ("ExecReload", f"{fleet} reload --yes"),
            ("ExecStop", f"{fleet} down"),
            ("TimeoutStopSec", str(_STOP)),
            ("KillMode", "mixed"),
            # Its programs may have control groups of their own.
            ("Delegate", "yes"),
            *_restart(),
            ("RestartPreventExitStatus", _BAD),
            *_common(place),
        ],
        Install=[("WantedBy", place.wanted_by)],
    )


def _target(fleet: Fleet, place: Place) -> str:
    wanted = [name for part in _parts(fleet) if not part.is_optional for name in _started(part)]
    return _text(
        Unit=[
            ("Description", "musicfleet, each program by itself"),
            *(("Wants", name) for name in wanted),
            ("Conflicts", SERVICE),
        ],
        Install=[("WantedBy", place.wanted_by)],
    )


def _started(part: Part) -> Iterator[str]:
    """What has to be started so that the processes of a program run, or will when needed."""
    if not part.queues:
        yield f"{NAME}-{part.name}.service"
    for number in range(1, part.processes + 1) if part.queues else ():
        kind = "service" if part.idle is None or number <= part.standing else "path"
        yield f"{NAME}-{part.name}@{number}.{kind}"


def _unit(part: Part, place: Place) -> str:
    command = " ".join([_quoted(f"{place.bin}/python"), *part.command("%i")])
    limits = [("CPUWeight", str(max(1, round(_WEIGHT * part.weight))))]
    if part.memory:
        limits.append(("MemoryMax", f"{mebibytes(part.memory)}M"))
    watchdog = [("NotifyAccess", "main"), ("WatchdogSec", str(_WATCHDOG))]
    return _text(
        Unit=[
            ("Description", f"musicfleet, {_what(part)}"),
            ("PartOf", f"{NAME}.target"),
            ("Conflicts", SERVICE),
            *_network(place),
            ("StartLimitIntervalSec", "0"),
        ],
        Service=[
            ("Type", "exec"),
            *(watchdog if part.queues else ()),
            ("ExecStart", command),
            ("WorkingDirectory", f"-{place.data_dir}"),
            ("TimeoutStopSec", str(part.stop)),
            ("KillMode", "mixed"),
            *limits,
            *_restart(),
            *_common(place),
            ("Environment", "FLEET_SUPERVISOR=systemd"),
            *(("Environment", f"{name}={text}") for name, text in LIBRARIES.items()),
        ],
        Install=[("WantedBy", f"{NAME}.target")],
    )


def _what(part: Part) -> str:
    return f"program {part.name}: {', '.join(part.queues)}" if part.queues else f"the {part.name}"


def _path(part: Part, place: Place) -> str:
    file = f"{place.data_dir}/run/demand/{part.name}"
    return _text(
        Unit=[
            ("Description", f"musicfleet, program {part.name} when a queue of it holds jobs"),
            ("PartOf", f"{NAME}.target"),
        ],
        Path=[("PathExists", file)],
        Install=[("WantedBy", f"{NAME}.target")],
    )


def _network(place: Place) -> Section:
    """A user's own systemd has no unit that says so of the network."""
    after = [("After", "network-online.target"), ("Wants", "network-online.target")]
    return after if place.is_system else []


def _restart() -> Section:
    return [
        ("Restart", "on-failure"),
        ("RestartSec", "5"),
    ]


def _common(place: Place) -> Section:
    """Who runs it, with which settings, and what it may not do."""
    settings = [("FLEET_DATA_DIR", place.data_dir), *place.environment]
    settings += [("FLEET_QUEUES", place.queues)] if place.queues else []
    lines = [("Environment", _quoted(f"{name}={text}")) for name, text in settings]
    hardening: Mapping[str, str] = _ANY_MANAGER | (_SYSTEM if place.is_system else {})
    if place.is_system:
        state = PurePosixPath(place.data_dir)
        own = ("StateDirectory", state.name) if str(state.parent) == "/var/lib" else None
        lines += [("User", place.user), own or ("ReadWritePaths", _quoted(place.data_dir))]
    return [*lines, *hardening.items()]


def _quoted(text: str) -> str:
    """As one word of a line, whatever is in it but specifiers."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"' if plain != text or " " in text else text


def _text(**sections: Section) -> str:
    """The text of a unit."""
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in lines)
        for name, lines in sections.items()
    )
