"""Locks between processes of one data folder: for slots, fleet changes and migrations.

The kernel releases a lock when its holder ends.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from db import settings
from db.settings.identity import remember
from db.sql.connection import open_database
from db.sql.schema import library_id, migrate
from worker.errors import LockTakenError
from worker.topology import Slot


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


_SLOT_SECONDS = 5.0  # a killed predecessor may take a moment to be gone


@contextmanager
def hold_slot(program: str, number: int) -> Iterator[None]:
    """Hold the lock of a slot. Raises LockTakenError when a living process keeps it."""
    folder = settings.run_dir() / "slots"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with hold(folder / f"{Slot(program, number).process_name}.lock", _SLOT_SECONDS):
        yield


_FLEET_SECONDS = 120


def hold_fleet() -> AbstractContextManager[None]:
    """Hold the fleet meanwhile. Raises LockTakenError when another `fleet` keeps holding it."""
    return hold(settings.run_dir() / "up.lock", _FLEET_SECONDS)


_MIGRATION_SECONDS = 60.0


def open_migrated() -> None:
    """Open the database and bring it up to date, one process of this data folder at a time.

    Raises db.errors.DatabaseError or LockTakenError.
    """
    with hold(settings.run_dir() / "migrate.lock", _MIGRATION_SECONDS):
        open_database()
        migrate()
        remember(library_id())
