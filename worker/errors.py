"""What can go wrong around the queues and the processes.

WorkerError
├── TopologyError
├── UnknownJobError
├── JobTooLargeError
├── ForbiddenJobError
├── TamperedJobError
├── JobStoppedError
├── LockTakenError
├── JobFailedError
├── FleetStoppedShortError
├── BadInputError
├── RedisUnreachableError
├── SupervisordError
├── FleetStartError
├── FleetStopError
└── NoValkeyError
"""

from collections.abc import Sequence
from typing import ClassVar

from worker.exit_codes import ExitCode


class WorkerError(Exception):
    """Something that the user can mend; the message says what and how: "fact — remedy"."""

    exit_code: ClassVar[ExitCode] = ExitCode.FLEET_FAILED
    """How `fleet` ends when this error reaches it."""


class TopologyError(WorkerError):
    """queues.toml has faults. `faults` holds all of them, each with its remedy."""

    exit_code = ExitCode.BAD_TOPOLOGY

    def __init__(self, source: str, faults: Sequence[object]) -> None:
        """`source` is the file; each fault's text is one line."""
        self.source = source
        self.faults = tuple(faults)
        count = "a fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"{source} has {count}, so nothing was done:{lines}")


class UnknownJobError(WorkerError):
    """A job name that queues.toml routes to no queue."""

    exit_code = ExitCode.BAD_INPUT


class JobTooLargeError(WorkerError):
    """A job's arguments are larger than a queue should carry."""

    exit_code = ExitCode.BAD_INPUT


class ForbiddenJobError(WorkerError):
    """A worker met a job that queues.toml does not route; nothing of it was imported or run."""


class TamperedJobError(WorkerError):
    """A job in Redis that no enqueue of ours can have written."""


class JobStoppedError(WorkerError):
    """The job at hand is to stop, and its worker to go on."""


class LockTakenError(WorkerError):
    """Another process holds a lock of the data folder."""


class JobFailedError(WorkerError):
    """A job that was waited for failed."""


class FleetStoppedShortError(WorkerError):
    """Work is left that no queue holds."""


class BadInputError(WorkerError):
    """What the user named does not exist or cannot be used."""

    exit_code = ExitCode.BAD_INPUT


class RedisUnreachableError(WorkerError):
    """Redis does not answer at its URL."""

    exit_code = ExitCode.REDIS_UNREACHABLE


class SupervisordError(WorkerError):
    """The supervisord that should be asked does not answer, or may not be asked."""


class FleetStartError(WorkerError):
    """supervisord or one of its programs does not start."""


class FleetStopError(WorkerError):
    """The fleet does not stop."""


class NoValkeyError(WorkerError):
    """There is no Valkey binary for this machine."""
