"""How `fleet` ends: one number and one sentence each, part of the interface."""

from enum import IntEnum
from typing import Self


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
    INTERRUPTED = 130, "Interrupted by Ctrl-C; what was enqueued stays enqueued."
