"""Many rows by one prepared statement, whose text peewee writes once for each table and columns.

A query of peewee's gets its text again for every call, which takes longer than the database takes
to write the rows. Values are converted, and errors raised, as peewee does it. PostgreSQL is given
an array for each column, for it takes long to answer each row. SQLite is given many rows at once to
insert, for at the end of each statement FTS5 writes down what it has in memory, which takes longer
than all else of a row.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, NamedTuple

import peewee
from peewee import (
    BooleanField,
    Field,
    FloatField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    TextField,
)

from db.models import Table, database
from db.sql.connection import is_sqlite

_Converter = Callable[[Any], Any]


class _Statement(NamedTuple):
    text: str
    values: tuple[tuple[int, _Converter, frozenset[type]], ...]
    """Of each value its place in a row, what converts it, and the types that need no converting."""
    defaults: tuple[tuple["Field[Any]", _Converter], ...] = ()
    """The columns whose defaults follow."""
    arrays: bool = False
    """Whether it takes an array for each column."""
    row: str = ""
    """What stands in the text for each row, where it takes several."""


def insert_rows(
    table: type[Table],
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    unique: Sequence[str] = (),
) -> None:
    """Write rows, each a value for each of these columns; other columns get their defaults.

    A row that has the same in the `unique` columns gets the other values in place of its own; so
    of several such rows the last one counts.
    """
    if unique:
        # PostgreSQL writes no row twice in one statement.
        key = itemgetter(*(columns.index(name) for name in unique))
        rows = {key(row): row for row in rows}.values()
    _execute(_insert(table, tuple(columns), tuple(unique), is_sqlite()), rows)


def insert_missing(
    table: type[Table], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """As `insert_rows`, but what a unique index has already stays as it is."""
    _execute(_insert(table, tuple(columns), None, is_sqlite()), rows)


def update_rows(table: type[Table], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write these columns of rows that are there: a value for each, and last the row's id."""
    _execute(_update(table, tuple(columns), is_sqlite()), rows)


def add_to_rows(table: type[Table], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """As `update_rows`, but add these numbers to those that are there."""
    _execute(_update(table, tuple(columns), is_sqlite(), adding=True), rows)


def _execute(statement: _Statement, rows: Iterable[Sequence[Any]]) -> None:
    given = list(zip(*rows, strict=True))
    if not given:
        return
    columns: list[Iterable[Any]] = [
        given[place] if plain.issuperset(map(type, given[place])) else map(convert, given[place])
        for place, convert, plain in statement.values
    ]
    count = len(given[0])
    columns += [repeat(convert(_default(field)), count) for field, convert in statement.defaults]
    if statement.arrays:
        database.execute_sql(statement.text, [list(column) for column in columns])
        return
    every = list(zip(*columns, strict=True))
    with peewee.__exception_wrapper__:  # type: ignore[attr-defined]  # the stubs lack it
        if not statement.row:
            database.cursor().executemany(statement.text, every)
            return
        start = 0
        for text, size in _texts(statement.text, statement.row):
            while start + size <= count:
                values = list(chain.from_iterable(every[start : start + size]))
                database.cursor().execute(text, values)
                start += size


_AT_ONCE = (64, 16, 4, 1)
"""Rows of a statement. Few different ones: SQLite keeps the prepared statements of few texts."""
_MOST_VALUES = 32_766
"""Of a statement of SQLite."""


@cache
def _texts(text: str, row: str) -> list[tuple[str, int]]:
    """The statement for so many rows, the most first."""
    values = row.count("?")
    sizes = [size for size in _AT_ONCE if size * values <= _MOST_VALUES]
    return [(text.replace(row, ", ".join([row] * size), 1), size) for size in sizes]


@cache
def _insert(
    table: type[Table], columns: tuple[str, ...], unique: tuple[str, ...] | None, sqlite: bool
) -> _Statement:
    """The statement that inserts; with `unique` None it leaves what is there."""
    fields = [table._meta.fields[name] for name in columns]
    left_out = [each for each in table._meta.sorted_fields if each.name not in columns]
    others = [field for field in left_out if field.default is not None]
    every = [*fields, *others]
    query = table.insert_many([[_example(field) for field in every]], fields=every)
    if unique is None:
        query = query.on_conflict_ignore()
    elif unique:
        replaced = [field for field in fields if field.name not in unique]
        target = [field for field in fields if field.name in unique]
        query = query.on_conflict(conflict_target=target, preserve=replaced)
    text, _ = query.sql()
    row = text.partition("VALUES ")[2].partition(" ON CONFLICT")[0] if sqlite else ""
    if not sqlite:
        text = text.replace(f"VALUES ({', '.join('%s' for _ in every)})", _of_arrays(every))
    values = tuple((place, _converter(field), _plain(field)) for place, field in enumerate(fields))
    defaults = tuple((field, _converter(field)) for field in others)
    return _Statement(text, values, defaults, arrays=not sqlite, row=row)


def _of_arrays(fields: Sequence["Field[Any]"]) -> str:
    """The rows to insert, out of an array for each column."""
    names = [f"given{number}" for number in range(len(fields))]
    types = [_type_of(field) for field in fields]
    # An array of JSON would be taken apart and written once more.
    arrays = ", ".join(f"%s::{'TEXT' if name == _JSON else name}[]" for name in types)
    row = ", ".join(f"{name}::{type_}" for name, type_ in zip(names, types, strict=True))
    return f"SELECT {row} FROM unnest({arrays}) AS given({', '.join(names)})"  # noqa: S608  # constants


_JSON = "JSONB"
_NUMBERED = {"SERIAL": "INTEGER", "BIGSERIAL": "BIGINT"}
"""What a column of numbers that the database gives holds."""


def _type_of(field: "Field[Any]") -> str:
    """The type of a column, as PostgreSQL calls it."""
    types: dict[str, str] = database.get_context_options()["field_types"]
    declared = types.get(field.field_type, field.field_type).partition(" COLLATE ")[0]
    return _NUMBERED.get(declared, declared)


@cache
def _update(
    table: type[Table],
    columns: tuple[str, ...],
    sqlite: bool,  # noqa: ARG001  # another text
    *,
    adding: bool = False,
) -> _Statement:
    """The statement that updates; peewee orders the columns as the table has them."""
    fields: dict[str, Field[Any]] = table._meta.fields
    key: Any = table._meta.primary_key
    written = [field.name for field in table._meta.sorted_fields if field.name in columns]
    examples = {fields[name]: _example(fields[name]) for name in written}
    query = table.update({each: each + 0 for each in examples} if adding else examples)
    text, _ = query.where(key == 0).sql()
    values = [
        (columns.index(name), _converter(fields[name]), _plain(fields[name])) for name in written
    ]
    return _Statement(text, (*values, (len(columns), key.db_value, _plain(key))))


def _example(field: "Field[Any]") -> Any:
    """A value for which peewee writes the same as for any other of the column."""
    return [] if isinstance(field, JSONField) else None


def _default(field: "Field[Any]") -> Any:
    return field.default() if callable(field.default) else field.default


def _converter(field: "Field[Any]") -> _Converter:
    if isinstance(field, JSONField):
        return _json_text  # which the statement turns into JSON
    if isinstance(field, TextField):
        return _text
    convert: _Converter = field.db_value
    return convert


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _json_text(value: Any) -> str | None:
    if value == []:  # as most are
        return "[]"
    return None if value is None else json.dumps(value)


_PLAIN: dict[type["Field[Any]"], type] = {
    TextField: str,
    IntegerField: int,
    ForeignKeyField: int,
    FloatField: float,
    BooleanField: bool,
}
_NONE = type(None)


def _plain(field: "Field[Any]") -> frozenset[type]:
    """The types of values that peewee gives to the database as they are."""
    return frozenset({_NONE, *(each for of, each in _PLAIN.items() if isinstance(field, of))})
