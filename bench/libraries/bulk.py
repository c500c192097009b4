"""Writing many rows of generated libraries, into tables that nobody else uses."""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Any

from db import ledger, settings
from db.models import database
from db.sql.connection import is_sqlite, transaction

Rows = Iterable[tuple[Any, ...]]
_AT_ONCE = 20_000


@contextmanager
def in_bulk(report: Callable[[str], None]) -> Iterator[None]:
    """Have PostgreSQL neither count nor index each row meanwhile, and do so at the end."""
    if is_sqlite():
        yield
        return
    found = database.execute_sql(_PLAIN_INDEXES).fetchall()
    for name, _ in found:
        database.execute_sql(f'DROP INDEX "{name}"')
    database.execute_sql("ALTER TABLE ledger DISABLE TRIGGER USER")
    database.execute_sql("ALTER TABLE tracks DISABLE TRIGGER USER")
    database.execute_sql("SET session_replication_role = replica")  # no look-up of references
    for table in ("albums", "artists"):  # whose keys its triggers make
        database.execute_sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER sort_{table}_came")
    yield
    with ThreadPoolExecutor(_AT_A_TIME) as several:  # searched names take as long as all others
        for line in several.map(_make_index, *zip(*found, strict=True)):
            report(line)
    for table in ("albums", "artists"):
        database.execute_sql(f"ALTER TABLE {table} ENABLE TRIGGER sort_{table}_came")
    database.execute_sql("SET session_replication_role = origin")
    database.execute_sql("ALTER TABLE ledger ENABLE TRIGGER USER")
    database.execute_sql("ALTER TABLE tracks ENABLE TRIGGER USER")
    ledger.count_again()


def _make_index(name: str, statement: str) -> str:
    import psycopg  # noqa: PLC0415  # SQLite does without

    begun = time.monotonic()
    with psycopg.connect(settings.database_url(), autocommit=True) as connection:
        connection.execute(statement.encode())
    return f"{name:55} {time.monotonic() - begun:7.1f} s"


_AT_A_TIME = 3
_PLAIN_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN
    (SELECT conname FROM pg_constraint) AND tablename <> 'migratehistory'
ORDER BY indexdef LIKE '%% gin %%' DESC, indexname
"""
"""Those that are no part of the definition of a table."""


def write(model: Any, names: list[str], rows: Rows) -> tuple[int, float]:
    """How many were written, and in how many seconds."""
    columns = ", ".join(f'"{model._meta.fields[name].column_name}"' for name in names)
    table, begun, written = model._meta.table_name, time.monotonic(), 0
    marks = ", ".join([database.obj.param] * len(names))
    left = iter(rows)
    while part := list(islice(left, _AT_ONCE)):
        with transaction():
            if is_sqlite():
                statement = f'INSERT INTO "{table}" ({columns}) VALUES ({marks})'  # noqa: S608  # constants
                database.cursor().executemany(statement, part)
            else:
                with database.cursor().copy(f'COPY "{table}" ({columns}) FROM STDIN') as copy:
                    copy.write("".join(map(_line, part)))
        written += len(part)
    return written, time.monotonic() - begun


def _line(row: tuple[Any, ...]) -> str:
    """As COPY takes it; no text here has a tab."""
    return "\t".join([_cell(value) for value in row]) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, bytes):
        return f"\\\\x{value.hex()}"
    return "\\N" if value is None else str(value)


def move_sequences() -> None:
    """Have PostgreSQL give out ids after those that were written."""
    for table in (
        *("artists", "artist_names", "albums", "genres", "genre_names", "tracks", "images"),
        "vector_models",
    ):
        last = (
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "  # noqa: S608  # constants
            f"(SELECT COALESCE(MAX(id), 1) FROM {table}))"
        )
        database.execute_sql(last)
