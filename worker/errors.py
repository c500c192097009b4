"""Errors around the queues and the processes, and the exit code of `fleet` for each."""

from collections.abc import Sequence
from enum import IntEnum
from typing import ClassVar, Self


class ExitCode(IntEnum):
    """The exit codes of `fleet`; `meaning` is the sentence that the help shows."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Self:
        """A member that carries its sentence."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    OK = 0, "Done."
    UNFORESEEN = 1, "An error in musicfleet itself; --debug shows where."
    USAGE = 2, "The command line was not understood."
    PROBLEMS = 3, "Finished, and listed problems."
    BAD_TOPOLOGY = 4, "queues.toml has faults; nothing was started, rendered or enqueued."
    DRIFT = 5, "supervisord.conf is not what queues.toml says."
    FLEET_FAILED = 6, "The fleet, or a program of it, did not start, stop or answer."
    REDIS_UNREACHABLE = 7, "Redis does not answer."
    DATABASE = 8, "The database does not open, is full or has another version."
    BAD_INPUT = 9, "What was named does not exist or cannot be used."
    FILES = 10, "A file or folder could not be read or written."
    UNSOUND = 11, "`fleet doctor` found errors; with warnings alone it ends with 3."
    CANCELLED = 12, "The scan was cancelled, by `fleet scan --cancel` or in the web UI."
    INTERRUPTED = 130, "Interrupted by Ctrl-C; what was enqueued stays enqueued."


class WorkerError(Exception):
    """Something that the user can repair; the message has the form "fact — remedy"."""

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
    """The job at hand is to stop, and its worker to continue."""


class LockTakenError(WorkerError):
    """Another process holds a lock of the data folder."""


class JobFailedError(WorkerError):
    """A job that was waited for failed."""


class FleetStoppedShortError(WorkerError):
    """Work is left that no queue holds."""


class ScanCancelledError(WorkerError):
    """The scan that was waited for was cancelled."""

    exit_code = ExitCode.CANCELLED


class BadInputError(WorkerError):
    """What the user named does not exist or cannot be used."""

    exit_code = ExitCode.BAD_INPUT


class RedisUnreachableError(WorkerError):
    """Redis does not answer at its URL."""

    exit_code = ExitCode.REDIS_UNREACHABLE


class ForeignRedisError(WorkerError):
    """Redis belongs to another fleet, or another program uses our queues."""

    exit_code = ExitCode.BAD_INPUT


class CopiedHostError(ForeignRedisError):
    """Another machine works with a copy of this data folder."""


class MessageError(WorkerError):
    """No service took a message to the owner."""


class SupervisordError(WorkerError):
    """The supervisord that should be asked does not answer, or may not be asked."""


class FleetStartError(WorkerError):
    """supervisord or one of its programs does not start."""


class FleetStopError(WorkerError):
    """The fleet does not stop."""


class NoValkeyError(WorkerError):
    """There is no Valkey binary for this machine."""
