"""The library copied into another database, from SQLite into PostgreSQL or back, row by row.

Each table is gone through by its key, some rows at a time, in both databases. Rows that differ are
replaced, in one transaction; equal ones stay. So a copy that was interrupted goes on, and what has
changed since costs no more. At the end all is compared once more. What triggers of the database
keep, such as sort keys, sums and the index of names, the other one makes itself.

Until then the migrations of the target name the copy, so that no musicfleet works on it.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import peewee
from peewee import AutoField, CompositeKey, DoubleField, Field, FloatField, TextField

from db import ledger
from db.errors import CopyError
from db.models import (
    TABLES,
    Album,
    Artist,
    LedgerSum,
    LibraryIdentity,
    Scan,
    Table,
    Track,
    database,
    utc_now,
)
from db.settings import urls
from db.sql.connection import is_sqlite, open_database, transaction
from db.sql.schema import COPY_OF, HISTORY, applied_migrations, check_schema, library_id, migrate
from db.sql.statements import insert_rows

_MADE: dict[type[Table], frozenset[str]] = {
    Artist: frozenset({"sort_key", "name_letters", "sort_letters"}),
    Album: frozenset({"sort_key", "artist_key"}),
}
"""Columns that triggers write, as the database itself folds names."""
_COUNTED: dict[type[Table], frozenset[str]] = {Album: frozenset({"present"})}
"""Columns that triggers count up, as rows of other tables come."""
_FEWEST, _MOST = 20, 1_000
_WEIGHT = 1_000_000
"""Rows that are read at once: about as many as have a megabyte of text and bytes."""

Report = Callable[[str, int], object]
"""Is given the name of a table, and how many rows of it are done."""


class Copied(NamedTuple):
    """What is the same in both databases."""

    tables: int
    rows: int
    written: int
    """The rows that were not there, or differed."""


class Target(NamedTuple):
    """What a database holds that is to be copied into."""

    url: str
    is_ours: bool
    """Whether it is a whole copy of the library, or was the library before."""
    tracks: int


def examine(source: str, target: str) -> Target:
    """What the target holds. Raises CopyError for what must not be written over."""
    with _opened(source):
        check_schema()
        library = library_id()
    if _is_same(source, target):
        raise CopyError(f"{urls.shown(target)} is the library itself — name another database")
    if target.startswith("sqlite:") and not _file(target).exists():
        return Target(target, is_ours=False, tracks=0)
    with _opened(target) as opened:
        return _examined(target, str(library), opened)


def _examined(url: str, library: str, opened: peewee.Database) -> Target:
    shown, tables, applied = urls.shown(url), opened.get_tables(), applied_migrations()
    if tables and not applied:
        raise CopyError(f"{shown} holds tables of another program — name an empty database")
    marks = [each for each in applied if each.startswith(COPY_OF)]
    if marks and marks != [f"{COPY_OF}{library}"]:
        raise CopyError(f"{shown} holds a part of another library — name an empty database")
    if marks or not applied:
        return Target(url, is_ours=False, tracks=0)
    found = library_id()
    if found is None and not (Track.select().exists() or Scan.select().exists()):
        return Target(url, is_ours=False, tracks=0)
    if found != library:
        raise CopyError(
            f"{shown} holds another library ({(found or 'without a name')[:8]}) — name an empty "
            "database"
        )
    return Target(url, is_ours=True, tracks=Track.select().count())


def copy(source: str, target: str, report: Report = lambda _name, _rows: None) -> Copied:
    """Have the target hold what the source does, which nothing may change meanwhile.

    Raises CopyError and other errors of db.errors; called again it goes on where it was.
    """
    examine(source, target)
    with _opened(source) as old, _opened(target, create=True) as new:
        with _on(old):
            library = str(library_id())
            identity = LibraryIdentity.get()
        with _on(new):
            migrate(copying=True)
            _mark(f"{COPY_OF}{library}")
        tables = [each for each in _in_order() if each not in {LedgerSum, LibraryIdentity}]
        written = sum(_pass(each, old, new, report, is_check=False)[1] for each in tables)
        rows = sum(_pass(each, old, new, report, is_check=True)[0] for each in tables)
        with _on(new):
            _finish(library, identity)
    return Copied(len(tables), rows, written)


def _in_order() -> list[type[Table]]:
    """Every table after those that its rows name."""
    return list(peewee.sort_models(TABLES))  # type: ignore[attr-defined]  # the stubs lack it


_HISTORY = peewee.Table(HISTORY)


def _mark(name: str) -> None:
    if name not in applied_migrations():
        _HISTORY.insert({_HISTORY.c.name: name, _HISTORY.c.migrated_at: utc_now()}).execute(
            database
        )


def _unmark(name: str) -> None:
    _HISTORY.delete().where(_HISTORY.c.name == name).execute(database)


def _finish(library: str, identity: LibraryIdentity) -> None:
    """Have numbers that the database gives go on, add up, and let musicfleet work on it."""
    if not is_sqlite():
        for table in TABLES:
            if isinstance(table._meta.primary_key, AutoField):
                name = table._meta.table_name
                database.execute_sql(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), COALESCE(MAX(id), 1), "  # noqa: S608  # as above
                    f"MAX(id) IS NOT NULL) FROM {name}"
                )
    ledger.add_up()
    if wrong := ledger.wrong_sums():
        raise CopyError(f"{wrong} sums of the ledger differ — run `fleet db copy` again")
    database.execute_sql("ANALYZE")
    with transaction():
        LibraryIdentity.delete().execute()
        LibraryIdentity.insert(
            id=identity.id, library=library, created_at=identity.created_at
        ).execute()
        _unmark(f"{COPY_OF}{library}")


@contextmanager
def _opened(url: str, *, create: bool = False) -> Iterator[peewee.Database]:
    """A database beside the one that is open, which is it again afterwards."""
    before = database.obj
    database.initialize(None)
    try:
        opened = open_database(url, create=create)
        try:
            yield opened
        finally:
            opened.close()
    finally:
        database.initialize(before)


@contextmanager
def _on(which: peewee.Database) -> Iterator[None]:
    before = database.obj
    database.initialize(which)
    try:
        yield
    finally:
        database.initialize(before)


def _is_same(source: str, target: str) -> bool:
    if source.startswith("sqlite:") and target.startswith("sqlite:"):
        return _file(source).resolve() == _file(target).resolve()
    return source == target


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


Row = tuple[Any, ...]


class _Range(NamedTuple):
    """Rows of a table: those after a key, up to another one."""

    table: type[Table]
    after: Row | None
    to: Row | None = None

    @property
    def keys(self) -> "list[Field[Any]]":
        return _keys(self.table)

    def where(self) -> list[Any]:
        found = [] if self.after is None else [_beyond(self.keys, self.after)]
        return found if self.to is None else [*found, ~_beyond(self.keys, self.to)]

    def read(self, names: Sequence[str], most: int) -> list[Row]:
        """The first rows of it, as they are compared."""
        fields = [self.table._meta.fields[name] for name in names]
        query = self.table.select(*fields).order_by(*map(_ordered, self.keys)).limit(most)
        where = self.where()
        rows: Any = (query.where(*where) if where else query).tuples()
        return [tuple(_comparable(*each) for each in zip(fields, row, strict=True)) for row in rows]

    def delete(self) -> None:
        where, query = self.where(), self.table.delete()
        (query.where(*where) if where else query).execute()


def _keys(table: type[Table]) -> "list[Field[Any]]":
    key = table._meta.primary_key
    if isinstance(key, CompositeKey):
        return [table._meta.fields[name] for name in key.field_names]
    assert isinstance(key, Field)  # noqa: S101  # every table has one
    return [key]


def _ordered(field: "Field[Any]") -> Any:
    """As both databases order it: PostgreSQL orders text as its language does."""
    return field.collate('"C"') if isinstance(field, TextField) and not is_sqlite() else field


def _beyond(keys: "Sequence[Field[Any]]", values: Row) -> Any:
    """Whether the key of a row comes after these values."""
    first, value = _ordered(keys[0]), values[0]
    if len(keys) == 1:
        return first > value
    return (first > value) | ((keys[0] == value) & _beyond(keys[1:], values[1:]))


def _comparable(field: "Field[Any]", value: Any) -> Any:
    """PostgreSQL has such numbers with half as many digits, and bytes as a view."""
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    is_short = isinstance(field, FloatField) and not isinstance(field, DoubleField)
    if is_short and isinstance(value, float):
        return struct.unpack("f", struct.pack("f", value))[0]
    return value


def _pass(
    table: type[Table],
    source: peewee.Database,
    target: peewee.Database,
    report: Report,
    *,
    is_check: bool,
) -> tuple[int, int]:
    """Go through a table in both; how many rows it has, and how many were written.

    A check raises CopyError where they differ instead of writing.
    """
    left_out = set(_MADE.get(table, ()))
    if not is_check:
        left_out |= _COUNTED.get(table, frozenset())
    names = [each.name for each in table._meta.sorted_fields if each.name not in left_out]
    places = [names.index(each.name) for each in _keys(table)]
    done = written = 0
    after, most = None, _FEWEST
    while True:
        with _on(source):
            rows = _Range(table, after).read(names, most)
        last = tuple(rows[-1][place] for place in places) if len(rows) == most else None
        part = _Range(table, after, last)
        with _on(target):
            if part.read(names, most + 1) != rows:
                if is_check:
                    raise CopyError(_differs(table, after))
                _replace(part, names, rows)
                written += len(rows)
        done += len(rows)
        report(table._meta.table_name, done)
        if last is None:
            return done, written
        after = last
        most = max(_FEWEST, min(_MOST, most * _WEIGHT // max(1, _weight(rows))))


def _differs(table: type[Table], after: Row | None) -> str:
    place = f" after {', '.join(map(str, after))}" if after else ""
    return (
        f"rows of {table._meta.table_name}{place} differ in the two databases — see that nothing "
        "writes to them, and run `fleet db copy` again"
    )


def _replace(part: _Range, names: Sequence[str], rows: Sequence[Row]) -> None:
    try:
        with transaction():
            part.delete()
            insert_rows(part.table, names, rows)
    except (peewee.DatabaseError, ValueError, OverflowError) as error:
        says = (str(error).splitlines() or [type(error).__name__])[0]
        where = f" after {', '.join(map(str, part.after))}" if part.after else ""
        raise CopyError(
            f"rows of {part.table._meta.table_name}{where} cannot be written: {says} — correct "
            "these rows, and run `fleet db copy` again"
        ) from error


def _weight(rows: Sequence[Row]) -> int:
    return sum(len(each) for row in rows for each in row if isinstance(each, str | bytes | list))
