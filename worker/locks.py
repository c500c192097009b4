"""Locks between processes of one data folder; the kernel lets go of them when their holder ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker.errors import LockTakenError


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
                holder = os.read(lock, 20).decode().strip()
                os.close(lock)
                raise LockTakenError(
                    f"process {holder} holds {file} — wait for it, or end it"
                ) from None
            time.sleep(0.05)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            return lock


@contextmanager
def hold(file: Path, seconds: float) -> Iterator[None]:
    """Hold the lock of `file` meanwhile. Raises LockTakenError after `seconds`."""
    lock = take(file, seconds)
    try:
        yield
    finally:
        os.close(lock)
