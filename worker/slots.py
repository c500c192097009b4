"""The slots of a fleet: each program has a fixed number, and one worker process fills each."""

import socket
from collections.abc import Iterator
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


def slots(topology: Topology) -> Iterator[Slot]:
    """Every slot of the fleet."""
    for program in topology.programs.values():
        for number in range(1, program.processes + 1):
            yield Slot(program.name, number)


def slot_name(program: str, number: int) -> str:
    """The name of the RQ worker in this slot on this host: the same for every successor."""
    return registered_name(Slot(program, number).process_name)


def registered_name(process_name: str) -> str:
    """The name of the RQ worker in the slot that supervisord calls `process_name`."""
    return f"{process_name}.{socket.gethostname()}"
