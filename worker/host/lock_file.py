"""A file that one process at a time has locked. Light: Valkey starts by this alone.

The kernel releases the lock when its holder ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.errors import LockTakenError
from worker.host.version import code_version


def take(file: Path, seconds: float) -> int:
    """Lock `file` for this process within `seconds`, and return the descriptor that holds it.

    Raises LockTakenError, which names the process that has it.
    """
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                holder = os.read(lock, 100).decode().partition(" ")[0].strip()
                os.close(lock)
                raise LockTakenError(
                    f"process {holder} holds {file} — wait for it, or end it"
                ) from None
            time.sleep(0.05)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()} {code_version()}\n".encode(), 0)
            return lock


@contextmanager
def hold(file: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of `file` meanwhile. Raises LockTakenError after `seconds`."""
    lock = take(file, seconds)
    try:
        yield
    finally:
        os.close(lock)
