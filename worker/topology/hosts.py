"""The hosts that share the work: their part of queues.toml, and which of them this machine is.

FLEET_HOST says which [hosts.NAME] of queues.toml this machine is, and FLEET_PROGRAMS which programs
run on it in place of those that queues.toml says.
"""

import os
import socket
from collections.abc import Iterator
from typing import Any

from db import settings
from db.sql.path_text import lie_elsewhere
from worker.errors import BadInputError
from worker.phrases import did_you_mean
from worker.topology.model import PARTS, Fault, Host, Topology, as_toml

_Entries = dict[str, dict[str, Any]]
_ALL = "all"


def check_hosts(hosts: _Entries, programs: _Entries, queues: _Entries) -> Iterator[Fault]:
    """What is wrong with the tables of hosts: each queue must be consumed on one of them."""
    known = [*programs, *PARTS]
    for name, host in hosts.items():
        for program in host.get("programs", ()):
            if program not in known:
                yield Fault(
                    f"hosts.{name}.programs",
                    f"there is no program {as_toml(program)}",
                    did_you_mean(program, known),
                )
    if not hosts or any("programs" not in host for host in hosts.values()):
        return  # such a host runs everything
    run = {program for host in hosts.values() for program in host["programs"]}
    consumed = {queue for name in run for queue in programs.get(name, {}).get("queues", ())}
    for name in queues:
        takers = [each for each, entry in programs.items() if name in entry.get("queues", ())]
        if takers and name not in consumed:
            yield Fault(
                "hosts",
                f"no host runs a program that consumes {name}, so its jobs would wait for ever",
                f"add {as_toml(takers[0])} to the programs of one",
            )
    if "scheduler" not in run:
        yield Fault(
            "hosts",
            "no host runs the scheduler, so no schedule would be met",
            'add "scheduler" to the programs of one',
        )


def this_host(topology: Topology) -> Host:
    """What this machine runs, and where it has the folders of music.

    It is the host that FLEET_HOST names, or else the one with the name of the machine; where
    queues.toml has no hosts, one that runs everything. Raises BadInputError.
    """
    host = _declared(topology)
    chosen = settings.value("FLEET_PROGRAMS")
    if chosen == _ALL:
        return host
    names = tuple(dict.fromkeys(filter(None, map(str.strip, chosen.split(",")))))
    known = [*topology.programs, *PARTS]
    for name in names:
        if name not in known:
            raise BadInputError(
                f"FLEET_PROGRAMS names {name!r}, which is no program of {topology.path} — "
                f"{did_you_mean(name, known)}"
            )
    if not names:
        raise BadInputError("FLEET_PROGRAMS names no program — name one, or leave it unset")
    return Host(host.name, names, host.roots)


def _declared(topology: Topology) -> Host:
    chosen = os.environ.get("FLEET_HOST", "").strip()
    if not topology.hosts:
        return Host(chosen or machine_name(), (*topology.programs, *PARTS), {})
    name = chosen or machine_name()
    if name in topology.hosts:
        return topology.hosts[name]
    said = f"FLEET_HOST is {name!r}" if chosen else f"this machine is named {name!r}"
    raise BadInputError(
        f"{said}, and {topology.path} has the hosts {', '.join(topology.hosts)} — "
        "set FLEET_HOST to the one that this is"
    )


def machine_name() -> str:
    """The first part of the name that the machine has."""
    return socket.gethostname().partition(".")[0].lower() or "localhost"


def is_whole(topology: Topology, host: Host) -> bool:
    """Whether this host runs everything that queues.toml declares."""
    return {*topology.programs, *PARTS} <= {*host.programs}


def go_by(topology: Topology) -> None:
    """Have this process find the fleet's folders of music where this host has them.

    One whose host is not known finds them where the fleet has them: `fleet up` refuses to start it.
    """
    try:
        lie_elsewhere(this_host(topology).roots if topology.hosts else {})
    except BadInputError:
        lie_elsewhere({})
