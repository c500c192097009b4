"""Whether the database itself is sound, and keeping it small and quick."""

from collections.abc import Iterator

from db.connection import is_sqlite
from db.models import database

_PAGES_AT_ONCE = 2_000
"""Pages of 4 KiB that are given back in one transaction: some hundredths of a second."""
_LOOKED_AT = 1_000
"""Rows of an index from which SQLite estimates the rest, so that ANALYZE is quick on any size."""
_MOST_FAULTS = 5


def damage() -> list[str]:
    """What SQLite finds wrong in its file; [] on PostgreSQL, which has checksums of its own."""
    if not is_sqlite():
        return []
    return [row[0] for row in _rows(f"PRAGMA quick_check({_MOST_FAULTS})") if row[0] != "ok"]


def broken_keys() -> list[str]:
    """Rows of SQLite that name a row that is not there; PostgreSQL lets none be."""
    if not is_sqlite():
        return []
    return [
        f"row {row[1]} of {row[0]} names a row of {row[2]} that is not there"
        for row in _rows("PRAGMA foreign_key_check")
    ][:_MOST_FAULTS]


def analyse() -> int:
    """Have the planner know what the tables hold; how many tables were looked at anew."""
    if is_sqlite():
        before = set(_statistics())
        database.execute_sql(f"PRAGMA analysis_limit={_LOOKED_AT}")
        database.execute_sql("ANALYZE")
        return len({row[0] for row in set(_statistics()) ^ before})
    database.execute_sql("SELECT pg_stat_force_next_flush()")
    changed = [
        name
        for (name,) in _rows(
            "SELECT relname FROM pg_stat_user_tables WHERE n_mod_since_analyze > 0 "
            "OR (last_analyze IS NULL AND last_autoanalyze IS NULL) ORDER BY relname"
        )
    ]
    for name in changed:
        database.execute_sql(f'ANALYZE "{name}"')
    return len(changed)


def give_back() -> int:
    """Give free pages of the SQLite file back to the disk; how many. PostgreSQL does so itself."""
    if not is_sqlite() or _number("auto_vacuum") == 0:
        return 0
    free = before = _number("freelist_count")
    while free:
        database.execute_sql(f"PRAGMA incremental_vacuum({_PAGES_AT_ONCE})").fetchall()
        left = _number("freelist_count")
        if left >= free:
            break
        free = left
    return before - free


def held_back() -> int:
    """Bytes that are free inside an SQLite file that was made without incremental vacuum."""
    if not is_sqlite() or _number("auto_vacuum") != 0:
        return 0
    return _number("freelist_count") * _number("page_size")


def empty_log() -> None:
    """Move SQLite's write-ahead log into the file and cut it, unless somebody is reading."""
    if is_sqlite():
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _statistics() -> Iterator[tuple[object, ...]]:
    (exists,) = next(_rows("SELECT COUNT(*) FROM sqlite_master WHERE name = 'sqlite_stat1'"))
    return _rows("SELECT tbl, idx, stat FROM sqlite_stat1") if exists else iter(())


def _number(pragma: str) -> int:
    ((value,),) = database.execute_sql(f"PRAGMA {pragma}").fetchall()
    return int(value)


def _rows(statement: str) -> Iterator[tuple[str, ...]]:
    return iter(database.execute_sql(statement).fetchall())
