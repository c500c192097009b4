"""The migrations make exactly the tables of the models, and the version is checked."""

import pytest

from db.connection import open_database, transaction
from db.errors import (
    BadDatabaseUrlError,
    DatabaseFullError,
    DatabaseUnreachableError,
    NewerDatabaseError,
    OldDatabaseError,
)
from db.models import TABLES, Genre
from db.models import database as connection
from db.schema import check_schema, migrate


def test_the_migrated_tables_are_those_of_the_models(database: str) -> None:
    for table in TABLES:
        name = table._meta.table_name
        columns = {column.name: column.null for column in connection.get_columns(name)}
        fields = {field.column_name: field.null for field in table._meta.sorted_fields}
        assert columns == fields, name
        indexes = {tuple(index.columns) for index in connection.get_indexes(name) if index.unique}
        for wanted, unique in table._meta.indexes:
            names = tuple(table._meta.fields[field].column_name for field in wanted)
            assert not unique or names in indexes, (name, names)


def test_migrating_again_does_nothing(database: str) -> None:
    assert migrate() == []
    check_schema()


def test_a_database_of_a_newer_musicfleet_is_refused_and_left_alone(database: str) -> None:
    connection.execute_sql(
        "INSERT INTO migratehistory (name, migrated_at) VALUES ('999_future', '2030-01-01')"
    )
    with pytest.raises(NewerDatabaseError, match=r"999_future.* — upgrade"):
        migrate()


def test_a_database_without_tables_is_refused_by_workers(data_dir: object) -> None:
    open_database()
    with pytest.raises(OldDatabaseError, match="fleet up"):
        check_schema()


def test_a_full_disk_is_named_and_undoes_the_whole_transaction(data_dir: object) -> None:
    open_database()
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
