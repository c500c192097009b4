"""Opening the database, and the one kind of transaction that writes use."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit
from zlib import crc32

import peewee

from db import settings
from db.errors import (
    BadDatabaseUrlError,
    DatabaseFullError,
    DatabaseGoneError,
    DatabaseLockedError,
    DatabaseUnreachableError,
)
from db.models import database
from db.settings import identity, urls
from db.sql.folding import fold, letters

_SQLITE_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "normal",
    "foreign_keys": 1,
    "busy_timeout": 60_000,  # several workers write; each waits its turn
    "cache_size": -16_000,
}


class _LibraryFile(peewee.SqliteDatabase):
    """An SQLite database whose file is there, and stays the same while the process lives.

    SQLite itself would make an empty file where there is none, and write on into one that was
    deleted.
    """

    def __init__(self, path: Path) -> None:
        # A new file alone heeds it, before all else; on another it would wait for who is writing.
        first = {} if path.stat().st_size else {"auto_vacuum": "incremental"}
        uri = f"file:{quote(str(path))}?mode=rw"
        super().__init__(
            uri, pragmas=first | _SQLITE_PRAGMAS, uri=True, field_types={"PATH": "TEXT"}
        )
        for function in (fold, letters):  # which triggers call, too
            self.register_function(function, num_params=1, deterministic=True)
        self.path = path
        self._file = _number(path)

    def connect(self, reuse_if_open: bool = False) -> bool:
        self.check_file()
        return bool(super().connect(reuse_if_open))

    def check_file(self) -> None:
        if _number(self.path) != self._file:
            raise _gone(self.path)


_SILENT_SECONDS = 30
"""Seconds after which one end of a connection to PostgreSQL knows that the other's machine is gone:
else, for hours, a transaction of a host that was switched off would keep all others waiting."""
_OF_A_CONNECTION: dict[str, Any] = {
    "connect_timeout": 10,
    "application_name": "musicfleet",
    "keepalives_idle": _SILENT_SECONDS // 2,
    "keepalives_interval": _SILENT_SECONDS // 6,
    "keepalives_count": 3,
    "tcp_user_timeout": _SILENT_SECONDS * 1000,
}
"""What libpq is given that the URL does not say."""
_OF_A_SESSION = (
    f"SET tcp_keepalives_idle = {_SILENT_SECONDS // 2}; "
    f"SET tcp_keepalives_interval = {_SILENT_SECONDS // 6}; SET tcp_keepalives_count = 3; "
    f"SET tcp_user_timeout = {_SILENT_SECONDS * 1000}"
)


class _LibraryServer(peewee.PostgresqlDatabase):
    """A PostgreSQL database that is the same library at each connection while the process lives."""

    _library = ""
    _is_gone = False

    def connect(self, reuse_if_open: bool = False) -> bool:
        opened = bool(super().connect(reuse_if_open))
        if opened:
            ask: Callable[[str], Any] = self.execute_sql
            ask(_OF_A_SESSION)
            found = self._found()
            self._is_gone = bool(self._library) and found != self._library
            self._library = self._library or found
        self.check_file()
        return opened

    def check_file(self) -> None:
        if self._is_gone:
            raise DatabaseGoneError(
                f"another database has taken the place of the library {self._library[:8]} in "
                f"{urls.shown(self.database)} — run `fleet up`, which takes it, or put the earlier "
                "one back"
            )

    def _found(self) -> str:
        """The name of the library in it; empty where it has none."""
        ask: Callable[[str], Any] = self.execute_sql
        (table,) = ask("SELECT to_regclass('library_identity')").fetchone()
        row = table and ask("SELECT library FROM library_identity").fetchone()
        return str(row[0]) if row else ""


def open_database(url: str | None = None, *, create: bool = False) -> peewee.Database:
    """Connect `db.models.database` to `url`, by default the one that the settings name.

    Only with `create` is an SQLite file made where there is none. Raises BadDatabaseUrlError,
    DatabaseGoneError, DatabaseLockedError or DatabaseUnreachableError.
    """
    url = url or settings.database_url()
    close_database()
    opened = _for_url(url, create)
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
        refuse_locked(error)
        raise DatabaseUnreachableError(
            f"the database {urls.shown(url)} does not open: "
            f"{urls.without_secrets(_first_line(error), url)} — "
            "check FLEET_DATABASE_URL, the folder's permissions and that the server runs"
        ) from None  # what is shown of it may hold a password
    return opened


def close_database() -> None:
    """Close this process's connection, if there is one."""
    if database.obj is not None and not database.is_closed():
        database.close()


def is_sqlite() -> bool:
    """Whether the open database is SQLite."""
    return isinstance(database.obj, peewee.SqliteDatabase)


def sqlite_file() -> Path | None:
    """The file of the open database; None for PostgreSQL."""
    return database.obj.path if isinstance(database.obj, _LibraryFile) else None


def check_file() -> None:
    """Raise DatabaseGoneError when what was opened is gone, or another is in its place.

    That of PostgreSQL shows when a connection is made: whoever drops it ends all of them.
    """
    if isinstance(database.obj, _LibraryFile | _LibraryServer):
        database.obj.check_file()


@contextmanager
def transaction() -> Iterator[None]:
    """A transaction that may write. Raises DatabaseFullError or DatabaseLockedError.

    And DatabaseGoneError before it begins.

    SQLite takes the write lock at its start, so that a reader never has to become a writer half
    way (which fails at once with "database is locked", whatever the busy timeout).
    """
    check_file()
    mode = ("IMMEDIATE",) if is_sqlite() else ()
    try:
        with database.atomic(*mode):
            yield
    except peewee.OperationalError as error:
        if _is_full(error):
            raise DatabaseFullError(
                f"the disk of {urls.shown(settings.database_url())} is full — free some space"
            ) from error
        refuse_locked(error)
        raise


_IN_TURN = 0x67726F75
"""The first number of the locks of `in_turn`: no other of ours has two."""


def in_turn(names: Iterable[str]) -> None:
    """Wait until no other transaction holds one of these names, and hold them to the end of this.

    SQLite has one writer at a time in any case.
    """
    if not is_sqlite():
        numbers = sorted({crc32(name.encode()) - 2**31 for name in names})
        database.execute_sql(
            "SELECT pg_advisory_xact_lock(%s, each) FROM unnest(%s::INTEGER[]) AS each",
            (_IN_TURN, numbers),
        )


def refuse_locked(error: Exception) -> None:
    """Raise DatabaseLockedError, which names who has the lock, when that is what the error says."""
    if "database is locked" not in str(error) and "database table is locked" not in str(error):
        return
    file = settings.database_url().removeprefix("sqlite:///")
    holders = ", ".join(_lock_holders(Path(file)))
    raise DatabaseLockedError(
        f"the database {file} is locked by another program{f' ({holders})' if holders else ''} — "
        "close what has it open, such as an SQLite browser or a copy under way"
    ) from error


def _lock_holders(file: Path) -> list[str]:
    """The processes that keep others from writing an SQLite file, as far as Linux shows them."""
    inodes = {str(each.stat().st_ino) for each in (file, Path(f"{file}-shm")) if each.exists()}
    try:
        rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return []
    # 1: POSIX ADVISORY WRITE 4711 fd:01:1234567 120 120
    found = {row[4] for row in rows if row[3] == "WRITE" and row[5].rpartition(":")[2] in inodes}
    return [f"process {pid}, {_command(pid)}" for pid in sorted(found - {str(os.getpid())})]


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "which has ended"


def _number(path: Path) -> tuple[int, int] | None:
    """What distinguishes a file from another of its name; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _gone(path: Path) -> DatabaseGoneError:
    if path.exists():
        return DatabaseGoneError(
            f"another file has taken the place of the database {path} — run `fleet up`, which "
            "takes it, or put the earlier one back"
        )
    if identity().library:
        return DatabaseGoneError(
            f"the database {path} is gone — put it back (copies are in "
            f"{settings.data_dir() / 'backups'}); else `fleet up` makes a new, empty one"
        )
    return DatabaseGoneError(
        f"there is no database {path} — run `fleet up`, which makes it, or check FLEET_DATA_DIR "
        "and FLEET_DATABASE_URL"
    )


def _for_url(url: str, create: bool) -> peewee.Database:
    scheme = url.partition(":")[0] if urls.shown(url) != urls.UNREADABLE else ""
    if scheme == "sqlite":
        path = Path(url.removeprefix("sqlite:///"))
        if create:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch()
        if not path.exists():
            raise _gone(path)
        return _LibraryFile(path)
    if scheme in {"postgres", "postgresql"}:
        given = dict(parse_qsl(urlsplit(url).query))
        return _LibraryServer(
            url,
            prefer_psycopg3=True,
            **{name: each for name, each in _OF_A_CONNECTION.items() if name not in given},
            field_types={"PATH": 'TEXT COLLATE "C"'},
        )
    raise BadDatabaseUrlError(
        f"FLEET_DATABASE_URL is {urls.shown(url)!r} — "
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
