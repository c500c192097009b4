"""The database's version, and where its tables are not what the models say."""

import subprocess
import sys
from pathlib import Path

import pytest

from db import settings
from db.errors import DatabaseLockedError
from db.models import TABLES
from db.models import database as connection
from db.sql.connection import open_database, transaction
from tests.doctor.complaints import complaint, complaints
from worker.doctor import Severity
from worker.doctor.examination import repair


def drop_index(table: str, columns: list[str]) -> None:
    (index,) = [each for each in connection.get_indexes(table) if each.columns == columns]
    connection.execute_sql(f"DROP INDEX {index.name}")


def test_a_database_that_is_merely_behind_is_named_and_migrated(data_dir: Path) -> None:
    open_database(create=True)
    found = complaint("database")
    assert found.severity is Severity.ERROR
    assert "lacks the migration 001_initial" in found.says
    assert repair(found).done
    assert complaints("database") == []
    assert {table._meta.table_name for table in TABLES} <= set(connection.get_tables())


def test_a_database_of_a_newer_musicfleet_is_named_and_left_alone(prepared: Path) -> None:
    connection.execute_sql(
        "INSERT INTO migratehistory (name, migrated_at) VALUES ('999_future', '2030-01-01')"
    )
    found = complaint("database")
    assert "999_future" in found.says
    assert "upgrade musicfleet" in found.remedy
    assert found.fix is None


def test_a_connection_that_was_ended_is_opened_anew(prepared: Path) -> None:
    connection.connection().close()
    assert complaints("database") == []


def test_the_schema_of_the_migrations_has_no_drift(database: str) -> None:
    assert complaints("schema") == []


DRIFTS = {
    "a missing table": (
        "DROP TABLE problems",
        Severity.ERROR,
        "the table problems is missing",
    ),
    "a missing column": (
        "ALTER TABLE albums DROP COLUMN label",
        Severity.ERROR,
        "the column albums.label is missing",
    ),
    "another type": (
        "ALTER TABLE albums DROP COLUMN label; ALTER TABLE albums ADD COLUMN label INTEGER",
        Severity.ERROR,
        "the column albums.label is integer, not text",
    ),
    "a column that refuses NULL": (
        "ALTER TABLE albums DROP COLUMN label;"
        "ALTER TABLE albums ADD COLUMN label TEXT NOT NULL DEFAULT ''",
        Severity.ERROR,
        "the column albums.label refuses NULL values",
    ),
    "a foreign column": (
        "ALTER TABLE albums ADD COLUMN rating INTEGER",
        Severity.WARNING,
        "the column albums.rating is not musicfleet's",
    ),
    "a foreign unique index": (
        "CREATE UNIQUE INDEX once ON albums (title, date)",
        Severity.WARNING,
        "a unique index of albums (title, date) is not musicfleet's",
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS)
def test_each_difference_from_the_models_is_named(
    database: str, drift: tuple[str, Severity, str]
) -> None:
    statements, severity, says = drift
    for statement in statements.split(";"):
        connection.execute_sql(statement)
    found = complaint("schema")
    assert (found.severity, found.says) == (severity, says)
    assert found.remedy


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_column_without_default_that_no_insert_fills_is_an_error(database: str) -> None:
    connection.execute_sql("ALTER TABLE albums ADD COLUMN rating INTEGER NOT NULL")
    found = complaint("schema")
    assert found.severity is Severity.ERROR
    assert found.says == "the column albums.rating is not musicfleet's and refuses new rows"
    assert found.remedy == "ALTER TABLE albums DROP COLUMN rating"


def test_another_primary_key_is_named(database: str) -> None:
    connection.execute_sql("DROP TABLE album_artists")
    connection.execute_sql(
        "CREATE TABLE album_artists (album_id INTEGER NOT NULL, position INTEGER NOT NULL, "
        "artist_id INTEGER NOT NULL, PRIMARY KEY (album_id, artist_id))"
    )
    assert "the primary key of album_artists is (album_id, artist_id)" in [
        each.says for each in complaints("schema")
    ]


@pytest.mark.parametrize(
    ("table", "columns", "severity", "says"),
    [
        ("ledger", ["lease"], Severity.WARNING, "the index of ledger (lease) is missing"),
        ("albums", ["key"], Severity.ERROR, "the unique index of albums (key) is missing"),
        (
            "covers",
            ["entity_type", "entity_id", "role"],
            Severity.ERROR,
            "the unique index of covers (entity_type, entity_id, role) is missing",
        ),
    ],
)
def test_a_missing_index_is_named_and_made(
    database: str, table: str, columns: list[str], severity: Severity, says: str
) -> None:
    drop_index(table, columns)
    found = complaint("schema")
    assert (found.severity, found.says) == (severity, says)
    assert repair(found).done
    assert complaints("schema") == []


def test_an_index_that_the_rows_do_not_allow_is_not_made(database: str) -> None:
    drop_index("albums", ["key"])
    for _ in range(2):
        connection.execute_sql(
            "INSERT INTO albums (key, compilation, added_at) VALUES ('same', %s, '2026-01-01')"
            % ("FALSE" if database == "postgresql" else "0")
        )
    repaired = repair(complaint("schema"))
    assert not repaired.done
    assert "unique" in repaired.says.lower()
    assert complaint("schema").says == "the unique index of albums (key) is missing"


def test_what_needs_a_table_that_drifted_is_left_out(prepared: Path) -> None:
    connection.execute_sql("ALTER TABLE ledger DROP COLUMN reason")
    assert complaints("ledger") == []
    assert complaint("schema").says == "the column ledger.reason is missing"
    assert settings.data_dir() == prepared


_LOCKER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print(flush=True)
sys.stdin.read()
"""


def test_a_lock_of_another_program_is_named_with_who_has_it(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = prepared / "library.db"
    command = [sys.executable, "-c", _LOCKER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as locker:
        assert locker.stdout is not None
        locker.stdout.readline()
        found = complaint("database")
        connection.pragma("busy_timeout", 10)
        named = pytest.raises(DatabaseLockedError, match=f"process {locker.pid}, python")
        with named, transaction():
            pass
    assert found.severity is Severity.ERROR
    assert found.says.startswith(f"the database {file} is locked by another program (process ")
    assert complaints("database") == []
