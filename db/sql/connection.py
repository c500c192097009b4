"""Opening the database, and the one kind of transaction that writes use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import peewee

from db import settings
from db.errors import BadDatabaseUrlError, DatabaseFullError, DatabaseUnreachableError
from db.models import database

_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "normal",
    "foreign_keys": 1,
    "busy_timeout": 60_000,  # several workers write; each waits its turn
    "cache_size": -16_000,
}


def open_database(url: str | None = None) -> peewee.Database:
    """Connect `db.models.database` to `url`, by default the one that the settings name.

    Raises BadDatabaseUrlError or DatabaseUnreachableError.
    """
    url = url or settings.database_url()
    close_database()
    opened = _for_url(url)
    database.initialize(opened)
    try:
        opened.connect(reuse_if_open=True)
        opened.execute_sql("SELECT 1")
    except peewee.ImproperlyConfigured as error:
        raise BadDatabaseUrlError(
            "FLEET_DATABASE_URL names a PostgreSQL, and its driver is not installed — "
            "pip install 'musicfleet[postgres]'"
        ) from error
    except peewee.DatabaseError as error:
        raise DatabaseUnreachableError(
            f"the database {without_password(url)} does not open: {_first_line(error)} — "
            "check FLEET_DATABASE_URL, the folder's permissions and that the server runs"
        ) from error
    return opened


def close_database() -> None:
    """Close this process's connection, if there is one."""
    if database.obj is not None and not database.is_closed():
        database.close()


def is_sqlite() -> bool:
    """Whether the open database is SQLite."""
    return isinstance(database.obj, peewee.SqliteDatabase)


@contextmanager
def transaction() -> Iterator[None]:
    """A transaction that may write. Raises DatabaseFullError when there is no space for it.

    SQLite takes the write lock at its start, so that a reader never has to become a writer half
    way (which fails at once with "database is locked", whatever the busy timeout).
    """
    mode = ("IMMEDIATE",) if is_sqlite() else ()
    try:
        with database.atomic(*mode):
            yield
    except peewee.OperationalError as error:
        if _is_full(error):
            raise DatabaseFullError(
                f"the disk of {without_password(settings.database_url())} is full — free some space"
            ) from error
        raise


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return url.replace(f":{parts.password}@", ":***@")


def _for_url(url: str) -> peewee.Database:
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A new file alone heeds it, before all else; on another it would wait for who is writing.
        first = {} if path.exists() else {"auto_vacuum": "incremental"}
        return peewee.SqliteDatabase(str(path), pragmas=first | _SQLITE_PRAGMAS)
    if scheme in {"postgres", "postgresql"}:
        return peewee.PostgresqlDatabase(
            url, prefer_psycopg3=True, connect_timeout=10, application_name="musicfleet"
        )
    raise BadDatabaseUrlError(
        f"FLEET_DATABASE_URL is {without_password(url)!r} — "
        "write postgresql://USER@HOST/DATABASE or sqlite:////absolute/path"
    )


def _is_full(error: BaseException | None) -> bool:
    """Whether it began with a full disk: SQLite fails once more in rolling back."""
    while error is not None:
        if "disk is full" in str(error) or "No space left on device" in str(error):
            return True
        error = error.__context__
    return False


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
