"""The migrations make exactly the tables of the models, and the version is checked."""

import logging
import re

import pytest
from peewee_migrate import Router

from db.errors import (
    BadDatabaseUrlError,
    DatabaseFullError,
    DatabaseUnreachableError,
    NewerDatabaseError,
    OldDatabaseError,
)
from db.models import TABLES, Genre, Scan, ScanChunk
from db.models import database as connection
from db.sql.connection import is_sqlite, open_database, transaction
from db.sql.schema import MIGRATIONS, check_schema, known_migrations, migrate

ON_POSTGRESQL = """
SELECT column_name || ' ' || data_type || ' ' || is_nullable || COALESCE(column_default, '')
  FROM information_schema.columns WHERE table_name = %s
UNION ALL
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass
"""


def test_the_migrated_tables_are_those_of_the_models(database: str) -> None:
    tables = [table._meta.table_name for table in TABLES]
    migrated = {name: described(name) for name in tables}
    connection.drop_tables(TABLES)
    connection.create_tables(TABLES)
    assert migrated == {name: described(name) for name in tables}


def described(table: str) -> list[str]:
    """A table's columns with their types, its keys and its indexes; their order says nothing."""
    if is_sqlite():
        query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
        ((made,),) = connection.execute_sql(query, (table,)).fetchall()
        parts = re.split(r', (?=["F])', made.partition("(")[2].removesuffix(")"))
    else:
        parts = [part for (part,) in connection.execute_sql(ON_POSTGRESQL, (table, table))]
    indexes = [
        f"{'UNIQUE ' * index.unique}INDEX{(index.sql or '').partition(' ON ')[2]}"
        for index in connection.get_indexes(table)
        if " USING gin " not in (index.sql or "")  # what search goes by on PostgreSQL alone
    ]
    assert parts
    return sorted([*parts, *indexes])


def test_migrating_again_does_nothing(database: str) -> None:
    assert migrate() == []
    check_schema()


def test_the_last_migration_keeps_the_rows_in_both_directions(database: str) -> None:
    scan = Scan.get_by_id(Scan.create(root="music", found=3, unchanged=2).id)
    chunk = ScanChunk.create(scan=scan)
    logger = logging.getLogger("musicfleet.tests")
    logger.setLevel(logging.WARNING)
    Router(connection, migrate_dir=MIGRATIONS, logger=logger).rollback()
    with pytest.raises(OldDatabaseError):
        check_schema()
    assert migrate() == known_migrations()[-1:]
    assert Scan.get_by_id(scan.id).__data__ == scan.__data__
    assert ScanChunk.get_by_id(chunk.id).scan_id == scan.id


def test_a_database_of_a_newer_musicfleet_is_refused_and_left_alone(database: str) -> None:
    connection.execute_sql(
        "INSERT INTO migratehistory (name, migrated_at) VALUES ('999_future', '2030-01-01')"
    )
    with pytest.raises(NewerDatabaseError, match=r"999_future.* — upgrade"):
        migrate()


def test_a_database_without_tables_is_refused_by_workers(data_dir: object) -> None:
    open_database(create=True)
    with pytest.raises(OldDatabaseError, match="fleet up"):
        check_schema()


def test_a_full_disk_is_named_and_undoes_the_whole_transaction(data_dir: object) -> None:
    open_database(create=True)
    migrate()
    (pages,) = connection.execute_sql("PRAGMA page_count").fetchone()
    connection.execute_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(DatabaseFullError, match="free some space"):
        write_genres()
    assert Genre.select().count() == 0


def write_genres() -> None:
    with transaction():
        for number in range(10_000):
            Genre.create(name=f"Genre {number}")


def test_an_unknown_kind_of_database_is_named(data_dir: object) -> None:
    with pytest.raises(BadDatabaseUrlError, match="mysql://user:\\*\\*\\*@host"):
        open_database("mysql://user:secret@host/music")


def test_a_database_that_is_not_there_is_named_without_its_password(data_dir: object) -> None:
    with pytest.raises(DatabaseUnreachableError, match="postgresql://me:\\*\\*\\*@") as caught:
        open_database("postgresql://me:secret@localhost:1/music")
    assert "secret" not in str(caught.value)
