"""The schema's version: which migrations the database has, and bringing it up to date."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from db.errors import NewerDatabaseError, OldDatabaseError
from db.models import LibraryIdentity, database
from db.sql.connection import is_sqlite
from db.sql.name_index import keep_index

MIGRATIONS = Path(__file__).parents[1] / "migrations"
_LOCK = 0x6D757369  # "musi", so that no other user of the server's advisory locks is met
HISTORY = "migratehistory"  # peewee-migrate's own table
COPY_OF = "copy-of-"
"""How the migration begins that names the library that is being copied into a database."""


def known_migrations() -> list[str]:
    """The migrations that this musicfleet has, oldest first."""
    return sorted(file.stem for file in MIGRATIONS.glob("[0-9][0-9][0-9]_*.py"))


def applied_migrations() -> list[str]:
    """The migrations that the open database has, oldest first."""
    if not database.table_exists(HISTORY):
        return []
    cursor = database.execute_sql(f"SELECT name FROM {HISTORY} ORDER BY id")  # noqa: S608  # a constant
    return [name for (name,) in cursor.fetchall()]


def check_schema() -> None:
    """Raise NewerDatabaseError or OldDatabaseError unless the schema is this musicfleet's."""
    missing = _missing_migrations()
    if missing:
        raise OldDatabaseError(
            f"the database lacks the migration {missing[0]} — run `fleet up`, which migrates it"
        )


def migrate(*, copying: bool = False) -> list[str]:
    """Bring the open database up to date and return the migrations that were run.

    Hosts that share a PostgreSQL wait for each other; processes that share an SQLite file must see
    to that themselves. Raises NewerDatabaseError when the database is ahead of this musicfleet, or
    holds a part of a library and is not `copying` just now; nothing is changed then.
    """
    with _one_at_a_time():
        return _migrate(copying)


def library_id() -> str | None:
    """The random name of the library in the open database, or None.

    A copy has the name of its original, until somebody deletes the row.
    """
    if not database.table_exists("library_identity"):
        return None
    row = LibraryIdentity.select(LibraryIdentity.library).first()  # an older schema has it too
    return str(row.library) if row else None


def ensure_library_id(former: str) -> str:
    """The name of the library; one that has none gets the `former` one, or a new one."""
    LibraryIdentity.insert(id=1, library=former or uuid4().hex).on_conflict_ignore().execute()
    return str(library_id())


def _migrate(copying: bool) -> list[str]:
    missing = _missing_migrations(copying=copying)
    if missing:
        from peewee_migrate import Router  # noqa: PLC0415  # 10 MiB that workers do without

        logger = logging.getLogger("musicfleet.migrations")
        logger.setLevel(logging.WARNING)
        Router(database, migrate_dir=MIGRATIONS, logger=logger).run()
    keep_index()
    return missing


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    if is_sqlite():
        yield
        return
    database.execute_sql("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        database.execute_sql("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _missing_migrations(*, copying: bool = False) -> list[str]:
    known, applied = known_migrations(), applied_migrations()
    unknown = [name for name in applied if name not in known]
    marks = [name for name in unknown if name.startswith(COPY_OF)]
    if marks and not copying:
        raise NewerDatabaseError(
            "the database holds a part of a library, for a copy into it was interrupted — run the "
            "same `fleet db copy` again, or use the database that it was copied from"
        )
    unknown = [name for name in unknown if name not in marks]
    if unknown:
        raise NewerDatabaseError(
            f"the database has the migration {unknown[-1]}, which this musicfleet does not know — "
            "upgrade musicfleet, or restore a backup of the database from before"
        )
    return [name for name in known if name not in applied]
