"""Names: of a process in supervisord, and of the RQ worker that runs in it on this host.

The host is named by the identity of its data folder: the name of a machine changes.
"""

from db.settings.identity import identity
from worker.topology.model import Slot


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
