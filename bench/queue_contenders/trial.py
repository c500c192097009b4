"""The jobs that every contender runs, and the stamp by which each says that it ran.

A stamp is one small append to a file: it costs about two microseconds, asks nothing of the queue,
and reports when a job ended and in which process.
"""

import os
import struct
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

STAMPS = "BENCH_STAMPS"
"""The environment variable that names the file of stamps."""

_RECORD = struct.Struct("=dqq")


class Stamp(NamedTuple):
    """A job that ended: seconds on the monotonic clock of the machine, and who ran it."""

    time: float
    process: int
    parent: int


def noop() -> None:
    """The job that does nothing."""
    stamp()


def sleep() -> None:
    """The job that takes a millisecond, in which the processor is free.

    Asleep, not busy: two workers that compute would take both cores of a small machine from Valkey,
    and the bench would measure how the kernel shares them.
    """
    time.sleep(MILLISECOND)
    stamp()


MILLISECOND = 0.001
JOBS = {"noop": noop, "sleep": sleep}


def stamp() -> None:
    """Say that a job has ended."""
    os.write(_file(), _RECORD.pack(time.monotonic(), os.getpid(), os.getppid()))


@cache
def _file() -> int:
    return os.open(os.environ[STAMPS], os.O_WRONLY | os.O_APPEND)


def count(file: Path) -> int:
    """How many stamps there are."""
    return file.stat().st_size // _RECORD.size


def read(file: Path) -> list[Stamp]:
    """Every stamp, in the order in which they were written."""
    return [Stamp(*record) for record in _RECORD.iter_unpack(file.read_bytes())]
