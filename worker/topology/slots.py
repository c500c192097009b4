"""The slots of a fleet: each program has a number of them, and one worker process fills each."""

import socket
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from worker.topology import Topology


class Slot(NamedTuple):
    """A place for one worker process; `number` counts from 1 within the program."""

    program: str
    number: int

    @property
    def process_name(self) -> str:
        """What supervisord and the log files call it."""
        return f"{self.program}-{self.number}"


def slots(topology: Topology, processes: Mapping[str, int] | None = None) -> Iterator[Slot]:
    """Every slot of the fleet.

    `processes` says how many a program has; one that it does not name has what queues.toml says.
    """
    chosen = processes or {}
    for program in topology.programs.values():
        for number in range(1, chosen.get(program.name, program.processes) + 1):
            yield Slot(program.name, number)


def program_of(process_name: str) -> str:
    """The program of a process: metadata for metadata-2, and redis for redis."""
    return process_name.partition("-")[0]  # a program's name has no hyphen


def slot_name(program: str, number: int) -> str:
    """The name of the RQ worker in this slot on this host: the same for every successor."""
    return registered_name(Slot(program, number).process_name)


def registered_name(process_name: str) -> str:
    """The name of the RQ worker in the slot that supervisord calls `process_name`."""
    return f"{process_name}.{socket.gethostname()}"


def process_name_of(worker: str) -> str:
    """What supervisord calls the process of the RQ worker of that name."""
    return worker.partition(".")[0]
