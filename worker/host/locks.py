"""Locks between processes of one data folder: for slots, fleet changes and migrations.

The kernel releases a lock when its holder ends.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from db import settings
from db.errors import DatabaseGoneError
from db.settings import identity, remember
from db.sql.connection import open_database
from db.sql.schema import (
    applied_migrations,
    check_schema,
    ensure_library_id,
    library_id,
    migrate,
)
from worker import code_version
from worker.errors import LockTakenError
from worker.host.process_files import hold
from worker.topology import Slot

_SLOT_SECONDS = 5.0  # a killed predecessor may take a moment to be gone


@contextmanager
def hold_slot(program: str, number: int, seconds: float = _SLOT_SECONDS) -> Iterator[None]:
    """Hold the lock of a slot. Raises LockTakenError when a living process keeps it."""
    if settings.supervisor():  # no `fleet up` was there before
        settings.prepare_data_dir()
    file = _slot_file(Slot(program, number).process_name)
    file.parent.mkdir(mode=0o700, exist_ok=True)  # not above it: the data folder may have moved
    with hold(file, seconds):
        yield


@contextmanager
def hold_free_slot(program: str) -> Iterator[int]:
    """Hold the first slot of a program that no living process has, and give its number."""
    with ExitStack() as held:
        for number in count(1):  # given below
            with suppress(LockTakenError):
                held.enter_context(hold_slot(program, number, seconds=0))
                break
        yield number


def running_code(process_name: str, pid: int) -> str | None:
    """Which musicfleet the process of this name and id runs; "" for one that says nothing of it.

    None for one that holds no slot, or not yet.
    """
    try:
        slot = process_name if "-" in process_name else f"{process_name}-1"
        holder, _, version = _slot_file(slot).read_text().partition(" ")
    except OSError:
        return None
    return version.strip() if holder.strip() == str(pid) else None


def _slot_file(process_name: str) -> Path:
    return settings.run_dir() / "slots" / f"{process_name}.lock"


_FLEET_SECONDS = 120


def hold_fleet() -> AbstractContextManager[None]:
    """Hold the fleet meanwhile. Raises LockTakenError when another `fleet` keeps holding it."""
    return hold(settings.run_dir() / "up.lock", _FLEET_SECONDS)


_MIGRATION_SECONDS = 60.0


def open_migrated() -> None:
    """Open the database, make it if it is not there, and bring it up to date: for `fleet up`.

    The data folder works for its library from now on, whichever it was before. One process of this
    data folder does it at a time. Raises db.errors.DatabaseError or LockTakenError.
    """
    with hold(settings.run_dir() / "migrate.lock", _MIGRATION_SECONDS):
        open_database(create=True)
        is_new = not applied_migrations()
        migrate()
        remember(ensure_library_id("" if is_new else identity().library))


def open_library() -> None:
    """Open the database of the library that this data folder works for: for its programs.

    Only a data folder that never had one gets a new database here, when supervisord was started
    without `fleet up`; and a database is not migrated while a process runs that does not know the
    migration. Raises db.errors.DatabaseError or LockTakenError.
    """
    with hold(settings.run_dir() / "migrate.lock", _MIGRATION_SECONDS):
        known = identity().library
        open_database(create=not known)
        found = library_id()
        if known and found != known:
            raise DatabaseGoneError(
                f"the database is that of another library ({(found or 'without a name')[:8]}) than "
                f"this fleet was started with ({known[:8]}) — run `fleet up`, which takes it"
            )
        if _others_run_other_code():
            check_schema()
        else:
            migrate()
        remember(ensure_library_id(known))


def _others_run_other_code() -> bool:
    """Whether a process that holds a slot has other code than this one."""
    for file in _slot_file("").parent.glob("*.lock"):
        holder, _, version = file.read_text().partition(" ")
        if version.strip() != code_version() and holder and _is_held(file):
            return True
    return False


def _is_held(file: Path) -> bool:
    """Whether a living process holds this lock."""
    lock = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
