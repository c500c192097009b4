"""Checks of the database: that it opens, its schema version, and schema drift."""

from collections.abc import Iterator, Sequence
from sqlite3 import sqlite_version
from typing import Any

import peewee
from peewee import SQL, CompositeKey, Field, ModelIndex

from db import settings
from db.errors import DatabaseError, OldDatabaseError
from db.maintenance import notices
from db.maintenance.maintenance_runs import history
from db.models import TABLES, Scan, Table, Track, database
from db.settings.urls import shown
from db.sql.connection import is_sqlite, open_database, transaction
from db.sql.name_index import is_kept
from db.sql.schema import applied_migrations, check_schema, known_migrations
from worker.doctor import Check, Finding, Fix, Severity, fact_and_remedy
from worker.errors import FleetStartError
from worker.host.locks import hold_fleet, open_migrated
from worker.phrases import counted
from worker.supervisor.rpc import is_up


def _connection() -> Iterator[Finding]:
    """Whether the database opens, is up to date and can be written.

    A connection that this thread has is used; otherwise one is opened, and stays open.
    """
    url = shown(settings.database_url())
    try:
        _open()
        check_schema()
    except DatabaseError as error:
        fact, remedy = fact_and_remedy(error)
        # Not below processes that do not know the migration: `fleet up` stops them before.
        fix = _migration() if isinstance(error, OldDatabaseError) and not is_up() else None
        yield Finding("database", Severity.ERROR, fact, remedy, fix=fix)
        return
    try:
        _write()
    except DatabaseError as error:
        yield Finding("database", Severity.ERROR, *fact_and_remedy(error))
    except peewee.DatabaseError as error:
        says = f"{url} cannot be written: {error}"
        remedy = "give this user the right to write it, and an SQLite file's folder too"
        yield Finding("database", Severity.ERROR, says, remedy)
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


_PATIENCE_MS = 3_000
"""How long another's lock on an SQLite file is waited for: the fleet's own take far less."""


def _write() -> None:
    """Write to the database, and change nothing. Raises DatabaseError or peewee.DatabaseError."""
    if not is_sqlite():
        with transaction():
            Scan.update(fault=Scan.fault).where(Scan.id.is_null()).execute()
        return
    before = database.pragma("busy_timeout")
    try:
        database.pragma("busy_timeout", _PATIENCE_MS)
        with transaction():
            Scan.update(fault=Scan.fault).where(Scan.id.is_null()).execute()
    finally:
        database.pragma("busy_timeout", before)


def _migration() -> Fix:
    behind = [name for name in known_migrations() if name not in applied_migrations()]

    def migrate() -> str:
        settings.prepare_data_dir()
        with hold_fleet():
            if is_up():
                raise FleetStartError("the fleet has been started meanwhile — run `fleet up`")
            open_migrated()
        return f"the database was migrated to {applied_migrations()[-1]}"

    return Fix(f"migrate the database to {behind[-1]}", migrate)


_LIVE_TYPES = {"serial": "integer", "timestamp": "timestamp without time zone"}
"""What PostgreSQL calls the types that it is given under other names."""
_REMEDY = "restore a backup of the database, or take the library into a new one"


def _schema() -> Iterator[Finding]:
    """Every table, column and index that differs, one finding each."""
    live = set(database.get_tables())
    differing = 0
    for table in TABLES:
        for finding in _table(table, live):
            differing += 1
            yield finding
    if not differing:
        says = f"the {len(TABLES)} tables are what this musicfleet expects"
        yield Finding("schema", Severity.OK, says)


def _table(table: type[Table], live: set[str]) -> Iterator[Finding]:
    name = table._meta.table_name
    if name not in live:
        yield _error(f"the table {name} is missing")
        return
    yield from _columns(table, name)
    yield from _indexes(table, name)


def _columns(table: type[Table], name: str) -> Iterator[Finding]:
    live = {column.name: column for column in database.get_columns(name)}
    fields = {field.column_name: field for field in table._meta.sorted_fields}
    for column, field in fields.items():
        if column not in live:
            yield _error(f"the column {name}.{column} is missing")
            continue
        wanted, present = _type_of(field), live[column].data_type.lower()
        if wanted != present:
            yield _error(f"the column {name}.{column} is {present}, not {wanted}")
        if field.null != live[column].null:
            yield _error(
                f"the column {name}.{column} {'refuses' if field.null else 'takes'} NULL values"
            )
    keys = [column for column in live if live[column].primary_key]
    if sorted(keys) != sorted(_key_columns(table)) and set(keys) <= set(fields):
        yield _error(f"the primary key of {name} is ({', '.join(keys)})")
    for column in live.keys() - fields.keys():
        says = f"the column {name}.{column} is not musicfleet's"
        if live[column].null or live[column].default is not None:
            remedy = "move what it holds elsewhere: a migration may drop it"
            yield Finding("schema", Severity.WARNING, says, remedy)
        else:
            remedy = f"ALTER TABLE {name} DROP COLUMN {column}"
            yield Finding("schema", Severity.ERROR, f"{says} and refuses new rows", remedy)


def _key_columns(table: type[Table]) -> list[str]:
    key = table._meta.primary_key
    if isinstance(key, CompositeKey):
        return [table._meta.fields[name].column_name for name in key.field_names]
    assert isinstance(key, Field)  # noqa: S101  # every table has one
    return [key.column_name]


def _type_of(field: "Field[Any]") -> str:
    types: dict[str, str] = database.get_context_options()["field_types"]
    declared = types.get(field.field_type, field.field_type).lower().partition(" collate ")[0]
    return _LIVE_TYPES.get(declared, declared)


def _indexes(table: type[Table], name: str) -> Iterator[Finding]:
    live = {(tuple(index.columns), index.unique) for index in database.get_indexes(name)}
    declared: list[Any] = table._meta.fields_to_index()
    wanted = {
        (tuple(field.column_name for field in index._expressions), index._unique): index
        for index in declared
        if not isinstance(index, SQL)  # that is of an expression, and all is only slow without
    }
    for (columns, unique), index in wanted.items():
        if (columns, unique) not in live:
            yield _missing_index(name, columns, unique, index)
    constrained = {columns for columns, unique in wanted if unique} | {tuple(_key_columns(table))}
    for columns in sorted(columns for columns, unique in live if unique):
        if columns not in constrained:
            says = f"a unique index of {name} ({', '.join(columns)}) is not musicfleet's"
            remedy = "drop it: it refuses rows that musicfleet may write"
            yield Finding("schema", Severity.WARNING, says, remedy)


def _missing_index(name: str, columns: Sequence[str], unique: bool, index: ModelIndex) -> Finding:
    kind = "unique index" if unique else "index"
    described = f"{kind} of {name} ({', '.join(columns)})"
    # Without a unique one no row can be written over another; without a plain one it is slow.
    severity = Severity.ERROR if unique else Severity.WARNING

    def create() -> str:
        with transaction():
            database.execute(index.safe(False))
        return f"the {described} was made"

    return Finding(
        "schema",
        severity,
        f"the {described} is missing",
        "run `fleet doctor --fix`, which makes it",
        fix=Fix(f"make the {described}", create),
    )


def _error(says: str) -> Finding:
    return Finding("schema", Severity.ERROR, says, _REMEDY)


def _search() -> Iterator[Finding]:
    """Whether search has its index, where reading all names takes long."""
    if is_kept() or Track.select().limit(_FEW_NAMES).count() < _FEW_NAMES:
        return
    says = f"search reads all names, for SQLite {sqlite_version} cannot keep an index of them"
    remedy = "use a Python whose SQLite is 3.34 or newer and has FTS5, then run `fleet up`"
    yield Finding("search", Severity.WARNING, says, remedy)


_FEW_NAMES = 50_000
_BACKUP = "maintenance.backup"


def _backup() -> Iterator[Finding]:
    """Whether the last backup was made."""
    last = next(iter(history(_BACKUP, 1)), None)
    if last is not None and last.fault:
        says = f"the backup of {last.started_at:%Y-%m-%d %H:%M} UTC failed: {last.fault}"
        remedy = "see `fleet logs maintenance`; `fleet schedule run backup` makes one now"
        yield Finding("backup", Severity.WARNING, says, remedy, notice="backup")


def _messages() -> Iterator[Finding]:
    """Whether messages to the owner arrive."""
    if notices.are_wanted() and (failing := notices.failing()) is not None:
        tried = counted(failing.attempts, "time")
        says = f"a message to the owner was tried {tried} in vain: {failing.fault}"
        remedy = "`fleet settings set notify` changes the service, `fleet notify test` tries it"
        yield Finding("messages", Severity.WARNING, says, remedy)


CHECKS = (
    Check("database", _connection, is_required=True),
    Check("schema", _schema, is_required=True),
    Check("search", _search),
    Check("backup", _backup),
    Check("messages", _messages),
)
