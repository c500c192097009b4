"""How many rows the ledger has of each key, kept in `ledger_sums` by triggers of the database.

On PostgreSQL these only add to it; `add_up` keeps it small.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from peewee import fn

from db.models import LedgerRow, LedgerSum, database
from db.sql.connection import is_sqlite, transaction
from db.sql.queries import tuples, windows_of

_MOST_SUMS = 1_000
_KEY = "kind, entity_type, state, cause, place"
_Key = tuple[str, str, str, str, str]
_AT_ONCE = 200_000
"""Rows that one statement counts: some tenths of a second."""


def add_up() -> None:
    """Have one row for each sum, when PostgreSQL has added many."""
    if is_sqlite() or LedgerSum.select().count() <= _MOST_SUMS:
        return
    # One statement: what others add meanwhile it does not see, and leaves.
    database.execute_sql(
        "WITH gone AS (DELETE FROM ledger_sums RETURNING *) "  # noqa: S608
        f"INSERT INTO ledger_sums ({_KEY}, part, entities) "
        f"SELECT {_KEY}, 0, SUM(entities) FROM gone GROUP BY {_KEY} HAVING SUM(entities) <> 0 "
        f"ON CONFLICT ({_KEY}, part) DO UPDATE SET entities = ledger_sums.entities + "
        "EXCLUDED.entities"
    )


def wrong_sums() -> int:
    """How many of the kept sums differ from the rows. Reads the whole ledger."""
    return len(_differences())


def count_again() -> int:
    """Set right the kept sums that are wrong; how many were.

    What is amiss is added, so that what others add meanwhile counts as well.
    """
    wrong = _differences()
    for key, step in sorted(wrong.items()):
        with transaction():
            columns = dict(zip(_KEY.split(", "), key, strict=True))
            LedgerSum.insert(**columns, part=0, entities=step).on_conflict(
                conflict_target=[*(getattr(LedgerSum, name) for name in columns), LedgerSum.part],
                update={LedgerSum.entities: LedgerSum.entities + step},
            ).execute()
    return len(wrong)


def _differences() -> dict[_Key, int]:
    """By how much each kept sum is too small, of those that are not right."""
    names = _KEY.split(", ")
    key = [getattr(LedgerRow, name) for name in names]
    found: Counter[_Key] = Counter()
    with _snapshot():
        for part in windows_of(LedgerRow.id, _AT_ONCE):
            rows = LedgerRow.select(*key, fn.COUNT(LedgerRow.id)).where(part).group_by(*key)
            for kind, entity_type, state, cause, place, count in tuples(rows):
                found[kind, entity_type, state, cause or "", place or ""] += int(count)
        kept = LedgerSum.select(*(getattr(LedgerSum, each) for each in names))
        for row in tuples(kept.select_extend(LedgerSum.entities)):
            found[row[:5]] -= int(row[5])
    return {each: step for each, step in found.items() if step}


@contextmanager
def _snapshot() -> Iterator[None]:
    """Several statements see the database as it is with the first of them."""
    mode = ("DEFERRED",) if is_sqlite() else ()
    with database.atomic(*mode):
        if not is_sqlite() and database.transaction_depth() == 1:
            database.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
