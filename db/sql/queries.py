"""What queries share: rows as tuples, lists in slices, path prefixes, text without accents.

SQLite allows 32,766 values in one statement, so long lists go in slices.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Self, TypeVar

from peewee import (
    SQL,
    Expression,
    Field,
    ForeignKeyField,
    Function,
    IntegerField,
    JSONField,
    ModelSelect,
    Select,
    TextField,
    Value,
    fn,
)

from db.models import Table, database
from db.sql.connection import is_sqlite


def tuples(query: "ModelSelect[Any]") -> Iterator[tuple[Any, ...]]:
    """The rows of the query, each the tuple of its selected columns."""
    return iter(query.tuples())


def plain_tuples(query: "ModelSelect[Any]") -> Iterator[tuple[Any, ...]]:
    """As `tuples`, but values as the database has them: for many rows of numbers and text."""
    return iter(database.execute(query))


T = TypeVar("T")
ROWS = 400


def slices(items: Sequence[T], size: int = ROWS) -> Iterator[Sequence[T]]:
    """The items in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def windows(last: int | None, size: int) -> Iterator[tuple[int, int]]:
    """The ids up to the last one in windows: the first and the last of each.

    What reads a whole table does it so, in statements that take the same in a table of any size.
    """
    for first in range(1, (last or 0) + 1, size):
        yield first, first + size - 1


def windows_of(column: "Field[Any]", size: int = 50_000) -> Iterator[Expression]:
    """Whether this id, which is positive, is in a window, for each window of its table."""
    last = column.model.select(fn.MAX(column)).scalar()
    for first, end in windows(last, size):
        yield column.between(first, end)


LISTED: Any = object()
"""Stands in a `Prepared` query for the values that it is given when it is run, in `among`."""
ALSO_LISTED: Any = object()
"""For a second list of values."""


def among(field: Any, values: Collection[int] | Collection[str]) -> Expression:
    """Whether a column is one of these values, which are one parameter of the statement.

    A list of so many parameters takes peewee longer to write than the database to look up.
    """
    given = values if values is LISTED or values is ALSO_LISTED else _parameter(values)
    if is_sqlite():
        is_listed: Expression = field.in_(SQL("(SELECT value FROM json_each(?))", (given,)))
        return is_listed
    any_of: Expression = field == fn.ANY(Value(given, converter=False, unpack=False))
    return any_of


def _parameter(values: Collection[int] | Collection[str]) -> Any:
    """Values as one parameter of a statement."""
    return json.dumps(list(values)) if is_sqlite() else list(values)


class _Text(NamedTuple):
    """A query as peewee has written it."""

    sql: str
    parameters: Sequence[Any]
    converters: list[tuple[int, Callable[[Any], Any]]]
    """Of each column whose values the database has otherwise: its place, and what converts them."""


class Prepared:
    """A query by a list of values, of which peewee writes the text once for each database.

    To write it takes longer than to run it where few rows are found. Nothing but the list may
    differ from call to call: no moment, no setting. Columns are fields, or expressions whose values
    every database gives as they are.
    """

    def __init__(self, query: Callable[[], "ModelSelect[Any]"]) -> None:
        """`query` makes it, when it is first run, with `among(column, LISTED)` in it."""
        self._query = query
        self._texts: dict[bool, _Text] = {}

    @classmethod
    def by(cls, column: "Field[Any]", *columns: Any, where: Expression | None = None) -> Self:
        """These columns of the rows of a table where `column` is one of the values."""

        def query() -> "ModelSelect[Any]":
            table: type[Table] = column.model
            selected = table.select(*columns).where(among(column, LISTED))
            return selected if where is None else selected.where(where)

        return cls(query)

    def rows(
        self, values: Sequence[int] | Sequence[str], also: Sequence[int] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """The rows for these values, which go in slices, each the tuple of its columns."""
        if not values:
            return
        sql, parameters, converters = self._texts.get(is_sqlite()) or self._written()
        others = _parameter(also)
        part: Any
        for part in slices(values):
            given = {id(LISTED): _parameter(part), id(ALSO_LISTED): others}
            filled = [given.get(id(each), each) for each in parameters]
            found = database.execute_sql(sql, filled).fetchall()
            yield from _converted(found, converters) if converters else found

    def _written(self) -> _Text:
        query: Any = self._query()
        sql, parameters = query.sql()
        converters = [
            (place, convert)
            for place, column in enumerate(query.selected_columns)
            if (convert := _reader(column)) is not None
        ]
        return self._texts.setdefault(is_sqlite(), _Text(sql, parameters, converters))


def _reader(column: Any) -> Callable[[Any], Any] | None:
    """What makes of the database's values what Python has; None where they are that."""
    is_plain = isinstance(column, IntegerField | ForeignKeyField | TextField)
    if not isinstance(column, Field) or (is_plain and not isinstance(column, JSONField)):
        return None
    convert: Callable[[Any], Any] = column.python_value
    return convert


def _converted(
    rows: Iterable[tuple[Any, ...]], converters: Sequence[tuple[int, Callable[[Any], Any]]]
) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        values = list(row)
        for place, convert in converters:
            values[place] = convert(values[place])
        yield tuple(values)


def distinct_values(table: str, value: str, where: str) -> list[str]:
    """What an indexed column or expression says in these rows, each once, the greatest first.

    All three are SQL. It takes as long as there are different values, however many rows there are.
    """
    greatest = f"SELECT MAX({value}) FROM {table} WHERE {where}"  # noqa: S608  # constants
    rows = database.execute_sql(
        f"WITH RECURSIVE found (value) AS ({greatest} UNION ALL "  # noqa: S608
        f"SELECT ({greatest} AND {value} < found.value) FROM found WHERE found.value IS NOT NULL) "
        "SELECT value FROM found WHERE value IS NOT NULL"
    )
    return [text for (text,) in rows.fetchall()]


_MOST_INDEXED = 2_000
"""Bytes of UTF-8; an entry of PostgreSQL's indexes has at most 2,704."""


def indexable(text: str) -> str:
    """The text; its digest when an index cannot take it, for what only has to be the same again."""
    data = text.encode()
    return text if len(data) <= _MOST_INDEXED else f"digest:{sha256(data).hexdigest()}"


def below(path: "Field[Any]", folder: str) -> Expression:
    """Whether a path lies below `folder`; what lies below /music2 does not lie below /music.

    It is a range of the path's index: `db.models.base.PathField` is compared byte by byte.
    """
    begin, end = extent(folder)
    return (path >= begin) & (path < end)


def extent(folder: str) -> tuple[str, str]:
    """The paths between which lies all that is below a folder, the first included."""
    begin = folder.rstrip("/")
    return f"{begin}/", f"{begin}0"  # "0" comes next to "/"


def given_rows(alias: str, rows: Sequence[Sequence[Any]], types: Sequence[str]) -> SQL:
    """Rows as a table of a statement, whose columns are `column1` and so on.

    `types` are what PostgreSQL calls what they hold. They are few parameters, as those of `among`.
    The limit has SQLite take each row apart once, and not for each comparison.
    """
    if is_sqlite():
        columns = ", ".join(
            f"json_extract(value, '$[{place}]') AS column{place + 1}" for place in range(len(types))
        )
        text = f"(SELECT {columns} FROM json_each(?) LIMIT -1) AS {alias}"  # noqa: S608  # constants
        return SQL(text, (json.dumps(rows),))
    arrays = ", ".join(f"%s::{each}[]" for each in types)
    names = ", ".join(f"column{place + 1}" for place in range(len(types)))
    return SQL(f"UNNEST({arrays}) AS {alias}({names})", tuple(map(list, zip(*rows, strict=True))))


ASKED, _BEGIN, _END, GIVEN = (SQL(f"asked.column{number}") for number in range(1, 5))
"""Within a statement of `of_folders`: the folder, and what was given with it."""


def of_folders(
    pairs: Iterable[tuple[str, int]], columns: Sequence[Any], where: Any = None, *tables: Any
) -> Iterator[tuple[Any, ...]]:
    """These columns (expressions of ASKED, GIVEN and `below_asked`) of each folder, in turn.

    A subquery among them or in `where` is done once a folder, by an index. With other tables they
    are joined as `where` says.
    """
    for part in slices(sorted(set(pairs))):
        rows = [(folder, *extent(folder), given) for folder, given in part]
        asked = given_rows("asked", rows, ("TEXT", "TEXT", "TEXT", "BIGINT"))
        query = Select([asked, *tables], columns)
        query = query if where is None else query.where(where)
        yield from query.bind(database).tuples()


def below_asked(path: "Field[Any]") -> Expression:
    """Whether a path lies below the folder that a statement of `of_folders` asks of."""
    return (path >= _BEGIN) & (path < _END)


def folded(field: Any) -> Function:  # a field, or an expression of some
    """What a column says, folded, to be compared and sorted by."""
    return fn.FOLD(field)
