"""The database: that it opens, and that its schema is this musicfleet's version."""

import os
from collections.abc import Iterator
from pathlib import Path

import peewee

from db import settings
from db.connection import is_sqlite, open_database, without_password
from db.errors import DatabaseError, OldDatabaseError
from db.models import database
from db.schema import applied_migrations, check_schema, known_migrations
from worker.database import open_migrated
from worker.doctor.faults import fact_and_remedy
from worker.doctor.findings import Finding, Fix, Severity


def database_findings() -> Iterator[Finding]:
    """Whether the database opens, is up to date and can be written.

    A connection that this thread has is used; otherwise one is opened, and stays open.
    """
    url = without_password(settings.database_url())
    try:
        _open()
        check_schema()
    except DatabaseError as error:
        fact, remedy = fact_and_remedy(error)
        fix = _migration() if isinstance(error, OldDatabaseError) else None
        yield Finding("database", Severity.ERROR, fact, remedy, fix=fix)
        return
    if is_sqlite() and not _can_be_written(Path(database.database)):
        remedy = "give this user the right to write the file and its folder"
        yield Finding("database", Severity.ERROR, f"{url} cannot be written", remedy)
    else:
        at = applied_migrations()[-1]
        yield Finding("database", Severity.OK, f"{url} is at migration {at}")


def _open() -> None:
    """Have a connection that answers. Raises DatabaseError."""
    if database.obj is None or database.is_closed() or not _answers():
        open_database()


def _answers() -> bool:
    """Whether the connection still holds: a server that was restarted has ended it."""
    try:
        database.execute_sql("SELECT 1")
    except peewee.PeeweeException:
        return False
    return True


def _can_be_written(file: Path) -> bool:
    """Whether this user may; SQLite keeps its log beside the file."""
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _migration() -> Fix:
    behind = [name for name in known_migrations() if name not in applied_migrations()]

    def migrate() -> str:
        settings.prepare_data_dir()
        open_migrated()
        return f"the database was migrated to {applied_migrations()[-1]}"

    return Fix(f"migrate the database to {behind[-1]}", migrate)
